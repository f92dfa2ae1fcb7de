"""The tables of the room ``fans``: plays per listener and artist, listening levels, fan segments."""

from __future__ import annotations

from analytics_platform.fans.anonymity import MOVES
from analytics_platform.fans.exposure import CLASSES
from analytics_platform.fans.levels import BEFORE_WINDOW, LEVELS, TOP_PLAYS
from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.modelling.tables import scores_table
from analytics_platform.streams.tables import ARTIST_ID, FIRST_DAY, LISTENER_KEY

WINDOW_DAYS = (28, 90, 365)
UNDATED = 0
"""``window_days`` of a data set of play counts without dates: its whole, unstated period."""
PERIODS = ("this", "before")
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
SHARE_LOW = Column("share_low", "DOUBLE", "Lower end of the 90 % interval of share; null if share is.", True, 0, 1)
SHARE_HIGH = Column("share_high", "DOUBLE", "Upper end of the 90 % interval of share; null if share is.", True, 0, 1)
LISTENERS = Column("listeners", "BIGINT", "Listeners of the artist in the window, in all segments.", minimum=1)
ARTIST_NAME = Column("artist_name", "VARCHAR", "Name of the artist.")
EXPOSURE_CLASS = Column(
    "exposure_class",
    "SMALLINT",
    "When the listener was first heard with the artist: 0 = before the window or unknown, 1-4 = quarter of the window.",
    minimum=0,
    maximum=CLASSES - 1,
)
IS_SUPPRESSED = Column(
    "is_suppressed",
    "BOOLEAN",
    "True where counts are withheld: too few listeners here, or in a cell that could be worked out from this one.",
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

LISTENER_SEGMENTS = Table(
    "fans",
    "listener_segments",
    "One row per data set, window, period, listener and artist: how often the listener played the artist, and the "
    "segment whose profile that fits best.",
    (
        DATA_SET,
        WINDOW,
        Column("period", "VARCHAR", "this: the window; before: the window of equal length before it.", values=PERIODS),
        WINDOW_END,
        LISTENER_KEY,
        ARTIST_ID,
        Column("plays", "BIGINT", "Plays of the artist by the listener in the window.", minimum=1),
        LEVEL,
        EXPOSURE_CLASS,
        SEGMENT,
        SEGMENT_RANK,
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "period", "listener_key", "artist_id"),
    partition_by=("data_set", "window_days", "period"),
)

LISTENER_TRAITS = Table(
    "fans",
    "listener_traits",
    "One row per listener of the label: country, device, age band and gender, as far as the vendor tells them.",
    (
        LISTENER_KEY,
        Column("country", "VARCHAR", "Country of most plays in the last 365 days, ISO 3166-1 alpha-2; ZZ = unknown."),
        Column("device", "VARCHAR", "Kind of device of most plays in the last 365 days, or unknown."),
        Column("age_band", "VARCHAR", "Age band in years, newest report, or unknown. Never from aggregates."),
        Column("gender", "VARCHAR", "Gender as reported, newest report, or unknown. Never from aggregates."),
    ),
    key=("listener_key",),
)

FAN_THRESHOLDS = Table(
    "marts",
    "fan_thresholds",
    "One row per data set, window, model and pair of neighbouring segments: where the likelier segment changes.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        Column(
            "model",
            "VARCHAR",
            "fan_profiles: in use. fan_lda, percentile_thresholds: baselines, cuts of the label's own listeners.",
        ),
        Column("segment_from", "VARCHAR", "The less devoted segment of the pair."),
        Column("segment_to", "VARCHAR", "The more devoted segment of the pair."),
        Column(
            "threshold_plays",
            "INTEGER",
            "Plays of one artist from which segment_to is likelier, for who listened all window; null if never.",
            True,
            1,
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "model", "segment_from"),
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
)

ARTIST_FANS = Table(
    "marts",
    "artist_fans",
    "One row per data set, window, artist and segment: who listens to the artist, how devotedly, and how sure that is.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_START,
        WINDOW_END,
        ARTIST_ID,
        ARTIST_NAME,
        SEGMENT,
        SEGMENT_RANK,
        Column(
            "share",
            "DOUBLE",
            "Estimated share of the artist's listeners in the segment, 0 to 1; null where there are too few listeners.",
            True,
            0,
            1,
        ),
        SHARE_LOW,
        SHARE_HIGH,
        LISTENERS,
        Column("listeners_estimated", "DOUBLE", "share * listeners; null if share is.", True, 0),
        Column(
            "listeners_assigned",
            "BIGINT",
            "Listeners in fans.listener_segments. Counting is biased where profiles overlap: prefer the estimate.",
            minimum=0,
        ),
        Column("plays_estimated", "DOUBLE", "Plays by the segment's listeners, estimated; null if share is.", True, 0),
        Column(
            "plays_total", "BIGINT", "Plays of the artist in the window, by the listeners of all segments.", minimum=1
        ),
        Column("share_before", "DOUBLE", "share in the window before this one; null if not known.", True, 0, 1),
        Column(
            "listeners_before", "BIGINT", "Listeners in the window before; null if the data don't fill it.", True, 0
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "artist_id", "segment"),
)


