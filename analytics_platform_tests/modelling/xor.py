"""A small training with everything that a resume could get wrong, and a process of it to be killed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling import checkpoints
from analytics_platform.modelling.feeding import Arrays, Batch, Part
from analytics_platform.modelling.training import Trained, fit
from analytics_platform.modelling.training_plan import TrainingPlan

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

TRAIN, VALIDATION = np.arange(200), np.arange(200, 300)
POINTS = np.random.default_rng(0).uniform(-1, 1, (300, 2)).astype(np.float32)
HITS = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(np.float32)
PLAN = TrainingPlan(epochs=8, batch_size=32, learning_rate=0.02, seed=3)
BATCHES = 7
"""Of 32 rows in ``TRAIN``."""


def points(rows: NDArray[np.int64], rng: np.random.Generator) -> Arrays:
    """Points with noise, and whether both coordinates have one sign."""
    noise = rng.normal(0, 0.02, (len(rows), 2)).astype(np.float32)
    return {"x": POINTS[rows] + noise, "y": HITS[rows]}


def build() -> Module:
    """Dropout draws chance, batch normalisation keeps a state that is no weight."""
    from torch import nn

    return nn.Sequential(
        nn.Linear(2, 24), nn.BatchNorm1d(24), nn.Tanh(), nn.Dropout(0.1), nn.Linear(24, 1), nn.Flatten(0)
    )


def loss(net: Module, batch: Batch) -> Tensor:
    from torch.nn import functional

    return functional.binary_cross_entropy_with_logits(net(batch["x"]), batch["y"])


def train(
    folder: Path,
    plan: TrainingPlan = PLAN,
    say: Callable[[str], None] = lambda line: None,
    make: Callable[[NDArray[np.int64], np.random.Generator], Arrays] = points,
) -> Trained:
    return fit(build, loss, Part(TRAIN, make), Part(VALIDATION, points), plan, folder, say)


def wait_to_be_killed() -> None:
    print("here", flush=True)
    threading.Event().wait()


def main(folder: str, place: str, number: str) -> None:
    """Train until epoch ``number`` of this process, and there wait in a batch, or with a checkpoint half saved."""
    calls = 0

    def make(rows: NDArray[np.int64], rng: np.random.Generator) -> Arrays:
        nonlocal calls
        calls += 1
        # The sixth batch is made once the second is in use: the epoch has begun.
        if place == "batch" and calls == (int(number) - 1) * BATCHES + 6:
            wait_to_be_killed()
        return points(rows, rng)

    saves = 0
    really = checkpoints.sync_to_disk

    def sync(path: str | Path) -> None:
        nonlocal saves
        saves += str(path).endswith(".tmp")
        if place == "checkpoint" and saves == int(number):
            wait_to_be_killed()
        really(path)

    checkpoints.sync_to_disk = sync
    train(Path(folder), make=make)


if __name__ == "__main__":
    main(*sys.argv[1:])
