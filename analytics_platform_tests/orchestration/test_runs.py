"""One run of everything on a small label: what it records, what it makes, what a second one changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.artists import tables as artist_tables
from analytics_platform.fans import tables as fan_tables
from analytics_platform.orchestration.build import TABLES
from analytics_platform.orchestration.metadata import asset_key
from analytics_platform.orchestration.publish_asset import ANALYTICS_DUCKDB
from analytics_platform.orchestration.run import RunResult, run_job
from analytics_platform.sample_label import LabelSpec, generate
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import RawStore, list_inbox
from analytics_platform.streams.tables import (
    ARTIST_GENRES,
    ARTIST_NAMES,
    CLOSED_MARKETS,
    DELIVERIES,
    PLAYS,
    PLAYS_DAILY,
)
from analytics_platform.taste import audience_tables, product_tables
from analytics_platform.tracks import score_tables
from analytics_platform_tests.orchestration.homes import SMALL, deliver, frame, lake_of, make_settings, period

EMPTY_AFTER_SIX_DAYS = (
    *(fan_tables.FAN_TARGETS, fan_tables.FAN_MOVES, *score_tables.SCORED, *score_tables.EXPLAINED),
    *(table for table in (*product_tables.PRODUCTS, audience_tables.TRACK_AUDIENCE) if table.schema == "marts"),
)
"""One segment is all that 28 artists support, so there is nothing to win; no five days lie before the window; there are
no recordings to learn from, and none to score or to place among tastes."""


@dataclass(frozen=True)
class Home:
    """A home after its first run."""

    settings: Settings
    sample: Path
    result: RunResult
    steps: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("runs")
    generate(SMALL, folder / "sample")
    settings = make_settings(folder / "home")
    deliver(folder / "sample", settings)
    steps: list[tuple[str, int, int]] = []
    result = run_job(
        settings, "all", period(SMALL), on_step=lambda name, done, total: steps.append((name, done, total))
    )
    return Home(settings, folder / "sample", result, steps)


@pytest.fixture
def instance(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(home.settings.dagster_storage))
    with dg.DagsterInstance.get() as instance:
        yield instance


def test_the_run_succeeds_and_tells_of_each_step(home: Home) -> None:
    assert home.result == RunResult(home.result.run_id, True, None)
    total = home.steps[-1][2]
    assert [(done, of) for _, done, of in home.steps] == [(n, total) for n in range(1, total + 1)]


def test_the_inbox_is_empty_and_every_file_is_recorded(home: Home) -> None:
    assert not [path for path in home.settings.inbox.rglob("*") if path.is_file()]
    sent = [path for path in (home.sample / "deliveries").rglob("*") if path.is_file()]
    deliveries = frame(home.settings, DELIVERIES)
    assert len(deliveries) == len(sent)
    assert set(deliveries["status"]) == {"loaded", "superseded"}
    assert deliveries.filter(pl.col("rows_read") != pl.col("good_rows") + pl.col("rejected_rows")).is_empty()


def test_a_range_of_days_is_one_run(home: Home, instance: dg.DagsterInstance) -> None:
    assert instance.get_runs_count() == 1
    first, last = period(SMALL)
    days = {str(day) for day in pl.date_range(first, last, eager=True)}
    assert days <= instance.get_materialized_partitions(asset_key(PLAYS))


def test_every_asset_shows_its_rows_and_version(home: Home, instance: dg.DagsterInstance) -> None:
    lake = lake_of(home.settings)
    for table in TABLES:
        event = instance.get_latest_materialization_event(asset_key(table))
        if event is None:
            assert lake.version(table) is None
            continue
        assert event.asset_materialization is not None
        shown = event.asset_materialization.metadata
        assert shown["dagster/row_count"].value == len(frame(home.settings, table)), table.full_name
    event = instance.get_latest_materialization_event(ANALYTICS_DUCKDB)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["path"].value == str(home.settings.database)


def test_inline_plots_are_small_enough_to_show(home: Home, instance: dg.DagsterInstance) -> None:
    plots = maps = 0
    for table in TABLES:
        event = instance.get_latest_materialization_event(asset_key(table))
        metadata = event.asset_materialization.metadata if event and event.asset_materialization else {}
        for value in metadata.values():
            if isinstance(value, dg.MarkdownMetadataValue) and "base64" in str(value.value):
                # The map of artists is shown after a click; it holds 500 artists at most.
                is_map = table is artist_tables.ARTIST_CLUSTERS
                maps, plots = maps + is_map, plots + (not is_map)
                assert len(str(value.value)) < (100_000 if is_map else 2000)
    assert plots
    assert maps


def test_the_marts_are_filled(home: Home) -> None:
    for table in (t for t in TABLES if t.schema == "marts" and t not in EMPTY_AFTER_SIX_DAYS):
        assert len(frame(home.settings, table)), table.full_name
    for table in EMPTY_AFTER_SIX_DAYS:
        assert frame(home.settings, table).is_empty(), table.full_name
    fans = frame(home.settings, fan_tables.ARTIST_FANS)
    told = fans.filter(pl.col("share").is_not_null())
    shares = told.group_by("data_set", "window_days", "artist_id").agg(pl.col("share").sum())["share"]
    assert len(shares)
    assert ((shares - 1).abs() < 1e-9).all()
    assert set(fans["window_days"]) == {5}
    assert fans["listeners_before"].is_null().all()


def test_daily_plays_are_those_that_the_label_planted(home: Home) -> None:
    """By vendor, day and country: artist by artist where the names are the truth's."""
    truth = pl.read_parquet(home.sample / "truth" / "daily_plays.parquet")
    keys = ["vendor", "play_date", "artist_name", "country"]
    found = frame(home.settings, PLAYS_DAILY).select(*keys, pl.col("plays").cast(pl.Int64))
    planted = truth.select(*keys, pl.col("plays").cast(pl.Int64))
    assert_frame_equal(found.sort(keys), planted.sort(keys))


