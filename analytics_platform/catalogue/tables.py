"""The tables of the room ``catalogue``: what outside catalogues say, what was asked of them, and the clips."""

from __future__ import annotations

from analytics_platform.lakehouse.tables import Column, Table

SOURCES = ("spotify", "deezer", "itunes")
CLIP_SOURCES = ("master", "deezer", "itunes", "spotify", "missing")
"""In order of precedence: the label's own recording first."""

OUTCOMES = ("waiting", "ok", "absent", "forbidden", "throttled", "error")
MATCH_METHODS = ("manifest", "tag", "file name", "isrc", "name")

SOURCE = Column("source", "VARCHAR", "The outside catalogue that says so.", values=SOURCES)
ISRC = Column("isrc", "VARCHAR", "Recording code, 12 characters, upper case, no hyphens.", nullable=True)
TITLE = Column("title", "VARCHAR", "Title as the source writes it.")
SOURCE_ARTIST_ID = Column(
    "source_artist_id", "VARCHAR", "The source's id of the artist that it names first.", nullable=True
)
ARTIST_NAME = Column("artist_name", "VARCHAR", "Name of the artist that the source names first.", nullable=True)
FETCHED_AT = Column("fetched_at", "TIMESTAMP", "When the source answered, UTC.")

TRACKS = Table(
    "catalogue",
    "tracks",
    "One row per source and track, as the source last described it.",
    (
        SOURCE,
        Column("source_track_id", "VARCHAR", "The source's id of the track, as it answered."),
        Column(
            "requested_id",
            "VARCHAR",
            "What was asked for: an ISRC, or an id, which may differ from the id answered; null if found in a list.",
            True,
        ),
        ISRC,
        TITLE,
        SOURCE_ARTIST_ID,
        ARTIST_NAME,
        Column("other_artists", "VARCHAR", "Names of the other artists, separated by semicolons.", True),
        Column("source_album_id", "VARCHAR", "The source's id of the album.", True),
        Column("duration_s", "DOUBLE", "Length in seconds.", True, 0),
        Column("is_explicit", "BOOLEAN", "True if the source marks the words as explicit.", True),
        Column("release_date", "DATE", "Day of release, the first of the month or year if no more is given.", True),
        Column("has_preview", "BOOLEAN", "True if the source offered a preview when it answered.", True),
        FETCHED_AT,
    ),
    key=("source", "source_track_id"),
)

ARTISTS = Table(
    "catalogue",
    "artists",
    "One row per source and artist, as the source last described it.",
    (
        SOURCE,
        Column("source_artist_id", "VARCHAR", "The source's id of the artist."),
        Column("artist_name", "VARCHAR", "Name as the source writes it."),
        Column("genres", "VARCHAR", "Genres of the source, separated by semicolons; null if it gives none.", True),
        Column("followers", "BIGINT", "Followers at the source; null if it does not tell.", True, 0),
        FETCHED_AT,
    ),
    key=("source", "source_artist_id"),
)

ALBUMS = Table(
    "catalogue",
    "albums",
    "One row per source and album, as the source last described it.",
    (
        SOURCE,
        Column("source_album_id", "VARCHAR", "The source's id of the album."),
        TITLE,
        SOURCE_ARTIST_ID,
        ARTIST_NAME,
        Column("album_type", "VARCHAR", "album, single, compilation, in the source's words.", True),
        Column("release_date", "DATE", "Day of release, the first of the month or year if no more is given.", True),
        Column("tracks", "INTEGER", "Number of tracks on it.", True, 0),
        Column("upc", "VARCHAR", "Product code of the release.", True),
        FETCHED_AT,
    ),
    key=("source", "source_album_id"),
)

POPULARITY_SNAPSHOTS = Table(
    "catalogue",
    "popularity_snapshots",
    "One row per day, source, measure and thing measured: own plays beside what outside catalogues gave that day.",
    (
        Column("observed_on", "DATE", "Day of the answer, UTC; for own plays the last day with plays."),
        Column("source", "VARCHAR", "own (the label's plays) or the outside catalogue.", values=("own", *SOURCES)),
        Column(
            "measure",
            "VARCHAR",
            "plays_28_days and listeners_28_days (own, over the 28 days that end on observed_on); popularity, rank, "
            "followers (outside). Never compare values of two sources or measures.",
        ),
        Column("subject", "VARCHAR", "Kind of the thing measured.", values=("track", "artist")),
        Column("source_id", "VARCHAR", "The source's id of the thing measured; for own plays the ISRC."),
        ISRC,
        Column("value", "DOUBLE", "The value as given, in the source's own scale.", minimum=0),
        Column("scale_maximum", "DOUBLE", "Largest value that the scale has; null if it has none.", True, 0),
        Column(
            "percentile",
            "DOUBLE",
            "Share of the things with this day, source, measure and subject that have a smaller value, ties counted "
            "half, 0 to 1. The only number here that can be read across sources.",
            minimum=0,
            maximum=1,
        ),
        Column("observed_at", "TIMESTAMP", "When the value was seen, UTC; for own plays the end of the day."),
    ),
    key=("observed_on", "source", "measure", "subject", "source_id"),
    partition_by=("observed_on",),
)

