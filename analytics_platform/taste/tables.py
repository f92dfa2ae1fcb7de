"""The tables of the room ``taste`` that say how well listeners' taste is known, from plays and from sound."""

from __future__ import annotations

from dataclasses import replace

from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.modelling.tables import scores_table

FACTOR_SCORES = scores_table(
    "taste",
    "factor_scores",
    "One row per task, split, seed, model and metric: how well plays alone tell what listeners play next.",
)
COLD_SCORES = scores_table(
    "taste",
    "cold_scores",
    "One row per task, split, seed, model and metric: how well models on numbers place tracks nobody has played.",
)
_NETS = scores_table(
    "taste",
    "net_scores",
    "One row per task, split, seed, net and metric: how well nets place tracks that nobody has played.",
)
NET_SCORES = replace(
    _NETS,
    columns=(
        Column("net", "VARCHAR", "The net; its model is called otherwise where it also knows the artist's factors."),
        *_NETS.columns,
    ),
    partition_by=("net",),
)

TASTE_VERSION = Column("model_version", "VARCHAR", "Version of the taste model, as in taste.releases.")

RELEASES = Table(
    "taste",
    "releases",
    "One row per version of the model of listeners' taste: what it is and how well it places unknown tracks.",
    (
        Column("version", "VARCHAR", "Name of the version, as in the model store and in model_version columns."),
        Column("release_no", "INTEGER", "1 for the first version, then 2, 3 …", minimum=1),
        Column(
            "status",
            "VARCHAR",
            "released: in use until the next released one; refused: no better than chance on artists it had not heard.",
            values=("released", "refused"),
        ),
        Column("model", "VARCHAR", "What places a track by its sound, as in models.leaderboard."),
        Column("tracks", "BIGINT", "Tracks with factors from plays.", minimum=1),
        Column("heard_tracks", "BIGINT", "Those with a clip, which the model of sound learnt from.", minimum=1),
        Column("artists", "BIGINT", "Artists of these.", minimum=1),
        Column("listeners", "BIGINT", "Listeners whose plays were factorised.", minimum=1),
        Column("factors", "SMALLINT", "Numbers by which a track or a listener is described.", minimum=1),
        *(
            Column(f"{metric}{end}", "DOUBLE", comment.format(end=words), minimum=0)
            for metric, comment in (
                (
                    "recall_at_20",
                    "Share of listeners' plays of cold tracks of unknown artists that are among their 20 best{end}.",
                ),
                ("random_recall_at_20", "The same by chance{end}."),
            )
            for end, words in (("", ""), ("_low", "; lower end of the 90 % interval"), ("_high", "; upper end"))
        ),
    ),
    key=("version",),
)

TRAINED = (FACTOR_SCORES, COLD_SCORES, RELEASES)
"""Written by the step that trains."""
TABLES = (*TRAINED, NET_SCORES)
