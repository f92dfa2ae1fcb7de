"""The label's own roster: what no vendor tells, its artists' genres, where it may not sell them, what comes out when.

``Roster_Genres_<licensor>_20260316.tsv`` (artist, genre, position: 1 is the main genre and the default),
``Roster_Territories_<licensor>_20260316.tsv`` (artist, excluded_territory: a country where the artist's
catalogue is not available) and ``Roster_Releases_<licensor>_20260316.tsv`` (isrc, release_date), TSV with
a header, plain or packed. Each file says all there is: the newest day's files count, and one with a header
only says that there is nothing to say.
"""

from __future__ import annotations

import re

import pycountry

from analytics_platform.streams.contract import Output, Resource, Rule, names
from analytics_platform.streams.feeds import sql
from analytics_platform.streams.tables import FIRST_RECORDING, ROSTER_GENRES, ROSTER_RELEASES, ROSTER_TERRITORIES

COUNTRIES = tuple(sorted(country.alpha_2 for country in pycountry.countries))
"""All codes of ISO 3166-1 alpha-2."""
MOST_DAYS_AHEAD = 3_650
"""A release farther ahead is a slip of the pen."""


def _pattern(report: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|/)Roster_{report}_(?P<licensor>[\w-]+?)_(?P<date>\d{{8}})(?:\.\w+)*$", re.I)


GENRES = Resource(
    vendor="roster",
    name="genres",
    pattern=_pattern("Genres"),
    form="tsv",
    sources=(names("artist", required=True), names("genre", required=True), names("position", name="place")),
    typed={"position": "coalesce(try_cast(place as integer), 1)"},
    rules=(
        sql.needs("artist", "no artist"),
        sql.needs("genre", "no genre"),
        Rule(
            "position is no positive number",
            "place is not null and coalesce(try_cast(place as integer) < 1, true)",
            "place",
        ),
    ),
    duplicates_by=("artist", "genre"),
    outputs=(Output(ROSTER_GENRES, {"artist_name": "artist", "genre": "genre", "position": "position"}),),
    is_statement=True,
)

TERRITORIES = Resource(
    vendor="roster",
    name="territories",
    pattern=_pattern("Territories"),
    form="tsv",
    sources=(names("artist", required=True), names("excluded_territory", name="territory", required=True)),
    typed={"country": sql.country("trim(territory)")},
    rules=(
        sql.needs("artist", "no artist"),
        Rule("country is missing or unknown", f"country is null or country not in {COUNTRIES}", "territory"),
    ),
    duplicates_by=("artist", "country"),
    outputs=(Output(ROSTER_TERRITORIES, {"artist_name": "artist", "country": "country"}),),
    is_statement=True,
)

RELEASES = Resource(
    vendor="roster",
    name="releases",
    pattern=_pattern("Releases"),
    form="tsv",
    sources=(names("isrc", required=True), names("release_date", name="released", required=True)),
    typed={"code": sql.isrc("trim(isrc)"), "released_on": sql.day("trim(released)")},
    rules=(
        Rule("isrc is missing or unreadable", "code is null", "isrc"),
        Rule("release date is missing or unreadable", "released_on is null", "released"),
        Rule(
            "release date is before 1860 or ten years ahead",
            f"released_on not between date '{FIRST_RECORDING}' and {sql.INGEST_DATE} + {MOST_DAYS_AHEAD}",
            "released",
        ),
    ),
    duplicates_by=("code", "released_on"),
    outputs=(Output(ROSTER_RELEASES, {"isrc": "code", "release_date": "released_on"}),),
    is_statement=True,
)

RESOURCES = (GENRES, TERRITORIES, RELEASES)
