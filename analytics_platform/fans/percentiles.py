"""Segments by percentiles: the quarterly practice that the first source document set out from.

A label's own listeners are cut at percentiles of their plays. What comes out says how a listener
ranks within the label, not what devotion looks like: whatever the label, half of its listeners are
passive. It is the baseline that the models are compared with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.levels import FIRST_PLAYS, level_middles
from analytics_platform.fans.thresholds import Thresholds, assign_listeners, segment_of

PERCENTILES = (50, 90)
"""Half of the listeners are passive, one in ten is a diehard."""


def percentile_thresholds(counts: NDArray[np.integer]) -> Thresholds:
    """Plays from which a listener belongs to the next segment, from histograms (A, L) of the whole label.

    To the start of a level: exact up to 12 plays, within 15 % above.
    """
    reached = np.cumsum(counts.sum(axis=0)) / max(counts.sum(), 1)
    return tuple(int(FIRST_PLAYS[min(int(np.searchsorted(reached, p / 100)) + 1, 59)]) for p in PERCENTILES)


def percentile_shares(counts: NDArray[np.integer], thresholds: Thresholds) -> NDArray[np.float64]:
    """Shares (A, K) of artists' listeners between the thresholds; nan without listeners."""
    assigned = assign_listeners(counts, thresholds).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return assigned / assigned.sum(axis=1, keepdims=True)


def percentile_profiles(counts: NDArray[np.integer], cuts: Thresholds) -> NDArray[np.float64]:
    """(K, L): the label's own histogram (A, L), cut at thresholds: what a percentile segment looks like."""
    pooled = np.asarray(counts).sum(axis=0) + 1e-9
    segments = segment_of(level_middles(), cuts)
    profiles = np.stack([np.where(segments == rank, pooled, 0.0) for rank in range(len(cuts) + 1)])
    return profiles / np.maximum(profiles.sum(axis=1, keepdims=True), 1e-12)
