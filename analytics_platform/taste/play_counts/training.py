"""One listener's net: from the pieces of the songs that it learns from to the plays of songs that it has not heard."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.feeding import Batch, Part
from analytics_platform.modelling.splits import Split
from analytics_platform.modelling.training import Say, Trained, fit, predict
from analytics_platform.modelling.training_plan import History, TrainingPlan
from analytics_platform.taste.play_counts.pieces import Pieces
from analytics_platform.taste.play_counts.targets import FloatArray, IntArray, Scale
from analytics_platform.taste.play_counts.variants import BATCH_SIZE, EPOCHS, LEARNING_RATE, Variant

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from analytics_platform.taste.nets.play_counts import PieceCoder

CODER_EPOCHS, CODER_PATIENCE = 50, 2
SEEDS_APART = 1_000
"""Between the members of an averaged net."""


@dataclass(frozen=True, slots=True)
class How:
    """What the caller decides of a training."""

    seed: int = 0
    device: str = "cpu"
    epochs: int | None = None
    """At most; None: the document's 100."""


@dataclass(frozen=True, slots=True)
class FittedCounts:
    """Nets of one listener."""

    histories: tuple[History, ...]
    """Of each member: the mean loss over the pieces, in the scale of the target."""
    predicted: FloatArray
    """(S,) plays of the songs of all three parts, means over their samples; NaN for others, and for songs that are too
    short for one sample."""
    weights: int
    """Numbers that were trained, of one member."""
    seconds: float


def fit_counts(
    pieces: Pieces,
    steps: int,
    variant: Variant,
    plays: NDArray[np.integer],
    scale: Scale,
    split: Split,
    how: How,
    say: Say,
) -> FittedCounts:
    """Train a variant for one listener. Of the epochs that with the least validation loss is kept.

    No checkpoint is written: a whole training is minutes on log-mel, and one of raw samples 0.7 GB.

    Args:
        pieces: of the songs (S).
        steps: pieces that are one sample.
        variant: which net.
        plays: (S,) of the listener, 0 for songs never played.
        scale: of the target.
        split: of the songs; those that the listener has not played are left out of all parts.
        how: seed and so on.
        say: told of each epoch.

    Raises:
        ValueError: a part that is learnt from or chosen by has no sample.
        FloatingPointError: the loss is not finite.
    """
    from analytics_platform.taste.nets.play_counts import PlayCountNet, count_loss, trained_weights

    start = time.perf_counter()
    played = np.flatnonzero(plays)
    parts = [pieces.samples(part[np.isin(part, played)], steps) for part in (split.train, split.validation, split.test)]
    for name, part in zip(("learn from", "choose by"), parts, strict=False):
        if not len(part):
            raise ValueError(f"no song to {name} has {steps} pieces")
    samples = np.concatenate(parts)
    train, validation, _ = np.split(np.arange(len(samples)), np.cumsum([len(part) for part in parts])[:-1])
    target = scale.to_target(plays[samples[:, 0]]).astype(np.float32)

    def make(rows: IntArray, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        del rng
        return {"pieces": pieces.take(samples[rows], steps), "target": target[rows]}

    def loss(net: Module, batch: Batch) -> Tensor:
        return count_loss(net(batch["pieces"]), batch["target"], variant.loss)

    def watch(net: Module, batch: Batch) -> Tensor:
        return count_loss(net(batch["pieces"]), batch["target"], "mse")

    def output(net: Module, batch: Batch) -> Tensor:
        return cast("Tensor", net(batch["pieces"]))

    learnt_rows = np.unique(pieces.starts[samples[train, 0], None] + samples[train, 1:2] + np.arange(steps))
    scales = pieces.hears != "raw"
    histories: list[History] = []
    outputs: list[NDArray[np.float32]] = []
    weights = 0
    for member in range(variant.members):
        seed = how.seed + SEEDS_APART * member
        coder = None if variant.code is None else _fit_coder(pieces, learnt_rows, variant.code, seed, how, say)

        def build(coder: PieceCoder | None = coder) -> Module:
            net = PlayCountNet(pieces.width, variant, scales=scales, coder=coder)
            if net.scale is not None:
                net.scale.fit([_tensor(pieces.values[learnt_rows])])
            return net

        plan = TrainingPlan(how.epochs or EPOCHS, BATCH_SIZE, LEARNING_RATE, "rmsprop", seed=seed, device=how.device)
        trained: Trained = fit(build, loss, Part(train, make), Part(validation, make), plan, None, say, watch=watch)
        histories.append(trained.history)
        weights = trained_weights(trained.net)
        everything = Part(np.arange(len(samples)), make)
        outputs.append(predict(trained.net, everything, output, batch_size=BATCH_SIZE, device=how.device))
    said = scale.to_plays(np.mean(outputs, axis=0))
    with np.errstate(invalid="ignore"):
        songs = np.bincount(samples[:, 0], said, len(plays)) / np.bincount(samples[:, 0], minlength=len(plays))
    return FittedCounts(tuple(histories), songs, weights, time.perf_counter() - start)


def _fit_coder(pieces: Pieces, rows: IntArray, code: int, seed: int, how: How, say: Say) -> PieceCoder:
    """An autoencoder of the pieces that are learnt from, until their loss has not fallen for two epochs."""
    from analytics_platform.taste.nets.play_counts import PieceCoder

    def build() -> PieceCoder:
        coder = PieceCoder(pieces.width, code, scales=pieces.hears != "raw")
        if coder.scale is not None:
            coder.scale.fit([_tensor(pieces.values[rows])])
        return coder

    def make(rows: IntArray, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        del rng
        return {"pieces": pieces.values[rows]}

    def loss(net: Any, batch: Batch) -> Tensor:
        return net.reconstruction_loss(batch["pieces"])

    epochs = min(how.epochs or CODER_EPOCHS, CODER_EPOCHS)
    plan = TrainingPlan(epochs, BATCH_SIZE, LEARNING_RATE, patience=CODER_PATIENCE, seed=seed, device=how.device)
    return cast("PieceCoder", fit(build, loss, Part(rows, make), None, plan, None, say).net.to("cpu"))


def _tensor(values: NDArray[np.generic]) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values))
