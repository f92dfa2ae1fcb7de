"""A home with a sample label's deliveries, and ways to look at what a run made of them."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from analytics_platform.lakehouse.lake import Lake, quoted
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.resources import Platform
from analytics_platform.sample_label import LabelSpec, write_day
from analytics_platform.settings import Settings

SECRET = "a secret of the tests, long enough to be taken"

SMALL = LabelSpec(scale=0.02, days=6)
"""800 listeners, 28 artists, six days, three of them restated; made and ingested in a few seconds."""

TIMES = {"received_at"}
"""Columns that say when a run was, not what it found."""


def make_settings(home: Path, **fields: object) -> Settings:
    """Settings that suit a label of a few days and two cores shared with other tests."""
    defaults: dict[str, object] = {
        "home": home,
        "listener_secret": SECRET,
        "inbox_quiet_s": 0,
        "windows_days": (5,),
        "min_artist_listeners": 5,
        "threads": 2,
        "memory_limit_mb": 512,
        "executor": "in_process",
    }
    return Settings.model_validate(defaults | fields)


def environment(settings: Settings) -> dict[str, str]:
    """The same settings for another process."""
    return {
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_LISTENER_SECRET": SECRET,
        "ANALYTICS_INBOX_QUIET_S": str(settings.inbox_quiet_s),
        "ANALYTICS_WINDOWS_DAYS": str(list(settings.windows_days)),
        "ANALYTICS_MIN_ARTIST_LISTENERS": str(settings.min_artist_listeners),
        "ANALYTICS_THREADS": str(settings.threads),
        "ANALYTICS_MEMORY_LIMIT_MB": str(settings.memory_limit_mb),
        "ANALYTICS_EXECUTOR": settings.executor,
    }


def deliver(sample: Path, settings: Settings) -> None:
    """Copy a label's deliveries into the inbox."""
    shutil.copytree(sample / "deliveries", settings.inbox, dirs_exist_ok=True)


def deliver_day(spec: LabelSpec, day: int, settings: Settings, scratch: Path) -> None:
    """Make one more day of the label and deliver it."""
    write_day(spec, day, scratch)
    deliver(scratch, settings)
    shutil.rmtree(scratch)


def period(spec: LabelSpec) -> tuple[date, date]:
    """The days of delivery of a label, as its files are named; late rows lie in the files of later days."""
    return spec.start, spec.start + timedelta(days=spec.days - 1)


def lake_of(settings: Settings) -> Lake:
    return Platform(settings).lake


def frame(settings: Settings, table: Table) -> pl.DataFrame:
    """All rows of a table's newest version, sorted, without the columns that tell times of runs."""
    lake = lake_of(settings)
    columns = ", ".join(f'"{c.name}"' for c in table if c.name not in TIMES)
    with lake.connect(table) as connection:
        return connection.sql(f"select {columns} from {quoted(table)} order by all").pl()
