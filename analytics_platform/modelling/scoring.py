"""Metrics of predictions, with 90 % intervals by a bootstrap over groups: whole artists are drawn anew, not rows.

All metrics of all models are computed in the same draws, so that the difference of two models has an interval of its
own, narrower than theirs. A draw is a weight per row: how often its group was drawn. Rows of several folds may be
scored together where each was predicted by a model that had not seen it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import DRAWS, FloatArray, Score, draw_groups

CALIBRATION_BINS = 10
"""Of equal mass: a tenth of the rows each, equal probabilities in one bin."""
MASS = 0.9
BLOCK = 4_000_000
"""Weights held at once, 8 bytes each."""

Measure = Callable[[NDArray[Any], FloatArray, FloatArray], FloatArray]
"""From truth (n,), predictions (n,) or (n, K) and weights (D, n) of rows to the metric (D,) in each draw."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of predictions; NaN in draws where it is not defined."""

    name: str
    unit: str
    better: Literal["higher", "lower"]
    measure: Measure
    biased_up: bool = False
    """Chance alone makes it larger, and twice so in a draw: the interval is reflected at the value."""


def score_binary(
    predictions: Mapping[str, FloatArray],
    truth: NDArray[np.bool_],
    groups: NDArray[np.integer],
    *,
    baselines: Collection[str],
    above: str | None = None,
    seed: int = 0,
) -> list[Score]:
    """AUC, accuracy at 0.5, Brier score, calibration error, and lift among the highest 10 and 20 %.

    Args:
        predictions: by model, (n,) probabilities that a row is true.
        truth: (n,).
        groups: (n,) the group of each row.
        baselines: names of models that are baselines.
        above: a model; of every other, the AUC minus this one's is a further score, ``auc_above_<model>``.
        seed: of the draws.

    Raises:
        ValueError: probabilities outside 0 to 1, a prediction that is not finite or of another length, one value of
            the truth only, or fewer than two groups.
    """
    for name, predicted in predictions.items():
        if len(predicted) and not (predicted.min() >= 0 and predicted.max() <= 1):
            raise ValueError(f"{name}: probabilities are {predicted.min()} to {predicted.max()}, not 0 to 1")
    return _scores(predictions, truth.astype(np.float64), groups, BINARY, baselines, above, seed)


def score_values(
    predictions: Mapping[str, FloatArray],
    truth: FloatArray,
    groups: NDArray[np.integer],
    *,
    unit: str,
    baselines: Collection[str],
    above: str | None = None,
    seed: int = 0,
) -> list[Score]:
    """R² (against the mean of these rows), MAE, RMSE and Spearman's rank correlation of predictions (n,).

    ``unit`` is the unit of the truth; the rest as in ``score_binary``, with R² for the AUC.
    """
    metrics = (
        Metric("r2", "share of variance", "higher", _r2),
        Metric("mae", unit, "lower", _mae),
        Metric("rmse", unit, "lower", _rmse),
        Metric("spearman", "rank correlation", "higher", _spearman),
    )
    return _scores(predictions, np.asarray(truth, dtype=np.float64), groups, metrics, baselines, above, seed)


def score_classes(
    predictions: Mapping[str, FloatArray],
    truth: NDArray[np.integer],
    groups: NDArray[np.integer],
    *,
    baselines: Collection[str],
    above: str | None = None,
    seed: int = 0,
) -> list[Score]:
    """Macro-F1 and accuracy of the likeliest class, from probabilities (n, K) and classes (n,) 0 to K − 1.

    A class that is neither there nor predicted does not count in macro-F1. The rest as in ``score_binary``, with
    macro-F1 for the AUC.
    """
    for name, predicted in predictions.items():
        if len(truth) and not (truth.min() >= 0 and truth.max() < predicted.shape[1]):
            raise ValueError(f"{name}: {predicted.shape[1]} classes, but the truth is {truth.min()} to {truth.max()}")
    return _scores(predictions, truth, groups, CLASSES, baselines, above, seed)


