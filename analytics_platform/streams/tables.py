"""The tables of the room ``streams``: what vendors delivered, as plays, listeners and tracks."""

from __future__ import annotations

from datetime import date

from analytics_platform.lakehouse.tables import Column, Table

FIRST_DAY = date(2002, 10, 1)
"""No play is older: Last.fm's first scrobbles. An older date is a broken clock, not a play."""
FIRST_RECORDING = date(1860, 4, 9)
"""No recording is older: Au clair de la lune, as Scott de Martinville wrote it down."""

AGE_BANDS = ("under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")
GENDERS = ("female", "male", "other")
DEVICES = ("mobile", "tablet", "desktop", "web", "speaker", "tv", "car", "console", "wearable", "other")
ACCESSES = ("paid", "trial", "free", "other")
SOURCES = (
    "playlist", "own playlist", "editorial playlist", "radio", "search", "album", "artist",
    "library", "queue", "discovery", "external", "voice", "other",
)  # fmt: skip
STATUSES = ("loaded", "quarantined", "refused", "superseded")

VENDOR = Column(
    "vendor", "VARCHAR", "Who delivered the row: spotify, apple, fuga, roster (the label itself), or an open data set."
)
INGEST_DATE = Column(
    "ingest_date", "DATE", "Day of the delivery that the row came in, as the vendor names it.", minimum=FIRST_DAY
)
DELIVERY_ID = Column(
    "delivery_id",
    "VARCHAR",
    "SHA-256 of the delivered file as received (at the roster: of its slot and that hash), 64 hex digits.",
)
LINE = Column("line", "BIGINT", "Line of the row in the unpacked file; the first line, header or not, is 1.", minimum=1)
LISTENER_KEY = Column(
    "listener_key",
    "VARCHAR",
    "Pseudonym of the listener: first 72 bits of HMAC-SHA256(secret, vendor|licensor|id), base64url, 12 characters.",
)
KEY_VERSION = Column(
    "key_version",
    "SMALLINT",
    "Version of the secret that made listener_key; keys of two versions never match.",
    minimum=1,
)
ARTIST_ID = Column(
    "artist_id",
    "VARCHAR",
    "The artist, as the name in lower case without punctuation, same at all vendors; (unknown) if in no catalogue.",
)
COUNTRY = Column(
    "country", "VARCHAR", "Country of the listener or storefront, ISO 3166-1 alpha-2; null if not given.", nullable=True
)

DELIVERIES = Table(
    "streams",
    "deliveries",
    "One row per delivered file, by content. A file delivered twice has one row; a revised file has a row of its own.",
    (
        DELIVERY_ID,
        VENDOR,
        INGEST_DATE,
        Column("licensor", "VARCHAR", "The account at the vendor that the file belongs to."),
        Column("resource", "VARCHAR", "What the file holds, in the vendor's words: streams, users, tracks, content …"),
        Column("slot", "VARCHAR", "Identity of the report whatever its revision; the highest revision counts."),
        Column("revision", "INTEGER", "1 for the first file in its slot, then 2, 3 …", minimum=1),
        Column("is_current", "BOOLEAN", "True if no later revision has replaced the file."),
        Column("file_name", "VARCHAR", "Path of the file below the inbox, as delivered."),
        Column("size_bytes", "BIGINT", "Size of the file as received, in bytes.", minimum=0),
        Column("received_at", "TIMESTAMP", "When the platform took the file from the inbox, UTC."),
        Column(
            "status",
            "VARCHAR",
            "loaded; quarantined (too many bad rows); refused (not readable); superseded.",
            values=STATUSES,
        ),
        Column("reason", "VARCHAR", "Why a file is not loaded; null if it is.", nullable=True),
        Column(
            "rows_read", "BIGINT", "Data rows in the file = good_rows + rejected_rows; 0 if never parsed.", minimum=0
        ),
        Column("good_rows", "BIGINT", "Rows that met the feed's contract.", minimum=0),
        Column("rejected_rows", "BIGINT", "Rows in streams.rejected_rows, each with its reason.", minimum=0),
        Column("loaded_rows", "BIGINT", "Rows in the tables: good_rows if status is loaded, else 0.", minimum=0),
        Column("erased_rows", "BIGINT", "Rows since removed from the raw file by erase-listener.", minimum=0),
    ),
    key=("delivery_id",),
    partition_by=("vendor", "ingest_date"),
)

