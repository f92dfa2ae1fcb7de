"""Windows kept up to date by changes equal windows counted from scratch, whatever has happened between."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.fans import windows
from analytics_platform.fans.tables import LISTENER_ARTIST_PLAYS, LISTENING_LEVELS
from analytics_platform.fans.windows import covered_windows, update_window
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.streams.tables import LISTENER_ARTIST_DAYS

FIRST = date(2026, 3, 1)
LENGTH = 5
LISTENERS, ARTISTS = 30, 6


def plays(day: int, seed: int = 0) -> list[tuple[str, str, date, int]]:
    """A delivery: plays of its day, and a few late ones of the days before."""
    found: dict[tuple[str, str, date], int] = {}
    for i in range(60):
        mixed = (i * 7919 + day * 104729 + seed * 1299709) % 1_000_003
        late = 0 if i % 10 else mixed % 4
        key = (f"listener-{mixed % LISTENERS}", f"artist-{mixed // 31 % ARTISTS}", FIRST + timedelta(day - late))
        found[key] = found.get(key, 0) + 1 + mixed % 17
    return [(*key, count) for key, count in found.items() if key[2] >= FIRST]


def deliver(lake: Lake, day: int, seed: int = 0, vendor: str = "spotify") -> None:
    """Write, or write anew, a vendor's day."""
    rows = pl.DataFrame(plays(day, seed), schema=["listener_key", "artist_id", "play_date", "plays"], orient="row")
    with lake.duckdb() as connection:
        connection.register("given", rows)
        lake.write(
            LISTENER_ARTIST_DAYS,
            connection,
            "select * from given",
            partition={"vendor": vendor, "ingest_date": FIRST + timedelta(day)},
        )


def take_away(lake: Lake, day: int) -> None:
    with lake.duckdb() as connection:
        nothing = "select null as listener_key, null as artist_id, null as play_date, null as plays where false"
        partition = {"vendor": "spotify", "ingest_date": FIRST + timedelta(day)}
        lake.write(LISTENER_ARTIST_DAYS, connection, nothing, partition=partition)


def update(lake: Lake, *, full: bool = False) -> str:
    (window,) = covered_windows(lake, (LENGTH,))
    return update_window(lake, window, full=full).how


def state(lake: Lake) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Plays per pair, and the levels."""
    with lake.connect(LISTENER_ARTIST_PLAYS, LISTENING_LEVELS) as connection:
        pairs = connection.sql(
            "select listener_key, artist_id, sum(plays)::bigint as plays,"
            " max_by(first_play_date, change_no) as first_play_date from fans.listener_artist_plays"
            " group by all having sum(plays) > 0 order by all"
        ).pl()
        levels = connection.sql("from fans.listening_levels order by all").pl()
    return pairs, levels


def assert_equals_a_full_count(lake: Lake, tmp_path: Path) -> None:
    """Recount in a copy of the lake."""
    copy = tmp_path / "recount"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(lake.root, copy)
    recounted = Lake(copy)
    assert update(recounted, full=True) == "full"
    with recounted.connect(LISTENER_ARTIST_DAYS) as connection:
        truth = connection.sql(
            "select listener_key, artist_id, min(play_date) as first_play_date from streams.listener_artist_days"
            " group by all order by all"
        ).pl()
    pairs = state(recounted)[0]
    assert_frame_equal(
        pairs.drop("plays"), truth.join(pairs, on=["listener_key", "artist_id"], how="semi"), check_row_order=False
    )
    for found, expected in zip(state(lake), state(recounted), strict=True):
        assert len(expected)
        assert_frame_equal(found, expected)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Seven days, counted."""
    lake = Lake(tmp_path / "lake", threads=1)
    for day in range(7):
        deliver(lake, day)
    assert update(lake) == "full"
    return lake


def a_new_day(lake: Lake) -> None:
    deliver(lake, 7)


def two_new_days_of_two_vendors(lake: Lake) -> None:
    for day in (7, 8):
        deliver(lake, day)
        deliver(lake, day, vendor="apple")


def a_restated_day(lake: Lake) -> None:
    deliver(lake, 5, seed=1)


def a_restated_day_that_has_left_the_window(lake: Lake) -> None:
    deliver(lake, 0, seed=1)


def days_that_have_left_the_window_taken_away(lake: Lake) -> None:
    """As retention does."""
    for day in (0, 1):
        take_away(lake, day)


def an_older_delivery_than_any(lake: Lake) -> None:
    deliver(lake, 0, vendor="apple")


def late_rows_of_a_vendor_who_delivers_an_old_day(lake: Lake) -> None:
    deliver(lake, 4, vendor="fuga")


