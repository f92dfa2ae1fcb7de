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
    known = f"select listener_key, artist_id as item, plays from {relation} where artist_id <> '{UNKNOWN_ARTIST}'"
    return Listening(*read_pairs(connection, f"({known})", least_listeners, MOST_ARTISTS))


def read_pairs(
    connection: duckdb.DuckDBPyConnection, relation: str, least_listeners: int, most: int
) -> tuple[NDArray[np.str_], csr_array, dict[str, int]]:
    """Read how often each listener played each item (an artist, a track) from rows that add up to the pairs.

    Args:
        connection: where ``relation`` is.
        relation: rows of listener_key, item and plays.
        least_listeners: an item with fewer is left out.
        most: of a listener with more items the so many most played ones count.

    Returns:
        Items (A,) in order, plays (L, A) float32 without empty rows, and the listeners of each item left out.
    """
    from scipy.sparse import csr_array as csr

    connection.execute(
        "create or replace temp table item_numbers as select item,"
        " cast(row_number() over (order by item) - 1 as integer) as item_no"
        f" from (select distinct item from {relation})"
    )
    ids = connection.sql("select item from item_numbers order by item_no").fetchnumpy()["item"]
    names = np.asarray(ids, dtype=str)
    rows = int(connection.sql(f"select count(*) from {relation}").fetchall()[0][0])
    buckets = next(n for n in (1, 2, 4, 8, 16, 32, MOST_BUCKETS) if n * BUCKET_ROWS >= rows or n == MOST_BUCKETS)
    parts = [_bucket(connection, relation, bucket_sql(n, buckets), len(names), most) for n in range(buckets)]
    counts = sum((part.listeners_of_items() for part in parts), np.zeros(len(names), dtype=np.int64))
    kept = counts >= least_listeners
    parts = [part.only(kept) for part in parts]
    # Filled part by part, and each part let go: twice the pairs never exist.
    pointers = np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))])
    items, plays = np.empty(pointers[-1], dtype=np.int32), np.empty(pointers[-1], dtype=np.float32)
    end = len(items)
    while parts:
        part = parts.pop()
        items[end - len(part.items) : end], plays[end - len(part.items) : end] = part.items, part.plays
        end -= len(part.items)
    # 32 bits while they are enough: scipy gives the items' numbers the type of the pointers.
    pointers = pointers.astype(np.int32 if pointers[-1] < 2**31 else np.int64)
    matrix = csr((plays, items, pointers), shape=(len(pointers) - 1, int(kept.sum())))
    return names[kept], matrix, dict(zip(names[~kept].tolist(), counts[~kept].tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Part:
    """The pairs of a bucket of listeners, in the order of their keys; items rise within a listener."""

    lengths: NDArray[np.int64]
    """Items of each listener (L,)."""
    items: NDArray[np.int32]
    plays: NDArray[np.float32]
    all_items: int

    def listeners_of_items(self) -> NDArray[np.int64]:
        """Listeners of each item (A,)."""
        return np.bincount(self.items, minlength=self.all_items).astype(np.int64)

    def only(self, kept: NDArray[np.bool_]) -> _Part:
        """Without the items that are not kept, the others renumbered, and without listeners of none."""
        pairs = kept[self.items]
        listener = np.repeat(np.arange(len(self.lengths)), self.lengths)[pairs]
        lengths = np.bincount(listener, minlength=len(self.lengths))
        numbers = (np.cumsum(kept) - 1).astype(np.int32)
        return _Part(lengths[lengths > 0], numbers[self.items[pairs]], self.plays[pairs], int(np.count_nonzero(kept)))


def _bucket(connection: duckdb.DuckDBPyConnection, relation: str, condition: str, items: int, most: int) -> _Part:
    """The pairs of the listeners who meet a condition. Rows of a pair are added up here, which beats SQL by far."""
    import pyarrow as pa
    from scipy.sparse import csr_array as csr

    table = connection.sql(
        "select list(struct_pack(item_no, plays := cast(plays as float))) as pairs"
        f" from (select listener_key, item, plays from {relation} where {condition}) as listened"
        " inner join item_numbers using (item) group by listener_key order by listener_key"
    ).to_arrow_table()
    column = pa.concat_arrays(table.column("pairs").chunks) if table.num_rows else None
    if column is None:
        return _Part(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), items)
    values = column.flatten()
    data = values.field("plays").to_numpy(zero_copy_only=False).astype(np.float32)
    numbers = values.field("item_no").to_numpy(zero_copy_only=False).astype(np.int32)
    pointers = column.offsets.to_numpy()
    matrix = csr((data, numbers, pointers - pointers[0]), shape=(table.num_rows, items))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()  # who has left the window
    summed = np.asarray(matrix.indices, dtype=np.int32), np.asarray(matrix.data, dtype=np.float32)
    return _capped(np.diff(np.asarray(matrix.indptr)).astype(np.int64), *summed, items, most)


def _capped(
    lengths: NDArray[np.int64], items: NDArray[np.int32], plays: NDArray[np.float32], all_items: int, most: int
) -> _Part:
    """The pairs without those beyond ``most`` of a listener: most played first, then by number."""
    long = np.flatnonzero(lengths > most)
    if not len(long):
        return _Part(lengths, items, plays, all_items)
    ends = np.cumsum(lengths)
    kept = np.ones(len(items), dtype=bool)
    for listener in long.tolist():
        pairs = np.arange(ends[listener] - lengths[listener], ends[listener])
        order = np.lexsort((items[pairs], -plays[pairs]))
        kept[pairs[order[most:]]] = False
    return _Part(np.minimum(lengths, most), items[kept], plays[kept], all_items)
