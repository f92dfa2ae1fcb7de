"""The two windows that the Label page compares, and the label's streams on each of their days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import polars as pl

from analytics_platform.dashboard.kept import data_set, window
from analytics_platform.dashboard.look import day
from analytics_platform.dashboard.reading import facts, rows

USUAL_DAYS = 28
"""Window while there are no fan windows to choose from."""

FEEDS = "(vendor = $data or ($data = 'label' and vendor not in (select distinct data_set from marts.artist_fans)))"
"""Plays of the data set: its own, or at the label those of all vendors."""

WINDOW_END = """
select max(window_end) as window_end from marts.artist_fans where data_set = $data and window_days = $days
"""
SPAN = f"select min(play_date) as first_day, max(play_date) as last_day from marts.plays_daily where {FEEDS}"
DAYS = f"""
select play_date, vendor, country, cast(sum(plays) as bigint) as plays
from marts.plays_daily
where play_date between $first and $last and {FEEDS}
group by play_date, vendor, country
"""


@dataclass(frozen=True)
class Period:
    """A window and the one of the same length before it.

    Attributes:
        data: Data set.
        days: Length of the window.
        start: Its first day.
        end: Its last day.
        first_day: First day with plays at all: a window before it can't be compared with.
    """

    data: str
    days: int
    start: date
    end: date
    first_day: date

    @property
    def before_start(self) -> date:
        """First day of the window before."""
        return self.start - timedelta(self.days)

    @property
    def is_comparable(self) -> bool:
        """Whether the plays fill the window before."""
        return self.first_day <= self.before_start

    @property
    def words(self) -> str:
        """First and last day in words."""
        return f"{day(self.start)} to {day(self.end)}"

    @property
    def before_words(self) -> str:
        """First and last day of the window before, in words."""
        return f"{day(self.before_start)} to {day(self.start - timedelta(1))}"

    @cached_property
    def plays(self) -> pl.DataFrame:
        """Streams by day, vendor and country in both windows; ``is_now`` tells them apart."""
        first = self.before_start if self.is_comparable else self.start
        found = rows(DAYS, data=self.data, first=first, last=self.end)
        return found.with_columns((pl.col("play_date") >= self.start).alias("is_now"))

    def by(self, column: str) -> pl.DataFrame:
        """Streams ``now`` and ``before`` by vendor or country, most first; before is null where there is no window."""
        before = pl.col("plays").filter(~pl.col("is_now")).sum() if self.is_comparable else pl.lit(None, pl.Int64)
        return (
            self.plays.group_by(column)
            .agg(pl.col("plays").filter("is_now").sum().alias("now"), before.alias("before"))
            .sort(["now", column], descending=[True, False])
        )

    def total(self) -> tuple[int, int | None]:
        """Streams in the window and in the one before (None if it can't be compared with)."""
        now = int(self.plays.filter("is_now")["plays"].sum())
        return now, int(self.plays.filter(~pl.col("is_now"))["plays"].sum()) if self.is_comparable else None


def period() -> Period | None:
    """The windows that the reader has chosen; None if no day of plays is known."""
    data, days = data_set(), window()
    span = facts(SPAN, data=data)
    end = facts(WINDOW_END, data=data, days=days).get("window_end") or span["last_day"]
    if end is None or span["first_day"] is None:
        return None
    days = days or USUAL_DAYS
    return Period(data, days, end - timedelta(days - 1), end, span["first_day"])


def with_change(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds the change from ``before`` to ``now``: in counts, and as a share of before (null where that is 0)."""
    difference = pl.col("now") - pl.col("before")
    return frame.with_columns(
        difference.alias("change"),
        pl.when(pl.col("before") > 0).then(difference / pl.col("before")).alias("change_share"),
    )
