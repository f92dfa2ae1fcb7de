"""ListenBrainz listens as JSON lines: dumps and exports, one listen a line.

``listenbrainz/….jsonl`` or ``….listens``, plain or gzip (unpack the ``.tar.zst`` of a dump first).
A listen has no country, device or length; every one counts as a play, as ListenBrainz counts.
"""

from __future__ import annotations

import re

from analytics_platform.streams.contract import Output, Resource, names
from analytics_platform.streams.feeds import sql
from analytics_platform.streams.tables import PLAYS, TRACKS

META, INFO = "track_metadata", "track_metadata.additional_info"
TRACK = "coalesce(mbid, mapped_mbid, msid, md5(lower(artist || '|' || title)))"

LISTENS = Resource(
    vendor="listenbrainz",
    name="listens",
    pattern=re.compile(
        r"(?:^|/)listenbrainz(?:/.*)?/(?P<part>[\w.-]*?)(?P<date>\d{4}-\d{2}-\d{2}|\d{8})?(?:\.listens|\.jsonl?)(?:\.gz)?$"
    ),
    form="ndjson",
    sources=(
        names("user_name", "user_id", name="user_id", required=True),
        names("listened_at", "timestamp", name="played", required=True),
        names(f"{META}.artist_name", name="artist", required=True),
        names(f"{META}.track_name", name="title", required=True),
        names(f"{INFO}.recording_mbid", name="mbid"),
        names(f"{META}.mbid_mapping.recording_mbid", name="mapped_mbid"),
        names("recording_msid", name="msid"),
        names(f"{INFO}.isrc", name="isrc"),
        names(f"{INFO}.duration_ms", name="duration_ms"),
    ),
    unlisted=("track_metadata", "inserted_at", "user_id", "user_name"),
    typed={"played_at": sql.timestamp("played")},
    rules=(
        sql.needs("user_id", "no listener"),
        sql.needs("artist", "no artist"),
        sql.needs("title", "no track"),
        *sql.is_timely("played", "played_at"),
    ),
    listener=("user_id",),
    duplicates_by=("user_id", "played_at", "artist", "title"),
    clock="played_at",
    outputs=(
        Output(
            PLAYS,
            {
                "track_id": TRACK,
                "isrc": sql.isrc("isrc"),
                "played_at": "played_at",
                "play_date": "played_at::date",
                "plays": "1",
            },
        ),
        Output(
            TRACKS,
            {
                "track_id": TRACK,
                "isrc": sql.isrc("isrc"),
                "title": "title",
                "artist_name": "artist",
                "duration_s": "try_cast(duration_ms as double) / 1000",
            },
            one_per="track_id",
        ),
    ),
)

RESOURCES = (LISTENS,)
