"""The tables of audiences: who plays released tracks, who would play unreleased ones, and how well that is told."""

from __future__ import annotations

from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.modelling.tables import scores_table
from analytics_platform.tracks.score_tables import FILE
from analytics_platform.tracks.tables import ARTIST_ID, ISRC, TARGETS

TOTAL, ARTIST = "total", "artist"
EVERYWHERE, OTHERS = "(all)", "(other)"
OWN_AND_SOUND = "the artist's own listeners and its sound"
SOUND_ALONE = "its sound alone"
AVERAGES = "the label's averages: nothing is known of its sound"

RELEASED_AUDIENCE = Table(
    "taste",
    "released_audience",
    "One row per released recording, kind of place (country, or cluster of artists) and place: who plays it, last 365 "
    "days.",
    (
        ISRC,
        ARTIST_ID,
        Column(
            "kind",
            "VARCHAR",
            "country, or cluster: whose artists the listener plays most.",
            values=("cluster", "country"),
        ),
        Column("place", "VARCHAR", "Country, ISO 3166-1 alpha-2; or cluster_id as in marts.artist_clusters, broad."),
        Column("plays", "BIGINT", "Plays of the recording there.", minimum=1),
        Column(
            "artist_listeners", "BIGINT", "Distinct listeners of its artist there. Internal: not suppressed.", minimum=0
        ),
    ),
    key=("isrc", "kind", "place"),
)

TRACK_AUDIENCE = Table(
    "marts",
    "track_audience",
    "One row per file in the folder unreleased/, kind and place: who would play it, where, and how often.",
    (
        FILE,
        Column(
            "kind",
            "VARCHAR",
            "total: all plays; cluster: listeners by whose artists they play most; country; artist: those of most "
            "similar audience. Never add different kinds.",
            values=(TOTAL, "cluster", "country", ARTIST),
        ),
        Column("place", "VARCHAR", "(all); cluster_id; ISO 3166-1 alpha-2; artist_id; or (other): those suppressed."),
        Column("place_name", "VARCHAR", "Its name."),
        Column(
            "place_rank", "SMALLINT", "1 for the largest share or similarity of its kind; null if suppressed.", True, 1
        ),
        Column(
            "share",
            "DOUBLE",
            "Share of the track's plays, 0 to 1; those of a kind add up to 1, with (other). Null for artists and where "
            "suppressed.",
            True,
            0,
            1,
        ),
        Column(
            "expected_plays",
            "DOUBLE",
            "Plays in the window of target: of the total half of the tracks like it had more; elsewhere its share of "
            "the total. Null for artists, where suppressed, and where no released track has a number.",
            True,
            0,
        ),
        Column(
            "expected_low", "DOUBLE", "Of 10 released tracks with such a forecast 1 had fewer plays there.", True, 0
        ),
        Column(
            "expected_high", "DOUBLE", "Of 10 released tracks with such a forecast 1 had more plays there.", True, 0
        ),
        Column("similarity", "DOUBLE", "For artists: cosine of the tastes, -1 to 1; else null.", True, -1, 1),
        Column("is_suppressed", "BOOLEAN", "True where too few listeners are behind the share to show it."),
        Column("basis", "VARCHAR", "What the row rests on, in words.", values=(OWN_AND_SOUND, SOUND_ALONE, AVERAGES)),
        Column("target", "VARCHAR", "What is counted, and its window, as in tracks.outcomes.", values=TARGETS),
        Column("data_start", "DATE", "First day of the plays that shares are from.", True),
        Column("data_end", "DATE", "Last day of the plays that shares are from.", True),
        Column("model_version", "VARCHAR", "Version of the model of taste in use."),
        Column("score_model_version", "VARCHAR", "Version of the model that gave the score, as in marts.track_scores."),
    ),
    key=("file", "kind", "place"),
)

AUDIENCE_SCORES = scores_table(
    "taste",
    "audience_scores",
    "One row per task, split, seed, model and metric: audiences of released tracks treated as new, dummies included.",
)

TABLES = (TRACK_AUDIENCE, AUDIENCE_SCORES)
SQL_TABLES = (RELEASED_AUDIENCE,)
"""Made by SQL models."""
