"""Cluster ids that stay from run to run: a cluster that is mostly the same keeps its id, any other gets a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

SAME = 0.5
"""Jaccard overlap from which a cluster is the same as before. At most one cluster has more than half."""
NO_CLUSTER = 0
"""In place of an id, for artists in no cluster."""

Status = Literal["first", "kept", "new", "gone"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a cluster."""

    cluster_id: int
    status: Status
    """first: there was no run before; gone: of the previous run, and no cluster of this one is the same."""
    parent: int | None
    """Of a new cluster: the previous one that most of its artists come from. None if they come from none."""
    jaccard: float | None
    """Of a kept cluster: overlap with what it was, among artists of both runs, 0.5 to 1."""
    artists: int
    """Now; of a gone one in the previous run."""


@dataclass(frozen=True, slots=True)
class Identities:
    """The ids of one run."""

    cluster_id: IntArray
    """(A,): positive, or 0 for artists in no cluster."""
    changes: tuple[Change, ...]
    """This run's clusters by size, then those that are gone by id."""
    churn: float | None
    """Share of the artists of both runs whose id is another, or who left or joined all clusters; None without any."""
    next_id: int
    """The first id that no run has used."""


def keep_ids(artists: Sequence[str], label: IntArray, previous: Mapping[str, int], next_id: int) -> Identities:
    """Give the clusters of a run the ids of those of the previous run that they are.

    The ids depend on who is together only, not on the order of artists or labels.

    Args:
        artists: (A,) ids, each once.
        label: (A,) any whole numbers; below 0 for artists in no cluster.
        previous: id of the cluster of every artist of the previous run, 0 for none; empty at the first run.
        next_id: above every id that was ever given.

    Raises:
        ValueError: ``next_id`` may have been used.
    """
    from scipy.optimize import linear_sum_assignment

    if next_id <= max(previous.values(), default=0):
        raise ValueError(f"the next id {next_id} has been used already")
    clusters = _clusters(artists, label)
    here = set(artists)
    before: dict[int, set[str]] = {}
    for artist, old in previous.items():
        if old != NO_CLUSTER:
            before.setdefault(old, set()).add(artist)
    old_ids = sorted(before)
    columns_of = {old: column for column, old in enumerate(old_ids)}
    likeness = np.zeros((len(clusters), len(old_ids)))
    given: list[Counter[int]] = []
    of_both = {old: len(before[old] & here) for old in old_ids}
    for row, cluster in enumerate(clusters):
        sources = Counter(previous[artist] for artist in cluster if previous.get(artist, NO_CLUSTER) != NO_CLUSTER)
        known = sum(artist in previous for artist in cluster)
        given.append(sources)
        for old, shared in sources.items():
            likeness[row, columns_of[old]] = shared / (known + of_both[old] - shared)
    # Only what is enough counts: else two weak pairs could outweigh, and so prevent, a good one.
    likeness[likeness < SAME] = 0
    rows, columns = linear_sum_assignment(-likeness)
    partner = {
        row: column for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if likeness[row, column]
    }

    changes: list[Change] = []
    named: dict[str, int] = {}
    for row, cluster in enumerate(clusters):
        if row in partner:
            column = partner[row]
            change = Change(old_ids[column], "kept", None, float(likeness[row, column]), len(cluster))
        else:
            parent = min(given[row], key=lambda old: (-given[row][old], old), default=None)
            change = Change(next_id, "new" if previous else "first", parent, None, len(cluster))
            next_id += 1
        changes.append(change)
        named.update(dict.fromkeys(cluster, change.cluster_id))
    kept = {old_ids[column] for column in partner.values()}
    changes += [Change(old, "gone", None, None, len(before[old])) for old in old_ids if old not in kept]
    ids = np.array([named.get(artist, NO_CLUSTER) for artist in artists], dtype=np.int64)
    moved = [named.get(artist, NO_CLUSTER) != previous[artist] for artist in artists if artist in previous]
    return Identities(ids, tuple(changes), float(np.mean(moved)) if moved else None, next_id)


def _clusters(artists: Sequence[str], label: IntArray) -> list[list[str]]:
    """The artists of each cluster, the largest first, equal ones by their first artist."""
    found: dict[int, list[str]] = {}
    for artist, cluster in sorted(zip(artists, np.asarray(label).tolist(), strict=True)):
        if cluster >= 0:
            found.setdefault(cluster, []).append(artist)
    return sorted(found.values(), key=lambda cluster: (-len(cluster), cluster[0]))
