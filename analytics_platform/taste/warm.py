"""How well factors rank tracks that they were learnt from, beside other ways to recommend by plays alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.artists.features import shape_of
from analytics_platform.modelling.evaluation import Score
from analytics_platform.taste.collaborative import (
    EASE_MOST_TRACKS,
    Scorer,
    ease,
    factor_scores,
    item_cosine,
    popularity,
    random_scores,
)
from analytics_platform.taste.factors import SOURCE, Wmf, fit_factors
from analytics_platform.taste.ranking import Metrics, rank_listeners, ranking_scores

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TASK = "held_out_plays"
MODEL = "wmf"
OVER = "popularity"
FACTORS: Mapping[str, Wmf] = {MODEL: Wmf(), "wmf_document": SOURCE}
"""Ways to factorise that are judged: ours, and the source documents'."""
PLAIN = {
    "item_cosine": "shrunk cosine of the tracks' listeners, added up over what the listener played",
    "ease": "linear regression of each track on the others",
    "popularity": "number of listeners",
    "random": "chance",
}
"""Baselines without factors."""
HELD_OUT = 0.2
"""Share of each listener's pairs."""
SEEDS = (0, 1, 2)
"""Of the pairs that are held out."""
MOST_JUDGED = 10_000
"""Listeners who are judged; of more so many are drawn, the same for all models. All are learnt from."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What models may know of who played what, and what they are asked for, both (L, T) without a pair in common."""

    known: csr_array
    held_out: csr_array


def hold_out_pairs(plays: csr_array, seed: int) -> HeldOut:
    """Hold out a fifth of each listener's tracks at random, whole pairs; at least one stays known.

    Of n tracks it is n / 5 rounded up or down by chance, so that listeners of few tracks are judged too.
    """
    from scipy.sparse import csr_array as csr

    rng = np.random.default_rng(seed)
    counts = np.diff(plays.indptr)
    take = np.minimum(np.floor(counts * HELD_OUT + rng.random(len(counts))), np.maximum(counts - 1, 0))
    listener = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((rng.random(plays.nnz), listener))
    place = np.arange(plays.nnz) - np.repeat(np.cumsum(counts) - counts, counts)
    is_held = np.zeros(plays.nnz, dtype=bool)
    is_held[order] = place < take[listener]
    parts = [
        csr((plays.data[chosen], (listener[chosen], plays.indices[chosen])), shape=shape_of(plays))
        for chosen in (~is_held, is_held)
    ]
    return HeldOut(*parts)


def compare_factors(
    folds: Iterable[HeldOut], factors: Mapping[str, Wmf] = FACTORS, *, threads: int = 1, seed: int = 0
) -> tuple[list[Score], dict[str, str]]:
    """Scores of factors and of baselines, with ratios to the baseline ``OVER``; and notes by model.

    Args:
        folds: of the same listeners and tracks each: ``hold_out_pairs`` of several seeds, or one split by time, of
            ``track_plays.read_later_plays``. They are taken one after the other.
        factors: ways to factorise by name; all but ``MODEL`` are marked as baselines.
        threads: of the factors.
        seed: of the factors, the listeners drawn and the bootstrap.

    Returns:
        Nothing if there is nothing to judge.
    """
    metrics: list[Mapping[str, Metrics]] = []
    for number, fold in enumerate(folds):
        held_out = _drawn(fold.held_out, seed)
        ways = _ways(fold.known, factors, threads, seed + number)
        metrics.append({name: rank_listeners(way(), held_out, fold.known, seed=seed) for name, way in ways.items()})
    if not metrics:
        return [], {}
    baselines = [name for name in metrics[0] if name != MODEL]
    said = {name: words(how) for name, how in factors.items()} | PLAIN
    notes = {name: said[name] for name in metrics[0]}
    return ranking_scores(metrics, over=OVER, baselines=baselines, seed=seed), notes


def words(how: Wmf) -> str:
    """The parameters in a line."""
    law = f"log(1 + plays / {how.epsilon:g})" if how.confidence == "log" else "plays"
    return (
        f"{how.factors} factors, confidence 1 + {how.alpha:g} {law}, regularisation {how.regularisation:g}, "
        f"{how.iterations} rounds"
    )


def _ways(known: csr_array, factors: Mapping[str, Wmf], threads: int, seed: int) -> dict[str, Callable[[], Scorer]]:
    """Models by name; each is fitted when it is called, so that only one is held at a time."""
    tracks = shape_of(known)[1]

    def factorised(how: Wmf) -> Scorer:
        return factor_scores(fit_factors(known, how, seed=seed, threads=threads))

    ways: dict[str, Callable[[], Scorer]] = {
        **{name: partial(factorised, how) for name, how in factors.items()},
        "item_cosine": lambda: item_cosine(known),
        "popularity": lambda: popularity(known),
        "random": lambda: random_scores(tracks, seed),
    }
    if tracks <= EASE_MOST_TRACKS:
        ways["ease"] = lambda: ease(known)
    return ways


def _drawn(held_out: csr_array, seed: int) -> csr_array:
    """Of more listeners than are judged, the pairs of so many; the shape stays."""
    from scipy.sparse import csr_array as csr

    listeners = shape_of(held_out)[0]
    if listeners <= MOST_JUDGED:
        return held_out
    chosen = np.zeros(listeners, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(listeners)[:MOST_JUDGED]] = True
    listener = np.repeat(np.arange(listeners), np.diff(held_out.indptr))
    kept = chosen[listener]
    pairs = (listener[kept], held_out.indices[kept])
    return csr((held_out.data[kept], pairs), shape=shape_of(held_out))
