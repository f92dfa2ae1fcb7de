"""How a net is trained, and the curves that come of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer

OptimiserName = Literal["adam", "sgd", "nesterov", "rmsprop", "adadelta"]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How a net is trained."""

    epochs: int
    batch_size: int
    learning_rate: float
    optimiser: OptimiserName = "adam"
    """See ``make_optimiser``."""
    weight_decay: float = 0.0
    """Of squared weights, in the gradient, as the optimisers of torch have it."""
    patience: int | None = None
    """Epochs without improvement after which training stops; None: never before the last."""
    min_delta: float = 0.0
    """By how much the watched value must fall to count as improvement."""
    clip_norm: float | None = None
    """Largest norm of all gradients together."""
    seed: int = 0
    device: str = "cpu"
    mixed_precision: bool = False
    """Compute in bfloat16 where the device does so by itself, see ``computes_bfloat16``; elsewhere without effect."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch brought."""

    number: int
    """From 1."""
    train_loss: float
    """Mean over the rows as they were trained on, with dropout and while the weights changed."""
    watched: float
    """The mean of what was watched, over the validation rows; without those, ``train_loss``."""
    seconds: float
    """Of the pass over the training rows."""
    waiting_share: float
    """Of these seconds, how many the loop waited for batches, 0 to 1. A GPU may compute meanwhile: there it is the
    most that the device can have idled for them."""
    examples_per_second: float


@dataclass(frozen=True, slots=True)
class History:
    """The curves of a training."""

    epochs: tuple[Epoch, ...]
    best_epoch: int
    """The number of the epoch whose weights were kept."""
    stopped_early: bool

    @property
    def examples_per_second(self) -> float:
        """Median over epochs, without the first if there are others: that one warms up."""
        return median(epoch.examples_per_second for epoch in self.epochs[1:] or self.epochs)

    @property
    def waiting_share(self) -> float:
        """Of the time of all training passes, 0 to 1."""
        return sum(epoch.waiting_share * epoch.seconds for epoch in self.epochs) / sum(e.seconds for e in self.epochs)


def computes_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16; emulated, it is slower than float32 and no more exact.

    On two cores of an AMD EPYC (AVX-512 BF16) convolutional nets train 1.4 to 3.5 times as fast with it, and nets of
    dense layers alone half as fast.
    """
    import torch

    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Older versions of torch do not tell.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return device == "cpu" and any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def make_optimiser(net: Module, plan: TrainingPlan) -> Optimizer:
    """The plan's optimiser.

    ``rmsprop`` and ``adadelta`` have the constants of Keras, whose users' nets they train here (its learning rates:
    0.001, and 1 before TensorFlow 2); ``adam`` those of torch and of Kingma and Ba; ``nesterov`` a momentum of 0.9.
    Docs: https://keras.io/api/optimizers/, https://docs.pytorch.org/docs/stable/optim.html
    """
    from torch import optim

    weights, rate, decay = net.parameters(), plan.learning_rate, plan.weight_decay
    match plan.optimiser:
        case "adam":
            return optim.Adam(weights, rate, weight_decay=decay)
        case "sgd":
            return optim.SGD(weights, rate, weight_decay=decay)
        case "nesterov":
            return optim.SGD(weights, rate, momentum=0.9, nesterov=True, weight_decay=decay)
        case "rmsprop":
            return optim.RMSprop(weights, rate, alpha=0.9, eps=1e-7, weight_decay=decay)
        case "adadelta":
            return optim.Adadelta(weights, rate, rho=0.95, eps=1e-7, weight_decay=decay)


def best_epoch(epochs: Sequence[Epoch], plan: TrainingPlan) -> int:
    """The number of the last epoch that improved."""
    best, least = 0, math.inf
    for epoch in epochs:
        if epoch.watched < least - plan.min_delta:
            best, least = epoch.number, epoch.watched
    return best


def is_over(epochs: Sequence[Epoch], plan: TrainingPlan) -> bool:
    """Whether no epoch follows."""
    waited = len(epochs) - best_epoch(epochs, plan)
    return len(epochs) >= plan.epochs or (plan.patience is not None and waited >= plan.patience)
