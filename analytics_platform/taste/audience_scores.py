"""How well audiences are told: released tracks treated as if they were not, beside dummies.

Two splits, five folds each. ``artists``: no track of the artist is known, and what heard the track never heard the
artist. ``new tracks``: other tracks of the artist are known. Constants and ranges of each fold are from the other four
fifths. One thing knows more than it would: the factors of released tracks were learnt once, from all plays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.evaluation import Better, Score, draw_groups, ratio_interval
from analytics_platform.modelling.splits import make_folds
from analytics_platform.taste.audience import SIMILAR, Audience, Expected, expect, fit_case
from analytics_platform.taste.audience_data import CLUSTER, COUNTRY, Files, FloatArray, IntArray, Released
from analytics_platform.taste.audience_parts import log_of, market_of, variation

TASK = "track_audience"
MODEL = "taste_audience"
MARKET, OWN, LARGEST, GENRE, POPULAR, MEDIAN, ARTIST_MEDIAN = (
    "market_size", "own_split", "largest_cluster", "genre_cluster", "popular_artists", "median_of_all", "artist_median",
)  # fmt: skip
ARTISTS, NEW_TRACKS = "artists", "new tracks"
LEAST_PLAYS = 50
"""Plays from which a track's own split can be told from chance; others count for the total only."""
LEAST_EXPECTED = 5
"""Plays that a cell must promise for its range to be judged: of smaller ones nobody asks."""
TOP = 3
BLOCK = 4_000_000
"""Numbers held at once when medians are drawn anew, 8 bytes each."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of artists, by artist_id."""

    clusters: Mapping[str, str]
    """The cluster's id, as in the places."""
    genres: Mapping[str, str]
    """Main genre in the roster."""
    neighbours: Mapping[str, Sequence[str]]
    """The most similar artists by audience, the nearest first."""


@dataclass(slots=True)
class _Tally:
    """Totals and weights of a metric of a model, a row per track (or cell), with its artist."""

    unit: str
    better: Better
    totals: list[FloatArray] = field(default_factory=list)
    weights: list[FloatArray] = field(default_factory=list)
    artists: list[NDArray[np.str_]] = field(default_factory=list)
    is_median: bool = False


_UNITS: Mapping[str, tuple[str, Better, bool]] = {
    "cluster_first": ("share", "higher", False),
    "cluster_error": ("total variation", "lower", False),
    "country_error": ("total variation", "lower", False),
    f"country_recall_{TOP}": ("share", "higher", False),
    f"artist_overlap_{SIMILAR}": ("share", "higher", False),
    "plays_coverage": ("share", "near 0.8", False),
    "cluster_coverage": ("share", "near 0.8", False),
    "country_coverage": ("share", "near 0.8", False),
    "plays_error": ("log plays", "lower", True),
    "plays_range": ("log plays", "lower", True),
}
Tallies = dict[tuple[str, str], _Tally]


def score_audiences(released: Released, truth: Truth, *, seed: int = 0) -> dict[str, list[Score]]:
    """Scores by split, with 90 % intervals by a bootstrap over artists; a split without enough artists is left out."""
    _, codes = np.unique(released.artist_ids, return_inverse=True)
    codes = codes.reshape(-1).astype(np.int64)
    found: dict[str, list[Score]] = {}
    for split in (ARTISTS, NEW_TRACKS):
        tallies: Tallies = {}
        try:
            folds = make_folds(codes, seed=seed, by="groups" if split == ARTISTS else "rows")
        except ValueError:
            continue
        for fold in folds:
            library = released.take(np.sort(np.concatenate([fold.train, fold.validation])))
            _judge(library, released, fold.test, truth, split, tallies)
        scores = _scores(tallies, np.random.default_rng(seed))
        if scores:
            found[split] = scores
    return found


def _judge(library: Released, released: Released, test: IntArray, truth: Truth, split: str, tallies: Tallies) -> None:
    """Add what is expected of the tested tracks (rows ``test``), beside what came and what dummies say."""
    is_known = split == NEW_TRACKS
    sound = released.by_tracks if is_known else released.by_artists
    test = test[np.isfinite(sound[test]).all(axis=1)]
    if is_known:
        test = test[np.isin(released.artist_ids[test], library.artist_ids)]
    if not len(test):
        return
    case = fit_case(library, is_known=is_known)
    tested = released.take(test)
    files = Files(
        tested.isrcs.tolist(),
        tested.artist_ids.tolist(),
        sound[test],
        tested.expected,
        tested.places[COUNTRY].is_open,
    )
    guess = expect(Audience(library, case, case), files)
    add = _Adder(tallies, tested.artist_ids)
    _judge_total(add, library, tested, guess)
    for kind in (CLUSTER, COUNTRY):
        _judge_kind(add, kind, library, tested, guess, is_known)
    _judge_clusters(add, library, tested, guess, truth, is_known)
    popular = _popular(library)
    _judge_artists(add, tested, guess, truth, popular)


