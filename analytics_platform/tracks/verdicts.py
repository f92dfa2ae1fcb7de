"""Judged predictions as scores with ranges: yes or no, percentile, three classes, and order within an artist."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import ALL_SEEDS, DRAWS, FloatArray, Score, bootstrap_ratio, score_frame
from analytics_platform.modelling.scoring import score_binary, score_classes, score_values
from analytics_platform.modelling.splits import IntArray
from analytics_platform.tracks.protocol import LEAKY, Judged
from analytics_platform.tracks.shipped import outcome_ranges
from analytics_platform.tracks.track_data import TrackData, classes_of

if TYPE_CHECKING:
    import polars as pl

SUCCESS, PERCENTILE, CLASS, ORDER = "track_success", "track_percentile", "track_class", "track_order"
"""Tasks of the score tables: above the median or not; percentile; low, medium, high; which track of an artist's."""
TASKS = (SUCCESS, PERCENTILE, CLASS, ORDER)
STANDARD = "descriptor_ridge"
"""The model that others' AUC and R² are compared with, in the same draws."""
FIRST_FOLD = "first fold"
FEW_DRAWS = 200
"""Of the bootstrap, for the scores of single seeds, which are there to be compared with one another."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores of one task in one split, of one seed or of all."""

    task: str
    split: str
    seed: int
    scores: list[Score]

    def frame(self, data: TrackData, version: str, notes: Mapping[str, str] | None = None) -> pl.DataFrame:
        """Rows of a score table."""
        return score_frame(
            self.scores,
            self.task,
            data.data_set,
            data.window_days,
            version,
            target=data.target,
            split=self.split,
            seed=self.seed,
            notes=notes,
        )


def verdicts(
    data: TrackData, judged: Mapping[str, Sequence[Judged]], split: str, baselines: Collection[str]
) -> Iterator[Verdict]:
    """Scores of models that predicted the same rows in the same folds: each seed's, and of all seeds together.

    Args:
        data: the tracks.
        judged: by model, its predictions of every fold of every seed.
        split: name for the score tables.
        baselines: names of dummies.
    """
    seeds = sorted({one.seed for folds in judged.values() for one in folds})
    for seed in (ALL_SEEDS, *seeds):
        some = {
            model: sorted((one for one in folds if seed in (ALL_SEEDS, one.seed)), key=lambda one: (one.seed, one.fold))
            for model, folds in judged.items()
        }
        yield from _verdicts(data, some, split, seed, baselines)


def first_folds(judged: Mapping[str, Sequence[Judged]]) -> dict[str, list[Judged]]:
    """The predictions of the first fold only: what dear models can be compared with."""
    return {model: [one for one in folds if one.fold == 0] for model, folds in judged.items()}


def _verdicts(
    data: TrackData, judged: Mapping[str, list[Judged]], split: str, seed: int, baselines: Collection[str]
) -> Iterator[Verdict]:
    folds = next(iter(judged.values()))
    rows = np.concatenate([one.rows for one in folds])
    fold_of = np.repeat(np.arange(len(folds)), [len(one.rows) for one in folds])
    seed_of = np.repeat([one.seed for one in folds], [len(one.rows) for one in folds])
    above = np.concatenate([one.above for one in folds])
    groups, outcome = data.groups[rows], data.outcome[rows]
    numbers = {model: found for model, found in judged.items() if found[0].percentile is not None}
    chances = {model: _joined([one.probability for one in found]) for model, found in numbers.items()}
    percentiles = {model: _joined([one.percentile for one in found]) for model, found in numbers.items()}
    classes = {model: np.concatenate([one.classes for one in found]) for model, found in judged.items()}
    draws = DRAWS if seed == ALL_SEEDS else FEW_DRAWS
    standard = STANDARD if STANDARD in numbers else None
    if chances:
        scores = score_binary(chances, above, groups, baselines=baselines, folds=fold_of, above=standard, draws=draws)
        yield Verdict(SUCCESS, split, seed, scores)
        scores = score_values(
            percentiles,
            outcome,
            groups,
            unit="percentile",
            baselines=baselines,
            folds=fold_of,
            above=standard,
            draws=draws,
        )
        if seed == ALL_SEEDS:
            scores += _coverage(percentiles, outcome, fold_of, seed_of, groups, baselines)
        yield Verdict(PERCENTILE, split, seed, scores)
        # The mean of an artist's others is the lower, the better a track: it says nothing of their order.
        told = {model: values for model, values in percentiles.items() if model != LEAKY}
        order = _order(told, outcome, data.artists[rows], groups, fold_of, baselines)
        if order:
            yield Verdict(ORDER, split, seed, order)
    truth = classes_of(outcome)
    scores = score_classes(classes, truth, groups, baselines=baselines, draws=draws)
    yield Verdict(CLASS, split, seed, scores)


