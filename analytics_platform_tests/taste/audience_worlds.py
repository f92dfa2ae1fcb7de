"""Small planted worlds of taste: groups of artists whose listeners live in one country more than in others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.taste.audience_data import CLUSTER, COUNTRY, Files, Places, Released

COUNTRIES = np.array(["BR", "DE", "FR", "JP", "US"])
GROUPS = 3
FACTORS = 6


@dataclass(frozen=True)
class World:
    """What was planted."""

    released: Released
    group_of: dict[str, int]
    """By artist."""
    centres: NDArray[np.float64]
    """(GROUPS, FACTORS)."""


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def world(artists: int = 45, tracks: int = 4, seed: int = 0, closed: float = 0.1) -> World:
    """Group g is played in COUNTRIES[g] half of its time, the first artist of each in US. How much is the artist's."""
    random = np.random.default_rng(seed)
    centres = np.eye(FACTORS)[:GROUPS]
    names = np.array([f"artist {number:03d}" for number in range(artists)])
    groups = np.arange(artists) % GROUPS
    tastes = unit(centres[groups] + 0.15 * random.normal(size=(artists, FACTORS)))
    level = random.normal(6.5, 1.2, artists)
    whose = np.repeat(np.arange(artists), tracks)
    count = len(whose)

    def near(spread: float) -> NDArray[np.float64]:
        return unit(tastes[whose] + spread * random.normal(size=(count, FACTORS)))

    luck = random.normal(0, 0.5, count)
    value = np.floor(np.exp(level[whose] + luck))
    is_open = random.random((artists, len(COUNTRIES))) >= closed
    home = np.where(np.arange(artists) < GROUPS, len(COUNTRIES) - 1, groups)
    is_open[np.arange(artists), home] = True
    away = (np.arange(len(COUNTRIES)) - home[:, None]) % len(COUNTRIES)
    countries = np.array([0.5, 0.2, 0.15, 0.1, 0.05])[away] * is_open
    clusters = np.full((artists, GROUPS), 0.15)
    clusters[np.arange(artists), groups] = 0.7
    places = {}
    for kind, ids, weights in ((CLUSTER, ["1", "2", "3"], clusters), (COUNTRY, COUNTRIES, countries)):
        shares = weights / weights.sum(axis=1, keepdims=True)
        plays = np.array([random.multinomial(int(value[row]), shares[whose[row]]) for row in range(count)], float)
        opened = is_open[whose] if kind == COUNTRY else np.ones(plays.shape, dtype=bool)
        by_artist = np.zeros(shares.shape)
        np.add.at(by_artist, whose, plays)
        listeners = np.ceil(by_artist[whose] / 3)
        places[kind] = Places(np.array(ids), np.array([f"name of {place}" for place in ids]), plays, listeners, opened)
    released = Released(
        np.array([f"T{row:04d}" for row in range(count)]),
        names[whose],
        near(0.05),
        near(0.35),
        near(0.2),
        value,
        np.clip(0.5 + 0.2 * luck + random.normal(0, 0.1, count), 0, 1),
        places,
    )
    return World(released, dict(zip(names.tolist(), groups.tolist(), strict=True)), centres)


def files(world: World, groups: list[int], artists: list[str | None] | None = None, percentile: float = 0.5) -> Files:
    """Files that sound as these groups do."""
    count = len(groups)
    artist_ids = artists or [None] * count
    is_open = np.ones((count, len(COUNTRIES)), dtype=bool)
    for row, artist in enumerate(artist_ids):
        mine = np.flatnonzero(world.released.artist_ids == artist)
        if len(mine):
            is_open[row] = world.released.places[COUNTRY].is_open[mine[0]]
    return Files(
        [f"file {row}.flac" for row in range(count)],
        artist_ids,
        world.centres[groups],
        np.full(count, percentile),
        is_open,
    )
