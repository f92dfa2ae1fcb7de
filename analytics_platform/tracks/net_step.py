"""The step that trains a net and judges it, on the same tracks and folds as the models on numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.modelling.evaluation import ALL_SEEDS, FloatArray, Score
from analytics_platform.modelling.model_store import save_model
from analytics_platform.modelling.scoring import score_values
from analytics_platform.modelling.splits import Split
from analytics_platform.modelling.training_plan import History
from analytics_platform.settings import Settings
from analytics_platform.tracks.families import FAMILIES, FIVE_SECONDS_COARSE, Family, InputSize
from analytics_platform.tracks.predictors import NUMBERS
from analytics_platform.tracks.protocol import Judged, dummies, judged, make_splits
from analytics_platform.tracks.reading import read_tracks
from analytics_platform.tracks.tables import NET_SCORES
from analytics_platform.tracks.tasks import Task
from analytics_platform.tracks.track_data import TrackData
from analytics_platform.tracks.training import is_possible, version_of
from analytics_platform.tracks.verdicts import FIRST_FOLD, STANDARD, Verdict, verdicts

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.tracks.fitted_net import FittedNet

Say = Callable[[str], None]
ERROR = "hitmusicnet_error"
"""Task of LossNet: the squared error that HitMusicNet makes."""


@dataclass(frozen=True, slots=True)
class Net:
    """A net with one question: what a partition of the step trains."""

    name: str
    family: Family
    task: Task
    is_ranking: bool = False


def _nets() -> dict[str, Net]:
    found: list[Net] = []
    for family in FAMILIES.values():
        if not family.from_sound_alone and family.name != "lossnet":
            continue
        main: Task = "regression" if "regression" in family.tasks else "binary"
        found.append(Net(family.name, family, main))
        if family.name == "crop_net":
            found.append(Net("crop_net_ranking", family, "regression", is_ranking=True))
        elif "three-class" in family.tasks:
            found.append(Net(f"{family.name}_classes", family, "three-class"))
    return {net.name: net for net in found}


NETS = _nets()
"""By name. A net that needs lyrics or the artist's fame is not among them: an unreleased track has neither."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is spent on a comparison."""

    folds: int = 1
    """Of five; 1 is the first fold, as dear nets on a CPU are judged."""
    seeds: int = 1
    epochs: int | None = None
    """At most; None: as many as the source."""
    full_size: bool = False
    """Whole clips at a hop of 512, as published, and not crops of 5 s at a hop of 1024."""

    @property
    def name(self) -> str:
        """Short, for the version of what is learnt."""
        epochs = "" if self.epochs is None else f"-{self.epochs}epochs"
        return f"{self.folds}x{self.seeds}{epochs}{'-full' if self.full_size else ''}"


@dataclass(slots=True)
class Learnt:
    """What came of a net."""

    note: str | None = None
    """Why it was not trained."""
    scores: list[Score] = field(default_factory=list)
    """Of all seeds, the main ones."""
    histories: Mapping[str, History] = field(default_factory=dict)
    """Of the last fit, by stage."""
    departures: Sequence[str] = ()
    commit: Commit | None = None


def train_net(
    lake: Lake, settings: Settings, net: Net, effort: Effort, *, device: str, target: str | None = None, say: Say
) -> Learnt:
    """Train a net on the label's tracks, judge it and write its scores and weights. Killed, it goes on where it was.

    Args:
        lake: with outcomes and sound.
        settings: folders.
        net: which.
        effort: folds, seeds, epochs and size.
        device: ``cpu``, ``cuda`` …
        target: as in ``tracks.outcomes``; None: see ``reading.choose_target``.
        say: told of each epoch.
    """
    try:
        data = read_tracks(lake, settings.spectrograms_root, settings.embeddings_root, target).data
        size = size_of(data, net.family, effort)
        frame, learnt, fitted = judge_net(data, net, size, effort, settings.checkpoints_root, device=device, say=say)
    except ValueError as error:
        return Learnt(note=f"{net.name} was not trained: {error}.")
    arrays, info = fitted.save_state()
    # A version never changes: another effort is another one.
    save_model(settings.models_root, net.name, f"{version_of(data).split('-')[1]}-{effort.name}", arrays, info)
    learnt.commit = lake.write_frame(NET_SCORES, frame, partition={"model": net.name})
    return learnt


def size_of(data: TrackData, family: Family, effort: Effort) -> InputSize:
    """How much a net hears of these tracks.

    Raises:
        ValueError: it hears embeddings, and there are none.
    """
    size = InputSize() if effort.full_size or family.input_kind != "log-mel" else FIVE_SECONDS_COARSE
    if "embeddings" in family.input_kind:
        if data.sound.sequences is None or data.sound.pooled is None:
            raise ValueError("it hears embeddings, which these tracks do not have (yet)")
        size = replace(size, dim=data.sound.pooled.shape[1])
    if data.sound.low_level is not None:
        size = replace(size, features=data.sound.low_level.shape[1])
    return size


