"""The document's grid in a stable order: a number names a run for good. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

Hears = Literal["raw", "log-mel"]
HEARS: tuple[Hears, ...] = ("raw", "log-mel")
"""The document's input, and ours."""
STEPS = range(1, 25)
"""Pieces of 5 s that are one sample: up to two minutes."""
LAYERS = (1, 2)
LISTENERS = 5
PUBLISHED = len(STEPS) * len(LAYERS) * LISTENERS
"""240 runs, on raw samples: numbers 0 to 239."""
SIZE = len(HEARS) * PUBLISHED


@dataclass(frozen=True, slots=True)
class Run:
    """A net for a listener."""

    number: int
    hears: Hears
    steps: int
    layers: int
    listener: int
    """1 to 5, by plays."""

    @property
    def part(self) -> str:
        """The part of the grid: all runs of an input and a number of steps."""
        return f"{self.hears}-{self.steps:02d}"


def runs() -> Iterator[Run]:
    """All 480: the published 240, then the same on log-mel; the listener runs fastest, then the layers."""
    for number, (hears, steps, layers, listener) in enumerate(product(HEARS, STEPS, LAYERS, range(1, LISTENERS + 1))):
        yield Run(number, hears, steps, layers, listener)


def run(number: int) -> Run:
    """The run of a number.

    Raises:
        IndexError: there is none.
    """
    if not 0 <= number < SIZE:
        raise IndexError(f"there are runs 0 to {SIZE - 1}, and no {number}")
    rest, listener = divmod(number, LISTENERS)
    rest, layers = divmod(rest, len(LAYERS))
    hears, steps = divmod(rest, len(STEPS))
    return Run(number, HEARS[hears], STEPS[steps], LAYERS[layers], listener + 1)


PARTS = tuple(f"{hears}-{steps:02d}" for hears in HEARS for steps in STEPS)
"""48 parts of 10 runs."""
SUBSET_STEPS = (1, 6, 12, 18)
SUBSET = tuple(
    each.number
    for each in runs()
    if each.steps in SUBSET_STEPS and (each.hears == "log-mel" or (each.steps, each.layers) == (18, 2))
)
"""What two cores carry: 40 runs on log-mel at 1, 6, 12 and 18 steps, and on raw samples the document's universal net
(2 layers, 18 steps) for each listener. The rest waits for a GPU."""


def runs_of(part: str, *, whole: bool = True) -> tuple[Run, ...]:
    """The runs of a part, or those of them that are in ``SUBSET``.

    Raises:
        ValueError: there is no such part.
    """
    if part not in PARTS:
        raise ValueError(f"there is no part {part}: they are {PARTS[0]} to {PARTS[-1]}")
    return tuple(each for each in runs() if each.part == part and (whole or each.number in SUBSET))
