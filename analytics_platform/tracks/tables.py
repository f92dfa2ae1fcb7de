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

SHIPPED_MODELS = Table(
    "tracks",
    "shipped_models",
    "One row per version of the model that scores unreleased tracks: what it is and how well it sorts.",
    (
        Column("version", "VARCHAR", "Name of the version, as in the model store and in model_version columns."),
        Column("release_no", "INTEGER", "1 for the first version, then 2, 3 …", minimum=1),
        Column(
            "status",
            "VARCHAR",
            "released: in use until the next released one; refused: no better than chance on artists it had not heard.",
            values=("released", "refused"),
        ),
        Column("model", "VARCHAR", "The model that had the least error on the validation rows."),
        TARGET,
        Column("tracks", "BIGINT", "Tracks that it was trained and judged on.", minimum=1),
        Column("artists", "BIGINT", "Their artists.", minimum=1),
        Column("has_embeddings", "BOOLEAN", "True if there were embeddings of a pretrained net to learn from."),
        *(
            Column(f"{metric}{end}", "DOUBLE", comment.format(end=words))
            for metric, comment in (
                (
                    "auc",
                    "How often a track above the median is scored above one below, by unknown artists{end}.",
                ),
                ("lift_at_10", "Tracks above the median among the highest tenth, over their share among all{end}."),
                ("calibration_error", "Mean distance of its probabilities from what came true{end}."),
            )
            for end, words in (("", ""), ("_low", "; lower end of the 90 % interval"), ("_high", "; upper end"))
        ),
    ),
    key=("version",),
)

TRAINING_REFUSALS = Table(
    "tracks",
    "training_refusals",
    "One row per recording with a known outcome and a clip that no model may be trained on.",
    (
        ISRC,
        Column("source", "VARCHAR", "Where its clip is from, as in catalogue.clips."),
        Column("reason", "VARCHAR", "Why it was left out."),
    ),
    key=("isrc",),
)

TRAINED = (MODEL_SCORES, SHIPPED_MODELS, TRAINING_REFUSALS)
"""Written by the step that trains models on numbers."""
TABLES = (*TRAINED, NET_SCORES)
SQL_TABLES = (RELEASES, OUTCOMES)
"""Made by SQL models."""
