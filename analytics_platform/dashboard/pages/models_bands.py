"""How far a model is above its dummies: the rule of the bands, and which row plays which part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics_platform.dashboard.pages.models_metrics import metric
from analytics_platform.dashboard.pages.models_words import OTHER_METHODS

if TYPE_CHECKING:
    import polars as pl

IN_USE, TRIED, OTHER, DUMMY, CHEAT = "in use", "tried", "other method", "dummy", "told the answer"
LOW, MEDIUM, HIGH, NO_BAND = "low", "medium", "high", "no dummy"
RULE = (
    "**Bands.** *Low*: its 90 % range overlaps that of the best dummy, or is worse: this score alone does not show it "
    "to be better; look at its remark and at what else was measured. *Medium*: the ranges are apart. *High*: they are "
    "apart, and the model goes at least half of the way from the dummy to the best score there can be. A score without "
    "such an end is never called high. The rule is careful: models are measured on the same listeners and artists, so "
    "a difference can be surer than two ranges beside each other show."
)
HALFWAY = 0.5


@dataclass(frozen=True, slots=True)
class Score:
    """A score with its 90 % range."""

    model: str
    value: float
    low: float
    high: float


def part(model: str, is_baseline: bool, in_use: Sequence[str]) -> str:
    """What a row of the leaderboard is there for."""
    if model.endswith("_leaky"):
        return CHEAT
    if model in in_use:
        return IN_USE
    if not is_baseline:
        return TRIED
    return OTHER if model in OTHER_METHODS else DUMMY


def score(row: dict[str, object]) -> Score:
    """A row of the leaderboard as a score; a row without a range is its own range."""
    value = float(str(row["value"]))
    low, high = (value if row[end] is None else float(str(row[end])) for end in ("value_low", "value_high"))
    return Score(str(row["model"]), value, low, high)


def best(rows: pl.DataFrame, parts: Sequence[str], better: str) -> Score | None:
    """The best of the rows that play one of ``parts``; None if there is none."""
    found = [score(row) for row in rows.iter_rows(named=True) if row["part"] in parts]
    if not found:
        return None
    return (min if better == "lower" else max)(found, key=lambda one: one.value)


def best_dummy(rows: pl.DataFrame, name: str, better: str) -> Score | None:
    """What a model has to beat: the best dummy, or what a ratio or difference is made to."""
    reference = metric(name).reference
    if reference is not None:
        return Score(reference[1], reference[0], reference[0], reference[0])
    return best(rows, [DUMMY], better)


def band(model: Score, dummy: Score | None, better: str, perfect: float | None) -> str:
    """``low``, ``medium`` or ``high``, as ``RULE`` says."""
    if dummy is None:
        return NO_BAND
    lower = better == "lower"
    if (model.high >= dummy.low) if lower else (model.low <= dummy.high):
        return LOW
    if perfect is None or abs(perfect - dummy.value) == 0:
        return MEDIUM
    covered = (model.value - dummy.value) / (perfect - dummy.value)
    return HIGH if covered >= HALFWAY else MEDIUM
