"""Scores of predictions, with 90 % intervals by a bootstrap over groups: whole artists are drawn anew, not rows.

All metrics of all models are computed in the same draws, so that the difference of two models has an interval of its
own, narrower than theirs. A draw is a weight per row: how often its group was drawn.

Rows of several folds may be scored together, each predicted by a fit that had not seen it. Say then which rows were
predicted by one fit (``folds``): metrics of order compare only those with one another. Without, the mean of the
training rows gets an AUC below 0.5, because it is low where the test rows are high.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import DRAWS, FloatArray, Score, draw_groups
from analytics_platform.modelling.metrics import BINARY, CLASSES, Metric, value_metrics

MASS = 0.9
BLOCK = 4_000_000
"""Weights held at once, 8 bytes each."""


def score_binary(
    predictions: Mapping[str, FloatArray],
    truth: NDArray[np.bool_],
    groups: NDArray[np.integer],
    *,
    baselines: Collection[str],
    folds: NDArray[np.integer] | None = None,
    above: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> list[Score]:
    """AUC, accuracy at 0.5, Brier score, calibration error, and lift among the highest 10 and 20 %.

    Args:
        predictions: by model, (n,) probabilities that a row is true.
        truth: (n,).
        groups: (n,) the group of each row.
        baselines: names of models that are baselines.
        folds: (n,) which fit predicted each row, if there were several; see above.
        above: a model; of every other, the AUC minus this one's is a further score, ``auc_above_<model>``.
        seed: of the draws.
        draws: how many.

    Raises:
        ValueError: probabilities outside 0 to 1, a prediction that is not finite or of another length, one value of
            the truth only, or fewer than two groups.
    """
    for name, predicted in predictions.items():
        if len(predicted) and not (predicted.min() >= 0 and predicted.max() <= 1):
            raise ValueError(f"{name}: probabilities are {predicted.min()} to {predicted.max()}, not 0 to 1")
    return _scores(predictions, truth.astype(np.float64), groups, BINARY, baselines, above, seed, folds, draws)


def score_values(
    predictions: Mapping[str, FloatArray],
    truth: FloatArray,
    groups: NDArray[np.integer],
    *,
    unit: str,
    baselines: Collection[str],
    folds: NDArray[np.integer] | None = None,
    above: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> list[Score]:
    """R² (against the mean of these rows), MAE, RMSE and Spearman's rank correlation of predictions (n,).

    ``unit`` is the unit of the truth; the rest as in ``score_binary``, with R² for the AUC.
    """
    values = np.asarray(truth, dtype=np.float64)
    return _scores(predictions, values, groups, value_metrics(unit), baselines, above, seed, folds, draws)


def score_classes(
    predictions: Mapping[str, FloatArray],
    truth: NDArray[np.integer],
    groups: NDArray[np.integer],
    *,
    baselines: Collection[str],
    above: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> list[Score]:
    """Macro-F1 and accuracy of the likeliest class, from probabilities (n, K) and classes (n,) 0 to K − 1.

    A class that is neither there nor predicted does not count in macro-F1. The rest as in ``score_binary``, with
    macro-F1 for the AUC.
    """
    for name, predicted in predictions.items():
        if len(truth) and not (truth.min() >= 0 and truth.max() < predicted.shape[1]):
            raise ValueError(f"{name}: {predicted.shape[1]} classes, but the truth is {truth.min()} to {truth.max()}")
    return _scores(predictions, truth, groups, CLASSES, baselines, above, seed, None, draws)


def _scores(
    predictions: Mapping[str, FloatArray],
    truth: NDArray[Any],
    groups: NDArray[np.integer],
    metrics: Sequence[Metric],
    baselines: Collection[str],
    above: str | None,
    seed: int,
    folds: NDArray[np.integer] | None,
    draws: int,
) -> list[Score]:
    names, codes = np.unique(groups, return_inverse=True)
    _check(predictions, truth, groups, len(names))
    drawn = draw_groups(len(names), np.random.default_rng(seed), draws)
    # The first row is what was seen: every group once.
    drawn = np.vstack((np.ones(len(names)), drawn))
    found = {(model, metric.name): np.empty(len(drawn)) for model in predictions for metric in metrics}
    rows = max(BLOCK // len(truth), 1)
    for first in range(0, len(drawn), rows):
        weights = drawn[first : first + rows][:, codes.reshape(-1)]
        for model, predicted in predictions.items():
            for metric in metrics:
                within = folds if metric.ranks else None
                found[model, metric.name][first : first + rows] = _measure(metric, truth, predicted, weights, within)

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


def _measure(
    metric: Metric,
    truth: NDArray[Any],
    predicted: FloatArray,
    weights: FloatArray,
    folds: NDArray[np.integer] | None,
) -> FloatArray:
    """The metric (D,) in each draw; with folds the mean over them, by the rows that were drawn of each."""
    if folds is None:
        return metric.measure(truth, predicted, weights)
    total, rows = np.zeros(len(weights)), np.zeros(len(weights))
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold)
        drawn = weights[:, inside]
        values = metric.measure(truth[inside], predicted[inside], drawn)
        defined = np.isfinite(values)
        total += np.where(defined, values, 0) * drawn.sum(axis=1)
        rows += defined * drawn.sum(axis=1)
    return total / np.where(rows > 0, rows, np.nan)


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
