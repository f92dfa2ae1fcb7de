"""The 207 low-level features of HitMusicNet, from one transform of the clip.

Martín-Gutiérrez et al. 2020 (IEEE Access 8:39361); the definitions are those of their
``low_level_feature_extraction.py``. Each is a mean over the frames of what librosa gives by default
(frames of 2048 samples, 512 apart). Two sets of the same names:

``hitmusicnet`` is as their code has it. ``spectral_centroid`` is that of the first frame alone.
``entropy_energy`` is Σ q log10 q with q = |rms − mean rms| over the frames, without a minus; null if some q is 0,
as in silence, where their code gets NaN. (Their code calls ``librosa.feature.rmse``, gone since
librosa 0.7: run today it swallows the error and writes 0.0 for every track.)

``hitmusicnet_mended`` has the centroid's mean over all frames. ``entropy_energy`` is the entropy of the
shares p that the frames have in the clip's energy (Σ rms²): −Σ p ln p / ln n for n frames, 0 (all in one
frame) to 1 (steady); null for silence or for one frame.

What differs from their code in both sets: 22,050 Hz instead of the file's rate; beyond the ends zeros,
as librosa has it now, where theirs was mirrored; chroma and tonal centroids every 2048 samples
and at a tuning of 0. The transform is in single precision, librosa's in double: where a codec left
next to nothing beside loud sound, the contrast of a band may be up to 6 % off; all else agrees to 0.001 or 0.1 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.chroma import mean_tonal_centroids
from analytics_platform.audio.names import FEATURE_SETS
from analytics_platform.audio.spectrum import (
    BINS,
    FRAMES,
    HOP,
    N_FFT,
    FloatArray,
    bin_frequencies,
    decibels,
    frames_of,
)

MFCCS = 48
DYNAMIC_RANGE = 80
"""Decibels below a clip's loudest value at which librosa cuts off before cepstra, contrast and onsets."""
ROLL_OFFS = (0.1, 0.85)
BLOCK = 32
"""Bins summed at once in search of a roll-off: 32 blocks, the last with one bin more."""
LEAST_CROSSING = 1e-10
"""Samples up to this size count as 0, which has a plus."""


@dataclass(frozen=True, slots=True)
class Band:
    """A band of the spectral contrast."""

    bins: slice
    extremes: int
    """Bins whose mean is the peak, and as many whose mean is the valley: a fiftieth, at least one."""


@cache
def contrast_bands() -> tuple[Band, ...]:
    """Octaves from 200 Hz on, what lies below, and what is left above 6400 Hz: 7 (Jiang et al. 2002)."""
    edges = np.concatenate([[0], 200 * 2.0 ** np.arange(7)])
    bins = bin_frequencies()
    bands: list[Band] = []
    for k, (low, high) in enumerate(pairwise(edges)):
        inside = np.flatnonzero((bins >= low) & (bins <= high))
        first, last = int(inside[0]) - (k > 0), int(inside[-1])
        if k == len(edges) - 2:
            last = BINS - 1
        # librosa counts the bin that two bands share in both and looks at it in the upper one.
        extremes = max(round(0.02 * (last + 1 - first)), 1)
        bands.append(Band(slice(first, last + (k == len(edges) - 2)), extremes))
    return tuple(bands)


