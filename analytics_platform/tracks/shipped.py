"""The model in use: it says where a track may land among releases of its month and genre, and which of them it is like.

It is the fits of all folds of the model that won, averaged. What each fit said of artists that it had not heard, beside
what became of their tracks, is stored with it: ranges come from there, and so does the honest score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.model_store import StoredModel, load_model, save_model, text_array, text_of
from analytics_platform.modelling.splits import IntArray
from analytics_platform.tracks.predictors import Columns, Fitted, columns_of
from analytics_platform.tracks.sound import Sound

FAMILY = "track_popularity"
"""Its name in the model store and in ``models.releases``."""
RANGE = (0.1, 0.9)
"""Quantiles that a range lies between: 8 of 10 tracks with such a score ended in it."""
NEIGHBOUR_SHARE, LEAST_NEIGHBOURS = 0.2, 50
"""Released tracks of the nearest scores, from whose outcomes a range is read."""
NEIGHBOURHOODS = 200
FLAT = 1e-24
"""Of their squares: the spread of scores that do not differ, but for rounding."""
FINGERPRINT = 32
"""Numbers by which tracks are called alike."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says of tracks (k)."""

    percentile: FloatArray
    """Expected, 0 to 1."""
    low: FloatArray
    high: FloatArray
    raw: FloatArray
    """Of any range; in the order of the percentile."""


@dataclass(frozen=True, slots=True)
class Line:
    """Percentile = intercept + slope · score, from the validation rows of a fold; the slope is 0 or more."""

    intercept: float
    slope: float

    @classmethod
    def fit(cls, scores: FloatArray, outcome: FloatArray) -> Line:
        """The line of least squares; flat if scores do not differ, or if more is worse."""
        spread = float(((scores - scores.mean()) ** 2).sum())
        # Equal scores differ from their own mean by what rounding leaves, which must not be blown up.
        differ = spread > FLAT * float((scores**2).sum())
        slope = float(((scores - scores.mean()) * outcome).sum()) / spread if differ else 0.0
        slope = max(slope, 0.0)
        return cls(float(outcome.mean() - slope * scores.mean()), slope)

    def of(self, scores: FloatArray) -> FloatArray:
        """Percentiles, 0 to 1."""
        return np.clip(self.intercept + self.slope * scores, 0, 1)


