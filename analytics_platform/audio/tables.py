"""The tables of the room ``audio``: what was read of each clip, and why not."""

from __future__ import annotations

from dataclasses import replace

from analytics_platform.audio.names import DESCRIPTOR_COLUMNS, FEATURE_NAMES, FEATURE_SETS, REASONS
from analytics_platform.catalogue.tables import CLIP_SOURCES, CLIPS
from analytics_platform.lakehouse.tables import Column, Table

SHOWN_DESCRIPTORS = ("duration_s", "loudness_lufs", "tempo_bpm", "key", "mode")

CLIP_ID = Column("clip_id", "VARCHAR", "The clip, as in catalogue.clips.")
BATCH = Column("batch", "VARCHAR", "The batch of clips that it was worked on with: a partition in Dagster.")

CLIP_BATCHES = Table(
    "audio",
    "clip_batches",
    "One row per clip that may be analysed: the batch that it belongs to, for good.",
    (
        CLIP_ID,
        BATCH,
        Column("location", "VARCHAR", "The file, as in catalogue.clips."),
        Column("offset_s", "DOUBLE", "Where the excerpt begins in the file, in seconds.", minimum=0),
    ),
    key=("clip_id",),
)

REJECTED_CLIPS = Table(
    "audio",
    "rejected_clips",
    "One row per clip that could not be read, and why.",
    (
        CLIP_ID,
        BATCH,
        Column("location", "VARCHAR", "The file, as in catalogue.clips."),
        Column("reason", "VARCHAR", "Kind of failure.", values=REASONS),
        Column("detail", "VARCHAR", "What was found, in words.", True),
    ),
    key=("clip_id",),
    partition_by=("batch",),
)

SPECTROGRAMS = Table(
    "audio",
    "spectrograms",
    "One row per clip and set of parameters: where its log-mel spectrogram lies.",
    (
        CLIP_ID,
        BATCH,
        Column("parameters", "VARCHAR", "Name of the set of parameters, which the folder of the shard has too."),
        Column("shard", "VARCHAR", "File below the lake's folder spectrograms/: float16 decibels, docs/audio.md."),
        Column("shard_row", "INTEGER", "Row of the clip in the shard.", minimum=0),
        Column("frames", "INTEGER", "Frames that hold sound; the rest of the 1292 is padding.", minimum=1),
        Column("duration_s", "DOUBLE", "Seconds of sound that were read.", minimum=0, maximum=60),
    ),
    key=("clip_id", "parameters"),
    partition_by=("batch",),
)

LOW_LEVEL_FEATURES = Table(
    "audio",
    "low_level_features",
    "One row per clip and feature set: the 207 low-level features of HitMusicNet, means over time.",
    (
        CLIP_ID,
        BATCH,
        Column(
            "feature_set",
            "VARCHAR",
            "hitmusicnet: as its authors computed them; hitmusicnet_mended: with the centroid over all frames and the "
            "entropy of energy defined.",
            values=FEATURE_SETS,
        ),
        *(Column(name, "DOUBLE", comment, True) for name, comment in FEATURE_NAMES.items()),
    ),
    key=("clip_id", "feature_set"),
    partition_by=("batch",),
)

DESCRIPTORS = Table(
    "audio",
    "descriptors",
    "One row per clip: loudness, tempo, key and the like, as people speak of them.",
    (CLIP_ID, BATCH, *DESCRIPTOR_COLUMNS),
    key=("clip_id",),
    partition_by=("batch",),
)

EMBEDDINGS = Table(
    "audio",
    "embeddings",
    "One row per clip and pretrained model: where its vectors lie.",
    (
        CLIP_ID,
        BATCH,
        Column("model", "VARCHAR", "The pretrained model, like musicnn_msd."),
        Column("weights", "VARCHAR", "First 16 hex digits of the SHA-256 of its weights."),
        Column("shard", "VARCHAR", "safetensors file below the lake's folder embeddings/, docs/audio.md."),
        Column("shard_row", "INTEGER", "Row of the clip in the shard's tensor `pooled`.", minimum=0),
        Column("first_window", "INTEGER", "First row of the clip in the shard's tensor `sequences`.", minimum=0),
        Column("windows", "INTEGER", "Number of its rows there, one per window of the model.", minimum=1),
    ),
    key=("clip_id", "model"),
    partition_by=("batch",),
)

TAGS = Table(
    "audio",
    "tags",
    "One row per clip, model and tag: how much the model hears in the clip what people tag so.",
    (
        CLIP_ID,
        BATCH,
        Column("model", "VARCHAR", "The pretrained model, like musicnn_msd."),
        Column("tag", "VARCHAR", "The tag, in English."),
        Column("score", "DOUBLE", "Mean over the clip's windows, 0 to 1; not a calibrated probability.", False, 0, 1),
    ),
    key=("clip_id", "model", "tag"),
    partition_by=("batch",),
)

TRACK_AUDIO = Table(
    "marts",
    "track_audio",
    "One row per recording of the label: its clip, what may be done with it, and how it sounds.",
    (
        CLIPS.column("isrc"),
        Column("title", "VARCHAR", "Title; null if no catalogue of a vendor names it.", True),
        Column("artist_id", "VARCHAR", "The artist, as in marts.artists.", True),
        Column("artist_name", "VARCHAR", "Name of the artist.", True),
        Column("clip_source", "VARCHAR", "Where the clip is from, or missing.", values=CLIP_SOURCES),
        CLIPS.column("may_analyse"),
        CLIPS.column("may_train"),
        CLIPS.column("may_display"),
        Column(
            "status",
            "VARCHAR",
            "analysed; waiting for its batch; rejected (not readable); not allowed (no right to analyse); missing.",
            values=("analysed", "waiting", "rejected", "not allowed", "missing"),
        ),
        Column("reason", "VARCHAR", "Why it is rejected or missing; null otherwise.", True),
        CLIPS.column("clip_id"),
        CLIPS.column("location"),
        CLIPS.column("offset_s"),
        *(replace(column, nullable=True) for column in DESCRIPTOR_COLUMNS if column.name in SHOWN_DESCRIPTORS),
        Column("first_tag", "VARCHAR", "What a net pretrained on tags hears most in it, as people tag music.", True),
        Column("second_tag", "VARCHAR", "What it hears second.", True),
        Column("third_tag", "VARCHAR", "What it hears third.", True),
    ),
    key=("isrc",),
    owner="team:data",
)

FROM_SOUND = (REJECTED_CLIPS, SPECTROGRAMS, LOW_LEVEL_FEATURES, DESCRIPTORS)
FROM_NETS = (EMBEDDINGS, TAGS)
TABLES = (CLIP_BATCHES, *FROM_SOUND, *FROM_NETS)
SQL_TABLES = (TRACK_AUDIO,)
"""Made by SQL models."""
