"""What the nets learn: play counts in the scale of the document or another, and which songs they learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.splits import Split

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ScaleName = Literal["robust", "standard"]

VALIDATION_SHARE, TEST_SHARE = 0.1, 0.2
"""Of the songs. The document validates on a tenth and tests on none."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Plays ↔ target: ``(plays − centre) / width``."""

    centre: float
    width: float

    @classmethod
    def fit(cls, plays: NDArray[np.integer], name: ScaleName = "robust") -> Scale:
        """By median and interquartile range, as the document's code; or by mean and standard deviation, as its text.

        A width of 0 becomes 1, as scikit-learn has it: the document's fourth listener is predicted in plays less one.

        Raises:
            ValueError: there are no plays.
        """
        if not len(plays):
            raise ValueError("there are no plays to scale by")
        if name == "standard":
            centre, width = float(plays.mean()), float(plays.std())
        else:
            low, centre, high = (float(value) for value in np.quantile(plays, [0.25, 0.5, 0.75]))
            width = high - low
        return cls(centre, width or 1.0)

    def to_target(self, plays: NDArray[np.number]) -> FloatArray:
        """Same shape, in widths."""
        return (np.asarray(plays, dtype=np.float64) - self.centre) / self.width

    def to_plays(self, target: NDArray[np.floating]) -> FloatArray:
        """Same shape, in plays."""
        return np.asarray(target, dtype=np.float64) * self.width + self.centre


def split_songs(songs: int, seed: int) -> Split:
    """Songs (whole ones, with all their pieces and for all listeners) to learn from, choose by and test on.

    Raises:
        ValueError: fewer than 10 songs.
    """
    if songs < 10:
        raise ValueError(f"{songs} songs cannot be split in three: at least 10 are needed")
    order = np.random.default_rng(seed).permutation(songs)
    test, validation, train = np.split(
        order, np.cumsum([round(TEST_SHARE * songs), max(round(VALIDATION_SHARE * songs), 1)])
    )
    return Split("songs", seed, np.sort(train), np.sort(validation), np.sort(test), 0)


def split_as_published(songs: int, seed: int) -> Split:
    """A tenth of the songs (two at least) to validate on, the rest to learn from, none to test on.

    The document's code takes the last tenth of the samples, of songs in random order, so that one song may be on both
    sides; here none is.
    """
    order = np.random.default_rng(seed).permutation(songs)
    learnt = songs - max(round(songs * VALIDATION_SHARE), 2)
    return Split("songs", seed, np.sort(order[:learnt]), np.sort(order[learnt:]), order[:0], 0)
