"""Dagster's history: our open files hold what Dagster's own classes read, from all threads and of all runs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import dagster as dg
import pytest
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.base import EventLogStorage

from analytics_platform.orchestration.event_log import MOST_OPEN, OpenEventLog
from analytics_platform.orchestration.run import dagster_home
from analytics_platform.settings import Settings

ASSET = dg.AssetKey(["marts", "artists"])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(dagster_home(Settings(home=tmp_path)))) as instance:
        yield instance


def report(instance: dg.DagsterInstance, run_id: str, partition: str) -> None:
    instance.report_dagster_event(
        run_id=run_id,
        dagster_event=DagsterEvent.build_asset_materialization_planned_event(
            "all", "step", AssetMaterializationPlannedData(ASSET, partition=partition)
        ),
    )


def partitions(storage: EventLogStorage, run_id: str) -> list[str]:
    found = [event.dagster_event for event in storage.get_logs_for_run(run_id)]
    return sorted(str(event.partition) for event in found if event is not None)


def open_files(folder: Path) -> set[str]:
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return {link.name for link in links if link.parent == folder and link.suffix == ".db"}


def test_the_projects_configuration_uses_it(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, OpenEventLog)


def test_events_of_many_threads_and_runs_are_where_dagsters_class_looks(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    runs, days = [f"run{number}" for number in range(MOST_OPEN + 4)], [f"2026-01-{day:02}" for day in range(1, 8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda pair: report(instance, *pair), [(run, day) for day in days for run in runs]))
    folder = tmp_path / "dagster" / "history" / "runs"
    assert len(open_files(folder)) == MOST_OPEN
    plain = SqliteEventLogStorage(str(folder))
    for run in runs:
        assert partitions(plain, run) == days
        assert partitions(instance.event_log_storage, run) == days
    planned = instance.event_log_storage.get_latest_planned_materialization_info(ASSET)
    assert planned is not None
    assert planned.run_id in runs


def test_another_process_writes_beside_it(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    report(instance, "one", "2026-01-01")
    with dg.DagsterInstance.from_config(str(dagster_home(Settings(home=tmp_path)))) as other:
        report(other, "one", "2026-01-02")
        report(instance, "one", "2026-01-03")
        assert partitions(other.event_log_storage, "one") == [f"2026-01-0{day}" for day in (1, 2, 3)]


def test_who_watches_a_run_is_told_of_each_event_at_once(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """As the page of a run does, in the process of the web server."""
    report(instance, "one", "2026-01-01")
    told: Queue[str] = Queue()
    page = SqliteEventLogStorage(str(tmp_path / "dagster" / "history" / "runs"))
    page.watch("one", None, lambda entry, _: told.put(str(entry.get_dagster_event().partition)))
    try:
        for day in range(2, 6):
            report(instance, "one", f"2026-01-0{day}")
            found = {told.get(timeout=20)}
            while f"2026-01-0{day}" not in found:
                found.add(told.get(timeout=20))
    finally:
        page.dispose()


def test_files_are_closed_at_the_end_and_after_a_wipe(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    folder = tmp_path / "dagster" / "history" / "runs"
    report(instance, "one", "2026-01-01")
    assert open_files(folder) == {"index.db", "one.db"}
    instance.event_log_storage.wipe()
    assert "one.db" not in open_files(folder)
    report(instance, "one", "2026-01-02")
    assert partitions(instance.event_log_storage, "one") == ["2026-01-02"]
    instance.event_log_storage.dispose()
    assert not open_files(folder)
