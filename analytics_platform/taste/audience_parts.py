"""The parts of an audience: which released tracks are near, how places share the plays, how many plays there are.

Shapes: n tracks in question, T released tracks, K neighbours, P places of a kind, d factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.artists.market_ranges import range_ends
from analytics_platform.artists.markets import market_shares
from analytics_platform.taste.audience_data import BoolArray, FloatArray, IntArray, Places
from analytics_platform.taste.factors import unit

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NEIGHBOURS = 200
"""Nearest released tracks that are looked at."""
FULL_WEIGHT_PLAYS = 50
"""Plays from which a track's shares count more than half."""
CHUNK = 256
LEAST_TRACKS = 9
"""Fewer cannot show what lies outside 80 %: see ``artists.market_ranges``."""
GROUP_CELLS, MOST_GROUPS = 400, 8

NEARNESSES = (0.03, 0.06, 0.12, 0.25, 0.5)
TRUSTS = (0.0, 0.5, 1.0)
OWN_TASTES = (0.0, 0.5, 0.8)
OWN_PLAYS = (5.0, 50.0, 500.0)
OWN_TRACKS = (0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True, slots=True)
class Near:
    """The nearest released tracks, the nearest first; never one by the artist in question."""

    rows: IntArray
    """(n, K)."""
    cosine: FloatArray
    """(n, K); -inf where there is no more."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the shares of a kind of place are mixed; chosen on released tracks."""

    own_taste: float = 0.5
    """Where a track lies between what its sound says (0) and its artist's other tracks (1)."""
    nearness: float = 0.12
    """Cosine that makes a neighbour weigh e times as much."""
    trust: float = 0.5
    """Weight of the neighbours' shares, 0 to 1; the market's have the rest."""
    own_plays: float = 500.0
    """Plays of the artist from which its own shares count more than half."""


