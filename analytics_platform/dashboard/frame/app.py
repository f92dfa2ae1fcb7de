"""The frame around the pages: navigation, choices of all pages, calm words where something is missing."""

from __future__ import annotations

import logging

# Streamlit and Altair load pandas when they first need it; two readers at once would meet half of it.
import pandas  # noqa: F401  # pyright: ignore[reportUnusedImport]
import streamlit as st
from altair.utils import schemapi

from analytics_platform.dashboard.kept import choose, choose_window, data_sets
from analytics_platform.dashboard.navigation import PAGES, link, page
from analytics_platform.dashboard.parts import note
from analytics_platform.dashboard.published import NotPublishedError, OlderFileError, RefreshingError
from analytics_platform.dashboard.reading import ONE_AT_A_TIME, pin

# Charts are drawn by the browser tests; checking each against its schema again would take a third of a page's time.
schemapi.disable_debug_mode()

LOG = logging.getLogger("analytics_platform.dashboard")
WINDOWED = ("label", "artist")
"""Pages whose window can be chosen; others show the one that their estimates are made for."""


def frame() -> None:
    """Show the page that the address names, between navigation and calm words where something is missing."""
    st.set_page_config(page_title="Music analytics", page_icon="🎵", layout="wide")
    current = st.navigation([page(name) for name in PAGES], position="hidden")
    try:
        pin()
        with st.sidebar:
            for name, title in PAGES.items():
                link(name, title)
            known = data_sets()
            if len(known) > 1:
                choose(st.selectbox, "Data", "data", known, known[0])
            if current.url_path in WINDOWED or current.url_path == "":
                choose_window()
        current.run()
    except NotPublishedError:
        st.header("Nothing to show yet")
        note(
            "There is no `analytics.duckdb` yet. Run `make demo`, or materialise all assets in Dagster (`make dev`), "
            "then reload this page."
        )
    except RefreshingError as error:
        LOG.warning("The published file can't be read: %s", error)
        st.header("One moment")
        note("Data is being refreshed. Try again in a minute.")
    except OlderFileError as error:
        LOG.warning("The published file is of another version: %s", error)
        st.header("One moment")
        note(
            "The data was published by another version of the platform. Run the job `publish` in Dagster "
            "(`make dev`), then reload this page."
        )
    except Exception:
        LOG.exception("A page failed")
        st.header("This page could not be made")
        note("The error is in the log of the page (where `analytics-platform page` was started). The other pages work.")


with ONE_AT_A_TIME:
    frame()
