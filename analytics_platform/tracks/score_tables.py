"""The tables of what the model in use says of unreleased tracks: scores, likenesses, reasons and rejections."""

from __future__ import annotations

from analytics_platform.audio.names import DESCRIPTOR_COLUMNS, REASONS
from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.tracks.tables import TARGETS

DESCRIBED = {column.name: column for column in DESCRIPTOR_COLUMNS}
NO_FILE = "not a plain file"
BAD_NAME = "name can't be shown"
REJECT_REASONS = (*REASONS, NO_FILE, BAD_NAME)

FILE = Column("file", "VARCHAR", "Path below the folder unreleased/.")
TITLE = Column("title", "VARCHAR", "From the file's tags, else from its name.")
ARTIST_NAME = Column("artist_name", "VARCHAR", "From the tags, the folder or 'Artist - Title'; null if none.", True)
CLIP_ID = Column("clip_id", "VARCHAR", "The excerpt: the same for the same sound under another name.")
MODEL_VERSION = Column("model_version", "VARCHAR", "Version of the model in use, as in tracks.shipped_models.")


def _share(name: str, comment: str) -> Column:
    return Column(name, "DOUBLE", comment, minimum=0, maximum=1)


TRACK_SCORES = Table(
    "marts",
    "track_scores",
    "One row per file in the folder unreleased/ that can be heard: where it may land among releases.",
    (
        FILE,
        TITLE,
        ARTIST_NAME,
        Column("artist_id", "VARCHAR", "The artist as marts.artists would call it; null without a name.", True),
        CLIP_ID,
        Column("sha256", "VARCHAR", "SHA-256 of the file, 64 hex digits."),
        Column("offset_s", "DOUBLE", "Where the excerpt begins, the middle of the file, in seconds.", minimum=0),
        Column("duration_s", "DOUBLE", "Seconds of sound that were heard, at most 30.", minimum=0, maximum=60),
        _share(
            "percentile",
            "Expected place among releases of the same month and genre, 0 to 1: 0.7 is better than 70 % of them. Use "
            "it to sort many, not to judge one.",
        ),
        _share("percentile_low", "Of 10 released tracks with such a score 1 ended below this, 0 to 1."),
        _share("percentile_high", "Of 10 released tracks with such a score 1 ended above this, 0 to 1."),
        Column("rank_in_batch", "INTEGER", "1 for the highest percentile in the folder; equals share it.", minimum=1),
        Column("batch_tracks", "INTEGER", "Files of the folder that could be heard.", minimum=1),
        Column(
            "rank_in_catalogue",
            "INTEGER",
            "Place that the percentile would have among those of the artist's released tracks, as the model expected "
            "them without having heard the artist; null for an artist without any.",
            True,
            1,
        ),
        Column("catalogue_tracks", "INTEGER", "Number of those tracks, 0 for an artist without any.", minimum=0),
        Column("model", "VARCHAR", "The kind of model that is in use, as in models.leaderboard."),
        MODEL_VERSION,
        Column(
            "test_auc",
            "DOUBLE",
            "How often the model puts the better of two tracks first (one from either half), for artists that it had "
            "not heard: 0.5 is a coin, 1 is always.",
            True,
            0,
            1,
        ),
        Column("test_auc_low", "DOUBLE", "Lower end of its 90 % interval.", True, 0, 1),
        Column("test_auc_high", "DOUBLE", "Upper end of its 90 % interval.", True, 0, 1),
        Column("target", "VARCHAR", "What is predicted, as in tracks.outcomes.", values=TARGETS),
        Column("evidence", "VARCHAR", "What the evidence allows to say, in words."),
        *(DESCRIBED[name] for name in ("loudness_lufs", "tempo_bpm", "key", "mode")),
        Column("scored_at", "TIMESTAMP", "When it was scored, UTC."),
    ),
    key=("file",),
)

