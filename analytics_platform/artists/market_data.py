"""Markets from the lake, and potential streams as rows: arrays on one side, tables on the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.market_baselines import document_gap, original_code
from analytics_platform.artists.markets import Markets, Potential
from analytics_platform.fans.levels import Window
from analytics_platform.fans.segments import UNKNOWN_ARTIST

if TYPE_CHECKING:
    import polars as pl

NEIGHBOURS = 40
"""Similar artists that an estimate rests on."""
UNKNOWN_COUNTRY = "ZZ"
LEAST_Z = 1.0
"""Gaps below one standard error of a count get no rank: they may be nothing at all."""
NO_GAP = "no clear gap: about as many plays as similar artists suggest, or more"
NOT_AVAILABLE = "not available"
TOO_FEW = "too few similar artists are established there"


@dataclass(frozen=True, slots=True)
class Cells:
    """What the rows and columns of ``markets`` are."""

    artist_ids: NDArray[np.str_]
    """(A,): artists with plays in a known country, in order."""
    countries: NDArray[np.str_]
    """(C,): countries with plays of anybody, in order."""
    markets: Markets

    def dense(self, plays: pl.DataFrame) -> NDArray[np.float64]:
        """Plays (A, C) of rows artist_id, country, plays. Other artists and countries are left out."""
        return _dense(plays, self.artist_ids, self.countries)


def _dense(plays: pl.DataFrame, ids: NDArray[np.str_], countries: NDArray[np.str_]) -> NDArray[np.float64]:
    found = _places(plays, ids, countries)
    dense = np.zeros((len(ids), len(countries)))
    dense[found["row"].to_numpy(), found["column"].to_numpy()] = found["plays"].to_numpy()
    return dense


def _places(frame: pl.DataFrame, ids: NDArray[np.str_], countries: NDArray[np.str_]) -> pl.DataFrame:
    """Rows of artist_id and country with the numbers of their cells, row and column; others are left out."""
    import polars as pl

    artist_no = pl.DataFrame({"artist_id": pl.Series(ids, dtype=pl.String)}).with_row_index("row")
    country_no = pl.DataFrame({"country": pl.Series(countries, dtype=pl.String)}).with_row_index("column")
    return frame.join(artist_no, on="artist_id").join(country_no, on="country")


def plays_sql(days: str, window: Window) -> str:
    """SQL for artist_id, country and plays in a window, from rows like ``streams.artist_country_days``."""
    return f"""
