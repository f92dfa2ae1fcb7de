"""Lakes with planted audiences: groups of artists that have listeners in common, and what a step made of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from analytics_platform.artists.comparing import Compared, compare_artists
from analytics_platform.fans.levels import KEY_ALPHABET
from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.streams.tables import ARTIST_GENRES, ARTIST_NAMES
from analytics_platform_tests.fans.lakes import END, write_pairs, write_table

LEAST = 10
"""Listeners that an artist must have, and that are published."""
GENRES = ("polka", "dub", "gamelan", "fado")
"""Main genre of each group."""


def artist(number: int) -> str:
    return f"artist-{number:03}"


def group_of(artist_id: str, groups: int) -> int:
    """The planted group; of a numbered artist only."""
    return int(artist_id.rsplit("-", 1)[1]) % groups


def listener(number: int) -> str:
    """A key as ingestion makes it: its first character is any of 64."""
    return f"{KEY_ALPHABET[number * 37 % 64]}{number:05}"


def grouped_pairs(
    listeners: int, artists: int, groups: int, *, seed: int = 1, faithful: float = 0.9, heard: int = 8, first: int = 0
) -> pl.DataFrame:
    """Pairs of listeners of one group each, who take so much of what they hear from its artists."""
    rng = np.random.default_rng(seed)
    group = np.arange(artists) % groups
    rows: list[tuple[str, str, int]] = []
    for number in range(listeners):
        mine = group == number % groups
        chance = np.where(mine, faithful / mine.sum(), (1 - faithful) / max((~mine).sum(), 1))
        for chosen in rng.choice(artists, size=min(heard, artists), replace=False, p=chance / chance.sum()):
            rows.append((listener(first + number), artist(int(chosen)), int(rng.geometric(0.2))))
    return as_pairs(rows)


def as_pairs(rows: list[tuple[str, str, int]]) -> pl.DataFrame:
    schema = {"listener_key": pl.String, "artist_id": pl.String, "plays": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(first_play_date=pl.lit(None, pl.Date))


def plays_of(artist_id: str, listeners: int, plays: int = 3) -> pl.DataFrame:
    """Pairs of one artist with the first listeners."""
    return as_pairs([(listener(number), artist_id, plays) for number in range(listeners)])


def copy_of(pairs: pl.DataFrame, artist_id: str, twin: str) -> pl.DataFrame:
    """Pairs of an artist who has the listeners and plays of another."""
    return pairs.filter(artist_id=artist_id).with_columns(artist_id=pl.lit(twin))


def write_plays(lake: Lake, pairs: pl.DataFrame, *, end: date | None = END, data_set: str = LABEL) -> None:
    """Replace all plays of a data set; undated without an end."""
    write_pairs(lake, pairs, end=end, window_days=90 if end else 0, data_set=data_set)


def write_known(lake: Lake, artists: int, groups: int) -> None:
    """Names of all artists but the first, and of every group's artists its genre."""
    ids = [artist(number) for number in range(artists)]
    names = pl.DataFrame({"artist_id": ids[1:], "artist_name": [f"Name of {a}" for a in ids[1:]], "tracks": 1})
    write_table(lake, ARTIST_NAMES, names)
    genres = pl.DataFrame(
        {"artist_id": ids, "genre": [GENRES[group_of(a, groups)] for a in ids], "genre_rank": 1}
    ).vstack(pl.DataFrame({"artist_id": ids, "genre": ["pop"] * artists, "genre_rank": 2}))
    write_table(lake, ARTIST_GENRES, genres)


def compare(lake: Lake, least: int = LEAST) -> Compared:
    return compare_artists(lake, models_of(lake), least_listeners=least, say=lambda _: None)


def models_of(lake: Lake) -> Path:
    """Where the settings have them."""
    return Path(lake.root) / "models"


def violations(lake: Lake, table: Table) -> list[str]:
    with lake.connect(table) as connection:
        return [found.rule for found in find_violations(connection, table, table.full_name)]
