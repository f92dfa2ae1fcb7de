"""What recommends by plays alone, by one contract: from rows of listeners, a score of every track."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.features import shape_of
from analytics_platform.taste.factors import Factors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

IntArray = NDArray[np.int64]
Scorer = Callable[[IntArray], NDArray[np.float32]]
"""Rows of listeners (l,) to scores (l, T) of all tracks, finite; a higher one means to play it rather."""

SIMILAR = 200
"""Tracks that each track is compared with: the most similar ones."""
EASE_PENALTY = 200.0
"""The best recall of 50 to 2,000 on held-out plays of a sample label that is not reported on."""
EASE_MOST_TRACKS = 8_000
"""The inverse of (T, T) takes T³ steps and two float64 matrices: a minute and 1 GB at 8,000."""


class TooManyTracksError(ValueError):
    """EASE inverts a matrix of tracks × tracks; the message says how many there are and how many it takes."""


def popularity(plays: csr_array) -> Scorer:
    """The same for everybody: how many listeners (L, T) a track has."""
    listeners = np.bincount(plays.indices, minlength=shape_of(plays)[1]).astype(np.float32)
    return lambda rows: np.broadcast_to(listeners, (len(rows), len(listeners)))


def random_scores(tracks: int, seed: int) -> Scorer:
    """Chance: numbers in [0, 1) that depend on the listener's row, the track and the seed only, not on the block."""

    def scores(rows: IntArray) -> NDArray[np.float32]:
        counter = rows.astype(np.uint64)[:, None] * np.uint64(tracks) + np.arange(tracks, dtype=np.uint64)
        # splitmix64, Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195; sums and products wrap on purpose.
        mixed = (counter + np.uint64(seed * 2**32 + 1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        return (mixed >> np.uint64(40)).astype(np.float32) / np.float32(2**24)

    return scores


def item_cosine(plays: csr_array) -> Scorer:
    """Sum, over what a listener played, of the shrunk cosine between tracks: ``artists.graph``'s formula.

    co / (co + 10) · co / sqrt(n_a n_b) by shared listeners co; each track keeps its ``SIMILAR`` strongest.
    """
    from scipy.sparse import csr_array as csr

    from analytics_platform.artists.graph import top_links

    tracks = shape_of(plays)[1]
    links = top_links(plays, min(SIMILAR, max(tracks - 1, 1)))
    track, place = np.nonzero(links.neighbours >= 0)
    # A track is recommended by its own neighbours: they are the rows.
    similar = csr((links.score[track, place], (links.neighbours[track, place], track)), shape=(tracks, tracks))
    played = _played(plays)
    return lambda rows: (played[rows] @ similar).toarray()


def ease(plays: csr_array, penalty: float = EASE_PENALTY) -> Scorer:
    """EASE: linear regression of each track on all others, solved in closed form. Steck 2019, arXiv:1905.03375.

    Raises:
        TooManyTracksError: there are more than ``EASE_MOST_TRACKS``.
    """
    tracks = shape_of(plays)[1]
    if tracks > EASE_MOST_TRACKS:
        raise TooManyTracksError(f"EASE inverts tracks × tracks: {tracks} tracks, it takes {EASE_MOST_TRACKS}")
    played = _played(plays)
    gram = (played.T @ played).toarray().astype(np.float64)
    gram[np.diag_indices(tracks)] += penalty
    inverse = np.linalg.inv(gram)
    weights = (inverse / -np.diag(inverse)).astype(np.float32)
    np.fill_diagonal(weights, 0)
    return lambda rows: played[rows] @ weights


def factor_scores(factors: Factors) -> Scorer:
    """The product of a listener's factors and a track's."""
    return lambda rows: factors.listeners[rows] @ factors.tracks.T


def _played(plays: csr_array) -> csr_array:
    """1 where something was played."""
    from scipy.sparse import csr_array as csr

    return csr((np.ones(plays.nnz, dtype=np.float32), plays.indices, plays.indptr), shape=shape_of(plays))
