"""One artist: who listens, who moved, where to promote, who is similar, and how released tracks did."""

from __future__ import annotations

import streamlit as st

from analytics_platform.dashboard.kept import window
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.pages import (
    artist_drill,
    artist_listeners,
    artist_markets,
    artist_moves,
    artist_now,
    artist_similar,
    artist_tracks,
)
from analytics_platform.dashboard.pages.artist_choice import choose_artist, choose_country, choose_other, find_by_name
from analytics_platform.dashboard.parts import as_of


def show() -> None:
    """Show the page."""
    title = st.empty()
    title.header("Artist")
    told = st.container()
    find_by_name(window())
    first, second, third = st.columns(3)
    with first:
        artist = choose_artist(window(), told)
    if artist is None:
        as_of()
        return
    title.header(artist.name_shown)
    with second:
        other = choose_other(artist, told)
    with third:
        country = choose_country(artist, told)
    artist_now.show(artist, country)
    fans = artist_listeners.show(artist, other)
    artist_drill.show(artist, country)
    artist_moves.show(artist, country)
    markets = artist_markets.show(artist, country)
    similar = artist_similar.show(artist)
    artist_tracks.show(artist)
    st.subheader("To hand on")
    link("report", "Monthly report of this artist", help="One or two sheets to print or save as PDF.")
    as_of(fan_model=fans, market_model=markets, similarity_model=similar)
