"""Clusters and neighbours of artists on real listeners: do they come again when others listen?

Part of ``python -m analytics_platform_tests.benchmarks artists``. The file is of HetRec 2011, lastfm-2k: userID,
artistID and weight (plays), separated by tabs.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from analytics_platform.artists.clusters import BETWEEN_GROUPS, RESOLUTIONS, find_clusters, partition, same_cluster
from analytics_platform.artists.compare_clusters import Repeats, list_overlap, other_clusters, our_clusters, repeats
from analytics_platform.artists.document_clusters import document_clusters
from analytics_platform.artists.graph import knn_graph, top_links

TITLE = "Clusters of artists on lastfm-2k"
LEAST_LISTENERS = 10
RESAMPLES = 10
NEIGHBOURS = 10


def read_plays(file: Path) -> sparse.csr_array:
    """Plays (L, A) of the artists with 10 listeners or more."""
    rows = pl.read_csv(file, separator="\t").filter(pl.len().over("artistID") >= LEAST_LISTENERS)
    listeners = rows["userID"].unique().sort().to_numpy()
    artists = rows["artistID"].unique().sort().to_numpy()
    places = np.searchsorted(listeners, rows["userID"]), np.searchsorted(artists, rows["artistID"])
    return sparse.csr_array((rows["weight"].to_numpy().astype(np.float32), places), (len(listeners), len(artists)))


def shown(values: Sequence[float]) -> str:
    """Mean and range."""
    return f"{np.mean(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def neighbour_rows(plays: sparse.csr_array) -> list[str]:
    """Overlap of top 10 lists of two disjoint halves of the listeners, by the least number of shared listeners."""
    lines = [
        "| least shared listeners in a half | of ten | of the longer list | artists with both lists |",
        "|---|---|---|---|",
    ]
    for least in (1, 2, 3):
        of_ten, of_list, both = [], [], []
        for seed in range(RESAMPLES):
            first = np.random.default_rng(seed).permutation(plays.shape[0]) < plays.shape[0] // 2
            one, other = (top_links(plays[half], NEIGHBOURS, least_shared=least) for half in (first, ~first))
            common = [
                len(np.intersect1d(here[here >= 0], there[there >= 0]))
                for here, there in zip(one.neighbours, other.neighbours, strict=True)
            ]
            of_ten.append(float(np.mean(common)) / NEIGHBOURS)
            of_list.append(list_overlap(one, other))
            both.append(float(((one.neighbours[:, 0] >= 0) & (other.neighbours[:, 0] >= 0)).mean()))
        lines.append(f"| {least} | {shown(of_ten)} | {shown(of_list)} | {shown(both)} |")
    return lines


def cluster_rows(plays: sparse.csr_array) -> list[str]:
    """Every model's stability, mean and range over the resamples."""
    found: dict[str, Repeats] = repeats(plays, our_clusters, resamples=RESAMPLES)
    found |= repeats(plays, other_clusters, resamples=RESAMPLES)
    whole = partial(document_clusters, components=1_000)
    found |= repeats(plays, lambda some: {"document_clusters, 1,000 components": whole(some)}, resamples=3)
    lines = [
        "| model | clusters | largest | ARI, bootstrap | keep | ARI, halves | modularity of unseen |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in found.items():
        size = np.bincount(runs.label[runs.label >= 0])
        scores = (runs.ari_bootstrap, runs.keep, runs.ari_halves, runs.modularity)
        lines.append(f"| {name} | {len(size)} | {size.max()} | {' | '.join(map(shown, scores))} |")
    return lines


def membership_rows(plays: sparse.csr_array) -> list[str]:
    """Of artists by membership: how many come to the same cluster when listeners are drawn anew once more."""
    clusters = find_clusters(plays, top_links(plays, 20))
    listeners = plays.shape[0]
    drawn = [np.random.default_rng(1_000 + seed).integers(0, listeners, listeners) for seed in range(RESAMPLES)]
    again = [knn_graph(top_links(plays, 15, weights=np.bincount(rows, minlength=listeners))) for rows in drawn]
    lines = ["| membership | " + " | ".join(f"{name}: artists | come again" for name in clusters) + " |"]
    lines.append("|---" * (1 + 2 * len(clusters)) + "|")
    came = {
        name: np.mean([same_cluster(found.label, partition(graph, RESOLUTIONS[name])) for graph in again], axis=0)
        for name, found in clusters.items()
    }
    edges = (0, 0.25, 0.45, 0.6, 0.75, 0.95, 1.01)
    for low, high in [*pairwise(edges), (0, BETWEEN_GROUPS), (BETWEEN_GROUPS, 1.01)]:
        cells = [f"{low:g} to below {high:g}" if high <= 1 else f"from {low:g}"]
        for name, found in clusters.items():
            chosen = (found.membership >= low) & (found.membership < high)
            cells += [str(int(chosen.sum())), f"{came[name][chosen].mean():.2f}" if chosen.any() else ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def month_rows(plays: sparse.csr_array) -> list[str]:
    """Artists that keep their cluster without a tenth of the listeners, from the previous partition and afresh."""
    lines = ["| clusters | keep, from the previous | keep, afresh |", "|---|---|---|"]
    full = our_clusters(plays)
    for name, resolution in RESOLUTIONS.items():
        label = full[f"leiden_{name}"]
        started, afresh = [], []
        for seed in range(RESAMPLES):
            stay = np.random.default_rng(seed).random(plays.shape[0]) >= 0.1
            graph = knn_graph(top_links(plays[stay], 15))
            for kept, start in ((started, label), (afresh, None)):
                kept.append(float(same_cluster(label, partition(graph, resolution, start=start))[label >= 0].mean()))
        lines.append(f"| {name} | {shown(started)} | {shown(afresh)} |")
    return lines


def section(file: Path) -> list[str]:
    """The markdown lines of the section."""
    plays = read_plays(file)
    listeners, artists = plays.shape
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn", "graspologic-native"))
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, "
        f"{packages}.",
        f"HetRec lastfm-2k: {listeners:,} listeners, {artists:,} artists with {LEAST_LISTENERS} listeners or more,",
        f"{plays.nnz:,} pairs. Mean (lowest–highest) over {RESAMPLES} resamples (3 with 1,000 components).",
        "",
        "Neighbours: top 10 lists of two disjoint halves of the listeners. Target: .32.",
        "",
        *neighbour_rows(plays),
        "",
        "Clusters: all listeners against as many drawn with replacement (adjusted Rand index; share of artists that",
        "keep their cluster after matching), two disjoint halves, and the modularity of a half's partition on the",
        "graph of the other half. Targets for broad clusters: ARI .55, keep .75.",
        "",
        *cluster_rows(plays),
        "",
        "Membership against ten bootstraps that it has not seen:",
        "",
        *membership_rows(plays),
        "",
        "Another month, played by nine listeners in ten:",
        "",
        *month_rows(plays),
    ]