def a_day_taken_away(lake: Lake) -> None:
    take_away(lake, 4)


def the_last_day_taken_away(lake: Lake) -> None:
    """The window moves back."""
    take_away(lake, 6)


def the_files_merged(lake: Lake) -> None:
    deliver(lake, 7)
    lake.compact(LISTENER_ARTIST_DAYS)


def all_of_it(lake: Lake) -> None:
    two_new_days_of_two_vendors(lake)
    a_restated_day(lake)
    a_day_taken_away(lake)


@pytest.mark.parametrize(
    "event",
    [
        a_new_day,
        two_new_days_of_two_vendors,
        a_restated_day,
        a_restated_day_that_has_left_the_window,
        days_that_have_left_the_window_taken_away,
        an_older_delivery_than_any,
        late_rows_of_a_vendor_who_delivers_an_old_day,
        a_day_taken_away,
        the_last_day_taken_away,
        the_files_merged,
        all_of_it,
    ],
)
def test_changes_equal_a_full_count(lake: Lake, tmp_path: Path, event: Callable[[Lake], None]) -> None:
    event(lake)
    assert update(lake) == "incremental"
    assert_equals_a_full_count(lake, tmp_path)
    assert update(lake) == "unchanged"


def test_a_chain_of_changes_equals_a_full_count(lake: Lake, tmp_path: Path) -> None:
    for step in range(5):
        deliver(lake, 7 + step)
        deliver(lake, 5 + step, seed=step + 1)
        assert update(lake) == "incremental"
    assert_equals_a_full_count(lake, tmp_path)


def test_after_many_changes_everything_is_counted_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_CHANGES", 3)
    hows: list[str] = []
    for step in range(5):
        deliver(lake, 6, seed=step + 1)
        hows.append(update(lake))
    assert hows == ["incremental"] * 3 + ["full", "incremental"]


def test_unchanged_days_cost_no_write(lake: Lake) -> None:
    before = lake.version(LISTENER_ARTIST_PLAYS), lake.version(LISTENING_LEVELS)
    assert update(lake) == "unchanged"
    assert (lake.version(LISTENER_ARTIST_PLAYS), lake.version(LISTENING_LEVELS)) == before


def test_tables_that_carry_different_states_are_counted_anew(lake: Lake, tmp_path: Path) -> None:
    """As a kill between the two writes leaves them."""
    levels = Path(lake.uri(LISTENING_LEVELS))
    shutil.copytree(levels, tmp_path / "levels")
    deliver(lake, 7)
    assert update(lake) == "incremental"
    shutil.rmtree(levels)
    shutil.copytree(tmp_path / "levels", levels)
    assert update(lake) == "full"
    assert_equals_a_full_count(lake, tmp_path)


def test_vacuumed_files_are_no_obstacle(lake: Lake, tmp_path: Path) -> None:
    deliver(lake, 5, seed=1)
    assert lake.vacuum(LISTENER_ARTIST_DAYS, keep_days=0) == 1
    assert update(lake) == "full"
    assert_equals_a_full_count(lake, tmp_path)


def test_a_version_that_has_left_the_log_is_no_obstacle(lake: Lake, tmp_path: Path) -> None:
    deliver(lake, 7)
    delta = lake.open(LISTENER_ARTIST_DAYS)
    assert delta is not None
    delta.create_checkpoint()
    for entry in sorted(Path(lake.uri(LISTENER_ARTIST_DAYS), "_delta_log").glob("*.json"))[:-1]:
        entry.unlink()
    assert update(lake) == "full"
    assert_equals_a_full_count(lake, tmp_path)


def test_a_table_of_days_made_anew_is_not_taken_for_the_old_one(lake: Lake, tmp_path: Path) -> None:
    """As many versions, the same last day, other plays: as after an import with another secret."""
    version = lake.version(LISTENER_ARTIST_DAYS)
    shutil.rmtree(lake.uri(LISTENER_ARTIST_DAYS))
    for day in range(7):
        deliver(lake, day, seed=5)
    assert lake.version(LISTENER_ARTIST_DAYS) == version
    assert update(lake) == "full"
    assert_equals_a_full_count(lake, tmp_path)


def test_a_window_that_the_days_do_not_fill_is_left_out(lake: Lake) -> None:
    assert [w.end - w.start for w in covered_windows(lake, (3, 7, 8))] == [timedelta(2), timedelta(6)]


def test_without_days_there_is_no_window(tmp_path: Path) -> None:
    assert covered_windows(Lake(tmp_path), (LENGTH,)) == []
