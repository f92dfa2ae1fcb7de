"""Judge models on numbers beside their dummies, and put the best of them into use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics_platform.modelling.evaluation import ALL_SEEDS, Score
from analytics_platform.modelling.splits import Split
from analytics_platform.tracks.predictors import NUMBERS, Fitted, Numbers
from analytics_platform.tracks.protocol import (
    Contender,
    Judged,
    SplitName,
    TooFewTracksError,
    dummies,
    judge,
    make_splits,
)
from analytics_platform.tracks.shipped import FAMILY, Likeness, Reference, Shipped
from analytics_platform.tracks.track_data import FloatArray, TrackData
from analytics_platform.tracks.verdicts import FIRST_FOLD, SUCCESS, Verdict, chosen, first_folds, verdicts

if TYPE_CHECKING:
    import polars as pl

Say = Callable[[str], None]
SEEDS: Mapping[SplitName, int] = {"artists": 5, "rows": 1, "time": 1}
"""Of each split."""
FORMAT = 2
"""Raise it when the same data would give another model."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a comparison."""

    judged: Mapping[str, Mapping[str, list[Judged]]]
    """By split and model."""
    baselines: frozenset[str]
    verdicts: list[Verdict]
    fits: Mapping[tuple[str, int], Fitted] = field(default_factory=dict)
    """Of the first seed's folds by artists, by model and fold."""

    def score(self, task: str, split: str, model: str, metric: str) -> Score:
        """A score of all seeds together.

        Raises:
            KeyError: there is none.
        """
        for verdict in self.verdicts:
            if (verdict.task, verdict.split, verdict.seed) == (task, split, ALL_SEEDS):
                for score in verdict.scores:
                    if (score.model, score.metric) == (model, metric):
                        return score
        raise KeyError((task, split, model, metric))

    def frame(self, data: TrackData, version: str, notes: Mapping[str, str] | None = None) -> pl.DataFrame:
        """All scores as rows of a score table."""
        import polars as pl

        return pl.concat([verdict.frame(data, version, notes) for verdict in self.verdicts])


def judge_numbers(
    data: TrackData,
    *,
    seeds: Mapping[SplitName, int] = SEEDS,
    models: Sequence[Numbers] | None = None,
    threads: int = 1,
    say: Say,
) -> Judgement:
    """Judge all models on numbers that the data allow, and the dummies.

    Tracks of hardly more than one day of release are not split by time.

    Raises:
        TooFewTracksError: there are too few tracks or artists.
    """
    from threadpoolctl import threadpool_limits

    allowed = [model for model in models or NUMBERS.values() if is_possible(model, data)]
    fits: dict[tuple[str, int], Fitted] = {}

    def contender(model: Numbers, split_name: SplitName) -> Contender:
        def fit(data: TrackData, split: Split, seed: int) -> FloatArray:
            fitted = model.fit(data, split.train, split.validation, seed=seed)
            if split_name == "artists" and seed == 0:
                fits[model.name, split.fold] = fitted
            # The training rows are of no use, and most.
            needed = np.concatenate((split.validation, split.test))
            scores = np.full(len(data), np.nan)
            scores[needed] = fitted.predict(data.sound, needed)
            return scores

        return Contender(model.name, fit, model.is_baseline)

    judged: dict[str, dict[str, list[Judged]]] = {}
    found: list[Verdict] = []
    baselines = frozenset(one.name for one in dummies()) | {model.name for model in allowed if model.is_baseline}
    for split_name, count in seeds.items():
        try:
            splits = [make_splits(data, split_name, seed) for seed in range(count)]
        except ValueError as error:
            if split_name != "time" or isinstance(error, TooFewTracksError):
                raise
            say(f"time: not judged, {error}")
            continue
        contenders = [*dummies(), *(contender(model, split_name) for model in allowed)]
        jobs = [(one, split, seed) for one in contenders for seed, folds in enumerate(splits) for split in folds]
        # A fit on one thread is much faster than one on several that wait for each other; so fits run side by side.
        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            results = list(pool.map(lambda job: judge(data, *job), jobs))
        judged[split_name] = {one.name: [] for one in contenders}
        for (one, _, _), result in zip(jobs, results, strict=True):
            judged[split_name][one.name].append(result)
        found += verdicts(data, judged[split_name], split_name, baselines)
        if split_name == "artists":
            found += verdicts(data, first_folds(judged[split_name]), f"artists, {FIRST_FOLD}", baselines)
        say(f"{split_name}: {len(contenders)} models, {sum(map(len, splits))} fits each")
    return Judgement(judged, baselines, found, fits)


