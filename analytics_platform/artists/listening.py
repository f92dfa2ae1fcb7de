"""Who played whom how often, as a sparse matrix: read by buckets of listeners, never dense, no row an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.levels import bucket_sql
from analytics_platform.fans.segments import UNKNOWN_ARTIST

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MOST_ARTISTS = 300
"""Of a listener with more artists only the most played count: a café or a robot must not link everybody."""
BUCKET_ROWS = 4_000_000
MOST_BUCKETS = 64


@dataclass(frozen=True, slots=True)
class Listening:
    """A window's plays. Artists are columns, in the order of their ids."""

    artist_ids: NDArray[np.str_]
    """(A,): artists with enough listeners."""
    plays: csr_array
    """(L, A) float32 counts >= 1; a listener has at most ``MOST_ARTISTS``."""
    too_small: dict[str, int]
    """Listeners of the artists with too few, by artist."""

    @property
    def listeners(self) -> NDArray[np.int64]:
        """Listeners of each artist, (A,)."""
        return np.bincount(self.plays.indices, minlength=len(self.artist_ids)).astype(np.int64)


def read_listening(connection: duckdb.DuckDBPyConnection, relation: str, least_listeners: int) -> Listening:
    """Read the pairs of a window, leaving out plays of unknown artists and artists with too few listeners.

    Args:
        connection: where ``relation`` is.
        relation: rows of listener_key, artist_id and plays, which add up to the pairs: the base and the changes of
            ``fans.listener_artist_plays``, or days.
        least_listeners: an artist with fewer is in ``too_small``.
    """
    from scipy.sparse import csr_array as csr

    connection.execute(
        f"create or replace temp table artist_numbers as select artist_id,"
        f" cast(row_number() over (order by artist_id) - 1 as integer) as artist_no"
        f" from (select distinct artist_id from {relation} where artist_id <> '{UNKNOWN_ARTIST}')"
    )
    ids = connection.sql("select artist_id from artist_numbers order by artist_no").fetchnumpy()["artist_id"]
    names = np.asarray(ids, dtype=str)
    rows = int(connection.sql(f"select count(*) from {relation}").fetchall()[0][0])
    buckets = next(n for n in (1, 2, 4, 8, 16, 32, MOST_BUCKETS) if n * BUCKET_ROWS >= rows or n == MOST_BUCKETS)
    parts = [_bucket(connection, relation, bucket_sql(bucket, buckets), len(names)) for bucket in range(buckets)]
    counts = sum((part.listeners_of_artists() for part in parts), np.zeros(len(names), dtype=np.int64))
    kept = counts >= least_listeners
    parts = [part.only(kept) for part in parts]
    # Filled part by part, and each part let go: twice the pairs never exist.
    pointers = np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))])
    artists, plays = np.empty(pointers[-1], dtype=np.int32), np.empty(pointers[-1], dtype=np.float32)
    end = len(artists)
    while parts:
        part = parts.pop()
        artists[end - len(part.artists) : end], plays[end - len(part.artists) : end] = part.artists, part.plays
        end -= len(part.artists)
    # 32 bits while they are enough: scipy gives the artists' numbers the type of the pointers.
    pointers = pointers.astype(np.int32 if pointers[-1] < 2**31 else np.int64)
    matrix = csr((plays, artists, pointers), shape=(len(pointers) - 1, int(kept.sum())))
    small = dict(zip(names[~kept].tolist(), counts[~kept].tolist(), strict=True))
    return Listening(names[kept], matrix, small)


@dataclass(frozen=True, slots=True)
class _Part:
    """The pairs of a bucket of listeners, in the order of their keys; artists rise within a listener."""

    lengths: NDArray[np.int64]
    """Artists of each listener (L,)."""
    artists: NDArray[np.int32]
    plays: NDArray[np.float32]
    all_artists: int

    def listeners_of_artists(self) -> NDArray[np.int64]:
        """Listeners of each artist (A,)."""
        return np.bincount(self.artists, minlength=self.all_artists).astype(np.int64)

    def only(self, kept: NDArray[np.bool_]) -> _Part:
        """Without the artists that are not kept, the others renumbered, and without listeners of none."""
        pairs = kept[self.artists]
        listener = np.repeat(np.arange(len(self.lengths)), self.lengths)[pairs]
        lengths = np.bincount(listener, minlength=len(self.lengths))
        numbers = (np.cumsum(kept) - 1).astype(np.int32)
        return _Part(lengths[lengths > 0], numbers[self.artists[pairs]], self.plays[pairs], int(np.count_nonzero(kept)))


def _bucket(connection: duckdb.DuckDBPyConnection, relation: str, condition: str, artists: int) -> _Part:
    """The pairs of the listeners who meet a condition. Rows of a pair are added up here, which beats SQL by far."""
    import pyarrow as pa
    from scipy.sparse import csr_array as csr

    table = connection.sql(
        "select list(struct_pack(artist_no, plays := cast(plays as float))) as pairs"
        f" from (select listener_key, artist_id, plays from {relation} where {condition}) as listened"
        " inner join artist_numbers using (artist_id) group by listener_key order by listener_key"
    ).to_arrow_table()
    column = pa.concat_arrays(table.column("pairs").chunks) if table.num_rows else None
    if column is None:
        return _Part(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), artists)
    values = column.flatten()
    data = values.field("plays").to_numpy(zero_copy_only=False).astype(np.float32)
    numbers = values.field("artist_no").to_numpy(zero_copy_only=False).astype(np.int32)
    pointers = column.offsets.to_numpy()
    matrix = csr((data, numbers, pointers - pointers[0]), shape=(table.num_rows, artists))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()  # who has left the window
    summed = np.asarray(matrix.indices, dtype=np.int32), np.asarray(matrix.data, dtype=np.float32)
    return _capped(np.diff(np.asarray(matrix.indptr)).astype(np.int64), *summed, artists)


def _capped(
    lengths: NDArray[np.int64], artists: NDArray[np.int32], plays: NDArray[np.float32], all_artists: int
) -> _Part:
    """The pairs without those beyond ``MOST_ARTISTS`` of a listener: most played first, then by number."""
    long = np.flatnonzero(lengths > MOST_ARTISTS)
    if not len(long):
        return _Part(lengths, artists, plays, all_artists)
    ends = np.cumsum(lengths)
    kept = np.ones(len(artists), dtype=bool)
    for listener in long.tolist():
        pairs = np.arange(ends[listener] - lengths[listener], ends[listener])
        order = np.lexsort((artists[pairs], -plays[pairs]))
        kept[pairs[order[MOST_ARTISTS:]]] = False
    return _Part(np.minimum(lengths, MOST_ARTISTS), artists[kept], plays[kept], all_artists)
