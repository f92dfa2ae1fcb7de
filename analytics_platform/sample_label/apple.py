"""Apple Music's reports: Detailed Streams and Content, TSV with a header, gzip or zip.

Units: ``Stream Duration`` and ``Stream Start Position`` in seconds (Apple publishes no unit; ours is
the contract's), timestamps UTC, ``Datestamp`` the UTC day of the play, ``Ingest Datestamp`` the
file's day. ``Media Duration`` in ms. Codes are Apple's where published; ``Action Type`` 1 play, ``End
Reason Type`` 1 natural end, 2 stopped by the listener, ``Membership Type`` 1 paid, 2 trial, and
``Membership Mode`` 1 individual, 2 family, 3 student are this label's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import polars as pl

from analytics_platform.sample_label.delivery import Delivery
from analytics_platform.sample_label.faults import plant, versions
from analytics_platform.sample_label.files import gzipped, tsv, zipped
from analytics_platform.sample_label.plays import Plays
from analytics_platform.sample_label.spec import APPLE, LICENSORS, Purpose
from analytics_platform.sample_label.words import COUNTRIES
from analytics_platform.sample_label.world import World, labels

STREAMS_V1_1 = (
    "Datestamp", "Ingest Datestamp", "Ingest Timestamp", "Apple Identifier", "Storefront Name",
    "Anonymized Person ID", "Membership Type", "Membership Mode", "Membership Partner", "Postal Code",
    "Device Type", "Operating System", "Action Type", "End Reason Type", "Offline", "Source of Stream",
    "Container Type", "Container Sub-Type", "Container ID", "Container Name", "Stream Timestamp",
    "Stream Start Position", "Stream Duration",
)  # fmt: skip
STREAMS_V1_2 = (
    "Datestamp", "Ingest Datestamp", "Ingest Timestamp", "Storefront Name", "Apple Identifier",
    "Anonymized Person ID", "Subscription Type", "Subscription Mode", "Subscription Partner",
    "Device Type", "Operating System", "Source of Stream", "Container Type", "Container Sub-Type",
    "Container ID", "Container Name", "Action Type", "End Reason Type", "Offline", "Audio Format",
    "Stream Timestamp", "Stream Start Position", "Stream Duration",
)  # fmt: skip
CONTENT_V1_2 = (
    "Apple Identifier", "ISRC", "Title", "Artist", "Artist ID", "Item Type", "Media Type", "Media Duration",
    "Vendor Identifier", "Label/Studio/Network", "Grid",
)  # fmt: skip
FAULTS = {
    "duplicate": {},
    "null_listener": {"Anonymized Person ID": None},
    "null_track": {"Apple Identifier": None},
    "negative_duration": {"Stream Duration": -5},
    "absurd_duration": {"Stream Duration": 999_999},
    "future_time": {"Datestamp": "2099-01-01", "Stream Timestamp": "2099-01-01 00:00:00"},
    "ancient_time": {"Datestamp": "1867-01-01", "Stream Timestamp": "1867-01-01 00:00:00"},
    "extra_column": {},
    "missing_columns": {},
}
_DEVICES = np.array([1, 2, 1, 0, 0, 2])
_SYSTEMS = np.array([[1, 3, 1, 1], [2, 4, 2, 4], [1, 1, 1, 3], [0, 0, 0, 0], [5, 5, 5, 0], [2, 4, 4, 0]])
_SOURCES = np.array([3, 1, 3, 2, 1, 3, 1, 6, 0])
_CONTAINERS = np.array([2, 2, 1, 0, 3, 0, 0, 0, 0])
_SUB_TYPES = np.array([2, 1, 5, 0, 0, 0, 0, 0, 0])
_CONTAINER_COUNT = 200


def deliveries(world: World, day: int, plays: Plays) -> Iterator[Delivery]:
    """The two files of an ingest day, from all plays delivered for it, of whatever vendor."""
    plays = plays.take(world.listeners.vendors[plays.listeners] == APPLE)
    random = world.spec.random(Purpose.FAULTS, APPLE, day)
    date = world.spec.day(day).strftime("%Y%m%d")
    is_new = day >= world.incidents.schema_change
    header, version_name = (STREAMS_V1_2, "V1_2") if is_new else (STREAMS_V1_1, "V1_1")
    stem = f"AppleMusic_Streams_{LICENSORS[APPLE]}_{date}_{version_name}"
    pack = _zip_in_zip if day == world.incidents.nested_streams else _gzip
    full = plant(random, stream_rows(world, day, plays).select(header), FAULTS)
    is_restated = day == world.incidents.restated[APPLE]
    for version, arrival, is_superseded in versions(random, full, day, is_restated):
        path, body = pack(stem, _line(header) + version.render(tsv))
        yield Delivery(
            arrival, day, path, "apple/streams", body, version.rows.height, version.counts,
            is_superseded=is_superseded,
        )  # fmt: skip

    content = content_rows(world, day)
    stem = f"AppleMusic_Content_{LICENSORS[APPLE]}_{date}_V1_2"
    pack = _zip if day == world.incidents.zipped_content else _gzip
    path, body = pack(stem, _line(CONTENT_V1_2) + tsv(content))
    yield Delivery(day + 1, day, path, "apple/content", body, content.height)


def stream_rows(world: World, day: int, plays: Plays) -> pl.DataFrame:
    """Rows of Detailed Streams with the columns of both versions, one per play."""
    listeners, catalogue = world.listeners, world.catalogue
    who = plays.listeners
    epoch = int(datetime.combine(world.spec.start, datetime.min.time(), UTC).timestamp())
    moments = epoch + plays.days.astype(np.int64) * 86_400 + plays.seconds
    last_second = epoch + day * 86_400 + 86_399
    # A play in time is received when it ends; a late one at some moment of the ingest day.
    received = np.where(plays.delays > 0, last_second - plays.salts % 80_000, moments + plays.lengths_s)
    received = np.minimum(received, last_second)
    device, variant = listeners.devices[who], listeners.variants[who]
    containers = _CONTAINERS[plays.sources]
    container = np.where(containers > 0, plays.salts % 7_919 % _CONTAINER_COUNT, _CONTAINER_COUNT)
    plan = np.where(listeners.accesses[who] == 1, 2, 1)
    mode = np.array([1, 1, 2, 3])[variant]
    ended = np.where(plays.lengths_s >= catalogue.durations_s[plays.tracks], 1, 2)
    start = np.where(ended == 2, plays.salts % 13, 0)
    stamps = pl.from_epoch(pl.Series(moments))
    return pl.DataFrame(
        {
            "Datestamp": stamps.dt.strftime("%Y-%m-%d"),
            "Ingest Datestamp": pl.repeat(world.spec.day(day).isoformat(), len(plays), eager=True),
            "Ingest Timestamp": pl.from_epoch(pl.Series(received)).dt.strftime("%Y-%m-%d %H:%M:%S"),
            "Apple Identifier": world.apple_identifiers().gather(plays.tracks),
            "Storefront Name": labels(COUNTRIES, listeners.countries[who]),
            "Anonymized Person ID": world.listener_column(who, APPLE, day),
            "Membership Type": plan,
            "Membership Mode": mode,
            "Membership Partner": pl.repeat("", len(plays), eager=True),
            "Subscription Type": plan,
            "Subscription Mode": mode,
            "Subscription Partner": pl.repeat("", len(plays), eager=True),
            "Postal Code": pl.Series(10_000 + who.astype(np.int64) * 7_919 % 89_999),
            "Device Type": _DEVICES[device],
            "Operating System": _SYSTEMS[device, variant],
            "Action Type": np.ones(len(plays), dtype=np.int8),
            "End Reason Type": ended,
            "Offline": plays.is_offline.astype(np.int8),
            "Audio Format": labels(("Lossless", "AAC", "Dolby Atmos", "AAC"), variant),
            "Source of Stream": _SOURCES[plays.sources],
            "Container Type": containers,
            "Container Sub-Type": _SUB_TYPES[plays.sources],
            "Container ID": labels((*(f"{900_000 + row}" for row in range(_CONTAINER_COUNT)), None), container),
            "Container Name": labels((*(f"Selection {row + 1}" for row in range(_CONTAINER_COUNT)), None), container),
            "Stream Timestamp": stamps.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "Stream Start Position": start,
            "Stream Duration": plays.lengths_s,
        }
    )


def content_rows(world: World, day: int) -> pl.DataFrame:
    """Rows of Content: the whole catalogue."""
    catalogue = world.catalogue
    count = len(catalogue.isrcs)
    frame = pl.DataFrame(
        {
            "Apple Identifier": world.apple_identifiers(),
            "ISRC": catalogue.isrcs,
            "Title": catalogue.track_names,
            "Artist": pl.Series(catalogue.artist_names).gather(catalogue.track_artists),
            "Artist ID": world.apple_artist_ids().gather(catalogue.track_artists),
            "Item Type": np.ones(count, dtype=np.int8),
            "Media Type": np.ones(count, dtype=np.int8),
            "Media Duration": catalogue.durations_s * 1_000,
            "Vendor Identifier": [f"ACME_{isrc}" for isrc in catalogue.isrcs],
            "Label/Studio/Network": pl.repeat("Acme Recordings", count, eager=True),
            "Grid": pl.repeat("", count, eager=True),
        }
    )
    return frame[world.shuffled_tracks(APPLE, day)]


def _line(names: tuple[str, ...]) -> bytes:
    return "\t".join(names).encode() + b"\n"


def _gzip(stem: str, text: bytes) -> tuple[str, bytes]:
    return f"{stem}.txt.gz", gzipped(text)


def _zip(stem: str, text: bytes) -> tuple[str, bytes]:
    return f"{stem}.zip", zipped(f"{stem}.txt", text)


def _zip_in_zip(stem: str, text: bytes) -> tuple[str, bytes]:
    """A zip whose ``.txt`` is a zip itself, as Apple has really sent."""
    return _zip(stem, zipped(f"{stem}.txt", text))