def _breakdown(column: Column) -> Table:
    """The table of one trait: segments by its values."""
    return Table(
        "marts",
        f"fan_segments_by_{column.name}",
        f"One row per data set, window, artist, {column.name} and segment: who listens there, beside the average.",
        (
            DATA_SET,
            WINDOW,
            WINDOW_END,
            ARTIST_ID,
            ARTIST_NAME,
            column,
            SEGMENT,
            SEGMENT_RANK,
            Column(
                "listeners",
                "BIGINT",
                "Listeners of the artist here, in all segments; null where suppressed.",
                True,
                1,
            ),
            Column("share", "DOUBLE", "Estimated share of them in the segment; null where suppressed.", True, 0, 1),
            SHARE_LOW,
            SHARE_HIGH,
            Column("lift", "DOUBLE", "share / the artist's share of the segment; null where suppressed.", True, 0),
            IS_SUPPRESSED,
            MODEL_VERSION,
        ),
        key=("data_set", "window_days", "artist_id", column.name, "segment"),
    )


COUNTRY = Column("country", "VARCHAR", "Country of the listeners, ISO 3166-1 alpha-2; ZZ = unknown.")
FAN_SEGMENTS_BY = {
    "country": _breakdown(COUNTRY),
    "age_band": _breakdown(Column("age_band", "VARCHAR", "Age band in years, or unknown.")),
    "gender": _breakdown(Column("gender", "VARCHAR", "Gender as the vendors report it, or unknown.")),
    "device": _breakdown(Column("device", "VARCHAR", "Kind of device that the listeners play most on, or unknown.")),
}

FAN_TARGETS = Table(
    "marts",
    "fan_targets",
    "One row per data set, window, artist, trait and value where listeners who are not yet diehards are "
    "over-represented beyond chance: whom to win.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        ARTIST_ID,
        ARTIST_NAME,
        Column("trait", "VARCHAR", "country, age_band, gender or device.", values=tuple(FAN_SEGMENTS_BY)),
        Column("value", "VARCHAR", "Value of the trait."),
        Column("target_rank", "INTEGER", "1 = most listeners to win among the artist's targets.", minimum=1),
        Column("listeners", "BIGINT", "Listeners of the artist there.", minimum=1),
        Column("share_below_top", "DOUBLE", "Their share outside the most devoted segment, estimated.", False, 0, 1),
        Column("share_below_top_artist", "DOUBLE", "The same for all listeners of the artist.", False, 0, 1),
        Column(
            "listeners_to_win",
            "DOUBLE",
            "listeners * (share_below_top - share_below_top_artist): fans more if they were like the artist's average.",
            minimum=0,
        ),
        Column(
            "p_value",
            "DOUBLE",
            "Chance of so few in the most devoted segment if there were no difference.",
            False,
            0,
            1,
        ),
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "artist_id", "trait", "value"),
)

FAN_MOVES = Table(
    "marts",
    "fan_moves",
    "One row per data set, window, artist, country and move: listeners by what they did since the window before.",
    (
        DATA_SET,
        WINDOW,
        WINDOW_END,
        ARTIST_ID,
        ARTIST_NAME,
        Column(
            "country", "VARCHAR", "Country of the listeners, ISO 3166-1 alpha-2; ZZ = unknown, (all) = all of them."
        ),
        Column(
            "move",
            "VARCHAR",
            "new: not a listener in the window before; deepened, unchanged, cooled: in a higher, the same, a lower "
            "segment; lapsed: no longer a listener.",
            values=MOVES,
        ),
        Column("listeners", "BIGINT", "Listeners who made the move; null where suppressed.", True, 0),
        IS_SUPPRESSED,
        MODEL_VERSION,
    ),
    key=("data_set", "window_days", "artist_id", "country", "move"),
)

REPORTS: tuple[Table, ...] = (ARTIST_FANS, *FAN_SEGMENTS_BY.values(), FAN_TARGETS, FAN_MOVES)
"""What people read of an artist's fans."""

FAN_SCORES = scores_table(
    "fans",
    "model_scores",
    "One row per data set, window, model and metric: how well released fan profiles and their baselines predict.",
)

TABLES = (
    FAN_SCORES,
    LISTENER_ARTIST_PLAYS,
    LISTENING_LEVELS,
    LISTENER_SEGMENTS,
    FAN_THRESHOLDS,
    FAN_PROFILES,
    *REPORTS,
)
SQL_TABLES = (LISTENER_TRAITS,)
"""Made by SQL models."""
