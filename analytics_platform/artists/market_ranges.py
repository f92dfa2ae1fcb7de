"""80 % ranges of expected plays, calibrated on markets that the artists already have."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MASS = 0.8
FOLDS = 5
GROUP_CELLS = 200
"""Cells of a group by size of the forecast; fewer cells in all are one group."""
MOST_GROUPS = 8
LEAST_CELLS = 9
"""Fewer cells cannot show what lies outside 80 %: the tenth part of nine is less than one."""


def calibrate(
    plays: FloatArray,
    expected: FloatArray,
    established: BoolArray,
    forecast: Callable[[BoolArray], FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends (A, C) of 80 % ranges around ``expected`` (A, C); NaN with fewer than 9 established cells.

    In five folds a fifth of the established cells is hidden and forecast from the others
    (``forecast`` takes the cells it may use). The 10th and 90th percentiles of
    log((plays + 0.5) / (forecast + 0.5)), by size of the forecast, are the range: cross-conformal
    prediction (Vovk 2015, "Cross-conformal predictors"), with the order statistics that hold for
    any distribution. ``expected`` itself is always inside.

    It promises that about 80 % of established markets that were hidden would lie in their ranges,
    over the catalogue and among forecasts of about that size; not for each artist, and not for the
    cells of one artist together. An unopened market is an extrapolation: the range is what the
    market gives *if* it turns out like those the artist already has. Whether it opens, when, and
    how the campaign does are not in it. Neither are home markets, which nobody has yet to open.
    """
    rows, columns = np.nonzero(established & np.isfinite(expected))
    if len(rows) < LEAST_CELLS:
        nothing = np.full(expected.shape, np.nan)
        return nothing, nothing.copy()
    # The same cells in the same folds every time: a rebuild gives the same ranges.
    fold = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    guess = np.empty(len(rows))
    for number in range(FOLDS):
        use = established.copy()
        hidden = fold == number
        use[rows[hidden], columns[hidden]] = False
        guess[hidden] = forecast(use)[rows[hidden], columns[hidden]]
    error = np.log((plays[rows, columns] + 0.5) / (guess + 0.5))
    groups = int(np.clip(len(rows) // GROUP_CELLS, 1, MOST_GROUPS))
    edges = np.unique(np.quantile(guess, np.arange(1, groups) / groups))
    edges = edges[edges > guess.min()]
    group = np.searchsorted(edges, guess, side="right")
    ends = np.array([range_ends(error[group == number]) for number in range(len(edges) + 1)])
    low, high = ends[np.searchsorted(edges, np.nan_to_num(expected), side="right")].transpose(2, 0, 1)
    middle = expected + 0.5
    return (
        np.clip(middle * np.exp(low) - 0.5, 0, expected),
        np.maximum(middle * np.exp(high) - 0.5, expected),
    )


def range_ends(errors: FloatArray) -> tuple[float, float]:
    """Order statistics of errors (n,) that leave at most a tenth of one more draw on either side; few: the extremes."""
    ordered = np.sort(errors)
    tail = (1 - MASS) / 2 * (len(ordered) + 1)
    return float(ordered[max(floor(tail), 1) - 1]), float(ordered[min(ceil(len(ordered) + 1 - tail), len(ordered)) - 1])
