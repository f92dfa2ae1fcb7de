"""Ridge from numbers of whole clips to factors: features, movement, and embeddings if there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.splits import IntArray
from analytics_platform.taste.aims import FloatArray
from analytics_platform.tracks.predictors import Columns, columns_of
from analytics_platform.tracks.sound import Sound

PENALTIES = np.logspace(-1, 5, 13)
WIDEST = 5.0
"""Deviations at which a number is cut: one wild clip must not turn the rest."""


@dataclass(frozen=True, slots=True)
class ColumnsModel:
    """Medians, scales and weights of the training part, and the penalty that the validation part chose."""

    columns: Columns
    medians: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    """(p, d)."""
    intercept: NDArray[np.float64]
    penalty: float

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k, d)."""
        values = _scaled(columns_of(sound, rows, self.columns), self.medians, self.centre, self.scale)
        return (values @ self.weights + self.intercept).astype(np.float32)

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON."""
        names = ("medians", "centre", "scale", "weights", "intercept")
        return {name: getattr(self, name) for name in names}, {"columns": self.columns, "penalty": self.penalty}


def restore_columns(arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> ColumnsModel:
    """The model of ``ColumnsModel.save_state``."""
    return ColumnsModel(**arrays, columns=info["columns"], penalty=info["penalty"])


def fit_columns(
    sound: Sound, targets: FloatArray, train: IntArray, validation: IntArray, columns: Columns
) -> ColumnsModel:
    """Ridge on the training part; the penalty is the one whose predictions point best on the validation part.

    Args:
        sound: of all tracks (n).
        targets: (n, d) what is learnt, known in both parts.
        train: rows to learn from.
        validation: rows that choose the penalty by the mean cosine.
        columns: which numbers, see ``tracks.predictors.columns_of``.

    Raises:
        ValueError: the sound lacks the numbers.
    """
    heard = columns_of(sound, train, columns)
    known = ~np.isnan(heard).all(axis=0)
    medians = np.zeros(heard.shape[1])
    medians[known] = np.nanmedian(heard[:, known], axis=0)
    filled = np.where(np.isnan(heard), medians, heard)
    centre, scale = filled.mean(axis=0), filled.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1)
    values = _scaled(heard, medians, centre, scale)
    offset = values.mean(axis=0)
    aims = targets[train].astype(np.float64)
    mean = aims.mean(axis=0)
    left, singular, right = np.linalg.svd(values - offset, full_matrices=False)
    turned = left.T @ (aims - mean)
    judged = _scaled(columns_of(sound, validation, columns), medians, centre, scale) - offset
    truth = targets[validation].astype(np.float64)

    def weights_of(penalty: float) -> NDArray[np.float64]:
        return right.T @ ((singular / (singular**2 + penalty))[:, None] * turned)

    cosines = [_mean_cosine(judged @ weights_of(penalty) + mean, truth) for penalty in PENALTIES]
    penalty = float(PENALTIES[int(np.argmax(cosines))])
    weights = weights_of(penalty)
    return ColumnsModel(columns, medians, centre, scale, weights, mean - offset @ weights, penalty)


def _scaled(
    values: NDArray[np.float64],
    medians: NDArray[np.float64],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    return np.clip((np.where(np.isnan(values), medians, values) - centre) / scale, -WIDEST, WIDEST)


def _mean_cosine(said: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    norms = np.linalg.norm(said, axis=1) * np.linalg.norm(truth, axis=1)
    return float(((said * truth).sum(axis=1) / np.maximum(norms, 1e-12)).mean())
