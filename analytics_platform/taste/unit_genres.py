"""What units of a net select: which genre each tells best from the others, and what chance would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.taste.product_tables import UNIT_GENRES

if TYPE_CHECKING:
    import polars as pl

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEAST_ARTISTS = 5
"""Artists of a genre, below which nothing is said of it."""
DEALS = 200
"""Times that genres are dealt anew to artists."""
SIGMA_90 = 1.6449


def unit_genres(
    answers: NDArray[np.floating],
    genres: NDArray[np.str_],
    artists: NDArray[np.str_],
    layer: str,
    model_version: str,
    *,
    seed: int = 0,
) -> pl.DataFrame:
    """The rows of ``taste.unit_genres``: for each unit the genre that its answers tell best, by area under the curve.

    The best of many genres flatters: ``auc_by_chance`` says how much. Intervals count artists and not tracks, as
    tracks of one artist are alike (Obuchowski 1997); they do not know of the choice.

    Args:
        answers: (n, u) a number per track and unit, as the maximum or mean over time. Finite.
        genres: (n,) main genre of each track; empty if unknown: the track is left out.
        artists: (n,) of one genre each.
        layer: name of the layer.
        model_version: of the net.
        seed: of the deals.
    """
    known = np.flatnonzero(genres != "")
    answers, genres, artists = answers[known], genres[known], artists[known]
    names, genre_of = np.unique(genres, return_inverse=True)
    _, first, artist_of = np.unique(artists, return_index=True, return_inverse=True)
    per_artist = genre_of[first]
    enough = np.flatnonzero(np.bincount(per_artist, minlength=len(names)) >= LEAST_ARTISTS)
    if len(enough) < 2 or not answers.shape[1]:
        return frame_of(UNIT_GENRES, [])
    ranks = _ranks(answers)
    aucs = _aucs(ranks, genre_of, len(names))[:, enough]
    best = aucs.argmax(axis=1)
    rng = np.random.default_rng(seed)
    dealt = [
        np.nanmax(_aucs(ranks, rng.permutation(per_artist)[artist_of], len(names))[:, enough]) for _ in range(DEALS)
    ]
    chance = float(np.quantile(dealt, 0.95))
    rows: list[dict[str, object]] = []
    for unit, choice in enumerate(best.tolist()):
        genre, auc = int(enough[choice]), float(aucs[unit, choice])
        margin = SIGMA_90 * _deviation(answers[:, unit], genre_of == genre, artist_of)
        rows.append(
            {
                "layer": layer,
                "unit": unit,
                "genre": str(names[genre]),
                "auc": auc,
                "auc_low": max(auc - margin, 0.0),
                "auc_high": min(auc + margin, 1.0),
                "auc_by_chance": chance,
                "tracks": int((genre_of == genre).sum()),
                "model_version": model_version,
            }
        )
    return frame_of(UNIT_GENRES, rows)


def _ranks(values: NDArray[np.floating]) -> FloatArray:
    """Ranks of each column, from 1, ties in the middle."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0), dtype=np.float64)


def _aucs(ranks: FloatArray, genre_of: IntArray, genres: int) -> FloatArray:
    """(u, g) how often each unit answers more to a track of the genre than to another; NaN without either."""
    belongs = (genre_of[:, None] == np.arange(genres)).astype(np.float64)
    inside = belongs.sum(axis=0)
    outside = len(ranks) - inside
    pairs = inside * outside
    wins = ranks.T @ belongs - inside * (inside + 1) / 2
    return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1), np.nan)


def _deviation(answers: NDArray[np.floating], is_in: NDArray[np.bool_], artist_of: IntArray) -> float:
    """Standard deviation of an area under the curve when whole artists come and go."""
    inside, outside = np.sort(answers[is_in]), np.sort(answers[~is_in])
    # How each track fares against all of the other side, ties half.
    fares = np.empty(len(answers))
    for side, others in ((is_in, outside), (~is_in, inside)):
        mine = answers[side]
        fares[side] = (np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")) / 2 / len(others)
    fares[~is_in] = 1 - fares[~is_in]
    variance = 0.0
    for side in (is_in, ~is_in):
        of_artists = np.bincount(artist_of[side], weights=fares[side] - fares[side].mean())
        artists = len(np.unique(artist_of[side]))
        variance += artists / max(artists - 1, 1) * float((of_artists**2).sum()) / side.sum() ** 2
    return float(np.sqrt(variance))
