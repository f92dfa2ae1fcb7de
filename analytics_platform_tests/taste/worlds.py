"""Planted taste: listeners and tracks with a few hidden traits, and lakes of plays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def planted_taste(
    listeners: int = 800, tracks: int = 120, traits: int = 4, *, seed: int = 0
) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Plays (L, T), and the chance of each pair (L, T): a product of traits, times how popular a track is."""
    rng = np.random.default_rng(seed)
    of_listeners = rng.dirichlet(np.full(traits, 0.15), listeners)
    of_tracks = rng.dirichlet(np.full(traits, 0.15), tracks)
    chance = of_listeners @ of_tracks.T * rng.uniform(0.3, 1.0, tracks)
    played = rng.random(chance.shape) < 0.4 * chance / chance.max(axis=1, keepdims=True)
    counts = np.where(played, rng.geometric(0.3, chance.shape), 0).astype(np.float32)
    return sparse.csr_array(counts), chance
