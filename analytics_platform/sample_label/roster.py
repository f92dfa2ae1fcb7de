"""The label's own roster: artists' genres, where their catalogues are not available, release dates. Plain TSV.

A file says all there is. One of each kind comes for the first day, and a new one every 30 days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from analytics_platform.sample_label.delivery import Delivery
from analytics_platform.sample_label.faults import Overrides
from analytics_platform.sample_label.files import tsv
from analytics_platform.sample_label.spec import LICENSORS, SPOTIFY, VENDORS, Purpose
from analytics_platform.sample_label.words import COUNTRIES
from analytics_platform.sample_label.world import World, labels

EVERY_DAYS = 30
RELEASE_FAULTS: Overrides = {
    "duplicate": {},
    "null_isrc": {"isrc": None},
    "unreadable_date": {"release_date": "TBA"},
}
"""One row of each kind is in every file of releases."""


def deliveries(world: World, day: int) -> Iterator[Delivery]:
    """The files for a day, if one is due."""
    if day % EVERY_DAYS:
        return
    resources: tuple[tuple[str, pl.DataFrame, Overrides], ...] = (
        ("genres", genre_rows(world), {}),
        ("territories", territory_rows(world), {}),
        ("releases", release_rows(world), RELEASE_FAULTS),
    )
    for resource, good, faults in resources:
        rows = pl.concat([good, *(_broken(good[row], values) for row, values in enumerate(faults.values()))])
        # No order is promised; and no two days' files are the same bytes.
        order = world.spec.random(Purpose.SHUFFLE, len(VENDORS), day).permutation(rows.height)
        path = f"Roster_{resource.title()}_{LICENSORS[SPOTIFY]}_{world.spec.day(day):%Y%m%d}.tsv"
        body = "\t".join(rows.columns).encode() + b"\n" + tsv(rows[order])
        yield Delivery(day + 1, day, path, f"roster/{resource}", body, rows.height, Counter(list(faults)))


def genre_rows(world: World) -> pl.DataFrame:
    """Rows of the genres: artist, genre, position; the style is an artist's second genre."""
    catalogue = world.catalogue
    parts = [
        pl.DataFrame({"artist": catalogue.artist_names, "genre": names, "position": [place] * len(names)})
        for place, names in ((1, catalogue.genres), (2, catalogue.styles))
    ]
    return pl.concat(parts)


def territory_rows(world: World) -> pl.DataFrame:
    """Rows of the excluded territories: artist, country code."""
    artists, countries = np.nonzero(~world.catalogue.is_available)
    names = pl.Series(world.catalogue.artist_names).gather(artists)
    return pl.DataFrame({"artist": names, "excluded_territory": labels(COUNTRIES, countries)})


def release_rows(world: World) -> pl.DataFrame:
    """Rows of the releases: recording code, day; what comes out later is there too."""
    dates = [world.spec.day(day).isoformat() for day in world.catalogue.release_days.tolist()]
    return pl.DataFrame({"isrc": world.catalogue.isrcs, "release_date": dates})


def _broken(rows: pl.DataFrame, values: Mapping[str, str | int | None]) -> pl.DataFrame:
    return rows.with_columns(pl.lit(value, dtype=pl.String).alias(name) for name, value in values.items())
