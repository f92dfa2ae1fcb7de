"""What every model must beat: means, means of a group, and a ridge regression on a few columns. All are fitted.

A target is (n,), or (n, K) with a column per class that is 1 where a row has it: its mean is the share of each class,
of which the largest is the majority. Every fit takes training rows only, except ``mean_of_others``, which says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import FloatArray

PENALTIES: tuple[float, ...] = tuple(np.logspace(-4, 2, 13).tolist())
"""Of the ridge, per row: the same penalty on twice the rows gives nearly the same weights."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The same prediction for every row: for values the mean, for yes or no and for classes the shares (majority)."""

    value: FloatArray
    """() or (K,)."""

    def predict(self, rows: int) -> FloatArray:
        """(rows,) or (rows, K)."""
        return np.tile(self.value, (rows,) + (1,) * self.value.ndim)


def fit_mean(target: FloatArray) -> Mean:
    """The dummy ``mean`` of a value and ``majority`` of yes or no or classes."""
    if not len(target):
        raise ValueError("no rows to take a mean of")
    return Mean(np.asarray(target.mean(axis=0), dtype=np.float64))


@dataclass(frozen=True, slots=True)
class GroupMeans:
    """The mean of a row's group, drawn to the mean of all by as much as the group is small; see ``fit_group_means``."""

    names: NDArray[Any]
    """(G,) sorted."""
    means: FloatArray
    """(G,) or (G, K)."""
    overall: FloatArray

    def predict(self, names: NDArray[Any]) -> FloatArray:
        """(n,) or (n, K) for the groups (n,) of rows: the mean of all for a group that was not trained on."""
        place = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        known = self.names[place] == names
        return np.where(known.reshape(-1, *(1,) * self.overall.ndim), self.means[place], self.overall)


def fit_group_means(target: FloatArray, names: NDArray[Any]) -> GroupMeans:
    """The dummy ``genre_mean``, or with a split by time what an artist's past says.

    The mean of a group of n rows counts n / (n + k), with k the variance within groups over the variance between them
    (one-way random effects, by moments): https://en.wikipedia.org/wiki/Random_effects_model

    Args:
        target: (n,) or (n, K) of training rows.
        names: (n,) the group of each.
    """
    overall = fit_mean(target).value
    groups, codes = np.unique(names, return_inverse=True)
    sizes, sums = _sums(target, codes, len(groups))
    means = _shrunk(sums, sizes, overall, _pull(target, codes, sizes, sums))
    return GroupMeans(groups, means, overall)


def mean_of_others(target: FloatArray, names: NDArray[Any], train: NDArray[np.integer]) -> FloatArray:
    """The upper line ``artist_mean_leaky`` (n,) or (n, K): each row is told the truth of all others of its group.

    It leaks on purpose, from the test part too: so well would do who knew nothing but the artist's other successes. A
    model of sound that beats it on artists that it does not know has cheated.

    Args:
        target: (n,) or (n, K) of all rows.
        names: (n,) the group of each.
        train: training rows, which give the mean for rows that are alone in their group.
    """
    groups, codes = np.unique(names, return_inverse=True)
    sizes, sums = _sums(target, codes, len(groups))
    pull = _pull(target, codes, sizes, sums)
    return _shrunk(sums[codes] - target, sizes[codes] - 1, fit_mean(target[train]).value, pull)


def variance_ratio(target: FloatArray, names: NDArray[Any]) -> float:
    """Variance within groups over variance between them; see ``fit_group_means``. Infinite if groups do not differ."""
    groups, codes = np.unique(names, return_inverse=True)
    sizes, sums = _sums(target, codes, len(groups))
    return _pull(target, codes, sizes, sums)


def _sums(target: FloatArray, codes: NDArray[np.integer], groups: int) -> tuple[FloatArray, FloatArray]:
    """Rows (G,) and sums (G,) or (G, K) of groups."""
    sums = np.zeros((groups, *target.shape[1:]))
    np.add.at(sums, codes, target)
    return np.bincount(codes, minlength=groups).astype(np.float64), sums


