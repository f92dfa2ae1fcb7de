"""Spotify's licensor feed: streams per country, listeners and tracks per day, gzip NDJSON.

Units: ``stream_length`` and ``timestamp`` in seconds, ``offline_timestamp`` in ms of Unix time (0 if
online), ``duration_ms`` in ms. A late row has its true time in both stamps and ``cached`` true.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import polars as pl

from analytics_platform.sample_label.audience import ACCESSES, DEVICES, GENDERS, JUNK_BIRTH_YEARS, NO_BIRTH_YEAR
from analytics_platform.sample_label.delivery import Delivery
from analytics_platform.sample_label.faults import plant, versions
from analytics_platform.sample_label.files import gzipped, hex_ids, ndjson
from analytics_platform.sample_label.plays import SOURCES, Plays
from analytics_platform.sample_label.spec import LICENSORS, SPOTIFY, Purpose
from analytics_platform.sample_label.words import COUNTRIES, REGIONS
from analytics_platform.sample_label.world import World, labels

RESTATED_COUNTRY = 0
SYSTEMS = (
    "iOS", "Android", "Android", "iOS",
    "Windows", "macOS", "Windows", "Linux",
    "iPadOS", "Android", "iPadOS", "iPadOS",
    "Cast OS", "Alexa", "Sonos", "Alexa",
    "tvOS", "Android TV", "Tizen", "webOS",
    "Windows", "macOS", "Windows", "ChromeOS",
)  # fmt: skip
"""By device and variant."""
FAULTS = {
    "duplicate": {},
    "null_listener": {"user_id": None},
    "null_track": {"track_id": None},
    "negative_duration": {"stream_length": -5},
    "absurd_duration": {"stream_length": 999_999},
    "future_time": {"timestamp": "2099-01-01T00:00:00Z"},
    "ancient_time": {"timestamp": "1867-01-01T00:00:00Z"},
    "invalid_json": {},
}
_URI_SHARE = (0.62, 0.62, 0.0, 0.0, 0.12, 0.0, 0.0, 0.0, 0.0)
"""Share of plays of each source that name a playlist or album; 27 % of all plays do."""
_PLAYLISTS = 200
_PLAYLIST_KIND = 64


def deliveries(world: World, day: int, plays: Plays) -> Iterator[Delivery]:
    """The files for a data day, from all plays delivered for it, of whatever vendor."""
    plays = plays.take(world.listeners.vendors[plays.listeners] == SPOTIFY)
    random = world.spec.random(Purpose.FAULTS, SPOTIFY, day)
    countries = world.listeners.countries[plays.listeners]
    order = np.argsort(countries, kind="stable")
    rows = stream_rows(world, day, plays.take(order))
    edges = np.searchsorted(countries[order], np.arange(len(COUNTRIES) + 1)).tolist()
    folder, date = f"spotify/{LICENSORS[SPOTIFY]}", world.spec.day(day).strftime("%Y/%m/%d")
    for country, name in enumerate(COUNTRIES):
        part = rows[edges[country] : edges[country + 1]]
        if part.height == 0:
            continue
        full = plant(random, part, FAULTS)
        path = f"{folder}/streams/{date}/{name}.gz"
        is_restated = (day, country) == (world.incidents.restated[SPOTIFY], RESTATED_COUNTRY)
        for version, arrival, is_superseded in versions(random, full, day, is_restated):
            yield Delivery(
                arrival, day, path, "spotify/streams", gzipped(version.render(ndjson)), version.rows.height,
                version.counts, is_superseded=is_superseded,
            )  # fmt: skip
    users, junk = user_rows(world, day, np.unique(plays.listeners))
    tracks = track_rows(world, day)
    for resource, frame, count in (("users", users, junk), ("tracks", tracks, 0)):
        path = f"{folder}/{resource}/{date}.gz"
        yield Delivery(
            day + 1, day, path, f"spotify/{resource}", gzipped(ndjson(frame)), frame.height, junk_birth_years=count
        )


def stream_rows(world: World, day: int, plays: Plays) -> pl.DataFrame:
    """Rows of ``streams``, one per play."""
    listeners = world.listeners
    who = plays.listeners
    epoch = int(datetime.combine(world.spec.start, datetime.min.time(), UTC).timestamp())
    moments = pl.Series(epoch + plays.days.astype(np.int64) * 86_400 + plays.seconds)
    # One play in ten is not on the listener's usual device but on the phone.
    device = np.where(plays.salts % 10 == 0, 0, listeners.devices[who])
    uniform = (plays.salts >> 8) / float(1 << 24)
    has_uri = uniform < np.array(_URI_SHARE)[plays.sources]
    uri = np.where(has_uri, plays.salts % 7_919 % _PLAYLISTS, _PLAYLISTS)
    playlists = hex_ids(world.spec.seed, _PLAYLIST_KIND, np.arange(_PLAYLISTS)).str.slice(0, 22)
    uris = ("spotify:playlist:" + playlists).to_list()
    is_complete = plays.lengths_s >= world.catalogue.durations_s[plays.tracks]
    return pl.DataFrame(
        {
            "user_id": world.listener_column(who, SPOTIFY, day),
            "track_id": world.track_ids(SPOTIFY).gather(plays.tracks),
            "timestamp": pl.from_epoch(moments).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "country": labels(COUNTRIES, listeners.countries[who]),
            "stream_length": plays.lengths_s,
            "source": labels(SOURCES, plays.sources),
            "source_uri": labels((*uris, None), uri),
            "device_type": labels(DEVICES, device),
            "os": labels(SYSTEMS, device * 4 + listeners.variants[who]),
            "access": labels(ACCESSES, listeners.accesses[who]),
            "cached": plays.is_offline,
            "offline_timestamp": np.where(plays.is_offline, moments.to_numpy() * 1_000, 0),
            "discovery_flag": labels(("Y", "N"), (plays.sources != 0) | (plays.salts % 3 == 0)),
            "completion_flag": labels(("N", "Y"), is_complete),
        }
    )


def user_rows(world: World, day: int, rows: np.ndarray) -> tuple[pl.DataFrame, int]:
    """Rows of ``users`` for listeners active in a day's streams, and how many have a junk birth year."""
    listeners = world.listeners
    years = listeners.reported_birth_years[rows]
    country = listeners.countries[rows]
    frame = pl.DataFrame(
        {
            "user_id": world.listener_ids(rows, SPOTIFY, day),
            "country": labels(COUNTRIES, country),
            "gender": labels((*GENDERS, None), listeners.reported_genders[rows]),
            "birth_year": pl.Series(years).replace(NO_BIRTH_YEAR, None),
            "access": labels(ACCESSES, listeners.accesses[rows]),
            "region": labels(tuple(sum(REGIONS, ())), country * np.int64(4) + listeners.variants[rows]),
        }
    )
    return frame.sort("user_id"), int(np.isin(years, JUNK_BIRTH_YEARS).sum())


def track_rows(world: World, day: int) -> pl.DataFrame:
    """Rows of ``tracks``: the whole catalogue."""
    catalogue = world.catalogue
    frame = pl.DataFrame(
        {
            "track_id": world.track_ids(SPOTIFY),
            "isrc": catalogue.isrcs,
            "track_name": catalogue.track_names,
            "artist_name": pl.Series(catalogue.artist_names).gather(catalogue.track_artists),
            "artist_id": world.artist_ids(SPOTIFY).gather(catalogue.track_artists),
            "album_name": catalogue.album_names,
            "upc": catalogue.upcs,
            "duration_ms": catalogue.durations_s * 1_000,
        }
    )
    return frame[world.shuffled_tracks(SPOTIFY, day)]
