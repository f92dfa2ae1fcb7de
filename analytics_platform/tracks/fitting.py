"""How models on numbers are fitted: plain, to order tracks of a cell, and with a level of its own for each artist.

Most of what tracks differ in is their artist's fame, which a model of sound should neither learn nor be thrown by. The
mixed models give each artist a level, drawn to 0 by as much as the artist has few tracks, and learn from what is left:
https://en.wikipedia.org/wiki/Mixed_model. Of an artist that they have not heard they say what the sound says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.baselines import Ridge, fit_ridge, variance_ratio
from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import IntArray
from analytics_platform.tracks.track_data import TrackData

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

    Model: TypeAlias = "Ridge | Booster | Recognition"

Kind = Literal[
    "ridge", "boosting", "ranking", "within artists", "mixed ridge", "mixed boosting", "mixed",
    "recognition", "ridge and recognition",
]  # fmt: skip
TREES = 600
PATIENCE = 40
ROUNDS = 3
"""Of artists' levels and trees in turn."""
BOOSTING: Mapping[str, object] = {
    "learning_rate": 0.03,
    "num_leaves": 4,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.1,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""Chosen on a sample label of another seed than any that is reported on."""
NEAREST, DIRECTIONS, SHRINKAGE = 4, 60, 0.1
"""Where artists are recognised: tracks whose outcomes are averaged, numbers in which they are compared, and what is
added to the variance of each number within artists."""
RANKS = 32
"""Grades of relevance that ranking sees in a percentile."""

Rows = tuple[IntArray, IntArray]
"""Of training and validation."""
Matrices = tuple[FloatArray, FloatArray]


def fit_models(data: TrackData, rows: Rows, matrices: Matrices, kind: Kind, seed: int) -> tuple[Model, ...]:
    """Fit a model to the percentile of the training rows; the validation rows choose penalty or number of trees.

    Args:
        data: the tracks.
        rows: of training and of validation.
        matrices: their numbers; NaN is missing.
        kind: which model.
        seed: of what trees draw.
    """
    return _FITS[kind](data, rows, matrices, seed)


def _ridge(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Ridge]:
    del seed
    train, validation = (data.outcome[part] for part in rows)
    return (fit_ridge((), matrices[0], train, (matrices[1], validation)),)


def _within_artists(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Ridge]:
    """Ridge on what sets a track apart from its artist's others: what artists differ in teaches nothing."""
    del seed
    return (_ridge_apart(data, rows, matrices, pull=0.0),)


def _mixed_ridge(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Ridge]:
    del seed
    pull = variance_ratio(data.outcome[rows[0]], data.artists[rows[0]])
    return (_ridge_apart(data, rows, matrices, pull),)


def _ridge_apart(data: TrackData, rows: Rows, matrices: Matrices, pull: float) -> Ridge:
    """Ridge on numbers and outcomes less a part of their artist's mean: generalised least squares of a random level.

    The part is 1 − √(k / (k + n)) for an artist of n tracks, with k the pull (the transformation of Fuller and Battese,
    1974). With k = 0 it is 1, and only differences within artists count.
    """
    medians = np.nan_to_num(np.nanmedian(matrices[0], axis=0))
    outcomes = [_apart(data.outcome[part][:, None], data.artists[part], pull)[:, 0] for part in rows]
    apart = [
        _apart(np.where(np.isnan(matrix), medians, matrix), data.artists[part], pull)
        for matrix, part in zip(matrices, rows, strict=True)
    ]
    ridge = fit_ridge((), apart[0], outcomes[0], (apart[1], outcomes[1]))
    # The same slopes on numbers as they are, around the middle of the training rows; no limits, which were those of
    # differences.
    centre = np.where(np.isnan(matrices[0]), medians, matrices[0]).mean(axis=0)
    middle = float(data.outcome[rows[0]].mean())
    return Ridge(ridge.columns, medians, centre, ridge.scale, ridge.weights, middle, -np.inf, np.inf, ridge.penalty)


def _apart(values: FloatArray, artists: NDArray[np.str_], pull: float) -> FloatArray:
    """Values (n, p) less a part of the mean of their artist."""
    _, codes, sizes = np.unique(artists, return_inverse=True, return_counts=True)
    part = 1 - np.sqrt(pull / (pull + sizes)) if np.isfinite(pull) else np.zeros(len(sizes))
    return values - (part[:, None] * _means(values, codes, sizes))[codes]


def _means(values: FloatArray, codes: IntArray, sizes: IntArray) -> FloatArray:
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, codes, values)
    return sums / sizes[:, None]


def _boosting(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Booster]:
    train, validation = (data.outcome[part] for part in rows)
    return (_boost(matrices, train, validation, seed),)