@dataclass(frozen=True, slots=True)
class Reference:
    """Released tracks (m) that the model was trained on, each scored by the fit that had not heard its artist."""

    isrcs: NDArray[np.str_]
    predicted: FloatArray
    """Percentiles."""
    outcome: FloatArray
    fingerprints: NDArray[np.float32]
    """(m, 32) of length 1."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How numbers of a track become its fingerprint: standardised, and turned into their main directions."""

    columns: Columns
    medians: FloatArray
    centre: FloatArray
    scale: FloatArray
    directions: FloatArray
    """(p, 32) with the spread of each direction taken out."""

    @classmethod
    def fit(cls, sound: Sound, rows: IntArray, columns: Columns) -> Likeness:
        """From training rows."""
        matrix = columns_of(sound, rows, columns)
        medians = np.nan_to_num(np.nanmedian(matrix, axis=0))
        matrix = np.where(np.isnan(matrix), medians, matrix)
        centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
        scale[scale <= 1e-9 * np.maximum(np.abs(centre), 1)] = np.inf
        _, spreads, directions = np.linalg.svd((matrix - centre) / scale, full_matrices=False)
        kept = min(FINGERPRINT, int((spreads > 1e-6 * spreads[0]).sum()))
        # Half whitened: main directions still count more, but do not drown the others.
        turned = directions[:kept].T / np.sqrt(spreads[:kept] / spreads[0])
        return cls(columns, medians, centre, scale, np.pad(turned, ((0, 0), (0, FINGERPRINT - kept))))

    def of(self, sound: Sound, rows: IntArray) -> NDArray[np.float32]:
        """(k, 32) of length 1."""
        matrix = columns_of(sound, rows, self.columns)
        matrix = np.where(np.isnan(matrix), self.medians, matrix)
        turned = (matrix - self.centre) / self.scale @ self.directions
        return (turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Shipped:
    """The model in use."""

    version: str
    model: str
    """The model that won, as in models.leaderboard."""
    info: Mapping[str, Any]
    """target, window_days, data_set, auc and its range, tracks, artists …"""
    fits: Sequence[tuple[Fitted, Line]]
    """Of each fold."""
    reference: Reference
    likeness: Likeness

    @property
    def needs_embeddings(self) -> bool:
        """Whether tracks need embeddings to be scored."""
        return any("embedding" in fit.columns for fit, _ in self.fits) or "embedding" in self.likeness.columns

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k,) expected percentiles, 0 to 1: the mean of all fits."""
        return np.mean([line.of(fit.predict(sound, rows)) for fit, line in self.fits], axis=0)

    def score(self, sound: Sound, rows: IntArray) -> Scores:
        """Percentiles with ranges."""
        percentile = self.predict(sound, rows)
        low, high = outcome_ranges(percentile, self.reference.predicted, self.reference.outcome)
        raw = np.mean([fit.predict(sound, rows) for fit, _ in self.fits], axis=0)
        return Scores(percentile, np.minimum(low, percentile), np.maximum(high, percentile), raw)

    def similar(self, sound: Sound, rows: IntArray, count: int = 5) -> tuple[IntArray, FloatArray]:
        """(k, count) rows of the reference that sound most alike, and (k, count) how much so, −1 to 1."""
        likeness = self.likeness.of(sound, rows) @ self.reference.fingerprints.T
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
        return nearest, np.take_along_axis(likeness, nearest, axis=1).astype(np.float64)

    def save(self, root: Path) -> StoredModel:
        """Put it into the model store."""
        arrays = {
            f"fit{number}/{name}": array
            for number, (fit, _) in enumerate(self.fits)
            for name, array in fit.save().items()
        }
        likeness, reference = self.likeness, self.reference
        arrays |= {
            "lines": np.array([[line.intercept, line.slope] for _, line in self.fits]),
            "reference/isrcs": text_array(reference.isrcs),
            "reference/outcomes": np.stack((reference.predicted, reference.outcome)),
            "reference/fingerprints": reference.fingerprints,
            "likeness/columns": np.frombuffer(likeness.columns.encode(), dtype=np.uint8),
            "likeness/scales": np.stack((likeness.medians, likeness.centre, likeness.scale)),
            "likeness/directions": likeness.directions,
        }
        return save_model(root, FAMILY, self.version, arrays, {"winner": self.model, **self.info})

    @classmethod
    def load(cls, root: Path, version: str) -> Shipped:
        """Read a version.

        Raises:
            FileNotFoundError: there is none.
        """
        stored = load_model(root, FAMILY, version)
        arrays = stored.arrays
        fits: list[tuple[Fitted, Line]] = []
        for number, (intercept, slope) in enumerate(arrays["lines"].tolist()):
            start = f"fit{number}/"
            own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            fits.append((Fitted.load(own), Line(intercept, slope)))
        columns: Any = arrays["likeness/columns"].tobytes().decode()
        predicted, outcome = arrays["reference/outcomes"]
        medians, centre, scale = arrays["likeness/scales"]
        return cls(
            version,
            stored.info["winner"],
            stored.info,
            fits,
            Reference(text_of(arrays["reference/isrcs"]), predicted, outcome, arrays["reference/fingerprints"]),
            Likeness(columns, medians, centre, scale, arrays["likeness/directions"]),
        )


def outcome_ranges(scores: FloatArray, predicted: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Between which percentiles 8 of 10 tracks with the nearest predictions ended, (k,) and (k,).

    Args:
        scores: (k,) of new tracks.
        predicted: (m,) of tracks whose outcome is known, by fits that had not seen them.
        outcome: (m,).
    """
    order = np.argsort(predicted, kind="stable")
    known, outcomes = predicted[order], outcome[order]
    count = min(max(round(NEIGHBOUR_SHARE * len(known)), LEAST_NEIGHBOURS), len(known))
    first = np.clip(np.searchsorted(known, scores) - count // 2, 0, len(known) - count)
    # A range changes little from one neighbourhood to the next: of many, a few hundred are enough.
    step = max((len(known) - count) // NEIGHBOURHOODS, 1)
    starts, place = np.unique(first // step * step, return_inverse=True)
    windows = np.lib.stride_tricks.sliding_window_view(outcomes, count)[starts]
    low, high = np.quantile(windows, RANGE, axis=1)
    return low[place], high[place]
