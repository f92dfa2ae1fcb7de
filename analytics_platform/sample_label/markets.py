"""Geography that is planted: taste by country, and where and since when an artist can be heard.

An artist is at home in one country and launched there from the start. Of the other countries some
are never open, some are launched in the course of the first eight months, the rest from the start.
Before a launch only a trickle of the later listeners listens, through imports and links from abroad.
"""

from __future__ import annotations

import numpy as np

from analytics_platform.sample_label.spec import LabelSpec, Purpose
from analytics_platform.sample_label.words import COUNTRIES, GENRES

AFFINITY_SIGMA = 0.6
UNAVAILABLE_SHARE = 0.06
UNLAUNCHED_SHARE = 0.30
"""Share of an artist's countries, its home apart, that are launched after the start."""
LAST_LAUNCH_DAY = 240
"""Launches lie in day 1 to this one, whatever the period, so that a longer one moves none."""
TRICKLE_SHARE = 0.05
"""Share of the listeners in a country who do not wait for the launch."""
MOST_LAG_DAYS = 20
"""Who waits begins within so many days of the launch."""
NEVER = 32_767
"""Launch day of a market where the artist is not available; later than any day."""


def draw_affinities(spec: LabelSpec) -> np.ndarray:
    """How much more or less each country likes each cluster: lognormal, median 1, (clusters, countries)."""
    return np.exp(spec.random(Purpose.TASTES).normal(0, AFFINITY_SIGMA, (len(GENRES), len(COUNTRIES))))


def draw_launch_days(spec: LabelSpec, home: np.ndarray) -> np.ndarray:
    """Day index of an artist's launch in each country, 0 = from the start, NEVER = not available.

    ``home`` has each artist's country as a code, (A,). The result is int16, (A, countries).
    """
    random = spec.random(Purpose.MARKETS)
    shape = (len(home), len(COUNTRIES))
    draw = random.random(shape)
    later = random.integers(1, LAST_LAUNCH_DAY + 1, shape)
    launch_days = np.where(draw < UNAVAILABLE_SHARE + UNLAUNCHED_SHARE, later, 0)
    launch_days[draw < UNAVAILABLE_SHARE] = NEVER
    launch_days[np.arange(len(home)), home] = 0
    return launch_days.astype(np.int16)


def after_launch(random: np.random.Generator, join_days: np.ndarray, launch_days: np.ndarray) -> np.ndarray:
    """Join days of pairs in markets with these launch days: most listeners wait for a launch to come."""
    waits = random.random(len(join_days)) >= TRICKLE_SHARE
    lags = random.integers(0, MOST_LAG_DAYS + 1, len(join_days))
    return np.where(waits & (launch_days > 0), np.maximum(join_days, launch_days + lags), join_days)
