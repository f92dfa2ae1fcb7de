"""The claim of document 002 against a constant: the mean predictor under the document's own splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.taste.play_counts.targets import Scale, split_as_published

RUNS = 48
"""Of each listener in the document: the best of so many validation sets was reported."""
DRAWS = 20_000
PUBLISHED_MEDIANS = (10.31, 0.777, 0.950, 1.722, 1.780)
"""Final validation MSE of the 48 LSTMs of each listener, median; computed from the authors' own file."""
PUBLISHED_BEST = (1.046, 0.0204, 0.3288, 0.0829, 0.0549)
"""And the best of each."""


@dataclass(frozen=True, slots=True)
class Constant:
    """What predicting the mean of the training songs gives, in the document's scale."""

    median: float
    """MSE of the median validation set."""
    best_of_48: float
    """Expected least MSE of 48 validation sets."""


def constant_under_published_splits(plays: NDArray[np.integer], *, draws: int = DRAWS, seed: int = 0) -> Constant:
    """Draw the document's splits again and again, and predict the mean of their training songs.

    Args:
        plays: of the songs of a listener that the document had sound of (n,).
        draws: how many splits.
        seed: of the first.
    """
    target = Scale.fit(plays).to_target(plays)
    errors = np.empty(draws)
    for draw in range(draws):
        split = split_as_published(len(plays), seed + draw)
        errors[draw] = np.square(target[split.validation] - target[split.train].mean()).mean()
    errors.sort()
    # Chance that the least of 48 is above each of the sorted errors.
    above = (1 - np.arange(draws + 1) / draws) ** RUNS
    return Constant(float(np.median(errors)), float(errors @ (above[:-1] - above[1:])))
