"""The whole label in memory: catalogue, listeners, pairs. Plays are drawn from it day by day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from analytics_platform.sample_label.audience import Listeners, Pairs, build_listeners, build_pairs
from analytics_platform.sample_label.catalogue import Catalogue, build_catalogue
from analytics_platform.sample_label.files import hex_ids
from analytics_platform.sample_label.spec import Incidents, LabelSpec, Purpose

_LISTENER_IDS, _TRACK_IDS, _ARTIST_IDS = 1, 16, 32


@dataclass(frozen=True, slots=True)
class World:
    """A label; what vendors call its tracks, artists and listeners; what goes wrong on which day."""

    spec: LabelSpec
    catalogue: Catalogue
    listeners: Listeners
    pairs: Pairs
    incidents: Incidents

    @classmethod
    def build(cls, spec: LabelSpec, days: int) -> World:
        """The world of a spec with the pairs that join within ``days`` days."""
        catalogue = build_catalogue(spec)
        listeners = build_listeners(spec, catalogue)
        pairs = build_pairs(spec, days, catalogue, listeners)
        return cls(spec, catalogue, listeners, pairs, Incidents.of(spec))

    def listener_ids(self, rows: np.ndarray, vendor: int, day: int) -> pl.Series:
        """The vendor's ids of listeners, 32 hex digits, on a day index; the same every day by default."""
        period = day + 1 if self.spec.rotate_listener_ids else 0
        return hex_ids(self.spec.seed, _LISTENER_IDS + vendor, rows, period)

    def listener_column(self, rows: np.ndarray, vendor: int, day: int) -> pl.Series:
        """``listener_ids`` for rows with many repeats: each distinct id is made once."""
        distinct, place = np.unique(rows, return_inverse=True)
        return self.listener_ids(distinct, vendor, day).gather(place)

    def track_ids(self, vendor: int) -> pl.Series:
        """Ids of all tracks at a vendor that uses 32 hex digits."""
        return hex_ids(self.spec.seed, _TRACK_IDS + vendor, np.arange(len(self.catalogue.track_artists)))

    def artist_ids(self, vendor: int) -> pl.Series:
        """Ids of all artists at a vendor that uses 32 hex digits."""
        return hex_ids(self.spec.seed, _ARTIST_IDS + vendor, np.arange(len(self.catalogue.artist_names)))

    def apple_identifiers(self) -> pl.Series:
        """Apple's numeric ids of all tracks."""
        return pl.Series(1_440_000_000 + 37 * np.arange(len(self.catalogue.track_artists), dtype=np.int64))

    def apple_artist_ids(self) -> pl.Series:
        """Apple's numeric ids of all artists."""
        return pl.Series(910_000_000 + 53 * np.arange(len(self.catalogue.artist_names), dtype=np.int64))

    def fuga_asset_ids(self) -> pl.Series:
        """FUGA's numeric ids of all tracks."""
        return pl.Series(5_000_000_000 + np.arange(len(self.catalogue.track_artists), dtype=np.int64))

    def fuga_artist_ids(self) -> pl.Series:
        """FUGA's numeric ids of all artists."""
        return pl.Series(77_000_000 + np.arange(len(self.catalogue.artist_names), dtype=np.int64))

    def shuffled_tracks(self, vendor: int, day: int) -> np.ndarray:
        """All track rows in a new order each day.

        A vendor promises no order; and two days' catalogues never are the same bytes, which a
        platform that knows deliveries by their content would take for one.
        """
        return self.spec.random(Purpose.SHUFFLE, vendor, day).permutation(len(self.catalogue.track_artists))


def labels(names: tuple[str | None, ...], codes: np.ndarray) -> pl.Series:
    """Codes as text."""
    return pl.Series(names, dtype=pl.String).gather(codes)