def _mixed_boosting(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Booster]:
    """Trees on what artists' levels leave, and levels of what the trees leave, in turn (Hajjem et al. 2014, MERF)."""
    train, validation = (data.outcome[part] for part in rows)
    pull = variance_ratio(train, data.artists[rows[0]])
    levels = [np.zeros(len(part)) for part in rows]
    model: Booster | None = None
    for _ in range(ROUNDS):
        model = _boost(matrices, train - levels[0], validation - levels[1], seed)
        said = [np.asarray(model.predict(matrix), dtype=np.float64) for matrix in matrices]
        levels = [
            _levels(outcome - one, data.artists[part], pull)
            for outcome, one, part in zip((train, validation), said, rows, strict=True)
        ]
    assert model is not None
    return (model,)


def _levels(left: FloatArray, artists: NDArray[np.str_], pull: float) -> FloatArray:
    """(n,) the level of each track's artist: the mean of what is left, drawn to 0."""
    _, codes, sizes = np.unique(artists, return_inverse=True, return_counts=True)
    if not np.isfinite(pull):
        return np.zeros(len(left))
    means = _means((left - left.mean())[:, None], codes, sizes)[:, 0]
    return (means * sizes / (sizes + pull))[codes]


def _boost(matrices: Matrices, train: FloatArray, validation: FloatArray, seed: int) -> Booster:
    import lightgbm

    known = lightgbm.Dataset(matrices[0], train, free_raw_data=False)
    return lightgbm.train(
        {**BOOSTING, "objective": "regression", "seed": seed},
        known,
        TREES,
        valid_sets=[lightgbm.Dataset(matrices[1], validation, reference=known)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )


def _mixed(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Model, ...]:
    return *_mixed_ridge(data, rows, matrices, seed), *_mixed_boosting(data, rows, matrices, seed)


def _ranking(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Booster]:
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
    model = lightgbm.train(
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
    return (model,)


def _order_within_cells(scores: NDArray[np.float64], known: Dataset) -> tuple[str, float, bool]:
    """Correlation of scores and grades, both less the mean of their cell: smoother than the order of the first ten."""
    grades, sizes = np.asarray(known.get_label(), dtype=np.float64), np.asarray(known.get_group())
    cells = np.repeat(np.arange(len(sizes)), sizes)
    one, other = (
        values - (np.bincount(cells, values) / sizes)[cells] for values in (np.asarray(scores, np.float64), grades)
    )
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return "correlation", float((one * other).sum()) / spread if spread > 0 else 0.0, True


@dataclass(frozen=True, slots=True)
class Recognition:
    """The mean outcome of the tracks that sound most as if they were the same artist's."""

    medians: FloatArray
    directions: FloatArray
    """(p, 60) along which artists differ and their own tracks do not: Fisher's discriminants."""
    places: FloatArray
    """(n, 60) training tracks."""
    outcome: FloatArray

    def predict(self, matrix: FloatArray) -> FloatArray:
        """(k,) percentiles."""
        from scipy.spatial import KDTree

        places = np.where(np.isnan(matrix), self.medians, matrix) @ self.directions
        _, nearest = KDTree(self.places).query(places, k=min(NEAREST, len(self.places)))
        return self.outcome[nearest].reshape(len(places), -1).mean(axis=1)


def _recognition(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Recognition]:
    """Learns what tells artists apart, and nothing of what makes a track do well: it only knows who has done well."""
    from scipy.linalg import eigh

    del seed
    medians = np.nan_to_num(np.nanmedian(matrices[0], axis=0))
    filled = np.where(np.isnan(matrices[0]), medians, matrices[0])
    scale = np.where(filled.std(axis=0) > 0, filled.std(axis=0), np.inf)
    scaled = (filled - filled.mean(axis=0)) / scale
    own = _apart(scaled, data.artists[rows[0]], pull=0.0)
    between = scaled - own
    within = own.T @ own / len(own) + SHRINKAGE * np.eye(own.shape[1])
    wanted = (max(own.shape[1] - DIRECTIONS, 0), own.shape[1] - 1)
    directions = eigh(between.T @ between / len(own), within, subset_by_index=wanted)[1] / scale[:, None]
    return (Recognition(medians, directions, filled @ directions, data.outcome[rows[0]]),)


def _ridge_and_recognition(data: TrackData, rows: Rows, matrices: Matrices, seed: int) -> tuple[Model, ...]:
    """What a split by rows would choose: what the sound says, and who it is."""
    return *_mixed_ridge(data, rows, matrices, seed), *_recognition(data, rows, matrices, seed)


_FITS: dict[Kind, Callable[[TrackData, Rows, Matrices, int], tuple[Model, ...]]] = {
    "ridge": _ridge,
    "boosting": _boosting,
    "ranking": _ranking,
    "within artists": _within_artists,
    "mixed ridge": _mixed_ridge,
    "mixed boosting": _mixed_boosting,
    "mixed": _mixed,
    "recognition": _recognition,
    "ridge and recognition": _ridge_and_recognition,
}
