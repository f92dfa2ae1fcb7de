"""Clicks that choose a country or another artist: they write the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st


def choose_country(field: str) -> Callable[[Mapping[str, Any] | None], None]:
    """Choose the country in ``field`` of a mark, or all countries if it was clicked away."""

    def choose(mark: Mapping[str, Any] | None) -> None:
        if mark and mark.get(field):
            st.query_params["country"] = mark[field]
        else:
            st.query_params.pop("country", None)

    return choose


def choose_artist(mark: Mapping[str, Any] | None) -> None:
    """Go to the artist of a mark; who was compared with is kept unless it is that artist."""
    if not mark or not mark.get("artist"):
        return
    if st.query_params.get("against") == mark["artist"]:
        st.query_params.pop("against")
    st.query_params["artist"] = mark["artist"]
