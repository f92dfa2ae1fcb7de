"""Scores with ranges: every number that judges a model comes through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

FloatArray = NDArray[np.float64]

DRAWS = 1_000
ALL_SEEDS = -1
"""Scores of all seeds together."""
Better = Literal["higher", "lower", "near 0.8", "near 0.9"]
BETTER: tuple[str, ...] = get_args(Better)


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one model, with its 90 % interval."""

    model: str
    metric: str
    value: float
    low: float
    high: float
    unit: str
    better: Better
    is_baseline: bool
    groups: int


def score_frame(
    scores: Sequence[Score],
    task: str,
    data_set: str,
    window_days: int,
    version: str,
    *,
    target: str = "",
    split: str = "",
    seed: int = ALL_SEEDS,
    notes: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Scores as rows of a table of ``modelling.tables.scores_table``; ``notes`` are by model."""
    import polars as pl

    return pl.DataFrame(
        [
            {
                "task": task,
                "data_set": data_set,
                "window_days": window_days,
                "target": target,
                "split": split,
                "seed": seed,
                "model": score.model,
                "metric": score.metric,
                "value": score.value,
                "value_low": score.low,
                "value_high": score.high,
                "unit": score.unit,
                "better": score.better,
                "is_baseline": score.is_baseline,
                "groups": score.groups,
                "model_version": version,
                "note": (notes or {}).get(score.model),
            }
            for score in scores
        ],
        schema_overrides={"note": pl.String()},
    )


def bootstrap_ratio(
    totals: FloatArray, weights: FloatArray, rng: np.random.Generator, mass: float = 0.9, draws: int = DRAWS
) -> tuple[float, float, float]:
    """sum(totals) / sum(weights) over groups (G,), with a percentile interval by drawing groups anew."""
    return ratio_interval(totals, weights, draw_groups(len(totals), rng, draws), mass)


def draw_groups(groups: int, rng: np.random.Generator, draws: int = DRAWS) -> FloatArray:
    """How often each of G groups is in each of D bootstrap samples, (D, G)."""
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(np.float64)


def ratio_interval(
    totals: FloatArray, weights: FloatArray, drawn: FloatArray, mass: float = 0.9
) -> tuple[float, float, float]:
    """``bootstrap_ratio`` in samples (D, G) that were drawn before, for many metrics of the same groups."""
    ratios = (drawn @ totals) / np.maximum(drawn @ weights, 1e-12)
    low, high = np.quantile(ratios, [(1 - mass) / 2, (1 + mass) / 2])
    return float(totals.sum() / max(float(weights.sum()), 1e-12)), float(low), float(high)
