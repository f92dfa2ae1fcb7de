"""What is chosen on the page of sounds, as it stands in the address."""

from __future__ import annotations

import streamlit as st

from analytics_platform.dashboard.kept import given

CHOICES = ("isrc", "kind", "playlist", "genre", "colour")


def here(**changes: str) -> dict[str, str]:
    """The choices of this page for a link to it, with ``changes``."""
    return {name: value for name in CHOICES if (value := given(name)) is not None} | changes


def choose_track(isrc: str | None) -> None:
    """Look at a track, by a click on a mark or a row; taking the tick away changes nothing."""
    if isrc:
        st.query_params["isrc"] = isrc
