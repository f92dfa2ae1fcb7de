"""Levels are exact ranges of whole plays, the same in SQL and numpy."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pytest

from analytics_platform.fans.levels import (
    BEFORE_WINDOW,
    FIRST_PLAYS,
    KEY_ALPHABET,
    LEVELS,
    Window,
    bucket_sql,
    first_listen_sql,
    level_middles,
    level_of,
    level_sql,
    level_widths,
    levels_sql,
    plays_from,
    plays_to,
    window_plays_sql,
)


def test_levels_cover_every_play_count_once() -> None:
    assert len(FIRST_PLAYS) == LEVELS
    assert FIRST_PLAYS[:14] == (*range(1, 14), 15)
    assert (FIRST_PLAYS[-1], plays_to(LEVELS)) == (10_000, None)
    assert all(plays_to(level) == plays_from(level + 1) - 1 for level in range(1, LEVELS))
    assert (level_widths() >= 1).all()
    assert np.array_equal(level_of(np.round(level_middles()).astype(int)), np.arange(1, LEVELS + 1))


def test_sql_and_numpy_agree_on_every_count() -> None:
    rows = (
        duckdb.connect()
        .execute(f"select range as n, {level_sql('n')} as level from range(1, 200001) order by n")
        .fetchall()
    )
    counts, levels = np.array(rows).T
    assert np.array_equal(level_of(counts), levels)
    assert np.array_equal(np.flatnonzero(np.diff(levels)) + 2, FIRST_PLAYS[1:])


def test_no_play_has_no_level() -> None:
    with pytest.raises(ValueError, match="at least one play"):
        level_of(np.array([3, 0]))


def test_window_counts_both_ends_and_nothing_outside() -> None:
    con = duckdb.connect()
    con.execute("create table days (listener_key varchar, artist_id varchar, play_date date, plays bigint)")
    con.execute("""
        insert into days values
            ('x', 'a', '2025-01-01', 100), ('x', 'a', '2025-01-02', 3), ('x', 'a', '2025-01-29', 4),
            ('y', 'a', '2025-01-29', 20), ('y', 'b', '2025-01-30', 5), ('x', 'a', '2025-01-29', 1)""")
    window = Window.ending(date(2025, 1, 29), 28)
    assert window == Window(date(2025, 1, 2), date(2025, 1, 29))
    con.execute(f"create table plays as {window_plays_sql('days', window)}")
    first_x, first_y = date(2025, 1, 1), date(2025, 1, 29)
    assert con.execute("from plays order by all").fetchall() == [("x", "a", 8, first_x), ("y", "a", 20, first_y)]
    level_20 = int(level_of(np.array([20]))[0])
    assert con.execute(f"{levels_sql('plays', window)} order by all").fetchall() == [
        ("a", 8, BEFORE_WINDOW, 1, 8),
        ("a", level_20, date(2025, 1, 27), 1, 20),
    ]


def first_listen(first: date | None, window: Window | None) -> date:
    given = f"cast({repr(first.isoformat()) if first else 'null'} as date)"
    ((found,),) = (
        duckdb.connect()
        .execute(f"select {first_listen_sql('first', window)} from (select {given} as first)")
        .fetchall()
    )
    return found


def test_first_listens_are_kept_by_week_or_by_month() -> None:
    quarter = Window.ending(date(2025, 3, 31), 90)
    year = Window.ending(date(2025, 3, 31), 91)
    assert (quarter.days, quarter.start) == (90, date(2025, 1, 1))
    assert first_listen(date(2025, 3, 30), quarter) == date(2025, 3, 24)
    assert first_listen(date(2025, 3, 30), year) == date(2025, 3, 1)
    # The Wednesday on which the window begins: its Monday lies before the window.
    assert first_listen(date(2025, 1, 1), quarter) == date(2024, 12, 30)
    assert first_listen(date(2024, 12, 31), quarter) == BEFORE_WINDOW
    assert first_listen(None, quarter) == BEFORE_WINDOW
    assert first_listen(None, None) == BEFORE_WINDOW


def test_a_window_has_a_day() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        Window.ending(date(2025, 1, 1), 0)


@pytest.mark.parametrize("buckets", [1, 2, 16, 64])
def test_every_listener_is_in_one_bucket(buckets: int) -> None:
    con = duckdb.connect()
    con.execute("create table keys (listener_key varchar)")
    con.executemany("insert into keys values (?)", [(character + "x" * 11,) for character in KEY_ALPHABET])
    sizes = [
        con.execute(f"select count(*) from keys where {bucket_sql(bucket, buckets)}").fetchall()[0][0]
        for bucket in range(buckets)
    ]
    assert sizes == [64 // buckets] * buckets


@pytest.mark.parametrize(("bucket", "buckets"), [(0, 3), (4, 4), (-1, 4), (0, 128)])
def test_an_impossible_bucket_is_refused(bucket: int, buckets: int) -> None:
    with pytest.raises(ValueError, match="no bucket"):
        bucket_sql(bucket, buckets)
