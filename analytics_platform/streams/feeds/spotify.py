"""Spotify's licensor feed ("Enhanced" bulk analytics): gzip NDJSON ``streams``, ``users``, ``tracks``.

The inbox mirrors the API's paths: ``spotify/<licensor>/streams/2026/03/16/DE.gz`` (one file per
country), ``…/users/2026/03/16.gz``, ``…/tracks/2026/03/16.gz``. The official field dictionary is
not public; the names below were seen in public readers of the feed, hence the many aliases.
"""

from __future__ import annotations

import re

from analytics_platform.streams.contract import Output, Resource, names
from analytics_platform.streams.feeds import sql
from analytics_platform.streams.tables import LISTENERS, PLAYS, TRACKS


def _pattern(resource: str, by_country: bool) -> re.Pattern[str]:
    part = r"/(?P<part>[A-Za-z]{2})" if by_country else ""
    date = r"(?P<date>\d{4}/\d{2}/\d{2})"
    return re.compile(rf"(?:^|/)spotify/(?P<licensor>[\w-]+)/{resource}/{date}{part}(?:\.\w+)*$")


SOURCE = {
    "others_playlist": "playlist",
    "playlist": "own playlist",
    "radio": "radio",
    "search": "search",
    "album": "album",
    "artist": "artist",
    "collection": "library",
    "play_queue": "queue",
}
DEVICE = {
    "mobile": "mobile",
    "smartphone": "mobile",
    "tablet": "tablet",
    "desktop": "desktop",
    "personal computer": "desktop",
    "computer": "desktop",
    "web": "web",
    "web_player": "web",
    "speaker": "speaker",
    "tv": "tv",
    "automobile": "car",
    "car": "car",
    "game console": "console",
    "smart watch": "wearable",
}
ACCESS = {"premium": "paid", "paid": "paid", "trial": "trial", "free": "free", "ad_supported": "free"}

STREAMS = Resource(
    vendor="spotify",
    name="streams",
    pattern=_pattern(r"(?P<kind>streams|sub_30_sec_streams)", by_country=True),
    form="ndjson",
    sources=(
        names("user_id", "streams_user_id", "customer_id", required=True),
        names("track_id", "streams_track_id", required=True),
        names("timestamp", "streams_timestamp", "log_time", name="played", required=True),
        names("country", "country_code", "region_code"),
        names("stream_length", "length", name="length_s"),
        names("source", "stream_source", name="origin"),
        names("device_type", "stream_device", name="device"),
        names("os", "stream_os", name="system"),
        names("access", "user_product_type", name="product"),
        names("cached", "stream_cached", name="cached"),
    ),
    unlisted=(
        "source_uri",
        "stream_source_uri",
        "offline_timestamp",
        "discovery_flag",
        "completion_flag",
        "mobile",
        "referral_code",
        "partner_name",
        "financial_product",
        "filename",
    ),
    typed={"played_at": sql.timestamp("played"), "duration_s": sql.seconds("length_s")},
    rules=(
        sql.needs("user_id", "no listener"),
        sql.needs("track_id", "no track"),
        *sql.is_timely("played", "played_at"),
        sql.is_duration("length_s", "duration_s"),
    ),
    listener=("user_id",),
    duplicates_by=("user_id", "track_id", "played_at", "duration_s"),
    clock="played_at",
    outputs=(
        Output(
            PLAYS,
            {
                "track_id": "track_id",
                "played_at": "played_at",
                "play_date": "played_at::date",
                "country": sql.country("country"),
                "plays": sql.plays("duration_s"),
                "duration_s": "duration_s",
                "source": sql.code("origin", SOURCE),
                "device": sql.code("device", DEVICE),
                "os": "lower(system)",
                "access": sql.code("product", ACCESS),
                "is_offline": sql.flag("cached"),
            },
        ),
    ),
)

USERS = Resource(
    vendor="spotify",
    name="users",
    pattern=_pattern("users", by_country=False),
    form="ndjson",
    sources=(
        names("user_id", "streams_user_id", "customer_id", required=True),
        names("country", "country_code"),
        names("gender", "sex"),
        names("birth_year", "year_of_birth"),
        names("access", "user_product_type", name="product"),
    ),
    unlisted=("region", "region_code", "partner_name", "financial_product"),
    rules=(sql.needs("user_id", "no listener"),),
    listener=("user_id",),
    duplicates_by=("user_id",),
    outputs=(
        Output(
            LISTENERS,
            {
                "gender": sql.code("gender", sql.GENDER, default=None),
                "age_band": sql.age_band("birth_year"),
                "country": sql.country("country"),
                "access": sql.code("product", ACCESS),
            },
        ),
    ),
)

CATALOGUE = Resource(
    vendor="spotify",
    name="tracks",
    pattern=_pattern("tracks", by_country=False),
    form="ndjson",
    sources=(
        names("track_id", "streams_track_id", required=True),
        names("isrc", required=True),
        names("track_name", "title", name="title"),
        names("artist_name", "track_artists", name="artist_name"),
        names("artist_id", "track_artist_id", name="artist_id"),
        names("duration_ms", name="duration_ms"),
    ),
    unlisted=("album_name", "upc", "track_uri", "href"),
    rules=(sql.needs("track_id", "no track"),),
    duplicates_by=("track_id",),
    outputs=(
        Output(
            TRACKS,
            {
                "track_id": "track_id",
                "isrc": sql.isrc("isrc"),
                "title": "title",
                "vendor_artist_id": "artist_id",
                "artist_name": "artist_name",
                "duration_s": "try_cast(duration_ms as double) / 1000",
            },
        ),
    ),
)

RESOURCES = (STREAMS, USERS, CATALOGUE)
