"""One recording: how it sounds, what is like it, whether it stands out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from analytics_platform.dashboard.look import percent, plain
from analytics_platform.dashboard.media import recording_sound
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.pages.sounds_address import choose_track
from analytics_platform.dashboard.pages.sounds_player import player
from analytics_platform.dashboard.parts import empty, note, sentence, table
from analytics_platform.dashboard.reading import facts, rows

PLACE = """
select map.genre, clusters.cluster_name
from (select $isrc as isrc) as asked
left join marts.track_map as map using (isrc)
left join marts.artist_clusters as clusters
    on clusters.artist_id = $artist and clusters.data_set = 'label' and clusters.resolution = 'broad'"""
SIMILAR = """
select
    place, similar_title, similar_artist_name, similarity, basis, similar_isrc, isrc, title, artist_name,
    model_version
from marts.similar_tracks
where isrc = $isrc
order by place"""
OUTLIER = "select * from marts.track_outliers where isrc = $isrc"
BASIS = {"plays": "who played both", "sound": "sound (less sure)"}
NOT_HEARD = {
    "missing": "No file of it was found. The job `catalogue` looks for one.",
    "waiting for its batch": "It has not been heard yet. The job `sound` does that.",
    "rejected": "Its file can't be used.",
    "not allowed": "There is no right to analyse its clip.",
}


def show_track(track: Mapping[str, Any]) -> None:
    """The part of the page on the chosen recording.

    Args:
        track: Its row of ``marts.track_audio``.
    """
    st.subheader("The chosen track")
    sentence(_words(track))
    if track["artist_id"]:
        link("artist", f"The artist: {plain(track['artist_name'] or track['artist_id'])}", artist=track["artist_id"])
    if track["location"]:
        player(f"recording:{track['isrc']}", name_of(track), lambda: recording_sound(track["isrc"]))
    _outlier(track)
    _similar(track)


def name_of(track: Mapping[str, Any]) -> str:
    """What people call a recording: its title, or its code."""
    return str(track["title"] or track["isrc"])


def _words(track: Mapping[str, Any]) -> str:
    place = facts(PLACE, isrc=track["isrc"], artist=track["artist_id"])
    by = f" by {plain(track['artist_name'])}" if track["artist_name"] else ""
    said = [f"**{plain(name_of(track))}**{by} ({plain(track['isrc'])})."]
    if place.get("genre"):
        said.append(f"Genre: {plain(place['genre'])}.")
    if place.get("cluster_name"):
        said.append(f"The artist's cluster: {plain(place['cluster_name'])}.")
    if track["status"] != "analysed":
        reason = f" ({plain(track['reason'])})" if track["reason"] else ""
        said.append(NOT_HEARD.get(track["status"], f"It was not heard: {plain(track['status'])}.") + reason)
        return " ".join(said)
    sound = [
        f"{track['tempo_bpm']:.0f} beats a minute" if track["tempo_bpm"] is not None else "no pulse",
        f"{plain(track['key'])} {plain(track['mode'])}" if track["key"] else "",
        f"{plain(format(track['loudness_lufs'], '.1f'))} LUFS" if track["loudness_lufs"] is not None else "silent",
    ]
    said.append(f"Its sound: {', '.join(part for part in sound if part)}.")
    tags = [plain(track[name]) for name in ("first_tag", "second_tag", "third_tag") if track[name]]
    if tags:
        said.append(f"A net that learnt from people's tags hears **{', '.join(tags)}**.")
    return " ".join(said)


def _outlier(track: Mapping[str, Any]) -> None:
    found = facts(OUTLIER, isrc=track["isrc"])
    if not found:
        return
    far = found["artist_percentile"]
    distance = (
        ""
        if far is None
        else f" It sounds further from the artist's others than {_short_of_all(far)} of the label's recordings from "
        "theirs."
    )
    if found["is_left_out"]:
        sentence(f"**Left out of recommendations:** {plain(found['reason'] or found['kind'])}.{distance}")
    elif found["kind"] != "none":
        reason = f" ({plain(found['reason'])})" if found["reason"] else ""
        sentence(f"It may be **{plain(found['kind'])}**{reason}; the evidence is too weak to leave it out.{distance}")
    else:
        sentence(f"**An ordinary recording** of its artist.{distance}")


def _short_of_all(share: float) -> str:
    """A share that is never the whole, as none is further than itself: cut off, not rounded up to 100 %."""
    return percent(min(math.floor(1000 * share) / 1000, 0.999), 1) if share >= 0.995 else percent(share)


def _similar(track: Mapping[str, Any]) -> None:
    st.subheader("Most similar tracks")
    found = rows(SIMILAR, isrc=track["isrc"])
    if not found.height:
        if facts(OUTLIER, isrc=track["isrc"]).get("is_left_out"):
            note("A recording that is left out has no similar tracks.")
        else:
            empty("No similar tracks are known for it.", "taste")
        return
    first = found.row(0, named=True)
    by_sound = int((found["basis"] == "sound").sum())
    sentence(
        f"The same listeners would like **{plain(first['similar_title'] or first['similar_isrc'])}**"
        + (f" by {plain(first['similar_artist_name'])}" if first["similar_artist_name"] else "")
        + f" most (similarity {plain(format(first['similarity'], '.2f'))} of 1). "
        + (
            "All rest on who played both. "
            if not by_sound
            else f"**{by_sound} of {found.height}** are predicted from sound, as too few people played one of the two: "
            "much less sure. "
        )
        + "Tick a row to look at a track."
    )
    table(
        found.with_columns(basis=found["basis"].replace(BASIS)),
        ("sounds", name_of(track), "similar"),
        columns={
            "place": st.column_config.NumberColumn("Place", help="1 for the most similar."),
            "similar_title": "Title",
            "similar_artist_name": "Artist",
            "similarity": st.column_config.NumberColumn(
                "Similarity", format="%.2f", help="Cosine of the two tracks' factors, -1 to 1; 1 is the same taste."
            ),
            "basis": st.column_config.TextColumn("Rests on", help="What places the two tracks."),
        },
        hide=("similar_isrc", "isrc", "title", "artist_name", "model_version"),
        key=f"similar_{track['isrc']}",
        on_click=lambda row: choose_track(None if row is None else found["similar_isrc"][row]),
    )
