"""Partitions of artists side by side: do they come again when other people listen?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.clusters import RESOLUTIONS, modularity, partition, same_cluster
from analytics_platform.artists.document_clusters import document_clusters
from analytics_platform.artists.features import shape_of
from analytics_platform.artists.graph import NEIGHBOURS, Links, Plays, knn_graph, top_links
from analytics_platform.modelling.evaluation import Score

IntArray = NDArray[np.int64]
Method = Callable[[Plays], dict[str, IntArray]]
"""Plays (L, A) to labels (A,) by name of model, -1 for artists in no cluster."""

RESAMPLES = 5
MASS = 0.9
LEAST_LISTENERS = 2
MAX_LISTENERS = 100_000
"""Drawn at random if there are more: every model is fitted 16 times."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """How far a model's partition came again, once per resample (R,)."""

    ari_bootstrap: list[float]
    """Adjusted Rand index of the partition by all listeners and by as many drawn with replacement,
    over artists that have a cluster in both."""
    keep: list[float]
    """Share of the artists with a cluster that are in the matched cluster of the bootstrap."""
    ari_halves: list[float]
    """Adjusted Rand index between two halves of the listeners."""
    modularity: list[float]
    """Of the partition by one half on the co-listening graph of the other, at resolution 1: does it tell
    who shares listeners that it has not seen? Without this a partition by size alone would look good."""
    label: IntArray
    """(A,): the partition by all listeners."""


def our_clusters(plays: Plays) -> dict[str, IntArray]:
    """Leiden at both resolutions, from the same graph."""
    graph = knn_graph(top_links(plays, NEIGHBOURS))
    return {f"leiden_{name}": partition(graph, resolution) for name, resolution in RESOLUTIONS.items()}


def other_clusters(plays: Plays) -> dict[str, IntArray]:
    """The document's, and a dummy that repeats without telling anything: artists by tenths of their listeners."""
    _, artists = shape_of(plays)
    heard = np.bincount(plays.indices, minlength=artists)
    tenth = np.empty(artists, dtype=np.int64)
    tenth[np.argsort(heard, kind="stable")] = np.arange(artists) * 10 // max(artists, 1)
    return {"document_clusters": document_clusters(plays), "popularity_deciles": tenth}


def repeats(plays: Plays, method: Method, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Repeats]:
    """Cluster all listeners, and in each resample a bootstrap and two disjoint halves of them.

    Partitions of resamples are made afresh, never from that of all listeners.
    """
    from sklearn.metrics import adjusted_rand_score

    def index(one: IntArray, other: IntArray) -> float:
        both = (one >= 0) & (other >= 0)
        # Nothing to compare would be perfect agreement.
        return float(adjusted_rand_score(one[both], other[both])) if both.any() else 0.0

    listeners, _ = shape_of(plays)
    full = method(plays)
    found = {name: Repeats([], [], [], [], label) for name, label in full.items()}
    for resample in range(resamples):
        rng = np.random.default_rng([seed, resample])
        drawn = method(plays[np.sort(rng.integers(0, listeners, listeners))])
        first = rng.permutation(listeners) < listeners // 2
        one, other = method(plays[first]), method(plays[~first])
        unseen = knn_graph(top_links(plays[~first], NEIGHBOURS))
        for name, label in full.items():
            found[name].ari_bootstrap.append(index(label, drawn[name]))
            clustered = max(int((label >= 0).sum()), 1)
            found[name].keep.append(float(same_cluster(label, drawn[name]).sum()) / clustered)
            found[name].ari_halves.append(index(one[name], other[name]))
            found[name].modularity.append(modularity(unseen, one[name]))
    return found


def compare_clusters(plays: Plays, *, resamples: int = RESAMPLES, seed: int = 0) -> list[Score]:
    """Scores of our clusters, the document's and a dummy's on the plays (L, A).

    A score is the mean over the resamples, its interval their 5 and 95 % quantiles; groups are artists.
    Coarser partitions repeat more easily: compare with the numbers of clusters in sight (``repeats``).

    Raises:
        ValueError: fewer than 2 listeners or no artists: nothing can be halved, or clustered.
    """
    listeners, artists = shape_of(plays)
    if listeners < LEAST_LISTENERS or artists == 0:
        raise ValueError(f"{listeners} listeners and {artists} artists cannot be compared")
    if listeners > MAX_LISTENERS:
        rng = np.random.default_rng(seed)
        plays = plays[np.sort(rng.choice(listeners, MAX_LISTENERS, replace=False))]
    ours = repeats(plays, our_clusters, resamples=resamples, seed=seed)
    others = repeats(plays, other_clusters, resamples=resamples, seed=seed)
    scores: list[Score] = []
    for name, found in (ours | others).items():
        for metric, values, unit in (
            ("ari_bootstrap", found.ari_bootstrap, "adjusted Rand index"),
            ("artists_kept_in_bootstrap", found.keep, "share of artists"),
            ("ari_halves", found.ari_halves, "adjusted Rand index"),
            ("modularity_of_unseen", found.modularity, "share of links"),
        ):
            low, high = np.quantile(values, [(1 - MASS) / 2, (1 + MASS) / 2])
            scores.append(
                Score(
                    name,
                    metric,
                    float(np.mean(values)),
                    float(low),
                    float(high),
                    unit,
                    "higher",
                    name in others,
                    artists,
                )
            )
    return scores


def list_overlap(one: Links, other: Links) -> float:
    """Share of their links that two lists have in common, mean over artists that have links in both; 0 without any."""
    shares = [
        len(np.intersect1d(here[here >= 0], there[there >= 0])) / max(int((here >= 0).sum()), int((there >= 0).sum()))
        for here, there in zip(one.neighbours, other.neighbours, strict=True)
        if here[0] >= 0 and there[0] >= 0
    ]
    return float(np.mean(shares)) if shares else 0.0
