"""Segments by percentiles: the quarterly practice that the first source document set out from.

A label's own listeners are cut at percentiles of their plays. What comes out says how a listener
ranks within the label, not what devotion looks like: whatever the label, half of its listeners are
passive. It is the baseline that the models are compared with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.levels import FIRST_PLAYS
from analytics_platform.fans.thresholds import Thresholds, assign_listeners

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