@dataclass(frozen=True, slots=True)
class _Adder:
    tallies: Tallies
    artists: NDArray[np.str_]

    def __call__(self, model: str, metric: str, values: NDArray[Any], use: NDArray[np.bool_]) -> None:
        """Add values (n,) of the tracks where ``use`` (n,)."""
        unit, better, is_median = _UNITS[metric]
        tally = self.tallies.setdefault((model, metric), _Tally(unit, better, is_median=is_median))
        tally.totals.append(values[use].astype(np.float64))
        tally.weights.append(np.ones(int(use.sum())))
        tally.artists.append(self.artists[use])

    def ratio(self, model: str, metric: str, totals: FloatArray, weights: FloatArray) -> None:
        """Add sums (n,) over cells of each track, and how many cells (n,)."""
        unit, better, is_median = _UNITS[metric]
        tally = self.tallies.setdefault((model, metric), _Tally(unit, better, is_median=is_median))
        tally.totals.append(totals.astype(np.float64))
        tally.weights.append(weights.astype(np.float64))
        tally.artists.append(self.artists)


def _judge_total(add: _Adder, library: Released, tested: Released, guess: Expected) -> None:
    came = tested.value
    known = np.isfinite(came) & np.isfinite(guess.plays)
    add(MODEL, "plays_error", np.abs(log_of(guess.plays) - log_of(came)), known)
    ranged = known & np.isfinite(guess.low)
    add(MODEL, "plays_coverage", (guess.low <= came) & (came <= guess.high), ranged)
    add(MODEL, "plays_range", log_of(guess.high) - log_of(guess.low), ranged)
    values = library.value[np.isfinite(library.value)]
    if not len(values):
        return
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    add(MEDIAN, "plays_error", np.abs(log_of(came) - log_of(middle)), known)
    add(MEDIAN, "plays_coverage", (low <= came) & (came <= high), known)
    add(MEDIAN, "plays_range", np.full(len(came), log_of(high) - log_of(low)), known)
    own = {
        artist: np.median(library.value[mine])
        for artist in set(tested.artist_ids.tolist())
        if (mine := (library.artist_ids == artist) & np.isfinite(library.value)).any()
    }
    if own:
        medians = np.array([own.get(artist, middle) for artist in tested.artist_ids.tolist()])
        add(ARTIST_MEDIAN, "plays_error", np.abs(log_of(came) - log_of(medians)), known)


def _own_plays(library: Released, tested: Released, kind: str) -> FloatArray:
    """(n, P) plays of the artists' tracks in the library."""
    ids, codes = np.unique(library.artist_ids, return_inverse=True)
    sums = np.zeros((len(ids), len(library.places[kind].ids)))
    np.add.at(sums, codes.reshape(-1), library.places[kind].plays)
    place = np.searchsorted(ids, tested.artist_ids)
    return sums[np.minimum(place, len(ids) - 1)]


def _judge_kind(add: _Adder, kind: str, library: Released, tested: Released, guess: Expected, is_known: bool) -> None:
    plays = tested.places[kind].plays
    total = plays.sum(axis=1, keepdims=True)
    is_open = tested.places[kind].is_open
    enough = total[:, 0] >= LEAST_PLAYS
    market = market_of(library.places[kind]) * is_open
    models = {MODEL: guess.shares[kind], MARKET: market / np.maximum(market.sum(axis=1, keepdims=True), 1e-300)}
    if is_known:
        own = _own_plays(library, tested, kind)
        models[OWN] = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-300)
    for model, shares in models.items():
        add(model, f"{kind}_error", variation(shares, plays), enough)
        if kind == COUNTRY:
            true, named = (np.argsort(-found, axis=1, kind="stable")[:, :TOP] for found in (plays, shares))
            recall = (true[:, :, None] == named[:, None, :]).any(axis=2).mean(axis=1)
            add(model, f"country_recall_{TOP}", recall, enough)
    came = tested.value[:, None] * plays / np.maximum(total, 1e-300)
    judged = is_open & (guess.plays[:, None] * guess.shares[kind] >= LEAST_EXPECTED)
    judged &= np.isfinite(came) & np.isfinite(guess.cell_low[kind]) & (total > 0)
    held = judged & (guess.cell_low[kind] <= came) & (came <= guess.cell_high[kind])
    add.ratio(MODEL, f"{kind}_coverage", held.sum(axis=1), judged.sum(axis=1))


