"""The law of listening: plays of a pair in 90 days are negative binomial, given at least one.

A pair's rate is gamma distributed and its daily plays are Poisson with the weekday's weight, so the
count over any set of days is exactly negative binomial. A pair without a play is not observed.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import polars as pl

from analytics_platform.sample_label.spec import FAN_TYPES, WINDOW_DAYS

MEANS = np.array([2.5, 16.0, 75.0])
"""Mean plays in 90 days by fan type, before pairs without a play drop out."""
SHAPES = np.array([2.0, 2.5, 3.0])
"""Shape of the gamma law of the rates by fan type."""
WEEKDAY_WEIGHTS = (0.94, 0.95, 0.96, 0.99, 1.10, 1.10, 0.96)
"""Monday first; the mean is 1."""


def day_weight(day: date) -> float:
    """Share of a pair's 90-day rate that falls on a day."""
    return WEEKDAY_WEIGHTS[day.weekday()] / WINDOW_DAYS


def observed_chance() -> np.ndarray:
    """Chance of at least one play in 90 days of average weight, by fan type, shape (3,)."""
    return 1 - (SHAPES / (SHAPES + MEANS)) ** SHAPES


def log_probabilities(start: date, most: int) -> np.ndarray:
    """Compute log P(plays = n | plays >= 1) over the 90 days from ``start``; shape (3, most), n = 1 first."""
    weight = math.fsum(day_weight(start + timedelta(days=index)) for index in range(WINDOW_DAYS))
    count = np.arange(most)
    rows = []
    for mean, shape in zip(MEANS * weight, SHAPES, strict=True):
        log_none = shape * math.log(shape / (shape + mean))
        steps = np.log(count + shape) - np.log(count + 1) + math.log(mean / (shape + mean))
        rows.append(log_none + np.cumsum(steps) - math.log1p(-math.exp(log_none)))
    return np.array(rows)


def profiles(start: date) -> pl.DataFrame:
    """The true fan profiles: fan_type, plays (from 1), probability. Tails under 1e-12 are cut."""
    probabilities = np.exp(log_probabilities(start, 2_000))
    frames = []
    for name, row in zip(FAN_TYPES, probabilities, strict=True):
        last = int(np.flatnonzero(row > 1e-12)[-1]) + 1
        frames.append(
            pl.DataFrame({"fan_type": [name] * last, "plays": np.arange(1, last + 1), "probability": row[:last]})
        )
    return pl.concat(frames)


def thresholds(start: date) -> pl.DataFrame:
    """Where the likelier of two consecutive profiles changes.

    ``plays`` is interpolated linearly in the log ratio between two counts; ``first_plays`` is the
    smallest count at which the higher type is at least as likely.
    """
    logs = log_probabilities(start, 2_000)
    rows = []
    for lower in range(len(FAN_TYPES) - 1):
        ratio = logs[lower + 1] - logs[lower]
        above = int(np.argmax(ratio >= 0))
        plays = above + ratio[above - 1] / (ratio[above - 1] - ratio[above])
        rows.append((FAN_TYPES[lower], FAN_TYPES[lower + 1], float(plays), above + 1, WINDOW_DAYS))
    names = ["lower_fan_type", "upper_fan_type", "plays", "first_plays", "window_days"]
    return pl.DataFrame(rows, schema=names, orient="row")
