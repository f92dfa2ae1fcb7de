"""Cold tracks: how models place, by sound, tracks whose plays nobody has seen.

Tracks of a fold are hidden with all their plays before anything is learnt: factors of listeners and of the other
tracks come from the other tracks' plays alone. A model then says from the sound where the hidden tracks would lie,
and each listener's hidden tracks are ranked by the product with the listener's factors, as in van den Oord et al.
(2013). Two ways of hiding: whole artists, and single tracks of artists that are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.features import shape_of
from analytics_platform.modelling.splits import IntArray, Split, make_folds
from analytics_platform.taste.collaborative import Scorer, popularity, random_scores
from analytics_platform.taste.factors import Factors, FloatArray, Wmf, fit_factors, fold_in_tracks
from analytics_platform.taste.ranking import Metrics, rank_listeners
from analytics_platform.taste.reading import TasteData

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TASK = "cold_tracks"
SplitName = Literal["artists", "new tracks"]
LISTENERS = 5_000
"""So many are asked in each fold, drawn by the seed; their plays of the hidden tracks are what is to be found."""
LEAST_KNOWN = 2
"""Known tracks that a listener has played, at least."""
LEAST_TRACKS, LEAST_ARTISTS = 100, 20
"""Fewer say nothing."""

RANDOM, ARTIST_POPULARITY, ARTIST_MEAN = "random", "artist_popularity", "artist_mean"
POPULARITY, TRUE_FACTORS = "popularity_leaky", "true_factors_leaky"
"""What nobody can know of a track before it is out: how often it is played, and by whom. The second is the upper line
of all products of factors."""
BASELINES = frozenset({RANDOM, ARTIST_POPULARITY, ARTIST_MEAN, POPULARITY, TRUE_FACTORS})
OVER: dict[SplitName, str] = {"artists": RANDOM, "new tracks": ARTIST_POPULARITY}
"""Popularity alone, as far as it can be known: that of the artist's other tracks, and nothing of an unknown artist."""


class TooFewTracksError(ValueError):
    """The label has too few tracks with plays and sound; the message says what it has and what it needs."""


@dataclass(frozen=True, slots=True)
class ColdFold:
    """What is known while the tracks of ``split.test`` are hidden."""

    split_name: SplitName
    seed: int
    split: Split
    factors: NDArray[np.float32]
    """(n, d) of tracks; NaN for the hidden ones."""
    listeners: NDArray[np.float32]
    """(L, d) of all listeners."""
    held_out: csr_array
    """(L, k) plays of the hidden tracks by the listeners who are asked."""
    hidden_plays: csr_array
    """(L, k) everybody's, for what is told more than a model may know."""


def cold_splits(data: TasteData, name: SplitName, seed: int) -> list[Split]:
    """Five folds: each hides the tracks of a fifth of the artists, or a fifth of the recordings.

    Raises:
        TooFewTracksError: there are too few tracks or artists.
    """
    # Artists of one recording are not kept apart: they count once.
    tracks, artists = len(data.rows), len(np.unique(data.groups))
    if tracks < LEAST_TRACKS or artists < LEAST_ARTISTS:
        raise TooFewTracksError(
            f"{tracks} tracks of {artists} artists have plays and sound: at least {LEAST_TRACKS} of {LEAST_ARTISTS}"
            " are needed"
        )
    return make_folds(data.groups if name == "artists" else data.recordings, seed=seed)


def cold_folds(
    data: TasteData, name: SplitName, seed: int, how: Wmf, *, folds: int | None = None, threads: int = 1
) -> Iterator[ColdFold]:
    """The folds of a seed one after the other, each with factors of its own.

    Args:
        data: tracks (n).
        name: what is hidden.
        seed: of the folds, the factors and who is asked.
        how: the factorisation.
        folds: the first so many of the five; None: all.
        threads: for the factorisation.
    """
    plays = data.heard.plays.tocsc()
    for split in cold_splits(data, name, seed)[:folds]:
        known = np.sort(np.concatenate((split.train, split.validation)))
        known_plays, hidden = plays[:, known].tocsr(), plays[:, split.test].tocsr()
        found: Factors = fit_factors(known_plays, how, seed=seed, threads=threads)
        factors = np.full((len(data.rows), found.tracks.shape[1]), np.nan, dtype=np.float32)
        factors[known] = found.tracks
        may = np.flatnonzero((np.diff(hidden.indptr) > 0) & (np.diff(known_plays.indptr) >= LEAST_KNOWN))
        asked = np.random.default_rng([seed, split.fold]).permutation(may)[:LISTENERS]
        yield ColdFold(name, seed, split, factors, found.listeners, _rows_of(hidden, asked), hidden)


def _rows_of(plays: csr_array, rows: IntArray) -> csr_array:
    """The same shape, with the entries of some rows only."""
    from scipy.sparse import csr_array as csr

    shape = shape_of(plays)
    row = np.repeat(np.arange(shape[0]), np.diff(plays.indptr))
    kept = np.isin(row, rows)
    return csr((plays.data[kept], (row[kept], plays.indices[kept])), shape=shape)


def scorer_of(fold: ColdFold, placed: NDArray[np.floating]) -> Scorer:
    """How listeners score hidden tracks that lie at ``placed`` (k, d)."""
    tracks = placed.astype(np.float32).T
    return lambda rows: fold.listeners[rows] @ tracks


def judge(fold: ColdFold, scorers: Mapping[str, Scorer]) -> dict[str, Metrics]:
    """What each asked listener finds of its hidden tracks, by model."""
    from scipy.sparse import csr_array as csr

    nothing = csr(shape_of(fold.held_out), dtype=np.float32)
    return {name: rank_listeners(scores, fold.held_out, nothing, seed=fold.seed) for name, scores in scorers.items()}


def dummies(data: TasteData, fold: ColdFold, how: Wmf) -> dict[str, Scorer]:
    """What every model is compared with."""
    hidden = fold.split.test
    found: dict[str, Scorer] = {
        RANDOM: random_scores(len(hidden), fold.seed),
        POPULARITY: popularity(fold.hidden_plays),
        TRUE_FACTORS: scorer_of(fold, fold_in_tracks(fold.hidden_plays, fold.listeners, how)),
    }
    if fold.split_name == "new tracks":
        known = np.concatenate((fold.split.train, fold.split.validation))
        # Of the factors as they are: longer ones are played more, which a mean of directions would not know.
        found[ARTIST_MEAN] = scorer_of(fold, _artist_means(fold.factors, data, known, hidden))
        heard = data.heard.plays
        plays = np.bincount(heard.indices, weights=heard.data, minlength=len(data.rows)).astype(np.float64)
        popular = _artist_means(plays, data, known, hidden)
        found[ARTIST_POPULARITY] = lambda rows: np.broadcast_to(popular, (len(rows), len(popular)))
    return found


def _artist_means(values: NDArray[np.number], data: TasteData, known: IntArray, hidden: IntArray) -> FloatArray:
    """(k, …) mean of values (n, …) over the artist's known tracks; over all known tracks for an artist without."""
    names, number = np.unique(data.artists, return_inverse=True)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, number[known], values[known])
    counts = np.bincount(number[known], minlength=len(names))
    means = sums / np.maximum(counts, 1).reshape(-1, *[1] * (values.ndim - 1))
    means[counts == 0] = values[known].mean(axis=0)
    return means[number[hidden]].astype(np.float32)
