"""Keep the plays per listener and artist of a window, and its levels, up to date.

The commit log of the daily table tells exactly which files came and went since the last time.
If a state of the same kind exists, only the pairs in those files, and in the days that enter
or leave the window, are touched; else, and every ``MAX_CHANGES`` times, everything is recounted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from deltalake.exceptions import DeltaError

from analytics_platform.fans.level_changes import (
    changed_levels_sql,
    changed_pairs_sql,
    dated_pairs_sql,
    impossible_pairs_sql,
    levels_change_sql,
    plays_change_sql,
    state_change_sql,
)
from analytics_platform.fans.levels import (
    LEVELS,
    Window,
    levels_sql,
    plays_from,
    plays_to,
    window_plays_sql,
)
from analytics_platform.fans.tables import LABEL, LISTENER_ARTIST_PLAYS, LISTENING_LEVELS, UNDATED
from analytics_platform.lakehouse.lake import Lake, files_of, files_sql, is_evolved, literal
from analytics_platform.streams.feeds import LABEL_VENDORS
from analytics_platform.streams.tables import LISTENER_ARTIST_COUNTS, LISTENER_ARTIST_DAYS

MAX_CHANGES = 30
"""Changes on top of a base before the next full recount: readers add them up, and a recount heals."""
FORMAT = "first-listen"
"""Begins the stamp of a state. A state without first listens has no such word, and is recounted."""


@dataclass(frozen=True, slots=True)
class State:
    """Up to where a window has been counted."""

    days_id: str
    """Which ``listener_artist_days``: one made anew counts its versions from 0 again."""
    days_version: int
    window_end: date
    changes: int


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update did, for one data set and window."""

    data_set: str
    window_days: int
    window_end: date | None
    how: str
    """``full``, ``incremental`` or ``unchanged``."""


DATED: dict[str, tuple[str, ...]] = {LABEL: LABEL_VENDORS, "listenbrainz": ("listenbrainz",)}
"""Data sets with days, and the vendors of each: an open data set's listeners are not the label's."""


def covered_windows(lake: Lake, window_days: tuple[int, ...], data_set: str = LABEL) -> list[Window]:
    """The windows that a data set's deliveries fill, ending on the last day of plays.

    Deliveries tell, not plays: one stray old play fills no year.
    """
    with lake.connect(LISTENER_ARTIST_DAYS, only={"vendor": DATED[data_set]}) as connection:
        first, last = connection.execute(
            "select min(ingest_date), max(play_date) from streams.listener_artist_days"
        ).fetchall()[0]
    if last is None:
        return []
    windows = [Window.ending(last, days) for days in sorted(window_days)]
    return [window for window in windows if window.start >= first]


def update_window(lake: Lake, window: Window, *, data_set: str = LABEL, full: bool = False) -> Updated:
    """Bring ``fans.listener_artist_plays`` and ``fans.listening_levels`` of a dated data set up to ``window``."""
    days = lake.open(LISTENER_ARTIST_DAYS)
    if days is None:
        raise RuntimeError("streams.listener_artist_days does not exist: materialise it first")
    length = window.days
    state = None if full else _state(lake, data_set, length)
    days_id = str(days.metadata().id)
    if state is not None and state.days_id != days_id:
        state = None
    if state is not None and (state.days_version, state.window_end) == (days.version(), window.end):
        return Updated(data_set, length, window.end, "unchanged")
    if (
        state is not None
        and state.changes < MAX_CHANGES
        and _add_changes(lake, window, data_set, length, state, days.version())
    ):
        return Updated(data_set, length, window.end, "incremental")
    versions = {LISTENER_ARTIST_DAYS.full_name: days.version()}
    with lake.connect(LISTENER_ARTIST_DAYS, versions=versions, only={"vendor": DATED[data_set]}) as connection:
        plays = window_plays_sql("streams.listener_artist_days", window)
        stamp = _stamp(State(days_id, days.version(), window.end, 0), data_set, length)
        _write_base(lake, connection, plays, data_set, window, stamp)
    return Updated(data_set, length, window.end, "full")


def update_undated(lake: Lake) -> list[Updated]:
    """Count the undated data sets, each whole."""
    with lake.connect(LISTENER_ARTIST_COUNTS) as connection:
        names = connection.execute("select distinct data_set from streams.listener_artist_counts order by 1").fetchall()
        for (name,) in names:
            select = (
                "select listener_key, artist_id, plays, null::date as first_play_date"
                f" from streams.listener_artist_counts where data_set = {literal(name)}"
            )
            _write_base(lake, connection, select, name, None, {})
    return [Updated(name, UNDATED, None, "full") for (name,) in names]


