"""Playlists: by similarity to a track, and by what a unit of a net answers to."""

from __future__ import annotations

from typing import Any

import streamlit as st

from analytics_platform.dashboard.kept import choose, given
from analytics_platform.dashboard.look import percent, plain, plural
from analytics_platform.dashboard.media import playlist_file, playlist_name, recording_sound
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.pages.sounds_address import here
from analytics_platform.dashboard.pages.sounds_player import player
from analytics_platform.dashboard.parts import empty, note, sentence, table
from analytics_platform.dashboard.reading import facts, rows

KINDS = {"similar": "like a track", "unit": "by a unit of a net"}
MOST = 300
"""Playlists in the list to choose from; with more there is a field to find them."""
COUNTS = "select kind, count(*) as playlists from taste.playlist_tracks where place = 1 group by kind"
PLAYLIST = """
select kind, playlist_title
from taste.playlist_tracks
where playlist_id = $playlist and place = 1"""
PLAYLISTS = """
select playlist_id, playlist_title
from taste.playlist_tracks
where kind = $kind and place = 1 and contains(strip_accents(lower(playlist_title)), strip_accents($text))
order by playlist_title, playlist_id
limit $most"""
TRACKS = """
select place, title, artist_name, value, isrc, playlist_id, playlist_title, kind, model_version
from taste.playlist_tracks
where playlist_id = $playlist
order by place"""
UNIT = """
select genre, auc, auc_low, auc_high, auc_by_chance, tracks
from taste.unit_genres
where layer = $layer and unit = try_cast($unit as integer)"""


def show_playlists() -> None:
    """The part of the page with the playlists."""
    st.subheader("Playlists")
    counts = dict(rows(COUNTS).iter_rows())
    if not counts:
        empty("There are no playlists yet.", "taste")
        return
    asked = given("playlist")
    known = facts(PLAYLIST, playlist=asked) if asked else {}
    if asked and not known:
        note(f"There is no playlist {plain(asked)}. Below is the first of the list.")
    kinds = [kind for kind in KINDS if kind in counts]
    kind = choose(
        st.segmented_control,
        "Playlists",
        "kind",
        kinds,
        known.get("kind", kinds[0]),
        format_func=lambda name: f"{KINDS[name]} ({counts[name]:,})",
    )
    titles = _titles(str(kind), counts[str(kind)])
    if known and kind == known["kind"]:
        titles.setdefault(str(asked), known["playlist_title"])
    if not titles:
        note("No playlist is called that.")
        return
    playlist = choose(
        st.selectbox, "Playlist", "playlist", list(titles), next(iter(titles)), format_func=lambda name: titles[name]
    )
    _playlist(str(playlist))


def _titles(kind: str, playlists: int) -> dict[str, str]:
    text = ""
    if playlists > MOST:
        text = (
            st.text_input("Find a playlist", key="find_playlist", placeholder="Title or artist").strip().lower()[:100]
        )
        sentence(f"The list has the first {MOST} of {playlists:,} by title; write a name to find others.")
    return dict(rows(PLAYLISTS, kind=kind, text=text, most=MOST).iter_rows())


def _playlist(playlist: str) -> None:
    tracks = rows(TRACKS, playlist=playlist)
    first = tracks.row(0, named=True)
    is_unit = first["kind"] == "unit"
    sentence(_unit_words(first, tracks.height) if is_unit else _similar_words(first, tracks.height))
    row = table(
        tracks,
        ("playlist", first["playlist_title"]),
        columns={
            "place": st.column_config.NumberColumn("Place"),
            "title": "Title",
            "artist_name": "Artist",
            "value": st.column_config.NumberColumn(
                "Answer" if is_unit else "Similarity",
                format="%.2f",
                help="How strongly the unit answers to it; no unit." if is_unit else "Cosine, -1 to 1; 1 is the same.",
            ),
            "isrc": "ISRC",
        },
        hide=("playlist_id", "playlist_title", "kind", "model_version"),
        key=f"playlist_{playlist}",
        height=380,
        select=True,
    )
    _files(playlist, first["playlist_title"])
    if row is None:
        sentence("Tick a row to hear a track.")
        return
    chosen = tracks.row(row, named=True)
    by = f" by {plain(chosen['artist_name'])}" if chosen["artist_name"] else ""
    sentence(f"Number {chosen['place']}: **{plain(chosen['title'] or chosen['isrc'])}**{by}")
    player(
        f"playlist:{chosen['isrc']}", str(chosen["title"] or chosen["isrc"]), lambda: recording_sound(chosen["isrc"])
    )
    link("sounds", "More on this track", **here(isrc=chosen["isrc"], playlist=playlist))


def _similar_words(first: dict[str, Any], tracks: int) -> str:
    return (
        f"**{plain(first['playlist_title'])}**: the track and the {tracks - 1} that the same listeners would like "
        "most, the most similar first."
    )


def _unit_words(first: dict[str, Any], tracks: int) -> str:
    _, layer, unit, measure = [*first["playlist_id"].split(":"), "", "", ""][:4]
    said = (
        f"**{plain(first['playlist_title'])}**: the {plural(tracks, 'track')} that unit {plain(unit)} of layer "
        f"{plain(layer)} of a net that learnt listeners' taste from sound answers to most, by the {plain(measure)} "
        "over its seconds."
    )
    known = facts(UNIT, layer=layer, unit=unit)
    if not known:
        return said
    interval = (
        f" (90 % range {percent(known['auc_low'])} to {percent(known['auc_high'])})"
        if known["auc_low"] is not None
        else ""
    )
    chance = known["auc_by_chance"]
    verdict = (
        ""
        if chance is None
        else f" Dealing genres out by chance, the best unit reaches {percent(chance)}: "
        + ("this one selects the genre." if known["auc"] > chance else "this one is no better.")
    )
    return (
        f"{said} It selects **{plain(known['genre'])}**: it answers more to such a recording than to another in "
        f"{percent(known['auc'])} of pairs{interval}, on {known['tracks']} recordings; a coin: 50 %.{verdict}"
    )


def _files(playlist: str, title: str) -> None:
    name = playlist_name(playlist, title)
    with st.container(horizontal=True):
        for suffix in (".xspf", ".jspf", ".csv"):
            found = playlist_file(playlist, suffix)
            if found.path is None:
                note(found.why)
                return
            st.download_button(
                f"{suffix.removeprefix('.').upper()} playlist",
                found.path.read_bytes,
                f"{name}{suffix}",
                found.kind,
                key=f"{playlist}{suffix}",
                on_click="ignore",
                help="With the places of your own recordings, for a player on this machine.",
            )
