"""Constant-Q chroma and tonal centroids of a clip.

The same as ``librosa.feature.chroma_cqt`` and ``tonnetz`` at a hop of 2048 samples and a tuning of 0:
36 bins an octave from C1 on, 7 octaves. An octave lower is the same filters on a signal of half the
rate, so one matrix of 36 filters serves them all. Means over time barely depend on the hop (0.001 to
0.002 from 512 to 2048). The tuning is fixed because estimates of it differ between sample rates, and
one that is wrong moves the chroma by up to 0.5.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.spectrum import SAMPLE_RATE, FloatArray

HOP = 2048
OCTAVES = 7
BINS_PER_OCTAVE = 36
PITCH_CLASSES = 12
LOWEST = 440 * 2 ** (-45 / 12)
"""C1, Hz."""
LEAST_SAMPLES = 8192
"""Samples that are looked at in any case, zeros if need be: the lowest octave has a 64th of them."""


@cache
def _filters() -> tuple[FloatArray, FloatArray]:
    """Cosines and sines (samples, 36) of one octave's filters under Hann windows, from their centre on."""
    ratio = 2.0 ** (2 / BINS_PER_OCTAVE)
    quality = (ratio + 1) / (ratio - 1)
    frequencies = LOWEST * 2.0 ** (OCTAVES - 1 + np.arange(BINS_PER_OCTAVE) / BINS_PER_OCTAVE) / SAMPLE_RATE
    lengths = quality / frequencies
    at = np.arange(int(lengths.max() / 2) + 1)[:, None]
    # Whole numbers of samples wide, as in librosa.
    widths = np.floor(lengths / 2) - np.floor(-lengths / 2)
    window = np.where(at < widths / 2, 0.5 + 0.5 * np.cos(2 * np.pi * at / widths), 0)
    # The centre is on both sides. A longer filter adds up a steady tone for longer: the root of
    # its length makes a tone of any pitch as strong.
    window[0] /= 2
    window *= np.sqrt(lengths) / (2 * window.sum(axis=0))
    angles = 2 * np.pi * frequencies * at
    return (window * np.cos(angles)).astype(np.float32), (window * np.sin(angles)).astype(np.float32)


def chroma(samples: FloatArray, length: int) -> FloatArray:
    """Chroma (frames, 12) of the first ``length`` samples: C first, the strongest of each frame 1.

    Frames are 2048 samples apart, the first centred on the first sample; a silent frame is all zeros.
    """
    import soxr

    cosines, sines = _filters()
    half = len(cosines) - 1
    count = 1 + length // HOP
    sound = samples[: max(length, LEAST_SAMPLES)]
    strength = np.zeros((count, BINS_PER_OCTAVE), dtype=np.float32)
    for octave in range(OCTAVES):
        hop = HOP >> octave
        padded = np.zeros((count - 1) * hop + 2 * half + 1, dtype=np.float32)
        there = sound[: len(padded) - half]
        padded[half : half + len(there)] = there
        framed = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)[::hop]
        # Cosines are even and sines odd: to fold a frame at its centre halves the multiplications.
        before, after = framed[:, half::-1], framed[:, half:]
        parts = np.square((after + before) @ cosines) + np.square((after - before) @ sines)
        strength += np.sqrt(parts) * np.float32(2 ** (octave / 2))
        if octave < OCTAVES - 1:
            # Every octave lies below 0.4 of the next Nyquist frequency: the simplest filter is as good there.
            sound = soxr.resample(sound, 2, 1, quality="LQ")
    # A pitch class is the bin of its pitch and those a third of a semitone above and below.
    merged = np.roll(strength, 1, axis=1).reshape(count, PITCH_CLASSES, 3).sum(axis=2)
    highest = merged.max(axis=1, keepdims=True)
    return np.divide(merged, highest, out=np.zeros_like(merged), where=highest > np.finfo(np.float32).tiny)


def mean_tonal_centroids(chroma: FloatArray) -> NDArray[np.float64]:
    """(6,) means over the frames of chroma (n, 12): fifths, minor thirds, major thirds, two axes each.

    Harte, Sandler and Gasser 2006, as ``librosa.feature.tonnetz``: radius 1, 1 and 0.5.
    """
    total = chroma.sum(axis=1, keepdims=True, dtype=np.float64)
    shares = np.divide(chroma, total, out=np.zeros(chroma.shape), where=total > 0).mean(axis=0)
    angles = np.pi * np.multiply.outer([7 / 6, 3 / 2, 2 / 3], np.arange(PITCH_CLASSES))
    axes = np.stack([np.sin(angles), np.cos(angles)], axis=1) * np.array([1, 1, 0.5])[:, None, None]
    return axes.reshape(6, PITCH_CLASSES) @ shares