def judge_net(
    data: TrackData, net: Net, size: InputSize, effort: Effort, checkpoints: Path, *, device: str, say: Say
) -> tuple[pl.DataFrame, Learnt, FittedNet]:
    """Rows of ``tracks.net_scores``, what came of the net, and the net of the last fold.

    Raises:
        ValueError: the tracks are too few, or lack what the net hears.
    """
    splits = [
        (seed, split) for seed in range(effort.seeds) for split in make_splits(data, "artists", seed)[: effort.folds]
    ]
    folder = checkpoints / version_of(data)
    found: list[Judged] = []
    errors: list[tuple[FloatArray, FloatArray, Split]] = []
    fitted: FittedNet | None = None
    for seed, split in splits:
        say(f"{net.name}: seed {seed}, fold {split.fold + 1}")
        if net.family.name == "lossnet":
            fitted, expected, made = _learn_errors(data, split, seed, size, effort, folder, device, say)
            errors.append((expected, made, split))
            continue
        fitted = fit_one(data, split, net, seed, size, effort, folder, device, say)
        found.append(judged(data, scores_of(data, fitted, split), split, seed))
    assert fitted is not None
    learnt = Learnt(histories=fitted.histories, departures=fitted.departures)
    split_name = "artists" if effort.folds > 1 else f"artists, {FIRST_FOLD}"
    if errors:
        learnt.scores = _error_scores(data, errors)
        all_verdicts = [Verdict(ERROR, split_name, ALL_SEEDS, learnt.scores)]
    else:
        all_verdicts = _verdicts_of(data, net, found, splits, split_name)
        learnt.scores = [score for verdict in all_verdicts if verdict.seed == ALL_SEEDS for score in verdict.scores]
    import polars as pl

    notes = {net.name: "; ".join(fitted.departures) or None}
    frames = [verdict.frame(data, version_of(data), {k: v for k, v in notes.items() if v}) for verdict in all_verdicts]
    # The checkpoints have served: what they led to is in the tables and in the model store.
    shutil.rmtree(folder / net.name, ignore_errors=True)
    return pl.concat(frames), learnt, fitted


def fit_one(
    data: TrackData,
    split: Split,
    net: Net,
    seed: int,
    size: InputSize,
    effort: Effort,
    folder: Path,
    device: str,
    say: Say,
) -> FittedNet:
    """A net of one fold."""
    from analytics_platform.tracks.net_training import fit_net

    return fit_net(
        data,
        split.train,
        split.validation,
        net.family,
        net.task,
        seed=seed,
        size=size,
        folder=folder / net.name,
        say=say,
        device=device,
        epochs=effort.epochs,
        loss="ranking" if net.is_ranking else "task",
        mixed_precision=True,
    )


def scores_of(data: TrackData, fitted: FittedNet, split: Split) -> FloatArray:
    """(n,) or (n, 3): what the net says of the validation and test rows; NaN elsewhere."""
    needed = np.concatenate((split.validation, split.test))
    said = fitted.predict(data.sound, needed)
    scores = np.full((len(data), *said.shape[1:]), np.nan)
    scores[needed] = said
    return scores


def _verdicts_of(
    data: TrackData, net: Net, found: list[Judged], splits: Sequence[tuple[int, Split]], split_name: str
) -> list[Verdict]:
    """The net's scores, and by how much it is above the ridge on descriptors, judged on the same rows."""
    together: dict[str, list[Judged]] = {net.name: found}
    ridge = NUMBERS[STANDARD]
    if is_possible(ridge, data):
        together[STANDARD] = []
        for seed, split in splits:
            scores = np.full(len(data), np.nan)
            needed = np.concatenate((split.validation, split.test))
            scores[needed] = ridge.fit(data, split.train, split.validation, seed=seed).predict(data.sound, needed)
            together[STANDARD].append(judged(data, scores, split, seed))
    if net.task == "three-class":
        together = {net.name: found}
    return [
        replace(verdict, scores=[score for score in verdict.scores if score.model == net.name])
        for verdict in verdicts(data, together, split_name, frozenset(one.name for one in dummies()))
        if any(score.model == net.name for score in verdict.scores)
    ]


def _learn_errors(
    data: TrackData,
    split: Split,
    seed: int,
    size: InputSize,
    effort: Effort,
    folder: Path,
    device: str,
    say: Say,
) -> tuple[FittedNet, FloatArray, FloatArray]:
    """LossNet, the errors that it expects of HitMusicNet on the test rows, and those that HitMusicNet makes."""
    from analytics_platform.tracks.lossnet import HITMUSICNET, fit_lossnet

    fitted = fit_lossnet(
        data,
        split.train,
        split.validation,
        seed=seed,
        size=size,
        folder=folder / "lossnet",
        say=say,
        device=device,
        epochs=effort.epochs,
    )
    judge = fit_one(data, split, replace(NETS[HITMUSICNET], name="lossnet"), seed, size, effort, folder, device, say)
    made = (judge.predict(data.sound, split.test) - data.outcome[split.test]) ** 2
    return fitted, fitted.predict(data.sound, split.test), made


def _error_scores(data: TrackData, errors: Sequence[tuple[FloatArray, FloatArray, Split]]) -> list[Score]:
    made = np.concatenate([made for _, made, _ in errors])
    rows = np.concatenate([split.test for _, _, split in errors])
    folds = np.repeat(np.arange(len(errors)), [len(split.test) for _, _, split in errors])
    predictions = {"lossnet": np.concatenate([expected for expected, _, _ in errors])}
    return score_values(
        predictions, made, data.groups[rows], unit="squared percentile", baselines=frozenset(), folds=folds
    )
