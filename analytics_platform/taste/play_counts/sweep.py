"""The grid of document 002 as a sweep that can be killed and goes on, and what is chosen from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.modelling.splits import Split
from analytics_platform.modelling.training import Say
from analytics_platform.taste.play_counts.grid import Run, run
from analytics_platform.taste.play_counts.study_data import CountStudy
from analytics_platform.taste.play_counts.tables import PLAY_COUNT_RUNS
from analytics_platform.taste.play_counts.targets import (
    FloatArray,
    IntArray,
    Scale,
    split_as_published,
    split_songs,
)
from analytics_platform.taste.play_counts.training import How, fit_counts
from analytics_platform.taste.play_counts.variants import EPOCHS, PUBLISHED
from analytics_platform.tracks.sweep import append, read_finished

if TYPE_CHECKING:
    import polars as pl

Protocol = Literal["ours", "published"]
"""ours: the scale from training songs, and a fifth of the songs to test on. published: the scale from all songs of the
listener, and no test."""


def run_sweep(
    study: CountStudy,
    numbers: Sequence[int],
    *,
    folder: Path,
    say: Say,
    protocol: Protocol = "ours",
    epochs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> pl.DataFrame:
    """Train some runs of the grid, or what is left of them after a kill.

    Each that is finished is written to a file in ``folder`` at once, and never trained again. All runs of a seed have
    the same split of songs.

    Args:
        study: listeners and songs, with the pieces that the runs hear.
        numbers: of the runs, as in ``grid.run``.
        folder: of results, named after the version of the study.
        say: told of each run.
        protocol: how songs are split and targets scaled.
        epochs: at most; None: the document's 100.
        seed: of the split, the first weights and so on.
        device: ``cpu``, ``cuda`` …

    Returns:
        Rows of ``taste.play_count_runs``, in the order of the numbers. A run whose listener is not there, or has no
        song with so many pieces, or whose loss grows beyond all numbers, has a row with a note.

    Raises:
        IndexError: there is no such run.
        ValueError: the study lacks the pieces that a run hears, or the file of results is damaged.
    """
    wanted = {number: run(number) for number in numbers}
    if lacking := {each.hears for each in wanted.values()} - set(study.pieces):
        raise ValueError(f"the study has no {' and no '.join(sorted(lacking))} pieces")
    path = folder / f"play-counts-{_digest(study, protocol, epochs, seed)}.jsonl"
    finished = read_finished(path)
    missing = [number for number in wanted if number not in finished]
    if missing:
        say(f"{len(wanted) - len(missing)} of {len(wanted)} runs are finished")
    for number in missing:
        row = _train(study, wanted[number], protocol, How(seed, device, epochs))
        append(path, row)
        finished[number] = row
        said = row["note"] or f"best {row['best_mse']:.3g}, the mean {row['mean_mse']:.3g}, {row['seconds']:.1f} s"
        say(f"run {number} ({row['hears']}, {row['steps']} × {row['layers']}, listener {row['listener_rank']}): {said}")
    return frame_of(PLAY_COUNT_RUNS, [finished[number] for number in numbers])


def _train(study: CountStudy, wanted: Run, protocol: Protocol, how: How) -> Mapping[str, Any]:
    """A row."""
    row: dict[str, Any] = {
        "number": wanted.number,
        "part": wanted.part,
        "data_version": study.version,
        "seed": how.seed,
        "hears": wanted.hears,
        "steps": wanted.steps,
        "layers": wanted.layers,
        "listener_rank": wanted.listener,
        **dict.fromkeys(("epochs", "best_epoch", "validation_songs", "test_songs", "weights"), 0),
        **dict.fromkeys(("first_mse", "last_mse", "best_mse", "mean_mse", "test_mse", "test_mean_mse", "note")),
        "seconds": 0.0,
    }
    if wanted.listener > len(study.counts.plays):
        return row | {"note": f"there are {len(study.counts.plays)} listeners"}
    plays = study.counts.plays[wanted.listener - 1]
    pieces = study.pieces[wanted.hears]
    try:
        split, scale, width = _prepare(plays, protocol, how.seed)
        fitted = fit_counts(pieces, wanted.steps, PUBLISHED[wanted.layers], plays, scale, split, how, lambda line: None)
    except (ValueError, FloatingPointError) as error:
        return row | {"note": str(error)}
    history = fitted.histories[0]
    # Errors are measured in the document's scale, whatever the target was scaled by.
    factor = (scale.width / width) ** 2
    watched = [epoch.watched * factor for epoch in history.epochs]
    heard = np.flatnonzero(np.isfinite(fitted.predicted))
    validation, test = (part[np.isin(part, heard)] for part in (split.validation, split.test))
    learnt = split.train[np.isin(split.train, heard)]
    mean = np.full(len(plays), plays[learnt].mean())
    return row | {
        "epochs": len(history.epochs),
        "first_mse": watched[0],
        "last_mse": watched[-1],
        "best_mse": watched[history.best_epoch - 1],
        "best_epoch": history.best_epoch,
        "mean_mse": _error(mean, plays, validation, width),
        "validation_songs": len(validation),
        "test_mse": _error(fitted.predicted, plays, test, width),
        "test_mean_mse": _error(mean, plays, test, width),
        "test_songs": len(test),
        "weights": fitted.weights,
        "seconds": fitted.seconds,
    }


def _prepare(plays: IntArray, protocol: Protocol, seed: int) -> tuple[Split, Scale, float]:
    """The split of all songs, the scale of the target, and the width that errors are measured in."""
    played = np.flatnonzero(plays)
    whole = Scale.fit(plays[played])
    if protocol == "ours":
        split = split_songs(len(plays), seed)
        return split, Scale.fit(plays[split.train[plays[split.train] > 0]]), whole.width
    # The document split the songs of each listener.
    own = split_as_published(len(played), seed)
    parts = played[own.train], played[own.validation], played[own.test]
    return Split("songs", seed, parts[0], parts[1], parts[2], 0), whole, whole.width


def _error(said: FloatArray, plays: IntArray, songs: IntArray, width: float) -> float | None:
    return float(np.square((said[songs] - plays[songs]) / width).mean()) if len(songs) else None


def best_runs(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What would be chosen by validation: the best run of each listener, and the best configuration for all.

    A configuration (input, steps, layers) is as good as its validation error over the mean predictor's, the geometric
    mean over the listeners; only those that were trained for all listeners of ``rows`` count. The least of many
    errors is flattered: compare by ``test_mse``, which nothing was chosen by.

    Args:
        rows: of ``taste.play_count_runs``, of one version of the data.

    Returns:
        A row per listener; and the rows of the one configuration, with ``ratio``, by listener.
    """
    import polars as pl

    trained = rows.drop_nulls(["best_mse", "mean_mse"]).filter(pl.col("mean_mse") > 0)
    ratio = pl.max_horizontal("best_mse", pl.lit(1e-9)) / pl.col("mean_mse")
    trained = trained.with_columns(ratio=ratio).sort("number")
    best = trained.sort("best_mse", "number").unique("listener_rank", keep="first").sort("listener_rank")
    configuration = ["hears", "steps", "layers"]
    ranked = (
        trained.group_by(configuration)
        .agg(pl.col("ratio").log().mean(), pl.len().alias("listeners"), pl.col("number").min())
        .filter(pl.col("listeners") == trained["listener_rank"].n_unique())
        .sort("ratio", "number")
        .head(1)
    )
    universal = trained.join(ranked.select(configuration), on=configuration, how="semi").sort("listener_rank")
    return best, universal


def _digest(study: CountStudy, protocol: Protocol, epochs: int | None, seed: int) -> str:
    """Of all that results depend on."""
    described = json.dumps([study.version, protocol, epochs or EPOCHS, seed])
    return hashlib.sha256(described.encode()).hexdigest()[:16]
