"""FUGA's Trends feed: streams at Deezer and Amazon in one TSV a day, gzip.

A row is one stream of one listener, or an aggregate without a listener. Units: ``asset_duration``
and ``stream_length`` in seconds; ``date`` is the UTC day of the play, earlier than the file's for a
late row. There is no artist name: recordings are known by ``isrc``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from analytics_platform.sample_label.audience import ACCESSES, DEVICES, GENDERS, JUNK_BIRTH_YEARS, NO_BIRTH_YEAR
from analytics_platform.sample_label.delivery import Delivery
from analytics_platform.sample_label.faults import plant, versions
from analytics_platform.sample_label.files import gzipped, tsv
from analytics_platform.sample_label.plays import SOURCES, Aggregates, Plays
from analytics_platform.sample_label.spec import FUGA, LICENSORS, Purpose
from analytics_platform.sample_label.spotify import SYSTEMS
from analytics_platform.sample_label.words import COUNTRIES, REGIONS
from analytics_platform.sample_label.world import World, labels

HEADER = (
    "label_id", "product_id", "asset_id", "date", "territory", "number_of_downloads", "number_of_streams",
    "number_of_listeners", "number_of_saves", "reporting_organization_id", "asset_duration",
    "stream_device_type", "stream_device_os", "stream_length", "stream_source", "stream_source_uri",
    "user_id", "user_region", "user_region_detail", "user_gender", "user_birth_year", "user_age_group",
    "user_country", "user_access_type", "user_account_type", "track_id", "primary_artist_ids", "isrc",
    "upc", "shuffle", "repeat", "cached", "completion", "apple_container_type",
    "apple_container_sub_type", "apple_source_of_stream", "youtube_channel_id", "video_id",
    "youtube_claimed_status", "subscribed_status", "asset_type", "discovery_flag",
    "current_membership_week", "first_trial_membership_week", "first_trial_membership",
    "first_paid_membership_week", "first_paid_membership", "total_user_streams",
    "youtube_uploader_type", "audio_format", "dsp_data",
)  # fmt: skip
ORGANIZATIONS = ("deezer", "amazon")
FAULTS = {
    "null_track": {"asset_id": None, "track_id": None, "isrc": None},
    "negative_duration": {"stream_length": -5},
    "absurd_duration": {"stream_length": 999_999},
    "future_time": {"date": "2099-01-01"},
    "ancient_time": {"date": "1867-01-01"},
    "extra_column": {},
    "missing_columns": {},
}
"""No duplicates: without a time of day, two equal rows are two plays."""
_AGE_GROUPS = ("0-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+", None)
_AGE_EDGES = (18, 25, 35, 45, 55, 65)


def deliveries(world: World, day: int, plays: Plays, aggregates: Aggregates) -> Iterator[Delivery]:
    """The file of a day, from all plays delivered for it, of whatever vendor, and its aggregates."""
    plays = plays.take(world.listeners.vendors[plays.listeners] == FUGA)
    random = world.spec.random(Purpose.FAULTS, FUGA, day)
    streams = stream_rows(world, day, plays)
    rows = pl.concat([streams, aggregate_rows(world, day, aggregates, streams.schema)])
    full = plant(random, rows, FAULTS)
    path = f"FUGA_Trends_{LICENSORS[FUGA]}_{world.spec.day(day):%Y%m%d}.tsv.gz"
    header = "\t".join(HEADER).encode() + b"\n"
    is_restated = day == world.incidents.restated[FUGA]
    for version, arrival, is_superseded in versions(random, full, day, is_restated):
        body = gzipped(header + version.render(tsv))
        # Without duplicates the plain rows are the good ones.
        junk = version.rows.filter(pl.Series(version.is_plain))["user_birth_year"].is_in(JUNK_BIRTH_YEARS)
        yield Delivery(
            arrival, day, path, "fuga/trends", body, version.rows.height, version.counts, int(junk.sum()), is_superseded
        )


def organizations(rows: np.ndarray) -> np.ndarray:
    """Which service a FUGA listener uses, as an index into ORGANIZATIONS."""
    return rows % 5 % 2


def stream_rows(world: World, day: int, plays: Plays) -> pl.DataFrame:
    """Rows of single streams."""
    listeners = world.listeners
    who = plays.listeners
    country = listeners.countries[who]
    years = listeners.reported_birth_years[who]
    age = world.spec.day(day).year - years
    group = np.where((age >= 0) & (age <= 110), np.searchsorted(_AGE_EDGES, age, side="right"), len(_AGE_EDGES) + 1)
    device = listeners.devices[who]
    is_complete = plays.lengths_s >= world.catalogue.durations_s[plays.tracks]
    dates = [world.spec.day(index).isoformat() for index in range(day + 1)]
    known = {
        "date": labels(tuple(dates), plays.days),
        "territory": labels(COUNTRIES, country),
        "number_of_streams": np.ones(len(plays), dtype=np.int32),
        "number_of_listeners": np.ones(len(plays), dtype=np.int32),
        "reporting_organization_id": labels(ORGANIZATIONS, organizations(who)),
        "stream_device_type": labels(DEVICES, device),
        "stream_device_os": labels(SYSTEMS, device * 4 + listeners.variants[who]),
        "stream_length": plays.lengths_s,
        "stream_source": labels(SOURCES, plays.sources),
        "user_id": world.listener_column(who, FUGA, day),
        "user_region": labels(tuple(sum(REGIONS, ())), country * np.int64(4) + listeners.variants[who]),
        "user_gender": labels((*GENDERS, None), listeners.reported_genders[who]),
        "user_birth_year": pl.Series(years).replace(NO_BIRTH_YEAR, None),
        "user_age_group": labels(_AGE_GROUPS, group),
        "user_country": labels(COUNTRIES, country),
        "user_access_type": labels(ACCESSES, listeners.accesses[who]),
        "shuffle": labels(("false", "true"), plays.salts % 4 == 0),
        "repeat": labels(("false", "true"), plays.salts % 16 == 1),
        "cached": labels(("false", "true"), plays.is_offline),
        "completion": labels(("false", "true"), is_complete),
        "discovery_flag": labels(("false", "true"), plays.sources == 0),
    }
    return _complete(world, plays.tracks, organizations(who), known)


def aggregate_rows(world: World, day: int, aggregates: Aggregates, schema: pl.Schema) -> pl.DataFrame:
    """Rows that stand for several streams and name no listener."""
    count = len(aggregates.plays)
    known = {
        "date": pl.repeat(world.spec.day(day).isoformat(), count, eager=True),
        "territory": labels(COUNTRIES, aggregates.countries),
        "number_of_streams": aggregates.plays,
        "number_of_listeners": np.maximum(1, aggregates.plays // 2).astype(np.int32),
        "reporting_organization_id": labels(ORGANIZATIONS, aggregates.organizations),
    }
    return _complete(world, aggregates.tracks, aggregates.organizations, known).cast(schema)


def _complete(world: World, tracks: np.ndarray, services: np.ndarray, known: Mapping[str, object]) -> pl.DataFrame:
    """All columns in order: the catalogue's by track, the known ones, the rest empty."""
    catalogue = world.catalogue
    count = len(tracks)
    upcs = pl.Series(catalogue.upcs).gather(tracks)
    columns = {
        "label_id": pl.repeat(LICENSORS[FUGA], count, eager=True),
        "product_id": "P" + upcs,
        "asset_id": world.fuga_asset_ids().gather(tracks),
        "number_of_downloads": np.zeros(count, dtype=np.int8),
        "number_of_saves": np.zeros(count, dtype=np.int8),
        "asset_duration": catalogue.durations_s[tracks],
        # Each service has its own track numbers.
        "track_id": pl.Series(300_000_000 + tracks.astype(np.int64) * 2 + services),
        "primary_artist_ids": world.fuga_artist_ids().gather(catalogue.track_artists[tracks]),
        "isrc": pl.Series(catalogue.isrcs).gather(tracks),
        "upc": upcs,
        "asset_type": pl.repeat("track", count, eager=True),
        **known,
    }
    empty = pl.repeat(None, count, dtype=pl.String, eager=True)
    return pl.DataFrame({name: columns.get(name, empty) for name in HEADER})
