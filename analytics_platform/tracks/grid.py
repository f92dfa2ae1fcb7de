"""The published grid of Autoen-chorder, in a stable order: a number names a configuration for good. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

LEARNING_RATES = (1e-3, 1e-4, 2e-4, 2e-2, 5e-4)
WEIGHT_DECAYS = (0.0, 1e-4, 2e-4)
BATCH_SIZES = (200, 100, 256, 277)
MEANS = (0.33, 0.34, 0.35, 0.37, 0.38, 0.40, 0.42, 0.45)
ALPHAS = (1.8, 2.0, 2.1, 2.2)
BETAS = (1.8, 2.0, 2.2)
LAYERS = (7, 9, 12)
_AXES = (LEARNING_RATES, WEIGHT_DECAYS, BATCH_SIZES, MEANS, ALPHAS, BETAS, LAYERS)
SIZE = math.prod(map(len, _AXES))
"""17 280."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """How to train the last part of Autoen-chorder."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    mean: float
    """Of the sample weights, as are the next two."""
    alpha: float
    beta: float
    layers: int
    """Dense layers of the feed-forward net."""


def grid() -> Iterator[Configuration]:
    """All 17 280 configurations; the last axis, the number of layers, runs fastest."""
    for values in product(*_AXES):
        yield Configuration(*values)


def configuration(number: int) -> Configuration:
    """The configuration at a place in ``grid``.

    Raises:
        IndexError: there is none.
    """
    if not 0 <= number < SIZE:
        raise IndexError(f"there are configurations 0 to {SIZE - 1}, and no {number}")
    values: list[float] = []
    for axis in reversed(_AXES):
        number, place = divmod(number, len(axis))
        values.append(axis[place])
    layers, beta, alpha, mean, batch_size, weight_decay, learning_rate = values
    return Configuration(learning_rate, weight_decay, int(batch_size), mean, alpha, beta, int(layers))


def best_published(learning_rate: float, layers: int) -> Configuration:
    """The authors' choice, whose mean of .36 is not in their grid; they show rate and layers only in a picture."""
    return Configuration(learning_rate, 0.0, 200, 0.36, 2.0, 2.0, layers)
