"""Thresholds in plays: from how many plays on a listener is likelier of the more devoted segment.

The article read its thresholds (60 and 110) off an axis of level numbers, where wide levels
look likelier than narrow ones. Here a profile is a density per play: probability of the level
divided by the number of play counts in it. No artist's mixture enters, as in the article.
"""

from __future__ import annotations

from math import ceil, exp

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.levels import FIRST_PLAYS, level_middles, level_widths

FloatArray = NDArray[np.float64]
Thresholds = tuple[int | None, ...]


def segment_names(n_segments: int) -> tuple[str, ...]:
    """Names of the segments from the least to the most devoted.

    Raises:
        ValueError: ``n_segments`` is below 1.
    """
    if n_segments < 1:
        raise ValueError("there is at least one segment")
    if n_segments <= 3:
        return {1: ("all",), 2: ("passive", "diehard"), 3: ("passive", "casual", "diehard")}[n_segments]
    return ("passive", *(f"casual {step}" for step in range(1, n_segments - 1)), "diehard")


def density_per_play(profiles: FloatArray) -> FloatArray:
    """Probability of one play count in each level: (K, L) probabilities divided by level widths."""
    return profiles / level_widths()


def profile_median(profile: FloatArray) -> float:
    """Median of a profile (L,) in plays: the middle of the level in which half of its listeners are reached."""
    return float(level_middles()[np.searchsorted(np.cumsum(profile), 0.5 * profile.sum())])


def segment_thresholds(profiles: FloatArray) -> Thresholds:
    """The threshold between each two neighbouring profiles (K, L), K - 1 values.

    Each is the smallest whole number of plays from which the higher profile is the likelier;
    None if the higher profile never overtakes the lower one.
    """
    return tuple(crossing(profiles[row], profiles[row + 1]) for row in range(len(profiles) - 1))


def crossing(lower: FloatArray, higher: FloatArray) -> int | None:
    """The play count from which ``higher`` (L,) is denser than ``lower`` (L,); None if there is none.

    Fitted profiles are jagged and may cross several times. The crossing nearest to the range
    between the two medians counts; among those inside it, the one that parts the two profiles
    best (largest difference of their cumulative distributions). Between the middles of two
    levels the log ratio of the densities is taken as linear in log plays.
    """
    tiny = np.finfo(np.float64).tiny
    ratio = np.log(np.maximum(density_per_play(higher), tiny)) - np.log(np.maximum(density_per_play(lower), tiny))
    # Equal densities, to rounding, are no crossing: two copies of one profile have no threshold.
    ratio[np.abs(ratio) < 1e-9] = 0.0
    starts = np.flatnonzero((ratio[:-1] <= 0) & (ratio[1:] > 0))
    if not starts.size:
        return None
    log_plays = np.log(level_middles())
    step = -ratio[starts] / (ratio[starts + 1] - ratio[starts])
    where = log_plays[starts] + step * (log_plays[starts + 1] - log_plays[starts])
    low, high = sorted((np.log(profile_median(lower)), np.log(profile_median(higher))))
    outside = np.maximum(np.maximum(low - where, where - high), 0.0)
    parted = np.cumsum(lower)[starts] - np.cumsum(higher)[starts]
    best = np.lexsort((-parted, outside))[0]
    if step[best] == 0:
        # Equal on the whole level before: the higher one wins from the next level on.
        return FIRST_PLAYS[starts[best] + 1]
    # Rounding must not lift a whole number by one.
    return max(ceil(exp(where[best]) - 1e-9), 2)


def segment_of(plays: NDArray[np.integer] | NDArray[np.floating], thresholds: Thresholds) -> NDArray[np.intp]:
    """The segment (0 to K - 1) of each play count; any shape.

    A threshold that does not exist leaves its higher segment empty: its listeners cannot be told
    from those below. A threshold below an earlier one leaves the segment between them empty.
    """
    counts = np.asarray(plays)
    segment = np.zeros(counts.shape, dtype=np.intp)
    for rank, threshold in enumerate(thresholds, start=1):
        if threshold is not None:
            segment[counts >= threshold] = rank
    return segment


def segment_sql(column: str, thresholds: Thresholds) -> str:
    """SQL for ``segment_of`` plus 1 (segment_rank, 1 to K) of the play count ``column``."""
    known = [(rank, plays) for rank, plays in enumerate(thresholds, start=2) if plays is not None]
    cases = " ".join(f"when {column} >= {plays} then {rank}" for rank, plays in reversed(known))
    return f"case {cases} else 1 end" if cases else "1"


def assign_listeners(counts: NDArray[np.integer], thresholds: Thresholds) -> NDArray[np.int64]:
    """Listeners per artist and segment, (A, K), from listeners per artist and level (A, L).

    A level that a threshold cuts belongs to the segment of its (geometric) middle; for the exact
    count use ``segment_sql`` on plays. Counting by thresholds is biased where profiles overlap
    (passive -4, casual +3 points on planted data): the mixture share is the estimate.
    """
    segments = segment_of(level_middles(), thresholds)
    return np.stack([counts[:, segments == rank].sum(axis=1) for rank in range(len(thresholds) + 1)], axis=1)
