"""How models are judged: by artists that they have not heard, by later releases, and by rows, which flatters.

Every model gives a score of any range. On the validation rows of its fold the score becomes a percentile (a line), a
probability of ending above the median (logistic), and probabilities of low, medium and high (multinomial): so all
models are judged at all tasks, with chances that mean what they say. The test rows are predicted once.

A model's metrics over several seeds are means over seeds; the bootstrap draws an artist in all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.baselines import fit_group_means, fit_mean, mean_of_others
from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import FOLDS, IntArray, Split, make_folds, time_split
from analytics_platform.tracks.shipped import Line
from analytics_platform.tracks.track_data import TrackData, classes_of, task_targets

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

SplitName = Literal["artists", "rows", "time"]
MAJORITY = "majority"
"""The dummy that says the same of every track: at yes or no and at classes, what most are."""
LEAKY = "artist_mean_leaky"
"""The dummy that is told the outcomes of the artist's other tracks."""
TIME_TEST_SHARE = 0.2
"""Of the tracks: the latest releases, which a split by time tests on."""
LEAST_TRACKS, LEAST_ARTISTS = 100, 20
"""Fewer say nothing."""

Fit = Callable[[TrackData, Split, int], FloatArray]
"""(data, split, seed) → scores (n,) or (n, 3) of all rows, of which those of validation and test are used."""


class TooFewTracksError(ValueError):
    """A data set is too small to judge a model by; the message says what it has and what it needs."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that takes part."""

    name: str
    fit: Fit
    is_baseline: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A model's predictions of the test rows of one fold, and how it did on the validation rows."""

    seed: int
    fold: int
    rows: IntArray
    """(k,) rows of the data."""
    percentile: FloatArray | None
    """(k,) expected; None for a model that names classes only."""
    probability: FloatArray | None
    """(k,) of ending above the median of the training rows."""
    classes: FloatArray
    """(k, 3)."""
    above: NDArray[np.bool_]
    """(k,) whether the track did end above that median."""
    validation_error: float
    """Mean squared error of the percentile on the validation rows, which chooses between models; inf without one."""
    line: Line | None


def make_splits(data: TrackData, name: SplitName, seed: int) -> list[Split]:
    """The splits of a seed.

    Raises:
        TooFewTracksError: there are too few tracks or artists.
    """
    artists = len(np.unique(data.groups))
    if len(data) < LEAST_TRACKS or artists < LEAST_ARTISTS:
        raise TooFewTracksError(
            f"{len(data)} tracks of {artists} artists with sound, training rights and a known {data.target}: "
            f"models need {LEAST_TRACKS} of {LEAST_ARTISTS}"
        )
    if name == "time":
        days = np.sort(data.released)
        return [time_split(data.released, days[int(len(days) * (1 - TIME_TEST_SHARE))], data.groups)]
    return make_folds(data.groups, FOLDS, seed=seed, by="groups" if name == "artists" else "rows")


def judge(data: TrackData, contender: Contender, split: Split, seed: int) -> Judged:
    """Fit a model on the training rows of a split and have it predict the test rows."""
    return judged(data, contender.fit(data, split, seed), split, seed)


def judged(data: TrackData, scores: FloatArray, split: Split, seed: int) -> Judged:
    """Scores (n,) or (n, 3) of all rows as predictions of the test rows, by what the validation rows say of them."""
    checked, tested = split.validation, split.test
    above = task_targets(data.outcome, split.train, "binary") > 0
    classes = classes_of(data.outcome)
    if scores.ndim > 1:
        return Judged(seed, split.fold, tested, None, None, scores[tested], above[tested], np.inf, None)
    line = Line.fit(scores[checked], data.outcome[checked])
    error = float(((line.of(scores[checked]) - data.outcome[checked]) ** 2).mean())
    binary = fit_chances(scores[checked], above[checked].astype(np.int64), 2)
    several = fit_chances(scores[checked], classes[checked], 3)
    return Judged(
        seed,
        split.fold,
        tested,
        line.of(scores[tested]),
        binary(scores[tested])[:, 1],
        several(scores[tested]),
        above[tested],
        error,
        line,
    )


def fit_chances(scores: FloatArray, classes: IntArray, count: int) -> Callable[[FloatArray], FloatArray]:
    """Chances (k, count) of each class by score: logistic regression, or their shares if scores say nothing."""
    from sklearn.linear_model import LogisticRegression

    there = np.unique(classes)
    centre, scale = float(scores.mean()), float(scores.std())
    shares = np.bincount(classes, minlength=count) / len(classes)
    if len(there) < 2 or scale < 1e-9:
        return lambda new: np.tile(shares, (len(new), 1))
    model: LogisticRegression = LogisticRegression(C=10.0).fit(((scores - centre) / scale)[:, None], classes)
    if model.coef_[-1, 0] < 0:
        # As with percentiles: a score of which more is worse says nothing.
        return lambda new: np.tile(shares, (len(new), 1))

    def chances(new: FloatArray) -> FloatArray:
        found = np.zeros((len(new), count))
        found[:, there] = model.predict_proba(((new - centre) / scale)[:, None])
        return found

    return chances


def dummies() -> list[Contender]:
    """What every model must beat, and one that it must not: the artist's other successes."""

    def mean(data: TrackData, split: Split, seed: int) -> FloatArray:
        del seed
        return fit_mean(data.outcome[split.train]).predict(len(data))

    def genre_mean(data: TrackData, split: Split, seed: int) -> FloatArray:
        del seed
        return fit_group_means(data.outcome[split.train], data.genres[split.train]).predict(data.genres)

    def artist_mean(data: TrackData, split: Split, seed: int) -> FloatArray:
        del seed
        return mean_of_others(data.outcome, data.artists, split.train)

    return [
        Contender(MAJORITY, mean, True, "The mean of the training part; at yes or no, what most tracks are."),
        Contender("genre_mean", genre_mean, True),
        Contender(LEAKY, artist_mean, True, "Told the outcomes of the artist's other tracks, tested ones too."),
    ]
