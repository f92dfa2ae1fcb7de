"""Nearest artists over the whole catalogue: exact, in blocks of rows, with a stability from bootstraps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analytics_platform.artists.features import FloatArray, bm25, gram, shape_of, singular_vectors, unit_vectors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TOP = 50
BOOTSTRAPS = 10
GROUPS = 1024
CELLS = 1 << 23
"""Scores held at a time and thread (32 MB)."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest artists of each artist, best first; short lists end in -1 with score 0."""

    rows: NDArray[np.int32]
    """(A, k): row numbers of artists."""
    score: FloatArray
    """(A, k): cosine, above 0, at most 1."""
    stability: FloatArray
    """(A, k): share of bootstraps over listeners that have the neighbour in the list, 0 to 1."""


def nearest(vectors: FloatArray, k: int = TOP, *, threads: int = 1) -> tuple[NDArray[np.int32], FloatArray]:
    """The k rows of highest cosine for each row of unit vectors (A, d): rows (A, k), scores (A, k).

    Exact. Only cosines above 0 count, never an artist itself; equal cosines go by row number; lists that end
    early are filled with -1 and 0. Brute force: 2 · A² · d operations, and no index to keep true. Instead of
    sorting all scores of a row, the k-th best of the maxima of 1,024 groups bounds the k-th best of all from below.
    """
    count = len(vectors)
    rows = np.full((count, k), -1, dtype=np.int32)
    scores = np.zeros((count, k), dtype=np.float32)
    groups = max(GROUPS, k)
    width = -(-max(count, 1) // groups) * groups
    padded = np.zeros((width, vectors.shape[1]), dtype=np.float32)
    padded[:count] = vectors
    step = max(CELLS // width, 1)

    def fill(first: int) -> None:
        last = min(first + step, count)
        cosine = vectors[first:last] @ padded.T
        np.minimum(cosine, 1, out=cosine)
        here = np.arange(last - first)
        cosine[here, first + here] = -1
        best = cosine.reshape(last - first, -1, groups).max(axis=1)
        floor = np.maximum(np.partition(best, groups - k, axis=1)[:, groups - k], np.float32(1e-6))
        row, column = np.nonzero(cosine >= floor[:, None])
        value = cosine[row, column]
        order = np.lexsort((column, -value, row))
        row, column, value = row[order], column[order], value[order]
        place = np.arange(len(row)) - np.searchsorted(row, here)[row]
        kept = place < k
        rows[first + row[kept], place[kept]] = column[kept]
        scores[first + row[kept], place[kept]] = value[kept]

    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, count, step)))
    return rows, scores


def find_neighbours(
    plays: csr_array,
    k: int = TOP,
    *,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[str], None] | None = None,
) -> tuple[FloatArray, Neighbours]:
    """Vectors (A, d) and neighbours of artists, from plays (L listeners × A artists).

    A bootstrap counts each listener so many times as a Poisson number of mean 1 says, under the same weights, and
    starts from the vectors of all listeners, which lie near its own.
    """
    listeners, artists = shape_of(plays)
    weights = bm25(plays)
    found, values = singular_vectors(gram(weights, threads=threads), artists)
    vectors = unit_vectors(found, values)
    rows, score = nearest(vectors, k, threads=threads)
    hits = np.zeros(rows.shape, dtype=np.int32)
    random = np.random.default_rng(seed)
    for number in range(bootstraps):
        drawn = random.poisson(1.0, listeners).astype(np.float32)
        again = singular_vectors(gram(weights, drawn, threads=threads), artists, start=found, applications=2)
        hits += contains(nearest(unit_vectors(*again), k, threads=threads)[0], rows)
        if progress:
            progress(f"neighbours: bootstrap {number + 1} of {bootstraps}")
    stability = (hits / max(bootstraps, 1)).astype(np.float32) * (rows >= 0)
    return vectors, Neighbours(rows, score, stability)


def contains(lists: NDArray[np.int32], asked: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each entry of ``asked`` (A, m) is in the same row of ``lists`` (A, k); -1 never is."""
    offset = np.arange(len(lists), dtype=np.int64)[:, None] << 32
    known = np.sort((lists + offset)[lists >= 0])
    wanted = (asked + offset).ravel()
    place = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    found = known[place] == wanted if len(known) else np.zeros(len(wanted), dtype=bool)
    return found.reshape(asked.shape) & (asked >= 0)


def shared_listeners(plays: csr_array, rows: NDArray[np.int32], *, threads: int = 1) -> NDArray[np.int32]:
    """Listeners that each artist shares with the artists of ``rows`` (A, k): counts (A, k), 0 where a row is -1."""
    from scipy.sparse import csr_array as csr

    listeners, artists = shape_of(plays)
    listened = csr((np.ones(plays.nnz, dtype=np.int32), plays.indices, plays.indptr), shape=(listeners, artists))
    of_artist = listened.T.tocsr()
    step = max(CELLS // max(artists, 1), 1)
    found = np.zeros(rows.shape, dtype=np.int32)

    def fill(first: int) -> None:
        part = slice(first, first + step)
        counts = (of_artist[part] @ listened).toarray()
        found[part] = np.where(rows[part] >= 0, np.take_along_axis(counts, np.maximum(rows[part], 0), axis=1), 0)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, artists, step)))
    return found
