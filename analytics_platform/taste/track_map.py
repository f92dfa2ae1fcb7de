"""A map of tracks: factors in two dimensions by t-SNE, where near tracks stay near."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.taste.product_tables import TRACK_MAP
from analytics_platform.taste.similar import unit_length

if TYPE_CHECKING:
    import polars as pl

MOST = 3_000
"""Tracks on the map: more take minutes and are a cloud for the eye. The rest is a sample by the hash of the ISRC."""
PERPLEXITY = 30.0
LEAST = 5
"""Tracks below which there is nothing to lay out."""


def sampled(isrcs: NDArray[np.str_], most: int = MOST) -> NDArray[np.int64]:
    """Rows of the tracks on the map, by ISRC; which ones depends on nothing but the ISRCs themselves."""
    order = np.argsort(isrcs, kind="stable")
    if len(order) <= most:
        return order
    hashes = np.array([int.from_bytes(blake2b(str(isrcs[row]).encode(), digest_size=7).digest()) for row in order])
    return order[np.sort(np.argsort(hashes, kind="stable")[:most])]


def layout(factors: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n, 2) places in −1 … 1 of tracks (n, d) by the cosine of their factors.

    t-SNE (van der Maaten, Hinton 2008; Barnes–Hut) from the first two principal components, with one thread and a
    fixed seed: the same factors in the same order give the same map.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    units = unit_length(factors)
    if len(units) < LEAST or np.ptp(units, axis=0).max(initial=0) < 1e-6:
        return np.zeros((len(units), 2))
    with threadpool_limits(1):
        places = TSNE(
            perplexity=min(PERPLEXITY, (len(units) - 1) / 3),
            init="pca" if units.shape[1] > 1 else "random",
            random_state=0,
        ).fit_transform(units)
    places = places.astype(np.float64) - places.mean(axis=0)
    return np.clip(places / max(float(np.abs(places).max()), 1e-12), -1, 1)


def track_map(
    factors: NDArray[np.floating],
    isrcs: NDArray[np.str_],
    names: pl.DataFrame,
    model_version: str,
    *,
    most: int = MOST,
) -> pl.DataFrame:
    """The rows of ``marts.track_map``.

    Args:
        factors: (n, d) of the catalogue's tracks.
        isrcs: (n,) whose they are, each once.
        names: isrc, title, artist_name, genre; one row per isrc.
        model_version: of the model that made the factors.
        most: tracks on the map.
    """
    import polars as pl

    rows = sampled(isrcs, most)
    places = layout(factors[rows])
    return (
        pl.DataFrame(
            {"isrc": isrcs[rows], "x": places[:, 0], "y": places[:, 1]},
            schema={"isrc": pl.String(), "x": pl.Float64(), "y": pl.Float64()},
        )
        .join(names.select("isrc", "title", "artist_name", "genre"), on="isrc", how="left")
        .with_columns(pl.lit(model_version).alias("model_version"))
        .select([column.name for column in TRACK_MAP])
    )
