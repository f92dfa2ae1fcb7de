"""The planted truth, for tests: the product never reads it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl

from analytics_platform.sample_label import fuga
from analytics_platform.sample_label.audience import DEVICES, GENDERS, NO_BIRTH_YEAR, NO_GENDER
from analytics_platform.sample_label.catalogue import Catalogue
from analytics_platform.sample_label.delivery import Delivery
from analytics_platform.sample_label.faults import KINDS
from analytics_platform.sample_label.files import write_atomically
from analytics_platform.sample_label.law import profiles, thresholds
from analytics_platform.sample_label.markets import NEVER
from analytics_platform.sample_label.plays import Aggregates, Plays
from analytics_platform.sample_label.sound import KEYS, QUALITIES
from analytics_platform.sample_label.spec import APPLE, FAN_TYPES, FUGA, LICENSORS, SPOTIFY, VENDORS, LabelSpec
from analytics_platform.sample_label.words import COUNTRIES
from analytics_platform.sample_label.world import World, labels


class Ledger:
    """Counts what is delivered while it is written. Memory: four bytes a pair and a dense cube."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pair_plays = np.zeros(len(world.pairs.artists), dtype=np.int32)
        shape = (len(VENDORS), world.spec.days, len(world.catalogue.artist_names), len(COUNTRIES))
        self.daily_plays = np.zeros(shape, dtype=np.int32)
        self.files: list[dict[str, object]] = []
        self.size_bytes = 0
        self.rows = 0
        self.faults: dict[str, Counter[str]] = {}
        """Rejected rows by feed and kind, in all files."""

    def add_plays(self, day: int, plays: Plays, aggregates: Aggregates) -> None:
        """Count a day's good rows, all vendors, by the day on which they were played."""
        listeners, artists = self.world.listeners, self.world.catalogue.track_artists
        who = plays.listeners
        np.add.at(self.pair_plays, plays.pairs, 1)
        place = (listeners.vendors[who], plays.days, artists[plays.tracks], listeners.countries[who])
        np.add.at(self.daily_plays, place, 1)
        np.add.at(self.daily_plays[FUGA, day], (artists[aggregates.tracks], aggregates.countries), aggregates.plays)

    def add_file(self, delivery: Delivery) -> None:
        """Note a delivered file with its counts."""
        spec = self.world.spec
        faults = dict(sorted(delivery.faults.items()))
        self.files.append(
            {
                "arrival_date": spec.day(delivery.arrival_day).isoformat(),
                "data_date": spec.day(delivery.data_day).isoformat(),
                "path": delivery.path,
                "feed": delivery.feed,
                "rows": delivery.rows,
                "good_rows": delivery.rows - sum(faults.values()),
                "faults": faults,
                "junk_birth_years": delivery.junk_birth_years,
                "is_superseded": delivery.is_superseded,
            }
        )
        self.size_bytes += len(delivery.body)
        self.rows += delivery.rows
        self.faults.setdefault(delivery.feed, Counter()).update(faults)

    def write(self, folder: Path) -> None:
        """Write ``*.parquet`` and ``faults.json`` below a folder that exists."""
        tables = {
            "artists": artist_truth(self.world, self.pair_plays),
            "markets": market_truth(self.world),
            "tracks": track_truth(self.world),
            "track_variance": variance_truth(self.world.catalogue),
            "listeners": listener_truth(self.world),
            "pairs": pair_truth(self.world, self.pair_plays),
            "profiles": profiles(self.world.spec.start),
            "thresholds": thresholds(self.world.spec.start),
            "daily_plays": daily_truth(self.world, self.daily_plays),
        }
        for name, table in tables.items():
            temporary = folder / f".{name}.parquet.part"
            table.write_parquet(temporary)
            temporary.replace(folder / f"{name}.parquet")
        files = sorted(self.files, key=lambda entry: (str(entry["arrival_date"]), str(entry["path"])))
        report = {
            "kinds": KINDS,
            "totals": {feed: dict(sorted(counts.items())) for feed, counts in sorted(self.faults.items())},
            "files": files,
        }
        write_atomically(folder / "faults.json", json.dumps(report, indent=1).encode() + b"\n")


