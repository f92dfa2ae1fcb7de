"""A run that is killed at any moment leaves nothing that a second run does not put right."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.build import TABLES
from analytics_platform.sample_label import generate
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import DELIVERIES
from analytics_platform_tests.orchestration.homes import SMALL, deliver, environment, frame, make_settings, period

SPEC = SMALL


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed: what it made, and how long it took from its first line to its end."""

    sample: Path
    tables: dict[str, pl.DataFrame]
    seconds: float


def content(settings: Settings, table: Table) -> pl.DataFrame:
    """A table's rows. Revisions count by their order: what is received again after a kill gets higher numbers."""
    rows = frame(settings, table)
    if table is DELIVERIES:
        rows = rows.with_columns(pl.col("revision").rank("dense").over("slot"))
    return rows


def start(settings: Settings) -> subprocess.Popen[str]:
    """Begin a run in a process of its own and wait until it has loaded its code."""
    first, last = period(SPEC)
    process = subprocess.Popen(
        [sys.executable, "-m", "analytics_platform_tests.chaos.run_once", str(first), str(last)],
        env=os.environ | environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    folder = tmp_path_factory.mktemp("undisturbed")
    generate(SPEC, folder / "sample")
    settings = make_settings(folder / "home")
    deliver(folder / "sample", settings)
    process = start(settings)
    begun = time.monotonic()
    finish(process)
    seconds = time.monotonic() - begun
    yield Undisturbed(folder / "sample", {table.full_name: content(settings, table) for table in TABLES}, seconds)
    shutil.rmtree(folder)


def kill_and_compare(undisturbed: Undisturbed, home: Path, seed: int) -> str:
    """Kill a run at a moment that the seed decides, run again, compare every table."""
    settings = make_settings(home)
    deliver(undisturbed.sample, settings)
    process = start(settings)
    moment = random.Random(seed).uniform(0.1, undisturbed.seconds)
    time.sleep(moment)
    process.kill()
    output, _ = process.communicate()
    told = f"killed after {moment:.2f} s of {undisturbed.seconds:.2f}, last step: {(output.splitlines() or ['-'])[-1]}"
    finish(start(settings))
    assert not list(settings.inbox.rglob("*.gz")), told
    for table in TABLES:
        try:
            assert_frame_equal(content(settings, table), undisturbed.tables[table.full_name], abs_tol=1e-12)
        except AssertionError as error:
            raise AssertionError(f"{table.full_name} differs; {told}\n{error}") from error
    with duckdb.connect(str(settings.database), read_only=True) as connection:
        published = connection.execute("select table_name, row_count from marts.published_tables").fetchall()
    assert dict(published) == {name: len(rows) for name, rows in undisturbed.tables.items()}, told
    shutil.rmtree(home)
    return told


def test_a_killed_run_is_put_right_by_the_next(
    undisturbed: Undisturbed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = kill_and_compare(undisturbed, tmp_path / "home", seed=11)
    with capsys.disabled():
        print(f"\n{told}")


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(100, 120))
def test_twenty_moments(
    undisturbed: Undisturbed, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    told = kill_and_compare(undisturbed, tmp_path / "home", seed)
    with capsys.disabled():
        print(f"\n{told}")
