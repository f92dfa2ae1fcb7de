"""What the published file knows of models: scores, versions, and what to say of a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics_platform.dashboard.pages.models_bands import (
    IN_USE,
    TRIED,
    Score,
    band,
    best,
    best_dummy,
    part,
)
from analytics_platform.dashboard.pages.models_metrics import Metric, metric
from analytics_platform.dashboard.pages.models_words import SPLITS, TASKS
from analytics_platform.dashboard.reading import facts, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

LEADERBOARD = """
select
    task, window_days, target, split, model, metric, value, value_low, value_high, unit, better, is_baseline, groups,
    model_version, note
from models.leaderboard
where data_set = $data and seed = -1 and value is not null
order by task, window_days, target, split, metric, model
"""
MADE_UP = "select bool_or(contains(evidence, 'made up')) as made_up from marts.track_scores"
TRACKS_IN_USE = "select model from tracks.shipped_models where status = 'released' order by release_no desc limit 1"
TASTE_IN_USE = "select model from taste.releases where status = 'released' order by release_no desc limit 1"


def leaderboard(data: str) -> pl.DataFrame:
    """All scores of a data set, all seeds together."""
    return rows(LEADERBOARD, data=data)


def is_made_up() -> bool:
    """Whether scores of tracks say that they come from a made-up label."""
    return bool(facts(MADE_UP).get("made_up"))


def in_use(task: str, split: str) -> tuple[str, ...]:
    """Names of the models that are in use for a task."""
    if task.startswith("track_") and task != "track_audience":
        return _released(TRACKS_IN_USE)
    if task == "cold_tracks":
        ending = "_with_artist" if split.startswith("new tracks") else ""
        return tuple(f"{name}{ending}" for name in _released(TASTE_IN_USE))
    return TASKS[task].models if task in TASKS else ()


def _released(sql: str) -> tuple[str, ...]:
    model = facts(sql).get("model")
    return (model,) if model else ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say of one task by one score."""

    model: Score
    is_in_use: bool
    dummy: Score | None
    band: str
    metric: Metric
    better: str
    groups: int | None
    window_days: int
    tested_on: str

    def range_of(self, score: Score) -> str:
        """The 90 % range of a score in words."""
        return spread(score)


def spread(score: Score) -> str:
    """The 90 % range of a score in words."""
    return f"{score.low:.3f} to {score.high:.3f}"


def with_parts(board: pl.DataFrame, used: Sequence[str]) -> pl.DataFrame:
    """Rows of the leaderboard with what each is there for."""
    parts = [part(row["model"], row["is_baseline"], used) for row in board.iter_rows(named=True)]
    return board.with_columns(pl.Series("part", parts, dtype=pl.String))


def verdict(board: pl.DataFrame, used: Sequence[str]) -> Verdict:
    """What to say of rows of one task, window, target, split and metric."""
    found = with_parts(board, used)
    better = str(found["better"][0])
    name = str(found["metric"][0])
    model = best(found, [IN_USE], better)
    is_in_use = model is not None
    model = model or best(found, [TRIED], better) or best(found, found["part"].unique().to_list(), better)
    assert model is not None  # there is at least one row
    dummy = best_dummy(found, name, better)
    how = metric(name)
    groups = found.filter(pl.col("model") == model.model)["groups"][0]
    split = str(found["split"][0])
    return Verdict(
        model,
        is_in_use,
        dummy,
        band(model, dummy, better, how.perfect),
        how,
        better,
        groups,
        int(found["window_days"][0]),
        SPLITS.get(split, split),
    )
