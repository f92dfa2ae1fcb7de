"""The state of a training on disk: one safetensors file, with what is not a tensor as JSON in its header.

One file replaces the one before in one step, so that a kill leaves either. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics_platform.lakehouse.lake import sync_to_disk

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training after an epoch."""

    net: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    """The net after its best epoch."""
    optimiser: Mapping[str, Tensor]
    """By ``<number of the parameter>.<name>``."""
    progress: Mapping[str, Any]
    """JSON: the epochs so far."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in the place of the one before."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        # What a killed process left.
        left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    tensors = {
        f"{kind}/{name}": tensor
        for kind, group in (("net", checkpoint.net), ("best", checkpoint.best), ("optimiser", checkpoint.optimiser))
        for name, tensor in group.items()
    }
    # Copies: safetensors takes no tensors that share memory, as those of tied layers do.
    save_file(
        {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()},
        temporary,
        metadata={"progress": json.dumps(checkpoint.progress, allow_nan=False)},
    )
    sync_to_disk(temporary)
    temporary.replace(path)
    sync_to_disk(path.parent)


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint at a path, its tensors in main memory; None if there is none.

    Raises:
        ValueError: the file is no checkpoint, or damaged: delete it to begin anew.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    groups: dict[str, dict[str, Tensor]] = {"net": {}, "best": {}, "optimiser": {}}
    try:
        with safe_open(path, framework="pt") as opened:
            progress = json.loads(opened.metadata()["progress"])
            for key in opened.keys():  # noqa: SIM118 - it is no mapping
                kind, _, name = key.partition("/")
                groups[kind][name] = opened.get_tensor(key)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it, and the training begins anew") from error
    return Checkpoint(**groups, progress=progress)


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter."""
    import torch

    return {
        f"{number}.{name}": value
        for number, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }


def restore_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser of the same parameters and settings back what it remembered."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
