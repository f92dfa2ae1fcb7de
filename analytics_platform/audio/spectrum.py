"""One short-time Fourier transform of a clip, and the log-mel spectrogram made from it.

Hann window of 2048 samples, hop of 512, centred frames, zeros beyond the ends, 128 mel bands after
Slaney (area one), as ``librosa.feature.melspectrogram`` has by default, so that figures can be compared
with published ones. Frames are worked on 128 at a time: a chunk stays in the processor's cache while all
that needs it reads it. Transforming a whole clip, or several at once, takes two to three times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SAMPLE_RATE = 22_050
CLIP_SAMPLES = 30 * SAMPLE_RATE
"""Samples of every clip: what is shorter ends in zeros."""
N_FFT = 2048
HOP = 512
FRAMES = 1 + CLIP_SAMPLES // HOP
"""Frames of every clip, 1292; those after the sound are padding."""
MELS = 128
BINS = N_FFT // 2 + 1
FLOOR = 1e-10
"""Least power; in decibels −100, which padding has."""
CHUNK = 128
"""Frames at once: 3 MB with all that is made of them, which a second-level cache and a bit of the third hold."""
BLOCK = 16
"""Mel bands multiplied at once. Of the matrix of all bands and bins only 2 % are not zero."""


def frames_of(length: int) -> int:
    """Frames whose centre lies in the first ``length`` samples (1 to 661,500): 1 to 1292."""
    return min(1 + length // HOP, FRAMES)


def check_clip(samples: FloatArray, length: int) -> None:
    """Raise ``ValueError`` unless the samples are a clip: 661,500 float32 and a length of 1 to as many."""
    if samples.shape != (CLIP_SAMPLES,) or samples.dtype != np.float32:
        raise ValueError(f"a clip is {CLIP_SAMPLES} samples of float32, not {samples.shape} of {samples.dtype}")
    if not 1 <= length <= CLIP_SAMPLES:
        raise ValueError(f"length is {length}, not 1 to {CLIP_SAMPLES}")


@cache
def bin_frequencies() -> FloatArray:
    """(1025,) frequencies of the transform's bins, Hz."""
    return np.linspace(0, SAMPLE_RATE / 2, BINS).astype(np.float32)


@cache
def hann(samples: int) -> FloatArray:
    """(samples,) periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)).astype(np.float32)


@cache
def mel_basis() -> FloatArray:
    """(128, 1025) triangles of area one on Slaney's mel scale, 0 to 11,025 Hz.

    The scale is linear below 1000 Hz, 200/3 Hz a mel, and logarithmic above, 27 mels a factor of 6.4
    (Slaney's Auditory Toolbox, 1998).
    """
    top = 15 + 27 * np.log(SAMPLE_RATE / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.linspace(0, SAMPLE_RATE / 2, BINS)
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return (np.maximum(triangles, 0) * 2 / (high - low)).astype(np.float32)


@cache
def _mel_blocks() -> tuple[tuple[slice, slice, FloatArray], ...]:
    """Bands, the bins that they need, and the part (bins, bands) of the mel matrix."""
    blocks: list[tuple[slice, slice, FloatArray]] = []
    for first in range(0, MELS, BLOCK):
        bands = slice(first, first + BLOCK)
        part = mel_basis()[bands]
        used = np.flatnonzero(part.any(axis=0))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        blocks.append((bands, bins, np.ascontiguousarray(part[:, bins].T)))
    return tuple(blocks)


def power_chunks(samples: FloatArray, frames: int) -> Iterator[tuple[slice, FloatArray]]:
    """Power spectra of the first ``frames`` frames, a chunk at a time.

    Args:
        samples: (n,) at 22,050 Hz.
        frames: how many to transform, 512 samples apart; the first is centred on the first sample.

    Yields:
        Which frames, and their power (up to 128, 1025): a buffer that the next chunk overwrites.
    """
    from scipy import fft

    around = N_FFT // 2
    sound = np.empty((CHUNK - 1) * HOP + N_FFT, dtype=np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(sound, N_FFT)[::HOP]
    windowed = np.empty((CHUNK, N_FFT), dtype=np.float32)
    power = np.empty((CHUNK, BINS), dtype=np.float32)
    window = hann(N_FFT)
    for first in range(0, frames, CHUNK):
        count = min(CHUNK, frames - first)
        begin = first * HOP - around
        there = samples[max(begin, 0) : begin + len(sound)]
        before = max(-begin, 0)
        sound[:before] = 0
        sound[before : before + len(there)] = there
        sound[before + len(there) :] = 0
        np.multiply(framed[:count], window, out=windowed[:count])
        # Squares in place and then pairs added: half the time of |z|², on processors of all kinds.
        parts = np.asarray(fft.rfft(windowed[:count], overwrite_x=True)).view(np.float32)
        np.multiply(parts, parts, out=parts)
        np.add(parts[:, ::2], parts[:, 1::2], out=power[:count])
        yield slice(first, first + count), power[:count]


def mel_power(power: FloatArray, out: FloatArray) -> None:
    """Power in the mel bands (n, 128) of power spectra (n, 1025), written to ``out``."""
    for bands, bins, weights in _mel_blocks():
        np.matmul(power[:, bins], weights, out=out[:, bands])


def decibels(power: FloatArray) -> FloatArray:
    """10 log10 of the power, which counts as 1e-10 where it is less: −100 dB and up."""
    result = np.maximum(power, FLOOR)
    np.log10(result, out=result)
    result *= 10
    return result


def heard_frames(length: int) -> int:
    """Frames whose window reaches into the first ``length`` samples; all later ones are silent."""
    return min(FRAMES, (length + N_FFT // 2 - 1) // HOP + 1)


def log_mel(samples: FloatArray, length: int) -> FloatArray:
    """Log-mel spectrogram (1292, 128) of a clip, dB.

    Raises:
        ValueError: not a clip, see ``check_clip``.
    """
    check_clip(samples, length)
    power = np.zeros((FRAMES, MELS), dtype=np.float32)
    for frames, chunk in power_chunks(samples, heard_frames(length)):
        mel_power(chunk, power[frames])
    return decibels(power)


def split_phases(log_mel: FloatArray) -> NDArray[np.float16]:
    """Even and odd frames (2, 646, 128) of a spectrogram (1292, 128), as float16: within 0.03 dB.

    The even frames are the spectrogram at a hop of 1024.
    """
    return np.stack([log_mel[::2], log_mel[1::2]]).astype(np.float16)
