"""From bags of words to factors: linear regression, and a hidden layer of 1,000 units, as in the paper of 2013."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.feeding import Batch, Part
from analytics_platform.modelling.splits import IntArray
from analytics_platform.modelling.training import Say, fit, predict
from analytics_platform.modelling.training_plan import History, TrainingPlan
from analytics_platform.taste.aims import Aims, FloatArray
from analytics_platform.taste.bag_of_words import BagOfWords, fit_bag, restore_bag
from analytics_platform.taste.families import TasteFamily
from analytics_platform.taste.net_training import How, plan_of, weights_of, with_weights
from analytics_platform.tracks.sound import Sound

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

ROWS = 1024
"""Predicted at once."""


@dataclass(frozen=True, slots=True)
class LinearWords:
    """Least squares on what is kept of a bag of words."""

    bag: BagOfWords
    weights: FloatArray
    """(q + 1, d), the last row the intercept."""

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k, d)."""
        return self.bag.vectors(sound, rows) @ self.weights[:-1] + self.weights[-1]

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON."""
        arrays, info = self.bag.save_state()
        return {**arrays, "weights": self.weights}, {"bag": info}


@dataclass(frozen=True, slots=True)
class WordsNet:
    """A hidden layer on what is kept of a bag of words."""

    bag: BagOfWords
    net: Module
    plan: TrainingPlan
    dim: int

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k, d)."""
        if not len(rows):
            return np.empty((0, self.dim), dtype=np.float32)
        vectors = self.bag.vectors(sound, rows)
        part = Part(np.arange(len(rows)), lambda some, rng: {"words": vectors[some]})
        return predict(self.net, part, _hear, batch_size=ROWS, device=self.plan.device)

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON."""
        arrays, info = self.bag.save_state()
        return {**arrays, **weights_of(self.net)}, {"bag": info, "plan": asdict(self.plan), "dim": self.dim}


def restore_words(arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any], device: str) -> LinearWords | WordsNet:
    """The model of ``save_state``."""
    bag = restore_bag(arrays, info["bag"])
    if "plan" not in info:
        return LinearWords(bag, arrays["weights"])
    plan = replace(TrainingPlan(**info["plan"]), device=device)
    return WordsNet(bag, with_weights(lambda: _build(bag, info["dim"]), arrays), plan, info["dim"])


def fit_words(
    family: TasteFamily,
    sound: Sound,
    aims: Aims,
    train: IntArray,
    validation: IntArray,
    how: How,
    hop: int,
    folder: Path,
    say: Say,
) -> tuple[LinearWords | WordsNet, History | None]:
    """Learn the words, and factors from them; both parts have factors in all rows."""
    targets = aims.targets(family.unit)
    bag = fit_bag(sound, train, seed=how.seed, hop=hop)
    say(f"{family.name}: {len(bag.words)} words, {len(bag.components)} components")
    vectors = bag.vectors(sound, train)
    if family.recipe is None:
        with_one = np.column_stack([vectors, np.ones(len(vectors))]).astype(np.float64)
        weights = np.linalg.lstsq(with_one, targets[train].astype(np.float64), rcond=None)[0]
        return LinearWords(bag, weights.astype(np.float32)), None
    judged = bag.vectors(sound, validation)
    plan = plan_of(family.recipe, len(train), replace(how, mixed_precision=False))
    spread = float(targets[train].var(axis=0).sum()) or 1.0

    def part(words: FloatArray, rows: IntArray) -> Part:
        aim = targets[rows]
        return Part(np.arange(len(rows)), lambda some, rng: {"words": words[some], "target": aim[some]})

    def build() -> Module:
        import torch

        net: Any = _build(bag, aims.dim)
        net.output.fit(torch.from_numpy(targets[train]))
        return net

    def loss(net: Module, batch: Batch) -> Tensor:
        from analytics_platform.taste.nets.vandenoord import squared_error

        return squared_error(_hear(net, batch), batch["target"]) / spread

    # The vectors are of the same seed, rows and hop only if these bytes are.
    digest = hashlib.sha256()
    for each in (vectors, judged, targets[train], targets[validation]):
        digest.update(np.ascontiguousarray(each).tobytes() + b";")
    trained = fit(
        build,
        loss,
        part(vectors, train),
        part(judged, validation),
        plan,
        folder / f"{family.name}-{digest.hexdigest()[:16]}",
        lambda line: say(f"{family.name}: {line}"),
    )
    return WordsNet(bag, trained.net, plan, aims.dim), trained.history


def _build(bag: BagOfWords, outputs: int) -> Module:
    from analytics_platform.taste.nets.vandenoord import WordsMLP

    return WordsMLP(len(bag.components), outputs)


def _hear(net: Module, batch: Batch) -> Tensor:
    return net(batch["words"])
