"""How well the fan tables of a published sample label agree with its planted truth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from analytics_platform.fans.agreement import profile_distance, share_errors, threshold_errors
from analytics_platform.fans.levels import LEVELS, level_of

SEGMENTS = ("passive", "casual", "diehard")


def true_profiles(truth: Path) -> np.ndarray:
    """The exact law of plays in 90 days by fan type, as probabilities of levels, (3, 60)."""
    law = pl.read_parquet(truth / "profiles.parquet")
    profiles = np.zeros((len(SEGMENTS), LEVELS))
    for row, segment in enumerate(SEGMENTS):
        part = law.filter(pl.col("fan_type") == segment)
        np.add.at(profiles[row], level_of(part["plays"].to_numpy()) - 1, part["probability"].to_numpy())
    return profiles / profiles.sum(axis=1, keepdims=True)


def agreement(database: Path, truth: Path) -> dict[str, float]:
    """Distances between what the label sees for 90 days and what was planted.

    Listeners who joined late count as what they are.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.sql(
            "select segment_rank, level, probability from marts.fan_profiles"
            " where data_set = 'label' and window_days = 90"
        ).pl()
        thresholds = connection.execute(
            "select threshold_plays from marts.fan_thresholds"
            " where data_set = 'label' and window_days = 90 and model = 'fan_profiles' order by 1"
        ).fetchall()
        shares = connection.sql(
            "select artist_name, segment, share, share_low, share_high, listeners from marts.artist_fans"
            " where data_set = 'label' and window_days = 90 and share is not null"
        ).pl()
    profiles = np.zeros((len(SEGMENTS), LEVELS))
    profiles[found["segment_rank"].to_numpy() - 1, found["level"].to_numpy() - 1] = found["probability"].to_numpy()
    planted = pl.read_parquet(truth / "artists.parquet")
    wide = shares.pivot(
        "segment", index=["artist_name", "listeners"], values=["share", "share_low", "share_high"]
    ).join(planted, on="artist_name")
    estimated, low, high = (
        wide.select([f"{end}_{s}" for s in SEGMENTS]).to_numpy() for end in ("share", "share_low", "share_high")
    )
    true = wide.select([f"{s}_share" for s in SEGMENTS]).to_numpy()
    first_plays = pl.read_parquet(truth / "thresholds.parquet")["first_plays"].to_list()
    errors = threshold_errors([plays for (plays,) in thresholds], first_plays)
    share = share_errors(estimated, true, wide["listeners"].to_numpy())
    late = (wide["late_share"] > 0.5).to_numpy()
    covered, bias = (low <= true) & (true <= high), (estimated - true).mean(axis=0)
    constant = np.broadcast_to(true.mean(axis=0), true.shape)
    dummy = share_errors(constant, true, wide["listeners"].to_numpy())
    return {
        "artists": float(len(wide)),
        "profile distance (max total variation)": profile_distance(profiles, true_profiles(truth)),
        "threshold 1 found": float(thresholds[0][0]),
        "threshold 1 planted": float(first_plays[0]),
        "threshold 2 found": float(thresholds[1][0]),
        "threshold 2 planted": float(first_plays[1]),
        **{f"threshold {i + 1} error, absolute log ratio": float(e) for i, e in enumerate(errors)},
        **{f"share error, mean absolute, {name}": float(value) for name, value in asdict(share).items()},
        "share error of artists who break through": float(np.abs(estimated - true)[late].mean()),
        "share of planted shares within their 90 % interval": float(covered.mean()),
        **{f"the same, {name}": float(share) for name, share in zip(SEGMENTS, covered.mean(axis=0), strict=True)},
        **{f"mean error, {name}": float(error) for name, error in zip(SEGMENTS, bias, strict=True)},
        **{f"share error of the dummy (catalogue mean), {name}": float(value) for name, value in asdict(dummy).items()},
    }
