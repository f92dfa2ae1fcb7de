"""What people say of a clip: how loud, how fast, in which key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.spectrum import HOP, N_FFT, SAMPLE_RATE, FloatArray

FRAME_RATE = SAMPLE_RATE / HOP
"""Frames of a spectrogram a second, 43.07."""

STEP = SAMPLE_RATE // 10
"""Samples between two blocks of the loudness: 0.1 s; a block is four of them."""
LEAST_LOUDNESS = -70.0
"""LUFS below which a block is silence."""
GATE = -10.0
"""LU relative to the loudness of all blocks that are not silence: what is softer does not count."""

WINDOW = int(8 * FRAME_RATE)
"""Frames that are compared with themselves at a time: 8 s."""
WINDOW_HOP = 8
USUAL_TEMPO = 120.0
"""Beats a minute; a tempo of half or twice as much is as likely as one that far from it by one sigma."""
HIGHEST_TEMPO = 320.0
DYNAMIC_RANGE = 80
"""Decibels below the loudest that count as silence when onsets are looked for."""
LEAST_PULSE = 0.1
"""Tempo strength below which there is no pulse; white noise stays below it."""
LEAST_TEMPO_FRAMES = 172
"""Frames that a tempo needs: 4 s."""

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each pitch class fits a key on C: Krumhansl and Kessler 1982."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """A pulse."""

    bpm: float
    strength: float
    """Correlation of the onsets with themselves one beat later, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key."""

    pitch: str
    """One of ``PITCHES``."""
    mode: str
    """major or minor."""
    strength: float
    """Correlation of the chroma with the key's profile, -1 to 1."""


@cache
def _k_weighting() -> NDArray[np.float64]:
    """The two filters of BS.1770 for 22,050 Hz, as second-order sections.

    The standard gives coefficients for 48 kHz; these are the analogue filters behind them (a shelf of 4 dB above
    1682 Hz, a high-pass at 38 Hz), by the bilinear transform.
    """
    sections: list[list[float]] = []
    frequency, quality, gain = 1681.974450955533, 0.7071752369554196, 3.999843853973347
    k = np.tan(np.pi * frequency / SAMPLE_RATE)
    high = 10 ** (gain / 20)
    # The exponent is part of the standard's filter, fitted to its coefficients.
    band = high**0.4996667741545416
    a0 = 1 + k / quality + k * k
    numerator = [high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k]
    sections.append([*(b / a0 for b in numerator), 1, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0])
    frequency, quality = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * frequency / SAMPLE_RATE)
    a0 = 1 + k / quality + k * k
    sections.append([1, -2, 1, 1, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0])
    return np.array(sections)


def loudness(samples: FloatArray, length: int) -> float | None:
    """Integrated loudness after ITU-R BS.1770-4, LUFS; ``None`` for silence and below 0.4 s.

    One channel counts as one loudspeaker, as in pyloudnorm, which takes three times as long.
    """
    from scipy import signal

    steps = length // STEP
    if steps < 4:
        return None
    weighted = np.asarray(signal.sosfilt(_k_weighting(), samples[: steps * STEP])).reshape(steps, STEP)
    energy = np.einsum("ij,ij->i", weighted, weighted)
    blocks = (energy[:-3] + energy[1:-2] + energy[2:-1] + energy[3:]) / (4 * STEP)
    blocks = blocks[blocks > 10 ** ((LEAST_LOUDNESS + 0.691) / 10)]
    if not len(blocks):
        return None
    loud = blocks[blocks > blocks.mean() * 10 ** (GATE / 10)]
    return float(10 * np.log10(loud.mean()) - 0.691)


def peak(samples: FloatArray, length: int) -> float | None:
    """The largest sample, dB relative to full scale; ``None`` for silence."""
    largest = max(float(samples[:length].max()), -float(samples[:length].min()))
    return 20 * float(np.log10(largest)) if largest > 0 else None


