"""Every net from sound to factors, trained by the loop of all nets: it goes on where it was killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.feeding import Batch
from analytics_platform.modelling.splits import IntArray
from analytics_platform.modelling.training import Loss, Say, Trained, fit, predict
from analytics_platform.modelling.training_plan import TrainingPlan, computes_bfloat16
from analytics_platform.taste.aims import Aims, FloatArray
from analytics_platform.taste.families import Recipe, TasteFamily
from analytics_platform.taste.net_inputs import (
    Labels,
    judging_part,
    learning_part,
    taste_inputs,
    weighted_terms,
)
from analytics_platform.tracks.families import InputSize
from analytics_platform.tracks.net_inputs import Heard, NetInputs, hear
from analytics_platform.tracks.sound import Sound

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

FEWEST_STEPS, SMALLEST_BATCH = 16, 8
"""A batch is so small that an epoch has as many steps, or is of the smallest size."""
WEIGHTS = "net/"


@dataclass(frozen=True, slots=True)
class How:
    """What the caller decides of a training."""

    seed: int
    device: str = "cpu"
    epochs: int | None = None
    """At most; None: as many as the recipe."""
    mixed_precision: bool = False
    """Compute in bfloat16 where that is faster; predictions then depend on the machine a little more."""


@dataclass(frozen=True, slots=True)
class NetModel:
    """A trained net on spectrograms, with the weights of its best epoch."""

    family: TasteFamily
    inputs: NetInputs
    net: Module
    plan: TrainingPlan
    outputs: int
    """What the net gives; the first ``dim`` are the factors that were asked for."""
    dim: int

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k, d): the mean over windows, or over crops.

        Raises:
            ValueError: the clips have no spectrograms.
        """
        if not len(rows):
            return np.empty((0, self.dim), dtype=np.float32)
        found = predict(
            self.net,
            judging_part(self.inputs, sound, rows, lambda some: {}),
            lambda net, batch: hear(net, batch, self.inputs.kind),
            batch_size=self.inputs.batch_size,
            device=self.plan.device,
            mixed_precision=self.plan.mixed_precision,
        )
        return found[:, : self.dim]

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON."""
        inputs = {name: getattr(self.inputs, name) for name in ("kind", "frames", "hop", "crops")}
        return weights_of(self.net), {
            "inputs": inputs,
            "size": asdict(self.inputs.size),
            "plan": asdict(self.plan),
            "outputs": self.outputs,
            "dim": self.dim,
        }


def restore_model(
    family: TasteFamily, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any], device: str
) -> NetModel:
    """The model of ``NetModel.save_state``, which predicts on ``device``."""
    inputs = NetInputs(size=InputSize(**info["size"]), **info["inputs"])
    plan = replace(TrainingPlan(**info["plan"]), device=device)
    net = with_weights(lambda: build_net(family, inputs, info["outputs"]), arrays)
    return NetModel(family, inputs, net, plan, info["outputs"], info["dim"])


def weights_of(net: Module) -> dict[str, NDArray[Any]]:
    """The state of a net as arrays."""
    return {
        WEIGHTS + name: tensor.detach().cpu().contiguous().numpy().copy() for name, tensor in net.state_dict().items()
    }


def with_weights(build: Callable[[], Module], arrays: Mapping[str, NDArray[Any]]) -> Module:
    """A net with the state of ``weights_of``."""
    import torch

    # Without memory, and so without drawing first weights.
    with torch.device("meta"):
        net = build()
    # The store makes a number into an array of one.
    state = {
        name: torch.from_numpy(np.array(arrays[WEIGHTS + name])).reshape(own.shape)
        for name, own in net.state_dict().items()
    }
    net.load_state_dict(state, assign=True)
    return net.eval()


def build_net(family: TasteFamily, inputs: NetInputs, outputs: int) -> Module:
    """A new net; seed torch before."""
    if family.architecture == "vandenoord":
        from analytics_platform.taste.nets.vandenoord import VanDenOord

        return VanDenOord(inputs.frames, outputs)
    if family.architecture == "dieleman":
        from analytics_platform.taste.nets.dieleman import Dieleman

        return Dieleman(outputs, maxout=family.maxout, unit_output=family.unit_output)
    from analytics_platform.taste.nets.ours import SoundNet

    return SoundNet(outputs)


def plan_of(recipe: Recipe, rows: int, how: How) -> TrainingPlan:
    """How a net is trained on so many rows."""
    return TrainingPlan(
        epochs=how.epochs or recipe.epochs,
        batch_size=min(recipe.batch_size, max(rows // FEWEST_STEPS, SMALLEST_BATCH)),
        learning_rate=recipe.learning_rate,
        optimiser=recipe.optimiser,
        patience=recipe.patience,
        clip_norm=recipe.clip_norm,
        seed=how.seed,
        device=how.device,
        mixed_precision=how.mixed_precision and computes_bfloat16(how.device),
    )


def train_net(
    family: TasteFamily,
    sound: Sound,
    aims: Aims,
    train: IntArray,
    validation: IntArray,
    how: How,
    hop: int,
    folder: Path,
    say: Say,
) -> tuple[NetModel, Trained]:
    """Train a net, or go on with a training that was killed; both parts have factors in all rows."""
    assert family.recipe is not None
    targets = aims.targets(family.unit, "further" in family.needs)
    inputs = taste_inputs(sound, train, family, hop)
    plan = plan_of(family.recipe, len(train), how)
    labels, loss, watch = _learnt(family, aims, targets, train, inputs)

    def build() -> Module:
        import torch

        net: Any = build_net(family, inputs, targets.shape[1])
        heard = Heard(inputs, sound, train)
        if family.architecture == "vandenoord":
            # Whole clips come as one crop each: the axis of windows goes.
            net.fit_scales((values[:, 0], mask[:, 0]) for values, mask in heard)
            net.output.fit(torch.from_numpy(targets[train]))
        else:
            net.fit_scales(heard)
        return net

    trained = fit(
        build,
        loss,
        learning_part(inputs, sound, train, labels, stretch=family.stretch),
        judging_part(inputs, sound, validation, labels),
        plan,
        folder / checkpoint_name(family, sound, aims, targets, train, validation, hop),
        lambda line: say(f"{family.name}: {line}"),
        watch=watch,
    )
    return NetModel(family, inputs, trained.net, plan, targets.shape[1], aims.dim), trained


def _learnt(
    family: TasteFamily, aims: Aims, targets: FloatArray, train: IntArray, inputs: NetInputs
) -> tuple[Labels, Loss, Loss | None]:
    """Labels of a batch, the loss, and what must fall on the validation part if not the loss."""
    from analytics_platform.taste.nets import ours, vandenoord

    def target(rows: IntArray) -> dict[str, NDArray[Any]]:
        return {"target": targets[rows]}

    def by(measure: Callable[[Tensor, Tensor], Tensor], scale: float = 1.0) -> Loss:
        def loss(net: Module, batch: Batch) -> Tensor:
            return measure(hear(net, batch, inputs.kind), batch["target"]) / scale

        return loss

    if family.objective == "squares":
        # As a share of the variance, so that a rate of learning fits any factors: the optimum is the same.
        spread = 1.0 if family.unit else float(targets[train].var(axis=0).sum()) or 1.0
        return target, by(vandenoord.squared_error, spread), None
    if family.objective == "cosine":
        return target, by(ours.cosine_error), None
    if family.objective == "contrastive":
        # Sure of what it learnt by heart, its loss on unseen tracks rises while its directions still get better.
        return target, by(ours.contrastive_error), by(ours.cosine_error)
    terms = weighted_terms(aims)
    # As a share of the error of predicting no plays at all.
    nothing = terms.sureness(train) or 1.0

    def loss(net: Module, batch: Batch) -> Tensor:
        said = hear(net, batch, inputs.kind)
        error = vandenoord.weighted_prediction_error(said, batch["squares"], batch["pulls"], batch["constants"])
        return error / nothing

    return terms.of, loss, None


def checkpoint_name(
    family: TasteFamily,
    sound: Sound,
    aims: Aims,
    targets: FloatArray,
    train: IntArray,
    validation: IntArray,
    hop: int,
) -> str:
    """A folder of checkpoints, others for other nets, tracks or factors."""
    digest = hashlib.sha256(json.dumps([asdict(family), hop], sort_keys=True).encode())
    for rows in (train, validation):
        digest.update(sound.clip_ids[rows].tobytes() + b";" + np.ascontiguousarray(targets[rows]).tobytes() + b";")
    if "plays" in family.needs and aims.plays is not None and aims.listeners is not None:
        digest.update(np.ascontiguousarray(aims.listeners).tobytes() + aims.plays.data.tobytes())
        digest.update(aims.plays.indices.tobytes() + aims.plays.indptr.tobytes() + repr(aims.wmf).encode())
    return f"{family.name}-{digest.hexdigest()[:16]}"