PLAYS = Table(
    "streams",
    "plays",
    "One row per stream (or per aggregated row of a feed that aggregates). sum(plays) counts plays.",
    (
        VENDOR,
        INGEST_DATE,
        DELIVERY_ID,
        LINE,
        Column(
            "listener_key", "VARCHAR", LISTENER_KEY.comment + " Null where the feed names no listener.", nullable=True
        ),
        KEY_VERSION,
        Column("track_id", "VARCHAR", "The vendor's id of the track."),
        Column("isrc", "VARCHAR", "Recording code, 12 characters, where the row itself has it.", nullable=True),
        Column("play_date", "DATE", "Day of the play as the vendor counts days.", minimum=FIRST_DAY),
        Column("played_at", "TIMESTAMP", "Moment of the play, UTC; null where the feed has days only.", nullable=True),
        COUNTRY,
        Column("plays", "INTEGER", "Streams of at least 30 s that the row stands for; 0 for a shorter one.", minimum=0),
        Column("duration_s", "DOUBLE", "Listened time in seconds, 0 to 86400.", True, 0, 86_400),
        Column("source", "VARCHAR", "Where in the app the play began.", True, values=SOURCES),
        Column("device", "VARCHAR", "Kind of device.", True, values=DEVICES),
        Column("os", "VARCHAR", "Operating system as the vendor names it, lower case.", True),
        Column("access", "VARCHAR", "How the listener pays.", True, values=ACCESSES),
        Column("is_offline", "BOOLEAN", "True if played from a download.", True),
        Column("extras", "VARCHAR", "Columns that the contract does not know, as a JSON object.", True),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor", "ingest_date"),
)

PLAY_COUNTS = Table(
    "streams",
    "play_counts",
    "One row per listener and artist or song of an undated data set of play counts.",
    (
        VENDOR,
        DELIVERY_ID,
        LINE,
        LISTENER_KEY,
        KEY_VERSION,
        Column("vendor_artist_id", "VARCHAR", "The data set's id of the artist; null where it counts songs.", True),
        Column("track_id", "VARCHAR", "The data set's id of the song; null where it counts artists.", True),
        Column("plays", "BIGINT", "Number of plays over the data set's whole, unstated period.", minimum=1),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor",),
)

TRACKS = Table(
    "streams",
    "tracks",
    "One row per track in a vendor's catalogue file of a day.",
    (
        VENDOR,
        INGEST_DATE,
        DELIVERY_ID,
        LINE,
        Column("track_id", "VARCHAR", "The vendor's id of the track."),
        Column("isrc", "VARCHAR", "Recording code, 12 characters.", True),
        Column("title", "VARCHAR", "Title of the track.", True),
        Column("vendor_artist_id", "VARCHAR", "The vendor's id of the main artist.", True),
        Column("artist_name", "VARCHAR", "Name of the main artist, as the vendor writes it.", True),
        Column("duration_s", "DOUBLE", "Length of the recording in seconds.", True, 0, 86_400),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor", "ingest_date"),
)

ARTISTS = Table(
    "streams",
    "artists",
    "One row per artist in an open data set's list of artists.",
    (
        VENDOR,
        DELIVERY_ID,
        LINE,
        Column("vendor_artist_id", "VARCHAR", "The data set's id of the artist."),
        Column("artist_name", "VARCHAR", "Name of the artist."),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor",),
)

LISTENERS = Table(
    "streams",
    "listeners",
    "One row per listener in a vendor's listener file of a day, without birth year, postal code or name.",
    (
        VENDOR,
        INGEST_DATE,
        DELIVERY_ID,
        LINE,
        LISTENER_KEY,
        KEY_VERSION,
        Column("gender", "VARCHAR", "Gender as the vendor reports it.", True, values=GENDERS),
        Column("age_band", "VARCHAR", "Age band in years on the day of the delivery.", True, values=AGE_BANDS),
        COUNTRY,
        Column("access", "VARCHAR", "How the listener pays.", True, values=ACCESSES),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor", "ingest_date"),
)

ROSTER_GENRES = Table(
    "streams",
    "roster_genres",
    "One row per artist and genre in a file of the label's roster.",
    (
        VENDOR,
        INGEST_DATE,
        DELIVERY_ID,
        LINE,
        Column("artist_name", "VARCHAR", "Name of the artist, as the label writes it."),
        Column("genre", "VARCHAR", "Genre of the artist, as the label writes it."),
        Column("position", "INTEGER", "1 for the artist's main genre, then 2, 3 …; 1 where not given.", minimum=1),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor", "ingest_date"),
)

ROSTER_TERRITORIES = Table(
    "streams",
    "roster_territories",
    "One row per artist and country in a file of the label's roster: there the artist's catalogue is not available.",
    (
        VENDOR,
        INGEST_DATE,
        DELIVERY_ID,
        LINE,
        Column("artist_name", "VARCHAR", "Name of the artist, as the label writes it."),
        Column("country", "VARCHAR", "The excluded territory, ISO 3166-1 alpha-2."),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor", "ingest_date"),
)

ROSTER_RELEASES = Table(
    "streams",
    "roster_releases",
    "One row per recording in a file of the label's roster: the day on which it comes out, or came out first.",
    (
        VENDOR,
        INGEST_DATE,
        DELIVERY_ID,
        LINE,
        Column("isrc", "VARCHAR", "Recording code, 12 characters."),
        Column("release_date", "DATE", "Day of the release; it may lie ahead.", minimum=FIRST_RECORDING),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor", "ingest_date"),
)

REJECTED_ROWS = Table(
    "streams",
    "rejected_rows",
    "One row per row of a delivered file that broke the feed's contract. The row itself is in the raw file only.",
    (
        VENDOR,
        INGEST_DATE,
        DELIVERY_ID,
        Column("file_name", "VARCHAR", "Path of the file below the inbox, as delivered."),
        LINE,
        Column("column_name", "VARCHAR", "The vendor's column at fault; null if the whole row is.", True),
        Column("reason", "VARCHAR", "What is wrong, as a fixed phrase that can be grouped by."),
    ),
    key=("delivery_id", "line"),
    partition_by=("vendor", "ingest_date"),
)

TABLES = (
    DELIVERIES,
    PLAYS,
    PLAY_COUNTS,
    TRACKS,
    ARTISTS,
    LISTENERS,
    ROSTER_GENRES,
    ROSTER_TERRITORIES,
    ROSTER_RELEASES,
    REJECTED_ROWS,
)

TRACK_ARTISTS = Table(
    "streams",
    "track_artists",
    "One row per vendor and track: its recording code, and the artist that it belongs to.",
    (
        VENDOR,
        Column("track_id", "VARCHAR", "The vendor's id of the track."),
        Column("isrc", "VARCHAR", "Recording code, 12 characters.", True),
        Column("title", "VARCHAR", "Title, from this vendor or, by recording code, from another.", True),
        ARTIST_ID,
        Column("artist_name", "VARCHAR", "Name of the artist, from this vendor or, by recording code, from another."),
    ),
    key=("vendor", "track_id"),
)

ARTIST_GENRES = Table(
    "streams",
    "artist_genres",
    "One row per artist and genre, as the label's newest roster has them.",
    (
        ARTIST_ID,
        Column("genre", "VARCHAR", "Genre, in lower case."),
        Column("genre_rank", "BIGINT", "1 for the artist's main genre, then 2, 3 … without gaps.", minimum=1),
    ),
    key=("artist_id", "genre"),
)

CLOSED_MARKETS = Table(
    "streams",
    "closed_markets",
    "One row per artist and country where the artist's catalogue is not available, by the label's newest roster.",
    (
        ARTIST_ID,
        Column("country", "VARCHAR", "Country, ISO 3166-1 alpha-2."),
    ),
    key=("artist_id", "country"),
)

RELEASE_DATES = Table(
    "streams",
    "release_dates",
    "One row per recording with a release date in the label's newest roster.",
    (
        Column("isrc", "VARCHAR", "Recording code, 12 characters."),
        Column(
            "release_date", "DATE", "Day of the release, the first if it has several; may lie ahead.", False,
            FIRST_RECORDING,
        ),
    ),
    key=("isrc",),
)

LISTENER_ARTIST_DAYS = Table(
    "streams",
    "listener_artist_days",
    "One row per delivery day, listener, artist and day of play: the plays, so that a new day costs a day.",
    (
        VENDOR,
        INGEST_DATE,
        LISTENER_KEY,
        ARTIST_ID,
        Column("play_date", "DATE", "Day of the plays as the vendor counts days.", minimum=FIRST_DAY),
        Column("plays", "BIGINT", "Plays of at least 30 s.", minimum=1),
    ),
    key=("vendor", "ingest_date", "listener_key", "artist_id", "play_date"),
    partition_by=("vendor", "ingest_date"),
)

ARTIST_COUNTRY_DAYS = Table(
    "streams",
    "artist_country_days",
    "One row per delivery day, artist, country and day of play: the plays, so that a new day costs a day.",
    (
        VENDOR,
        INGEST_DATE,
        ARTIST_ID,
        Column("country", "VARCHAR", "Country of the listener, ISO 3166-1 alpha-2; ZZ if not known."),
        Column("play_date", "DATE", "Day of the plays as the vendor counts days.", minimum=FIRST_DAY),
        Column("plays", "BIGINT", "Plays of at least 30 s.", minimum=1),
    ),
    key=("vendor", "ingest_date", "artist_id", "country", "play_date"),
    partition_by=("vendor", "ingest_date"),
)

LISTENER_ARTIST_COUNTS = Table(
    "streams",
    "listener_artist_counts",
    "One row per listener and artist of an undated data set of play counts.",
    (
        Column("data_set", "VARCHAR", "Name of the data set: lastfm_hetrec2011, taste_profile."),
        LISTENER_KEY,
        ARTIST_ID,
        Column("plays", "BIGINT", "Plays over the data set's whole, unstated period.", minimum=1),
    ),
    key=("data_set", "listener_key", "artist_id"),
)

LISTENER_RETURNS = Table(
    "streams",
    "listener_returns",
    "One row per vendor and day of play: how many of the day's listeners came back the next day.",
    (
        VENDOR,
        Column(
            "play_date", "DATE", "Day as the vendor counts days; the vendor's last day has no row.", minimum=FIRST_DAY
        ),
        Column("listeners", "BIGINT", "Listeners with a play on the day.", minimum=1),
        Column("returned", "BIGINT", "Those with a play on the next day too.", minimum=0),
        Column("return_share", "DOUBLE", "returned / listeners, 0 to 1; near 0 where ids change daily.", False, 0, 1),
    ),
    key=("vendor", "play_date"),
)

ARTIST_NAMES = Table(
    "marts",
    "artists",
    "One row per artist of the label's catalogue or of an open data set.",
    (
        ARTIST_ID,
        Column("artist_name", "VARCHAR", "Name as written most often in the vendors' catalogues."),
        Column(
            "tracks", "BIGINT", "Recordings (ISRC, else vendor track id) in the catalogues; 0 in a data set.", minimum=0
        ),
    ),
    key=("artist_id",),
)

PLAYS_DAILY = Table(
    "marts",
    "plays_daily",
    "One row per artist, country, vendor and day of play.",
    (
        ARTIST_ID,
        Column("artist_name", "VARCHAR", "Name of the artist."),
        Column("country", "VARCHAR", "Country of the listener, ISO 3166-1 alpha-2; ZZ if not known."),
        VENDOR,
        Column(
            "play_date",
            "DATE",
            "Day as the vendor counts days; late rows count on the day they were played.",
            minimum=FIRST_DAY,
        ),
        Column("plays", "BIGINT", "Plays of at least 30 s.", minimum=1),
    ),
    key=("artist_id", "country", "vendor", "play_date"),
)

ERASURES = Table(
    "streams",
    "erasures",
    "One row per erasure of a listener: what was removed, without the listener's id or key.",
    (
        Column("erasure_id", "VARCHAR", "Random id of the erasure."),
        Column("erased_at", "TIMESTAMP", "When the erasure was finished, UTC."),
        VENDOR,
        Column("raw_files", "BIGINT", "Raw files that were rewritten without the listener's rows.", minimum=0),
        Column("raw_rows", "BIGINT", "Rows removed from raw files.", minimum=0),
        Column("table_rows", "BIGINT", "Rows removed from tables of the lake.", minimum=0),
    ),
    key=("erasure_id",),
)

SQL_TABLES = (
    TRACK_ARTISTS,
    ARTIST_GENRES,
    CLOSED_MARKETS,
    RELEASE_DATES,
    LISTENER_ARTIST_DAYS,
    ARTIST_COUNTRY_DAYS,
    LISTENER_ARTIST_COUNTS,
    LISTENER_RETURNS,
    ARTIST_NAMES,
    PLAYS_DAILY,
)
"""Made by SQL models from the tables above."""
