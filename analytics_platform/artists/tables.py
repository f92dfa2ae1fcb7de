"""The tables of the room ``artists``: neighbours, links, clusters with their history, and potential streams."""

from __future__ import annotations

from analytics_platform.fans.tables import ARTIST_NAME, DATA_SET, MODEL_VERSION, WINDOW, WINDOW_END, WINDOW_START
from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.modelling.tables import scores_table
from analytics_platform.streams.tables import ARTIST_ID

RESOLUTIONS = ("broad", "fine")
STATUSES = ("first", "kept", "new", "gone")

RESOLUTION = Column("resolution", "VARCHAR", "broad: few large clusters; fine: more, smaller ones.", values=RESOLUTIONS)
CLUSTER_ID = Column(
    "cluster_id",
    "INTEGER",
    "Number of the cluster within data set and resolution. It stays from run to run and is never given twice.",
    minimum=1,
)
CLUSTER_NAME = Column("cluster_name", "VARCHAR", "Its over-represented genres, if any are known, and typical artists.")
SHARED_LISTENERS = Column(
    "shared_listeners",
    "BIGINT",
    "Listeners of both artists in the window; null where there are too few to be published.",
    True,
    0,
)

SIMILAR_ARTISTS = Table(
    "marts",
    "similar_artists",
    "One row per data set, artist and neighbour: the 50 of nearest audience, over its longest window.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        ARTIST_ID,
        ARTIST_NAME,
        Column("neighbour_rank", "SMALLINT", "1 = nearest.", minimum=1),
        Column("similar_artist_id", "VARCHAR", "The neighbour's artist_id."),
        Column("similar_artist_name", "VARCHAR", "The neighbour's name."),
        Column(
            "score", "DOUBLE", "Cosine of the two audiences (BM25, SVD), above 0; 1 = the same audience.", False, 0, 1
        ),
        Column(
            "stability",
            "DOUBLE",
            "Share of bootstraps over listeners with the neighbour among the 50 again, 0 to 1; chance: 50 / artists.",
            False,
            0,
            1,
        ),
        SHARED_LISTENERS,
        MODEL_VERSION,
    ),
    key=("data_set", "artist_id", "neighbour_rank"),
)

ARTIST_LINKS = Table(
    "marts",
    "artist_links",
    "One row per data set and linked pair of artists: edges of the artist graph, over its longest window.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        ARTIST_ID,
        ARTIST_NAME,
        Column("linked_artist_id", "VARCHAR", "The other artist's artist_id, after artist_id in order."),
        Column("linked_artist_name", "VARCHAR", "The other artist's name."),
        Column(
            "weight",
            "DOUBLE",
            "Shrunk co-listening: s/(s+10) * s/sqrt(n1*n2) for s shared of n1 and n2 listeners, 0 to 1; null with s.",
            True,
            0,
            1,
        ),
        SHARED_LISTENERS,
        MODEL_VERSION,
    ),
    key=("data_set", "artist_id", "linked_artist_id"),
)

ARTIST_CLUSTERS = Table(
    "marts",
    "artist_clusters",
    "One row per data set, resolution and artist: the cluster of artists with a common audience, or why there is none.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        RESOLUTION,
        ARTIST_ID,
        ARTIST_NAME,
        Column(
            "listeners",
            "BIGINT",
            "Listeners in the window for whom the artist is among their 300 most played; null if too few.",
            True,
            1,
        ),
        Column(
            "cluster_id",
            "INTEGER",
            "Number of the cluster, stable from run to run; null if the artist has none.",
            True,
            1,
        ),
        Column("cluster_name", "VARCHAR", "Name of the cluster; null if the artist has none.", True),
        Column(
            "membership",
            "DOUBLE",
            "Share of bootstraps over listeners in which the artist falls into the cluster, 0 to 1; null without one.",
            True,
            0,
            1,
        ),
        Column("is_between_groups", "BOOLEAN", "True for a fringe artist, in the cluster in few bootstraps."),
        Column("reason", "VARCHAR", "Why the artist has no cluster; null if it has one.", True),
        Column("map_x", "DOUBLE", "Place on the map of artists, of no unit; null for artists off the map.", True),
        Column("map_y", "DOUBLE", "Place on the map of artists, of no unit; null for artists off the map.", True),
        MODEL_VERSION,
    ),
    key=("data_set", "resolution", "artist_id"),
)

