"""How good neighbours are: the same from two halves of the listeners, and of the same genre, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.features import (
    FloatArray,
    artist_vectors,
    gram,
    shape_of,
    singular_vectors,
    unit_vectors,
)
from analytics_platform.artists.graph import LEAST_SHARED, top_links
from analytics_platform.artists.neighbours import contains, nearest
from analytics_platform.modelling.evaluation import Score, bootstrap_ratio

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MODEL = "artist_vectors"
LIST = 10
HALVES = 3
"""Times that the listeners are split in two."""
MOST_PAIRS = 5_000_000
"""Pairs that are compared; of more, so many listeners are drawn."""
MOST_ARTISTS = 5_000
"""Of more artists so many are drawn: the bootstrap counts each a thousand times."""
IntArray = NDArray[np.int32]
Lists = Callable[["csr_array"], IntArray]
"""From plays (L, A), the ten nearest of each artist (A, 10), -1 padded."""


def compare_neighbours(
    plays: csr_array, genres: Sequence[str | None] | None = None, *, threads: int = 1, seed: int = 0
) -> list[Score]:
    """Scores of our neighbours, of the graph's, of the document's features, and of dummies.

    ``half_recall``: share of an artist's ten neighbours by one half of the listeners that are among its ten by the
    other half. ``genre_agreement``: share of its ten neighbours with its main genre, among neighbours of which the
    genre is known. Intervals (90 %) are bootstraps over artists.

    Args:
        plays: (L, A).
        genres: (A,) main genre or None, if any are known.
        threads: of the matrix products.
        seed: of the halves, the listeners drawn and the bootstrap.
    """
    rng = np.random.default_rng(seed)
    plays = _drawn(plays, rng)
    listeners = shape_of(plays)[0]

    def least(some: csr_array) -> int:
        # Half of the listeners share half as many.
        return LEAST_SHARED if shape_of(some)[0] == listeners else LEAST_SHARED // 2 + 1

    models: Mapping[str, Lists] = {
        MODEL: lambda some: nearest(artist_vectors(some, threads=threads), LIST, threads=threads)[0],
        "co_listening_graph": lambda some: top_links(some, LIST, least_shared=least(some)).neighbours,
        "document_svd": lambda some: nearest(document_vectors(some, threads=threads), LIST, threads=threads)[0],
        "most_listened": _most_listened,
        "random": lambda some: _random(shape_of(some)[1], rng),
    }
    recalled = {name: np.zeros(shape_of(plays)[1]) for name in models}
    for _ in range(HALVES):
        half = rng.random(listeners) < 0.5
        for name, lists in models.items():
            one, other = lists(plays[half]), lists(plays[~half])
            recalled[name] += contains(other, one).sum(axis=1)
    scores = [
        _score(name, "half_recall", recall, np.full(len(recall), float(LIST * HALVES)), rng)
        for name, recall in recalled.items()
    ]
    if genres is not None and any(genres):
        names, codes = np.unique(np.array([genre or "" for genre in genres]), return_inverse=True)
        known = names[codes] != ""
        for name, lists in models.items():
            rows = lists(plays)
            there = (rows >= 0) & known[np.maximum(rows, 0)] & known[:, None]
            same = there & (codes[np.maximum(rows, 0)] == codes[:, None])
            scores.append(_score(name, "genre_agreement", same.sum(axis=1), there.sum(axis=1), rng))
    return scores


def document_vectors(plays: csr_array, *, threads: int = 1) -> FloatArray:
    """Unit vectors (A, 64) of the source document's features: log of plays, SVD. One play weighs log(1) = 0 there."""
    from scipy.sparse import csr_array as csr

    logs = csr((np.log(plays.data).astype(np.float32), plays.indices, plays.indptr), shape=shape_of(plays))
    return unit_vectors(*singular_vectors(gram(logs, threads=threads), shape_of(plays)[1]))


def _drawn(plays: csr_array, rng: np.random.Generator) -> csr_array:
    if plays.nnz <= MOST_PAIRS:
        return plays
    return plays[rng.random(shape_of(plays)[0]) < MOST_PAIRS / plays.nnz]


def _most_listened(plays: csr_array) -> IntArray:
    """The dummy that recommends the same big artists to everybody."""
    artists = shape_of(plays)[1]
    order = np.argsort(-np.bincount(plays.indices, minlength=artists), kind="stable")[: LIST + 1].astype(np.int32)
    lists = np.full((artists, LIST), -1, dtype=np.int32)
    for artist in range(artists):
        others = order[order != artist][:LIST]
        lists[artist, : len(others)] = others
    return lists


def _random(artists: int, rng: np.random.Generator) -> IntArray:
    return rng.integers(0, artists, (artists, LIST)).astype(np.int32)


def _score(
    model: str,
    metric: str,
    totals: NDArray[np.number],
    weights: NDArray[np.number],
    rng: np.random.Generator,
) -> Score:
    if len(totals) > MOST_ARTISTS:
        chosen = rng.permutation(len(totals))[:MOST_ARTISTS]
        totals, weights = totals[chosen], weights[chosen]
    value, low, high = bootstrap_ratio(totals.astype(np.float64), weights.astype(np.float64), rng)
    is_baseline = model not in (MODEL, "co_listening_graph")
    return Score(model, metric, value, low, high, "share of neighbours", "higher", is_baseline, len(totals))
