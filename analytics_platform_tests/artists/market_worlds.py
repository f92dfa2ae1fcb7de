"""A planted world of artists and countries: what a market would give is known, and part of it is not opened yet.

Nothing here was chosen by looking at an estimator. Seeds 0 to 2 are for development, 11 to 13 for reporting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.markets import Markets

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Law = Literal["factors", "blend"]

DEVELOPMENT_SEEDS = (0, 1, 2)
REPORTING_SEEDS = (11, 12, 13)
GENRES = 12
NEIGHBOURS = 40
LEAST_PLAYS = 200
"""Artists with fewer plays are not in the world."""
UNLAUNCHED = 0.35
UNAVAILABLE = 0.06
LABELS = 6
LAUNCHES = 0.5
"""Share of the unlaunched markets that are launched in the later period, whatever they would give."""


@dataclass(frozen=True, slots=True)
class MarketWorld:
    """A artists, C countries."""

    markets: Markets
    """The earlier window, and neighbours by a noisy view of the audience."""
    after: FloatArray
    """(A, C) plays of the later window."""
    potential: FloatArray
    """(A, C) mean plays of the earlier window if the market were launched."""
    launched: BoolArray
    """(A, C) in the earlier window."""


def market_world(seed: int, law: Law = "factors", artists: int = 1_200, countries: int = 50) -> MarketWorld:
    """Artists of mixed genres; genres have countries they do well in; a home market; sizes over four decades.

    Law "factors": a genre multiplies what a country gives, and each market is launched or not on its own:
    the world of a log-linear model. Law "blend": an artist's audience is a blend of those of its genres,
    with a fixed part at home and wilder noise, and labels leave whole lists of countries unlaunched:
    a world that no estimator here assumes.
    """
    rng = np.random.default_rng(seed)
    shape = (artists, countries)
    size = rng.lognormal(0, 1.2, countries)
    size /= size.sum()
    genres = rng.dirichlet(np.full(GENRES, 0.25), artists)
    if law == "factors":
        affinity = np.exp(genres @ rng.normal(0, 0.8, (GENRES, countries)) + rng.normal(0, 0.4, shape))
        unlaunched = np.full(shape, UNLAUNCHED)
    else:
        places = rng.gamma(0.8, 1 / 0.8, (GENRES, countries))
        affinity = (genres @ places + 0.02) * rng.gamma(4, 1 / 4, shape)
        lists = rng.choice([0.1, 0.8], (LABELS, countries), p=[0.65, 0.35])
        unlaunched = lists[rng.integers(LABELS, size=artists)]
    pull = size**0.7 * affinity
    home = np.array([rng.choice(countries, p=row / row.sum()) for row in pull])
    at_home = np.zeros(shape, dtype=bool)
    at_home[np.arange(artists), home] = True
    appeal = size * affinity
    if law == "factors":
        appeal = appeal * np.where(at_home, rng.lognormal(np.log(6), 0.5, artists)[:, None], 1)
        appeal /= appeal.sum(axis=1, keepdims=True)
    else:
        stays = rng.beta(2, 4, artists)[:, None]
        appeal = (1 - stays) * appeal / appeal.sum(axis=1, keepdims=True) + stays * at_home
    potential = rng.lognormal(np.log(5_000), 1.8, artists)[:, None] * appeal

    launched = (rng.random(shape) >= unlaunched) | at_home
    available = (rng.random(shape) >= UNAVAILABLE) | at_home
    trickle = np.where(rng.random(shape) < 0.5, 0.0, rng.uniform(0.01, 0.05, shape))
    before = rng.poisson(potential * np.where(launched, 1, trickle) * available * rng.lognormal(0, 0.15, shape))

    launches = ~launched & (rng.random(shape) < LAUNCHES)
    reached = np.where(launches, rng.uniform(0.4, 1.0, shape), np.where(launched, 1, trickle))
    growth = rng.lognormal(0.05, 0.3, artists)[:, None] * rng.lognormal(0, 0.2, shape)
    after = rng.poisson(potential * reached * growth * available)

    kept = before.sum(axis=1) > LEAST_PLAYS
    # Who shares listeners: the same genres, sooner the same country, and chance.
    view = genres + rng.normal(0, 0.06, genres.shape)
    view = np.hstack([view / np.linalg.norm(view, axis=1, keepdims=True), 0.5 * at_home])[kept]
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    likeness = view @ view.T
    np.fill_diagonal(likeness, -np.inf)
    neighbours = np.argsort(-likeness, axis=1)[:, : min(NEIGHBOURS, len(view) - 1)]
    similarity = np.clip(np.take_along_axis(likeness, neighbours, axis=1), 0, 1)
    markets = Markets(before[kept].astype(float), available[kept], neighbours, similarity)
    return MarketWorld(markets, after[kept].astype(float), potential[kept], launched[kept])
