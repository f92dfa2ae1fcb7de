"""Sounds: the map of tracks, how one sounds and what is like it, and playlists."""

from __future__ import annotations

import streamlit as st

from analytics_platform.dashboard.kept import given
from analytics_platform.dashboard.look import plain, plural
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.pages.sounds_address import choose_track, here
from analytics_platform.dashboard.pages.sounds_map import show_map
from analytics_platform.dashboard.pages.sounds_playlists import show_playlists
from analytics_platform.dashboard.pages.sounds_track import show_track
from analytics_platform.dashboard.parts import as_of, note, sentence, table
from analytics_platform.dashboard.reading import facts, fresh_rows, rows

RECORDINGS = """
select
    count(*) as recordings, count(*) filter (status = 'analysed') as heard,
    (select count(*) from marts.track_map) as mapped,
    (select any_value(model_version) from marts.track_map) as model_version
from marts.track_audio"""
TRACK = "select * from marts.track_audio where isrc = $isrc"
MOST_FOUND = 12
FIND = """
with asked as (select translate(strip_accents($text), 'øłđı', 'oldi') as text),
named as (
    select
        isrc, title, artist_name,
        translate(strip_accents(lower(coalesce(title, ''))), 'øłđı', 'oldi') as plain_title,
        translate(strip_accents(lower(coalesce(artist_name, ''))), 'øłđı', 'oldi') as plain_artist
    from marts.track_audio
)
select isrc, title, artist_name
from named, asked
where contains(plain_title || ' ' || plain_artist || ' ' || plain_title || ' ' || lower(isrc), text)
order by starts_with(plain_title, text) desc, plain_title, plain_artist, isrc
limit $most"""
LEFT_OUT = """
select title, artist_name, kind, reason, artist_percentile, album, duration_s, isrc, model_version
from marts.track_outliers
where is_left_out
order by artist_name, title
limit 500"""
ALL_LEFT_OUT = "from marts.track_outliers where is_left_out order by artist_name, title"


def show() -> None:
    """Show the page."""
    st.header("Sounds")
    known = facts(RECORDINGS)
    if not known["recordings"]:
        note("No recording is known yet. Run the job `catalogue`, then `sound`, in Dagster (`make dev`).")
        as_of()
        return
    sentence(
        f"**{plural(known['recordings'], 'recording')}**, {known['heard']:,} of them heard; {known['mapped']:,} lie on "
        "the map of tastes, where those that lie close are liked by the same listeners. Find one by its name or click "
        "a point to hear it and to see what is like it."
    )
    _find()
    asked = given("isrc")
    track = facts(TRACK, isrc=asked) if asked else {}
    if asked and not track:
        note(f"There is no recording {plain(asked)}. Choose one on the map, or find it by its name.")
    show_map(track.get("isrc"))
    if track:
        show_track(track)
    show_playlists()
    _left_out()
    as_of(model_of_taste=known["model_version"])


def _find() -> None:
    text = st.text_input(
        "Find a track", key="find_track", placeholder="Title, artist or ISRC", help="Two letters or more, then Enter."
    )
    text = " ".join(text.lower().split())[:100]
    if len(text) < 2:
        return
    found = rows(FIND, text=text, most=MOST_FOUND + 1)
    if not found.height:
        note(f"No track or artist is called {plain(text)}.")
        return
    if found.height > MOST_FOUND:
        sentence(f"The first {MOST_FOUND}; write more of the name for others.")
    with st.container(horizontal=True):
        for row in found.head(MOST_FOUND).iter_rows(named=True):
            label = " – ".join(plain(row[name]) for name in ("title", "artist_name") if row[name])
            link("sounds", label or row["isrc"], **here(isrc=row["isrc"]))


def _left_out() -> None:
    left_out = rows(LEFT_OUT)
    st.subheader("Left out of recommendations")
    if not left_out.height:
        sentence("No recording stands out from its artist's others so far that it is not recommended.")
        return
    sentence(
        f"**{plural(left_out.height, 'recording')}** {'is' if left_out.height == 1 else 'are'} not recommended: a "
        "skit, a live take or another artist's file, for all that can be heard. Tick a row to look at one."
    )
    table(
        left_out,
        ("sounds", "left-out"),
        columns={
            "title": "Title",
            "artist_name": "Artist",
            "kind": st.column_config.TextColumn("Kind", help="What it may be."),
            "reason": "Why",
            "artist_percentile": st.column_config.NumberColumn(
                "Further than",
                format="percent",
                help="Share of the label's recordings that sound nearer to their artist's others than this one; – with "
                "fewer than 3 others.",
            ),
            "album": "Album",
            "duration_s": st.column_config.NumberColumn("Length", format="%.0f s", help="Of the recording."),
        },
        hide=("isrc", "model_version"),
        key=f"left_out_{given('isrc')}",
        export=lambda: fresh_rows(ALL_LEFT_OUT),
        on_click=lambda row: choose_track(None if row is None else left_out["isrc"][row]),
    )
