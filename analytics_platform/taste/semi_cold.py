"""New tracks of artists with history: the prediction from sound, and what the artist's known tracks are like.

Between the two is weighed by how many tracks are known: m known ones count as m, the prediction as a number that the
validation part chooses. An artist without history gets the prediction alone. Empirical Bayes shrinkage (Efron and
Morris 1973); that an artist's catalogue helps cold tracks most is what ACARec (2026) found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.splits import IntArray
from analytics_platform.taste.factors import FloatArray, unit

STRENGTHS = (0.0, *np.logspace(-2, 3, 41).tolist(), np.inf)
"""Known tracks that a prediction is worth; without end: history is not looked at."""


@dataclass(frozen=True, slots=True)
class ArtistHistory:
    """What is known of the artists of some tracks (k)."""

    means: FloatArray
    """(k, d) mean direction of the known tracks of each one's artist; 0 without any. Shorter than 1 where they
    differ."""
    counts: IntArray
    """(k,) how many these are."""
    lengths: NDArray[np.float64]
    """(k,) mean length of their factors, which grows with how much they are played; of all known tracks without any."""

    def take(self, rows: IntArray) -> ArtistHistory:
        """Of some of these tracks."""
        return ArtistHistory(self.means[rows], self.counts[rows], self.lengths[rows])


def history_of(
    factors: FloatArray, artists: NDArray[np.str_], known: IntArray, rows: IntArray, *, alone: bool = True
) -> ArtistHistory:
    """What the known tracks say of the artists of some rows.

    Args:
        factors: (n, d) of all tracks; rows of NaN are not known, whatever ``known`` says.
        artists: (n,) of each.
        known: rows that may be looked at.
        rows: whose artists are asked for.
        alone: a row that is itself known does not count for itself.
    """
    known = known[np.isfinite(factors[known]).all(axis=1)]
    names, number = np.unique(artists, return_inverse=True)
    directions = unit(factors[known]).astype(np.float64)
    sums = np.zeros((len(names), factors.shape[1]))
    np.add.at(sums, number[known], directions)
    counts = np.bincount(number[known], minlength=len(names))
    norms = np.linalg.norm(factors[known], axis=1).astype(np.float64)
    lengths = np.bincount(number[known], weights=norms, minlength=len(names))
    total, count, length = sums[number[rows]], counts[number[rows]], lengths[number[rows]]
    if alone:
        place = np.full(len(factors), -1)
        place[known] = np.arange(len(known))
        own = place[rows]
        total[own >= 0] -= directions[own[own >= 0]]
        count = count - (own >= 0)
        length[own >= 0] -= norms[own[own >= 0]]
    usual = float(norms.mean()) if len(norms) else 1.0
    length = np.where(count > 0, length / np.maximum(count, 1), usual)
    means = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], 0)
    return ArtistHistory(means.astype(np.float32), count.astype(np.int64), length)


@dataclass(frozen=True, slots=True)
class SemiCold:
    """How prediction and history are mixed."""

    strength: float
    """Known tracks that a prediction is worth, 0 to infinity."""

    def weights(self, counts: IntArray) -> NDArray[np.float64]:
        """(k,) share of the history in the mix, 0 to 1; 0 without history."""
        if np.isinf(self.strength):
            return np.zeros(len(counts))
        return np.where(counts > 0, counts / np.maximum(counts + self.strength, 1e-12), 0)

    def mix(self, predicted: FloatArray, history: ArtistHistory) -> FloatArray:
        """(k, d) of norm 1: directions of predictions (k, d) and of history, weighed."""
        share = self.weights(history.counts)[:, None]
        return unit((1 - share) * unit(predicted) + share * history.means).astype(np.float32)

    def place(self, predicted: FloatArray, history: ArtistHistory) -> FloatArray:
        """``mix``, as long as the root of what the artist's tracks are: a known artist's new track is played more."""
        return (self.mix(predicted, history) * np.sqrt(history.lengths)[:, None]).astype(np.float32)


def fit_semi_cold(predicted: FloatArray, history: ArtistHistory, factors: FloatArray) -> SemiCold:
    """The strength whose mix points best to the true factors: by the mean cosine over the validation tracks.

    Args:
        predicted: (k, d) from sound, by a model that has not seen these tracks.
        history: of the same tracks; those without any choose nothing. Without any at all what history is worth cannot
            be learnt, and it is not looked at.
        factors: (k, d) the true ones.
    """
    rows = np.flatnonzero((history.counts > 0) & np.isfinite(factors).all(axis=1))
    if not len(rows):
        return SemiCold(np.inf)
    truth = unit(factors[rows])
    part = history.take(rows)
    cosines = [float((SemiCold(each).mix(predicted[rows], part) * truth).sum(axis=1).mean()) for each in STRENGTHS]
    return SemiCold(STRENGTHS[int(np.argmax(cosines))])
