"""The tables of the room ``fans``: plays per listener and artist, listening levels, fan segments."""

from __future__ import annotations

from analytics_platform.fans.levels import BEFORE_WINDOW, LEVELS, TOP_PLAYS
from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.streams.tables import ARTIST_ID, FIRST_DAY, LISTENER_KEY

WINDOW_DAYS = (28, 90, 365)
UNDATED = 0
"""``window_days`` of a data set of play counts without dates: its whole, unstated period."""
LABEL = "label"
"""``data_set`` of the vendors' feeds taken together."""

DATA_SET = Column(
    "data_set", "VARCHAR", f"'{LABEL}' for the vendors' feeds together, else the name of the open data set."
)
WINDOW = Column(
    "window_days",
    "SMALLINT",
    "Length of the window in days: 28, 90 or 365; 0 = the whole period of an undated data set. Never compare windows.",
    minimum=0,
    maximum=365,
)
WINDOW_START = Column("window_start", "DATE", "First day of the window; null for an undated data set.", True, FIRST_DAY)
WINDOW_END = Column("window_end", "DATE", "Last day of the window; null for an undated data set.", True, FIRST_DAY)
SEGMENT = Column(
    "segment",
    "VARCHAR",
    "passive, casual or diehard (two segments: passive, diehard; over three: casual 1, casual 2 … in the middle).",
)
SEGMENT_RANK = Column("segment_rank", "SMALLINT", "1 for the least devoted segment, rising with devotion.", minimum=1)
LEVEL = Column(
    "level", "SMALLINT", "Listening level: 1-12 are 1-12 plays, then steps of about 15 %.", minimum=1, maximum=LEVELS
)
PLAYS_FROM = Column("plays_from", "INTEGER", "Smallest number of plays in the level.", minimum=1, maximum=TOP_PLAYS)
PLAYS_TO = Column("plays_to", "INTEGER", "Largest number of plays in the level; null for the last, open one.", True, 1)
MODEL_VERSION = Column("model_version", "VARCHAR", "Version of the model that made the row, as in the model store.")
SHARE = Column(
    "share",
    "DOUBLE",
    "Estimated share of the artist's listeners in the segment (the artist's mixture), 0 to 1.",
    minimum=0,
    maximum=1,
)
LISTENERS = Column("listeners", "BIGINT", "Listeners of the artist in the window, in all segments.", minimum=1)
LISTENERS_ASSIGNED = Column(
    "listeners_assigned",
    "BIGINT",
    "Listeners whose level lies between the segment's thresholds, by its middle. Biased where profiles overlap.",
    minimum=0,
)

LISTENER_ARTIST_PLAYS = Table(
    "fans",
    "listener_artist_plays",
    "One row per data set, window, listener, artist and change. sum(plays) by listener_key and artist_id gives the "
    "plays in the window; having sum(plays) > 0 leaves out who has left it. max_by(first_play_date, change_no) gives "
    "the pair's first day.",
    (
        DATA_SET,
        WINDOW,
        Column(
            "change_no",
            "INTEGER",
            "0 = the base: a full count, sorted by listener_key, artist_id. 1, 2 … = later additions and subtractions.",
            minimum=0,
        ),
        Column(
            "window_end", "DATE", "Last day of the window once this change is added; null if undated.", True, FIRST_DAY
        ),
        LISTENER_KEY,
        ARTIST_ID,
        Column(
            "plays",
            "BIGINT",
            "Plays: a count >= 1 in the base, a signed difference in a change; 0 if only first_play_date changed.",
        ),
        Column(
            "first_play_date",
            "DATE",
            "The pair's first day of all the data set's days, also before the window, once this change is added; "
            "null if the pair has left the window, or undated.",
            True,
            FIRST_DAY,
        ),
    ),
    key=("data_set", "window_days", "change_no", "listener_key", "artist_id"),
    # A change is a partition of its own: a step that is killed and run again replaces it whole.
    partition_by=("data_set", "window_days", "change_no"),
)

LISTENING_LEVELS = Table(
    "fans",
    "listening_levels",
    "One row per data set, window, artist, listening level and time of first listen that has listeners.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        ARTIST_ID,
        LEVEL,
        PLAYS_FROM,
        PLAYS_TO,
        Column(
            "first_listen",
            "DATE",
            "When they first played the artist: Monday of the week (windows up to 90 days) or first day of the month; "
            f"{BEFORE_WINDOW} = before the window, or not known.",
            minimum=BEFORE_WINDOW,
        ),
        Column("listeners", "BIGINT", "Listeners who played the artist that often in the window.", minimum=1),
        Column("plays", "BIGINT", "Their plays of the artist in the window, added up.", minimum=1),
    ),
    key=("data_set", "window_days", "artist_id", "level", "first_listen"),
    partition_by=("data_set", "window_days"),
)

LDA_SHARES = Table(
    "fans",
    "lda_shares",
    "One row per data set, window, artist and segment: the artist's mixture by the article's model (LDA), a baseline.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        ARTIST_ID,
        SEGMENT,
        SEGMENT_RANK,
        SHARE,
        LISTENERS_ASSIGNED,
        LISTENERS,
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "artist_id", "segment"),
    partition_by=("data_set", "window_days"),
)

FAN_THRESHOLDS = Table(
    "marts",
    "fan_thresholds",
    "One row per data set, window and pair of neighbouring segments: where the likelier segment changes.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        Column("segment_from", "VARCHAR", "The less devoted segment of the pair."),
        Column("segment_to", "VARCHAR", "The more devoted segment of the pair."),
        Column(
            "threshold_plays",
            "INTEGER",
            "Plays of one artist in the window from which segment_to is likelier; null if never, or no data tells.",
            True,
            2,
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "segment_from"),
    partition_by=("data_set", "window_days"),
)

FAN_PROFILES = Table(
    "marts",
    "fan_profiles",
    "One row per data set, window, segment and listening level: how often a listener of the segment plays an artist.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        SEGMENT,
        SEGMENT_RANK,
        LEVEL,
        PLAYS_FROM,
        PLAYS_TO,
        Column("probability", "DOUBLE", "Probability of the level in the segment; levels add up to 1.", False, 0, 1),
        Column(
            "density_per_play",
            "DOUBLE",
            "probability / number of play counts in the level, 0 to 1: what to plot. The last level counts 15 % wide.",
            False,
            0,
            1,
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "segment", "level"),
    partition_by=("data_set", "window_days"),
)

ARTIST_FANS = Table(
    "marts",
    "artist_fans",
    "One row per data set, window, artist and segment: who listens to the artist, and how devotedly.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_START,
        WINDOW_END,
        ARTIST_ID,
        Column("artist_name", "VARCHAR", "Name of the artist."),
        SEGMENT,
        SEGMENT_RANK,
        SHARE,
        LISTENERS,
        Column("listeners_estimated", "DOUBLE", "share * listeners: estimated listeners in the segment.", minimum=0),
        LISTENERS_ASSIGNED,
        Column(
            "plays_total", "BIGINT", "Plays of the artist in the window, by the listeners of all segments.", minimum=1
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "artist_id", "segment"),
    partition_by=("data_set", "window_days"),
)

TABLES = (
    LISTENER_ARTIST_PLAYS,
    LISTENING_LEVELS,
    LDA_SHARES,
    FAN_THRESHOLDS,
    FAN_PROFILES,
    ARTIST_FANS,
)