def _scores(
    predictions: Mapping[str, FloatArray],
    truth: NDArray[Any],
    groups: NDArray[np.integer],
    metrics: Sequence[Metric],
    baselines: Collection[str],
    above: str | None,
    seed: int,
) -> list[Score]:
    names, codes = np.unique(groups, return_inverse=True)
    _check(predictions, truth, groups, len(names))
    drawn = draw_groups(len(names), np.random.default_rng(seed), DRAWS)
    # The first row is what was seen: every group once.
    drawn = np.vstack((np.ones(len(names)), drawn))
    found = {(model, metric.name): np.empty(len(drawn)) for model in predictions for metric in metrics}
    rows = max(BLOCK // len(truth), 1)
    for first in range(0, len(drawn), rows):
        weights = drawn[first : first + rows][:, codes.reshape(-1)]
        for model, predicted in predictions.items():
            for metric in metrics:
                found[model, metric.name][first : first + rows] = metric.measure(truth, predicted, weights)

    def score(model: str, metric: str, values: FloatArray, like: Metric, better: Literal["higher", "lower"]) -> Score:
        value, low, high = _interval(values, like.biased_up)
        return Score(model, metric, value, low, high, like.unit, better, model in baselines, len(names))

    scores = [score(model, m.name, found[model, m.name], m, m.better) for model in predictions for m in metrics]
    if above is not None:
        main = metrics[0]
        scores += [
            score(
                model, f"{main.name}_above_{above}", found[model, main.name] - found[above, main.name], main, "higher"
            )
            for model in predictions
            if model != above
        ]
    return scores


def _check(
    predictions: Mapping[str, FloatArray], truth: NDArray[Any], groups: NDArray[np.integer], group_count: int
) -> None:
    if len(groups) != len(truth):
        raise ValueError(f"{len(truth)} rows of {len(groups)} groups")
    if group_count < 2:
        raise ValueError("rows of fewer than two groups give no interval")
    if (truth == truth[0]).all():
        raise ValueError(f"the truth is {truth[0]} in all {len(truth)} rows: nothing tells good predictions from bad")
    for name, predicted in predictions.items():
        if len(predicted) != len(truth) or not np.isfinite(predicted).all():
            raise ValueError(f"{name}: {len(predicted)} predictions of {len(truth)} rows, or some are not finite")


def _interval(values: FloatArray, biased_up: bool) -> tuple[float, float, float]:
    """The value seen, which is the first, and its interval from the rest."""
    value = float(values[0])
    low, high = (float(end) for end in np.nanquantile(values[1:], [(1 - MASS) / 2, (1 + MASS) / 2]))
    if biased_up:
        low, high = max(2 * value - high, 0.0), max(2 * value - low, value)
    return value, low, high


def _mean(of_rows: NDArray[Any], weights: FloatArray) -> FloatArray:
    return weights @ of_rows / weights.sum(axis=1)


def _mae(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    return _mean(np.abs(predicted - truth), weights)


def _squared(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    return _mean((predicted - truth) ** 2, weights)


def _rmse(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    return np.sqrt(_squared(truth, predicted, weights))


def _r2(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    # The variance does not depend on the origin; around the mean of all rows it loses no digits.
    centred = truth - truth.mean()
    variance = _mean(centred**2, weights) - _mean(centred, weights) ** 2
    variance[variance <= 1e-12 * centred.var()] = np.nan
    return 1 - _squared(truth, predicted, weights) / variance


def _accuracy(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    return _mean((predicted >= 0.5) == (truth > 0), weights)


def _auc(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    """Probability that a true row is above a false one; equal predictions count half."""
    order, starts = _ties(predicted)
    sorted_weights = weights[:, order]
    true = np.add.reduceat(sorted_weights * truth[order], starts, axis=1)
    false = np.add.reduceat(sorted_weights, starts, axis=1) - true
    pairs = true.sum(axis=1) * false.sum(axis=1)
    above = (true * (np.cumsum(false, axis=1) - false / 2)).sum(axis=1)
    return above / np.where(pairs > 0, pairs, np.nan)


def _lift(truth: FloatArray, predicted: FloatArray, weights: FloatArray, *, share: float) -> FloatArray:
    """Share of true rows among the highest ``share`` of the predictions, over their share among all.

    Where that cuts through equal predictions, it takes a part of all of them alike.
    """
    order, starts = _ties(-predicted)
    sorted_weights = weights[:, order]
    rows = np.add.reduceat(sorted_weights, starts, axis=1)
    true = np.add.reduceat(sorted_weights * truth[order], starts, axis=1)
    chosen = share * rows.sum(axis=1)
    taken = np.clip(chosen[:, None] - (np.cumsum(rows, axis=1) - rows), 0, rows)
    hits = (taken / np.maximum(rows, 1) * true).sum(axis=1)
    expected = share * true.sum(axis=1)
    return hits / np.where(expected > 0, expected, np.nan)


def _spearman(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    """Correlation of mid-ranks within each draw; 0 for predictions that are all alike, which sort nothing."""
    one, other = (_centred_ranks(values, weights) for values in (truth, predicted))
    covariance, one_variance, other_variance = (
        (weights * product).sum(axis=1) for product in (one * other, one**2, other**2)
    )
    least = 1e-9 * weights.sum(axis=1) ** 3
    correlation = covariance / np.sqrt(np.maximum(one_variance * other_variance, least**2))
    return np.where(one_variance < least, np.nan, np.where(other_variance < least, 0, correlation))


def _centred_ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    order, starts = _ties(values)
    rows = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = np.cumsum(rows, axis=1) - rows / 2
    tie = np.empty(len(values), dtype=np.int64)
    tie[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    return ranks[:, tie] - weights.sum(axis=1, keepdims=True) / 2


def _ties(values: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order of the values, and where in it a new value begins."""
    order = np.argsort(values, kind="stable")
    changes = np.flatnonzero(np.diff(values[order])) + 1
    return order, np.append(0, changes)


def _calibration_error(truth: FloatArray, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean over rows of the distance, in their bin, between the mean probability and the share that came true.

    Perfect probabilities around 0.5 get about 0.38 · sqrt(bins / n) by chance: 0.038 of 1,000 rows.
    """
    edges = np.quantile(predicted, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
    bins = np.searchsorted(edges, predicted, side="left")
    of_bin = np.zeros((len(truth), CALIBRATION_BINS))
    of_bin[np.arange(len(truth)), bins] = predicted - truth
    return np.abs(weights @ of_bin).sum(axis=1) / weights.sum(axis=1)


def _class_accuracy(truth: NDArray[np.integer], predicted: FloatArray, weights: FloatArray) -> FloatArray:
    return _mean(predicted.argmax(axis=1) == truth, weights)


def _macro_f1(truth: NDArray[np.integer], predicted: FloatArray, weights: FloatArray) -> FloatArray:
    classes = np.arange(predicted.shape[1])
    true, chosen = truth[:, None] == classes, predicted.argmax(axis=1)[:, None] == classes
    both = weights @ (true & chosen)
    either = weights @ true + weights @ chosen
    return np.nanmean(2 * both / np.where(either > 0, either, np.nan), axis=1)


BINARY = (
    Metric("auc", "area under the curve", "higher", _auc),
    Metric("accuracy", "share", "higher", _accuracy),
    Metric("brier", "squared probability", "lower", _squared),
    Metric("calibration_error", "probability", "lower", _calibration_error, biased_up=True),
    Metric("lift_at_10", "times the share in all", "higher", partial(_lift, share=0.1)),
    Metric("lift_at_20", "times the share in all", "higher", partial(_lift, share=0.2)),
)
CLASSES = (
    Metric("macro_f1", "share", "higher", _macro_f1),
    Metric("accuracy", "share", "higher", _class_accuracy),
)
