"""How well scores rank what a listener went on to play, for each listener, beside baselines and with intervals.

Per listener, over the candidates that it does not know yet, the highest score first; h of them are held out:

- ``recall_at_20``: held-out tracks among the first 20, over min(20, h): Liang et al. 2018, arXiv:1802.05814, and EASE.
- ``ndcg_at_100``: sum of 1 / log2(1 + place) of the held-out tracks among the first 100, over the most it can be.
- ``map_at_500``: mean over the held-out tracks among the first 500 of the share of held-out ones up to its place,
  counting min(500, h) tracks: the Million Song Dataset Challenge, McFee et al. 2012, doi:10.1145/2187980.2188222.
- ``auc``: chance that a held-out track scores higher than another candidate that is not known; half for a tie.

Equal scores are ranked by one random order of the tracks, the same for every model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.features import shape_of
from analytics_platform.modelling.evaluation import DRAWS, FloatArray, Score, draw_groups
from analytics_platform.taste.collaborative import IntArray, Scorer

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Metrics = Mapping[str, FloatArray]
"""Of one model, by metric, of each listener (L,); nan for listeners of whom nothing is held out."""
METRICS = ("recall_at_20", "ndcg_at_100", "map_at_500", "auc")
RECALL_AT, NDCG_AT, MAP_AT = 20, 100, 500
BLOCK_ENTRIES = 4_000_000
"""Scores held at once; about 30 bytes each with what is compared."""
BLOCK_DRAWS = 50
"""Bootstrap samples made at once: L × 8 bytes each."""


def rank_listeners(
    scores: Scorer,
    held_out: csr_array,
    known: csr_array,
    *,
    candidates: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Metrics:
    """``METRICS`` of every listener.

    Args:
        scores: finite scores of all tracks for rows of listeners.
        held_out: (L, T) with an entry for each pair to find; those that are known or no candidates don't count.
        known: (L, T) with an entry for each pair that is no candidate, because it was learnt from.
        candidates: (T,) the tracks that are ranked; all of them if None. Cold tracks, say.
        seed: of the order of equal scores.

    Raises:
        ValueError: a score is not finite.
    """
    listeners, tracks = shape_of(held_out)
    columns = np.arange(tracks) if candidates is None else np.flatnonzero(candidates)
    tie_order = np.random.default_rng(seed).permutation(tracks)[columns]
    found = {metric: np.full(listeners, np.nan) for metric in METRICS}
    wanted = np.flatnonzero(np.diff(held_out.indptr))
    size = max(BLOCK_ENTRIES // max(tracks, 1), 1)
    for first in range(0, len(wanted), size):
        rows = wanted[first : first + size]
        block = np.array(scores(rows)[:, columns], dtype=np.float32)
        if not np.isfinite(block).all():
            raise ValueError("a score is not a finite number")
        is_known = _entries(known[rows])[:, columns]
        block[is_known] = -np.inf
        listener, track = np.nonzero(_entries(held_out[rows])[:, columns] & ~is_known)
        if not len(listener):
            continue
        places, middles = _places(block, listener, track, tie_order)
        for metric, values in _of_places(places, middles, listener, (~is_known).sum(axis=1)).items():
            found[metric][rows] = values
    return found


def ranking_scores(
    folds: Iterable[Mapping[str, Metrics]],
    *,
    over: str,
    baselines: Sequence[str],
    seed: int = 0,
    draws: int = DRAWS,
) -> list[Score]:
    """Means over listeners with 90 % intervals, and of each model the ratio to one of them.

    The bootstrap draws listeners anew, and folds where there are several, the same for all models and metrics; so
    ``recall_at_20_over_<model>`` is surer than the two numbers that it divides. A listener of several folds is drawn
    in all of them at once: L is the same in all.

    Args:
        folds: metrics of each model, of each fold; each model is in each fold.
        over: the model that the others are divided by, where its value is above 0 in all samples.
        baselines: models that are marked as baselines.
        seed: of the bootstrap.
        draws: of it.
    """
    all_folds = list(folds)
    if not all_folds:
        return []
    models = list(all_folds[0])
    # (F, L, models * metrics); a listener that a fold does not judge weighs nothing in it.
    values = np.stack([np.stack([fold[m][name] for m in models for name in METRICS], axis=1) for fold in all_folds])
    judged = ~np.isnan(values)
    counted = judged.any(axis=(0, 2))
    values, judged = np.nan_to_num(values[:, counted]), judged[:, counted].astype(np.float64)
    listeners = int(np.count_nonzero(counted))
    if not listeners:
        return []
    rng = np.random.default_rng(seed)
    count = len(all_folds)
    of_folds = draw_groups(count, rng, draws) if count > 1 else np.ones((draws, 1))
    samples = np.empty((draws, len(models) * len(METRICS)))
    for first in range(0, draws, BLOCK_DRAWS):
        weights = of_folds[first : first + BLOCK_DRAWS]
        drawn = draw_groups(listeners, rng, len(weights))
        totals, sizes = (np.einsum("df,fdk->dk", weights, drawn @ part) for part in (values, judged))
        samples[first : first + len(weights)] = totals / np.maximum(sizes, 1e-12)
    means = values.sum(axis=(0, 1)) / np.maximum(judged.sum(axis=(0, 1)), 1e-12)
    scores: list[Score] = []
    for at, model in enumerate(models):
        own = slice(at * len(METRICS), (at + 1) * len(METRICS))
        other = slice(models.index(over) * len(METRICS), (models.index(over) + 1) * len(METRICS))
        for metric, mean, sample, base, base_sample in zip(
            METRICS, means[own], samples[:, own].T, means[other], samples[:, other].T, strict=True
        ):
            named = [(metric, float(mean), sample, "share")]
            if model != over and base > 0 and (base_sample > 0).all():
                named.append((f"{metric}_over_{over}", float(mean / base), sample / base_sample, "ratio"))
            for name, value, sampled, unit in named:
                low, high = np.quantile(sampled, [0.05, 0.95])
                scores.append(
                    Score(model, name, value, float(low), float(high), unit, "higher", model in baselines, listeners)
                )
    return scores


def _entries(some: csr_array) -> NDArray[np.bool_]:
    """Where a sparse matrix has an entry, whatever its value, (l, T)."""
    there = np.zeros(shape_of(some), dtype=bool)
    there[np.repeat(np.arange(len(there)), np.diff(some.indptr)), some.indices] = True
    return there


def _places(
    block: NDArray[np.float32], listener: IntArray, track: IntArray, tie_order: IntArray
) -> tuple[IntArray, FloatArray]:
    """Places, from 0, of pairs (p,) in the rankings of scores (l, C); and the middle of the places of equal scores."""
    places, middles = np.empty(len(listener), dtype=np.int64), np.empty(len(listener))
    size = max(BLOCK_ENTRIES // max(block.shape[1], 1), 1)
    for first in range(0, len(listener), size):
        part = slice(first, first + size)
        rows = block[listener[part]]
        own = block[listener[part], track[part]][:, None]
        above, equal = np.count_nonzero(rows > own, axis=1), rows == own
        before = np.count_nonzero(equal & (tie_order < tie_order[track[part]][:, None]), axis=1)
        places[part] = above + before
        middles[part] = above + (np.count_nonzero(equal, axis=1) - 1) / 2
    return places, middles


def _of_places(places: IntArray, middles: FloatArray, listener: IntArray, candidates: IntArray) -> Metrics:
    """Metrics (l,) from the places (p,) of held-out tracks, in order of listener (p,), and each one's candidates."""
    count = len(candidates)
    order = np.lexsort((places, listener))
    places = places[order]
    held = np.bincount(listener, minlength=count)
    # How many of the listener's held-out tracks stand up to here.
    up_to = np.arange(1, len(listener) + 1) - np.repeat(np.cumsum(held) - held, held)

    def per_listener(values: NDArray[Any]) -> FloatArray:
        return np.bincount(listener, weights=values.astype(np.float64), minlength=count).astype(np.float64)

    gains = 1 / np.log2(np.arange(2, NDCG_AT + 2))
    ideal = np.concatenate([[0.0], np.cumsum(gains)])[np.minimum(held, NDCG_AT)]
    dcg = per_listener(np.where(places < NDCG_AT, gains[np.minimum(places, NDCG_AT - 1)], 0))
    precision = per_listener(np.where(places < MAP_AT, up_to / (places + 1), 0))
    # Of those above held-out tracks, some are held out themselves.
    wrong = per_listener(middles) - held * (held - 1) / 2
    others = candidates - held
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "recall_at_20": per_listener(places < RECALL_AT) / np.where(held, np.minimum(held, RECALL_AT), np.nan),
            "ndcg_at_100": dcg / np.where(held, ideal, np.nan),
            "map_at_500": precision / np.where(held, np.minimum(held, MAP_AT), np.nan),
            "auc": 1 - wrong / np.where(held * others > 0, held * others, np.nan),
        }
