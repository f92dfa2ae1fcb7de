"""Versions of trained models as files: arrays in safetensors, everything else in ``model.json``.

``<root>/<model>/<version>/``. A version never changes once it is there. Nothing is pickled: opening
a model runs no code of whoever wrote it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from analytics_platform.lakehouse.lake import sync_to_disk


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A version as it was saved."""

    version: str
    arrays: Mapping[str, NDArray[Any]]
    info: Mapping[str, Any]
    """Inputs and their versions, parameters, seed, metrics with ranges, baselines."""


def save_model(
    root: Path, model: str, version: str, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]
) -> StoredModel:
    """Save a version; one that is already there stays as it is. Killed half way, it leaves no version."""
    from safetensors.numpy import save_file

    folder = root / model / version
    if not folder.exists():
        building = folder.with_name(f".{version}.{uuid4().hex}")
        building.mkdir(parents=True)
        try:
            save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, building / "arrays")
            described = {"model": model, "version": version, **info}
            (building / "model.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")
            for path in (*building.iterdir(), building):
                sync_to_disk(path)
            building.rename(folder)
            sync_to_disk(folder.parent)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return load_model(root, model, version)


def load_model(root: Path, model: str, version: str) -> StoredModel:
    """Read a version.

    Raises:
        FileNotFoundError: there is no such version; the message says where it was looked for.
    """
    from safetensors.numpy import load_file

    folder = root / model / version
    if not (folder / "model.json").exists():
        raise FileNotFoundError(f"no version {version!r} of the model {model!r} in {root}: was the folder removed?")
    return StoredModel(version, load_file(folder / "arrays"), json.loads((folder / "model.json").read_text()))


def forget_models(root: Path, model: str, kept: set[str]) -> None:
    """Delete the versions of a model other than ``kept``, for models that are made anew every day."""
    for folder in (root / model).glob("*"):
        if folder.name not in kept and not folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)


def text_array(names: NDArray[np.str_]) -> NDArray[np.uint8]:
    """Names (n,) as bytes (n, b), which is all that safetensors holds of text."""
    encoded = np.char.encode(names, "utf-8")
    return np.ascontiguousarray(encoded).view(np.uint8).reshape(len(names), -1)


def text_of(encoded: NDArray[np.uint8]) -> NDArray[np.str_]:
    """The names (n,) of ``text_array``."""
    return np.char.decode(np.ascontiguousarray(encoded).view(f"S{encoded.shape[1]}").reshape(-1), "utf-8")
