"""Planted listeners: groups of artists that share an audience, with artists of all sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def plays_of(*listeners: tuple[int, ...], artists: int) -> sparse.csr_array:
    """(L, artists) plays: one listener per tuple, who played each of its artists twice."""
    plays = np.zeros((len(listeners), artists), dtype=np.float32)
    for row, heard in enumerate(listeners):
        plays[row, list(heard)] = 2
    return sparse.csr_array(plays)


def planted_groups(
    listeners: int, artists: int, groups: int, *, seed: int = 0, faithful: float = 0.8
) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    """Plays (L, A) and each artist's group (A,): listeners take so much of their 12 artists from one group."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.arange(artists) % groups)
    popular = rng.pareto(1.5, artists) + 1
    plays = np.zeros((listeners, artists), dtype=np.float32)
    for row in range(listeners):
        chance = popular * np.where(group == row % groups, faithful, (1 - faithful) / max(groups - 1, 1))
        heard = rng.choice(artists, size=min(12, artists), replace=False, p=chance / chance.sum())
        plays[row, heard] = rng.geometric(0.1, len(heard))
    return sparse.csr_array(plays), group
