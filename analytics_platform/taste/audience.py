"""Who would play an unreleased track: which listeners, where, beside which artists, and how often.

The track's place among listeners' tastes is predicted from its sound. Released tracks near it say
which clusters of listeners and which countries it would have, and how often it would be played:

    shares = own plays + k · (trust · neighbours' shares + (1 - trust) · market's), made to add up to 1
    log plays = (sum of own tracks' + k · (all + trust · (neighbours' - all))) / (own tracks + k)
                + slope · (percentile of the score - middle)

An artist without released tracks has no own plays and no own tracks: its neighbours alone speak.
Every constant is chosen on released tracks that are treated as if they were not released, with
factors predicted by models that had not heard the artist (artists that are not known), or not the track (those
that are). The ranges are from the same tracks: cross-conformal prediction (Vovk 2015), by known or unknown artist and
by size of what is expected. The method is ours; nothing of it is an effect of a campaign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.taste.audience_data import COUNTRY, BoolArray, Files, FloatArray, IntArray, Places, Released
from analytics_platform.taste.audience_parts import (
    OWN_TASTES,
    Bands,
    Level,
    Near,
    Own,
    Shape,
    find_near,
    fit_level,
    fit_shape,
    log_level,
    log_of,
    market_of,
    mixed_shares,
    neighbour_shares,
    toward,
    weights_of,
)
from analytics_platform.taste.factors import unit

QUERIES = 2_000
"""Released tracks that constants and ranges are taken from, at most: more take longer and say no more."""
SIMILAR = 10
"""Similar artists that are named."""
SIMILAR_TASTE = 0.8
"""Where they are looked for, between the track's sound and its artist's other tracks. On the sample label 0, 0.5, 0.8
and 1 found .29, .44, .48 and .45 of the artist's own ten."""
BACKING = 25
"""Nearest tracks whose artists' listeners stand behind a share."""


@dataclass(frozen=True, slots=True)
class Case:
    """What holds for artists that are known, or for those that are not."""

    shapes: Mapping[str, Shape]
    level: Level
    total: Bands
    cells: Mapping[str, Bands]