def _judge_clusters(
    add: _Adder, library: Released, tested: Released, guess: Expected, truth: Truth, is_known: bool
) -> None:
    ids = library.places[CLUSTER].ids
    if not len(ids):
        return
    true = np.array([truth.clusters.get(artist, "") for artist in tested.artist_ids.tolist()], dtype=np.str_)
    use = true != ""
    add(MODEL, "cluster_first", ids[guess.shares[CLUSTER].argmax(axis=1)] == true, use)
    if is_known:
        add(OWN, "cluster_first", ids[_own_plays(library, tested, CLUSTER).argmax(axis=1)] == true, use)
    artists = np.unique(library.artist_ids).tolist()
    clusters = [truth.clusters[artist] for artist in artists if artist in truth.clusters]
    largest = _most_common(clusters)
    by_genre: dict[str, list[str]] = {}
    for artist in artists:
        if artist in truth.clusters and artist in truth.genres:
            by_genre.setdefault(truth.genres[artist], []).append(truth.clusters[artist])
    of_genre = {genre: _most_common(found) for genre, found in by_genre.items()}
    genres = [of_genre.get(truth.genres.get(artist, ""), largest) for artist in tested.artist_ids.tolist()]
    add(LARGEST, "cluster_first", true == largest, use)
    if of_genre:
        add(GENRE, "cluster_first", true == np.array(genres, dtype=np.str_), use)


def _most_common(names: Sequence[str]) -> str:
    found, counts = np.unique(np.array(names, dtype=np.str_), return_counts=True)
    return str(found[counts.argmax()]) if len(found) else ""


def _popular(library: Released) -> list[str]:
    ids, codes = np.unique(library.artist_ids, return_inverse=True)
    plays = np.bincount(codes.reshape(-1), weights=library.places[COUNTRY].plays.sum(axis=1), minlength=len(ids))
    return ids[np.argsort(-plays, kind="stable")[: SIMILAR + 1]].tolist()


def _judge_artists(add: _Adder, tested: Released, guess: Expected, truth: Truth, popular: Sequence[str]) -> None:
    """Of the artist's ten true neighbours, those with tracks in the library, the share that is named."""
    known = set(guess.artists.tolist())
    values = {MODEL: np.full(len(tested), np.nan), POPULAR: np.full(len(tested), np.nan)}
    for row, artist in enumerate(tested.artist_ids.tolist()):
        true = [other for other in truth.neighbours.get(artist, ()) if other in known][:SIMILAR]
        if true:
            named = [str(guess.artists[place]) for place in guess.similar[row] if place >= 0]
            dummy = [other for other in popular if other != artist][:SIMILAR]
            for model, said in ((MODEL, named), (POPULAR, dummy)):
                values[model][row] = len(set(said) & set(true)) / len(true)
    for model, found in values.items():
        add(model, f"artist_overlap_{SIMILAR}", found, np.isfinite(found))


def _scores(tallies: Tallies, rng: np.random.Generator) -> list[Score]:
    """One score a metric and model, all in the same draws of artists."""
    names = np.unique(np.concatenate([artists for tally in tallies.values() for artists in tally.artists] or [[""]]))
    drawn = draw_groups(len(names), rng)
    scores: list[Score] = []
    for (model, metric), tally in tallies.items():
        totals, weights = np.concatenate(tally.totals), np.concatenate(tally.weights)
        group = np.searchsorted(names, np.concatenate(tally.artists))
        if not weights.sum():
            continue
        if tally.is_median:
            value, low, high = _median_interval(totals, group, drawn)
        else:
            sums, counts = (np.bincount(group, weights=part, minlength=len(names)) for part in (totals, weights))
            value, low, high = ratio_interval(sums.astype(np.float64), counts.astype(np.float64), drawn)
        groups = len(np.unique(group[weights > 0]))
        scores.append(Score(model, metric, value, low, high, tally.unit, tally.better, model != MODEL, groups))
    return scores


def _median_interval(values: FloatArray, group: IntArray, drawn: FloatArray) -> tuple[float, float, float]:
    """The median of values (m,) with its 90 % interval over draws (D, G) of their groups (m,)."""
    order = np.argsort(values, kind="stable")
    place = np.empty(len(drawn), dtype=np.int64)
    size = max(BLOCK // max(len(values), 1), 1)
    for first in range(0, len(drawn), size):
        mass = np.cumsum(drawn[first : first + size, group[order]], axis=1)
        place[first : first + size] = np.minimum((mass < mass[:, -1:] / 2).sum(axis=1), len(values) - 1)
    low, high = np.quantile(values[order][place], (0.05, 0.95))
    return float(np.median(values)), float(low), float(high)
