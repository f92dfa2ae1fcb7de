"""Popularity snapshots: own plays beside what outside catalogues gave, each in its own scale."""

from __future__ import annotations

from datetime import UTC, datetime, time

import polars as pl

from analytics_platform.catalogue.tables import POPULARITY_SNAPSHOTS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.streams.tables import PLAYS, TRACK_ARTISTS

WINDOW_DAYS = 28


def own_popularity(lake: Lake) -> pl.DataFrame:
    """Plays and listeners of each recording in the 28 days that end on the last day with plays.

    Returns:
        Rows of ``catalogue.popularity_snapshots``, the percentiles still null; none without plays.
    """
    with lake.connect(PLAYS, TRACK_ARTISTS) as connection:
        last = connection.sql("select max(play_date) from streams.plays").fetchall()[0][0]
        if last is None:
            return frame_of(POPULARITY_SNAPSHOTS, [])
        counted = connection.sql(
            f"""select coalesce(plays.isrc, tracks.isrc) as isrc, cast(sum(plays.plays) as double) as plays,
                cast(count(distinct plays.listener_key) as double) as listeners
            from streams.plays as plays
            left join streams.track_artists as tracks using (vendor, track_id)
            where plays.play_date > ? - {WINDOW_DAYS} and plays.plays > 0
                and coalesce(plays.isrc, tracks.isrc) is not null
            group by 1""",
            params=[last],
        ).pl()
    seen = datetime.combine(last, time.max, UTC).replace(tzinfo=None)
    measured = counted.rename({"plays": "plays_28_days", "listeners": "listeners_28_days"}).unpivot(
        index="isrc", variable_name="measure"
    )
    return measured.select(
        pl.lit(last).alias("observed_on"),
        pl.lit("own").alias("source"),
        "measure",
        pl.lit("track").alias("subject"),
        pl.col("isrc").alias("source_id"),
        "isrc",
        "value",
        pl.lit(None, pl.Float64).alias("scale_maximum"),
        pl.lit(None, pl.Float64).alias("percentile"),
        pl.lit(seen, pl.Datetime("us")).alias("observed_at"),
    )


def with_percentiles(rows: pl.DataFrame) -> pl.DataFrame:
    """Fill ``percentile``: the share within the same day, source, measure and subject below a value, ties half."""
    scale = ["observed_on", "source", "measure", "subject"]
    return rows.with_columns(
        percentile=(pl.col("value").rank("average").over(scale) - 0.5) / pl.len().over(scale)
    ).select([column.name for column in POPULARITY_SNAPSHOTS])