def claim(folder: Path, spec: LabelSpec) -> None:
    """Mark a folder as one spec's, so that a killed run may go on but two labels never mix.

    Raises:
        FileExistsError: the folder holds another label.
    """
    fields = {name: str(getattr(spec, name)) for name in LabelSpec.__dataclass_fields__}
    body = json.dumps(fields, indent=1).encode() + b"\n"
    path = folder / "spec.json"
    if path.exists() and path.read_bytes() != body:
        raise FileExistsError(f"{folder} holds another sample label: {path.read_text()}")
    write_atomically(path, body)


def artist_truth(world: World, pair_plays: np.ndarray) -> pl.DataFrame:
    """One row per artist: what it is, where it is not available, mix of fan types among pairs with a play."""
    catalogue, pairs = world.catalogue, world.pairs
    count = len(catalogue.artist_names)
    seen = pair_plays > 0
    cells = pairs.artists[seen].astype(np.int64) * len(FAN_TYPES) + pairs.fan_types[seen]
    mix = np.bincount(cells, minlength=count * len(FAN_TYPES)).reshape(count, len(FAN_TYPES))
    total = mix.sum(axis=1)
    shares = np.where(total[:, None] > 0, mix / np.maximum(total, 1)[:, None], np.nan)
    return pl.DataFrame(
        {
            "artist_row": np.arange(count, dtype=np.int32),
            "artist_name": catalogue.artist_names,
            "genre": catalogue.genres,
            "style": catalogue.styles,
            "cluster": catalogue.clusters,
            "home_country": labels(COUNTRIES, catalogue.home_countries),
            "closed_markets": pl.Series(
                [[COUNTRIES[country] for country in np.flatnonzero(row)] for row in ~catalogue.is_available],
                dtype=pl.List(pl.String),
            ),
            "popularity": catalogue.popularity,
            "late_share": catalogue.late_shares,
            "listeners": total,
            **{f"{name}_share": pl.Series(shares[:, place]).fill_nan(None) for place, name in enumerate(FAN_TYPES)},
            "spotify_artist_id": world.artist_ids(SPOTIFY),
            "apple_artist_id": world.apple_artist_ids(),
            "fuga_artist_id": world.fuga_artist_ids(),
        }
    )


def market_truth(world: World) -> pl.DataFrame:
    """One row per artist and country: whether it is available there, and the day index of its launch, else null.

    0 is from the start. A launch may lie past the period.
    """
    launch_days = world.catalogue.launch_days
    artists, countries = np.indices(launch_days.shape)
    return pl.DataFrame(
        {
            "artist_row": artists.ravel().astype(np.int32),
            "country": labels(COUNTRIES, countries.ravel()),
            "is_available": world.catalogue.is_available.ravel(),
            "launch_day": pl.Series(launch_days.ravel()).replace(NEVER, None),
        }
    )


def track_truth(world: World) -> pl.DataFrame:
    """One row per track with its id at each vendor, its sound and what that is worth.

    Qualities are in standard deviations; ``artist_share`` is the expected share of its artist's plays
    once all its tracks are out.
    """
    catalogue = world.catalogue
    sounds, weights = catalogue.sounds, catalogue.track_weights
    totals = np.add.reduceat(weights, catalogue.first_tracks[:-1])
    return pl.DataFrame(
        {
            "track_row": np.arange(len(catalogue.isrcs), dtype=np.int32),
            "isrc": catalogue.isrcs,
            "track_name": catalogue.track_names,
            "artist_row": catalogue.track_artists,
            "artist_name": pl.Series(catalogue.artist_names).gather(catalogue.track_artists),
            "album_name": catalogue.album_names,
            "upc": catalogue.upcs,
            "duration_s": catalogue.durations_s,
            "spotify_track_id": world.track_ids(SPOTIFY),
            "apple_identifier": world.apple_identifiers(),
            "fuga_asset_id": world.fuga_asset_ids(),
            "release_date": [world.spec.day(day) for day in catalogue.release_days.tolist()],
            "genre": pl.Series(catalogue.genres).gather(catalogue.track_artists),
            "cluster": catalogue.clusters[catalogue.track_artists],
            "tempo_bpm": sounds.tempos,
            "key": labels(KEYS, sounds.keys),
            "mode": labels(("major", "minor"), sounds.is_minor.astype(np.int8)),
            **{name: sounds.qualities[:, place] for place, name in enumerate(QUALITIES)},
            "sound_appeal": sounds.appeal,
            "artist_share": weights / totals[catalogue.track_artists],
        }
    )


