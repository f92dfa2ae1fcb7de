"""The co-listening graph: which artists share more listeners than their sizes alone would give them.

score(a, b) = co / (co + 10) · co / sqrt(n_a n_b), with co the listeners of both and n those of each:
the cosine of two sets of listeners, shrunk towards 0 where few listeners speak for it. On HetRec
lastfm-2k it repeats best of the measures that were tried when the listeners are split in two.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from analytics_platform.artists.features import shape_of
from analytics_platform.lakehouse.lake import cores

IntArray = NDArray[np.int32]
Plays = sparse.csr_array
"""Listeners × artists, at least one play where there is an entry."""

SHRINKAGE = 10
"""Shared listeners at which a cosine counts half."""
LEAST_SHARED = 3
"""Shared listeners below which two artists have no link: one or two listeners are chance, and are also persons."""
NEIGHBOURS = 15
"""Links per artist that the clusters are made of."""
BLOCK_ENTRIES = 4_000_000
"""Counts held at once per thread, if every artist shared listeners with every other; 12 to 25 bytes each."""


@dataclass(frozen=True, slots=True)
class Links:
    """Each artist's links, the strongest first."""

    neighbours: IntArray
    """(A, k): row numbers of artists; -1 where an artist has fewer links."""
    score: NDArray[np.float32]
    """(A, k): 0 to 1, not rising along a row; 0 where there is no link."""
    shared: IntArray
    """(A, k): listeners of both; 0 where there is no link."""


def top_links(
    plays: Plays, k: int, *, weights: NDArray[np.integer] | None = None, least_shared: int = LEAST_SHARED
) -> Links:
    """The k strongest links of every artist.

    Every listener counts once per artist, however many plays. The work is the sum of squares of the
    listeners' numbers of artists: the caller keeps the 300 most played artists of listeners with more,
    who would otherwise be most of it. Equal scores: more shared listeners first, then the lower row.

    Args:
        plays: (L, A).
        k: links per artist.
        weights: (L,) how often each listener counts, whole numbers: the draws of a bootstrap.
        least_shared: listeners that two artists must share to be linked at all.
    """
    _, artists = shape_of(plays)
    links = Links(
        np.full((artists, k), -1, dtype=np.int32),
        np.zeros((artists, k), dtype=np.float32),
        np.zeros((artists, k), dtype=np.int32),
    )
    listened = sparse.csr_array((np.ones(plays.nnz, dtype=np.int32), plays.indices, plays.indptr), shape=plays.shape)
    counted = listened.T.tocsr()
    if weights is not None:
        # Whole numbers: counts stay exact, and do not depend on the order in which they are added.
        counted.data = np.asarray(weights, dtype=np.int32)[counted.indices]
        counted.eliminate_zeros()
    root = np.sqrt(np.maximum(counted.sum(axis=1), 1)).astype(np.float32)

    # As many as surely fit: how many pairs there are is known only once they are counted.
    rows = max(BLOCK_ENTRIES // max(artists, 1), 1)

    def fill(first: int) -> None:
        _fill_rows(links, first, counted[first : first + rows] @ listened, root, least_shared)

    # scipy and numpy let other threads run while they multiply and compare.
    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(fill, range(0, artists, rows)):
            pass
    return links


def _fill_rows(links: Links, first: int, shared: Plays, root: NDArray[np.float32], least_shared: int) -> None:
    """Write the links of the artists from row ``first`` on, from whom they share (rows, A) listeners with."""
    artists = np.arange(first, first + shape_of(shared)[0] + 1, dtype=np.int32)
    own = np.repeat(artists[:-1], np.diff(shared.indptr))
    enough = np.flatnonzero((shared.data >= least_shared) & (shared.indices != own))
    own, others = own[enough], shared.indices[enough]
    both = np.asarray(shared.data, dtype=np.int32)[enough]
    co = both.astype(np.float32)
    score = co / (co + SHRINKAGE) * (co / (root[own] * root[others]))
    k = links.neighbours.shape[1]
    starts = np.searchsorted(own, artists)
    for artist, (start, end) in enumerate(pairwise(starts.tolist()), first):
        mine = score[start:end]
        if len(mine) > k:
            # All that equal the last one stay until ties are broken: a partition breaks them at random.
            stay = start + np.flatnonzero(mine >= np.partition(mine, len(mine) - k)[len(mine) - k])
        else:
            stay = np.arange(start, end)
        best = stay[np.lexsort((others[stay], -both[stay], -score[stay]))[:k]]
        links.neighbours[artist, : len(best)] = others[best]
        links.score[artist, : len(best)] = score[best]
        links.shared[artist, : len(best)] = both[best]


def knn_graph(links: Links, k: int = NEIGHBOURS) -> sparse.csr_array:
    """Symmetric (A, A) float64 weights: two artists are linked if either is among the other's k strongest."""
    return _both_ways(links.neighbours[:, :k], links.score[:, :k])


def knn_shared(links: Links, k: int = NEIGHBOURS) -> sparse.csr_array:
    """Listeners of both artists of every link of ``knn_graph``, in the same places."""
    return _both_ways(links.neighbours[:, :k], links.shared[:, :k])


def _both_ways(neighbours: IntArray, values: NDArray[np.number]) -> sparse.csr_array:
    """Symmetric (A, A) from values (A, k) of lists of neighbours (A, k)."""
    rows, columns = np.nonzero(neighbours >= 0)
    artists = len(neighbours)
    chosen = values[rows, columns].astype(np.float64)
    one_way = sparse.csr_array((chosen, (rows, neighbours[rows, columns])), shape=(artists, artists))
    graph = one_way.maximum(one_way.T).tocsr()
    graph.sort_indices()
    return graph
