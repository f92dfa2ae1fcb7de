"""A trained net: what it says of clips, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.feeding import Batch
from analytics_platform.modelling.splits import IntArray
from analytics_platform.modelling.training import predict
from analytics_platform.modelling.training_plan import Epoch, History, TrainingPlan
from analytics_platform.tracks.families import FAMILIES, Family, InputSize
from analytics_platform.tracks.net_inputs import NetInputs, fixed_part, hear
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.tasks import OUTPUTS, Task

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

MEDIANS = "inputs/medians"
WEIGHTS = "net/"


@dataclass(frozen=True, slots=True)
class FittedNet:
    """A trained net, with the weights of its best epoch."""

    family: Family
    task: Task
    inputs: NetInputs
    net: Module
    plans: Mapping[str, TrainingPlan]
    """By stage: ``net``, and before it ``autoencoders`` if there are any."""
    histories: Mapping[str, History]
    """By stage."""
    departures: tuple[str, ...]
    """In which ways the training was not the published one, in words."""

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """What the net says of some clips.

        Returns:
            (k,) the probability (binary) or the percentile (regression), 0 to 1; or (k, 3) the probabilities of low,
            medium and high. Of a net that was trained to order tracks: a number from 0 to 1, higher for better.

        Raises:
            ValueError: the clips lack what the net hears, or have it in another size.
        """
        if not len(rows):
            return np.empty((0,) if OUTPUTS[self.task] == 1 else (0, OUTPUTS[self.task]))

        def output(net: Module, batch: Batch) -> Tensor:
            from analytics_platform.tracks.nets.parts import outputs

            return outputs(hear(net, batch, self.inputs.kind).float(), self.task)

        plan = self.plans["net"]
        found = predict(
            self.net,
            fixed_part(self.inputs, sound, rows),
            output,
            batch_size=self.inputs.batch_size,
            device=plan.device,
            mixed_precision=plan.mixed_precision,
        )
        return found.astype(np.float64)

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON: what ``modelling.model_store.save_model`` takes."""
        arrays: dict[str, NDArray[Any]] = {
            WEIGHTS + name: tensor.detach().cpu().contiguous().numpy() for name, tensor in self.net.state_dict().items()
        }
        if self.inputs.medians is not None:
            arrays[MEDIANS] = self.inputs.medians
        inputs = {name: getattr(self.inputs, name) for name in ("frames", "hop", "crops")}
        return arrays, {
            "family": self.family.name,
            "task": self.task,
            "size": asdict(self.inputs.size),
            "inputs": inputs,
            "plans": {stage: asdict(plan) for stage, plan in self.plans.items()},
            "histories": {stage: asdict(history) for stage, history in self.histories.items()},
            "departures": list(self.departures),
        }


def restore_net(arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any], device: str = "cpu") -> FittedNet:
    """The net of ``FittedNet.save_state``, which predicts on ``device``."""
    import torch

    family, task = FAMILIES[info["family"]], info["task"]
    size = InputSize(**info["size"])
    with torch.random.fork_rng(devices=()):
        net = family.build(size, task)
    # The store makes a number into an array of one.
    net.load_state_dict(
        {
            name: torch.from_numpy(np.array(arrays[WEIGHTS + name])).reshape(own.shape)
            for name, own in net.state_dict().items()
        }
    )
    plans = {stage: replace(TrainingPlan(**plan), device=device) for stage, plan in info["plans"].items()}
    histories = {
        stage: History(
            tuple(Epoch(**epoch) for epoch in history["epochs"]), history["best_epoch"], history["stopped_early"]
        )
        for stage, history in info["histories"].items()
    }
    inputs = NetInputs(family.input_kind, size, **info["inputs"], medians=arrays.get(MEDIANS))
    return FittedNet(family, task, inputs, net.eval(), plans, histories, tuple(info["departures"]))
