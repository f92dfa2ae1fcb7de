"""How the spectrum of a clip moves: what the 207 features, which are means over time, do not say.

From the log-mel spectrogram at a hop of 1024 samples, 21.5 frames a second: levels, spreads and rises of 32 bands, how
strong and how regular onsets are, how the level changes over seconds, how alike the seconds are. 1.3 ms a clip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.shards import Spectrograms
from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import IntArray

BANDS = 32
SECOND = 21
"""Frames of a second, rounded down."""
SPECTRUM = 1024
RATES = (2, 10, 20, 40, 70, 100, 150, 200, 260, 340, 420)
"""Where bands of the onsets' rates begin, of 1024 parts of 21.5 Hz: 0.04, 0.2, 0.4 … 8.8 Hz."""
LAGS = ((10, 60), (60, 120), (120, None))
"""Frames after which onsets come back: half a second to 2.8 s, to 5.6 s, later."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SIZE = 4 * BANDS + len(RATES) + len(QUANTILES) + 1 + 8 + len(LAGS)
BATCH = 64
"""Clips read at once."""
LEAST_FRAMES = 3


def movement(log_mel: NDArray[np.floating]) -> FloatArray:
    """(156,) numbers of one clip; NaN if it is shorter than three frames.

    Args:
        log_mel: (frames, 128) dB at a hop of 1024 samples, without padding.
    """
    if len(log_mel) < LEAST_FRAMES:
        return np.full(SIZE, np.nan)
    levels = log_mel.astype(np.float32)
    bands = levels.reshape(len(levels), BANDS, -1).mean(axis=2)
    rises = np.maximum(np.diff(bands, axis=0), 0)
    high, low = np.quantile(bands, (0.9, 0.1), axis=0)
    onsets = np.maximum(np.diff(levels, axis=0), 0).mean(axis=1)
    loudness = 10 * np.log10((10 ** (levels / 10)).sum(axis=1) + 1e-9)
    quantiles = np.quantile(loudness, QUANTILES)
    median = quantiles[len(QUANTILES) // 2]
    return np.concatenate(
        [
            *(bands.mean(axis=0), bands.std(axis=0), rises.mean(axis=0), high - low),
            _rates(onsets),
            *(quantiles - median, [median]),
            _seconds(bands, loudness),
            [onsets.mean(), onsets.std(), (onsets > onsets.mean() + onsets.std()).mean()],
            _returns(onsets),
        ]
    ).astype(np.float64)


def _rates(onsets: FloatArray) -> FloatArray:
    """Logarithm of the energy of the onsets' changes, by rate."""
    windowed = (onsets - onsets.mean()) * np.hanning(len(onsets))
    energy = np.abs(np.fft.rfft(windowed, SPECTRUM)) ** 2
    return np.log(np.add.reduceat(energy, RATES) + 1e-6)


def _seconds(bands: FloatArray, loudness: FloatArray) -> list[float]:
    """Spread and range of the level from second to second, and mean, largest and spread of the seconds' likeness."""
    count = len(loudness) // SECOND
    if count < 2:
        return [0.0] * 5
    slow = loudness[: count * SECOND].reshape(count, SECOND).mean(axis=1)
    whole = bands[: count * SECOND].reshape(count, -1)
    whole = whole - whole.mean(axis=1, keepdims=True)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True) + 1e-6
    alike = (whole @ whole.T)[np.triu_indices(count, 1)]
    return [slow.std(), slow.max() - slow.min(), alike.mean(), alike.max(), alike.std()]


def _returns(onsets: FloatArray) -> list[float]:
    """The largest autocorrelation of the onsets in each range of lags, 0 where the clip is too short."""
    centred = onsets - onsets.mean()
    size = 2 * len(centred)
    back = np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2, size)[: len(centred)]
    back /= back[0] + 1e-9
    return [float(back[first:last].max()) if len(back) > first else 0.0 for first, last in LAGS]


def movements(spectrograms: Spectrograms, rows: IntArray) -> FloatArray:
    """(k, 156) of some rows."""
    found = np.empty((len(rows), SIZE))
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        spectra = spectrograms.hop_1024(some)
        for place, (values, mask) in enumerate(zip(spectra.values, spectra.mask, strict=True), start=first):
            found[place] = movement(values[mask])
    return found
