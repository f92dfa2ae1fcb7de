"""A planted world: listeners of three kinds, so that a fit can be compared with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.levels import LEVELS, level_of


@dataclass(frozen=True, slots=True)
class World:
    """A artists, K = 3 segments, 60 levels."""

    counts: NDArray[np.int64]
    """(A, 60) listeners per artist and level."""
    profiles: NDArray[np.float64]
    """(3, 60) planted profiles."""
    shares: NDArray[np.float64]
    """(A, 3) planted mixtures."""
    thresholds: tuple[int, ...]
    """First play count at which the next profile is likelier, from the exact distributions."""

    @property
    def listeners(self) -> NDArray[np.int64]:
        """(A,) listeners per artist."""
        return self.counts.sum(axis=1)


def planted_world(artists: int, seed: int) -> World:
    """Negative binomials with means 2.5, 20 and 120 plays, without zero; mixtures ~ Dirichlet(2.8, .88, .32)."""
    from scipy.stats import nbinom

    rng = np.random.default_rng(seed)
    plays = np.arange(1, 5_001)
    sizes, means = np.array([1.2, 2.0, 2.5]), np.array([2.5, 20.0, 120.0])
    chances = np.stack([nbinom.pmf(plays, n, n / (n + m)) for n, m in zip(sizes, means, strict=True)])
    chances /= chances.sum(axis=1, keepdims=True)
    levels = level_of(plays) - 1
    profiles = np.stack([np.bincount(levels, weights=chance, minlength=LEVELS) for chance in chances])
    listeners = np.clip(rng.lognormal(np.log(300), 1.3, artists), 10, 20_000).astype(int)
    shares = rng.dirichlet((2.8, 0.88, 0.32), artists)
    counts = np.stack([rng.multinomial(n, share @ profiles) for n, share in zip(listeners, shares, strict=True)])
    thresholds = tuple(int(plays[np.flatnonzero(high > low)[0]]) for low, high in pairwise(chances))
    return World(counts, profiles, shares, thresholds)
