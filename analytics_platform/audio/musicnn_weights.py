"""The published weights of MusiCNN: from the wheel ``musicnn`` 0.1.0 on PyPI (ISC licence) to safetensors.

The package itself is never installed or run: it wants TensorFlow and a numpy of 2019.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.embeddings import WeightsError
from analytics_platform.audio.tensor_bundle import read_bundle
from analytics_platform.lakehouse.lake import sync_to_disk

REQUIREMENT = "musicnn==0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
WEIGHTS_SHA256 = "b9df84da335282eb9d69162d39e3b9cdf6f3fb46307d13de28a620e8478b5a05"
"""Of the tensors, see :func:`weights_sha256`."""
FILE = "weights.safetensors"
DOWNLOAD_TIMEOUT_S = 300


def fetch_musicnn(folder: Path, wheel: Path | None = None) -> Path:
    """Put the weights of MSD_musicnn into ``folder``, unless they are there; returns the file.

    Args:
        folder: where the weights are kept, like ``lake/models/pretrained/musicnn_msd``.
        wheel: the wheel of musicnn 0.1.0; without it pip downloads it (29 MB).

    Raises:
        WeightsError: the wheel can't be had, or is not the published one.
    """
    path = folder / FILE
    if not path.exists():
        if wheel is None:
            with tempfile.TemporaryDirectory() as downloads:
                weights = _convert(download_wheel(Path(downloads)))
        else:
            weights = _convert(wheel)
        _save(path, weights)
    load_musicnn(folder)
    return path


def load_musicnn(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The weights that :func:`fetch_musicnn` put there, checked; names as in the checkpoint.

    Raises:
        WeightsError: nothing was fetched, or the file holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / FILE
    if not path.exists():
        raise WeightsError(f"no weights of MusiCNN at {path}: call fetch_musicnn, which downloads them with pip")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a safetensors file ({error}): delete it and fetch it again") from None
    if weights_sha256(weights) != WEIGHTS_SHA256:
        raise WeightsError(f"{path} does not hold the published weights of MSD_musicnn: delete it and fetch it again")
    return weights


def weights_sha256(weights: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, types, shapes and values, by name: whatever wrote the file, and in which order."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def download_wheel(folder: Path) -> Path:
    """The wheel of musicnn 0.1.0, downloaded by pip into ``folder``.

    Raises:
        WeightsError: pip could not; the message says what to do.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), REQUIREMENT]
    try:
        # What pip says may hold the address of an index with its password: it goes nowhere.
        done = subprocess.run(command, check=False, capture_output=True, timeout=DOWNLOAD_TIMEOUT_S).returncode
    except subprocess.TimeoutExpired:
        done = -1
    wheels = list(folder.glob("*.whl"))
    if done != 0 or not wheels:
        raise WeightsError(
            f"pip could not download {REQUIREMENT}. Where there is a network, run "
            f"`pip download --no-deps {REQUIREMENT}`, bring the wheel here and give its path."
        )
    return wheels[0]


def _convert(wheel: Path) -> dict[str, NDArray[Any]]:
    try:
        content = wheel.read_bytes()
    except OSError as error:
        raise WeightsError(f"the wheel {wheel} cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != WHEEL_SHA256:
        raise WeightsError(f"{wheel.name} is not the published wheel of {REQUIREMENT}: its SHA-256 differs")
    with ZipFile(wheel) as archive:
        index, data = (archive.read(f"musicnn/MSD_musicnn/{name}") for name in (".index", ".data-00000-of-00001"))
    # The optimiser's state is in the checkpoint too: two tensors beside each, and two numbers.
    return {name: array for name, array in read_bundle(index, data).items() if not _of_optimiser(name)}


def _of_optimiser(name: str) -> bool:
    return name.endswith(("/Adam", "/Adam_1")) or name in {"beta1_power", "beta2_power"}


def _save(path: Path, weights: Mapping[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        save_file({name: np.ascontiguousarray(array) for name, array in weights.items()}, building)
        sync_to_disk(building)
        building.replace(path)
        sync_to_disk(path.parent)
    finally:
        building.unlink(missing_ok=True)
