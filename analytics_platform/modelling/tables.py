"""The tables of all models: what was released, and how every model scores beside its baselines."""

from __future__ import annotations

from datetime import date

from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.modelling.evaluation import BETTER

MODEL = Column("model", "VARCHAR", "Name of the model family.")
DATA_SET = Column("data_set", "VARCHAR", "Data set that the model was trained on.")
WINDOW = Column("window_days", "SMALLINT", "Window of the data in days; 0 = undated.", minimum=0, maximum=365)

RELEASES = Table(
    "models",
    "releases",
    "One row per version of a model that was released, or that was refused and why.",
    (
        MODEL,
        DATA_SET,
        WINDOW,
        Column("version", "VARCHAR", "Name of the version, as in the model store and in model_version columns."),
        Column("release_no", "INTEGER", "1 for the first version of its data set and window, then 2, 3 …", minimum=1),
        Column(
            "status",
            "VARCHAR",
            "released: in use until the next release_no is; refused: kept for inspection, never used.",
            values=("released", "refused"),
        ),
        Column("window_end", "DATE", "Last day of the data; null if undated.", True, date(2002, 10, 1)),
        Column(
            "drift",
            "DOUBLE",
            "Largest total variation of a profile from the release before, 0 to 1; null if there was none to match.",
            True,
            0,
            1,
        ),
        Column("reason", "VARCHAR", "Why it was released or refused."),
    ),
    key=("model", "data_set", "window_days", "release_no", "version"),
    partition_by=("model",),
)

SCORE_COLUMNS = (
    Column("task", "VARCHAR", "What the models are compared at: fan_segments, artist_clusters and so on."),
    DATA_SET,
    WINDOW,
    Column("target", "VARCHAR", "What is predicted, where a task has several targets; else empty."),
    Column(
        "split",
        "VARCHAR",
        "Where a task has several: artists (none is in two parts), rows (leaks: the same artists on both sides), time; "
        "'first fold' is a fifth of the tests. Else empty: docs/methods says what was not seen.",
    ),
    Column("seed", "SMALLINT", "Seed of folds and models; -1 is all seeds together, the row to read.", minimum=-1),
    MODEL,
    Column("metric", "VARCHAR", "Name of the score."),
    Column("value", "DOUBLE", "The score; docs/methods says of each metric what the model had not seen."),
    Column("value_low", "DOUBLE", "Lower end of its 90 % interval, by a bootstrap or over resamples."),
    Column("value_high", "DOUBLE", "Upper end of its 90 % interval, by a bootstrap or over resamples."),
    Column("unit", "VARCHAR", "Unit of the score."),
    Column("better", "VARCHAR", "Which way is better.", values=BETTER),
    Column("is_baseline", "BOOLEAN", "True for dummies and for methods of others."),
    Column("groups", "BIGINT", "Groups (artists, tracks …) that it was measured on.", minimum=1),
    Column("model_version", "VARCHAR", "Version of the model in use beside which it was measured."),
    Column("note", "VARCHAR", "How the model differs from its source: a smaller input, fewer epochs.", True),
)
SCORE_KEY = ("task", "data_set", "window_days", "target", "split", "seed", "model", "metric")


def scores_table(schema: str, name: str, comment: str) -> Table:
    """The scores of one step. A table has one writer, so each step has its own; the leaderboard shows them all."""
    return Table(schema, name, comment, SCORE_COLUMNS, key=SCORE_KEY)


LEADERBOARD = Table(
    "models",
    "leaderboard",
    "One row per task, data set, window, target, split, seed, model and metric: a score beside its baselines'.",
    SCORE_COLUMNS,
    key=SCORE_KEY,
)

TABLES = (RELEASES,)
SQL_TABLES = (LEADERBOARD,)
"""Made by SQL models."""
