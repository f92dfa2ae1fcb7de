"""Spectrograms stretched and compressed in time, as the post of 2014 lists it: the same music, slower or faster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.shards import MELS, HalfArray, Spectrograms
from analytics_platform.modelling.splits import IntArray

SLOWEST, FASTEST = 0.8, 1.25
"""Frames of the clip that become one; the post gives no range."""


def stretched_crops(
    spectrograms: Spectrograms, rows: IntArray, frames: int, rng: np.random.Generator
) -> tuple[HalfArray, NDArray[np.bool_]]:
    """A random crop of each clip at a random speed.

    Between frames decibels are interpolated linearly; pitch stays. A clip that ends early leaves silence, never
    padding of the shard.

    Args:
        spectrograms: of all clips, read at a hop of 1024 samples.
        rows: (k,) of the clips.
        frames: of a crop.
        rng: where and how fast.

    Returns:
        (k, 1, frames, 128) dB, and the mask (k, 1, frames) of where there is sound.
    """
    speeds = np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST), len(rows)))
    places = rng.random(len(rows))
    spectra = spectrograms.hop_1024(rows)
    values = np.full((len(rows), 1, frames, MELS), -100, dtype=np.float16)
    mask = np.zeros((len(rows), 1, frames), dtype=np.bool_)
    for row, (clip, count) in enumerate(zip(spectra.values, spectra.mask.sum(axis=1).tolist(), strict=True)):
        first = places[row] * max(count - 1 - speeds[row] * (frames - 1), 0)
        where = first + speeds[row] * np.arange(frames)
        # Rounding may put the last one a trifle beyond the end.
        where = np.minimum(where[where <= count - 1 + 1e-6], count - 1)
        before = where.astype(np.int64)
        after = np.minimum(before + 1, count - 1)
        share = (where - before).astype(np.float32)[:, None]
        values[row, 0, : len(where)] = (1 - share) * clip[before].astype(np.float32) + share * clip[after]
        mask[row, 0, : len(where)] = True
    return values, mask
