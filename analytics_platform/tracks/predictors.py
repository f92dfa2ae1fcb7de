"""Models on a row of numbers per track: ridge regressions and boosted trees on features, embeddings or both.

All are fitted to the percentile, on training rows; the validation rows choose the penalty or the number of trees. What
they say is a score of any range: ``protocol`` turns it into a percentile and a probability by the validation rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.names import FEATURE_NAMES
from analytics_platform.modelling.baselines import Ridge
from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import IntArray
from analytics_platform.tracks.fitting import Kind, Recognition, fit_models
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.track_data import TrackData

if TYPE_CHECKING:
    from analytics_platform.tracks.fitting import Model

Columns = Literal["loudness and duration", "descriptors", "embedding", "sound", "sound and embedding"]
"""sound: the descriptors, and how the spectrum moves."""
Arrays = dict[str, NDArray[Any]]

MEL_COLUMNS = np.array([name.lower().startswith("mel") for name in FEATURE_NAMES])
"""Of the 207 features: means of power, which span many powers of ten, and are taken in decibels."""
FLOOR = 1e-10


class Predictor(Protocol):
    """A fitted model: from sound to a score."""

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k,) scores of rows, higher is better, of any range; or (k, 3) probabilities of low, medium and high."""
        ...


@dataclass(frozen=True, slots=True)
class Numbers:
    """A model of this module."""

    name: str
    title: str
    columns: Columns
    kind: Kind
    is_baseline: bool = False

    @property
    def needs_embeddings(self) -> bool:
        """Whether every track must have an embedding."""
        return "embedding" in self.columns

    def fit(self, data: TrackData, train: IntArray, validation: IntArray, *, seed: int) -> Fitted:
        """Fit on training rows."""
        matrix = columns_of(data.sound, np.concatenate((train, validation)), self.columns)
        fitting = (matrix[: len(train)], matrix[len(train) :])
        return Fitted(self.columns, fit_models(data, (train, validation), fitting, self.kind, seed))


NUMBERS: dict[str, Numbers] = {
    model.name: model
    for model in (
        Numbers("loudness_duration", "Loudness and duration", "loudness and duration", "ridge", is_baseline=True),
        Numbers("voice_recognition", "Recognises artists, and nothing else", "sound", "recognition", is_baseline=True),
        Numbers("voice_ridge", "Recognises artists, and ridge", "sound", "ridge and recognition", is_baseline=True),
        Numbers("descriptor_ridge", "Ridge on descriptors", "descriptors", "ridge"),
        Numbers("descriptor_boosting", "Boosted trees on descriptors", "descriptors", "boosting"),
        Numbers("descriptor_ranking", "Boosted trees that rank, on descriptors", "descriptors", "ranking"),
        Numbers("within_artist_ridge", "Ridge within artists, on descriptors", "descriptors", "within artists"),
        Numbers("embedding_ridge", "Ridge on embeddings", "embedding", "ridge"),
        Numbers("embedding_boosting", "Boosted trees on embeddings", "embedding", "boosting"),
        Numbers("sound_ridge", "Mixed ridge on sound", "sound", "mixed ridge"),
        Numbers("sound_boosting", "Mixed boosted trees on sound", "sound", "mixed boosting"),
        Numbers("sound_average", "Average of the two on sound", "sound", "mixed"),
        Numbers("full_ridge", "Mixed ridge on sound and embeddings", "sound and embedding", "mixed ridge"),
        Numbers("full_average", "Average of both on sound and embeddings", "sound and embedding", "mixed"),
    )
}


def columns_of(sound: Sound, rows: IntArray, columns: Columns) -> FloatArray:
    """(k, p) numbers of some rows; NaN is missing.

    Raises:
        ValueError: the sound has no such numbers.
    """
    parts: list[FloatArray] = []
    if columns == "loudness and duration":
        loudness = np.full(len(rows), np.nan) if sound.described is None else sound.described[rows, 0]
        return np.column_stack((loudness, sound.durations_s[rows]))
    if columns != "embedding":
        if sound.mended is not None:
            parts.append(_in_decibels(sound.mended[rows]))
        if sound.described is not None:
            parts.append(sound.described[rows])
    if "sound" in columns:
        if sound.moving is None:
            raise ValueError("it is not known how the spectra of these tracks move")
        parts.append(sound.moving[rows])
    if "embedding" in columns:
        if sound.pooled is None:
            raise ValueError("these tracks have no embeddings")
        parts.append(sound.pooled[rows].astype(np.float64))
    if not parts:
        raise ValueError(f"these tracks have no {columns}")
    return np.hstack(parts)


def _in_decibels(features: FloatArray) -> FloatArray:
    """The features with mean powers in dB; those of another data set as they are."""
    if features.shape[1] != len(MEL_COLUMNS):
        return features
    values = features.copy()
    values[:, MEL_COLUMNS] = 10 * np.log10(np.maximum(values[:, MEL_COLUMNS], FLOOR))
    return values


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model of this module with its weights or trees."""

    columns: Columns
    models: tuple[Model, ...]
    """Whose mean is the prediction."""

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k,) scores."""
        matrix = columns_of(sound, rows, self.columns)
        return np.mean([np.asarray(model.predict(matrix), dtype=np.float64) for model in self.models], axis=0)

    def save(self) -> Arrays:
        """The weights, or the trees in LightGBM's text, as arrays."""
        arrays: Arrays = {"columns": np.frombuffer(self.columns.encode(), dtype=np.uint8)}
        for number, model in enumerate(self.models):
            if isinstance(model, Ridge):
                ends = [model.intercept, model.low, model.high, model.penalty]
                weights = np.stack((model.medians, model.centre, model.scale, model.weights))
                arrays |= {f"{number}.ridge": weights, f"{number}.ends": np.array(ends)}
            elif isinstance(model, Recognition):
                raise TypeError("a model that recognises artists shows what a leak is, and is never put into use")
            else:
                arrays[f"{number}.trees"] = np.frombuffer(model.model_to_string().encode(), dtype=np.uint8)
        return arrays

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Fitted:
        """What ``save`` gave."""
        from lightgbm import Booster

        columns: Any = arrays["columns"].tobytes().decode()
        models: list[Model] = []
        for number in range(len(arrays)):
            if f"{number}.trees" in arrays:
                models.append(Booster(model_str=arrays[f"{number}.trees"].tobytes().decode()))
            elif f"{number}.ridge" in arrays:
                medians, centre, scale, weights = arrays[f"{number}.ridge"]
                intercept, low, high, penalty = arrays[f"{number}.ends"].tolist()
                models.append(Ridge((), medians, centre, scale, weights, intercept, low, high, penalty))
        return cls(columns, tuple(models))
