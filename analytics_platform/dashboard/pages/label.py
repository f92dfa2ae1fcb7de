"""What moved at the label since the window before."""

from __future__ import annotations

import streamlit as st

from analytics_platform.dashboard.look import change, count, signed
from analytics_platform.dashboard.pages.label_clusters import show_clusters
from analytics_platform.dashboard.pages.label_deliveries import show_deliveries
from analytics_platform.dashboard.pages.label_fans import Fans, fans, show_fans
from analytics_platform.dashboard.pages.label_movers import find_artist, played_artists, show_movers, show_next
from analytics_platform.dashboard.pages.label_period import Period, period
from analytics_platform.dashboard.pages.label_streams import missing_days, show_countries, show_days, show_vendors
from analytics_platform.dashboard.parts import as_of, empty, sentence


def show() -> None:
    """Show the page."""
    st.header("What moved at the label")
    found = period()
    if found is None:
        empty("There are no days of plays yet.", "all")
        show_deliveries(None)
        as_of()
        return
    segments = fans(found)
    sentence(_answer(found, segments))
    find_artist(found)
    show_days(found)
    show_movers(found)
    show_next(found)
    show_fans(found, segments)
    show_vendors(found)
    show_countries(found)
    cluster_version = show_clusters(found)
    show_deliveries(found)
    as_of(fan_profiles=segments.version if segments else None, similar_artists=cluster_version)


def _answer(found: Period, segments: Fans | None) -> str:
    now, before = found.total()
    artists, artists_before = played_artists(found)
    if before is None:
        lines = [
            f"**{count(now)} streams from {found.words}**, of {count(artists)} artists. The data begin too late for a "
            f"window of {found.days} days before it, so there is nothing to compare with: choose a shorter window."
        ]
    else:
        lines = [
            f"**{count(now)} streams from {found.words}: {signed(now - before)} ({change(now, before) or 'new'}) "
            f"against the {found.days} days before** ({count(before)}). {count(artists)} artists were played, "
            f"{count(artists_before)} before."
        ]
    lines += [segments.answer] if segments else []
    lines += [missing_days(found)]
    return " ".join(line for line in lines if line)
