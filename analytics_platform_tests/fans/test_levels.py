"""Levels are exact ranges of whole plays, the same in SQL and numpy."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pytest

from analytics_platform.fans.levels import (
    FIRST_PLAYS,
    KEY_ALPHABET,
    LEVELS,
    Window,
    bucket_sql,
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
    rows = duckdb.sql(f"select range as n, {level_sql('n')} as level from range(1, 200001) order by n").fetchall()
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
    assert con.execute("from plays order by all").fetchall() == [("x", "a", 8), ("y", "a", 20)]
    level_20 = int(level_of(np.array([20]))[0])
    assert con.execute(f"{levels_sql('plays')} order by all").fetchall() == [("a", 8, 1, 8), ("a", level_20, 1, 20)]


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