def _write_base(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    plays: str,
    data_set: str,
    window: Window | None,
    stamp: dict[str, str],
) -> None:
    length = window.days if window else UNDATED
    end = f"date '{window.end}'" if window else "null::date"
    where: list[tuple[str, str, object]] = [("data_set", "=", data_set), ("window_days", "=", length)]
    # Sorted: a later change finds its pairs without reading all of the base.
    lake.write(
        LISTENER_ARTIST_PLAYS,
        connection,
        f"select {end} as window_end, * from ({plays}) order by listener_key, artist_id",
        partition={"data_set": data_set, "window_days": length, "change_no": 0},
        replace=where,
        metadata=stamp,
    )
    lake.add_view(
        connection, LISTENER_ARTIST_PLAYS, only={"data_set": [data_set], "window_days": [length]}, name="base"
    )
    _write_levels(lake, connection, levels_sql("base", window), data_set, length, end, stamp)


def _write_levels(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    levels: str,
    data_set: str,
    length: int,
    end: str,
    stamp: dict[str, str],
) -> None:
    lake.write(
        LISTENING_LEVELS,
        connection,
        f"select {end} as window_end, levels.*, bounds.plays_from, bounds.plays_to from ({levels}) as levels"
        f" join ({_bounds_sql()}) as bounds using (level)",
        partition={"data_set": data_set, "window_days": length},
        metadata=stamp,
    )


def _add_changes(lake: Lake, window: Window, data_set: str, length: int, state: State, version: int) -> bool:
    """Add one change; False if the log can't tell what changed, or the state contradicts the days."""
    try:
        before, now = lake.open(LISTENER_ARTIST_DAYS, state.days_version), lake.open(LISTENER_ARTIST_DAYS, version)
    except DeltaError:
        return False  # too old: its entry is no longer in the log
    if before is None or now is None:
        return False
    vendors = [("vendor", "in", list(DATED[data_set]))]
    old, new = set(files_of(before, vendors)), set(files_of(now, vendors))
    if not all(Path(file).exists() for file in old - new):
        return False  # vacuumed
    views = {"kept": old & new, "added": new - old, "removed": old - new}
    with lake.duckdb() as connection:
        for name, files in views.items():
            if files:
                select = files_sql(LISTENER_ARTIST_DAYS, sorted(files), evolved=is_evolved(LISTENER_ARTIST_DAYS, now))
                connection.execute(f"create view {name} as {select}")
        counted = Window.ending(state.window_end, length)
        kept = "kept" if views["kept"] else None
        changes = plays_change_sql(
            counted,
            window,
            kept=kept,
            added="added" if views["added"] else None,
            removed="removed" if views["removed"] else None,
        )
        connection.execute(f"create temp table changes as {changes}")
        only = {"data_set": [data_set], "window_days": [length]}
        lake.add_view(connection, LISTENER_ARTIST_PLAYS, only=only, name="state")
        lake.add_view(connection, LISTENING_LEVELS, only=only, name="levels_before")
        connection.execute(f"create temp table changed as {changed_pairs_sql('state', 'changes')}")
        connection.execute(f"create temp table pairs as {dated_pairs_sql('changed', window, kept)}")
        if connection.execute(impossible_pairs_sql("pairs")).fetchall()[0][0]:
            return False
        connection.execute(f"create temp table level_changes as {levels_change_sql('pairs', counted, window)}")
        stamp = _stamp(State(state.days_id, version, window.end, state.changes + 1), data_set, length)
        lake.write(
            LISTENER_ARTIST_PLAYS,
            connection,
            f"select date '{window.end}' as window_end, * from ({state_change_sql('pairs')})",
            partition={"data_set": data_set, "window_days": length, "change_no": state.changes + 1},
            metadata=stamp,
        )
        levels = changed_levels_sql("levels_before", "level_changes")
        _write_levels(lake, connection, levels, data_set, length, f"date '{window.end}'", stamp)
    return True


def _stamp(state: State, data_set: str, length: int) -> dict[str, str]:
    return {f"window_{data_set}_{length}": f"{FORMAT} {state.days_version} {state.window_end} {state.days_id}"}


def _state(lake: Lake, data_set: str, length: int) -> State | None:
    """The last state, if both tables carry the same one (a kill between the two leaves them apart)."""
    stamps: list[str | None] = []
    for table in (LISTENER_ARTIST_PLAYS, LISTENING_LEVELS):
        delta = lake.open(table)
        if delta is None:
            return None
        name = f"window_{data_set}_{length}"
        stamps.append(next((commit[name] for commit in delta.history() if name in commit), None))
    if stamps[0] is None or stamps[0] != stamps[1]:
        return None
    if not stamps[0].startswith(f"{FORMAT} "):
        return None  # written by another version of this code
    _, version, end, days_id = stamps[0].split()
    plays = lake.open(LISTENER_ARTIST_PLAYS)
    numbers = [
        int(partition["change_no"] or 0)
        for partition in (plays.partitions() if plays else [])
        if (partition["data_set"], partition["window_days"]) == (data_set, str(length))
    ]
    return State(days_id, int(version), date.fromisoformat(end), max(numbers, default=0))


def _bounds_sql() -> str:
    rows = ", ".join(f"({level}, {plays_from(level)}, {plays_to(level) or 'null'})" for level in range(1, LEVELS + 1))
    return f"select * from (values {rows}) as bounds (level, plays_from, plays_to)"
