"""Tracks whose outcome is known: what models are trained on and judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import IntArray
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.tasks import Task

CLASS_EDGES = (0.25, 0.65)
"""Low, medium and high, of the percentile: the cuts of document 004, which has them on a scale to 100."""


@dataclass(frozen=True, slots=True)
class TrackData:
    """Tracks (n) with an outcome; arrays have a row for each."""

    data_set: str
    """As in the score tables."""
    target: str
    """What the outcome is, like plays_first_28_days."""
    window_days: int
    """Of the target; 0 if it has none."""
    ids: NDArray[np.str_]
    """ISRCs, or ids of the data set."""
    outcome: FloatArray
    """Percentile among tracks of one release month and genre, 0 to 1."""
    artists: NDArray[np.str_]
    groups: IntArray
    """Tracks that share an artist or a recording, directly or through others."""
    genres: NDArray[np.str_]
    cells: IntArray
    """The tracks that a track was compared with: its release month (or quarter, year) and genre, as a number."""
    released: NDArray[np.datetime64]
    """Days; NaT if unknown."""
    sound: Sound

    def __len__(self) -> int:
        return len(self.ids)


def task_targets(outcome: FloatArray, train: IntArray, task: Task) -> FloatArray | IntArray:
    """What a net is to give (n,): 0 or 1 about the training part's median, the outcome itself, or the class 0, 1, 2."""
    if task == "binary":
        return (outcome > np.median(outcome[train])).astype(np.float64)
    if task == "regression":
        return outcome
    return classes_of(outcome)


def classes_of(outcome: FloatArray) -> IntArray:
    """0, 1, 2 (n,): low, medium, high."""
    return np.digitize(outcome, CLASS_EDGES).astype(np.int64)
