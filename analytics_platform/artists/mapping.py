"""A map of artists: near each other if their audiences are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_ARTISTS = 5_000
"""Artists with most listeners that are placed; about a minute on two cores, and more would not be seen apart."""
LEAST_ARTISTS = 5
PERPLEXITY = 30.0


def artist_map(vectors: NDArray[np.float32], listeners: NDArray[np.int64]) -> NDArray[np.float64]:
    """Places (A, 2), in -1 … 1, of artists with unit vectors (A, d); NaN for those that are left out.

    t-SNE on cosine distance (van der Maaten & Hinton 2008) from principal components, so that equal data give
    equal maps. Near means similar; far, and the size of a group, mean nothing. Fewer than five artists have no map.

    Args:
        vectors: rows of zeros (artists without a vector) are left out.
        listeners: (A,), who comes first if there are more than 5,000 artists.
    """
    from sklearn.manifold import TSNE

    places = np.full((len(vectors), 2), np.nan)
    usable = np.flatnonzero(np.linalg.norm(vectors, axis=1) > 0.5)
    chosen = np.sort(usable[np.argsort(-listeners[usable], kind="stable")][:MOST_ARTISTS])
    if len(chosen) < LEAST_ARTISTS or np.ptp(vectors[chosen], axis=0).max() == 0:
        return places
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    # Components of identical artists would be equal numbers: a grain of noise, the same each time, sets them apart.
    start = vectors[chosen] - vectors[chosen].mean(axis=0)
    start = start @ np.linalg.svd(start, full_matrices=False)[2][:2].T
    start = 1e-4 * start / max(float(start.std()), 1e-9)
    start = start + np.random.default_rng(0).normal(0, 1e-6, start.shape)
    model = TSNE(metric="cosine", init=start.astype(np.float32), perplexity=perplexity, random_state=0)
    found = np.asarray(model.fit_transform(vectors[chosen]), dtype=np.float64)
    found -= (found.max(axis=0) + found.min(axis=0)) / 2
    places[chosen] = found / max(float(np.abs(found).max()), 1e-9)
    return places
