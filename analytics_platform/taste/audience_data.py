"""What an audience is estimated from: released tracks as arrays, with who plays them, and the files to be placed.

Shapes: T released tracks, n files, P places of a kind (countries, or clusters of artists), d factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.market_data import country_name

if TYPE_CHECKING:
    import polars as pl

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

CLUSTER, COUNTRY = "cluster", "country"
KINDS = (CLUSTER, COUNTRY)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the plays of released tracks came from."""

    ids: NDArray[np.str_]
    """(P,) ISO codes or numbers of clusters, in order."""
    names: NDArray[np.str_]
    """(P,)."""
    plays: FloatArray
    """(T, P)."""
    listeners: FloatArray
    """(T, P) distinct listeners of the track's artist there."""
    is_open: BoolArray
    """(T, P) whether the track can be played there."""

    def take(self, rows: IntArray) -> Places:
        """The tracks of these rows."""
        return Places(self.ids, self.names, self.plays[rows], self.listeners[rows], self.is_open[rows])


@dataclass(frozen=True, slots=True)
class Released:
    """Released tracks (T). Factors are of length 1, or NaN where unknown; so are the numbers."""

    isrcs: NDArray[np.str_]
    artist_ids: NDArray[np.str_]
    factors: FloatArray
    """(T, d) from plays."""
    by_artists: FloatArray
    """(T, d) from sound, by a model that never heard the artist."""
    by_tracks: FloatArray
    """(T, d) from sound, by a model that knows other tracks of the artist."""
    value: FloatArray
    """(T,) plays in the target's window, 0 or more."""
    expected: FloatArray
    """(T,) percentile, 0 to 1, that a model expected without having heard the artist."""
    places: Mapping[str, Places]
    """By kind."""

    def __post_init__(self) -> None:
        tracks = len(self.isrcs)
        for rows in (self.artist_ids, self.value, self.expected):
            if rows.shape != (tracks,):
                raise ValueError(f"{rows.shape} rows for {tracks} tracks")
        if not (self.factors.shape == self.by_artists.shape == self.by_tracks.shape) or len(self.factors) != tracks:
            raise ValueError("all factors are (tracks, d)")
        if any(places.plays.shape != (tracks, len(places.ids)) for places in self.places.values()):
            raise ValueError("plays are (tracks, places)")

    def __len__(self) -> int:
        return len(self.isrcs)

    def take(self, rows: IntArray) -> Released:
        """The tracks of these rows."""
        return Released(
            self.isrcs[rows],
            self.artist_ids[rows],
            self.factors[rows],
            self.by_artists[rows],
            self.by_tracks[rows],
            self.value[rows],
            self.expected[rows],
            {kind: places.take(rows) for kind, places in self.places.items()},
        )


@dataclass(frozen=True, slots=True)
class Files:
    """Unreleased files (n)."""

    files: Sequence[str]
    artist_ids: Sequence[str | None]
    factors: FloatArray
    """(n, d) from sound alone, of length 1."""
    expected: FloatArray
    """(n,) percentile of the score, 0 to 1; NaN without one."""
    is_open: BoolArray
    """(n, C) where the artist's music may be played, in the order of the countries of ``Released``."""


def closed_cells(artist_ids: Sequence[str | None], countries: Sequence[str], closed: pl.DataFrame) -> BoolArray:
    """(n, C) whether music of these artists can be played in these countries.

    Args:
        artist_ids: (n,); None: not known, so nothing is closed.
        countries: (C,) ISO codes.
        closed: artist_id, country, as ``streams.closed_markets``.
    """
    column = {country: place for place, country in enumerate(countries)}
    shut: dict[str, list[int]] = {}
    for artist, country in closed.select("artist_id", "country").iter_rows():
        if country in column:
            shut.setdefault(artist, []).append(column[country])
    is_open = np.ones((len(artist_ids), len(countries)), dtype=bool)
    for row, artist in enumerate(artist_ids):
        is_open[row, shut.get(artist or "", [])] = False
    return is_open


def released_tracks(
    isrcs: NDArray[np.str_],
    artist_ids: NDArray[np.str_],
    factors: tuple[FloatArray, FloatArray, FloatArray],
    listening: pl.DataFrame,
    outcomes: pl.DataFrame,
    expected: Mapping[str, float],
    clusters: pl.DataFrame,
    closed: pl.DataFrame,
) -> Released:
    """Arrays from what the tables hold.

    Args:
        isrcs: (T,).
        artist_ids: (T,).
        factors: from plays, and from sound by artists and by tracks, (T, d) each.
        listening: rows of ``taste.released_audience``.
        outcomes: isrc, value of the score's target, from ``tracks.outcomes``.
        expected: percentiles that the model in use expected of released tracks, by ISRC.
        clusters: cluster_id, cluster_name; rows may repeat.
        closed: artist_id, country.
    """
    names = dict(clusters.select("cluster_id", "cluster_name").drop_nulls().unique().sort("cluster_name").iter_rows())
    values = dict(outcomes.select("isrc", "value").iter_rows())
    places: dict[str, Places] = {}
    for kind in KINDS:
        ids, plays, listeners = _dense(listening, kind, isrcs)
        is_country = kind == COUNTRY
        labels = [country_name(place) if is_country else str(names.get(int(place), place)) for place in ids.tolist()]
        is_open = np.ones(plays.shape, dtype=bool)
        if is_country:
            is_open = closed_cells(artist_ids.tolist(), ids.tolist(), closed)
        places[kind] = Places(ids, np.array(labels, dtype=np.str_), plays, listeners, is_open)
    true, by_artists, by_tracks = (array.astype(np.float64) for array in factors)
    return Released(
        isrcs,
        artist_ids,
        true,
        by_artists,
        by_tracks,
        np.array([values.get(isrc, np.nan) for isrc in isrcs.tolist()], dtype=np.float64),
        np.array([expected.get(isrc, np.nan) for isrc in isrcs.tolist()], dtype=np.float64),
        places,
    )


def _dense(
    listening: pl.DataFrame, kind: str, isrcs: NDArray[np.str_]
) -> tuple[NDArray[np.str_], FloatArray, FloatArray]:
    """Ids of the places of a kind, plays (T, P), and listeners (T, P) of the artists there."""
    import polars as pl

    rows = listening.filter(pl.col("kind") == kind)
    ids = np.unique(rows["place"].to_numpy().astype(np.str_))
    tracks = pl.DataFrame({"isrc": pl.Series(isrcs, dtype=pl.String)}).with_row_index("row")
    columns = pl.DataFrame({"place": pl.Series(ids, dtype=pl.String)}).with_row_index("column")
    found = rows.join(tracks, on="isrc").join(columns, on="place")
    where = found["row"].to_numpy(), found["column"].to_numpy()
    plays, listeners = np.zeros((len(isrcs), len(ids))), np.zeros((len(isrcs), len(ids)))
    plays[where] = found["plays"].to_numpy()
    listeners[where] = found["artist_listeners"].to_numpy()
    return ids, plays, listeners