select artist_id, country, cast(sum(plays) as bigint) as plays
from {days}
where {window.sql()} and artist_id <> '{UNKNOWN_ARTIST}' and country <> '{UNKNOWN_COUNTRY}'
group by artist_id, country"""


def neighbour_frame(ids: NDArray[np.str_], rows: NDArray[np.int32], score: NDArray[np.floating]) -> pl.DataFrame:
    """Neighbours (A, k) as rows like those of ``marts.similar_artists``."""
    import polars as pl

    artist, place = np.nonzero(rows >= 0)
    return pl.DataFrame(
        {
            "artist_id": ids[artist],
            "neighbour_rank": (place + 1).astype(np.int16),
            "similar_artist_id": ids[rows[artist, place]],
            "score": score[artist, place].astype(np.float64),
        },
        schema_overrides={"artist_id": pl.String, "similar_artist_id": pl.String},
    )


def market_cells(plays: pl.DataFrame, neighbours: pl.DataFrame, closed: pl.DataFrame) -> Cells:
    """Arrays from rows.

    Args:
        plays: artist_id, country, plays.
        neighbours: artist_id, neighbour_rank, similar_artist_id, score (0 to 1).
        closed: artist_id, country where the catalogue is not available.
    """
    import polars as pl

    ids = np.unique(plays["artist_id"].to_numpy()).astype(str)
    countries = np.unique(plays["country"].to_numpy()).astype(str)
    artist_no = pl.DataFrame({"artist_id": pl.Series(ids, dtype=pl.String)}).with_row_index("row")
    dense = _dense(plays, ids, countries)
    available = np.ones(dense.shape, dtype=bool)
    shut = _places(closed, ids, countries)
    available[shut["row"].to_numpy(), shut["column"].to_numpy()] = False

    near = (
        neighbours.filter(pl.col("neighbour_rank") <= NEIGHBOURS)
        .join(artist_no, on="artist_id")
        .join(artist_no.rename({"artist_id": "similar_artist_id", "row": "other"}), on="similar_artist_id")
        .sort("row", "neighbour_rank")
        .with_columns(place=pl.int_range(pl.len()).over("row"))
    )
    rows = np.full((len(ids), NEIGHBOURS), -1, dtype=np.int32)
    similarity = np.zeros(rows.shape)
    where = near["row"].to_numpy(), near["place"].to_numpy()
    rows[where] = near["other"].to_numpy()
    similarity[where] = np.clip(near["score"].to_numpy(), 0, 1)
    return Cells(ids, countries, Markets(dense, available, rows, similarity))


def potential_frame(cells: Cells, potential: Potential, names: dict[str, str]) -> pl.DataFrame:
    """Rows of ``marts.potential_streams``, without data set, window and version.

    Args:
        cells: what was estimated.
        potential: the estimates.
        names: names of artists by id.
    """
    import polars as pl

    markets = cells.markets
    artists, countries = markets.plays.shape
    labels = np.array([names.get(artist, artist) for artist in cells.artist_ids.tolist()], dtype=object)
    gap = potential.expected - markets.plays
    z = np.where(potential.z >= LEAST_Z, potential.z, -np.inf)
    order = np.argsort(-z, axis=1, kind="stable")
    rank = np.empty(order.shape, dtype=np.int16)
    np.put_along_axis(rank, order, np.arange(1, countries + 1, dtype=np.int16)[None, :], axis=1)
    ranked = np.isfinite(z)
    reason = np.full(z.shape, NO_GAP, dtype=object)
    reason[~np.isfinite(potential.expected)] = TOO_FEW
    without = potential.reasons != ""
    reason[without] = potential.reasons[without, None]
    reason[~markets.available] = NOT_AVAILABLE
    reason[ranked] = None
    known = np.isfinite(potential.expected)

    def column(values: NDArray[np.float64], shown: NDArray[np.bool_]) -> pl.Series:
        return pl.Series(np.where(shown, values, np.nan).ravel()).fill_nan(None)

    original = original_code(markets)
    document = document_gap(markets)
    return pl.DataFrame(
        {
            "artist_id": np.repeat(cells.artist_ids, countries),
            "artist_name": pl.Series(np.repeat(labels, countries).tolist(), dtype=pl.String),
            "country": np.tile(cells.countries, artists),
            "country_name": pl.Series([country_name(code) for code in cells.countries.tolist()] * artists),
            "actual_plays": markets.plays.ravel().astype(np.int64),
            "expected_plays": column(potential.expected, known),
            "expected_low": column(potential.low, known & np.isfinite(potential.low)),
            "expected_high": column(potential.high, known & np.isfinite(potential.high)),
            "gap_plays": column(gap, known),
            "z": column(potential.z, known),
            "market_rank": pl.Series(rank.ravel()),
            "reason": pl.Series(reason.ravel().tolist(), dtype=pl.String),
            "neighbours": _driver_names(potential.drivers, labels),
            "is_available": markets.available.ravel(),
            "is_home": (np.arange(countries)[None, :] == potential.home[:, None]).ravel(),
            "is_established": potential.established.ravel(),
            "document_gap_plays": column(document, np.isfinite(document)),
            "original_code_plays": column(original, np.isfinite(original)),
        }
    ).with_columns(market_rank=pl.when(pl.col("reason").is_null()).then("market_rank"))


def _driver_names(drivers: NDArray[np.int32], labels: NDArray[np.object_]) -> pl.Series:
    """Names (A · C) of the neighbours (A, C, D) behind each number, comma-separated; null if there are none."""
    import polars as pl

    flat = drivers.reshape(-1, drivers.shape[2])
    cell, place = np.nonzero(flat >= 0)
    rows = pl.DataFrame({"cell": cell, "name": pl.Series(labels[flat[cell, place]].tolist(), dtype=pl.String)})
    joined = rows.group_by("cell", maintain_order=True).agg(pl.col("name").str.join(", "))
    every = pl.DataFrame({"cell": np.arange(len(flat))})
    return every.join(joined, on="cell", how="left", maintain_order="left")["name"].rename("neighbours")


@cache
def country_name(code: str) -> str:
    """The English name of an ISO 3166-1 alpha-2 code, without its official addition; the code itself if unknown."""
    import pycountry

    found = pycountry.countries.get(alpha_2=code)
    return code if found is None else str(getattr(found, "common_name", found.name)).split(",")[0]