def _room(*columns: int) -> FloatArray:
    return np.zeros((FRAMES, *columns), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shape of each frame's spectrum; room for 1292 frames."""

    centroid: FloatArray = field(default_factory=_room)
    """Hz."""
    bandwidth: FloatArray = field(default_factory=_room)
    """Hz."""
    roll_offs: FloatArray = field(default_factory=lambda: _room(len(ROLL_OFFS)))
    """(frames, 2), Hz."""
    peaks: FloatArray = field(default_factory=lambda: _room(len(contrast_bands())))
    """(frames, 7) magnitudes."""
    valleys: FloatArray = field(default_factory=lambda: _room(len(contrast_bands())))
    """(frames, 7) magnitudes."""

    def add(self, frames: slice, power: FloatArray) -> None:
        """Fill in the frames whose power spectra (n, 1025) these are."""
        magnitude = np.sqrt(power)
        blocks = _cumulated(magnitude)
        total = np.maximum(blocks[:, -1], np.finfo(np.float32).tiny)
        centroid = magnitude @ bin_frequencies() / total
        self.centroid[frames] = centroid
        away = bin_frequencies() - centroid[:, None]
        np.multiply(away, away, out=away)
        self.bandwidth[frames] = np.sqrt(np.vecdot(away, magnitude) / total)
        self.roll_offs[frames] = _roll_offs(magnitude, blocks)
        bands = contrast_bands()
        for k, band in enumerate(bands):
            ordered = np.sort(magnitude[:, band.bins], axis=1)
            np.add.reduce(ordered[:, -band.extremes :], axis=1, out=self.peaks[frames, k])
            np.add.reduce(ordered[:, : band.extremes], axis=1, out=self.valleys[frames, k])
        extremes = np.array([band.extremes for band in bands], dtype=np.float32)
        self.peaks[frames] /= extremes
        self.valleys[frames] /= extremes


@cache
def _triangle(size: int) -> FloatArray:
    """(size, size): rows multiplied by it are cumulated, in a third of the time of cumsum()."""
    return np.triu(np.ones((size, size), dtype=np.float32))


def _cumulated(magnitude: FloatArray) -> FloatArray:
    """Sums (n, 32) of a magnitude spectrum up to the end of each block of bins; the last block has one bin more."""
    # By einsum in a quarter of the time of sum().
    sums = np.einsum("ijk->ij", magnitude[:, : BINS - 1].reshape(len(magnitude), -1, BLOCK))
    sums[:, -1] += magnitude[:, -1]
    return sums @ _triangle(BINS // BLOCK)


def _roll_offs(magnitude: FloatArray, blocks: FloatArray) -> FloatArray:
    """Lowest frequencies (n, 2) up to which each share of the magnitude lies: first the block, then the bin."""
    wanted = np.array(ROLL_OFFS, dtype=np.float32) * blocks[:, -1:]
    block = (blocks[:, None] >= wanted[..., None]).argmax(axis=2)
    frames = np.arange(len(magnitude))[:, None]
    before = np.where(block > 0, blocks[frames, block - 1], 0)
    # One bin more than a block, which only the last one has: elsewhere it is not reached.
    bins = np.lib.stride_tricks.sliding_window_view(magnitude, BLOCK + 1, axis=1)[frames, block * BLOCK]
    within = before[..., None] + bins @ _triangle(BLOCK + 1)
    found = block * BLOCK + (within < wanted[..., None]).sum(axis=2)
    return bin_frequencies()[np.minimum(found, BINS - 1)]


def rms(samples: FloatArray, length: int) -> FloatArray:
    """Root mean square (frames,) of each frame's 2048 samples, zeros beyond the ends."""
    frames = frames_of(length)
    whole = samples[: (frames + 1) * HOP]
    energy = np.zeros(2 + (frames + 1))
    rows = whole[: len(whole) // HOP * HOP].reshape(-1, HOP)
    energy[2 : 2 + len(rows)] = np.einsum("ij,ij->i", rows, rows)
    rest = whole[len(rows) * HOP :]
    if len(rest):
        energy[2 + len(rows)] = rest @ rest
    return np.sqrt(_four(energy) / N_FFT).astype(np.float32)


def _four(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of four neighbours each: a frame is four hops long."""
    return blocks[:-3] + blocks[1:-2] + blocks[2:-1] + blocks[3:]


def zero_crossing_rate(samples: FloatArray, length: int) -> float:
    """Mean over frames of the share of samples whose sign differs from the one before in the frame."""
    frames = frames_of(length)
    negative = samples[:length] < -LEAST_CROSSING
    crossing = np.zeros((2 + frames + 1) * HOP, dtype=np.bool_)
    there = negative[1:] != negative[:-1]
    there = there[: len(crossing) - 2 * HOP - 1]
    crossing[2 * HOP + 1 : 2 * HOP + 1 + len(there)] = there
    # Bits counted eight bytes at a time: summing booleans takes four times as long.
    counted = np.bitwise_count(np.packbits(crossing).view(np.uint64)).reshape(-1, HOP // 64)
    crossings = _four(counted.sum(axis=1).astype(np.float64))
    first = crossing[::HOP][:frames]
    return float((crossings - first).mean() / N_FFT)


def mean_cepstrum(log_mel: FloatArray) -> NDArray[np.float64]:
    """(48,) mean mel-frequency cepstral coefficients of a log-mel spectrogram (frames, 128)."""
    from scipy import fft

    mean = np.maximum(log_mel, log_mel.max() - DYNAMIC_RANGE).mean(axis=0, dtype=np.float64)
    return np.asarray(fft.dct(mean, type=2, norm="ortho"))[:MFCCS]


def mean_contrast(peaks: FloatArray, valleys: FloatArray) -> NDArray[np.float64]:
    """(7,) means over frames of peak less valley, dB, from magnitudes (frames, 7).

    As in librosa, decibels are those of a power, although these are magnitudes, cut off 80 below the largest.
    """
    high, low = decibels(peaks), decibels(valleys)
    high, low = np.maximum(high, high.max() - DYNAMIC_RANGE), np.maximum(low, low.max() - DYNAMIC_RANGE)
    return (high - low).mean(axis=0, dtype=np.float64)


def source_entropy(rms: FloatArray) -> float:
    """Σ q log10 q, q = |rms − mean|, as HitMusicNet has it; NaN if some q is 0."""
    away = np.abs(rms - rms.mean()).astype(np.float64)
    return float((away * np.log10(away)).sum()) if away.all() else np.nan


def energy_entropy(rms: FloatArray) -> float:
    """Entropy of the frames' shares of the energy relative to its largest, 0 to 1; NaN for silence or one frame."""
    energy = np.square(rms, dtype=np.float64)
    if len(rms) < 2 or energy.sum() == 0:
        return np.nan
    shares = energy[energy > 0] / energy.sum()
    return max(float(-(shares * np.log(shares)).sum() / np.log(len(rms))), 0.0)


def low_level_features(
    samples: FloatArray, length: int, mel: FloatArray, log_mel: FloatArray, shapes: Shapes, chroma: FloatArray
) -> dict[str, NDArray[np.float64]]:
    """Both feature sets of a clip by name, (207,) each in the order of ``FEATURE_NAMES``; NaN where undefined.

    Args:
        samples: (661500,) the clip.
        length: samples that are sound.
        mel: power in the mel bands, (1292, 128).
        log_mel: the same in decibels.
        shapes: of at least the frames in which there is sound.
        chroma: (n, 12) as ``audio.chroma.chroma`` gives it.
    """
    frames = slice(0, frames_of(length))
    loudness = rms(samples, length)
    before = [
        mean_cepstrum(log_mel[frames]),
        chroma.mean(axis=0, dtype=np.float64),
        mel[frames].mean(axis=0, dtype=np.float64),
        [zero_crossing_rate(samples, length)],
        mean_tonal_centroids(chroma),
    ]
    after = [
        mean_contrast(shapes.peaks[frames], shapes.valleys[frames]),
        shapes.roll_offs[frames].mean(axis=0, dtype=np.float64),
        [shapes.bandwidth[frames].mean(dtype=np.float64)],
    ]
    centroids = shapes.centroid[0], shapes.centroid[frames].mean(dtype=np.float64)
    entropies = source_entropy(loudness), energy_entropy(loudness)
    return {
        name: np.concatenate([*before, [centroid], *after, [entropy]])
        for name, centroid, entropy in zip(FEATURE_SETS, centroids, entropies, strict=True)
    }
