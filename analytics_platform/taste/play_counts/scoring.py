"""How well plays of a listener are predicted, beside the mean predictor, with 90 % intervals over songs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import DRAWS, Score, draw_groups
from analytics_platform.modelling.metrics import value_metrics
from analytics_platform.taste.play_counts.baselines import MEAN
from analytics_platform.taste.play_counts.targets import FloatArray, IntArray

MSE, BELOW_MEAN = "mse", "mse_below_mean"
SPEARMAN = next(metric for metric in value_metrics("plays") if metric.name == "spearman")
SQUARED = "squared widths of the listener's plays"
LEAST_SONGS = 5
"""Test songs below which there is no interval worth the name."""


def score_listener(
    plays: NDArray[np.integer],
    predictions: Sequence[Mapping[str, FloatArray]],
    width: float,
    *,
    baselines: Collection[str],
    seed: int = 0,
    draws: int = DRAWS,
) -> list[Score]:
    """MSE in the document's scale, how far it is below the mean predictor's, MAE in plays and Spearman's correlation.

    Songs are drawn anew, each with all the times that it was tested; correlations are within the songs of one split.

    Args:
        plays: (S,) of the listener.
        predictions: of each split by model, (S,); NaN where a song was not tested. All have a mean predictor.
        width: of the scale that errors are measured in, plays.
        baselines: names of models that are baselines.
        seed: of the draws.
        draws: how many.

    Returns:
        Of models that all splits have and that say something of every test song; none with fewer than five songs. What
        is not defined, as the correlation of plays that are all alike, is left out.
    """
    names = [name for name in predictions[0] if all(name in each for each in predictions)]
    tested = [np.flatnonzero(np.isfinite(each[MEAN])) for each in predictions if MEAN in each]
    songs = np.concatenate(tested) if len(tested) == len(predictions) else np.empty(0, dtype=np.int64)
    if not songs.size:
        return []
    distinct, groups = np.unique(songs, return_inverse=True)
    if len(distinct) < LEAST_SONGS:
        return []
    folds = np.repeat(np.arange(len(tested)), [len(each) for each in tested])
    drawn = draw_groups(len(distinct), np.random.default_rng(seed), draws)
    weights = np.vstack((np.ones(len(distinct)), drawn))[:, groups.reshape(-1)]
    truth = plays[songs].astype(np.float64)
    found: dict[tuple[str, str], FloatArray] = {}
    for name in names:
        said = np.concatenate([each[name][place] for each, place in zip(predictions, tested, strict=True)])
        if not np.isfinite(said).all():
            continue
        error = said - truth
        found[name, MSE] = weights @ np.square(error / width) / weights.sum(axis=1)
        found[name, "mae"] = weights @ np.abs(error) / weights.sum(axis=1)
        found[name, "spearman"] = _correlation(truth, said, weights, folds)
    scores: list[Score] = []
    for (name, metric), values in found.items():
        unit = {MSE: SQUARED, "mae": "plays"}.get(metric, SPEARMAN.unit)
        better = "higher" if metric == "spearman" else "lower"
        scores += _score(name, metric, values, unit, better, name in baselines, len(distinct))
        if metric == MSE and name != MEAN:
            below = found[MEAN, MSE] - values
            scores += _score(name, BELOW_MEAN, below, SQUARED, "higher", name in baselines, len(distinct))
    return scores


def _correlation(truth: FloatArray, said: FloatArray, weights: FloatArray, folds: IntArray) -> FloatArray:
    """Mean over splits."""
    values = [SPEARMAN.measure(truth[own], said[own], weights[:, own]) for own in _places(folds)]
    stacked = np.array(values)
    defined = np.isfinite(stacked)
    total = np.where(defined, stacked, 0).sum(axis=0)
    return np.where(defined.any(axis=0), total / np.maximum(defined.sum(axis=0), 1), np.nan)


def _places(folds: IntArray) -> list[IntArray]:
    """Rows of each split that has more than one."""
    found = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    return [own for own in found if len(own) > 1] or [np.arange(len(folds))]


def _score(
    name: str, metric: str, values: FloatArray, unit: str, better: str, is_baseline: bool, songs: int
) -> list[Score]:
    if not np.isfinite(values[0]):
        return []
    low, high = (float(end) for end in np.nanquantile(values[1:], [0.05, 0.95]))
    direction = "higher" if better == "higher" else "lower"
    return [Score(name, metric, float(values[0]), low, high, unit, direction, is_baseline, songs)]


def verdict(scores: Sequence[Score], model: str) -> str:
    """Whether a model beats the mean predictor of a listener, in words; by the whole 90 % interval."""
    for score in scores:
        if score.model == model and score.metric == BELOW_MEAN:
            if score.low > 0:
                return "beats the mean predictor"
            return "is worse than the mean predictor" if score.high < 0 else "cannot be told from the mean predictor"
    return "was not measured"
