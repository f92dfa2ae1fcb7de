"""Every net on tracks: scales, autoencoders, codes, and then the task, each from the training part alone.

A training that was killed goes on where it stopped: both stages write checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.feeding import Batch
from analytics_platform.modelling.splits import IntArray
from analytics_platform.modelling.training import Loss, Say, Trained, fit
from analytics_platform.modelling.training_plan import TrainingPlan
from analytics_platform.tracks.families import FORWARD, Family, InputSize
from analytics_platform.tracks.fitted_net import FittedNet
from analytics_platform.tracks.grid import Configuration
from analytics_platform.tracks.net_inputs import (
    Heard,
    NetInputs,
    fit_inputs,
    fixed_part,
    hear,
    ranking_part,
    shared_cells,
    training_part,
)
from analytics_platform.tracks.net_plans import (
    How,
    autoencoder_plan,
    default_configuration,
    departures,
    encoder_family,
    net_plan,
    wants_channels_last,
)
from analytics_platform.tracks.tasks import Task
from analytics_platform.tracks.track_data import TrackData, task_targets

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

LossName = Literal["task", "ranking"]
Tensors = Mapping[str, "Tensor"]


def fit_net(
    data: TrackData,
    train: IntArray,
    validation: IntArray,
    family: Family,
    task: Task,
    *,
    seed: int,
    size: InputSize,
    folder: Path,
    say: Say,
    device: str = "cpu",
    epochs: int | None = None,
    loss: LossName = "task",
    configuration: Configuration | None = None,
    mixed_precision: bool = False,
) -> FittedNet:
    """Train a net, or go on with a training that was killed.

    Args:
        data: tracks.
        train: rows that all is learnt from, scales and medians too.
        validation: rows by which the best epoch is chosen.
        family: which net.
        task: what it is asked for.
        seed: of the first weights, the order of the rows, crops and dropout.
        size: how much it hears.
        folder: of the checkpoints, named after the version of the sound; delete it when the net is stored.
        say: told of each epoch.
        device: ``cpu``, ``cuda`` …
        epochs: at most, of each stage; None: as many as the source.
        loss: the task's, or one on pairs of tracks of a cell, which are to be ordered by their outcome.
        configuration: of Autoen-chorder; None: the published one.
        mixed_precision: compute in bfloat16 where that is faster; predictions then depend on the machine a little more.

    Raises:
        ValueError: the net needs more than the sound, is not for the task, or the sound lacks what it hears.
    """
    if family.needs:
        instead = ": see fit_lossnet" if family.name == "lossnet" else " that a track before its release has not"
        raise ValueError(f"{family.name} needs {', '.join(family.needs)}{instead}")
    if loss == "ranking" and task == "three-class":
        raise ValueError("the ranking loss orders by one number: it is not for three-class")
    how = How(seed, device, epochs, mixed_precision)
    return fit_family(data, train, validation, family, task, how, size, folder, say, loss, configuration)


def fit_family(
    data: TrackData,
    train: IntArray,
    validation: IntArray,
    family: Family,
    task: Task,
    how: How,
    size: InputSize,
    folder: Path,
    say: Say,
    loss: LossName = "task",
    configuration: Configuration | None = None,
) -> FittedNet:
    """``fit_net`` for any family, whatever it needs being the outcome of ``data``."""
    if task not in family.tasks:
        # Said here too: the first stage asks for nothing.
        raise ValueError(f"{family.name} is for {', '.join(family.tasks)}, not for {task}")
    configuration = default_configuration(family, configuration)
    inputs = fit_inputs(data.sound, train, family.input_kind, size)
    plans: dict[str, TrainingPlan] = {}
    histories = {}
    learnt = None
    if family.two_stages:
        plans["autoencoders"] = autoencoder_plan(family, len(train), how)
        first = train_autoencoders(data, train, family, inputs, plans["autoencoders"], folder, say)
        histories["autoencoders"] = first.history
        learnt = shared_weights(first.net)
    plan = plans["net"] = net_plan(family, len(train), how, configuration)
    targets = task_targets(data.outcome, train, task) if loss == "task" else data.outcome
    labels: dict[str, NDArray[Any]] = {
        "target": targets if targets.dtype == np.int64 else targets.astype(np.float32),
        "cell": data.cells,
    }
    if loss == "task":
        learn, judge = (
            make(inputs, data.sound, rows, labels) for make, rows in ((training_part, train), (fixed_part, validation))
        )
    else:
        learn = ranking_part(inputs, data.sound, train, labels)
        judge = fixed_part(inputs, data.sound, shared_cells(validation, data.cells), labels)
    described = {"loss": loss, "configuration": None if configuration is None else asdict(configuration)}
    trained = fit(
        lambda: prepared(data, train, family, task, inputs, learnt, wants_channels_last(family, plan)),
        _loss(inputs, task, loss, configuration, float(data.outcome[train].std())),
        learn,
        judge,
        plan,
        folder / _name("net", data, train, validation, family, task, size, described),
        lambda line: say(f"{family.name}, net: {line}"),
        watch=_watched(inputs, family, task, loss),
    )
    histories["net"] = trained.history
    found = departures(family, size, plan)
    if loss == "ranking":
        found = (*found, "trained to order tracks of a cell")
    return FittedNet(family, task, inputs, trained.net, plans, histories, found)


def train_autoencoders(
    data: TrackData,
    train: IntArray,
    family: Family,
    inputs: NetInputs,
    plan: TrainingPlan,
    folder: Path,
    say: Say,
) -> Trained:
    """The first stage of a family that has two: its autoencoders, by the loss of the training part, as the source."""
    names = FORWARD[inputs.kind]
    family, task = encoder_family(family), "regression"

    def loss(net: Any, batch: Batch) -> Tensor:
        return net.reconstruction_loss(*(batch[name] for name in names))

    return fit(
        lambda: prepared(data, train, family, task, inputs),
        loss,
        training_part(inputs, data.sound, train, {}),
        None,
        plan,
        folder / _name("autoencoders", data, train, train[:0], family, task, inputs.size, {}),
        lambda line: say(f"{family.name}, autoencoders: {line}"),
    )


def shared_weights(net: Module) -> Tensors:
    """What the first stage has learnt, scales included: all but the net on the codes."""
    return {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("network.")}


def prepared(
    data: TrackData,
    train: IntArray,
    family: Family,
    task: Task,
    inputs: NetInputs,
    learnt: Tensors | None = None,
    channels_last: bool = False,
) -> Module:
    """A new net that knows the ranges of the training part; with what the first stage has learnt, of its codes too."""
    import torch

    net: Any = family.build(inputs.size, task)
    heard = Heard(inputs, data.sound, train)
    if learnt is None:
        net.fit_scales(heard)
    else:
        net.load_state_dict({**net.state_dict(), **learnt})
        net.fit_codes(heard)
    return net.to(memory_format=torch.channels_last) if channels_last else net


def _loss(inputs: NetInputs, task: Task, name: LossName, configuration: Configuration | None, deviation: float) -> Loss:
    def loss(net: Module, batch: Batch) -> Tensor:
        raw = hear(net, batch, inputs.kind)
        if name == "ranking":
            from analytics_platform.tracks.nets.ours import pairwise_ranking_loss

            return pairwise_ranking_loss(raw, batch["target"], batch["cell"])
        from analytics_platform.tracks.nets.parts import task_loss

        if configuration is None:
            return task_loss(raw, batch["target"], task)
        return weighted_loss(raw, batch["target"], configuration, deviation)

    return loss


def weighted_loss(raw: Tensor, targets: Tensor, configuration: Configuration, deviation: float) -> Tensor:
    """Autoen-chorder's; ``deviation`` is that of the training part's targets."""
    from analytics_platform.tracks.nets.autoenchorder import exponential_weights
    from analytics_platform.tracks.nets.parts import task_loss

    weights = exponential_weights(targets, configuration.mean, deviation, configuration.alpha, configuration.beta)
    return task_loss(raw, targets, "regression", weights)


def _watched(inputs: NetInputs, family: Family, task: Task, name: LossName) -> Loss | None:
    """What must fall on the validation part: HitMusicNet's mean absolute error, squares without weights, the loss."""
    if name == "ranking" or task != "regression":
        return None
    absolute = family.name.startswith("hitmusicnet_") and family.input_kind == "features"

    def watch(net: Module, batch: Batch) -> Tensor:
        error = hear(net, batch, inputs.kind).float().sigmoid() - batch["target"]
        return error.abs().mean() if absolute else error.square().mean()

    return watch


def _name(
    stage: str,
    data: TrackData,
    train: IntArray,
    validation: IntArray,
    family: Family,
    task: Task,
    size: InputSize,
    described: Mapping[str, Any],
) -> str:
    """A folder of checkpoints, others for other nets, tracks or outcomes."""
    digest = hashlib.sha256(json.dumps([data.data_set, data.target, task, asdict(size), described]).encode())
    for rows in (train, validation):
        for column in (data.ids, data.outcome, data.cells):
            digest.update(column[rows].tobytes() + b";")
    return f"{family.name}-{stage}-{digest.hexdigest()[:16]}"
