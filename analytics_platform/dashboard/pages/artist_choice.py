"""Which artist is looked at, beside which other one, and in which country: for the artist page and the report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import polars as pl
import pycountry
import streamlit as st

from analytics_platform.dashboard.kept import choose, data_set, given
from analytics_platform.dashboard.look import day, plain
from analytics_platform.dashboard.look import days as window_name
from analytics_platform.dashboard.parts import empty, note
from analytics_platform.dashboard.reading import rows

if TYPE_CHECKING:
    from datetime import date

    from streamlit.delta_generator import DeltaGenerator

FEW = 500
"""Up to so many artists are one list; more are found by name first: a list of 20,000 makes every click slow."""
MATCHES = 50
"""Artists offered for a name."""

# One row per artist: every artist has the least devoted segment.
ARTISTS = """
select artist_id, artist_name, listeners, window_start, window_end
from marts.artist_fans
where data_set = $data and window_days = $days and segment_rank = 1
order by listeners desc, artist_id asc
"""

COUNTRIES = """
select country, sum(plays) as plays
from marts.plays_daily
where artist_id = $artist and country <> 'ZZ'
group by country
order by plays desc, country asc
"""


@dataclass(frozen=True, slots=True)
class Artist:
    """The artist that is looked at, and over which window."""

    artist_id: str
    name: str
    listeners: int
    data: str
    days: int
    start: date | None
    end: date | None

    @property
    def span(self) -> str:
        """The window in words, like ``the last 28 days (4 Mar 2026 to 31 Mar 2026)``."""
        if self.start is None:
            return window_name(self.days)
        return f"{window_name(self.days)} ({day(self.start)} to {day(self.end)})"

    @property
    def name_shown(self) -> str:
        """The name for use in markdown."""
        return plain(self.name)


def artists(data: str, days: int) -> pl.DataFrame:
    """All artists with listeners in a window, the most heard first."""
    return rows(ARTISTS, data=data, days=days)


def choose_artist(days: int, told: DeltaGenerator) -> Artist | None:
    """Let the reader choose the artist, seen over ``days``; None if there is none to choose.

    Args:
        days: The window.
        told: Where to say that the address names nobody.
    """
    data = data_set()
    known = artists(data, days)
    if known.is_empty():
        with told:
            empty("There are no artists with listeners yet.", "fans")
        return None
    first, most_heard = known["artist_id"][0], known["artist_name"][0]
    asked = given("artist")
    is_known = asked is not None and asked in known["artist_id"]
    if asked is not None and not is_known:
        with told:
            note(
                f"There is no artist “{plain(asked)}” with listeners in {window_name(days)}. "
                f"Shown instead: {plain(most_heard)}, who has the most listeners."
            )
    names = _options(known, asked if is_known else first)
    picked = choose(st.selectbox, "Artist", "artist", list(names), first, format_func=names.__getitem__)
    row = known.row(by_predicate=pl.col("artist_id") == picked, named=True)
    return Artist(
        row["artist_id"], row["artist_name"], row["listeners"], data, days, row["window_start"], row["window_end"]
    )


def choose_other(artist: Artist, told: DeltaGenerator) -> Artist | None:
    """Let the reader choose an artist to compare with; None if nobody."""
    known = artists(artist.data, artist.days)
    asked = given("against")
    is_known = asked is not None and asked in known["artist_id"]
    if asked is not None and not is_known:
        with told:
            note(f"There is no artist “{plain(asked)}” to compare with in {window_name(artist.days)}.")
    names = _options(known, asked if is_known else None)
    options = [key for key in names if key != artist.artist_id]
    picked = choose(
        st.selectbox,
        "Compare with",
        "against",
        options,
        None,
        format_func=names.__getitem__,
        index=None,
        placeholder="the label only",
    )
    if picked is None:
        return None
    row = known.row(by_predicate=pl.col("artist_id") == picked, named=True)
    return Artist(picked, row["artist_name"], row["listeners"], artist.data, artist.days, artist.start, artist.end)


def choose_country(artist: Artist, told: DeltaGenerator) -> str | None:
    """Let the reader choose a country, ISO 3166-1 alpha-2; None for all."""
    options = rows(COUNTRIES, artist=artist.artist_id)["country"].to_list()
    asked = given("country")
    if asked is not None and asked not in options:
        if name_of_country(asked) is None:
            with told:
                note(f"There is no country “{plain(asked)}”: use two capital letters, like ES. Shown: all countries.")
        else:
            # A country without plays can still be one to go to.
            options.append(asked)
    return choose(
        st.selectbox,
        "Country",
        "country",
        options,
        None,
        format_func=country_name,
        index=None,
        placeholder="all countries",
        help="Narrows streams, segments and movement; the map below chooses it too.",
    )


def find_by_name(days: int) -> None:
    """A field to find an artist by name, where there are too many for one list."""
    if artists(data_set(), days).height > FEW:
        st.text_input(
            "Find an artist by name",
            key="find_artist",
            placeholder="part of a name",
            help=f"The lists then offer the {MATCHES} most heard artists whose name has it.",
        )


@cache
def name_of_country(code: str) -> str | None:
    """English name of an alpha-2 code, written as in marts.potential_streams; None if there is no such country."""
    found = pycountry.countries.get(alpha_2=code)
    return None if found is None else str(getattr(found, "common_name", found.name)).split(",")[0]


def country_name(code: str) -> str:
    """English name of a country, the code itself if it has none."""
    return "unknown country" if code == "ZZ" else name_of_country(code) or code


def _options(known: pl.DataFrame, current: str | None) -> dict[str, str]:
    """Names by id of artists to choose from: all if few, else those whose name was looked for, and the current one.

    A widget keeps its options for every reader, so there are never thousands.
    """
    if known.height <= FEW:
        return _names(known.sort(pl.col("artist_name").str.to_lowercase()))
    asked = str(st.session_state.get("find_artist", "")).strip().lower()
    found = known.filter(pl.col("artist_name").str.to_lowercase().str.contains(asked, literal=True)) if asked else known
    best = _names(found.head(MATCHES))
    if current is None or current in best:
        return best
    return _names(known.filter(pl.col("artist_id") == current)) | best


def _names(artists: pl.DataFrame) -> dict[str, str]:
    return dict(zip(artists["artist_id"], artists["artist_name"], strict=True))
