"""Models on a row of numbers per track: ridge regressions and boosted trees on features, embeddings or both.

All are fitted to the percentile, on training rows; the validation rows choose the penalty or the number of trees. What
they say is a score of any range: ``protocol`` turns it into a percentile and a probability by the validation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.names import FEATURE_NAMES
from analytics_platform.modelling.baselines import Ridge, fit_ridge
from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import IntArray
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.track_data import TrackData

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

Columns = Literal["descriptors", "embedding", "descriptors and embedding", "loudness and duration"]
Kind = Literal["ridge", "boosting", "ranking", "within artists"]
Arrays = dict[str, NDArray[Any]]

MEL_COLUMNS = np.array([name.lower().startswith("mel") for name in FEATURE_NAMES])
"""Of the 207 features: means of power, which span many powers of ten, and are taken in decibels."""
FLOOR = 1e-10

TREES = 600
PATIENCE = 40
BOOSTING: Mapping[str, object] = {
    "learning_rate": 0.03,
    "num_leaves": 12,
    "min_data_in_leaf": 25,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""Chosen on a sample label of another seed than any that is reported on."""
RANKS = 32
"""Grades of relevance that ranking sees in a percentile."""


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
        model = _FITS[self.kind](data, (train, validation), fitting, seed)
        return Fitted(self.columns, model)


NUMBERS: dict[str, Numbers] = {
    model.name: model
    for model in (
        Numbers("loudness_duration", "Loudness and duration", "loudness and duration", "ridge", is_baseline=True),
        Numbers("descriptor_ridge", "Ridge on descriptors", "descriptors", "ridge"),
        Numbers("descriptor_boosting", "Boosted trees on descriptors", "descriptors", "boosting"),
        Numbers("descriptor_ranking", "Boosted trees that rank, on descriptors", "descriptors", "ranking"),
        Numbers("within_artist_ridge", "Ridge within artists, on descriptors", "descriptors", "within artists"),
        Numbers("embedding_ridge", "Ridge on embeddings", "embedding", "ridge"),
        Numbers("embedding_boosting", "Boosted trees on embeddings", "embedding", "boosting"),
        Numbers("sound_ridge", "Ridge on both", "descriptors and embedding", "ridge"),
        Numbers("sound_boosting", "Boosted trees on both", "descriptors and embedding", "boosting"),
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
    if "descriptors" in columns:
        if sound.mended is not None:
            parts.append(_in_decibels(sound.mended[rows]))
        if sound.described is not None:
            parts.append(sound.described[rows])
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
    model: Ridge | Booster

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k,) scores."""
        matrix = columns_of(sound, rows, self.columns)
        if isinstance(self.model, Ridge):
            return self.model.predict(matrix)
        return np.asarray(self.model.predict(matrix), dtype=np.float64)

    def save(self) -> Arrays:
        """The weights, or the trees in LightGBM's text, as arrays."""
        columns = np.frombuffer(self.columns.encode(), dtype=np.uint8)
        if not isinstance(self.model, Ridge):
            text = self.model.model_to_string()
            return {"columns": columns, "trees": np.frombuffer(text.encode(), dtype=np.uint8)}
        ridge = self.model
        ends = np.array([ridge.intercept, ridge.low, ridge.high, ridge.penalty])
        weights = np.stack((ridge.medians, ridge.centre, ridge.scale, ridge.weights))
        return {"columns": columns, "ridge": weights, "ends": ends}

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Fitted:
        """What ``save`` gave."""
        columns: Any = arrays["columns"].tobytes().decode()
        if "trees" in arrays:
            from lightgbm import Booster

            return cls(columns, Booster(model_str=arrays["trees"].tobytes().decode()))
        medians, centre, scale, weights = arrays["ridge"]
        intercept, low, high, penalty = arrays["ends"].tolist()
        return cls(columns, Ridge((), medians, centre, scale, weights, intercept, low, high, penalty))


Rows = tuple[IntArray, IntArray]
"""Of training and validation."""
Matrices = tuple[FloatArray, FloatArray]


def _ridge(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> Ridge:
    del seed
    train, validation = (data.outcome[part] for part in rows)
    return fit_ridge((), matrices[0], train, (matrices[1], validation))


def _within_artists(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> Ridge:
    """Ridge on what sets a track apart from its artist's others: what artists differ in teaches nothing."""
    del seed
    outcomes = [_apart(data.outcome[part][:, None], data.artists[part])[:, 0] for part in rows]
    medians = np.nan_to_num(np.nanmedian(matrices[0], axis=0))
    apart = [
        _apart(np.where(np.isnan(matrix), medians, matrix), data.artists[part])
        for matrix, part in zip(matrices, rows, strict=True)
    ]
    ridge = fit_ridge((), apart[0], outcomes[0], (apart[1], outcomes[1]))
    # The same slopes on numbers as they are; no limits, which were those of differences.
    return Ridge(
        ridge.columns, medians, np.zeros_like(medians), ridge.scale, ridge.weights, 0.0, -np.inf, np.inf, ridge.penalty
    )


def _apart(values: FloatArray, artists: NDArray[np.str_]) -> FloatArray:
    """Values (n, p) less the mean of their artist."""
    _, codes, sizes = np.unique(artists, return_inverse=True, return_counts=True)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, codes, values)
    return values - (sums / sizes[:, None])[codes]


def _boosting(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> Booster:
    import lightgbm

    train, validation = (data.outcome[part] for part in rows)
    known = lightgbm.Dataset(matrices[0], train, free_raw_data=False)
    return lightgbm.train(
        {**BOOSTING, "objective": "regression", "seed": seed},
        known,
        TREES,
        valid_sets=[lightgbm.Dataset(matrices[1], validation, reference=known)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )


def _ranking(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> Booster:
    """LambdaMART: pairs of one release month and genre are put in order, and nothing is learnt from other pairs."""
    import lightgbm

    sets: list[lightgbm.Dataset] = []
    for part, matrix in zip(rows, matrices, strict=True):
        order = np.argsort(data.cells[part], kind="stable")
        _, sizes = np.unique(data.cells[part], return_counts=True)
        grades = np.minimum((data.outcome[part] * RANKS).astype(np.int64), RANKS - 1)
        sets.append(
            lightgbm.Dataset(
                matrix[order], grades[order], group=sizes, reference=sets[0] if sets else None, free_raw_data=False
            )
        )
    return lightgbm.train(
        {
            **BOOSTING,
            "objective": "rank_xendcg",
            "label_gain": list(range(RANKS)),
            "metric": "none",
            "seed": seed,
        },
        sets[0],
        TREES,
        valid_sets=[sets[1]],
        feval=_order_within_cells,
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )


def _order_within_cells(scores: NDArray[np.float64], known: Dataset) -> tuple[str, float, bool]:
    """Correlation of scores and grades, both less the mean of their cell: smoother than the order of the first ten."""
    grades, sizes = np.asarray(known.get_label(), dtype=np.float64), np.asarray(known.get_group())
    cells = np.repeat(np.arange(len(sizes)), sizes)
    one, other = (
        values - (np.bincount(cells, values) / sizes)[cells] for values in (np.asarray(scores, np.float64), grades)
    )
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return "correlation", float((one * other).sum()) / spread if spread > 0 else 0.0, True


_FITS: dict[Kind, Callable[[TrackData, Rows, Matrices, int], Ridge | Booster]] = {
    "ridge": _ridge,
    "boosting": _boosting,
    "ranking": _ranking,
    "within artists": _within_artists,
}
