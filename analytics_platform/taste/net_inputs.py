"""Batches for nets from sound to factors: crops or windows of spectrograms, and what is learnt of their tracks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.spectrum import HOP, SAMPLE_RATE
from analytics_platform.modelling.feeding import Part
from analytics_platform.modelling.splits import IntArray
from analytics_platform.taste.aims import Aims, FloatArray
from analytics_platform.taste.factors import confidences
from analytics_platform.taste.families import TasteFamily
from analytics_platform.taste.stretching import stretched_crops
from analytics_platform.tracks.families import InputSize
from analytics_platform.tracks.net_inputs import NetInputs, fit_inputs
from analytics_platform.tracks.sound import Sound

Arrays = Mapping[str, NDArray[Any]]
Labels = Callable[[IntArray], Arrays]
"""What is learnt of some rows, by name."""

WINDOW_S = 3
COARSE_HOP = 1024
"""Samples; every second frame of the stored spectrograms."""


def taste_inputs(sound: Sound, train: IntArray, family: TasteFamily, hop: int) -> NetInputs:
    """How a net hears these clips; only the training part is looked at.

    Args:
        sound: of all tracks.
        train: rows to learn from.
        family: which net.
        hop: samples from one frame of a window to the next, 512 or 1024; crops of 599 frames are always at 1024.

    Raises:
        ValueError: the sound has no spectrograms.
    """
    if family.architecture != "vandenoord":
        return fit_inputs(sound, train, "log-mel crops", InputSize())
    frames = -(-WINDOW_S * SAMPLE_RATE // hop)
    inputs = fit_inputs(sound, train, "log-mel", InputSize(frames=frames, hop=hop))
    assert sound.spectrograms is not None
    longest = -(-int(sound.spectrograms.frames[train].max()) * HOP // hop)
    # As many as follow one another in the longest clip.
    return NetInputs(inputs.kind, inputs.size, frames, hop, math.ceil(longest / frames))


def learning_part(inputs: NetInputs, sound: Sound, rows: IntArray, labels: Labels, *, stretch: bool) -> Part:
    """Rows to learn from: a crop or window from anywhere in each clip."""

    def make(some: IntArray, rng: np.random.Generator) -> Arrays:
        if not stretch:
            return {**inputs.random(sound, some, rng), **labels(some)}
        assert sound.spectrograms is not None
        crops, mask = stretched_crops(sound.spectrograms, some, inputs.frames, rng)
        return {"crops": crops, "mask": mask, **labels(some)}

    return Part(rows, make)


def judging_part(inputs: NetInputs, sound: Sound, rows: IntArray, labels: Labels) -> Part:
    """Rows to judge by: the same crops each time."""
    return Part(rows, lambda some, rng: {**inputs.fixed(sound, some), **labels(some)})


@dataclass(frozen=True, slots=True)
class WeightedTerms:
    """Makes the terms of ``weighted_prediction_error`` from plays; they hold listeners' factors and are not stored."""

    together: FloatArray
    """(d, d) XᵀX over all listeners."""
    starts: IntArray
    """(n + 1,) where the listeners of each track begin in the two that follow."""
    heard_by: IntArray
    confidence: NDArray[np.float64]
    listeners: FloatArray
    """(L, d)."""

    def sureness(self, rows: IntArray) -> float:
        """Mean over the tracks of Σ c of those who played: the error of predicting no plays at all."""
        # Each by itself: in a running sum the plays of other tracks would change the last bits.
        ends = zip(self.starts[rows].tolist(), self.starts[rows + 1].tolist(), strict=True)
        return float(np.mean([self.confidence[start:end].sum() for start, end in ends]))

    def of(self, rows: IntArray) -> Arrays:
        """``squares`` (k, d, d), ``pulls`` (k, d) and ``constants`` (k,) of some tracks.

        A constant is the sum of the confidences of those who played, d² numbers a player are all it costs.
        """
        dim = self.listeners.shape[1]
        squares = np.empty((len(rows), dim, dim), dtype=np.float32)
        pulls = np.empty((len(rows), dim), dtype=np.float32)
        constants = np.empty(len(rows), dtype=np.float32)
        for place, row in enumerate(rows.tolist()):
            own = slice(self.starts[row], self.starts[row + 1])
            players, sure = self.listeners[self.heard_by[own]].astype(np.float64), self.confidence[own]
            squares[place] = self.together + (players * (sure - 1)[:, None]).T @ players
            pulls[place] = sure @ players
            constants[place] = sure.sum()
        return {"squares": squares, "pulls": pulls, "constants": constants}


def weighted_terms(aims: Aims) -> WeightedTerms:
    """Prepare plays for ``weighted_prediction_error``.

    Raises:
        ValueError: the aims have no plays, or no factors of listeners.
    """
    if aims.plays is None or aims.listeners is None:
        raise ValueError("the weighted prediction error needs plays and the factors of listeners")
    by_track = aims.plays.tocsc()
    by_track.eliminate_zeros()
    listeners = aims.listeners.astype(np.float64)
    return WeightedTerms(
        (listeners.T @ listeners).astype(np.float32),
        by_track.indptr.astype(np.int64),
        by_track.indices.astype(np.int64),
        confidences(np.asarray(by_track.data, dtype=np.float64), aims.wmf),
        aims.listeners,
    )
