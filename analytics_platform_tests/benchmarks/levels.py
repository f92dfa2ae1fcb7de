"""Plays to listening levels, in full and by one more day, against a bare scan of the same files.

``python -m analytics_platform_tests.benchmarks.levels`` prints a JSON line per measurement.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import pyarrow as pa

from analytics_platform.fans.level_changes import (
    changed_levels_sql,
    changed_pairs_sql,
    dated_pairs_sql,
    levels_change_sql,
    plays_change_sql,
    state_change_sql,
)
from analytics_platform.fans.levels import KEY_ALPHABET, Window, bucket_sql, levels_sql, window_plays_sql

ARTISTS = 50_000
WINDOW_DAYS = 365
FIRST_DAY = date(2025, 1, 1)
OLD = Window.ending(FIRST_DAY + timedelta(days=WINDOW_DAYS - 1), WINDOW_DAYS)
NEW = Window.ending(OLD.end + timedelta(days=1), WINDOW_DAYS)
RUNS = 3
FULL_LIMIT = 12.0
"""Full computation: at most so many bare scans of listener_key and artist_id."""
DAY_LIMIT = 0.2
"""One more day: at most this part of the full computation."""


def write_days(folder: Path, rows: int, seed: int = 1) -> None:
    """Day files as ``streams.listener_artist_days`` keeps them: 366 days, one delivery each, the day after.

    50,000 artists (Zipf), a listener per ten rows (log-normal activity, sigma 1.2), 22-character
    artist ids; about as many rows as asked, since a listener's repeats of a day are one row.
    """
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(KEY_ALPHABET.encode(), dtype="S1")
    listeners = max(rows // 10, 1)

    def names(count: int, length: int) -> pa.Array:
        return pa.array(letters[rng.integers(0, 64, (count, length), dtype=np.int8)].view(f"S{length}").ravel())

    def drawn(weights: np.ndarray) -> np.ndarray:
        return np.searchsorted(weights.cumsum(), rng.random(rows) * weights.sum())

    keys = pa.table({"listener": np.arange(listeners), "listener_key": names(listeners, 12).cast(pa.string())})
    ids = pa.table({"artist": np.arange(ARTISTS), "artist_id": names(ARTISTS, 22).cast(pa.string())})
    events = pa.table(
        {
            "listener": drawn(rng.lognormal(0, 1.2, listeners)),
            "artist": drawn(1 / np.arange(1, ARTISTS + 1)),
            "day": rng.integers(0, WINDOW_DAYS + 1, rows, dtype=np.int32),
            "plays": rng.geometric(0.5, rows).astype(np.int32),
        }
    )
    con = duckdb.connect(config={"threads": 2})
    for name, table in (("keys", keys), ("ids", ids), ("events", events)):
        con.register(name, table)
    con.execute(f"""
        copy (
            select listener_key, artist_id, date '{FIRST_DAY}' + day as play_date,
                date '{FIRST_DAY}' + day + 1 as ingest_date, cast(sum(plays) as bigint) as plays
            from events join keys using (listener) join ids using (artist)
            group by all order by ingest_date
        ) to '{folder}' (format parquet, partition_by (ingest_date), compression zstd)""")


def seconds(action: Callable[[], object]) -> float:
    """Median wall time of three runs, in seconds."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return median(times)


def run(rows: int = 20_000_000) -> list[dict[str, object]]:
    """Measure on ``rows`` generated rows; each result has name, seconds, ratio, limit (or None).

    The ratio of the full computation is to the bare scan, that of the day to the full
    computation. Both leave their result in a table in memory.

    Raises:
        AssertionError: the incremental levels differ from the recomputed ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        days, base = Path(folder) / "days", Path(folder) / "base.parquet"
        write_days(days, rows)
        con = duckdb.connect(config={"threads": 2, "temp_directory": folder})
        con.execute(f"create view days as from read_parquet('{days}/*/*.parquet', hive_partitioning=true)")
        con.execute(f"create view kept as from days where ingest_date <= date '{NEW.end}'")
        con.execute(f"create view added as from days where ingest_date > date '{NEW.end}'")
        con.execute(f"create view plays as {window_plays_sql('days', NEW)}")

        def scan() -> None:
            con.execute("select bit_xor(hash(listener_key)), bit_xor(hash(artist_id)) from days").fetchall()

        def full() -> None:
            con.execute(f"create or replace table levels_full as {levels_sql('plays', NEW)}")

        def bucketed() -> None:
            columns = "artist_id varchar, level smallint, first_listen date, listeners bigint, plays bigint"
            con.execute(f"create or replace table parts ({columns})")
            for bucket in range(4):
                con.execute(f"create or replace view bucket as from days where {bucket_sql(bucket, 4)}")
                con.execute(f"create or replace view bucket_plays as {window_plays_sql('bucket', NEW)}")
                con.execute(f"insert into parts {levels_sql('bucket_plays', NEW)}")

        def write_base() -> None:
            plays = window_plays_sql("kept", OLD)
            con.execute(f"copy ({plays} order by listener_key, artist_id) to '{base}' (compression zstd)")

        def one_day() -> None:
            change = plays_change_sql(OLD, NEW, kept="kept", added="added")
            con.execute(f"create or replace table changes as {change}")
            con.execute(f"create or replace table changed as {changed_pairs_sql('state', 'changes')}")
            con.execute(f"create or replace table pairs as {dated_pairs_sql('changed', NEW, 'kept')}")
            con.execute(f"create or replace table state_change as {state_change_sql('pairs')}")
            con.execute(f"create or replace table levels_change as {levels_change_sql('pairs', OLD, NEW)}")
            con.execute(f"create or replace table levels_new as {changed_levels_sql('levels', 'levels_change')}")

        scan_s, full_s, bucketed_s = seconds(scan), seconds(full), seconds(bucketed)
        base_s = seconds(write_base)
        con.execute(f"create view state as select *, 0 as change_no from '{base}'")
        con.execute(f"create table levels as {levels_sql('state', OLD)}")
        day_s = seconds(one_day)
        for one, other in (("levels_full", "levels_new"), ("levels_new", "levels_full")):
            assert con.execute(f"select count(*) from (from {one} except all from {other})").fetchall() == [(0,)]

    def result(name: str, taken: float, against: float, limit: float | None) -> dict[str, object]:
        return {"name": name, "seconds": round(taken, 3), "ratio": round(taken / against, 3), "limit": limit}

    return [
        result("bare scan of listener_key and artist_id", scan_s, scan_s, None),
        result("plays to levels, all at once", full_s, scan_s, FULL_LIMIT),
        result("plays to levels, 4 listener buckets", bucketed_s, scan_s, None),
        result("sorted base written", base_s, scan_s, None),
        result("one more day", day_s, full_s, DAY_LIMIT),
    ]


if __name__ == "__main__":
    for measured in run(*(int(argument) for argument in sys.argv[1:2])):
        sys.stdout.write(json.dumps(measured) + "\n")
