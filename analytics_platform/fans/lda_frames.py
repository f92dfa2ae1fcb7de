"""A fitted fan model as the frames of ``fans.lda_shares``, ``marts.fan_thresholds`` and ``marts.fan_profiles``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.levels import LEVELS, plays_from, plays_to
from analytics_platform.fans.tables import FAN_PROFILES, FAN_THRESHOLDS, LDA_SHARES
from analytics_platform.fans.thresholds import assign_listeners, density_per_play, segment_names

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.fans.lda import FanLda
    from analytics_platform.lakehouse.tables import Table


@dataclass(frozen=True, slots=True)
class ModelRun:
    """What every row of a model says of its origin: data set, window and model version."""

    data_set: str
    window_days: int
    window_end: date | None
    model_version: str


def level_matrix(levels: pl.DataFrame) -> tuple[list[str], NDArray[np.int64]]:
    """Rows of ``fans.listening_levels`` of one data set and window as artist ids (A) and counts (A, 60)."""
    artists = levels.get_column("artist_id").unique().sort()
    counts = np.zeros((len(artists), LEVELS), dtype=np.int64)
    rows = artists.search_sorted(levels.get_column("artist_id")).to_numpy()
    np.add.at(counts, (rows, levels.get_column("level").to_numpy() - 1), levels.get_column("listeners").to_numpy())
    return artists.to_list(), counts


def share_frame(artists: list[str], counts: NDArray[np.integer], model: FanLda, run: ModelRun) -> pl.DataFrame:
    """Rows of ``fans.lda_shares``: artists with at least one listener, times K segments."""
    assigned = assign_listeners(counts, model.thresholds())
    listeners = counts.sum(axis=1)
    heard = np.flatnonzero(listeners)
    names = segment_names(len(model.profiles))
    return _frame(
        LDA_SHARES,
        run,
        artist_id=[artists[row] for row in heard for _ in names],
        segment=list(names) * len(heard),
        segment_rank=np.tile(np.arange(1, len(names) + 1), len(heard)),
        share=np.clip(model.shares[heard], 0, 1).ravel(),
        listeners_assigned=assigned[heard].ravel(),
        listeners=np.repeat(listeners[heard], len(names)),
    )


def threshold_frame(model: FanLda, run: ModelRun) -> pl.DataFrame:
    """Rows of ``marts.fan_thresholds``: K - 1 pairs of neighbouring segments."""
    names = segment_names(len(model.profiles))
    return _frame(
        FAN_THRESHOLDS,
        run,
        segment_from=list(names[:-1]),
        segment_to=list(names[1:]),
        threshold_plays=list(model.thresholds()),
    )


def profile_frame(model: FanLda, run: ModelRun) -> pl.DataFrame:
    """Rows of ``marts.fan_profiles``: K segments times 60 levels."""
    names = segment_names(len(model.profiles))
    levels = range(1, LEVELS + 1)
    return _frame(
        FAN_PROFILES,
        run,
        segment=[name for name in names for _ in levels],
        segment_rank=np.repeat(np.arange(1, len(names) + 1), LEVELS),
        level=[*levels] * len(names),
        plays_from=[plays_from(level) for level in levels] * len(names),
        plays_to=[plays_to(level) for level in levels] * len(names),
        probability=model.profiles.ravel(),
        density_per_play=density_per_play(model.profiles).ravel(),
    )


def _frame(table: Table, run: ModelRun, **columns: object) -> pl.DataFrame:
    """The columns and the origin as a frame with the names, order and types of ``table``."""
    import polars as pl

    types = {
        "BIGINT": pl.Int64,
        "DATE": pl.Date,
        "DOUBLE": pl.Float64,
        "INTEGER": pl.Int32,
        "SMALLINT": pl.Int16,
        "VARCHAR": pl.String,
    }
    origin = {
        "data_set": run.data_set,
        "window_days": run.window_days,
        "window_end": run.window_end,
        "model_version": run.model_version,
    }
    frame = pl.DataFrame(columns)
    return frame.select(
        (pl.lit(origin[column.name]) if column.name in origin else pl.col(column.name))
        .cast(types[column.type])
        .alias(column.name)
        for column in table
    )
