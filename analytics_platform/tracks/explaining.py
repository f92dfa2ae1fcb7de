"""Why a clip has its score: which seconds of which frequencies raised or lowered it, whatever the model in use is.

The clip is divided into regions, 5 seconds by a band of frequencies. A variant of it has some regions muted; it goes
through all that the clip went through: features, embedding, model. The effect of a region is its Shapley value, the
mean change of the expected percentile over orders in which regions are unmuted one after the other (captum's
``ShapleyValueSampling``, after Castro et al. 2009). Each order is also gone through backwards, and a first and second
order start from other ends: so an interaction of two regions is shared out evenly by few orders. The effects of an
order sum exactly to the score less the score of everything muted.

Muted is 12 dB quieter, a quarter of the amplitude: clearly in the background, yet within what models know of released
music. 24 dB were tried: a clip that is muted throughout then lies so far outside that models say nothing sensible of
it, and effects depend more on the order (docs/scoring.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.decode import SAMPLE_RATE
from analytics_platform.audio.embedding import NET_RATE
from analytics_platform.audio.features import analyse
from analytics_platform.tracks.hearing import Heard, embed, of_analysis, sound_of
from analytics_platform.tracks.shipped import Shipped

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = NDArray[np.float64]
Samples = NDArray[np.float32]
Score = Callable[[Iterable[Samples]], FloatArray]
"""Variants (k) of a clip → their expected percentiles (k,)."""

BAND_EDGES_HZ = (0.0, 150.0, 500.0, 2000.0, 5000.0, 11_025.0)
"""Bass and kick, low middle, middle, presence, treble."""
SEGMENT_S = 5.0
MUTED_DB = -12.0
FADE_S = 0.05
"""From muted to not: longer than a click, shorter than a beat."""
SLOPE_OCTAVES = 0.25
"""Width of the slope from one band to the next."""
ORDERS = 2
"""Each also backwards, 30 variants each way: 120 in all."""
BATCH = 25
"""Variants that the model scores at once."""


@dataclass(frozen=True, slots=True)
class Region:
    """Some seconds of a band."""

    start_s: float
    end_s: float
    """Within the file."""
    low_hz: float
    high_hz: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Effects of the regions of a clip on its expected percentile."""

    regions: tuple[Region, ...]
    """(r,) by time, then by frequency; 5 bands to a segment."""
    effects: FloatArray
    """(r,) changes of the expected percentile."""
    percentile: float
    """Of the sound as it is."""
    percentile_muted: float
    """With every region muted."""
    spread: float
    """Mean absolute difference of an effect between the two halves of the work: how far to trust a single one."""

    @property
    def residual(self) -> float:
        """What the regions do not account for: rounding, as each order sums exactly."""
        return self.percentile - self.percentile_muted - float(self.effects.sum())

    @property
    def by_segment(self) -> FloatArray:
        """(segments, 5) effects."""
        return self.effects.reshape(-1, len(BAND_EDGES_HZ) - 1)


def regions_of(length_s: float, offset_s: float = 0.0) -> tuple[Region, ...]:
    """The regions of a clip of that length: segments of 5 s, the last up to half longer or shorter."""
    edges = segment_edges(length_s) + offset_s
    return tuple(
        Region(round(start, 3), round(end, 3), low, high)
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        for low, high in pairwise(BAND_EDGES_HZ)
    )


def segment_edges(length_s: float) -> FloatArray:
    """Where segments begin and end, in seconds, first and last included."""
    count = max(round(length_s / SEGMENT_S), 1)
    return np.append(np.arange(count) * SEGMENT_S, length_s)


@cache
def _band_gains(bins: int) -> NDArray[np.float32]:
    """(5, bins) gains of each band in the spectrum of a clip: they add up to 1 everywhere."""
    frequency = np.linspace(0, SAMPLE_RATE / 2, bins)
    octaves = np.log2(np.maximum(frequency, 1e-3))
    # How far each inner edge is passed, 0 to 1, along half a cosine.
    passed = [
        0.5 - 0.5 * np.cos(np.pi * np.clip((octaves - np.log2(edge)) / SLOPE_OCTAVES + 0.5, 0, 1))
        for edge in BAND_EDGES_HZ[1:-1]
    ]
    steps = np.stack([np.ones(bins), *passed, np.zeros(bins)])
    return (steps[:-1] - steps[1:]).astype(np.float32)


