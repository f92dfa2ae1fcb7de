"""Batches of clips: units of work that can be repeated one by one and spread over workers."""

from __future__ import annotations

import polars as pl

BATCH_CLIPS = 256
"""Clips in a batch: a shard of 85 MB, some seconds of work on a few cores."""


def batch_name(number: int) -> str:
    """Name of the batch of that number, from 1 on."""
    return f"clips_{number:06d}"


def batch_number(name: str) -> int:
    """Number of the batch of that name."""
    return int(name.removeprefix("clips_"))


def assign_batches(clips: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Give each clip a batch, for good: a clip that has one keeps it, new ones fill new batches.

    Args:
        clips: clip_id, location, offset_s of the clips that may be analysed; a clip may occur twice.
        known: the table ``audio.clip_batches`` as it is.

    Returns:
        The table as it shall be. Clips that are gone keep their row: their batch can still be made again.
    """
    # A master may have moved: the newest place counts.
    fresh = clips.select("clip_id", "location", "offset_s").unique("clip_id", keep="first", maintain_order=True)
    kept = known.join(fresh, on="clip_id", how="left", suffix="_new").select(
        "clip_id",
        "batch",
        pl.coalesce("location_new", "location").alias("location"),
        pl.coalesce("offset_s_new", "offset_s").alias("offset_s"),
    )
    new = fresh.join(known, on="clip_id", how="anti").sort("clip_id")
    first = 1 + max(map(batch_number, known["batch"].unique()), default=0)
    named = new.with_columns(
        batch=pl.Series([batch_name(first + place // BATCH_CLIPS) for place in range(len(new))], dtype=pl.String)
    )
    return pl.concat([kept, named.select(kept.columns)])
