"""What is published of artists' fans, as frames: shares, cells within artists, whom to win, moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.fans.anonymity import MOVES, suppress
from analytics_platform.fans.estimates import (
    Histograms,
    below_top_p_values,
    discoveries,
    estimate,
    plays_by_segment,
)
from analytics_platform.fans.frames import long_frame
from analytics_platform.fans.shares import probable_shares

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.fans.fan_profiles import FanProfiles
    from analytics_platform.fans.mixture import Mixture

NOT_TOLD = ("unknown", "ZZ")
"""Values of traits that are no place to win anyone."""


def artist_fans(
    now: Histograms,
    before: Histograms,
    model: FanProfiles,
    mixtures: Mapping[str, Mixture],
    least: int,
    has_before: bool,
) -> pl.DataFrame:
    """Artists times segments: shares with ranges, listeners, plays, and the share a window ago."""
    import polars as pl

    segments = model.mixture.segments
    listeners = now.listeners.sum(axis=(1, 2))
    told = (listeners >= least)[:, None]
    found = estimate(now.listeners, model, mixtures["this"])
    keys = now.keys.with_columns(
        pl.Series("listeners", listeners), pl.Series("plays_total", now.plays.sum(axis=(1, 2)))
    )
    frame = long_frame(
        keys,
        segments,
        share=np.where(told, found.share, np.nan),
        share_low=np.where(told, found.low, np.nan),
        share_high=np.where(told, found.high, np.nan),
        listeners_estimated=np.where(told, found.share * listeners[:, None], np.nan),
        plays_estimated=np.where(told, plays_by_segment(now, mixtures["this"]), np.nan),
    )
    empty = {"artist_id": pl.String, "segment_rank": pl.Int64, "share_before": pl.Float64, "listeners_before": pl.Int64}
    if not len(before.keys):
        return frame.join(pl.DataFrame(schema=empty), on=["artist_id", "segment_rank"], how="left").with_columns(
            pl.lit(0 if has_before else None, pl.Int64).alias("listeners_before")
        )
    heard = before.listeners.sum(axis=(1, 2))
    earlier = estimate(before.listeners, model, mixtures["before"])
    ago = long_frame(
        before.keys.with_columns(pl.Series("listeners_before", heard)),
        segments,
        share_before=np.where((heard >= least)[:, None], earlier.share, np.nan),
    )
    columns = ["artist_id", "segment_rank", "share_before", "listeners_before"]
    return frame.join(ago.select(columns), on=["artist_id", "segment_rank"], how="left").with_columns(
        pl.col("listeners_before").fill_null(0)
    )


def cells_of_trait(
    cells: Histograms,
    trait: str,
    shares: pl.DataFrame,
    artists: Histograms,
    model: FanProfiles,
    mixture: Mixture,
    least: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cells times segments, and the cells that could be targets."""
    import polars as pl

    segments = model.mixture.segments
    wide = shares.pivot("segment_rank", index="artist_id", values="artist_share").sort("artist_id")
    order = wide.with_row_index("row").select("artist_id", "row")
    place = cells.keys.join(order, on="artist_id", how="left", maintain_order="left")["row"].to_numpy()
    own = wide.select([str(rank) for rank in range(1, segments + 1)]).to_numpy()[place]
    found = estimate(cells.listeners, model, mixture, around=own)
    keys = cells.keys.with_columns(pl.Series("listeners", cells.listeners.sum(axis=(1, 2))))
    shown = suppress(keys.with_row_index("row"), group=["artist_id"], counts=["listeners"], minimum=least)
    rows = shown["row"].to_numpy()
    hidden = shown["is_suppressed"].to_numpy()[:, None]
    share, own = found.share[rows], own[rows]
    frame = long_frame(
        shown.drop("row"),
        segments,
        share=np.where(hidden, np.nan, share),
        share_low=np.where(hidden, np.nan, found.low[rows]),
        share_high=np.where(hidden, np.nan, found.high[rows]),
        lift=np.where(hidden, np.nan, share / np.maximum(own, 1e-9)),
    )
    # Histograms and shares of the artists are both sorted by artist_id.
    expected = probable_shares(artists.listeners, mixture)[place]
    p_values = below_top_p_values(cells.listeners, expected, mixture)[rows] if segments > 1 else np.ones(len(own))
    targets = shown.with_columns(
        pl.lit(trait).alias("trait"),
        pl.col(trait).alias("value"),
        pl.Series("share_below_top", 1 - share[:, -1]),
        pl.Series("share_below_top_artist", 1 - own[:, -1]),
        pl.Series("p_value", p_values),
    )
    told = ~pl.col("is_suppressed") & ~pl.col("value").is_in(NOT_TOLD)
    return frame, targets.filter(told).drop("row", trait, "is_suppressed")


def targets_of(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Rows of ``marts.fan_targets``: what stands out when all cells of an artist are tested at once."""
    import polars as pl

    every = pl.concat(parts)
    gain = pl.col("share_below_top") - pl.col("share_below_top_artist")
    return (
        every.filter(discoveries(pl.col("p_value"), "artist_id"))
        .with_columns((pl.col("listeners") * gain).alias("listeners_to_win"))
        .filter(gain > 0)
        .sort("listeners_to_win", "trait", "value", descending=[True, False, False])
        .with_columns(pl.int_range(1, pl.len() + 1).over("artist_id").alias("target_rank"))
    )


def one_row_a_move(moves: pl.DataFrame) -> pl.DataFrame:
    """Artist, country and move with listeners."""
    index = ["artist_id", "country", "is_suppressed"]
    return moves.unpivot(list(MOVES), index=index, variable_name="move", value_name="listeners")