def _pull(target: FloatArray, codes: NDArray[np.integer], sizes: FloatArray, sums: FloatArray) -> float:
    """Rows that the mean of all counts for beside a group's own: infinite where groups do not differ."""
    rows, groups = len(target), len(sizes)
    if groups in (1, rows):
        return np.inf
    means = sums / _column(sizes, sums)
    within = float(((target - means[codes]) ** 2).sum()) / (rows - groups)
    between = float((_column(sizes, sums) * (means - target.mean(axis=0)) ** 2).sum()) / (groups - 1)
    usual_size = (rows - (sizes**2).sum() / rows) / (groups - 1)
    variance = (between - within) / usual_size
    return within / variance if variance > 0 else np.inf


def _shrunk(sums: FloatArray, sizes: FloatArray, overall: FloatArray, pull: float) -> FloatArray:
    count = _column(sizes, sums)
    if np.isinf(pull):
        return np.broadcast_to(overall, sums.shape).copy()
    # With no pull a group of its own mean; without rows there is only the mean of all.
    return np.where(count + pull > 0, (sums + pull * overall) / np.maximum(count + pull, 1e-12), overall)


def _column(sizes: FloatArray, like: FloatArray) -> FloatArray:
    return sizes.reshape(-1, *(1,) * (like.ndim - 1))


@dataclass(frozen=True, slots=True)
class Ridge:
    """A ridge regression on standardised columns."""

    columns: tuple[str, ...]
    medians: FloatArray
    """(p,) of the training rows, for values that are missing."""
    centre: FloatArray
    scale: FloatArray
    weights: FloatArray
    """(p,) per standard deviation of the column."""
    intercept: float
    low: float
    high: float
    """Range of the target in training; no prediction leaves it."""
    penalty: float

    def predict(self, features: FloatArray) -> FloatArray:
        """(n,) for features (n, p); NaN is missing."""
        filled = np.where(np.isnan(features), self.medians, features)
        return np.clip((filled - self.centre) / self.scale @ self.weights + self.intercept, self.low, self.high)


def fit_ridge(
    columns: Sequence[str],
    features: FloatArray,
    target: FloatArray,
    validation: tuple[FloatArray, FloatArray],
    penalties: Sequence[float] = PENALTIES,
) -> Ridge:
    """The least squares of few columns (loudness and duration), or of many descriptors.

    The penalty is the one with the least squared error on the validation rows. Of a target of 0 and 1 it gives
    probabilities (a linear probability model).

    Args:
        columns: names (p,) of the features.
        features: (n, p) of training rows; NaN is missing.
        target: (n,).
        validation: features (m, p) and target (m,) of the validation rows.
        penalties: to choose from, per row.

    Raises:
        ValueError: no rows, or an infinite feature.
    """
    if not len(target) or not len(validation[1]) or np.isinf(features).any():
        raise ValueError(f"{len(target)} training rows, {len(validation[1])} to choose by, or infinite features")
    there = ~np.isnan(features).all(axis=0)
    medians = np.zeros(features.shape[1])
    medians[there] = np.nanmedian(features[:, there], axis=0)
    filled = np.where(np.isnan(features), medians, features)
    centre, scale = filled.mean(axis=0), filled.std(axis=0)
    # A column that never varies has weight 0; what rounding leaves of its spread must not be blown up.
    scale[scale <= 1e-9 * np.abs(centre)] = np.inf
    left, singular, right = np.linalg.svd((filled - centre) / scale, full_matrices=False)
    projected = left.T @ (target - target.mean())

    def ridge(penalty: float) -> Ridge:
        weights = right.T @ (singular / (singular**2 + penalty * len(target)) * projected)
        return Ridge(
            tuple(columns), medians, centre, scale, weights, float(target.mean()),
            float(target.min()), float(target.max()), penalty,
        )  # fmt: skip

    return min(map(ridge, penalties), key=lambda fit: float(((fit.predict(validation[0]) - validation[1]) ** 2).sum()))