ARTIST_CLUSTER_HISTORY = Table(
    "marts",
    "artist_cluster_history",
    "One row per data set, resolution, run and cluster: what became of each cluster, and how many artists moved.",
    (
        DATA_SET,
        WINDOW,
        RESOLUTION,
        Column(
            "run_no",
            "INTEGER",
            "1 for the first run, then 2, 3 …; a run on the same plays replaces its rows.",
            minimum=1,
        ),
        WINDOW_END,
        CLUSTER_ID,
        CLUSTER_NAME,
        Column(
            "status",
            "VARCHAR",
            "first: no run before; kept: half of its artists or more as before; new; gone: ended with this run.",
            values=STATUSES,
        ),
        Column(
            "parent_id", "INTEGER", "For a new cluster: the one before that most of its artists came from.", True, 1
        ),
        Column("artists", "INTEGER", "Artists in the cluster; 0 if gone.", minimum=0),
        Column(
            "membership",
            "DOUBLE",
            "Mean membership of its artists, 0 to 1: below 0.6 other listeners may give no such cluster; null if gone.",
            True,
            0,
            1,
        ),
        Column("overlap", "DOUBLE", "Jaccard overlap with itself in the run before; null unless kept.", True, 0, 1),
        Column(
            "churn",
            "DOUBLE",
            "Of the artists compared that had a cluster the run before, the share in another or none; null in run 1.",
            True,
            0,
            1,
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "resolution", "run_no", "cluster_id"),
    partition_by=("data_set",),
)

CLUSTER_MEMBERS = Table(
    "artists",
    "cluster_members",
    "One row per data set, resolution, run and artist in a cluster, for the last two runs: what stable ids rest on.",
    (
        DATA_SET,
        RESOLUTION,
        Column("run_no", "INTEGER", "As in marts.artist_cluster_history.", minimum=1),
        ARTIST_ID,
        CLUSTER_ID,
        MODEL_VERSION,
    ),
    key=("data_set", "resolution", "run_no", "artist_id"),
    partition_by=("data_set",),
)

AUDIENCE_SCORES = scores_table(
    "artists",
    "audience_scores",
    "One row per task, data set, window, model and metric: how stable neighbours and clusters are, beside baselines.",
)

MARKET_SCORES = scores_table(
    "artists",
    "market_scores",
    "One row per task, data set, window, model and metric: the back-test of market estimates, dummies included.",
)

POTENTIAL_STREAMS = Table(
    "marts",
    "potential_streams",
    "One row per data set, artist and country: plays, what similar artists suggest, and whether to go there next.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_START,
        WINDOW_END,
        ARTIST_ID,
        ARTIST_NAME,
        Column("country", "VARCHAR", "Country, ISO 3166-1 alpha-2; every country in which the label has plays."),
        Column("country_name", "VARCHAR", "Its English name."),
        Column("actual_plays", "BIGINT", "Plays of the artist there in the window.", minimum=0),
        Column(
            "expected_plays",
            "DOUBLE",
            "Plays in a window of this length if the artist did there as its better similar artists do; null without.",
            True,
            0,
        ),
        Column("expected_low", "DOUBLE", "Lower end of the 80 % range of expected_plays.", True, 0),
        Column("expected_high", "DOUBLE", "Upper end of the 80 % range of expected_plays.", True, 0),
        Column("gap_plays", "DOUBLE", "Potential streams: expected_plays - actual_plays; null without expected.", True),
        Column(
            "z",
            "DOUBLE",
            "gap_plays / sqrt(expected_plays + 10): what market_rank goes by, from 1 up; null without expected_plays.",
            True,
        ),
        Column("market_rank", "SMALLINT", "1 = go there first; null if not to be recommended (see reason).", True, 1),
        Column(
            "reason",
            "VARCHAR",
            "Why there is no rank: not available, no clear gap, no neighbours and so on; null with one.",
            True,
        ),
        Column(
            "neighbours", "VARCHAR", "Up to five similar artists who do best there, whom the number rests on.", True
        ),
        Column("is_available", "BOOLEAN", "False where the roster says that the catalogue may not be sold."),
        Column(
            "is_home",
            "BOOLEAN",
            "True for the country where the artist's share of plays is highest above the market's.",
        ),
        Column(
            "is_established",
            "BOOLEAN",
            "True where plays are enough to measure the artist's level by. Never the home, where it is higher.",
        ),
        Column(
            "document_gap_plays",
            "DOUBLE",
            "Baseline of the source document: mean plays of ten similar artists minus own.",
            True,
        ),
        Column(
            "original_code_plays",
            "DOUBLE",
            "Baseline of its code: similarity-weighted mean plays of ten similar artists; null in own top ten markets.",
            True,
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "artist_id", "country"),
)

AUDIENCES = (SIMILAR_ARTISTS, ARTIST_LINKS, ARTIST_CLUSTERS, ARTIST_CLUSTER_HISTORY, CLUSTER_MEMBERS, AUDIENCE_SCORES)
"""Written by the step that compares audiences."""

TABLES = (*AUDIENCES, POTENTIAL_STREAMS, MARKET_SCORES)
