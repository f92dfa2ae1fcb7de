"""A chain of new days gives, after each, exactly what a full recompute gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.fans.level_changes import (
    changed_levels_sql,
    changed_pairs_sql,
    impossible_pairs_sql,
    levels_change_sql,
    plays_change_sql,
    state_plays_sql,
)
from analytics_platform.fans.levels import Window, levels_sql, window_plays_sql

FIRST = date(2025, 3, 1)
Row = tuple[str, str, date, int]
SHAPE = "(listener_key varchar, artist_id varchar, play_date date, plays bigint)"

rows = st.tuples(
    st.sampled_from(["listener-a", "listener-b", "listener-c"]),
    st.sampled_from(["artist-x", "artist-y"]),
    st.integers(0, 12).map(lambda days: FIRST + timedelta(days=days)),
    st.integers(1, 40) | st.just(12_000),
)
deliveries = st.lists(st.lists(rows, max_size=6), min_size=2, max_size=5)


def fill(con: duckdb.DuckDBPyConnection, name: str, content: Sequence[Row]) -> None:
    con.execute(f"create or replace table {name} {SHAPE}")
    if content:
        con.executemany(f"insert into {name} values (?, ?, ?, ?)", content)


def advance(con: duckdb.DuckDBPyConnection, change: str) -> None:
    """Fold ``change`` (SQL) into the tables state and levels."""
    con.execute(f"create or replace table changes as {change}")
    con.execute(f"create or replace table pairs as {changed_pairs_sql('state', 'changes')}")
    assert con.execute(impossible_pairs_sql("pairs")).fetchall() == [(0,)]
    con.execute(f"create or replace table levels_change as {levels_change_sql('pairs')}")
    con.execute(f"create or replace table levels as {changed_levels_sql('levels', 'levels_change')}")
    con.execute("insert into state from changes")


def assert_equals_recompute(con: duckdb.DuckDBPyConnection, window: Window) -> None:
    con.execute(f"create or replace table plays as {window_plays_sql('everything', window)}")
    expected = con.execute(f"{levels_sql('plays')} order by all").fetchall()
    assert con.execute("from levels order by all").fetchall() == expected
    assert (
        con.execute(f"{state_plays_sql('state')} order by all").fetchall()
        == con.execute("from plays order by all").fetchall()
    )


def start(con: duckdb.DuckDBPyConnection, window: Window, first: Sequence[Row]) -> None:
    fill(con, "everything", first)
    con.execute(f"create table state as {window_plays_sql('everything', window)}")
    con.execute(f"create table levels as {levels_sql('state')}")


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
        advance(con, plays_change_sql(window, new, kept="everything", added="added"))
        con.execute("insert into everything from added")
        window = new
        assert_equals_recompute(con, window)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=8), st.lists(rows, max_size=8), st.lists(rows, max_size=8), st.integers(0, 3))
def test_a_replaced_delivery_equals_a_recompute(
    other: list[Row], former: list[Row], revised: list[Row], step: int
) -> None:
    con = duckdb.connect(config={"threads": 1})
    old = Window.ending(FIRST + timedelta(days=6), 5)
    new = Window.ending(old.end + timedelta(days=step), 5)
    start(con, old, other + former)
    for name, content in (("kept", other), ("removed", former), ("added", revised)):
        fill(con, name, content)
    advance(con, plays_change_sql(old, new, kept="kept", added="added", removed="removed"))
    fill(con, "everything", other + revised)
    assert_equals_recompute(con, new)


def test_a_listener_who_leaves_the_window_is_gone() -> None:
    con = duckdb.connect()
    window = Window(FIRST, FIRST)
    start(con, window, [("listener-a", "artist-x", FIRST, 7)])
    advance(con, plays_change_sql(window, Window(FIRST + timedelta(1), FIRST + timedelta(1)), kept="everything"))
    assert con.execute("from levels").fetchall() == []
    assert con.execute(state_plays_sql("state")).fetchall() == []


def test_a_day_taken_out_twice_is_seen() -> None:
    con = duckdb.connect()
    window = Window(FIRST, FIRST)
    start(con, window, [("listener-a", "artist-x", FIRST, 7)])
    con.execute(f"create table changes as {plays_change_sql(window, window, removed='everything')}")
    con.execute("insert into state from changes")
    con.execute(f"create table pairs as {changed_pairs_sql('state', 'changes')}")
    assert con.execute(impossible_pairs_sql("pairs")).fetchall() == [(1,)]


def test_a_change_needs_days() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plays_change_sql(Window(FIRST, FIRST), Window(FIRST, FIRST))
