"""How near a fit is to a planted truth: profiles, thresholds, shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SMALL_BELOW = 100
BIG_FROM = 1_000


@dataclass(frozen=True, slots=True)
class ShareErrors:
    """Mean absolute error of segment shares (0 to 1); nan where there is no such artist."""

    all: float
    small: float
    """Artists with fewer than 100 listeners."""
    big: float
    """Artists with at least 1,000 listeners."""


def profile_distance(fitted: FloatArray, planted: FloatArray) -> float:
    """Largest total variation (0 to 1) between a fitted and its planted profile; both (K, L), same order."""
    return float(0.5 * np.abs(fitted - planted).sum(axis=1).max())


def threshold_errors(fitted: Sequence[int | None], planted: Sequence[float]) -> tuple[float, ...]:
    """|ln(fitted / planted)| per threshold: 0.05 is 5 % off; inf where none was found."""
    return tuple(
        float("inf") if mine is None else abs(float(np.log(mine / true)))
        for mine, true in zip(fitted, planted, strict=True)
    )


def share_errors(fitted: FloatArray, planted: FloatArray, listeners: NDArray[np.integer]) -> ShareErrors:
    """Errors of shares (A, K) against the planted ones, by number of listeners (A,). Artists without are left out."""
    heard = listeners > 0
    error = np.abs(fitted - planted).mean(axis=1)

    def mean(chosen: NDArray[np.bool_]) -> float:
        return float(error[chosen].mean()) if chosen.any() else float("nan")

    return ShareErrors(mean(heard), mean(heard & (listeners < SMALL_BELOW)), mean(listeners >= BIG_FROM))
