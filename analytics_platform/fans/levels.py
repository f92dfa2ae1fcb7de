"""Listening levels: how many listeners of an artist played them how often, in 60 steps.

Levels 1 to 12 are the play counts 1 to 12. From 13 plays on each level is about 15 % wider
than the one before, in whole plays, up to level 60, which begins at 10,000 plays and is open.
Ten-wide steps hid the threshold between passive and casual listeners on planted data (error
4–13 % against 0–3 %).

Everything here is exact: a level is a range of whole plays, and SQL and numpy agree on each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics_platform.streams.tables import FIRST_DAY

LEVELS = 60
SINGLE_LEVELS = 12
"""Levels 1 to 12 hold one play count each."""
TOP_PLAYS = 10_000
"""First play count of level 60. 27 plays a day for a year: few listeners, and no fan more than a fan."""
BEFORE_WINDOW = FIRST_DAY
"""``first_listen`` of who heard the artist before the window, or nobody knows when."""
WEEKLY_DAYS = 90
"""Windows of up to so many days keep first listens by week, longer ones by month."""


def _first_plays() -> tuple[int, ...]:
    """The first play count of every level, (60,), strictly rising, computed once."""
    wide = np.geomspace(SINGLE_LEVELS + 1, TOP_PLAYS, LEVELS - SINGLE_LEVELS)
    return (*range(1, SINGLE_LEVELS + 1), *(round(float(edge)) for edge in wide))


FIRST_PLAYS = _first_plays()
"""``FIRST_PLAYS[level - 1]`` is the smallest play count of the level."""


def plays_from(level: int) -> int:
    """The smallest play count of ``level`` (1 to 60)."""
    return FIRST_PLAYS[level - 1]


def plays_to(level: int) -> int | None:
    """The largest play count of ``level`` (1 to 60); None for the last, which is open."""
    return FIRST_PLAYS[level] - 1 if level < LEVELS else None


def level_widths() -> NDArray[np.int64]:
    """Number of whole play counts in each level, (60,).

    The open last level is given the width that it would have if it were closed, one ratio
    (15 %) above its first count, so that a density per play can be stated for it too.
    """
    edges = np.array(FIRST_PLAYS, dtype=np.int64)
    last = round(edges[-1] * (edges[-1] / edges[-2])) - edges[-1]
    return np.append(np.diff(edges), last)


def level_middles() -> NDArray[np.float64]:
    """Geometric middle of each level in plays, (60,): the count itself for levels 1 to 12."""
    edges = np.array(FIRST_PLAYS, dtype=np.float64)
    return np.sqrt(edges * (edges + level_widths() - 1))


def level_of(plays: NDArray[np.integer]) -> NDArray[np.int16]:
    """The level (1 to 60) of each play count; any shape. Equal to ``level_sql`` on every count.

    Raises:
        ValueError: a play count is below 1.
    """
    counts = np.asarray(plays)
    if counts.size and counts.min() < 1:
        raise ValueError("a listening level needs at least one play")
    return np.searchsorted(np.array(FIRST_PLAYS), counts, side="right").astype(np.int16)


def level_sql(column: str) -> str:
    """SQL for the level (1 to 60) of the integer play count ``column``, which must be at least 1.

    A search tree of integer comparisons: portable, exact at the edges, six comparisons a row.
    """

    def tree(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high + 1) // 2
        return f"case when {column} < {plays_from(middle)} then {tree(low, middle - 1)} else {tree(middle, high)} end"

    wide = tree(SINGLE_LEVELS + 1, LEVELS)
    return f"cast(case when {column} <= {SINGLE_LEVELS} then {column} else {wide} end as smallint)"


@dataclass(frozen=True, slots=True)
class Window:
    """A range of days, both ends included."""

    start: date
    end: date

    @classmethod
    def ending(cls, end: date, days: int) -> Window:
        """The window of ``days`` days whose last day is ``end``.

        Raises:
            ValueError: ``days`` is below 1.
        """
        if days < 1:
            raise ValueError("a window has at least one day")
        return cls(end - timedelta(days=days - 1), end)

    @property
    def days(self) -> int:
        """Length in days, at least 1."""
        return (self.end - self.start).days + 1

    def sql(self, column: str = "play_date") -> str:
        """SQL condition: ``column`` lies in the window."""
        return f"{column} between date '{self.start.isoformat()}' and date '{self.end.isoformat()}'"


KEY_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""base64url in its order: the six bits that one character of a listener_key stands for."""


def bucket_sql(bucket: int, buckets: int) -> str:
    """SQL condition: the listener belongs to ``bucket`` (0 to ``buckets`` - 1).

    A listener_key is a keyed hash already, so its first character (6 bits) spreads listeners
    evenly, on every engine. A pair lies in one bucket, so histograms of buckets add up exactly,
    memory is that of one bucket, and buckets can run on several workers.

    Raises:
        ValueError: ``buckets`` is not a power of two from 1 to 64, or ``bucket`` is not below it.
    """
    if buckets not in (1, 2, 4, 8, 16, 32, 64) or not 0 <= bucket < buckets:
        raise ValueError(f"no bucket {bucket} of {buckets}: there are 1, 2, 4 … 64 buckets, counted from 0")
    share = len(KEY_ALPHABET) // buckets
    return f"left(listener_key, 1) in ({', '.join(repr(c) for c in KEY_ALPHABET[bucket * share :][:share])})"


def first_listen_sql(column: str, window: Window | None) -> str:
    """SQL for when a pair was first heard, coarsened: a DATE, never null.

    The Monday of the week (windows of up to 90 days) or the first day of the month of the date
    ``column``, if that lies in ``window``, else, or without a window, ``BEFORE_WINDOW``. It may lie
    before the window itself; so it changes only when the day of the first play leaves the window.
    """
    before = f"date '{BEFORE_WINDOW.isoformat()}'"
    if window is None:
        return before
    unit = "week" if window.days <= WEEKLY_DAYS else "month"
    inside = f"{column} >= date '{window.start.isoformat()}'"
    return f"case when {inside} then cast(date_trunc('{unit}', {column}) as date) else {before} end"


def window_plays_sql(days: str, window: Window) -> str:
    """SQL for the pairs of a window: listener_key, artist_id, plays (BIGINT, >= 1), first_play_date (DATE).

    ``plays`` are those in the window; ``first_play_date`` is the pair's first day in all of ``days``, which
    names a relation shaped like ``streams.listener_artist_days``. The same listener, artist and day may
    come in several rows (late or split deliveries); they add up.
    """
    plays = f"sum(plays) filter (where {window.sql()})"
    # One pass. Looking up the days before the window for the window's pairs only is faster for short
    # windows, and slower for one that holds most of the days: there it holds every pair in memory twice.
    return f"""
select listener_key, artist_id, cast({plays} as bigint) as plays, min(play_date) as first_play_date
from {days}
where play_date <= date '{window.end.isoformat()}'
group by listener_key, artist_id
having {plays} > 0"""


def levels_sql(plays: str, window: Window | None) -> str:
    """SQL for the histogram of levels: artist_id, level (SMALLINT), first_listen (DATE), listeners, plays (BIGINT).

    ``plays`` names a relation of listener_key, artist_id, plays (>= 1) and first_play_date, one row per
    pair; ``window`` is None where plays have no dates.
    """
    return f"""
select
    artist_id,
    {level_sql("plays")} as level,
    {first_listen_sql("first_play_date", window)} as first_listen,
    count(*) as listeners,
    cast(sum(plays) as bigint) as plays
from {plays}
group by artist_id, level, first_listen"""
