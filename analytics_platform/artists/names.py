"""Names of clusters, from what is in them: "indie rock, shoegaze: A, B, C"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

IntArray = NDArray[np.int64]

ARTISTS, TAGS = 3, 3
"""In a name, at most."""
SHRINKAGE = 5
"""Artists of the catalogue's mix of tags that are added to every cluster: few tagged artists name nothing."""
LEAST_LIFT = 1.5
"""Times as common in the cluster as in the catalogue; below that a tag tells nothing of the cluster."""


def cluster_names(
    graph: sparse.csr_array, label: IntArray, artists: Sequence[str], tags: pl.DataFrame | None = None
) -> list[str]:
    """One name per cluster.

    Args:
        graph: symmetric (A, A), of ``knn_graph``.
        label: (A,) clusters from 0; -1 for none.
        artists: (A,) names to show.
        tags: columns artist (row number), tag, weight above 0; rows of artists in no cluster count for the catalogue.
    """
    typical = typical_artists(graph, label)
    found = typical_tags(label, tags) if tags is not None else [[] for _ in typical]
    names = [", ".join(artists[artist] for artist in members) for members in typical]
    return [f"{', '.join(words)}: {name}" if words else name for words, name in zip(found, names, strict=True)]


def typical_artists(graph: sparse.csr_array, label: IntArray, count: int = ARTISTS) -> list[list[int]]:
    """The most typical artists of every cluster, the most typical first, as row numbers.

    How typical: the weight of the links inside the cluster, times their share of all the artist's links.
    So who is linked to everybody everywhere, being well known, names no cluster.
    """
    rows = np.repeat(np.arange(len(label)), np.diff(graph.indptr))
    inside = np.bincount(rows, weights=graph.data * (label[rows] == label[graph.indices]), minlength=len(label))
    every = np.bincount(rows, weights=graph.data, minlength=len(label))
    typical = inside**2 / np.maximum(every, 1e-12)
    order = np.argsort(-typical, kind="stable")
    clusters = range(int(label.max(initial=-1)) + 1)
    return [order[label[order] == cluster][:count].tolist() for cluster in clusters]


def typical_tags(label: IntArray, tags: pl.DataFrame, count: int = TAGS) -> list[list[str]]:
    """The tags that tell most of every cluster: share in the cluster × log of its lift over the catalogue.

    An artist's tags count one together, however many they are. Shares are shrunk to the catalogue's by
    ``SHRINKAGE`` artists. A tag of one artist of the cluster alone is not a tag of the cluster.
    """
    clusters = range(int(label.max(initial=-1)) + 1)
    of_artist = pl.DataFrame({"artist": np.arange(len(label)), "cluster": label}).with_columns(
        pl.col("artist").cast(pl.Int64)
    )
    votes = (
        tags.group_by(pl.col("artist").cast(pl.Int64), "tag")
        .agg(pl.col("weight").sum())
        .with_columns(share=pl.col("weight") / pl.col("weight").sum().over("artist"))
        .join(of_artist, "artist")
    )
    everywhere = votes.group_by("tag").agg(common=pl.col("share").sum() / votes["artist"].n_unique())
    ranked = (
        votes.filter(pl.col("cluster") >= 0)
        .with_columns(tagged=pl.col("artist").n_unique().over("cluster"))
        .group_by("cluster", "tag")
        .agg(pl.col("share").sum(), pl.len().alias("by"), pl.col("tagged").first())
        .join(everywhere, "tag")
        .with_columns(share=(pl.col("share") + SHRINKAGE * pl.col("common")) / (pl.col("tagged") + SHRINKAGE))
        .with_columns(lift=pl.col("share") / pl.col("common"))
        .filter(pl.col("lift") >= LEAST_LIFT, pl.col("by") > 1)
        .with_columns(tells=pl.col("share") * pl.col("lift").log())
        .sort(["cluster", "tells", "tag"], descending=[False, True, False])
    )
    return [ranked.filter(pl.col("cluster") == cluster)["tag"].head(count).to_list() for cluster in clusters]
