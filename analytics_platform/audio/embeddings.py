"""What pretrained nets say of a clip, and the files that it is kept in.

A shard holds the vectors of one batch of clips and one model: a safetensors file with the tensors
``pooled`` [clips, dim] float32 and ``sequences`` [windows of all clips, dim] float16, the clips one
after the other. The table ``audio.embeddings`` says which rows are whose.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from analytics_platform.lakehouse.lake import sync_to_disk

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = NDArray[np.float32]

LONGEST_HEADER = 1 << 16
"""Bytes of a shard's header; it names two tensors."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """One clip, heard by one net."""

    sequence: FloatArray
    """(windows, dim): one vector per window, in time."""
    pooled: FloatArray
    """(dim,): their mean."""
    tags: FloatArray | None = None
    """(tags,): the mean score of each tag, 0 to 1; None for a net that has no tags."""


class WeightsError(RuntimeError):
    """Weights are missing, or are not the ones that are meant; the message says what to do."""


class Embedder(Protocol):
    """A pretrained net with its front end."""

    @property
    def name(self) -> str:
        """The net and what it was trained on, like musicnn_msd."""
        ...

    @property
    def weights(self) -> str:
        """First 16 hex digits of the SHA-256 of its weights."""
        ...

    @property
    def sample_rate(self) -> int:
        """Of the samples that it takes, Hz."""
        ...

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        ...

    @property
    def window_s(self) -> float:
        """Length of a window, and step from one to the next, in seconds."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """What ``Embedded.tags`` are scores of; empty if it has none."""
        ...

    def embed(self, samples: FloatArray, length: int | None = None) -> Embedded:
        """Hear a clip.

        Args:
            samples: (n,) mono, at ``sample_rate``, full scale 1.
            length: how many of them are sound; the rest is padding and makes no windows.

        Raises:
            ValueError: there is no sound, or a sample is not finite.
        """
        ...


def sound_of(samples: FloatArray, length: int | None) -> FloatArray:
    """The samples that are sound, checked as :meth:`Embedder.embed` promises."""
    sound = np.array(samples, dtype=np.float32)[:length]  # a copy: torch warns of arrays that are read-only
    if sound.ndim != 1 or not len(sound):
        raise ValueError(f"an embedder takes mono sound of at least one sample, not shape {np.shape(sound)}")
    if not np.isfinite(sound).all():
        raise ValueError("the samples are not all finite")
    return sound


def whole_windows(frames: Tensor, size: int) -> Tensor:
    """(frames, bands) → (windows, size, bands): a last window that is not full is dropped.

    If not even one is full, the frames are repeated until it is.
    """
    if len(frames) < size:
        frames = frames.repeat(-(-size // len(frames)), 1)
    windows = len(frames) // size
    return frames[: windows * size].reshape(windows, size, -1)


def available_embedders(
    pretrained: Path, vggish: Path | None = None, vggish_sha256: str = "", device: str = "cpu"
) -> list[Embedder]:
    """The nets whose weights are there.

    Args:
        pretrained: folder of fetched weights, like ``lake/models/pretrained``.
        vggish: weights of VGGish, see :func:`.vggish.load_vggish`; None: VGGish is not wanted.
        vggish_sha256: of that file.
        device: ``cpu``, ``cuda`` …

    Raises:
        WeightsError: a file is there, or was named, but is not what it should be.
    """
    from analytics_platform.audio.musicnn import MusiCNN
    from analytics_platform.audio.musicnn_weights import FILE, load_musicnn
    from analytics_platform.audio.vggish import load_vggish

    found: list[Embedder] = []
    folder = pretrained / MusiCNN.name
    if (folder / FILE).exists():
        found.append(MusiCNN(load_musicnn(folder), device))
    if vggish is not None:
        found.append(load_vggish(vggish, vggish_sha256, device=device))
    return found


class ShardRow(NamedTuple):
    """Where a clip lies in a shard, as the columns of ``audio.embeddings`` are called."""

    shard_row: int
    first_window: int
    windows: int


def write_shard(path: Path, clips: Sequence[Embedded]) -> list[ShardRow]:
    """Write a batch, replacing what an earlier run wrote; killed half way, the earlier file stays.

    Args:
        path: the file, ``.safetensors``; its folder is made.
        clips: at least one, all of the same net.

    Returns:
        The place of each clip, in order.

    Raises:
        ValueError: there are no clips, their lengths differ, or a number is not finite in float16.
    """
    from safetensors.numpy import save_file

    if not clips:
        raise ValueError("a shard holds at least one clip")
    pooled = np.stack([clip.pooled for clip in clips]).astype(np.float32)
    with np.errstate(over="ignore"):
        sequences = np.concatenate([clip.sequence for clip in clips]).astype(np.float16)
    if not (np.isfinite(pooled).all() and np.isfinite(sequences).all()):
        raise ValueError("an embedding is not finite, or too large for float16")
    path.parent.mkdir(parents=True, exist_ok=True)
    # What a killed process left. Were it alive, it would fail when it puts its file in place.
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)
    building = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        save_file({"pooled": pooled, "sequences": sequences}, building)
        sync_to_disk(building)
        building.replace(path)
        sync_to_disk(path.parent)
    finally:
        building.unlink(missing_ok=True)
    windows = [len(clip.sequence) for clip in clips]
    firsts = np.cumsum([0, *windows[:-1]])
    return [ShardRow(i, int(first), count) for i, (first, count) in enumerate(zip(firsts, windows, strict=True))]


class EmbeddingShard:
    """A shard, memory-mapped: only the rows that are asked for are read."""

    pooled: NDArray[np.float32]
    """(clips, dim), read-only."""
    sequences: NDArray[np.float16]
    """(windows of all clips, dim), read-only."""

    def __init__(self, path: Path) -> None:
        """Open a shard.

        Raises:
            FileNotFoundError: there is none.
            ValueError: the file is not a whole shard.
        """
        try:
            with path.open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header: dict[str, Any] = json.loads(file.read(min(size, LONGEST_HEADER)))
            self.pooled = _mapped(path, header["pooled"], "F32", np.dtype("<f4"), 8 + size)
            self.sequences = _mapped(path, header["sequences"], "F16", np.dtype("<f2"), 8 + size)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name} is not a whole shard of embeddings: {error}") from None

    def sequence(self, row: ShardRow) -> FloatArray:
        """(windows, dim): the vectors of one clip."""
        return self.sequences[row.first_window : row.first_window + row.windows].astype(np.float32)


def _mapped(path: Path, tensor: dict[str, Any], kind: str, dtype: np.dtype[Any], start: int) -> NDArray[Any]:
    if tensor["dtype"] != kind:
        raise ValueError(f"a tensor is {tensor['dtype']}, not {kind}")
    first, end = tensor["data_offsets"]
    rows, dim = (int(size) for size in tensor["shape"])
    if rows * dim * dtype.itemsize != end - first or start + end > path.stat().st_size:
        raise ValueError("a tensor does not fit into the file")
    return np.memmap(path, dtype, "r", start + first, (rows, dim))