CLIPS = Table(
    "catalogue",
    "clips",
    "One row per recording of the label: the audio excerpt that stands for it, or why there is none.",
    (
        Column("isrc", "VARCHAR", "Recording code, 12 characters, upper case, no hyphens."),
        Column(
            "clip_id",
            "VARCHAR",
            "The excerpt: first 32 hex digits of SHA-256 over the file's SHA-256 and the offset; null if missing.",
            True,
        ),
        Column("source", "VARCHAR", "Where it is from, or missing.", values=CLIP_SOURCES),
        Column("source_track_id", "VARCHAR", "The source's id of the track; for a master its path.", True),
        Column("location", "VARCHAR", "The file: below the lake's folder audio/, or the address of the master.", True),
        Column("codec", "VARCHAR", "Format of the file by its first bytes: mp3, flac, ogg, wav, aiff, m4a.", True),
        Column("offset_s", "DOUBLE", "Where the excerpt begins in the file, in seconds.", True, 0),
        Column("duration_s", "DOUBLE", "Length of the excerpt in seconds as the header says, at most 30.", True, 0, 30),
        Column("size_bytes", "BIGINT", "Size of the file in bytes.", True, 0),
        Column("sha256", "VARCHAR", "SHA-256 of the file, 64 hex digits.", True),
        Column("match_method", "VARCHAR", "How the file was matched to the recording.", True, values=MATCH_METHODS),
        Column("match_score", "DOUBLE", "How sure the match is, 0 to 1; 1 for a match by ISRC.", True, 0, 1),
        Column("may_analyse", "BOOLEAN", "True if features may be computed from it."),
        Column("may_train", "BOOLEAN", "True if models may be trained on it."),
        Column("may_display", "BOOLEAN", "True if it may be played to users."),
        Column("missing_reason", "VARCHAR", "Why there is no clip; null if there is one.", True),
        Column("fetched_at", "TIMESTAMP", "When the file was found or downloaded, UTC; null if missing.", True),
    ),
    key=("isrc",),
)

REQUESTS = Table(
    "catalogue",
    "requests",
    "One row per thing asked of an outside catalogue: a track, or one page of a list.",
    (
        SOURCE,
        Column("kind", "VARCHAR", "What is asked for, like isrc or artist_albums."),
        Column("subject", "VARCHAR", "Of what: an ISRC, the source's id, or a search text."),
        Column("page_offset", "INTEGER", "First item of the page, for lists; else 0.", minimum=0),
        Column(
            "outcome",
            "VARCHAR",
            "waiting (not asked yet); ok; absent (the source says there is none); forbidden (not for this account); "
            "throttled (it did not say); error.",
            values=OUTCOMES,
        ),
        Column("http_status", "SMALLINT", "Status of the last answer; null if none came.", True, 100, 599),
        Column("reason", "VARCHAR", "Why it is not ok.", True),
        Column("attempts", "INTEGER", "How often it was asked.", minimum=0),
        Column("asked_at", "TIMESTAMP", "When it was last asked, UTC.", True),
        Column("may_ask_again_at", "TIMESTAMP", "When it is due again, UTC; null if it need not be asked again.", True),
    ),
    key=("source", "kind", "subject", "page_offset"),
)

MASTER_FILES = Table(
    "catalogue",
    "master_files",
    "One row per audio file: what was read of it, so that it need not be read again while it is unchanged.",
    (
        Column("path", "VARCHAR", "Path below the root."),
        Column("size_bytes", "BIGINT", "Size in bytes."),
        Column("changed", "VARCHAR", "ETag or time of change, as the store gives it; null: always read again.", True),
        Column("codec", "VARCHAR", "Format by the content."),
        Column("duration_s", "DOUBLE", "Length in seconds.", True),
        Column("isrc_tags", "VARCHAR", "ISRC tags as written, one a line."),
        Column("problem", "VARCHAR", "Why header and tags could not be read.", True),
        Column("sha256", "VARCHAR", "SHA-256; null if it was not needed yet.", True),
    ),
    key=("path",),
)

REJECTED_MASTERS = Table(
    "catalogue",
    "rejected_masters",
    "One row per file of the label's own folder, or line of its manifest, that was not taken, and why.",
    (
        Column("path", "VARCHAR", "Path below the folder of masters."),
        Column("reason", "VARCHAR", "Kind of problem."),
        Column("detail", "VARCHAR", "What was found, in words; empty if there is no more to say."),
    ),
    key=("path", "reason", "detail"),
)

TABLES = (TRACKS, ARTISTS, ALBUMS, POPULARITY_SNAPSHOTS, CLIPS, REQUESTS, MASTER_FILES, REJECTED_MASTERS)
