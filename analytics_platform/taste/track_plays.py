"""Who played which track how often, as a sparse matrix."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.features import shape_of
from analytics_platform.artists.listening import read_pairs
from analytics_platform.fans.segments import UNKNOWN_ARTIST

if TYPE_CHECKING:
    import duckdb
    from scipy.sparse import csr_array

DAYS = 365
"""Plays of so many days count, the newest day of plays being the last."""
LATER_DAYS = 28
"""Of them the last so many, where what was heard later is judged by what was heard before."""
LEAST_LISTENERS = 3
"""A track with fewer says more of them than of its place among tracks."""
LEAST_TRACKS = 2
"""A listener with fewer links no two tracks."""
MOST_TRACKS = 300
"""Of a listener with more tracks only the most played count: a café or a robot must not link everything."""
RECORDING_ARTISTS = (
    "select isrc, first(artist_id order by title is null, vendor, track_id) as artist_id"
    f" from streams.track_artists where isrc is not null and artist_id <> '{UNKNOWN_ARTIST}' group by isrc"
)
"""The artist of each recording, the one that ``tracks.releases`` would give it; none where it is not known."""
LATER = " later"
"""What follows the code of a recording where it was played in the later days."""


@dataclass(frozen=True, slots=True)
class TrackPlays:
    """Plays of tracks (T) by listeners (L)."""

    isrcs: NDArray[np.str_]
    """(T,) in order."""
    artist_ids: NDArray[np.str_]
    """(T,) as in marts.artists."""
    plays: csr_array
    """(L, T) float32 counts >= 1. Who the listeners are is not kept."""

    def take_tracks(self, rows: NDArray[np.int64]) -> TrackPlays:
        """The tracks of these rows, in this order; listeners without any of them stay, as empty rows."""
        return TrackPlays(self.isrcs[rows], self.artist_ids[rows], self.plays[:, rows])


def read_track_plays(connection: duckdb.DuckDBPyConnection, *, days: int = DAYS) -> TrackPlays:
    """Read the plays of the last days, added up by listener and recording, over all vendors that name a listener.

    A play's recording is the row's own code or its vendor's catalogue's. Recordings of no known artist are left out. Of
    the rest those stay that have ``LEAST_LISTENERS`` of the listeners with ``LEAST_TRACKS``, and the other way round.

    Args:
        connection: where ``streams.plays`` and ``streams.track_artists`` are.
        days: how many, at least 1; the last one is the newest day with a play.
    """
    last = _last_day(connection)
    if last is None:
        return _nothing()
    names, pairs, _ = read_pairs(
        connection, _rows_sql(connection, last - timedelta(days=days), None), LEAST_LISTENERS, MOST_TRACKS
    )
    _, tracks, plays = _enough(pairs)
    return TrackPlays(names[tracks], _artists(connection, names[tracks]), plays)


def read_later_plays(
    connection: duckdb.DuckDBPyConnection, *, later_days: int = LATER_DAYS, days: int = DAYS
) -> tuple[TrackPlays, csr_array]:
    """Read what was played before the last days, and what was played for the first time in them.

    Returns:
        The plays before, as ``read_track_plays`` gives them; and plays (L, T) in the later days of the same tracks by
        the same listeners, of the pairs only that have none before.
    """
    last = _last_day(connection)
    if last is None:
        nothing = _nothing()
        return nothing, nothing.plays
    first, since = last - timedelta(days=days), last - timedelta(days=later_days)
    names, pairs, _ = read_pairs(connection, _rows_sql(connection, first, since), 1, MOST_TRACKS)
    is_later = np.char.endswith(names, LATER)
    isrcs, later_isrcs = names[~is_later], np.array([name.removesuffix(LATER) for name in names[is_later]], dtype=str)
    listeners, tracks, plays = _enough(pairs[:, np.flatnonzero(~is_later)])
    isrcs = isrcs[tracks]
    shared = np.flatnonzero(np.isin(later_isrcs, isrcs))
    later = pairs[:, np.flatnonzero(is_later)][listeners][:, shared].tocoo()
    at = np.searchsorted(isrcs, later_isrcs[shared])
    return TrackPlays(isrcs, _artists(connection, isrcs), plays), _without(later.data, later.row, at[later.col], plays)


def _last_day(connection: duckdb.DuckDBPyConnection) -> date | None:
    return connection.sql(
        "select max(play_date) from streams.plays where plays > 0 and listener_key is not null"
    ).fetchall()[0][0]


def _rows_sql(connection: duckdb.DuckDBPyConnection, after: date, later_after: date | None) -> str:
    """A relation of listener_key, item and plays of the days after one; items of the later days are marked."""
    connection.execute(f"create or replace temp table recording_artists as {RECORDING_ARTISTS}")
    isrc = "coalesce(plays.isrc, catalogue.isrc)"
    item = isrc if later_after is None else f"{isrc} || if(plays.play_date > date '{later_after}', '{LATER}', '')"
    return (
        f"(select plays.listener_key, {item} as item, plays.plays from streams.plays as plays"
        " left join streams.track_artists as catalogue"
        " on plays.vendor = catalogue.vendor and plays.track_id = catalogue.track_id"
        f" where plays.listener_key is not null and plays.plays > 0 and plays.play_date > date '{after}'"
        f" and {isrc} in (select isrc from recording_artists))"
    )


def _artists(connection: duckdb.DuckDBPyConnection, isrcs: NDArray[np.str_]) -> NDArray[np.str_]:
    """The artist of each recording (T,)."""
    found = connection.sql("select isrc, artist_id from recording_artists order by isrc").fetchnumpy()
    at = np.searchsorted(np.asarray(found["isrc"], dtype=str), isrcs)
    return np.asarray(found["artist_id"], dtype=str)[at]


def _enough(plays: csr_array) -> tuple[NDArray[np.int64], NDArray[np.int64], csr_array]:
    """Listeners and tracks with enough of each other, by number, and their plays. Takes rounds until all have."""
    listeners, tracks = (np.arange(count) for count in shape_of(plays))
    while True:
        kept = np.flatnonzero(np.bincount(plays.indices, minlength=len(tracks)) >= LEAST_LISTENERS)
        if len(kept) < len(tracks):
            tracks, plays = tracks[kept], plays[:, kept]
        kept = np.flatnonzero(np.diff(plays.indptr) >= LEAST_TRACKS)
        if len(kept) == len(listeners):
            return listeners, tracks, plays
        listeners, plays = listeners[kept], plays[kept]


def _without(
    counts: NDArray[np.float32], listeners: NDArray[np.int32], tracks: NDArray[np.int64], known: csr_array
) -> csr_array:
    """Pairs as a matrix of the shape of ``known``, without those that are in it."""
    from scipy.sparse import csr_array as csr

    width = shape_of(known)[1]
    codes = listeners.astype(np.int64) * width + tracks
    rows = np.repeat(np.arange(shape_of(known)[0], dtype=np.int64), np.diff(known.indptr))
    new = ~np.isin(codes, rows * width + known.indices)
    return csr((counts[new], (listeners[new], tracks[new])), shape=shape_of(known))


def _nothing() -> TrackPlays:
    from scipy.sparse import csr_array as csr

    none = np.zeros(0, dtype=np.str_)
    return TrackPlays(none, none, csr((0, 0), dtype=np.float32))
