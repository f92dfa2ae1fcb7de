"""Log-mel spectrograms on disk: float16 decibels, many clips a file, read through memory maps.

A shard is a ``.npy`` file of shape (n, 2, 646, 128): for each clip the even frames and then the odd
ones, so that a net with a hop of 1024 samples reads one piece of the file, and one with 512 both. The
folder above is named after the parameters of the spectrograms: others never meet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from analytics_platform.audio.spectrum import FRAMES, HOP, MELS, N_FFT, SAMPLE_RATE

HalfArray = NDArray[np.float16]
IntArray = NDArray[np.integer]

PARAMETERS = f"logmel{MELS}_{SAMPLE_RATE}_{N_FFT}_{HOP}"
"""Name of the set of parameters, and of the folder of its shards."""
PHASES = 2
HALF_FRAMES = FRAMES // PHASES
CLIP_SHAPE = (PHASES, HALF_FRAMES, MELS)
SUFFIX = ".npy"


class ShardWriter:
    """Writes one shard, a clip at a time; the file is there whole or not at all.

    A context: leaving it puts the file in its place, after all of it is on disk; an error leaves what
    was there before. An existing shard is replaced; who has it open goes on reading the old one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clips = 0
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # What a killed process left. Were it alive, it would fail when it puts its file in place.
        for left in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            left.unlink(missing_ok=True)
        self._file = self._temporary.open("wb")
        self._header()
        return self

    def append(self, log_mel: HalfArray) -> int:
        """Add a clip (2, 646, 128); returns its row."""
        if log_mel.shape != CLIP_SHAPE or log_mel.dtype != np.float16:
            raise ValueError(f"a clip is {CLIP_SHAPE} of float16, not {log_mel.shape} of {log_mel.dtype}")
        self._open.write(np.ascontiguousarray(log_mel).data)
        self.clips += 1
        return self.clips - 1

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._open:
                if error is None:
                    self._open.seek(0)
                    self._header()
                    self._open.flush()
                    os.fsync(self._open.fileno())
            if error is None:
                self._temporary.replace(self.path)
                _force_folder(self.path.parent)
        finally:
            self._temporary.unlink(missing_ok=True)

    @property
    def _open(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("the shard is not open: use it as a context")
        return self._file

    def _header(self) -> None:
        # numpy leaves room for the first dimension to grow, so the header is as long for any number of clips.
        described = {"descr": npy.dtype_to_descr(np.dtype("<f2")), "fortran_order": False}
        npy.write_array_header_1_0(self._open, described | {"shape": (self.clips, *CLIP_SHAPE)})


def _force_folder(folder: Path) -> None:
    """Have the folder's entries on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_shard(path: Path) -> HalfArray:
    """The shard (n, 2, 646, 128) as a read-only memory map.

    Raises:
        ValueError: the file is not a shard, or is cut off.
    """
    shard = np.load(path, mmap_mode="r", allow_pickle=False)
    if shard.shape[1:] != CLIP_SHAPE or shard.dtype != np.float16:
        raise ValueError(f"{path.name}: shape {shard.shape} of {shard.dtype}, not (n, 2, 646, 128) of float16")
    # A plain array over the same memory: slicing a memmap takes three times as long.
    return np.asarray(shard)


@dataclass(frozen=True, slots=True)
class Spectra:
    """Spectrograms of several clips."""

    values: HalfArray
    """(k, frames, 128) dB."""
    mask: NDArray[np.bool_]
    """(k, frames) where there is sound; the rest is padding of −100 dB."""


class Spectrograms:
    """Spectrograms of the clips of a table, read by row number from their shards.

    Args:
        folder: where the names of shards begin.
        shards: (n,) the shard of each row.
        shard_rows: (n,) the row of each in its shard.
        frames: (n,) frames that hold sound, 1 to 1292.

    Raises:
        ValueError: a row that the shard has not, or a number of frames that no clip has.
    """

    def __init__(self, folder: Path, shards: Sequence[str], shard_rows: IntArray, frames: IntArray) -> None:
        if not len(shards) == len(shard_rows) == len(frames):
            raise ValueError(f"{len(shards)} shards, {len(shard_rows)} rows and {len(frames)} numbers of frames")
        self.frames = np.asarray(frames, dtype=np.int64)
        if len(frames) and not (self.frames.min() >= 1 and self.frames.max() <= FRAMES):
            raise ValueError(f"frames are {self.frames.min()} to {self.frames.max()}, not 1 to {FRAMES}")
        numbers = {name: number for number, name in enumerate(dict.fromkeys(shards))}
        self._maps = [open_shard(folder / name) for name in numbers]
        self._shards = np.array([numbers[name] for name in shards], dtype=np.int64)
        self._shard_rows = np.asarray(shard_rows, dtype=np.int64)
        clips = np.array([len(shard) for shard in self._maps], dtype=np.int64)
        missing = np.flatnonzero((self._shard_rows < 0) | (self._shard_rows >= clips[self._shards]))
        if len(missing):
            first = int(missing[0])
            name = shards[first]
            raise ValueError(f"{name} has {clips[numbers[name]]} clips and no row {shard_rows[first]}")

    def __len__(self) -> int:
        return len(self._shards)

    def take(self, rows: IntArray) -> Spectrograms:
        """The spectrograms of these rows, in this order; a row may come twice."""
        taken = copy(self)
        taken.frames, taken._shards, taken._shard_rows = (
            values[rows] for values in (self.frames, self._shards, self._shard_rows)
        )
        return taken

    def _clips(self, rows: IntArray) -> Iterator[HalfArray]:
        """Memory maps (2, 646, 128) of the rows."""
        for shard, row in zip(self._shards[rows].tolist(), self._shard_rows[rows].tolist(), strict=True):
            yield self._maps[shard][row]

    def last_starts(self, rows: IntArray, length: int = 599) -> NDArray[np.int64]:
        """(k,) last frames at a hop of 1024 at which a crop may start that holds sound to its end; 0 if none does."""
        return np.maximum((self.frames[rows] + 1) // PHASES - length, 0)

    def crops(self, rows: IntArray, starts: IntArray, length: int = 599, *, out: HalfArray | None = None) -> HalfArray:
        """Parts (k, length, 128) of spectrograms at a hop of 1024 samples, dB.

        Args:
            rows: (k,) row numbers.
            starts: (k,) first frame of each, 0 to 646 − length; see ``last_starts``.
            length: frames of each.
            out: where to write, if not to a new array: memory that a GPU reads from, say.

        Raises:
            ValueError: a crop reaches beyond the spectrogram.
        """
        if len(starts) and not (starts.min() >= 0 and starts.max() + length <= HALF_FRAMES):
            raise ValueError(
                f"crops of {length} start at {starts.min()} to {starts.max()}, beyond {HALF_FRAMES} frames"
            )
        batch = np.empty((len(rows), length, MELS), dtype=np.float16) if out is None else out
        if batch.shape != (len(rows), length, MELS):
            raise ValueError(f"out has shape {batch.shape}, not {(len(rows), length, MELS)}")
        for crop, clip, start in zip(batch, self._clips(rows), starts.tolist(), strict=True):
            crop[...] = clip[0, start : start + length]
        return batch

    def hop_1024(self, rows: IntArray) -> Spectra:
        """Spectrograms (k, 646, 128) of the rows at a hop of 1024 samples."""
        values = np.empty((len(rows), HALF_FRAMES, MELS), dtype=np.float16)
        for whole, clip in zip(values, self._clips(rows), strict=True):
            whole[...] = clip[0]
        return Spectra(values, np.arange(HALF_FRAMES) * PHASES < self.frames[rows][:, None])

    def full(self, rows: IntArray) -> Spectra:
        """Spectrograms (k, 1292, 128) of the rows at a hop of 512 samples."""
        values = np.empty((len(rows), FRAMES, MELS), dtype=np.float16)
        for whole, clip in zip(values, self._clips(rows), strict=True):
            whole[::2], whole[1::2] = clip
        return Spectra(values, np.arange(FRAMES) < self.frames[rows][:, None])
