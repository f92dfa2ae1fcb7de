"""A year of days in a real lake: a full recount of a window against one more day."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from analytics_platform.fans.levels import Window
from analytics_platform.fans.windows import update_window
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.streams.tables import LISTENER_ARTIST_DAYS
from analytics_platform_tests.benchmarks.levels import DAY_LIMIT, NEW, OLD, write_days


def run(rows: int = 20_000_000) -> list[dict[str, object]]:
    """Measure ``update_window`` on ``rows`` rows of 366 days."""
    with tempfile.TemporaryDirectory() as folder:
        days = Path(folder) / "days"
        write_days(days, rows)
        lake = Lake(Path(folder) / "lake", memory_limit_mb=4096)
        source = f"read_parquet('{days}/*/*.parquet', hive_partitioning = true)"

        def load(condition: str) -> None:
            with lake.duckdb() as connection:
                lake.commit(
                    LISTENER_ARTIST_DAYS,
                    lake.stage(
                        LISTENER_ARTIST_DAYS,
                        connection,
                        f"select 'spotify' as vendor, * from {source} where {condition}",
                    ),
                    replace=None,
                )

        load(f"ingest_date <= date '{NEW.end}'")
        full = _seconds(lake, OLD, full=True)
        load(f"ingest_date > date '{NEW.end}'")
        day = _seconds(lake, NEW, full=False)
        again = _seconds(lake, NEW, full=True)
    return [
        {"name": "full recount, 365 days", "seconds": full},
        {"name": "one more day on top", "seconds": day, "ratio": day / again, "limit": DAY_LIMIT},
        {"name": "full recount instead", "seconds": again, "ratio": 1.0},
    ]


def _seconds(lake: Lake, window: Window, *, full: bool) -> float:
    start = time.perf_counter()
    updated = update_window(lake, window, full=full)
    assert updated.how == ("full" if full else "incremental"), updated
    return time.perf_counter() - start


if __name__ == "__main__":
    for measured in run(*(int(argument) for argument in sys.argv[1:2])):
        sys.stdout.write(json.dumps(measured) + "\n")
