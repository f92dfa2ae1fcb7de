"""The tables of what factors are good for: similar tracks, outliers, playlists, the map, and what units select."""

from __future__ import annotations

from analytics_platform.lakehouse.tables import Column, Table

ISRC = Column("isrc", "VARCHAR", "Recording code, 12 characters, upper case, no hyphens.")
TITLE = Column("title", "VARCHAR", "Its title; null if no catalogue of a vendor names it.", True)
ARTIST_NAME = Column("artist_name", "VARCHAR", "Its artist; null if no catalogue of a vendor names it.", True)
MODEL_VERSION = Column("model_version", "VARCHAR", "Version of the model that made the factors.")

BASES = ("plays", "sound")
OUTLIER_KINDS = (
    "none",
    "far in sound",
    "short",
    "intro or interlude",
    "spoken",
    "remix",
    "live",
    "cover",
    "instrumental",
    "demo",
    "other speed",
)
PLAYLIST_KINDS = ("similar", "unit")

SIMILAR_TRACKS = Table(
    "marts",
    "similar_tracks",
    "One row per recording and recording that the same listeners would like, as far as their factors tell.",
    (
        ISRC,
        TITLE,
        ARTIST_NAME,
        Column("place", "SMALLINT", "1 for the most similar, up to 20.", minimum=1, maximum=20),
        Column("similar_isrc", "VARCHAR", "Recording code of the similar one."),
        Column("similar_title", "VARCHAR", "Its title; null if no catalogue of a vendor names it.", True),
        Column("similar_artist_name", "VARCHAR", "Its artist; null if no catalogue of a vendor names it.", True),
        Column("similarity", "DOUBLE", "Cosine of the two vectors of factors, -1 to 1.", minimum=-1, maximum=1),
        Column(
            "basis",
            "VARCHAR",
            "plays: the factors of both were learnt from who played them; sound: those of one or both were predicted "
            "from its sound, which is much less sure.",
            values=BASES,
        ),
        MODEL_VERSION,
    ),
    key=("isrc", "place"),
)


def _distance(of: str) -> tuple[Column, Column]:
    return (
        Column(
            f"{of}_distance",
            "DOUBLE",
            f"How far it sounds from the middle of the {of}'s other recordings, in units of what is usual: 1 is as far "
            "as half of the label's recordings are, allowing for how much the artist varies and how many recordings "
            "there are. Null with fewer than 3 others.",
            True,
            0,
        ),
        Column(
            f"{of}_percentile",
            "DOUBLE",
            "Share of the label's recordings for which this distance is smaller, 0 to 1.",
            True,
            0,
            1,
        ),
    )


TRACK_OUTLIERS = Table(
    "marts",
    "track_outliers",
    "One row per recording that was heard: whether it is like its artist's and album's others, or to be left out.",
    (
        ISRC,
        TITLE,
        Column("artist_id", "VARCHAR", "The artist, as in marts.artists."),
        ARTIST_NAME,
        Column("album", "VARCHAR", "Title of its album; null if no catalogue names it.", True),
        *_distance("artist"),
        *_distance("album"),
        Column("duration_s", "DOUBLE", "Length of the recording in seconds; null if unknown.", True, 0),
        Column("kind", "VARCHAR", "What it may be; none: an ordinary recording.", values=OUTLIER_KINDS),
        Column("reason", "VARCHAR", "Why, in words; null for none.", True),
        Column("is_left_out", "BOOLEAN", "True if it is not recommended: the evidence is strong enough."),
        Column("model_version", "VARCHAR", "Version of the rules and of what hears."),
    ),
    key=("isrc",),
)

PLAYLIST_TRACKS = Table(
    "taste",
    "playlist_tracks",
    "One row per playlist and recording in it; the same playlists lie in exports/playlists as JSPF, XSPF and CSV.",
    (
        Column("playlist_id", "VARCHAR", "The playlist: its kind and what it was made from; also in its file's name."),
        Column(
            "kind",
            "VARCHAR",
            "similar: a recording and those most similar to it; unit: recordings that a unit of a net answers to most.",
            values=PLAYLIST_KINDS,
        ),
        Column("playlist_title", "VARCHAR", "Title of the playlist."),
        Column("place", "INTEGER", "Place in the playlist, from 1.", minimum=1),
        ISRC,
        TITLE,
        ARTIST_NAME,
        Column("value", "DOUBLE", "What it was chosen by: the cosine (similar), or the unit's answer (unit)."),
        MODEL_VERSION,
    ),
    key=("playlist_id", "place"),
)

TRACK_MAP = Table(
    "marts",
    "track_map",
    "One row per recording on the map of tastes: recordings that lie close are liked by the same listeners.",
    (
        ISRC,
        TITLE,
        ARTIST_NAME,
        Column("genre", "VARCHAR", "Main genre of the artist in the roster; null if unknown.", True),
        Column("x", "DOUBLE", "Place from left to right, -1 to 1.", minimum=-1, maximum=1),
        Column(
            "y",
            "DOUBLE",
            "Place from bottom to top, -1 to 1. Only nearness means something: no axis has a unit, and distances "
            "between far groups say nothing.",
            minimum=-1,
            maximum=1,
        ),
        MODEL_VERSION,
    ),
    key=("isrc",),
)

UNIT_GENRES = Table(
    "taste",
    "unit_genres",
    "One row per unit of a net and the genre that it tells best from all others.",
    (
        Column("layer", "VARCHAR", "Layer of the net."),
        Column("unit", "INTEGER", "Number of the unit in its layer, from 0.", minimum=0),
        Column("genre", "VARCHAR", "The genre whose recordings it answers to most."),
        Column(
            "auc",
            "DOUBLE",
            "How often it answers more to a recording of the genre than to one of another, 0 to 1; 0.5 is a coin.",
            minimum=0,
            maximum=1,
        ),
        Column("auc_low", "DOUBLE", "Lower end of its 90 % interval, artists drawn anew.", minimum=0, maximum=1),
        Column("auc_high", "DOUBLE", "Upper end of its 90 % interval.", minimum=0, maximum=1),
        Column(
            "auc_by_chance",
            "DOUBLE",
            "What the best genre of the layer's best unit reaches in 19 of 20 cases when genres are dealt anew to "
            "artists: an auc below it is nothing.",
            minimum=0,
            maximum=1,
        ),
        Column("tracks", "INTEGER", "Recordings of the genre.", minimum=1),
        MODEL_VERSION,
    ),
    key=("layer", "unit"),
)

PRODUCTS = (SIMILAR_TRACKS, TRACK_OUTLIERS, PLAYLIST_TRACKS, TRACK_MAP, UNIT_GENRES)
