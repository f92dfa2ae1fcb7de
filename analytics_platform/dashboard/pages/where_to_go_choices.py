"""What the reader asks of all artists × countries, and the SQL that answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from analytics_platform.dashboard.kept import choose, given
from analytics_platform.dashboard.look import plain
from analytics_platform.dashboard.parts import note
from analytics_platform.dashboard.reading import rows

GENRES = "select genre from streams.artist_genres group by genre order by count(*) desc, genre"
CLUSTERS = """
select cast(cluster_id as varchar) as cluster_id, max(cluster_name) as cluster_name
from marts.artist_clusters
where data_set = $data and resolution = 'broad' and cluster_id is not null
group by cluster_id
order by artist_clusters.cluster_id
"""
COUNTRIES = """
select country, max(country_name) as country_name from marts.potential_streams
where data_set = $data
group by country
order by country_name
"""

SIZES = {
    "small": ("up to 99 listeners", 0, 99),
    "middling": ("100 to 999 listeners", 100, 999),
    "large": ("1,000 to 9,999 listeners", 1_000, 9_999),
    "star": ("10,000 listeners or more", 10_000, 1_000_000_000),
}
"""Words, fewest and most listeners by the value in the address."""

SORTS = {
    "potential": ("Potential streams", "gap_plays", True),
    "low": ("Low end of the potential", "expected_low - actual_plays", True),
    "high": ("High end of the potential", "expected_high - actual_plays", True),
    "clearness": ("How clear the gap is (z)", "z", True),
    "rank": ("Rank for the artist", "market_rank", False),
    "streams": ("Streams now", "actual_plays", True),
    "expected": ("Expected streams", "expected_plays", True),
    "listeners": ("Listeners of the artist", "listeners", True),
    "artist": ("Artist", "artist_name", False),
    "country": ("Country", "country_name", False),
    "standing": ("Standing", "standing", False),
    "neighbours": ("Similar artists behind it", "neighbours", False),
    "reason": ("Why there is no rank", "reason", False),
}
"""Words, SQL and whether the largest come first, by the value in the address."""

SHOWN = 500
"""Rows that go to the browser at most."""
EXPORTED = 20_000
"""Rows of a CSV at most: a download is made in memory."""

BASE = """
from marts.potential_streams as potential
left join (
    select artist_id as fan_artist_id, listeners from marts.artist_fans
    where data_set = $data and window_days = $window_days and segment_rank = 1
) as fans on potential.artist_id = fans.fan_artist_id
where data_set = $data
"""
COLUMNS = """
select
    artist_id, artist_name, country, country_name,
    cast(round(gap_plays) as bigint) as potential_streams,
    cast(round(expected_low - actual_plays) as bigint) as potential_low,
    cast(round(expected_high - actual_plays) as bigint) as potential_high,
    market_rank,
    actual_plays,
    cast(round(expected_plays) as bigint) as expected_plays,
    case
        when not is_available then 'closed'
        when is_home then 'home'
        when is_established then 'established'
        else 'new ground'
    end as standing,
    listeners, neighbours, reason, z, window_days, window_start, window_end, model_version
"""
CONDITIONS = {
    "genre": "artist_id in (select artist_id from streams.artist_genres where genre = $genre)",
    "cluster": """artist_id in (
        select artist_id from marts.artist_clusters
        where data_set = $data and resolution = 'broad' and cluster_id = cast($cluster as integer)
    )""",
    "size": "listeners between $fewest and $most",
    "country": "country = $country",
}


@dataclass(frozen=True)
class Choices:
    """What the reader has chosen.

    Attributes:
        values: Parameters of the queries by name; a filter that is not set is not in it.
        openings: Whether only countries with a rank are asked for.
        sort: A key of ``SORTS``.
        descending: Whether the largest come first.
    """

    values: Mapping[str, Any]
    openings: bool
    sort: str
    descending: bool

    def where(self, *, anywhere: bool = False, openings: bool | None = None) -> str:
        """The conditions, to append to ``BASE``; ``anywhere`` leaves the chosen country out."""
        names = {"size": "fewest"}
        set_ = [sql for name, sql in CONDITIONS.items() if names.get(name, name) in self.values]
        if anywhere:
            set_ = [sql for sql in set_ if sql != CONDITIONS["country"]]
        if self.openings if openings is None else openings:
            set_.append("market_rank is not null")
        return "".join(f"    and {sql}\n" for sql in set_)

    def listing(self, limit: int) -> str:
        """The first rows of those that are asked for, sorted."""
        direction = "desc" if self.descending else "asc"
        order = f"order by {SORTS[self.sort][1]} {direction} nulls last, artist_id, country\n"
        return f"{COLUMNS}{BASE}{self.where()}{order}limit {limit}"


def choose_rows(data: str, window_days: int) -> Choices:
    """Let the reader choose; all of it stands in the address."""
    clusters = dict(rows(CLUSTERS, data=data).iter_rows())
    countries = dict(rows(COUNTRIES, data=data).iter_rows())
    genres = {genre: genre for genre in rows(GENRES)["genre"].to_list()}
    sizes = {name: words for name, (words, _, _) in SIZES.items()}
    first, second, third, fourth = st.columns(4)
    with first:
        genre = _one("Genre", "genre", genres, "All genres")
    with second:
        cluster = _one("Cluster", "cluster", clusters, "All clusters", help="Artists who share listeners.")
    with third:
        size = _one(
            "Size of the artist", "size", sizes, "All sizes", help=f"Listeners of the artist in {window_days} days."
        )
    with fourth:
        country = _one("Country", "country", countries, "All countries")
    first, second, third, _ = st.columns(4)
    with first:
        sorts = {name: words for name, (words, _, _) in SORTS.items()}
        sort = _choose(st.selectbox, "Sort by", "sort", sorts, "potential")
    with second:
        usual = "down" if SORTS[sort][2] else "up"
        ways = {"down": "Largest or last first", "up": "Smallest or A first"}
        way = _choose(st.selectbox, "Order", "order", ways, usual)
    with third:
        which = {"openings": "Openings only", "all": "All, with the reasons"}
        rows_ = _choose(
            st.selectbox, "Rows", "rows", which, "openings", help="An opening is a country with a rank: a clear gap."
        )
    values: dict[str, Any] = {"data": data, "window_days": window_days}
    values |= {name: value for name, value in (("genre", genre), ("cluster", cluster), ("country", country)) if value}
    if size:
        values |= {"fewest": SIZES[size][1], "most": SIZES[size][2]}
    return Choices(values, rows_ == "openings", sort, way == "down")


def _one(label: str, name: str, options: Mapping[str, str], all_: str, help: str | None = None) -> str | None:
    """One of the options, or None for all of them; a value in the address that does not exist is named."""
    asked = given(name)
    if asked is not None and asked not in options:
        note(f"There is no {label.lower()} “{plain(asked)}”: {all_.lower()} are shown.")
    chosen = _choose(st.selectbox, label, name, {"": all_, **options}, "", help=help)
    return chosen or None


def _choose(
    widget: Callable[..., Any], label: str, name: str, words: Mapping[str, str], default: str, **how: Any
) -> str:
    chosen = choose(widget, label, name, list(words), default, format_func=lambda value: words.get(value, value), **how)
    return chosen or default
