"""Clusters of artists: communities of the co-listening graph (Leiden), and how sure each artist's place is.

Two resolutions: broad, some ten clusters, and fine, about twice as many. An artist's ``membership`` is
how often it lands in its cluster when listeners are drawn anew; who often lands elsewhere stands
between groups, and should be shown so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from analytics_platform.artists.features import shape_of
from analytics_platform.artists.graph import NEIGHBOURS, Links, Plays, knn_graph, top_links

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

RESOLUTIONS: Mapping[str, float] = {"broad": 1.0, "fine": 2.0}
TRIALS, ITERATIONS = 5, 2
"""Of Leiden; the best of five runs is kept. On HetRec lastfm-2k the adjusted Rand index between all
listeners and a bootstrap rises from .60 (one run of one) to .65 with these; more of either adds nothing."""
LEAST_ARTISTS = 3
"""Fewer alike are no cluster: their artists are in none. They are not given to another cluster, as
such communities have no links to the rest that would speak for one."""
BOOTSTRAPS = 10
BETWEEN_GROUPS = 0.6
"""Membership below which an artist stands between groups. When the listeners of HetRec lastfm-2k are drawn
anew once more, fewer than half of these are in their cluster again (.43 broad, .38 fine), and .90 and .82
of the others; membership itself is near the share that come again throughout. 18 and 32 % stand so."""
MIN_BETTER = 0.01
"""Modularity by which a partition found afresh must beat one that starts from the previous: below that
the two are as good as each other, and nobody gains from clusters that change. On HetRec lastfm-2k without
a tenth of the listeners .92 of the artists keep their fine cluster from the previous partition, .81 afresh,
and the two modularities are within .001."""

IN_A_CLUSTER, NO_LINKS, TOO_FEW = "", "no links: too few listeners shared with any artist", "fewer than 3 artists alike"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Clusters:
    """A partition of artists, of whom some are in no cluster."""

    label: IntArray
    """(A,): the cluster, from 0, the largest first; -1 for none."""
    membership: FloatArray
    """(A,): share of bootstraps in which the artist lands in the same cluster, 0 to 1; nan without a cluster."""
    modularity: float
    """-0.5 to 1: links inside clusters beyond those of a random graph; at resolution 1, whatever was sought."""
    linked: NDArray[np.bool_]
    """(A,): has a link to any artist."""

    @property
    def between_groups(self) -> NDArray[np.bool_]:
        """(A,): is in a cluster, but might as well be in another."""
        return self.membership < BETWEEN_GROUPS

    @property
    def reason(self) -> NDArray[np.str_]:
        """(A,): why an artist is in no cluster; empty if it is in one."""
        return np.where(self.label >= 0, IN_A_CLUSTER, np.where(self.linked, TOO_FEW, NO_LINKS))


def find_clusters(
    plays: Plays,
    links: Links,
    *,
    previous: Mapping[str, IntArray] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Clusters]:
    """The clusters at both resolutions, with memberships.

    Same input, same output. Another order of artists matters where scores are equal, as ``top_links`` then
    takes the lower row: on HetRec lastfm-2k for 2 % of the artists. Another order of listeners changes
    the draws of the bootstraps, so memberships.

    Args:
        plays: (L, A), as for ``top_links``.
        links: at least 15 per artist, of the same plays.
        previous: (A,) labels of the previous run per resolution, -1 for artists that were in no cluster.
        seed: of Leiden and the bootstraps.
        progress: told in words what is being done.
    """
    say = progress or (lambda _: None)
    graph = knn_graph(links)
    found: dict[str, IntArray] = {}
    for name, resolution in RESOLUTIONS.items():
        say(f"{name} clusters")
        found[name] = partition(graph, resolution, start=(previous or {}).get(name), seed=seed)
    landed = {name: np.zeros(len(label)) for name, label in found.items()}
    rng = np.random.default_rng(seed)
    listeners, _ = shape_of(plays)
    for bootstrap in range(BOOTSTRAPS):
        say(f"bootstrap {bootstrap + 1} of {BOOTSTRAPS}")
        again = knn_graph(top_links(plays, NEIGHBOURS, weights=rng.poisson(1, listeners)))
        for name, resolution in RESOLUTIONS.items():
            # Afresh, not from the partition that is judged: what can slip must be free to.
            landed[name] += same_cluster(found[name], partition(again, resolution, seed=seed))
    return {
        name: Clusters(
            label=label,
            membership=np.where(label >= 0, landed[name] / BOOTSTRAPS, np.nan),
            modularity=modularity(graph, label),
            linked=np.diff(graph.indptr) > 0,
        )
        for name, label in found.items()
    }


def partition(graph: sparse.csr_array, resolution: float, *, start: IntArray | None = None, seed: int = 0) -> IntArray:
    """Labels (A,) of the communities of a symmetric graph (A, A), from 0, the largest first; -1 for none.

    Args:
        graph: weights above 0, symmetric, no loops.
        resolution: higher for more communities.
        start: (A,) a previous partition: it is improved, and kept unless one found afresh is clearly better.
        seed: of Leiden's visits.
    """
    if graph.nnz == 0:
        return np.full(shape_of(graph)[0], -1, dtype=np.int64)
    order = _visits(graph)
    sorted_graph = graph[order][:, order].tocsr()
    sorted_graph.sort_indices()
    label = np.empty(len(order), dtype=np.int64)
    label[order] = _leiden(sorted_graph, resolution, seed)
    if start is not None:
        moved = np.empty_like(label)
        moved[order] = _leiden_from(sorted_graph, resolution, seed, np.asarray(start)[order])
        if modularity(graph, label, resolution) < modularity(graph, moved, resolution) + MIN_BETTER:
            label = moved
    return _tidy(label, np.diff(graph.indptr) > 0)


def modularity(graph: sparse.csr_array, label: IntArray, resolution: float = 1.0) -> float:
    """Share of the links' weight that is inside clusters, less what sizes alone would give; 0 without links.

    Artists without a cluster count as one each.
    """
    total = float(graph.sum())
    if total == 0:
        return 0.0
    rows = np.repeat(np.arange(len(label)), np.diff(graph.indptr))
    inside = graph.data[(label[rows] == label[graph.indices]) & (label[rows] >= 0)].sum()
    degree = graph.sum(axis=1) / total
    of_clusters = np.bincount(label[label >= 0], weights=degree[label >= 0])
    return float(inside / total - resolution * ((of_clusters**2).sum() + (degree[label < 0] ** 2).sum()))


def matched(label: IntArray, other: IntArray) -> IntArray:
    """For each cluster of ``label`` the cluster of ``other`` in the pairing that shares most artists; -1 for none."""
    from scipy.optimize import linear_sum_assignment

    pairs = overlap(label, other)
    rows, columns = linear_sum_assignment(-pairs)
    partner = np.full(len(pairs), -1, dtype=np.int64)
    partner[rows] = np.where(pairs[rows, columns] > 0, columns, -1)
    return partner


def same_cluster(label: IntArray, other: IntArray) -> NDArray[np.bool_]:
    """(A,): the artist is in a cluster in both partitions, and these are matched."""
    if label.max(initial=-1) < 0 or other.max(initial=-1) < 0:
        return np.zeros(len(label), dtype=np.bool_)
    partner = matched(label, other)
    return (label >= 0) & (other >= 0) & (partner[label] == other)


def overlap(label: IntArray, other: IntArray) -> IntArray:
    """Artists (C, D) that a cluster of one partition shares with one of another."""
    both = (label >= 0) & (other >= 0)
    clusters, others = int(label.max(initial=-1)) + 1, int(other.max(initial=-1)) + 1
    pairs = np.bincount(label[both] * others + other[both], minlength=clusters * others)
    return pairs.reshape(clusters, others)


def _leiden(graph: sparse.csr_array, resolution: float, seed: int) -> IntArray:
    from graspologic_native import leiden_csr  # pyright: ignore[reportAttributeAccessIssue]

    _, found = leiden_csr(
        graph.indptr.astype(np.int64),
        graph.indices.astype(np.int32),
        graph.data.astype(np.float64),
        shape_of(graph)[0],
        resolution=resolution,
        seed=seed,
        trials=TRIALS,
        iterations=ITERATIONS,
    )
    return np.fromiter((found[artist] for artist in range(shape_of(graph)[0])), dtype=np.int64)


def _leiden_from(graph: sparse.csr_array, resolution: float, seed: int, start: IntArray) -> IntArray:
    """The same from a partition; this part of the library takes a list of links and names only."""
    from graspologic_native import leiden  # pyright: ignore[reportAttributeAccessIssue]

    rows = np.repeat(np.arange(len(start)), np.diff(graph.indptr))
    once = rows < graph.indices
    names = [str(artist) for artist in range(len(start))]
    links = [
        (names[one], names[other], weight)
        for one, other, weight in zip(
            rows[once].tolist(), graph.indices[once].tolist(), graph.data[once].tolist(), strict=True
        )
    ]
    # Who was in no cluster starts alone; the library knows only artists that have links.
    alone = start.max(initial=-1) + 1 + np.arange(len(start))
    begin = np.where(start >= 0, start, alone).tolist()
    linked = np.flatnonzero(np.diff(graph.indptr) > 0).tolist()
    _, found = leiden(
        links,
        starting_communities={names[artist]: begin[artist] for artist in linked},
        resolution=resolution,
        seed=seed,
        trials=TRIALS,
        iterations=ITERATIONS,
    )
    label = np.full(len(start), -1, dtype=np.int64)
    label[linked] = [found[names[artist]] for artist in linked]
    return label


def _visits(graph: sparse.csr_array) -> IntArray:
    """An order of artists that their links alone decide: Leiden's result depends on the order that it is given."""
    rows = np.repeat(np.arange(shape_of(graph)[0]), np.diff(graph.indptr))
    # Summed from the smallest, as the order of summing changes the last digits.
    weights = graph.data[np.lexsort((graph.data, rows))]
    return np.lexsort((np.diff(graph.indptr), np.bincount(rows, weights=weights, minlength=shape_of(graph)[0])))


def _tidy(label: IntArray, linked: NDArray[np.bool_]) -> IntArray:
    """Clusters numbered by size, equal ones by their first artist; those of fewer than 3 artists dissolved."""
    chosen = np.where(linked, label, -1)
    names, first, size = np.unique(chosen[linked], return_index=True, return_counts=True)
    rank = np.full(int(label.max(initial=-1)) + 1, -1, dtype=np.int64)
    stay = np.lexsort((first, -size))[: int((size >= LEAST_ARTISTS).sum())]
    rank[names[stay]] = np.arange(len(stay))
    return np.where(chosen >= 0, rank[chosen], -1)
