"""Which listeners and songs a study of play counts is about: the selection of Salitrik and Takasawa (2018), by SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb
    import polars as pl

LISTENERS = 5
MOST_PLAYS = 200
LEAST_LISTENERS = 2

SELECTION = f"""
with
kept as (
    select listener, song, plays from heard where plays <= {MOST_PLAYS}
),
totals as (
    select listener, sum(plays) as plays from kept group by listener
),
chosen as (
    select listener, row_number() over (order by plays desc, listener asc) as listener_rank
    from totals
    qualify listener_rank <= {LISTENERS}
)
select
    chosen.listener_rank::smallint as listener_rank,
    kept.listener,
    kept.song,
    kept.plays::bigint as plays,
    count(*) over (partition by kept.song)::smallint as listeners
from kept
inner join chosen on kept.listener = chosen.listener
order by listener_rank asc, kept.song asc
"""
"""From a relation ``heard`` (listener, song, plays; one row per listener and song) to all songs of the five listeners
of most plays. ``listeners`` is how many of the five heard the song: a study takes those of two or more. Counts above
200 fall away before listeners are ranked, as in the source. Listeners of equal plays: by name."""

OWN_PLAYS = """
select
    plays.listener_key as listener,
    coalesce(plays.isrc, track_artists.isrc) as song,
    sum(plays.plays) as plays
from streams.plays as plays
left join streams.track_artists as track_artists
    on plays.vendor = track_artists.vendor and plays.track_id = track_artists.track_id
where
    plays.plays > 0
    and plays.listener_key is not null
    and coalesce(plays.isrc, track_artists.isrc) is not null
group by plays.listener_key, coalesce(plays.isrc, track_artists.isrc)
"""
"""The relation ``heard`` of all plays in sight, over their whole time."""

SUMMARY = f"""
select
    listener_rank,
    listener,
    count(*) as songs,
    sum(plays)::bigint as plays,
    count(*) filter (listeners >= {LEAST_LISTENERS}) as shared_songs,
    coalesce(sum(plays) filter (listeners >= {LEAST_LISTENERS}), 0)::bigint as shared_plays,
    count(*) filter (has_sound) as songs_with_sound,
    median(plays) filter (has_sound) as median_plays,
    avg(plays) filter (has_sound) as mean_plays,
    max(plays) filter (has_sound) as most_plays,
    quantile_cont(plays, 0.75) filter (has_sound) - quantile_cont(plays, 0.25) filter (has_sound) as iqr_plays
from (
    select *, listeners >= {LEAST_LISTENERS} and song in (select song from sounding) as has_sound from selected
)
group by listener_rank, listener
order by listener_rank asc
"""
"""Of a relation ``selected`` (rows of SELECTION) and one ``sounding`` (song): what the source says of each listener."""


@dataclass(frozen=True, slots=True)
class PlayCounts:
    """Plays of songs (S) by a few listeners (L), those of most plays first."""

    songs: NDArray[np.str_]
    """(S,) in order."""
    plays: NDArray[np.int64]
    """(L, S); 0 where a listener did not play the song, which says nothing of liking: nobody knows whether it was
    heard of."""

    def songs_of(self, listener: int) -> NDArray[np.int64]:
        """Places of the songs that a listener (0 to L − 1) has played, rising."""
        return np.flatnonzero(self.plays[listener])

    def take_songs(self, places: NDArray[np.int64]) -> PlayCounts:
        """The songs at these places, in this order."""
        return PlayCounts(self.songs[places], self.plays[:, places])


def select_plays(connection: duckdb.DuckDBPyConnection, heard: str) -> pl.DataFrame:
    """Rows of ``SELECTION``.

    Args:
        connection: where ``heard`` runs.
        heard: SQL of a select with the columns listener, song and plays, one row per listener and song.
    """
    return connection.sql(f"with heard as ({heard}) select * from ({SELECTION})").pl()


def summarise(selected: pl.DataFrame, sounding: pl.Series) -> pl.DataFrame:
    """One row per listener as in ``SUMMARY``.

    Args:
        selected: of ``select_plays``.
        sounding: the songs whose sound can be had.
    """
    import duckdb
    import polars as pl

    with duckdb.connect() as connection:
        connection.register("selected", selected.to_arrow())
        connection.register("sounding", pl.DataFrame({"song": sounding.cast(pl.String)}).to_arrow())
        return connection.sql(SUMMARY).pl()


def shared_plays(selected: pl.DataFrame) -> PlayCounts:
    """The songs of two or more of the listeners as a matrix; without any, a matrix without columns."""
    rows = selected.filter(selected["listeners"] >= LEAST_LISTENERS)
    songs, places = np.unique(rows["song"].to_numpy().astype(np.str_), return_inverse=True)
    listeners = int(selected["listener_rank"].max() or 0)  # pyright: ignore[reportArgumentType]
    plays = np.zeros((listeners, len(songs)), dtype=np.int64)
    plays[rows["listener_rank"].to_numpy().astype(np.int64) - 1, places.reshape(-1)] = rows["plays"].to_numpy()
    return PlayCounts(songs, plays)