@dataclass(frozen=True, slots=True)
class Level:
    """How log plays are estimated; chosen on released tracks."""

    own_taste: float = 0.5
    nearness: float = 0.12
    trust: float = 0.5
    """Weight of the neighbours' mean against that of all tracks."""
    own_tracks: float = 3.0
    """Own released tracks from which their mean counts more than half."""
    slope: float = 0.0
    """Log plays from the lowest to the highest percentile of the score, 0 or more."""
    middle: float = 0.5
    """Mean percentile of released tracks."""
    shift: float = 0.0
    """Added, so that half of the released tracks had more."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the artists' other tracks (released, and not the track in question) are like; zeros if there are none."""

    taste: FloatArray
    """(n, d) their mean direction, of length 1 or 0."""
    plays: dict[str, FloatArray]
    """(n, P) by kind."""
    log_sum: FloatArray
    """(n,) sum of log plays."""
    tracks: FloatArray
    """(n,) number of those in the sum."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Ends of 80 % ranges of log((plays + 0.5) / (expected + 0.5)), by size of what is expected."""

    edges: FloatArray
    """(G - 1,)."""
    ends: FloatArray
    """(G, 2); NaN where nothing is known."""

    @classmethod
    def fit(cls, expected: FloatArray, plays: FloatArray) -> Bands:
        """From what was expected of cells (m,) without having seen them, and what came (m,)."""
        known = np.isfinite(expected) & np.isfinite(plays)
        expected, plays = expected[known], plays[known]
        if len(plays) < LEAST_TRACKS:
            return cls(np.empty(0), np.full((1, 2), np.nan))
        error = log_of(plays) - log_of(expected)
        groups = int(np.clip(len(plays) // GROUP_CELLS, 1, MOST_GROUPS))
        edges = np.unique(np.quantile(expected, np.arange(1, groups) / groups))
        edges = edges[edges > expected.min()]
        group = np.searchsorted(edges, expected, side="right")
        ends = [range_ends(error[group == number]) for number in range(len(edges) + 1)]
        return cls(edges, np.array(ends))

    def of(self, expected: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Low and high ends, of the shape of ``expected``, which lies between them."""
        low, high = np.moveaxis(self.ends[np.searchsorted(self.edges, np.nan_to_num(expected), side="right")], -1, 0)
        middle = expected + 0.5
        return (
            np.clip(middle * np.exp(low) - 0.5, 0, expected),
            np.maximum(middle * np.exp(high) - 0.5, expected),
        )


def log_of(plays: FloatArray) -> FloatArray:
    """Log plays, with half a play more."""
    return np.log(plays + 0.5)


def toward(factors: FloatArray, own: Own | None, own_taste: float) -> FloatArray:
    """(n, d) factors from sound moved toward the artist's other tracks, as far as there are any."""
    if own is None:
        return factors
    share = own_taste * own.taste.any(axis=1, keepdims=True)
    return unit((1 - share) * factors + share * own.taste)


def find_near(factors: FloatArray, artists: IntArray, released: FloatArray, released_artists: IntArray) -> Near:
    """The nearest released tracks by others.

    Args:
        factors: (n, d); zeros: nothing is known of it, so nothing is near.
        artists: (n,) number of the artist, -1 = not known.
        released: (T, d); rows with NaN are nobody's neighbours.
        released_artists: (T,).
    """
    usable = np.flatnonzero(np.isfinite(released).all(axis=1))
    known, whose = released[usable], released_artists[usable]
    count = min(NEIGHBOURS, len(usable))
    rows, cosines = np.zeros((len(factors), count), dtype=np.int64), np.full((len(factors), count), -np.inf)
    for first in range(0, len(factors) if count else 0, CHUNK):
        part = slice(first, first + CHUNK)
        cosine = factors[part] @ known.T
        cosine[(artists[part, None] == whose) | ~factors[part].any(axis=1, keepdims=True)] = -np.inf
        best = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(cosine, best, axis=1)
        # Equal ones in the order of their rows.
        order = np.lexsort((best, -values), axis=1)
        rows[part] = usable[np.take_along_axis(best, order, axis=1)]
        cosines[part] = np.take_along_axis(values, order, axis=1)
    return Near(rows, cosines)


def weights_of(near: Near, nearness: float, tracks: int) -> csr_array:
    """(n, T) weights of the neighbours; each row adds up to 1, or to 0 without any."""
    from scipy.sparse import csr_array

    there = np.isfinite(near.cosine)
    best = np.where(there.any(axis=1), np.max(near.cosine, axis=1, initial=-np.inf), 0)
    weight = np.where(there, np.exp((np.where(there, near.cosine, 0) - best[:, None]) / nearness), 0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    starts = np.arange(len(near.rows) + 1) * near.rows.shape[1]
    return csr_array((weight.ravel(), near.rows.ravel(), starts), shape=(len(near.rows), tracks))


def neighbour_shares(weights: csr_array, places: Places) -> FloatArray:
    """(n, P) the neighbours' mean shares of plays, over those that can be played there; they add up to 1, or 0."""
    total = places.plays.sum(axis=1, keepdims=True)
    counts = total / (total + FULL_WEIGHT_PLAYS)
    played = weights @ (counts * places.plays / np.maximum(total, 1e-300))
    there = weights @ (counts * (places.is_open | (places.plays > 0)))
    return _to_one(played / np.maximum(there, 1e-300))


def mixed_shares(
    shape: Shape, near: FloatArray, market: FloatArray, is_open: BoolArray, own: FloatArray | None
) -> FloatArray:
    """(n, P) shares that add up to 1, or to 0 where nothing is open; 0 where the track can't be played.

    Args:
        shape: how much each counts.
        near: (n, P) of the neighbours; zeros: there are none.
        market: (P,) of all tracks.
        is_open: (n, P).
        own: (n, P) plays of the artist's other tracks.
    """
    trust = shape.trust * near.any(axis=1, keepdims=True)
    shares = _to_one((trust * near + (1 - trust) * market) * is_open)
    # What nobody plays anywhere near is shared alike.
    nothing = ~shares.any(axis=1)
    shares[nothing] = _to_one(is_open[nothing].astype(np.float64))
    if own is None:
        return shares
    return _to_one(own * is_open + shape.own_plays * shares)


def _to_one(shares: FloatArray) -> FloatArray:
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)


def market_of(places: Places) -> FloatArray:
    """(P,) the typical track's share, over the tracks that can be played there."""
    return market_shares(places.plays, places.is_open)


def variation(shares: FloatArray, plays: FloatArray) -> FloatArray:
    """(n,) total variation between shares (n, P) and those of plays (n, P): 0 the same, 1 nothing in common."""
    return np.abs(shares - plays / np.maximum(plays.sum(axis=1, keepdims=True), 1e-300)).sum(axis=1) / 2


def fit_shape(
    kind: str,
    nearby: dict[float, Near],
    places: Places,
    queries: IntArray,
    own: Own | None,
) -> Shape:
    """The mix of least total variation from what released tracks (rows ``queries``) got, each by its plays' weight."""
    truth, is_open, market = places.plays[queries], places.is_open[queries], market_of(places)
    counts = truth.sum(axis=1) / (truth.sum(axis=1) + FULL_WEIGHT_PLAYS)
    best, least = Shape(), np.inf
    for (own_taste, near), nearness in product(nearby.items(), NEARNESSES):
        shares = neighbour_shares(weights_of(near, nearness, len(places.plays)), places)
        for trust, own_plays in product(TRUSTS, (OWN_PLAYS if own else (0.0,))):
            shape = Shape(own_taste, nearness, trust, own_plays)
            mixed = mixed_shares(shape, shares, market, is_open, own.plays[kind] if own else None)
            error = float((counts * variation(mixed, truth)).sum())
            if error < least - 1e-12:
                best, least = shape, error
    return best


def log_level(level: Level, weights: csr_array, logs: FloatArray, expected: FloatArray, own: Own | None) -> FloatArray:
    """(n,) log plays; NaN if no released track has a number.

    Args:
        level: how much each counts.
        weights: (n, T) of the neighbours.
        logs: (T,) log plays of released tracks, NaN where unknown.
        expected: (n,) percentiles of the score, NaN without one.
        own: the artists' other tracks.
    """
    known = np.isfinite(logs)
    if not known.any():
        return np.full(len(expected), np.nan)
    mean = float(logs[known].mean())
    weight = weights @ known.astype(np.float64)
    near = (weights @ np.where(known, logs - mean, 0)) / np.maximum(weight, 1e-12)
    base = mean + level.trust * near
    if own is not None:
        base = (own.log_sum + level.own_tracks * base) / (own.tracks + level.own_tracks)
    return base + level.slope * np.nan_to_num(expected - level.middle) + level.shift


def fit_level(
    nearby: dict[float, Near], logs: FloatArray, expected: FloatArray, queries: IntArray, own: Own | None
) -> Level:
    """The mix of least mean distance from the log plays of released tracks (rows ``queries``)."""
    scored = expected[np.isfinite(expected)]
    middle = float(scored.mean()) if len(scored) else 0.5
    truth, rank = logs[queries], np.nan_to_num(expected[queries] - middle)
    known = np.isfinite(truth)
    best, least = Level(middle=middle), np.inf
    if not known.any():
        return best
    for (own_taste, near), nearness in product(nearby.items(), NEARNESSES):
        weights = weights_of(near, nearness, len(logs))
        for trust, own_tracks in product(TRUSTS, (OWN_TRACKS if own else (0.0,))):
            level = Level(own_taste, nearness, trust, own_tracks, middle=middle)
            left = (truth - log_level(level, weights, logs, np.full(len(queries), np.nan), own))[known]
            slope = _slope(rank[known], left)
            left = left - slope * rank[known]
            shift = float(np.median(left))
            error = float(np.abs(left - shift).mean())
            if error < least - 1e-12:
                best, least = Level(own_taste, nearness, trust, own_tracks, slope, middle, shift), error
    return best


def _slope(rank: FloatArray, left: FloatArray) -> float:
    centred = rank - rank.mean()
    spread = float((centred**2).sum())
    return max(float((centred * left).sum()) / spread, 0.0) if spread > 1e-9 * len(rank) else 0.0
