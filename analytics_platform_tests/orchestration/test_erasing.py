"""A listener who asks to be erased: nowhere, in no file, and not back when tables are made again."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.orchestration.build import TABLES
from analytics_platform.orchestration.run import run_job
from analytics_platform.sample_label import generate
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import RawStore
from analytics_platform.streams.privacy import listener_key
from analytics_platform.streams.unpack import Limits, unpack
from analytics_platform_tests.orchestration.homes import SMALL, deliver, environment, make_settings, period


def raw_text(settings: Settings) -> str:
    """All that the raw files say."""
    store = RawStore(settings.lake_root)
    spool = settings.home / "spool"
    parts: list[str] = []
    for record in store.records():
        unpack(store.path(record), spool, Limits(2**30, 10_000))
        parts.append(spool.read_text())
    spool.unlink()
    return "\n".join(parts)


def holders_of(settings: Settings, key: str) -> list[str]:
    """Parquet files below the lake, of whatever version, that hold a listener's key."""
    found: list[str] = []
    for file in (settings.lake_root / "tables").rglob("*.parquet"):
        if "_delta_log" in file.parts:
            continue
        frame = pl.read_parquet(file)
        if "listener_key" in frame.columns and (frame["listener_key"] == key).any():
            found.append(str(file))
    return found


def erase_and_look(
    settings: Settings, first_day: date, last_day: date, sample: Path | None = None, **variables: str
) -> None:
    """Erase the listener with the most plays by the command, and look for what is left."""
    truth = sample / "truth" if sample else next((settings.home / "sample_label").glob("*/truth"))
    listeners = pl.read_parquet(truth / "listeners.parquet").with_row_index("row")
    pairs = pl.read_parquet(truth / "pairs.parquet")
    plays = pairs.group_by("listener_row").agg(pl.col("plays").sum())
    chosen = (
        listeners.join(plays, on="listener_row")
        .filter(vendor="spotify")
        .sort("plays", descending=True)
        .row(0, named=True)
    )
    listener_id, licensor = chosen["vendor_listener_id"], chosen["licensor"]
    key = listener_key(settings.secret(), "spotify", licensor, listener_id)
    assert listener_id in raw_text(settings)
    assert holders_of(settings, key)
    table = next(table for table in TABLES if table.full_name == "streams.plays")

    def total() -> int:
        with Lake(settings.lake_root).connect(table) as connection:
            return connection.execute("select sum(plays) from streams.plays").fetchall()[0][0]

    before = total()
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("analytics-platform")),
            "erase-listener",
            *("--vendor", "spotify", "--licensor", licensor, "--id", "-"),
        ],
        env=os.environ | {"ANALYTICS_HOME": str(settings.home), "NO_COLOR": "1"} | variables,
        input=listener_id,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert listener_id not in done.stdout + done.stderr
    assert before - total() == chosen["plays"]
    assert listener_id not in raw_text(settings)
    assert holders_of(settings, key) == []
    with duckdb.connect(str(settings.database), read_only=True) as connection:
        assert connection.execute("select count(*) from streams.plays where listener_key = ?", [key]).fetchone() == (0,)
        erasures = connection.execute("select vendor, raw_rows > 0, table_rows > 0 from streams.erasures").fetchall()
    assert erasures == [("spotify", True, True)]
    # Made again from the raw files, the listener stays away.
    assert run_job(settings, "ingest", (first_day, last_day)).succeeded
    assert holders_of(settings, key) == []
    for path in (*settings.home.rglob("*.db"), *settings.home.rglob("*.err"), *settings.home.rglob("*.out")):
        assert listener_id.encode() not in path.read_bytes(), f"the id is in {path}"
    store = RawStore(settings.lake_root)
    erased = [record for record in store.records() if record.erased_rows]
    assert erased
    with gzip.open(store.path(erased[0])) as file:
        assert file.read(1), "a rewritten raw file can be read"


def test_an_erased_listener_is_nowhere_and_does_not_come_back(tmp_path: Path) -> None:
    generate(SMALL, tmp_path / "sample")
    settings = make_settings(tmp_path / "home")
    deliver(tmp_path / "sample", settings)
    days = period(SMALL)
    assert run_job(settings, "all", days).succeeded
    erase_and_look(settings, *days, tmp_path / "sample", **environment(settings))
