"""Metrics of predictions, each in all draws of a bootstrap at once: a draw is a weight per row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import FloatArray

CALIBRATION_BINS = 10
"""Of equal mass: a tenth of the rows each, equal probabilities in one bin."""

Measure = Callable[[NDArray[Any], FloatArray, FloatArray], FloatArray]
"""From truth (n,), predictions (n,) or (n, K) and weights (D, n) of rows to the metric (D,) in each draw."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of predictions; NaN in draws where it is not defined."""

    name: str
    unit: str
    better: Literal["higher", "lower"]
    measure: Measure
    ranks: bool = False
    """It compares predictions with one another: those of different fits only where no folds are known."""
    biased_up: bool = False
    """Chance alone makes it larger, and twice so in a draw: the interval is reflected at the value."""


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
    least = 1e-9 * np.maximum(weights.sum(axis=1), 1) ** 3
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
    Metric("auc", "area under the curve", "higher", _auc, ranks=True),
    Metric("accuracy", "share", "higher", _accuracy),
    Metric("brier", "squared probability", "lower", _squared),
    Metric("calibration_error", "probability", "lower", _calibration_error, biased_up=True),
    Metric("lift_at_10", "times the share in all", "higher", partial(_lift, share=0.1), ranks=True),
    Metric("lift_at_20", "times the share in all", "higher", partial(_lift, share=0.2), ranks=True),
)
CLASSES = (
    Metric("macro_f1", "share", "higher", _macro_f1),
    Metric("accuracy", "share", "higher", _class_accuracy),
)


def value_metrics(unit: str) -> tuple[Metric, ...]:
    """Metrics of predicted values; ``unit`` is the unit of the truth."""
    return (
        Metric("r2", "share of variance", "higher", _r2),
        Metric("mae", unit, "lower", _mae),
        Metric("rmse", unit, "lower", _rmse),
        Metric("spearman", "rank correlation", "higher", _spearman, ranks=True),
    )
