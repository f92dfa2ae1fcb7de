"""Potential plays: what an artist would have in a country, if it did there as similar artists do.

``expected = level × lift × market share``. The lift of an artist in a country is how far its
neighbours' shares of plays there lie above or below the market's; the level is how many plays the
artist has where the lift is 1. Only shares of neighbours enter, so that a star among them counts as
much as anybody; the article that the idea comes from averages raw plays, see ``market_baselines``.
An association, not the effect of a campaign.

Shapes: A artists, C countries, K neighbours, D drivers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.market_ranges import calibrate

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.integer]

PSEUDO_PLAYS = 50
"""Plays, spread as the market's, that every artist is given before its index is taken."""
FULL_WEIGHT_PLAYS = 500
"""Plays from which an artist's shares have more than half of their weight in the market's shares."""
LEAST_EXPECTED = 5
"""Plays that the market's share must promise before an artist can be called established in a country."""
LEAST_INDEX = 0.1
"""Index below which an artist is not established: not launched, or a trickle."""
LEAST_SPEAKERS = 3
"""Neighbours that must be established in a country before they say anything about it."""
MARKET_WEIGHT = 1.0
"""Weight of the market's own index, 1, beside the neighbours' similarities."""
MOST_LEVEL = 3
"""The level is at most so many times all plays of the artist."""
NOISE_PLAYS = 10
"""Added to the variance of z, so that a market of three plays is never far out."""
DRIVERS = 5
CHUNK = 500
"""Artists at a time when drivers are picked: 500 × 40 neighbours × 250 countries are 5 million cells."""


@dataclass(frozen=True, slots=True)
class Markets:
    """Plays of a window, and who resembles whom."""

    plays: FloatArray
    """(A, C) plays, 0 or more. Plays of unknown countries (ZZ) are left out by whoever makes it."""
    available: BoolArray
    """(A, C) whether the artist's music can be played there."""
    neighbours: IntArray
    """(A, K) rows of similar artists, the most similar first; -1 = none."""
    similarity: FloatArray
    """(A, K) 0 to 1; 0 where there is no neighbour."""

    def __post_init__(self) -> None:
        artists = len(self.plays)
        if self.plays.ndim != 2 or self.available.shape != self.plays.shape:
            raise ValueError("plays and available are (artists, countries)")
        if self.neighbours.shape != self.similarity.shape or len(self.neighbours) != artists:
            raise ValueError("neighbours and similarity are (artists, neighbours)")
        if not (np.isfinite(self.plays).all() and (self.plays >= 0).all()):
            raise ValueError("plays are finite and not negative")
        if not ((self.similarity >= 0) & (self.similarity <= 1)).all():
            raise ValueError("similarities are from 0 to 1")
        if ((self.neighbours < -1) | (self.neighbours >= artists)).any():
            raise ValueError("neighbours are rows of plays, or -1")
        if (self.neighbours == np.arange(artists)[:, None]).any():
            raise ValueError("no artist is its own neighbour")


@dataclass(frozen=True, slots=True)
class Potential:
    """Plays that artists could have in a window as long as that of their ``Markets``."""

    expected: FloatArray
    """(A, C) plays; NaN where there is no estimate: not available, or too few neighbours are there."""
    low: FloatArray
    """(A, C) lower end of the 80 % range, see ``market_ranges``; NaN where there is none."""
    high: FloatArray
    """(A, C) upper end of the 80 % range; NaN where there is none."""
    z: FloatArray
    """(A, C) what markets are ranked by, (expected - plays) / sqrt(expected + 10); -inf without an estimate."""
    home: NDArray[np.intp]
    """(A,) country of the highest index; -1 for artists without plays."""
    established: BoolArray
    """(A, C) markets that the level and the ranges are taken from; never the home."""
    drivers: NDArray[np.int32]
    """(A, C, D) rows of neighbours behind the number: established there, with an index abroad of at least the
    neighbours' mean; the most similar first, -1 = none."""
    reasons: NDArray[np.str_]
    """(A,) why an artist has no estimates: "no plays", "no neighbours", "neighbours nowhere established",
    "not available"; "" if it has some."""


