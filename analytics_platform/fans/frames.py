"""Models and estimates as frames with the columns of the published tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.fans.levels import LEVELS, plays_from, plays_to
from analytics_platform.fans.tables import FAN_PROFILES, FAN_THRESHOLDS
from analytics_platform.fans.thresholds import Thresholds, density_per_play, segment_names

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.fans.fan_profiles import FanProfiles
    from analytics_platform.fans.releases import Subject
    from analytics_platform.lakehouse.tables import Table


def shaped(table: Table, frame: pl.DataFrame, **constants: object) -> pl.DataFrame:
    """The frame and constants with the names, order and types of ``table``."""
    import polars as pl

    types = {
        "BIGINT": pl.Int64,
        "BOOLEAN": pl.Boolean,
        "DATE": pl.Date,
        "DOUBLE": pl.Float64,
        "INTEGER": pl.Int32,
        "SMALLINT": pl.Int16,
        "VARCHAR": pl.String,
    }
    return frame.select(
        (pl.lit(constants[column.name]) if column.name in constants else pl.col(column.name))
        .cast(types[column.type])
        .alias(column.name)
        for column in table
    )


def origin(subject: Subject, model_version: str) -> dict[str, object]:
    """What every row says of where it comes from."""
    return {
        "data_set": subject.data_set,
        "window_days": subject.window_days,
        "window_end": subject.window_end,
        "model_version": model_version,
    }


def threshold_frame(thresholds: Mapping[str, Thresholds], subject: Subject, model_version: str) -> pl.DataFrame:
    """Rows of ``marts.fan_thresholds``: the pairs of neighbouring segments of each model."""
    import polars as pl

    rows = [
        {"model": model, "segment_from": names[i], "segment_to": names[i + 1], "threshold_plays": cut}
        for model, cuts in thresholds.items()
        for names in [segment_names(len(cuts) + 1)]
        for i, cut in enumerate(cuts)
    ]
    empty = {"model": pl.String, "segment_from": pl.String, "segment_to": pl.String, "threshold_plays": pl.Int32}
    return shaped(FAN_THRESHOLDS, pl.DataFrame(rows, schema=empty), **origin(subject, model_version))


def profile_frame(model: FanProfiles, subject: Subject, model_version: str) -> pl.DataFrame:
    """Rows of ``marts.fan_profiles``: K segments times 60 levels, for who was there for the whole window."""
    import polars as pl

    names = segment_names(model.mixture.segments)
    levels = range(1, LEVELS + 1)
    frame = pl.DataFrame(
        {
            "segment": [name for name in names for _ in levels],
            "segment_rank": np.repeat(np.arange(1, len(names) + 1), LEVELS),
            "level": [*levels] * len(names),
            "plays_from": [plays_from(level) for level in levels] * len(names),
            "plays_to": [plays_to(level) for level in levels] * len(names),
            "probability": model.shown.ravel(),
            "density_per_play": density_per_play(model.shown).ravel(),
        }
    )
    return shaped(FAN_PROFILES, frame, **origin(subject, model_version))


def long_frame(keys: pl.DataFrame, segments: int, **values: np.ndarray) -> pl.DataFrame:
    """R keys times K segments, with (R, K) values; adds segment and segment_rank."""
    import polars as pl

    names = segment_names(segments)
    ranks = pl.DataFrame({"segment": names, "segment_rank": np.arange(1, segments + 1)})
    return keys.join(ranks, how="cross", maintain_order="left_right").with_columns(
        pl.Series(name, np.asarray(value).ravel(), nan_to_null=True) for name, value in values.items()
    )