def test_genres_and_closed_markets_are_those_that_the_label_planted(home: Home) -> None:
    truth = pl.read_parquet(home.sample / "truth" / "artists.parquet")
    names = frame(home.settings, ARTIST_NAMES).select("artist_id", "artist_name")
    assert len(names) == len(truth)
    genres = frame(home.settings, ARTIST_GENRES).join(names, on="artist_id", how="left")
    assert set(genres.select("artist_name", "genre", "genre_rank").iter_rows()) == {
        (row["artist_name"], genre.lower(), rank)
        for row in truth.iter_rows(named=True)
        for rank, genre in ((1, row["genre"]), (2, row["style"]))
    }
    closed = frame(home.settings, CLOSED_MARKETS).join(names, on="artist_id", how="left")
    planted = truth.explode("closed_markets", empty_as_null=False).select("artist_name", country="closed_markets")
    assert len(planted) > len(truth)
    assert_frame_equal(closed.select("artist_name", "country"), planted, check_row_order=False)


def test_a_second_run_changes_nothing(home: Home) -> None:
    """The same files are delivered again: nothing new, nothing lost."""
    before = {table.full_name: frame(home.settings, table) for table in TABLES}
    plays_version = lake_of(home.settings).version(PLAYS)
    current = frame(home.settings, DELIVERIES).filter("is_current")
    for name in current["file_name"]:
        (home.settings.inbox / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(home.sample / "deliveries" / name, home.settings.inbox / name)
    assert run_job(home.settings, "all", period(SMALL), changed_only=True).succeeded
    for table in TABLES:
        assert_frame_equal(frame(home.settings, table), before[table.full_name])
    assert lake_of(home.settings).version(PLAYS) == plays_version
    assert not [path for path in home.settings.inbox.rglob("*") if path.is_file()]


def test_upkeep_changes_no_rows(home: Home) -> None:
    before = {table.full_name: frame(home.settings, table) for table in TABLES}
    assert run_job(home.settings.model_copy(update={"table_history_days": 0}), "maintain").succeeded
    for table in TABLES:
        assert_frame_equal(frame(home.settings, table), before[table.full_name])


def test_the_sensors_job_attributes_plays_to_artists_in_a_fresh_home(home: Home, tmp_path: Path) -> None:
    """The job must make the catalogue lookup before the daily sums: else all plays are of (unknown)."""
    settings = make_settings(tmp_path / "home")
    deliver(home.sample, settings)
    assert run_job(settings, "ingest", period(SMALL), changed_only=True).succeeded
    for table in (t for t in TABLES if t.full_name in ("streams.listener_artist_days", "streams.artist_country_days")):
        assert_frame_equal(frame(settings, table), frame(home.settings, table))


def test_an_inbox_received_twice_records_nothing_new(home: Home, tmp_path: Path) -> None:
    """As after a kill between the recording and the clearing of the inbox: revisions must not count up."""
    settings = make_settings(tmp_path / "home")
    deliver(home.sample, settings)
    store = RawStore(settings.lake_root)
    assert store.receive(settings.inbox, list_inbox(settings.inbox))
    assert store.receive(settings.inbox, list_inbox(settings.inbox)) == []


def test_ids_that_do_not_last_stop_the_fans(tmp_path: Path) -> None:
    spec = LabelSpec(scale=0.08, days=5, rotate_listener_ids=True)
    generate(spec, tmp_path / "sample")
    settings = make_settings(tmp_path / "home", windows_days=(4,))
    deliver(tmp_path / "sample", settings)
    result = run_job(settings, "all", period(spec))
    assert not result.succeeded
    assert result.error is not None
    assert "check ids_last: Listener ids of " in result.error
    assert "spotify" in result.error
    assert all(lake_of(settings).version(table) is None for table in fan_tables.TABLES)
    assert len(frame(settings, PLAYS_DAILY)), "plays by day need no listeners"
    assert not settings.database.exists()
    os.environ.pop("DAGSTER_HOME", None)


def test_without_a_secret_nothing_is_ingested(home: Home, tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "home", listener_secret=None)
    deliver(home.sample, settings)
    result = run_job(settings, "ingest", period(SMALL))
    assert not result.succeeded
    assert result.error is not None
    assert "ANALYTICS_LISTENER_SECRET" in result.error
    assert list(settings.inbox.rglob("*.gz")), "the files wait"
    assert lake_of(settings).version(DELIVERIES) is None