def onset_strength(log_mel: FloatArray) -> FloatArray:
    """How much louder each frame (frames,) is than the one before: mean over mel bands (frames, 128), dB.

    As ``librosa.onset.onset_strength``: only rises count, and frames come two late since they are centred.
    """
    rises = np.diff(np.maximum(log_mel, log_mel.max() - DYNAMIC_RANGE), axis=0)
    strength = np.maximum(rises, 0).mean(axis=1)
    late = 1 + N_FFT // (2 * HOP)
    return np.concatenate([np.zeros(late, dtype=np.float32), strength])[: len(log_mel)]


def _local_autocorrelation(onsets: FloatArray) -> FloatArray:
    """(344,) mean over windows of 8 s of the onsets' autocorrelation by lag, each 1 at lag 0."""
    from scipy import fft

    padded = np.pad(onsets, WINDOW // 2, mode="linear_ramp")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(onsets) : WINDOW_HOP]
    spectrum = np.asarray(fft.rfft(windows * np.hanning(WINDOW + 1)[:-1].astype(np.float32), 2 * WINDOW))
    by_lag = np.asarray(fft.irfft(np.abs(spectrum) ** 2, 2 * WINDOW))[:, :WINDOW]
    return np.divide(by_lag, by_lag[:, :1], out=np.zeros_like(by_lag), where=by_lag[:, :1] > 0).mean(axis=0)


def _at_peak(correlation: NDArray[np.float64], lag: float) -> float:
    """The highest place near a lag, between lags by a parabola; the lag itself if there is none."""
    near = np.arange(max(round(lag) - 2, 1), min(round(lag) + 3, len(correlation) - 1))
    if not len(near):
        return lag
    top = int(near[np.argmax(correlation[near])])
    before, here, after = correlation[top - 1 : top + 2].tolist()
    curve = before - 2 * here + after
    return top + 0.5 * (before - after) / curve if here >= max(before, after) and curve < 0 else lag


def tempo(log_mel: FloatArray) -> Tempo | None:
    """Tempo of a log-mel spectrogram (frames, 128); ``None`` if there is no pulse, or less than 4 s.

    The lag at which the onsets are most like themselves, with a log-normal prior around 120 beats a
    minute (Ellis 2007; as ``librosa.feature.tempo``, whose answers are multiples of whole frames). Where it lies
    between frames is then read from the second, fourth and eighth beat. May be off by a factor of two, as anyone.
    """
    if len(log_mel) < LEAST_TEMPO_FRAMES:
        return None
    onsets = onset_strength(log_mel)
    around = (onsets - onsets.mean()).astype(np.float64)
    total = float(around @ around)
    if total <= 0:
        return None
    likeness = _local_autocorrelation(onsets)
    lags = np.arange(int(60 * FRAME_RATE / HIGHEST_TEMPO) + 1, WINDOW)
    prior = -0.5 * np.log2(60 * FRAME_RATE / lags / USUAL_TEMPO) ** 2
    lag = float(lags[np.argmax(np.log1p(1e6 * np.maximum(likeness[lags], 0)) + prior)])
    reach = min(8 * int(lag) + 16, len(around) // 2)
    pairs = len(around) - np.arange(reach)
    correlation = np.correlate(around, around, "full")[len(around) - 1 :][:reach] * len(around) / pairs / total
    strength = float(correlation[int(lag) - 1 : int(lag) + 2].max()) if lag + 2 <= reach else 0.0
    if strength < LEAST_PULSE:
        return None
    for beats in (1, 2, 4, 8):
        if beats * lag + 3 < reach:
            lag = _at_peak(correlation, beats * lag) / beats
    return Tempo(60 * FRAME_RATE / lag, min(strength, 1.0))


@cache
def _key_profiles() -> NDArray[np.float64]:
    """(24, 12) profiles of all keys, major ones first, each of mean 0 and length 1."""
    rows = np.array([np.roll(profile, pitch) for profile in PROFILES.values() for pitch in range(12)])
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def key(chroma: FloatArray) -> Key | None:
    """The key whose profile correlates best with the mean of the chroma (frames, 12); ``None`` for silence."""
    mean = chroma.mean(axis=0, dtype=np.float64)
    mean -= mean.mean()
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        return None
    likeness = _key_profiles() @ mean / length
    best = int(likeness.argmax())
    return Key(PITCHES[best % 12], tuple(PROFILES)[best // 12], min(float(likeness[best]), 1.0))