def _sums(codes: IntArray, values: FloatArray) -> FloatArray:
    return np.bincount(codes, values).astype(np.float64)


def _joined(parts: Sequence[FloatArray | None]) -> FloatArray:
    return np.concatenate([part for part in parts if part is not None])


def _order(
    predictions: Mapping[str, FloatArray],
    outcome: FloatArray,
    artists: NDArray[np.str_],
    groups: IntArray,
    folds: IntArray,
    baselines: Collection[str],
) -> list[Score]:
    """Of two tracks of one artist, how often the better one has the higher prediction: which of these demos?

    Ties of predictions count half; only tracks that one fit predicted are compared.
    """
    who = np.unique(artists, return_inverse=True)[1] * (int(folds.max()) + 1) + folds
    by_artist = np.argsort(who, kind="stable")
    one: list[IntArray] = []
    other: list[IntArray] = []
    for tracks in np.split(by_artist, np.flatnonzero(np.diff(who[by_artist])) + 1):
        first, second = np.triu_indices(len(tracks), 1)
        one.append(tracks[first])
        other.append(tracks[second])
    first, second = np.concatenate(one), np.concatenate(other)
    differ = outcome[first] != outcome[second]
    first, second = first[differ], second[differ]
    names, codes = np.unique(groups[first], return_inverse=True)
    if len(names) < 2:
        return []
    pairs = np.bincount(codes).astype(np.float64)
    scores: list[Score] = []
    for model, predicted in predictions.items():
        right = (np.sign(predicted[first] - predicted[second]) * np.sign(outcome[first] - outcome[second]) + 1) / 2
        value, low, high = bootstrap_ratio(_sums(codes, right), pairs, np.random.default_rng(0))
        is_baseline = model in baselines
        scores.append(
            Score(model, "right_pairs", value, low, high, "share of pairs", "higher", is_baseline, len(names))
        )
    return scores


def _coverage(
    predictions: Mapping[str, FloatArray],
    outcome: FloatArray,
    folds: IntArray,
    seeds: IntArray,
    groups: IntArray,
    baselines: Collection[str],
) -> list[Score]:
    """How often the range that a model gives holds the outcome, read from the seed's other folds: 0.8 is meant."""
    scores: list[Score] = []
    if any((folds[seeds == seed] == folds[seeds == seed][0]).all() for seed in np.unique(seeds)):
        return scores
    names, codes = np.unique(groups, return_inverse=True)
    weights = np.bincount(codes).astype(np.float64)
    for model, predicted in predictions.items():
        inside = np.zeros(len(outcome))
        for fold in np.unique(folds):
            here = folds == fold
            others = ~here & (seeds == seeds[here][0])
            low, high = outcome_ranges(predicted[here], predicted[others], outcome[others])
            inside[here] = (outcome[here] >= np.minimum(low, predicted[here])) & (
                outcome[here] <= np.maximum(high, predicted[here])
            )
        value, low, high = bootstrap_ratio(_sums(codes, inside), weights, np.random.default_rng(0))
        scores.append(
            Score(model, "range_coverage", value, low, high, "share", "near 0.8", model in baselines, len(names))
        )
    return scores


def chosen(judged: Mapping[str, Sequence[Judged]], baselines: Collection[str]) -> str:
    """The model with the least error on the validation rows, over all folds and seeds."""
    errors = {
        model: float(np.mean([one.validation_error for one in folds]))
        for model, folds in judged.items()
        if model not in baselines
    }
    return min(errors, key=errors.__getitem__)
