"""Apple Music (iTunes Connect Reporter): ``Detailed Streams`` and ``Content``, TSV with a header.

``AppleMusic_Streams_<vendor number>_20260316_V1_1.txt.gz`` and ``AppleMusic_Content_…``, packed
with gzip, zip, or a zip in a zip. Columns are found by name: 2017 renamed Playlist to Container
and added Ingest Timestamp, 2020 withdrew Postal Code, 2023 renamed Membership to Subscription;
reports of two versions run side by side for weeks. Apple gives no age, gender or ISRC per stream.
"""

from __future__ import annotations

import re
from datetime import date

from analytics_platform.streams.contract import Alias, Output, Resource, names
from analytics_platform.streams.feeds import sql
from analytics_platform.streams.tables import PLAYS, TRACKS

CONTAINERS = date(2017, 11, 15)
"""Second schema generation: streams of more than 30 s, containers instead of playlists."""
SUBSCRIPTIONS = date(2023, 4, 24)

SOURCE = {
    "0": "other",
    "1": "library",
    "2": "search",
    "3": "discovery",
    "4": "external",
    "5": "external",
    "6": "queue",
    "7": "voice",
}
DEVICE = {"0": "other", "1": "mobile", "2": "desktop"}
SYSTEM = {"0": "other", "1": "ios", "2": "macos", "3": "android", "4": "windows", "5": "tvos"}


def _pattern(report: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:^|/)AppleMusic_(?:{report})_(?P<licensor>\d+)_(?P<date>\d{{8}})_(?:V\d+_\d+)(?:\.\w+)*$", re.I
    )


STREAMS = Resource(
    vendor="apple",
    name="streams",
    pattern=_pattern("Streams|DetailedStreams|Streams_Detailed"),
    form="tsv",
    sources=(
        names("Datestamp", required=True),
        names("Apple Identifier", required=True),
        names("Storefront Name", required=True),
        names("Anonymized Person ID", "Person ID", required=True),
        names("Stream Timestamp", required=True),
        names("Stream Duration", required=True),
        names("Device Type"),
        names("Operating System"),
        names(
            Alias("Membership Type"),
            Alias("Subscription Type", since=SUBSCRIPTIONS),
            name="membership",
            required=True,
        ),
        names("Offline"),
        names("Source of Stream"),
    ),
    unlisted=(
        "Ingest Datestamp",
        "Ingest Timestamp",
        "Membership Mode",
        "Membership Partner",
        "Subscription Mode",
        "Subscription Partner",
        "Channel Partner",
        "Postal Code",
        "Action Type",
        "End Reason Type",
        "Container Type",
        "Container Sub-Type",
        "Container ID",
        "Container Name",
        "Stream Start Position",
        "UTC Offset",
        "Media Duration",
        "Playlist Type",
        "Playlist ID",
        "Playlist Name",
    ),
    typed={
        "play_date": sql.day("datestamp"),
        "played_at": sql.timestamp("stream_timestamp"),
        "duration_s": sql.seconds("stream_duration"),
    },
    rules=(
        sql.needs("anonymized_person_id", "no listener"),
        sql.needs("apple_identifier", "no track"),
        *sql.is_timely("datestamp", "play_date"),
        *sql.is_timely("stream_timestamp", "played_at"),
        sql.is_duration("stream_duration", "duration_s"),
    ),
    listener=("anonymized_person_id",),
    duplicates_by=("anonymized_person_id", "apple_identifier", "played_at", "duration_s"),
    clock="played_at",
    outputs=(
        Output(
            PLAYS,
            {
                "track_id": "apple_identifier",
                "play_date": "play_date",
                "played_at": "played_at",
                "country": sql.country("storefront_name"),
                "plays": sql.plays("duration_s"),
                "duration_s": "duration_s",
                "source": sql.code("source_of_stream", SOURCE),
                "device": sql.code("device_type", DEVICE),
                "os": sql.code("operating_system", SYSTEM),
                "is_offline": sql.flag("offline"),
            },
        ),
    ),
)

CONTENT = Resource(
    vendor="apple",
    name="content",
    pattern=_pattern("Content"),
    form="tsv",
    sources=(
        names("Apple Identifier", required=True),
        names("ISRC", required=True),
        names("Title"),
        names("Artist"),
        names("Artist ID"),
        names("Media Duration"),
    ),
    unlisted=("Item Type", "Media Type", "Vendor Identifier", "Label/Studio/Network", "Grid"),
    rules=(sql.needs("apple_identifier", "no track"),),
    duplicates_by=("apple_identifier",),
    outputs=(
        Output(
            TRACKS,
            {
                "track_id": "apple_identifier",
                "isrc": sql.isrc("isrc"),
                "title": "title",
                "vendor_artist_id": "artist_id",
                "artist_name": "artist",
                "duration_s": "try_cast(media_duration as double) / 1000",
            },
        ),
    ),
)

RESOURCES = (STREAMS, CONTENT)
