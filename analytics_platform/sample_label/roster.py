"""The label's own roster: each artist's genres, and where its catalogue is not available. Plain TSV.

A file says all there is. One of each kind comes for the first day, and a new one every 30 days.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from analytics_platform.sample_label.delivery import Delivery
from analytics_platform.sample_label.files import tsv
from analytics_platform.sample_label.spec import LICENSORS, SPOTIFY, VENDORS, Purpose
from analytics_platform.sample_label.words import COUNTRIES
from analytics_platform.sample_label.world import World, labels

EVERY_DAYS = 30


def deliveries(world: World, day: int) -> Iterator[Delivery]:
    """The files for a day, if one is due."""
    if day % EVERY_DAYS:
        return
    for resource, rows in (("genres", genre_rows(world)), ("territories", territory_rows(world))):
        # No order is promised; and no two days' files are the same bytes.
        order = world.spec.random(Purpose.SHUFFLE, len(VENDORS), day).permutation(rows.height)
        path = f"Roster_{resource.title()}_{LICENSORS[SPOTIFY]}_{world.spec.day(day):%Y%m%d}.tsv"
        body = "\t".join(rows.columns).encode() + b"\n" + tsv(rows[order])
        yield Delivery(day + 1, day, path, f"roster/{resource}", body, rows.height)


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