TRACK_SCORE_NEIGHBOURS = Table(
    "marts",
    "track_score_neighbours",
    "One row per scored file and released track that sounds like it: the nearest of those that the model knows.",
    (
        FILE,
        Column("place", "SMALLINT", "1 for the most similar, up to 5.", minimum=1, maximum=5),
        Column("isrc", "VARCHAR", "Recording code of the released track, 12 characters."),
        Column("title", "VARCHAR", "Its title; null if no catalogue of a vendor names it.", True),
        Column("artist_name", "VARCHAR", "Its artist; null if no catalogue of a vendor names it.", True),
        Column("similarity", "DOUBLE", "Cosine of the two fingerprints, -1 to 1.", minimum=-1.000001, maximum=1.000001),
        Column("outcome_percentile", "DOUBLE", "Where it landed, 0 to 1; null if that is gone.", True, 0, 1),
        Column("outcome_value", "DOUBLE", "Its plays, listeners …, as target says; null if gone.", True, 0),
        Column("target", "VARCHAR", "What is counted, as in tracks.outcomes.", values=TARGETS),
        MODEL_VERSION,
    ),
    key=("file", "place"),
)

TRACK_SCORE_REJECTS = Table(
    "marts",
    "track_score_rejects",
    "One row per file in the folder unreleased/ that could not be heard, and why.",
    (
        FILE,
        Column("reason", "VARCHAR", "Kind of failure.", values=REJECT_REASONS),
        Column("detail", "VARCHAR", "What was found, in words.", True),
    ),
    key=("file",),
)

TRACK_EXPLANATIONS = Table(
    "marts",
    "track_explanations",
    "One row per scored file: what in its sound raised or lowered the score, in words and as a picture.",
    (
        FILE,
        TITLE,
        ARTIST_NAME,
        CLIP_ID,
        MODEL_VERSION,
        Column("words", "VARCHAR", "The strongest reasons for and against, in one sentence."),
        Column("picture", "VARCHAR", "PNG of the spectrogram with the regions, a path below the home."),
        _share("percentile", "What the model expects of the sound as it is, 0 to 1."),
        _share("percentile_muted", "What it expects when every region is muted, 12 dB quieter, 0 to 1."),
        Column(
            "residual",
            "DOUBLE",
            "percentile less percentile_muted less the sum of all effects: what the regions do not account for.",
        ),
        Column("spread", "DOUBLE", "Mean difference of an effect between two halves of the work.", minimum=0),
        Column("explained_at", "TIMESTAMP", "When it was explained, UTC."),
    ),
    key=("file",),
)

TRACK_SCORE_REASONS = Table(
    "marts",
    "track_score_reasons",
    "One row per scored file and part of its sound: how much it raised or lowered the expected percentile.",
    (
        FILE,
        Column(
            "kind",
            "VARCHAR",
            "region: some seconds of a band; time: the sum of all bands of these seconds; band: of all seconds. Never "
            "add different kinds.",
            values=("region", "time", "band"),
        ),
        Column("start_s", "DOUBLE", "Where it begins in the file, in seconds.", minimum=0),
        Column("end_s", "DOUBLE", "Where it ends in the file, in seconds.", minimum=0),
        Column("low_hz", "DOUBLE", "Its lowest frequency, Hz.", minimum=0),
        Column("high_hz", "DOUBLE", "Its highest frequency, Hz.", minimum=0),
        Column(
            "effect",
            "DOUBLE",
            "Change of the expected percentile because this part is as it is and not 12 dB quieter; 0.02 is two "
            "hundredths up. A Shapley value of the model, no law of music.",
            minimum=-1,
            maximum=1,
        ),
        MODEL_VERSION,
    ),
    key=("file", "kind", "start_s", "low_hz"),
)

SCORED = (TRACK_SCORES, TRACK_SCORE_NEIGHBOURS, TRACK_SCORE_REJECTS)
EXPLAINED = (TRACK_EXPLANATIONS, TRACK_SCORE_REASONS)
TABLES = (*SCORED, *EXPLAINED)
