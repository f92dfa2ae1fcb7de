"""The grid of Autoen-chorder as a sweep that can be killed and goes on.

The autoencoders depend on nothing that the grid varies: not on rate, weight decay and batch size, which are those of
the last part; not on the weights of the loss, which theirs has not; nor on the layers behind them. So they are trained
once per seed, as ``fit_net`` trains them, all tracks are coded once, and each configuration trains a small net on 40
numbers a track.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.feeding import Batch, Part
from analytics_platform.modelling.splits import IntArray
from analytics_platform.modelling.training import Say, fit, predict
from analytics_platform.tracks.families import FAMILIES, FORWARD, InputSize
from analytics_platform.tracks.grid import Configuration, configuration
from analytics_platform.tracks.net_inputs import fit_inputs, fixed_part
from analytics_platform.tracks.net_plans import How, autoencoder_plan, net_plan
from analytics_platform.tracks.net_training import prepared, shared_weights, train_autoencoders, weighted_loss
from analytics_platform.tracks.track_data import TrackData

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor
    from torch.nn import Module

Row = Mapping[str, Any]
CODED = "autoenchorder_7"
"""Whose codes are taken; those of the others are the same."""


def run_sweep(
    data: TrackData,
    train: IntArray,
    validation: IntArray,
    numbers: Sequence[int],
    *,
    size: InputSize,
    folder: Path,
    say: Say,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> pl.DataFrame:
    """Train some configurations of the grid, or what is left of them after a kill.

    Each that is finished is written to a file in ``folder`` at once, and never trained again.

    Args:
        data: tracks.
        train: rows to train on.
        validation: rows to compare the configurations by; what is chosen by them needs others for its report.
        numbers: of the configurations, as in ``grid.configuration``.
        size: how much the net hears.
        folder: of results and checkpoints, named after the version of the sound.
        say: told of each configuration.
        epochs: at most, of each stage.
        seed: of the first weights and so on; the same for all.
        device: ``cpu``, ``cuda`` …

    Returns:
        A row for each number, in their order: number, the parameters of the configuration, validation_mse (null if
        the training came to numbers that are not finite), best_epoch and seconds.

    Raises:
        IndexError: there is no such configuration.
        ValueError: the sound lacks what the net hears, or the file of results is damaged other than at its end.
    """
    import polars as pl

    wanted = {number: configuration(number) for number in numbers}
    how = How(seed, device, epochs)
    path = folder / f"sweep-{_digest(data, train, validation, size, how)}.jsonl"
    finished = read_finished(path)
    missing = [number for number in wanted if number not in finished]
    if missing:
        say(f"{len(wanted) - len(missing)} of {len(wanted)} configurations are finished")
        codes = _codes(data, train, np.concatenate([train, validation]), how, size, folder, say)
        for number in missing:
            row = _train(number, wanted[number], data, train, validation, codes, how, size)
            append(path, row)
            finished[number] = row
            say(f"configuration {number}: validation MSE {row['validation_mse']}, epoch {row['best_epoch']}")
    schema = {
        "number": pl.Int64(),
        **{name: pl.Int64() if kind == "int" else pl.Float64() for name, kind in Configuration.__annotations__.items()},
        "validation_mse": pl.Float64(),
        "best_epoch": pl.Int64(),
        "seconds": pl.Float64(),
    }
    return pl.DataFrame([dict(finished[number]) for number in numbers], schema=schema)


def _codes(
    data: TrackData, train: IntArray, rows: IntArray, how: How, size: InputSize, folder: Path, say: Say
) -> NDArray[np.float32]:
    """(n, 40) codes of all tracks; those not among ``rows`` are NaN."""
    import torch

    family = FAMILIES[CODED]
    inputs = fit_inputs(data.sound, train, family.input_kind, size)
    plan = autoencoder_plan(family, len(train), how)
    trained = train_autoencoders(data, train, family, inputs, plan, folder, say)
    with torch.random.fork_rng(devices=()):
        net = prepared(data, train, family, "regression", inputs, shared_weights(trained.net))
    names = FORWARD[family.input_kind]

    def output(net: Any, batch: Batch) -> Tensor:
        return net.codes(*(batch[name] for name in names))

    part = fixed_part(inputs, data.sound, rows)
    coded = predict(net, part, output, batch_size=inputs.batch_size, device=how.device)
    codes = np.full((len(data), coded.shape[1]), np.nan, dtype=np.float32)
    codes[rows] = coded
    return codes


def _train(
    number: int,
    chosen: Configuration,
    data: TrackData,
    train: IntArray,
    validation: IntArray,
    codes: NDArray[np.float32],
    how: How,
    size: InputSize,
) -> Row:
    """One configuration, as ``fit_net`` trains it."""
    family = FAMILIES[f"autoenchorder_{chosen.layers}"]
    deviation = float(data.outcome[train].std())

    def build() -> Any:
        return family.build(size, "regression").network

    def make(rows: IntArray, rng: np.random.Generator) -> Mapping[str, NDArray[Any]]:
        del rng
        return {"codes": codes[rows], "target": data.outcome[rows].astype(np.float32)}

    def loss(net: Module, batch: Batch) -> Tensor:
        return weighted_loss(net(batch["codes"]), batch["target"], chosen, deviation)

    def watch(net: Module, batch: Batch) -> Tensor:
        return (net(batch["codes"]).sigmoid() - batch["target"]).square().mean()

    start = time.perf_counter()
    plan = net_plan(family, len(train), how, chosen)
    error, best = None, 0
    try:
        parts = Part(train, make), Part(validation, make)
        history = fit(build, loss, *parts, plan, None, _quiet, watch=watch).history
        best = history.best_epoch
        error = history.epochs[best - 1].watched
    except FloatingPointError:
        # The largest rate of the grid can do that, and the others are to be trained all the same.
        pass
    seconds = time.perf_counter() - start
    return {
        "number": number,
        **asdict(chosen),
        "validation_mse": error,
        "best_epoch": best,
        "seconds": seconds,
    }


def _quiet(line: str) -> None:
    del line


def read_finished(path: Path) -> dict[int, Row]:
    """The configurations in a file of results, by number. A last line that a kill cut off is taken away.

    Raises:
        ValueError: another line is damaged.
    """
    if not path.exists():
        return {}
    found: dict[int, Row] = {}
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].splitlines(keepends=True)
    good = 0
    for place, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            found[row["number"]] = row
        except (ValueError, KeyError, TypeError) as error:
            if place < len(lines):
                raise ValueError(f"line {place} of {path.name} is damaged: delete the file to begin anew") from error
            break
        good += len(line)
    if good < len(data):
        os.truncate(path, good)
    return found


def append(path: Path, row: Row) -> None:
    """Add a line, and have it on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _digest(data: TrackData, train: IntArray, validation: IntArray, size: InputSize, how: How) -> str:
    """Of all that results depend on."""
    described = [data.data_set, data.target, asdict(size), how.seed, how.epochs]
    digest = hashlib.sha256(json.dumps(described).encode())
    for rows in (train, validation):
        digest.update(data.ids[rows].tobytes() + b";" + data.outcome[rows].tobytes() + b";")
    return digest.hexdigest()[:16]
