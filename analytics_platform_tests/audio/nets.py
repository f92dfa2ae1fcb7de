"""Slow layers by their definitions, and sounds, for the tests of pretrained nets."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def convolved(image: NDArray[np.floating], kernel: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sums of products, kernel unturned: (h, w, in) and (kh, kw, in, out) → (h - kh + 1, w - kw + 1, out)."""
    around = sliding_window_view(image.astype(np.float64), kernel.shape[:2], axis=(0, 1))
    return np.einsum("hwcij,ijco->hwo", around, kernel.astype(np.float64), optimize=True)


def relu(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(values, 0)


def song(seconds: float, sample_rate: int = 16_000) -> FloatArray:
    """A tone, one that wavers and pauses, and beats of noise; always the same."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    sound = 0.2 * np.sin(2 * np.pi * 220 * t)
    sound += 0.1 * np.sin(2 * np.pi * (440 + 30 * np.sin(2 * np.pi * 0.5 * t)) * t) * (np.sin(2 * np.pi * 2 * t) > 0)
    sound += 0.02 * np.random.default_rng(7).standard_normal(len(t)) * np.exp(-((t % 0.5) * 12))
    return sound.astype(np.float32)