@dataclass(frozen=True, slots=True)
class Audience:
    """A fitted estimate."""

    released: Released
    unknown: Case
    known: Case


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of tracks (n)."""

    is_known: BoolArray
    """(n,) whether the artist has released tracks."""
    plays: FloatArray
    """(n,) half of the tracks like it had more; NaN if no released track has a number. So are the ends."""
    low: FloatArray
    high: FloatArray
    shares: Mapping[str, FloatArray]
    """(n, P) by kind; they add up to 1, and are 0 where the track can't be played."""
    cell_low: Mapping[str, FloatArray]
    """(n, P) plays."""
    cell_high: Mapping[str, FloatArray]
    listeners: Mapping[str, FloatArray]
    """(n, P) behind the share: those of the artist there, if it has any; else the most that an artist near has."""
    artists: NDArray[np.str_]
    """(A,) artists with factors, in order."""
    similar: IntArray
    """(n, k) rows of ``artists``, the most similar first, -1 = no more; never the track's own."""
    similarity: FloatArray
    """(n, k) cosine; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class _Query:
    """Tracks (n) in question."""

    factors: FloatArray
    artists: IntArray
    """(n,) numbers as in the released tracks, -1 = not known."""
    expected: FloatArray
    is_open: Mapping[str, BoolArray]
    own: Own | None

    def take(self, rows: IntArray, own: Own | None) -> _Query:
        is_open = {kind: found[rows] for kind, found in self.is_open.items()}
        return _Query(self.factors[rows], self.artists[rows], self.expected[rows], is_open, own)


def fit_audience(released: Released) -> Audience:
    """Choose the constants on released tracks, and measure how far off they are."""
    return Audience(released, fit_case(released, is_known=False), fit_case(released, is_known=True))


def fit_case(released: Released, *, is_known: bool) -> Case:
    """What holds for known artists, or for unknown ones; without enough tracks a default without ranges."""
    codes = np.unique(released.artist_ids, return_inverse=True)[1].reshape(-1).astype(np.int64)
    sound = released.by_tracks if is_known else released.by_artists
    usable = np.isfinite(sound).all(axis=1)
    if is_known:
        usable &= np.bincount(codes, minlength=1)[codes] > 1
    queries = np.flatnonzero(usable)
    if len(queries) > QUERIES:
        # The same tracks every time: a rebuild gives the same ranges.
        queries = np.sort(np.random.default_rng(0).choice(queries, QUERIES, replace=False))
    own = _own(released, codes, codes[queries], queries) if is_known else None
    is_open = {kind: places.is_open[queries] for kind, places in released.places.items()}
    query = _Query(sound[queries], codes[queries], released.expected[queries], is_open, own)
    tastes = OWN_TASTES if own else (0.0,)
    nearby = {
        taste: find_near(toward(query.factors, own, taste), query.artists, released.factors, codes) for taste in tastes
    }
    shapes = {kind: fit_shape(kind, nearby, places, queries, own) for kind, places in released.places.items()}
    level = fit_level(nearby, log_of(released.value), released.expected, queries, own)
    nothing = Bands(np.empty(0), np.full((1, 2), np.nan))
    guess = _guess(released, codes, query, Case(shapes, level, nothing, dict.fromkeys(shapes, nothing)), nearby)
    value = released.value[queries]
    cells: dict[str, Bands] = {}
    for kind, places in released.places.items():
        plays = places.plays[queries]
        came = value[:, None] * plays / np.maximum(plays.sum(axis=1, keepdims=True), 1e-300)
        mine = is_open[kind] & (plays.sum(axis=1) > 0)[:, None]
        cells[kind] = Bands.fit((guess.plays[:, None] * guess.shares[kind])[mine], came[mine])
    return Case(shapes, level, Bands.fit(guess.plays, value), cells)


def _own(released: Released, codes: IntArray, artists: IntArray, leave_out: IntArray | None) -> Own:
    """The released tracks of the artists (n,), each without the track of row ``leave_out`` (n,)."""
    size = int(codes.max()) + 1 if len(codes) else 0

    def others(values: FloatArray) -> FloatArray:
        """(n, …) sums of values (T, …) by artist."""
        sums = np.zeros((size, *values.shape[1:]))
        np.add.at(sums, codes, values)
        return sums[artists] - (values[leave_out] if leave_out is not None else 0)

    logs = log_of(released.value)
    taste = others(np.nan_to_num(released.factors))
    # What rounding leaves of an artist's only track points nowhere.
    taste[np.linalg.norm(taste, axis=1) < 1e-6] = 0
    return Own(
        unit(taste),
        {kind: np.maximum(others(places.plays), 0) for kind, places in released.places.items()},
        others(np.nan_to_num(logs)),
        others(np.isfinite(logs).astype(np.float64)),
    )


@dataclass(frozen=True, slots=True)
class _Guess:
    plays: FloatArray
    shares: dict[str, FloatArray]
    near: dict[str, IntArray]
    """(n, 25) rows of the nearest tracks by kind."""


def _guess(
    released: Released, codes: IntArray, query: _Query, case: Case, nearby: Mapping[float, Near] | None = None
) -> _Guess:
    """What a case says of tracks; ``nearby`` has their neighbours by own taste, as far as they were looked up."""
    found = dict(nearby or {})

    def near_by(own_taste: float) -> Near:
        if own_taste not in found:
            taste = toward(query.factors, query.own, own_taste)
            found[own_taste] = find_near(taste, query.artists, released.factors, codes)
        return found[own_taste]

    shares: dict[str, FloatArray] = {}
    nearest: dict[str, IntArray] = {}
    for kind, places in released.places.items():
        shape, near = case.shapes[kind], near_by(case.shapes[kind].own_taste)
        by_near = neighbour_shares(weights_of(near, shape.nearness, len(released)), places)
        own = query.own.plays[kind] if query.own else None
        shares[kind] = mixed_shares(shape, by_near, market_of(places), query.is_open[kind], own)
        nearest[kind] = np.where(np.isfinite(near.cosine), near.rows, -1)[:, :BACKING]
    level = case.level
    weights = weights_of(near_by(level.own_taste), level.nearness, len(released))
    logs = log_level(level, weights, log_of(released.value), query.expected, query.own)
    return _Guess(np.maximum(np.exp(logs) - 0.5, 0), shares, nearest)


def expect(audience: Audience, files: Files) -> Expected:
    """What is expected of files, whoever they are by.

    Raises:
        ValueError: the countries of ``files`` are not those of the released tracks.
    """
    released, count = audience.released, len(files.files)
    if COUNTRY in released.places and files.is_open.shape != (count, len(released.places[COUNTRY].ids)):
        raise ValueError("is_open is (files, countries)")
    artists, codes = np.unique(released.artist_ids, return_inverse=True)
    codes = codes.reshape(-1).astype(np.int64)
    number = {artist: code for code, artist in enumerate(artists.tolist())}
    whose = np.array([number.get(artist or "", -1) for artist in files.artist_ids], dtype=np.int64)
    is_open = {
        kind: files.is_open if kind == COUNTRY else np.ones((count, len(places.ids)), dtype=bool)
        for kind, places in released.places.items()
    }
    every = _Query(np.nan_to_num(files.factors), whose, files.expected, is_open, None)
    plays, low, high = (np.full(count, np.nan) for _ in range(3))
    shares, cell_low, cell_high, listeners = (
        {kind: np.zeros((count, len(places.ids))) for kind, places in released.places.items()} for _ in range(4)
    )
    similar, similarity = np.full((count, SIMILAR), -1, dtype=np.int64), np.full((count, SIMILAR), np.nan)
    for is_known in (False, True):
        rows = np.flatnonzero((whose >= 0) == is_known)
        if not len(rows):
            continue
        case = audience.known if is_known else audience.unknown
        own = _own(released, codes, whose[rows], None) if is_known else None
        query = every.take(rows, own)
        guess = _guess(released, codes, query, case)
        plays[rows] = guess.plays
        low[rows], high[rows] = case.total.of(guess.plays)
        for kind, places in released.places.items():
            shares[kind][rows] = guess.shares[kind]
            cell_low[kind][rows], cell_high[kind][rows] = case.cells[kind].of(guess.plays[:, None] * guess.shares[kind])
            listeners[kind][rows] = _behind(places, guess.near[kind], codes, whose[rows])
        taste = toward(query.factors, own, SIMILAR_TASTE)
        similar[rows], similarity[rows] = _similar(taste, whose[rows], released.factors, codes, len(artists))
    return Expected(whose >= 0, plays, low, high, shares, cell_low, cell_high, listeners, artists, similar, similarity)


def _behind(places: Places, near: IntArray, codes: IntArray, whose: IntArray) -> FloatArray:
    """(n, P) the artist's listeners there, or, where it has none, the most that an artist of the tracks near has."""
    by_artist = np.zeros((int(codes.max(initial=-1)) + 1, len(places.ids)))
    np.maximum.at(by_artist, codes, places.listeners)
    # Without any tracks near, all tracks together are behind it.
    most = by_artist.max(axis=0, initial=0)
    found = np.zeros((len(near), len(places.ids)))
    for row, rows in enumerate(near):
        found[row] = places.listeners[rows[rows >= 0]].max(axis=0) if (rows >= 0).any() else most
    known = np.flatnonzero(whose >= 0)
    own = by_artist[whose[known]]
    # Its own plays weigh most: nobody may be told by them whom many listeners of others would hide.
    found[known] = np.where(own > 0, own, found[known])
    return found


def _similar(
    taste: FloatArray, whose: IntArray, factors: FloatArray, codes: IntArray, artists: int
) -> tuple[IntArray, FloatArray]:
    """(n, 10) numbers of the artists whose tracks' mean direction is nearest, and (n, 10) the cosine."""
    sums = np.zeros((artists, factors.shape[1]))
    np.add.at(sums, codes, np.nan_to_num(factors))
    cosine = np.clip(taste @ unit(sums).T, -1, 1)
    cosine[:, ~sums.any(axis=1)] = np.nan
    known = np.flatnonzero(whose >= 0)
    cosine[known, whose[known]] = np.nan
    order = np.argsort(np.where(np.isnan(cosine), np.inf, -cosine), axis=1, kind="stable")[:, :SIMILAR]
    best = np.take_along_axis(cosine, order, axis=1)
    missing = SIMILAR - best.shape[1]
    order = np.pad(np.where(np.isnan(best), -1, order), ((0, 0), (0, missing)), constant_values=-1)
    return order, np.pad(best, ((0, 0), (0, missing)), constant_values=np.nan)
