"""A chain of new days gives, after each, exactly what a full recompute gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics_platform.fans.level_changes import (
    changed_levels_sql,
    changed_pairs_sql,
    dated_pairs_sql,
    impossible_pairs_sql,
    levels_change_sql,
    plays_change_sql,
    state_change_sql,
    state_plays_sql,
)
from analytics_platform.fans.levels import BEFORE_WINDOW, Window, levels_sql, window_plays_sql

FIRST = date(2025, 3, 1)
Row = tuple[str, str, date, int]
PAIR = ("listener-a", "artist-x")
SHAPE = "(listener_key varchar, artist_id varchar, play_date date, plays bigint)"

rows = st.tuples(
    st.sampled_from(["listener-a", "listener-b", "listener-c"]),
    st.sampled_from(["artist-x", "artist-y"]),
    st.integers(0, 12).map(lambda days: FIRST + timedelta(days=days)),
    st.integers(1, 40) | st.just(12_000),
)
deliveries = st.lists(st.lists(rows, max_size=6), min_size=2, max_size=5)


def day(number: int) -> date:
    """A day of March 2026; the 1st is a Sunday."""
    return date(2026, 3, number)


def monday(number: int) -> date:
    """The Monday of its week."""
    return day(number) - timedelta(days=day(number).weekday())


def fill(con: duckdb.DuckDBPyConnection, name: str, content: Sequence[Row]) -> None:
    con.execute(f"create or replace table {name} {SHAPE}")
    if content:
        con.executemany(f"insert into {name} values (?, ?, ?, ?)", content)


def advance(
    con: duckdb.DuckDBPyConnection,
    old: Window,
    new: Window,
    *,
    kept: str | None = None,
    added: str | None = None,
    removed: str | None = None,
) -> None:
    """Fold a change of days into the tables state and levels."""
    change = plays_change_sql(old, new, kept=kept, added=added, removed=removed)
    con.execute(f"create or replace table changes as {change}")
    con.execute(f"create or replace table changed as {changed_pairs_sql('state', 'changes')}")
    con.execute(f"create or replace table pairs as {dated_pairs_sql('changed', new, kept)}")
    assert con.execute(impossible_pairs_sql("pairs")).fetchall() == [(0,)]
    con.execute(f"create or replace table levels_change as {levels_change_sql('pairs', old, new)}")
    con.execute(f"create or replace table levels as {changed_levels_sql('levels', 'levels_change')}")
    con.execute(f"""
        insert into state by name
        select *, (select max(change_no) + 1 from state) as change_no from ({state_change_sql("pairs")})""")


def assert_equals_recompute(con: duckdb.DuckDBPyConnection, window: Window) -> None:
    con.execute(f"create or replace table plays as {window_plays_sql('everything', window)}")
    expected = con.execute(f"{levels_sql('plays', window)} order by all").fetchall()
    assert con.execute("from levels order by all").fetchall() == expected
    assert (
        con.execute(f"{state_plays_sql('state')} order by all").fetchall()
        == con.execute("from plays order by all").fetchall()
    )


def start(con: duckdb.DuckDBPyConnection, window: Window, first: Sequence[Row]) -> None:
    fill(con, "everything", first)
    # A pair that nobody has: so that there is a change_no in an empty state.
    con.execute(f"""
        create table state as
        select *, 0 as change_no from ({window_plays_sql("everything", window)})
        union all select '-', '-', 0, null, 0""")
    con.execute(f"create table levels as {levels_sql('(from state where plays > 0)', window)}")


@settings(max_examples=60, deadline=None)
@given(deliveries, st.integers(1, 6), st.lists(st.integers(0, 4), min_size=5, max_size=5))
def test_days_added_late_or_leaving_equal_a_recompute(
    content: list[list[Row]], window_days: int, steps: list[int]
) -> None:
    """Any plays of any date arrive in any delivery, while the window moves by 0 to 4 days."""
    con = duckdb.connect(config={"threads": 1})
    window = Window.ending(FIRST + timedelta(days=4), window_days)
    start(con, window, content[0])
    for delivery, step in zip(content[1:], steps, strict=False):
        new = Window.ending(window.end + timedelta(days=step), window_days)
        fill(con, "added", delivery)
        advance(con, window, new, kept="everything", added="added")
        con.execute("insert into everything from added")
        window = new
        assert_equals_recompute(con, window)


@example(
    [],
    [("listener-b", "artist-x", FIRST + timedelta(2), 9)],
    [("listener-b", "artist-x", FIRST + timedelta(day), 9) for day in (2, 3)],
    1,
)
@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=8), st.lists(rows, max_size=8), st.lists(rows, max_size=8), st.integers(-6, 8))
def test_a_replaced_delivery_equals_a_recompute(
    other: list[Row], former: list[Row], revised: list[Row], step: int
) -> None:
    """The window stays, moves on, moves back, or shares no day with the old one."""
    con = duckdb.connect(config={"threads": 1})
    old = Window.ending(FIRST + timedelta(days=6), 5)
    new = Window.ending(old.end + timedelta(days=step), 5)
    start(con, old, other + former)
    for name, content in (("kept", other), ("removed", former), ("added", revised)):
        fill(con, name, content)
    advance(con, old, new, kept="kept", added="added", removed="removed")
    fill(con, "everything", other + revised)
    assert_equals_recompute(con, new)


def test_a_listener_who_leaves_the_window_is_gone() -> None:
    con = duckdb.connect()
    window = Window(FIRST, FIRST)
    start(con, window, [("listener-a", "artist-x", FIRST, 7)])
    advance(con, window, Window(FIRST + timedelta(1), FIRST + timedelta(1)), kept="everything")
    assert con.execute("from levels").fetchall() == []
    assert con.execute(state_plays_sql("state")).fetchall() == []


FIRST_DAYS: dict[str, tuple[list[Row], list[Row], list[Row], int, list[tuple[int, date, int]]]] = {
    # kept, removed, added, days that the window moves on -> plays, first play and first listen of the one pair
    "an earlier play is delivered late": (
        [(*PAIR, day(10), 2)], [], [(*PAIR, day(2), 5)], 0, [(2, day(2), BEFORE_WINDOW)],
    ),
    "an earlier play within the window is delivered late": (
        [(*PAIR, day(14), 2)], [], [(*PAIR, day(9), 5)], 0, [(7, day(9), monday(9))],
    ),
    "the first play is taken away": (
        [(*PAIR, day(14), 2)], [(*PAIR, day(9), 1)], [], 0, [(2, day(14), monday(14))],
    ),
    "the first play before the window is taken away": (
        [(*PAIR, day(14), 2)], [(*PAIR, day(3), 1)], [], 0, [(2, day(14), monday(14))],
    ),
    "one of two deliveries of the first day is taken away": (
        [(*PAIR, day(9), 2)], [(*PAIR, day(9), 1)], [], 0, [(2, day(9), monday(9))],
    ),
    "the first play is restated a day later": (
        [(*PAIR, day(14), 2)], [(*PAIR, day(9), 1)], [(*PAIR, day(10), 1)], 0, [(3, day(10), monday(10))],
    ),
    "who comes back was heard before the window": (
        [(*PAIR, day(1), 2)], [], [(*PAIR, day(15), 1)], 1, [(1, day(1), BEFORE_WINDOW)],
    ),
    "the first day leaves the window while as many plays come": (
        [(*PAIR, day(8), 2), (*PAIR, day(12), 1)], [], [(*PAIR, day(15), 2)], 1, [(3, day(8), BEFORE_WINDOW)],
    ),
    "the window leaps over the first day": (
        [(*PAIR, day(16), 2), (*PAIR, day(24), 2)], [], [], 10, [(2, day(16), BEFORE_WINDOW)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FIRST_DAYS)
def test_the_first_day_follows(case: str) -> None:
    """A window of seven days, day 8 (a Sunday) to day 14."""
    kept, removed, added, step, expected = FIRST_DAYS[case]
    con = duckdb.connect()
    old = Window.ending(day(14), 7)
    new = Window.ending(day(14 + step), 7)
    start(con, old, kept + removed)
    for name, content in (("kept", kept), ("removed", removed), ("added", added)):
        fill(con, name, content)
    advance(con, old, new, kept="kept", added="added", removed="removed")
    fill(con, "everything", kept + added)
    assert_equals_recompute(con, new)
    found = con.execute(f"""
        select state.plays, first_play_date, first_listen
        from ({state_plays_sql("state")}) as state join levels using (artist_id)""").fetchall()
    assert found == expected


def test_what_a_restated_delivery_repeats_touches_nothing() -> None:
    con = duckdb.connect()
    window = Window.ending(day(14), 7)
    fill(con, "former", [(*PAIR, day(3), 1), (*PAIR, day(9), 2)])
    assert con.execute(plays_change_sql(window, window, added="former", removed="former")).fetchall() == []


def test_a_day_taken_out_twice_is_seen() -> None:
    con = duckdb.connect()
    window = Window(FIRST, FIRST)
    start(con, window, [("listener-a", "artist-x", FIRST, 7)])
    advance(con, window, window, removed="everything")
    con.execute(f"create or replace table changed as {changed_pairs_sql('state', 'changes')}")
    con.execute(f"create or replace table pairs as {dated_pairs_sql('changed', window, None)}")
    assert con.execute(impossible_pairs_sql("pairs")).fetchall() == [(1,)]


def test_a_change_needs_days() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plays_change_sql(Window(FIRST, FIRST), Window(FIRST, FIRST))
