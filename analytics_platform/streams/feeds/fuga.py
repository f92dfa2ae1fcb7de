"""FUGA Trends TSV: the feed that an independent label most often gets, several services in one shape.

``FUGA_Trends_<label id>_20260316.tsv.gz``. A row is a stream of one listener, or an aggregate
without listener (``number_of_streams`` > 1). Days only, no clock, so two equal rows may both be
true and none is called a duplicate. The file has no artist names; they come by ISRC.
"""

from __future__ import annotations

import re

from analytics_platform.streams.contract import Output, Resource, Rule, names
from analytics_platform.streams.feeds import sql
from analytics_platform.streams.feeds.spotify import ACCESS, DEVICE, SOURCE
from analytics_platform.streams.tables import LISTENERS, PLAYS, TRACKS

UNLISTED = (
    "label_id",
    "product_id",
    "number_of_downloads",
    "number_of_listeners",
    "number_of_saves",
    "stream_source_uri",
    "user_region",
    "user_region_detail",
    "user_age_group",
    "user_account_type",
    "track_id",
    "upc",
    "shuffle",
    "repeat",
    "completion",
    "apple_container_type",
    "apple_container_sub_type",
    "apple_source_of_stream",
    "youtube_channel_id",
    "video_id",
    "youtube_claimed_status",
    "subscribed_status",
    "asset_type",
    "discovery_flag",
    "current_membership_week",
    "first_trial_membership_week",
    "first_trial_membership",
    "first_paid_membership_week",
    "first_paid_membership",
    "total_user_streams",
    "youtube_uploader_type",
    "audio_format",
    "dsp_data",
)

TRENDS = Resource(
    vendor="fuga",
    name="trends",
    pattern=re.compile(r"(?:^|/)FUGA_Trends_(?P<licensor>\w+?)_(?P<date>\d{8})(?:\.\w+)*$", re.I),
    form="tsv",
    sources=(
        names("asset_id", required=True),
        names("date", name="play_day", required=True),
        names("territory", required=True),
        names("number_of_streams", required=True),
        names("reporting_organization_id", required=True),
        names("user_id"),
        names("user_gender"),
        names("user_birth_year"),
        names("user_country"),
        names("user_access_type"),
        names("primary_artist_ids"),
        names("isrc"),
        names("asset_duration"),
        names("stream_length"),
        names("stream_source"),
        names("stream_device_type"),
        names("stream_device_os"),
        names("cached"),
    ),
    unlisted=UNLISTED,
    typed={
        "play_date": sql.day("play_day"),
        "streams": "try_cast(number_of_streams as integer)",
        "duration_s": sql.seconds("stream_length"),
    },
    rules=(
        sql.needs("asset_id", "no track"),
        *sql.is_timely("play_day", "play_date"),
        Rule("play count is no number", "coalesce(streams < 0, true)", "number_of_streams"),
        sql.is_duration("stream_length", "duration_s"),
    ),
    # Two services may use the same listener id for two people.
    listener=("reporting_organization_id", "user_id"),
    outputs=(
        Output(
            PLAYS,
            {
                "track_id": "asset_id",
                "isrc": sql.isrc("isrc"),
                "play_date": "play_date",
                "country": sql.country("coalesce(user_country, territory)"),
                "plays": f"case when duration_s < {sql.MIN_PLAY_S} then 0 else streams end",
                "duration_s": "duration_s",
                "source": sql.code("stream_source", SOURCE),
                "device": sql.code("stream_device_type", DEVICE),
                "os": "lower(stream_device_os)",
                "access": sql.code("user_access_type", ACCESS),
                "is_offline": sql.flag("cached"),
            },
        ),
        Output(
            LISTENERS,
            {
                "gender": sql.code("user_gender", sql.GENDER, default=None),
                "age_band": sql.age_band("user_birth_year"),
                "country": sql.country("coalesce(user_country, territory)"),
                "access": sql.code("user_access_type", ACCESS),
            },
            where="user_id is not null",
            one_per="listener_key",
        ),
        Output(
            TRACKS,
            {
                "track_id": "asset_id",
                "isrc": sql.isrc("isrc"),
                "vendor_artist_id": "split_part(primary_artist_ids, ',', 1)",
                "duration_s": "try_cast(asset_duration as double)",
            },
            one_per="track_id",
        ),
    ),
)

RESOURCES = (TRENDS,)
