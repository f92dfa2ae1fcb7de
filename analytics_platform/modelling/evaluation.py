"""Scores with ranges: every number that judges a model comes through here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one model, with its 90 % interval."""

    model: str
    metric: str
    value: float
    low: float
    high: float
    unit: str
    better: Literal["higher", "lower", "near 0.8", "near 0.9"]
    is_baseline: bool
    groups: int


def bootstrap_ratio(
    totals: FloatArray, weights: FloatArray, rng: np.random.Generator, mass: float = 0.9, draws: int = DRAWS
) -> tuple[float, float, float]:
    """sum(totals) / sum(weights) over groups (G,), with a percentile interval by drawing groups anew."""
    drawn = rng.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=draws)
    ratios = (drawn @ totals) / np.maximum(drawn @ weights, 1e-12)
    low, high = np.quantile(ratios, [(1 - mass) / 2, (1 + mass) / 2])
    return float(totals.sum() / max(float(weights.sum()), 1e-12)), float(low), float(high)