def variance_truth(catalogue: Catalogue) -> pl.DataFrame:
    """How far one part alone explains tracks' log expected plays: columns part, r_squared.

    Expected plays are the artist's popularity times the track's share of it. The parts are the popularity, and
    the track's sound and luck; the rest is how many other tracks the artist has, and what those are like.
    """
    weights, artists = catalogue.track_weights, catalogue.track_artists
    totals = np.add.reduceat(weights, catalogue.first_tracks[:-1])
    expected = np.log(catalogue.popularity[artists] * weights / totals[artists])
    parts = {
        "artist": np.log(catalogue.popularity)[artists],
        "sound": catalogue.sounds.appeal,
        "luck": np.log(catalogue.luck),
    }
    explained = [float(np.corrcoef(part, expected)[0, 1] ** 2) for part in parts.values()]
    return pl.DataFrame({"part": list(parts), "r_squared": explained})


def listener_truth(world: World) -> pl.DataFrame:
    """One row per listener; the vendor's id is null where vendors change it every day.

    ``reported_*`` is what files say (null for Apple, which says nothing); the others are true.
    """
    listeners = world.listeners
    rows = np.arange(len(listeners.vendors), dtype=np.int32)
    ids = pl.Series([None], dtype=pl.String).gather(np.zeros(len(rows), dtype=np.int64))
    if not world.spec.rotate_listener_ids:
        parts = [world.listener_ids(rows, vendor, 0) for vendor in (SPOTIFY, APPLE, FUGA)]
        ids = pl.select(
            pl.when(pl.lit(pl.Series(listeners.vendors == SPOTIFY)))
            .then(parts[SPOTIFY])
            .when(pl.lit(pl.Series(listeners.vendors == APPLE)))
            .then(parts[APPLE])
            .otherwise(parts[FUGA])
        ).to_series()
    is_told = listeners.vendors != APPLE
    years = np.where(is_told, listeners.reported_birth_years, NO_BIRTH_YEAR)
    service = np.where(listeners.vendors == FUGA, fuga.organizations(rows), len(fuga.ORGANIZATIONS))
    return pl.DataFrame(
        {
            "listener_row": rows,
            "vendor": labels(VENDORS, listeners.vendors),
            "licensor": labels(LICENSORS, listeners.vendors),
            "vendor_listener_id": ids,
            "reporting_organization_id": labels((*fuga.ORGANIZATIONS, None), service),
            "country": labels(COUNTRIES, listeners.countries),
            "birth_year": listeners.birth_years,
            "reported_birth_year": pl.Series(years.astype(np.int16)).replace(NO_BIRTH_YEAR, None),
            "gender": labels(GENDERS, listeners.genders),
            "reported_gender": labels((*GENDERS, None), np.where(is_told, listeners.reported_genders, NO_GENDER)),
            "device": labels(DEVICES, listeners.devices),
            "cluster": listeners.clusters,
            "second_cluster": listeners.second_clusters,
        }
    )


def pair_truth(world: World, pair_plays: np.ndarray) -> pl.DataFrame:
    """One row per listener and artist with at least one play delivered in the period."""
    pairs, seen = world.pairs, pair_plays > 0
    return pl.DataFrame(
        {
            "listener_row": pairs.listeners[seen],
            "artist_row": pairs.artists[seen].astype(np.int32),
            "fan_type": labels(FAN_TYPES, pairs.fan_types[seen]),
            "join_day": pairs.join_days[seen],
            "plays": pair_plays[seen],
        }
    )


def daily_truth(world: World, daily_plays: np.ndarray) -> pl.DataFrame:
    """One row per vendor, day of play, artist and country with plays."""
    vendor, day, artist, country = np.nonzero(daily_plays)
    dates = pl.Series([world.spec.day(index) for index in range(daily_plays.shape[1])])
    return pl.DataFrame(
        {
            "vendor": labels(VENDORS, vendor),
            "play_date": dates.gather(day),
            "artist_name": pl.Series(world.catalogue.artist_names).gather(artist),
            "country": labels(COUNTRIES, country),
            "plays": daily_plays[vendor, day, artist, country],
        }
    )
