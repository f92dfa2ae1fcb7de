"""What a net is asked for; without torch, so that definitions may import it."""

from __future__ import annotations

from typing import Literal

Task = Literal["binary", "regression", "three-class"]
"""binary: above the training part's median or not. regression: a number from 0 to 1. three-class: low, medium, high."""

OUTPUTS: dict[Task, int] = {"binary": 1, "regression": 1, "three-class": 3}
"""Numbers that a net gives per track."""
