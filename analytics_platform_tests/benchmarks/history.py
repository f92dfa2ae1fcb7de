"""Dagster's history: events stored by our open files, in turn with Dagster's own class."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import dagster as dg
import yaml
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent

from analytics_platform.orchestration.run import dagster_home
from analytics_platform.settings import Settings

EVENTS, TURNS = 365, 3


def run() -> list[dict[str, object]]:
    """Rows of the page: a year of days of one table, planned."""
    found: dict[str, list[float]] = {"dagster": [], "ours": []}
    for _ in range(TURNS):
        for whose, seconds in found.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds.append(stored(Path(folder), is_ours=whose == "ours"))
    plain, ours = median(found["dagster"]), median(found["ours"])
    return [
        {"name": f"{EVENTS} events, Dagster's class", "seconds": plain, "ratio": 1.0},
        {"name": f"{EVENTS} events, files kept open", "seconds": ours, "ratio": ours / plain, "limit": 0.5},
    ]


def stored(home: Path, *, is_ours: bool) -> float:
    """Seconds to store the events in a new instance."""
    folder = dagster_home(Settings(home=home))
    if not is_ours:
        config = yaml.safe_load((folder / "dagster.yaml").read_text())
        config["storage"] = {"sqlite": {"base_dir": str(folder)}}
        (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        report(instance, "first")  # makes the files
        begin = time.perf_counter()
        for number in range(EVENTS):
            report(instance, str(number))
        return time.perf_counter() - begin


def report(instance: dg.DagsterInstance, partition: str) -> None:
    """Store one event."""
    planned = AssetMaterializationPlannedData(dg.AssetKey(["streams", "plays"]), partition=partition)
    instance.report_dagster_event(
        run_id="run", dagster_event=DagsterEvent.build_asset_materialization_planned_event("all", "step", planned)
    )