def is_possible(model: Numbers, data: TrackData) -> bool:
    """Whether the tracks have the numbers that a model takes."""
    sound = data.sound
    if model.needs_embeddings and sound.pooled is None:
        return False
    if model.columns == "loudness and duration":
        return sound.described is not None and sound.described_names[0] == "loudness_lufs"
    if "sound" in model.columns and sound.moving is None:
        return False
    return model.columns == "embedding" or sound.mended is not None


def make_shipped(data: TrackData, judgement: Judgement, version: str, inputs: Mapping[str, Any]) -> Shipped:
    """The model that did best on the validation rows, with what is known of its ranges."""
    by_artists = judgement.judged["artists"]
    winner = chosen(by_artists, judgement.baselines)
    folds = [one for one in by_artists[winner] if one.seed == 0]
    rows = np.concatenate([one.rows for one in folds])
    predicted = np.concatenate([one.percentile for one in folds if one.percentile is not None])
    order = np.argsort(rows)
    rows = rows[order]
    lines = [one.line for one in folds if one.line is not None]
    fits = [(judgement.fits[winner, one.fold], line) for one, line in zip(folds, lines, strict=True)]
    columns = NUMBERS[winner].columns
    likeness = Likeness.fit(data.sound, rows, columns)
    scores = {
        metric: judgement.score(SUCCESS, "artists", winner, metric)
        for metric in ("auc", "lift_at_10", "calibration_error")
    }
    info = {
        "data_set": data.data_set,
        "target": data.target,
        "window_days": data.window_days,
        "tracks": len(data),
        "artists": len(np.unique(data.artists)),
        "has_embeddings": data.sound.pooled is not None,
        "embeddings": data.sound.net,
        "scores": {name: [score.value, score.low, score.high] for name, score in scores.items()},
        "validation_error": {
            model: float(np.mean([one.validation_error for one in found])) for model, found in by_artists.items()
        },
        "inputs": dict(inputs),
    }
    reference = Reference(data.ids[rows], predicted[order], data.outcome[rows], likeness.of(data.sound, rows))
    return Shipped(version, winner, info, fits, reference, likeness)


def version_of(data: TrackData) -> str:
    """Name of the version that this data give: the same data, the same model."""
    digest = hashlib.sha256(f"{FORMAT}|{data.data_set}|{data.target}|{data.sound.pooled is None}".encode())
    for values in (data.ids, data.sound.clip_ids, data.groups, data.cells):
        digest.update(np.ascontiguousarray(values).tobytes())
    digest.update(np.round(data.outcome, 9).tobytes())
    return f"{FAMILY}-{digest.hexdigest()[:12]}"


def curve_of(judgement: Judgement, model: str, bins: int = 10) -> list[tuple[float, float, int]]:
    """Calibration of a model by artists that it had not heard: (mean chance, share that came true, tracks) a tenth."""
    folds = judgement.judged["artists"][model]
    chance = np.concatenate([one.probability for one in folds if one.probability is not None])
    above = np.concatenate([one.above for one in folds])
    parts = np.array_split(np.argsort(chance, kind="stable"), bins)
    return [(float(chance[part].mean()), float(above[part].mean()), len(part)) for part in parts if len(part)]