class Muting:
    """A clip of which any regions can be muted.

    Args:
        samples: (661500,) at 22,050 Hz.
        length: samples that are sound.
    """

    def __init__(self, samples: Samples, length: int) -> None:
        from scipy import fft

        spectrum: Any = fft.rfft(samples)
        gains = _band_gains(len(spectrum))
        self._bands: Samples = np.stack([np.asarray(fft.irfft(spectrum * gain, len(samples))) for gain in gains])
        self._samples, self.length = samples, length
        edges = segment_edges(length / SAMPLE_RATE)
        time = np.arange(len(samples)) / SAMPLE_RATE
        passed = [np.clip((time - edge) / FADE_S + 0.5, 0, 1) for edge in edges[1:-1].tolist()]
        steps = np.stack([np.ones(len(samples)), *passed, np.zeros(len(samples))])
        self._segments = (steps[:-1] - steps[1:]).astype(np.float32)

    def variant(self, kept: NDArray[np.bool_]) -> Samples:
        """The clip with only the regions (r,) as they are that are kept, and all others muted."""
        if kept.all():
            return self._samples
        quiet = np.float32(10 ** (MUTED_DB / 20))
        gains = np.where(kept.reshape(len(self._segments), -1), np.float32(1), quiet)
        samples = np.zeros_like(self._samples)
        for band, gain in zip(self._bands, gains.T, strict=True):
            samples += band * (gain @ self._segments)
        samples[self.length :] = 0
        return samples


def explain(samples: Samples, length: int, score: Score, offset_s: float, seed: int = 0) -> Explanation:
    """Effects of the regions of a clip.

    Args:
        samples: (661500,) at 22,050 Hz.
        length: samples that are sound.
        score: expected percentiles (k,) of k variants of the clip.
        offset_s: where the clip begins in its file.
        seed: of the orders.
    """
    import torch
    from captum.attr import ShapleyValueSampling

    muting = Muting(samples, length)
    regions = regions_of(length / SAMPLE_RATE, offset_s)
    known: dict[bytes, float] = {}

    def forward(masks: Tensor) -> Tensor:
        asked = masks.numpy().astype(np.bool_)
        new = {mask.tobytes(): mask for mask in asked if mask.tobytes() not in known}
        if new:
            scores = score(muting.variant(mask) for mask in new.values())
            known.update(zip(new, scores.tolist(), strict=True))
        return torch.tensor([known[mask.tobytes()] for mask in asked], dtype=torch.float64)

    whole, nothing = torch.ones(1, len(regions)), torch.zeros(1, len(regions))
    ends = forward(torch.cat((whole, nothing))).tolist()
    halves: list[FloatArray] = []
    for order in _orders(len(regions), seed):
        shapley: Any = ShapleyValueSampling(forward)
        shapley.permutation_generator = lambda count, samples, order=order: iter((order, order[::-1]))
        effects = shapley.attribute(whole, baselines=nothing, n_samples=2, perturbations_per_eval=BATCH)
        halves.append(effects.numpy()[0].astype(np.float64))
    spread = float(np.abs(halves[0] - halves[-1]).mean())
    return Explanation(regions, np.mean(halves, axis=0), ends[0], ends[1], spread)


def _orders(count: int, seed: int) -> Iterator[list[int]]:
    generator = np.random.default_rng(seed)
    for _ in range(ORDERS):
        yield generator.permutation(count).tolist()


def scorer(shipped: Shipped, net: str | None, length: int) -> Score:
    """Expected percentiles of variants of a clip, by the whole way from samples to the model.

    Args:
        shipped: the model.
        net: the loaded net, if the model needs embeddings.
        length: samples of the clip that are sound.
    """
    import soxr

    def heard(samples: Samples) -> Heard:
        analysis = analyse(samples, length)
        if net is None:
            return of_analysis("", analysis)
        at_net_rate = soxr.resample(samples[:length], SAMPLE_RATE, NET_RATE, quality="HQ")
        return of_analysis("", analysis, embed(at_net_rate, len(at_net_rate)), net)

    def score(variants: Iterable[Samples]) -> FloatArray:
        sound = sound_of([heard(samples) for samples in variants])
        return shipped.predict(sound, np.arange(len(sound)))

    return score
