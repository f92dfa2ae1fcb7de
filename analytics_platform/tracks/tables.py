"""The tables of the room ``tracks``: what became of releases, and how well models predict it."""

from __future__ import annotations

from dataclasses import replace

from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.modelling.tables import scores_table

OWN_TARGETS = (
    "plays_first_28_days",
    "listeners_first_28_days",
    "plays_first_90_days",
    "listeners_first_90_days",
    "plays_last_90_days",
    "listeners_last_90_days",
)
OUTSIDE_TARGETS = ("spotify_popularity", "deezer_rank", "listenbrainz_plays")
TARGETS = (*OWN_TARGETS, *OUTSIDE_TARGETS)

ISRC = CLIPS.column("isrc")
TARGET = Column(
    "target",
    "VARCHAR",
    "What is counted: own plays or listeners in the first 28 or 90 days after release; in the last 90 days of the "
    "data, for tracks that were out before; an outside catalogue's number. Never compare values of two targets.",
    values=TARGETS,
)
ARTIST_ID = Column("artist_id", "VARCHAR", "The artist, as in marts.artists.")

RELEASES = Table(
    "tracks",
    "releases",
    "One row per recording of the label whose day of release is known.",
    (
        ISRC,
        ARTIST_ID,
        Column("genre", "VARCHAR", "Main genre of the artist in the roster; (unknown) if it has none."),
        Column("release_date", "DATE", "Day of release."),
        Column(
            "release_source",
            "VARCHAR",
            "Who says so: the label's roster, or else an outside catalogue (the earliest date).",
            values=("roster", "catalogue"),
        ),
    ),
    key=("isrc",),
)

OUTCOMES = Table(
    "tracks",
    "outcomes",
    "One row per recording and target: what became of it, and its place among releases of the same month and genre.",
    (
        ISRC,
        TARGET,
        Column("value", "DOUBLE", "Plays, listeners, or the outside catalogue's number.", minimum=0),
        Column(
            "percentile",
            "DOUBLE",
            "Share of the tracks that it was compared with that have a smaller value, ties counted half, 0 to 1.",
            minimum=0,
            maximum=1,
        ),
        Column(
            "compared_with",
            "VARCHAR",
            "Releases of the same genre and the same month; or quarter, year, any time, where at least 10 are needed.",
            values=("month", "quarter", "year", "any time"),
        ),
        Column("compared_tracks", "BIGINT", "Number of those tracks, itself among them.", minimum=1),
        Column("comparison", "VARCHAR", "Name of that group: genre, period and vendors."),
        Column("vendors", "VARCHAR", "Vendors whose data cover all the days that count; or the outside catalogue."),
        Column("release_date", "DATE", "Day of release."),
        Column("genre", "VARCHAR", "Main genre of the artist."),
        ARTIST_ID,
    ),
    key=("isrc", "target"),
)

MODEL_SCORES = scores_table(
    "tracks",
    "model_scores",
    "One row per task, target, split, seed, model and metric: how models on numbers predict what became of tracks.",
)
NET_SCORES = replace(
    scores_table(
        "tracks",
        "net_scores",
        "One row per task, target, split, seed, net and metric: how nets predict what became of tracks.",
    ),
    partition_by=("model",),
)

TABLES = (MODEL_SCORES, NET_SCORES)
SQL_TABLES = (RELEASES, OUTCOMES)
"""Made by SQL models."""
