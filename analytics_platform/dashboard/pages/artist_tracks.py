"""Released tracks and how they did."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import count, day, plain, plural
from analytics_platform.dashboard.navigation import go
from analytics_platform.dashboard.pages.artist_choice import Artist
from analytics_platform.dashboard.parts import empty, sentence, table
from analytics_platform.dashboard.reading import fresh_rows, rows

SHOWN = 500

# The percentile counts ties, and the track itself, half; what is said in words counts the tracks that had fewer, among
# the same tracks that ``sql/tracks/outcomes.sql`` compares with. The first target that is known goes first.
TRACKS = """
with placed as (
    select
        own.isrc, own.target, own.value, own.percentile, own.comparison, own.compared_tracks - 1 as other_tracks,
        count(others.isrc) as fewer_tracks
    from tracks.outcomes as own
    left join tracks.outcomes as others
        on own.target = others.target and own.vendors = others.vendors and own.genre = others.genre
        and others.value < own.value
        and case own.compared_with
            when 'month' then date_trunc('month', own.release_date) = date_trunc('month', others.release_date)
            when 'quarter' then date_trunc('quarter', own.release_date) = date_trunc('quarter', others.release_date)
            when 'year' then year(own.release_date) = year(others.release_date)
            else true
        end
    where own.artist_id = $artist and own.target like 'plays%'
    group by all
),

outcomes as (
    select
        isrc,
        max(value) filter (where target = 'plays_first_28_days') as plays_28,
        max(percentile) filter (where target = 'plays_first_28_days') as percentile_28,
        max(value) filter (where target = 'plays_first_90_days') as plays_90,
        max(percentile) filter (where target = 'plays_first_90_days') as percentile_90,
        max(value) filter (where target = 'plays_last_90_days') as plays_last_90,
        max(percentile) filter (where target = 'plays_last_90_days') as percentile_last_90,
        min_by(fewer_tracks, target) as fewer_tracks,
        min_by(other_tracks, target) as other_tracks,
        min_by(comparison, target) as comparison
    from placed
    group by isrc
)

select
    released.isrc, audio.title, released.release_date, outcomes.* exclude (isrc)
from tracks.releases as released
left join (select * from marts.track_audio where artist_id = $artist) as audio on released.isrc = audio.isrc
left join outcomes on released.isrc = outcomes.isrc
where released.artist_id = $artist
order by coalesce(percentile_28, percentile_90, percentile_last_90) desc nulls last, released.isrc asc
"""


def show(artist: Artist) -> None:
    """Show the section."""
    st.subheader("Released tracks")
    found = released(artist)
    if found.is_empty():
        empty(f"No released tracks of {artist.name_shown} are known.", "tracks")
        return
    sentence(words(artist, found))
    number = st.column_config.NumberColumn
    ranks = (
        "Place among the tracks compared, itself among them: the share that had fewer, and half of those that had as "
        "many, of which it is one. 50 % is the middle; the best of ten is at 95 %."
    )
    columns: dict[str, Any] = {
        "title": st.column_config.TextColumn("Title", help="Click the row to hear it on the page Sounds."),
        "release_date": st.column_config.DateColumn("Released", format="D MMM YYYY"),
        "plays_28": number("Streams, first 28 days", format="localized", help="In the 28 days from the release."),
        "percentile_28": number("Percentile", format="percent", help=ranks),
        "plays_90": number("Streams, first 90 days", format="localized", help="In the 90 days from the release."),
        "percentile_90": number("Percentile", format="percent", help=ranks),
        "plays_last_90": number(
            "Streams, last 90 days", format="localized", help="Of tracks that were out before the data begin."
        ),
        "percentile_last_90": number("Percentile", format="percent", help=ranks),
        "comparison": st.column_config.TextColumn(
            "Compared with", help="Releases of the same genre and month; of a longer time where there are too few."
        ),
        "fewer_tracks": number(
            "Had fewer", help="How many of the others had fewer streams, in the first of these periods that is known."
        ),
        "other_tracks": number("Others compared", help="How many other tracks it was compared with there."),
        "isrc": st.column_config.TextColumn("ISRC"),
    }
    shown = found.head(SHOWN).select(*columns)
    unused = [name for name in columns if name.startswith(("plays", "percentile")) and shown[name].is_null().all()]
    picked = table(
        shown,
        (artist.artist_id, "released-tracks", artist.end or ""),
        columns=columns,
        hide=unused,
        key=f"tracks_table_{artist.artist_id}",
        select=True,
        export=lambda: fresh_rows(TRACKS, artist=artist.artist_id),
    )
    if picked is not None:
        go("sounds", isrc=found["isrc"][picked])


def released(artist: Artist) -> pl.DataFrame:
    """The artist's released tracks and how they did, the best first."""
    return rows(TRACKS, artist=artist.artist_id)


def beaten(fewer: int, others: int) -> str:
    """How a track did beside others, like ``more than 2 of the 9 others``."""
    if others == 1:
        return f"{'more' if fewer else 'no more'} than the only other track"
    if fewer == 0:
        return f"no more than any of the {count(others)} others"
    return f"more than {'all' if fewer == others else f'{count(fewer)} of the'} {count(others)} others"


def words(artist: Artist, found: pl.DataFrame) -> str:
    """The track that did best against its like."""
    measured = found.with_columns(
        pl.coalesce("percentile_28", "percentile_90", "percentile_last_90").alias("percentile"),
        pl.coalesce("plays_28", "plays_90", "plays_last_90").alias("plays"),
        pl.when(pl.col("plays_28").is_not_null()).then(pl.lit("its first 28 days"))
        .when(pl.col("plays_90").is_not_null()).then(pl.lit("its first 90 days"))
        .otherwise(pl.lit("the last 90 days")).alias("when"),
    ).filter(pl.col("percentile").is_not_null() & (pl.col("other_tracks") > 0))  # fmt: skip
    many = plural(found.height, "released track")
    if measured.is_empty():
        return f"{artist.name_shown} has {many}; none has been out long enough, or has others to be compared with."
    best = measured.row(0, named=True)
    return (
        f"{artist.name_shown} has **{many}**. Against releases of its genre and time, "
        f"**{plain(best['title'] or best['isrc'])}** (out {day(best['release_date'])}) did best: "
        f"{count(best['plays'])} streams in {best['when']}, {beaten(best['fewer_tracks'], best['other_tracks'])}."
    )