def potential(markets: Markets) -> Potential:
    """Expected plays of every artist in every country, with 80 % ranges.

    - Index of an artist in a country: its share of plays there over the market's. Shares are drawn
      to the market's by 50 plays.
    - Established: the market's share of the artist's plays is 5 plays or more, the index 0.1 or more,
      it is available, and not the artist's home (country of the highest index). Where an artist is
      not established it may not have been launched, which says nothing of similar artists.
    - Lift: geometric mean of the index abroad over the neighbours established there, weighted by
      similarity, with an index of 1 at weight 1. At least three must be established. The index
      abroad leaves out plays at home, the artist's and the market's: otherwise the more somebody
      is played at home, the weaker it would look everywhere else.
    - Level: median of plays / (lift × market share) over the established markets and, as one more
      value, over all markets taken together; at most 3 times the artist's plays.

    Own plays decide nothing in the artist's own lift. All artists of ``markets`` decide the market's
    shares, but those cancel in the product, pseudo plays aside.
    """
    plays = markets.plays
    total = plays.sum(axis=1)
    share = market_shares(plays, markets.available)
    home = np.where(total > 0, np.argmax(np.where(plays > 0, market_index(plays, share), -1), axis=1), -1)
    known = markets.available & (total[:, None] * share >= LEAST_EXPECTED)
    known &= plays >= LEAST_INDEX * total[:, None] * share
    artists = np.arange(len(plays))
    known[artists, home] &= total == 0
    abroad = plays.copy()
    abroad[artists, home] = 0
    index = market_index(abroad, share / np.maximum(1 - share[home], 1e-6)[:, None])
    lift, mean, speakers = _lift(markets, index, known)
    can = markets.available & (speakers >= LEAST_SPEAKERS) & (total > 0)[:, None]
    shape = np.where(can, lift * share, np.nan)
    established = known & np.isfinite(shape)

    def forecast(use: BoolArray) -> FloatArray:
        return _level(plays, shape, use, established & ~use)[:, None] * shape

    expected = forecast(established)
    low, high = calibrate(plays, expected, established, forecast)
    z = np.where(np.isfinite(expected), (expected - plays) / np.sqrt(np.nan_to_num(expected) + NOISE_PLAYS), -np.inf)
    none = ~np.isfinite(expected).any(axis=1)
    any_neighbour = ((markets.neighbours >= 0) & (markets.similarity > 0)).any(axis=1)
    reasons = np.select(
        [~none, total == 0, ~markets.available.any(axis=1), ~any_neighbour],
        ["", "no plays", "not available", "no neighbours"],
        "neighbours nowhere established",
    )
    drivers = _drivers(markets, np.where(known, index, 0), np.where(np.isfinite(expected), mean, np.inf))
    return Potential(expected, low, high, z, home, established, drivers, reasons)


def market_shares(plays: FloatArray, available: BoolArray) -> FloatArray:
    """Share (C,) of its plays that a typical artist has in each country where its music is available.

    A mean of shares over artists, not of plays, so that no star is the market; few plays weigh less.
    """
    total = plays.sum(axis=1)
    weight = (total / (total + FULL_WEIGHT_PLAYS))[:, None]
    share = plays / np.maximum(total, 1e-300)[:, None]
    there = available | (plays > 0)
    return (weight * share).sum(axis=0) / np.maximum((weight * there).sum(axis=0), 1e-300)


def market_index(plays: FloatArray, share: FloatArray) -> FloatArray:
    """Index (A, C): shares of plays (A, C), drawn to the market's, over the market's, (C,) or (A, C); 1 without any."""
    total = plays.sum(axis=1, keepdims=True)
    drawn = (plays + PSEUDO_PLAYS * share) / (total + PSEUDO_PLAYS)
    return np.where(share > 0, drawn / np.maximum(share, 1e-300), 1.0)


def _lift(markets: Markets, index: FloatArray, known: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lift (A, C), the neighbours' own mean in it (A, C), and how many neighbours (A, C) it rests on."""
    from scipy.sparse import csr_array

    rows, places = np.nonzero((markets.neighbours >= 0) & (markets.similarity > 0))
    where = (rows, markets.neighbours[rows, places])
    shape = (len(index), len(index))
    weights = csr_array((markets.similarity[rows, places], where), shape=shape)
    counts = csr_array((np.ones(len(rows)), where), shape=shape)
    speaking = known.astype(np.float64)
    logs = weights @ (speaking * np.log(np.maximum(index, 1e-300)))
    weight = weights @ speaking
    # Rounding must not lift the mean of equals above all of them.
    mean = np.exp(logs / np.maximum(weight, 1e-300)) * (1 - 1e-9)
    return np.exp(logs / (weight + MARKET_WEIGHT)), mean, counts @ speaking


def _level(plays: FloatArray, shape: FloatArray, use: BoolArray, hidden: BoolArray) -> FloatArray:
    """Level (A,): see ``potential``. Plays of ``hidden`` cells (A, C) are treated as not known."""
    seen = np.where(hidden, 0, plays)
    total = seen.sum(axis=1)
    expected = np.nansum(np.where(hidden, 0, shape), axis=1)
    whole = total / np.where(expected > 0, expected, 1)
    ratios = np.where(use, plays / np.where(use, shape, 1), np.nan)
    level = np.nanmedian(np.column_stack([ratios, whole]), axis=1)
    return np.minimum(level, MOST_LEVEL * total)


def _drivers(markets: Markets, index: FloatArray, least: FloatArray) -> NDArray[np.int32]:
    """The most similar neighbours (A, C, D) whose index (A, C) is at least ``least`` (A, C) in the artist's row."""
    artists, countries = index.shape
    drivers = np.full((artists, countries, DRIVERS), -1, dtype=np.int32)
    for first in range(0, artists, CHUNK):
        rows = slice(first, first + CHUNK)
        neighbours = np.where(markets.similarity[rows] > 0, markets.neighbours[rows], -1)
        drives = (index[neighbours] >= least[rows, None]) & (neighbours >= 0)[:, :, None]
        place = np.cumsum(drives, axis=1) - 1
        row, neighbour, country = np.nonzero(drives & (place < DRIVERS))
        drivers[first + row, country, place[row, neighbour, country]] = neighbours[row, neighbour]
    return drivers
