"""What each net hears of clips, as batches of arrays: random crops to train on, the same ones each time to judge by.

Half-precision spectrograms stay so until they are on the device; a clip of another length than the net's is padded,
with a mask, or cropped, and never reshaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.shards import FRAMES, HALF_FRAMES, MELS, PHASES, HalfArray, Spectrograms
from analytics_platform.audio.spectrum import HOP
from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.feeding import Batch, Part
from analytics_platform.modelling.splits import IntArray
from analytics_platform.tracks.families import FORWARD, InputKind, InputSize
from analytics_platform.tracks.sound import Sequences, Sound

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Arrays = Mapping[str, NDArray[Any]]

LONGEST_CROP = 599
"""Frames at a hop of 1024 samples of what ``CropNet`` hears at once: 27.8 s."""
MOST_CROPS = 5
"""Of a clip that is longer than what a net hears at once, evenly spaced, when it is judged."""
HEARD_FRAMES = 16_384
"""Frames of spectrograms in a batch when nothing is learnt: it bounds the memory."""
MOST_ROWS = 256
TOGETHER = 4
"""Tracks of one cell that come into a batch of the ranking loss together."""


@dataclass(frozen=True, slots=True)
class NetInputs:
    """How a net hears clips; made by ``fit_inputs`` from the training part."""

    kind: InputKind
    size: InputSize
    frames: int = 0
    """Of a crop, for nets that hear spectrograms."""
    hop: int = 0
    """Samples from one frame to the next."""
    crops: int = 1
    """Of each clip, when nothing is learnt."""
    medians: FloatArray | None = None
    """(p,) of each feature, in place of missing ones."""

    @property
    def batch_size(self) -> int:
        """Rows at once when nothing is learnt."""
        return min(max(HEARD_FRAMES // max(self.frames, 1), 1), MOST_ROWS)

    def fixed(self, sound: Sound, rows: IntArray) -> Arrays:
        """What the net hears of some clips when it is judged, by the names of ``FORWARD``.

        Spectrograms are (k, crops, frames, 128) decibels in half precision, with a mask (k, crops, frames).
        """
        fractions = np.linspace(0, 1, self.crops) if self.crops > 1 else np.array([0.5])
        return self._arrays(sound, rows, lambda last: np.rint(last[:, None] * fractions).astype(np.int64))

    def random(self, sound: Sound, rows: IntArray, rng: np.random.Generator) -> Arrays:
        """The same with one crop (k, 1, frames, 128) of each clip, from anywhere in its sound."""
        return self._arrays(sound, rows, lambda last: rng.integers(0, last + 1)[:, None])

    def whole(self, sound: Sound, rows: IntArray) -> Arrays:
        """All that is known of some clips: what scales are fitted on."""
        if not self.frames:
            return self.fixed(sound, rows)
        spectrograms = _spectrograms(sound)
        spectra = spectrograms.full(rows) if self.hop == HOP else spectrograms.hop_1024(rows)
        return self._named(spectra.values[:, None], spectra.mask[:, None])

    def _named(self, *arrays: NDArray[Any]) -> Arrays:
        return dict(zip(FORWARD[self.kind], arrays, strict=True))

    def _arrays(self, sound: Sound, rows: IntArray, choose: Callable[[IntArray], IntArray]) -> Arrays:
        if self.frames:
            return self._named(*self._cropped(_spectrograms(sound), rows, choose))
        found: dict[str, NDArray[Any]] = {}
        names = FORWARD[self.kind]
        if "features" in names:
            found["features"] = self._features(sound, rows)
        if "embeddings" in names:
            found["embeddings"], found["windows"] = _sequences(sound).padded(rows)
            _same_length("embeddings", found["embeddings"].shape[2], self.size.dim)
        return found

    def _features(self, sound: Sound, rows: IntArray) -> NDArray[np.float32]:
        values = _low_level(sound)[rows]
        if self.medians is None:
            raise ValueError("inputs with features have medians: see fit_inputs")
        _same_length("features", values.shape[1], len(self.medians))
        return np.where(np.isnan(values), self.medians, values).astype(np.float32)

    def _cropped(
        self, spectrograms: Spectrograms, rows: IntArray, choose: Callable[[IntArray], IntArray]
    ) -> tuple[HalfArray, NDArray[np.bool_]]:
        step = self.hop // HOP
        sounding = -(-spectrograms.frames[rows] // step)
        # Where no crop is full of sound, it begins with the clip, and the mask says where it ends.
        starts = choose(np.maximum(sounding - self.frames, 0))
        mask = starts[:, :, None] + np.arange(self.frames) < sounding[:, None, None]
        if step == PHASES:
            repeated = np.repeat(rows, starts.shape[1])
            values = spectrograms.crops(repeated, starts.reshape(-1), self.frames)
            return values.reshape(*starts.shape, self.frames, MELS), mask
        full = spectrograms.full(rows).values
        if self.frames == FRAMES:
            return full[:, None], mask
        values = np.empty((*starts.shape, self.frames, MELS), dtype=np.float16)
        for crops, clip, firsts in zip(values, full, starts.tolist(), strict=True):
            for crop, first in zip(crops, firsts, strict=True):
                crop[...] = clip[first : first + self.frames]
        return values, mask


def fit_inputs(sound: Sound, train: IntArray, kind: InputKind, size: InputSize) -> NetInputs:
    """How a net of a kind hears these clips; only the training part is looked at.

    Args:
        sound: of all tracks.
        train: rows of the training part.
        kind: what the net hears.
        size: how much of it. Crops of ``log-mel crops`` are as long, but no longer than 599 frames at a hop of 1024
            samples, or than the longest clip.

    Raises:
        ValueError: the sound lacks what the net hears, or has it in another size.
    """
    if not len(train):
        raise ValueError("the training part has no rows")
    medians = None
    if kind in ("log-mel", "log-mel crops"):
        longest = int(_spectrograms(sound).frames[train].max())
        hop = size.hop if kind == "log-mel" else PHASES * HOP
        if hop not in (HOP, PHASES * HOP):
            raise ValueError(f"spectrograms have a hop of {HOP} or {PHASES * HOP} samples, not {hop}")
        available, longest = FRAMES * HOP // hop, -(-longest * HOP // hop)
        if kind == "log-mel":
            frames = size.frames
        else:
            frames = min(LONGEST_CROP, HALF_FRAMES, longest, -(-size.frames * size.hop // hop))
        if not 1 <= frames <= available:
            raise ValueError(f"{frames} frames at a hop of {hop}: a clip has at most {available}")
        return NetInputs(kind, size, frames, hop, min(math.ceil(longest / frames), MOST_CROPS))
    if "embeddings" in FORWARD[kind]:
        _same_length("embeddings", _sequences(sound).padded(train[:1])[0].shape[2], size.dim)
    if "features" in FORWARD[kind]:
        values = _low_level(sound)[train]
        _same_length("features", values.shape[1], size.features)
        # A feature that no clip has is 0 for all.
        known = ~np.isnan(values).all(axis=0)
        medians = np.zeros(values.shape[1])
        medians[known] = np.nanmedian(values[:, known], axis=0)
    return NetInputs(kind, size, medians=medians)


def _same_length(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ValueError(f"{what} have {found} numbers, not {wanted}: state it in the InputSize")


def _spectrograms(sound: Sound) -> Spectrograms:
    if sound.spectrograms is None:
        raise ValueError("the net hears spectrograms, and the clips have none")
    return sound.spectrograms


def _sequences(sound: Sound) -> Sequences:
    if sound.sequences is None:
        raise ValueError("the net hears embeddings, and the clips have none")
    return sound.sequences


def _low_level(sound: Sound) -> FloatArray:
    if sound.low_level is None:
        raise ValueError("the net hears features, and the clips have none")
    return sound.low_level


def fixed_part(inputs: NetInputs, sound: Sound, rows: IntArray, labels: Arrays | None = None) -> Part:
    """Rows to judge or to predict: the same crops each time.

    Args:
        inputs: how the net hears.
        sound: of all tracks.
        rows: of the part.
        labels: (n,) of all tracks each, like target and cell: a batch has those of its rows.
    """
    named = labels or {}
    return Part(
        rows, lambda some, rng: {**inputs.fixed(sound, some), **{name: each[some] for name, each in named.items()}}
    )


def training_part(inputs: NetInputs, sound: Sound, rows: IntArray, labels: Arrays) -> Part:
    """Rows to learn from: random crops. See ``fixed_part``."""
    return Part(
        rows,
        lambda some, rng: {
            **inputs.random(sound, some, rng),
            **{name: each[some] for name, each in labels.items()},
        },
    )


def ranking_part(inputs: NetInputs, sound: Sound, rows: IntArray, labels: Arrays) -> Part:
    """Rows to learn an order from: a batch holds several tracks of a cell, or it would have hardly a pair.

    A quarter of a batch is as drawn by the loader; to each of these come three of the same cell, drawn with
    replacement, so that a track is heard once an epoch on average. ``labels`` has ``cell``; see ``fixed_part``.

    Raises:
        ValueError: no two rows share a cell.
    """
    together = shared_cells(rows, labels["cell"])
    cells = labels["cell"][together]
    plain = training_part(inputs, sound, together, labels)

    def make(some: IntArray, rng: np.random.Generator) -> Mapping[str, NDArray[Any] | Tensor]:
        anchors = -(-len(some) // TOGETHER)
        own = labels["cell"][np.tile(some[:anchors], TOGETHER)[anchors : len(some)]]
        first, end = np.searchsorted(cells, own), np.searchsorted(cells, own, side="right")
        return plain.make(np.concatenate([some[:anchors], together[rng.integers(first, end)]]), rng)

    return Part(together, make)


def shared_cells(rows: IntArray, cells: IntArray) -> IntArray:
    """The rows whose cell another of them shares, cell by cell.

    Raises:
        ValueError: there are none.
    """
    _, number, counts = np.unique(cells[rows], return_inverse=True, return_counts=True)
    kept = rows[counts[number] > 1]
    if not len(kept):
        raise ValueError("no two tracks share a cell: there is nothing to order")
    return kept[np.argsort(cells[kept], kind="stable")]


@dataclass(frozen=True, slots=True)
class Heard:
    """All rows of a part as tuples of the arguments of ``forward``, again each time it is gone through."""

    inputs: NetInputs
    sound: Sound
    rows: IntArray

    def __iter__(self) -> Iterator[Any]:
        """Batches in main memory, for ``fit_scales`` and ``fit_codes``."""
        import torch

        # Of whole clips, which are longer than a crop.
        size = min(self.inputs.batch_size, 64)
        for start in range(0, len(self.rows), size):
            arrays = self.inputs.whole(self.sound, self.rows[start : start + size])
            yield tuple(torch.from_numpy(array) for array in arrays.values())


def hear(net: Module, batch: Batch, kind: InputKind) -> Tensor:
    """What a net says of a batch of ``NetInputs``, before the sigmoid or softmax: of several crops the mean."""
    given = [batch[name] for name in FORWARD[kind]]
    if kind != "log-mel":
        return net(*given)
    log_mel, mask = given
    crops = log_mel.shape[1]
    # One after the other: memory is needed for one only.
    said = net(log_mel[:, 0], mask[:, 0])
    for crop in range(1, crops):
        said = said + net(log_mel[:, crop], mask[:, crop])
    return said / crops
