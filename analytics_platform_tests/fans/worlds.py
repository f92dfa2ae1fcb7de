"""Planted worlds: listeners of known kinds, so that a fit can be compared with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.exposure import CLASSES
from analytics_platform.fans.levels import LEVELS, level_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Law = Literal["nb", "lognormal"]

PLAYS = np.arange(1, 10_001)
MIXTURES = (2.8, 0.88, 0.32)
"""Dirichlet of the planted shares: passive, casual, diehard."""
SIZES = np.array([1.2, 2.0, 2.5])
MEANS = np.array([2.5, 20.0, 120.0])
"""Plays a year of the negative binomials."""
MEDIANS = np.array([3.0, 20.0, 120.0])
SIGMAS = np.array([0.8, 0.7, 0.6])
ALBUMS = (12, 24, 36)
"""Who plays an album of twelve once, twice or three times: a bump that no smooth family has."""
ALBUM_LISTENERS = np.array([0.01, 0.04, 0.02])
DAYS = 365


@dataclass(frozen=True, slots=True)
class World:
    """A artists, K segments, 60 levels."""

    counts: IntArray
    """(A, 60) listeners per artist and level."""
    profiles: FloatArray
    """(K, 60) planted profiles."""
    shares: FloatArray
    """(A, K) planted mixtures."""
    thresholds: tuple[int, ...]
    """First play count at which the next profile is likelier, from the exact distributions."""

    @property
    def listeners(self) -> IntArray:
        """(A,) listeners per artist."""
        return self.counts.sum(axis=1)


def planted_world(artists: int, seed: int, law: Law = "nb", segments: int = 3) -> World:
    """Artists with mixtures of the first ``segments`` kinds; median 300 listeners, 10 to 200,000."""
    rng = np.random.default_rng(seed)
    chances = plays_chances(law)[:segments]
    levels = level_of(PLAYS) - 1
    profiles = np.stack([np.bincount(levels, weights=chance, minlength=LEVELS) for chance in chances])
    listeners = np.clip(rng.lognormal(np.log(300), 1.3, artists), 10, 200_000).astype(int)
    shares = rng.dirichlet(MIXTURES[:segments], artists)
    counts = rng.multinomial(listeners, shares @ profiles)
    thresholds = tuple(int(PLAYS[np.flatnonzero(high > low)[0]]) for low, high in pairwise(chances))
    return World(counts, profiles, shares, thresholds)


def plays_chances(law: Law) -> FloatArray:
    """Probability (3, 10,000) of each number of plays, from 1 on, of the three kinds."""
    from scipy.special import gammaln
    from scipy.stats import nbinom

    if law == "nb":
        chances = np.stack([nbinom.pmf(PLAYS, n, n / (n + m)) for n, m in zip(SIZES, MEANS, strict=True)])
    else:
        deviate = np.linspace(-5, 5, 201)
        weight = np.exp(-(deviate**2) / 2)
        rates = MEDIANS[:, None] * np.exp(SIGMAS[:, None] * deviate)
        poisson = PLAYS * np.log(rates)[..., None] - rates[..., None] - gammaln(PLAYS + 1)
        chances = np.einsum("d,kdn->kn", weight / weight.sum(), np.exp(poisson))
        chances /= chances.sum(axis=1, keepdims=True)
        chances[:, np.array(ALBUMS) - 1] += ALBUM_LISTENERS[:, None]
    return chances / chances.sum(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True)
class JoiningWorld:
    """A world with dates: listeners came one by one, over the window or before it."""

    counts: IntArray
    """(A, 5, 60) listeners per artist, exposure class and level."""
    shares: FloatArray
    """(A, 3) planted mixtures of the listeners who were heard."""
    late: NDArray[np.bool_]
    """(A,) the artists whose listeners all joined in the window."""


def joining_world(artists: int, seed: int, newcomers: float = 0.4) -> JoiningWorld:
    """A year of gamma-Poisson plays (the kinds of the law "nb"), after a year of data for who was there.

    A listener plays evenly from the day of joining on. All listeners of a quarter of the artists
    joined in the window, evenly, and ``newcomers`` (a share) of those of the others. The rest have
    been there for two years; who was not heard in the first of them is first heard in the window.
    """
    rng = np.random.default_rng(seed)
    listeners = np.clip(rng.lognormal(np.log(300), 1.3, artists), 10, 5_000).astype(int)
    shares = rng.dirichlet(MIXTURES, artists)
    late = rng.random(artists) < 0.25
    artist = np.repeat(np.arange(artists), listeners)
    kind = (rng.random(len(artist))[:, None] > shares.cumsum(axis=1)[artist][:, :2]).sum(axis=1)
    counts = np.zeros((artists, CLASSES, LEVELS), dtype=np.int64)
    while len(artist):
        rate = rng.gamma(SIZES[kind], MEANS[kind] / SIZES[kind]) / DAYS
        is_new = late[artist] | (rng.random(len(artist)) < newcomers)
        joined = np.where(is_new, rng.random(len(artist)) * DAYS, 0.0)
        plays = rng.poisson(rate * (DAYS - joined))
        before = ~is_new & (rng.poisson(rate * DAYS) > 0)
        # The earliest of n even draws from 0 to 1 is 1 - U^(1/n).
        earliest = 1 - rng.random(len(artist)) ** (1 / np.maximum(plays, 1))
        first = joined + earliest * (DAYS - joined)
        quarter = 1 + np.minimum((first * (CLASSES - 1) / DAYS).astype(int), CLASSES - 2)
        heard = plays > 0
        cells = artist[heard], np.where(before, 0, quarter)[heard], level_of(plays[heard]) - 1
        np.add.at(counts, cells, 1)
        # Mixtures are those of the heard: who was not is drawn again.
        artist, kind = artist[~heard], kind[~heard]
    return JoiningWorld(counts, shares, late)
