"""Ingestion against bare decompression of the same bytes on all cores, and its peak memory.

Each measurement is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import duckdb

RUNS = 5
TSV_LIMIT = 3.5
MEMORY_LIMIT_MB = 500
FILES, ROWS_PER_FILE = 24, 150_000
BIG_FILES, ROWS_PER_BIG_FILE = 2, 3_000_000

APPLE = """
    '2026-03-16' as "Datestamp", '2026-03-17' as "Ingest Datestamp", '2026-03-17 04:00:00' as "Ingest Timestamp",
    1400000000 + (random() * 1000)::bigint as "Apple Identifier",
    ['US', 'DE', 'FR', 'GB', 'JP'][1 + (random() * 4)::int] as "Storefront Name",
    left(sha256((random() * random() * 200000)::int::varchar), 32) as "Anonymized Person ID",
    1 + (random() * 2)::int as "Membership Type", 1 as "Membership Mode", '' as "Membership Partner",
    '' as "Postal Code", (random() * 2)::int as "Device Type", (random() * 5)::int as "Operating System",
    1 as "Action Type", (random() * 4)::int as "End Reason Type", 0 as "Offline",
    (random() * 7)::int as "Source of Stream", (random() * 3)::int as "Container Type",
    (random() * 16)::int as "Container Sub-Type", 1000000000 + (random() * 10000)::bigint as "Container ID",
    'some playlist' as "Container Name",
    strftime(timestamp '2026-03-16' + to_seconds((i * 86400.0 / {rows})::int), '%Y-%m-%d %H:%M:%S')
        as "Stream Timestamp",
    0 as "Stream Start Position",
    case when random() < 0.001 then -5 else 30 + (random() * 200)::int end as "Stream Duration"
"""

SPOTIFY = """
    left(sha256((random() * random() * 200000)::int::varchar), 32) as user_id,
    md5((random() * 1000)::int::varchar) as track_id,
    strftime(timestamp '2026-03-16' + to_seconds((i * 86400.0 / {rows})::int), '%Y-%m-%dT%H:%M:%SZ') as "timestamp",
    'DE' as country, case when random() < 0.001 then -5 else 30 + (random() * 200)::int end as stream_length,
    'playlist' as source, case when random() < 0.27 then 'spotify:playlist:37i9dQZF1DX0XUsuxWHRQd' end as source_uri,
    'mobile' as device_type, 'ios' as os, 'premium' as access, false as cached, 0 as offline_timestamp,
    false as discovery_flag, 'Y' as completion_flag
"""


def write_deliveries(folder: Path, form: str, files: int, rows: int) -> None:
    """Gzip files, one a day, in a vendor's true columns; 0.1 % of the rows are bad."""
    columns = (APPLE if form == "tsv" else SPOTIFY).format(rows=rows)
    options = "format csv, delimiter '\t', header, quote '', escape ''" if form == "tsv" else "format json"
    with duckdb.connect() as connection:
        connection.execute("set threads = 1; select setseed(0.5)")
        for number in range(files):
            # One account, a file a day: about half of a day's listeners were there the day before.
            day = date(2026, 3, 17) + timedelta(days=number)
            if form == "tsv":
                target = folder / f"AppleMusic_Streams_93824149_{day:%Y%m%d}_V1_1.txt.gz"
            else:
                target = folder / f"spotify/acme/streams/{day:%Y/%m/%d}/DE.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"copy (select {columns} from range({rows}) as r(i)) to '{target}' ({options}, compression gzip)"
            )


def decompress(folder: Path) -> float:
    """Seconds to decompress all files to nothing, as many at once as there are cores."""
    files = b"\0".join(os.fsencode(path) for path in sorted(folder.rglob("*.gz")))
    start = time.perf_counter()
    cores = str(len(os.sched_getaffinity(0)))
    with Path(os.devnull).open("wb") as nothing:
        subprocess.run(["xargs", "-0", "-P", cores, "-n", "1", "zcat"], input=files, check=True, stdout=nothing)
    return time.perf_counter() - start


INGEST = """
import json, resource, sys, time
from pathlib import Path
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import RawStore, list_inbox
from analytics_platform.streams.ingest import ingest
settings = Settings(home=Path(sys.argv[1]))
settings.create_secret()
store = RawStore(settings.lake_root)
start = time.perf_counter()
records = store.receive(settings.inbox, list_inbox(settings.inbox))
received = time.perf_counter()
result = ingest(settings, Lake(settings.lake_root), sorted({r.ingest_date for r in records}))
done = time.perf_counter()
rows = sum(o.parsed.good_rows for o in result.outcomes)
assert all(o.status == "loaded" for o in result.outcomes), result.outcomes
print(json.dumps({"receive_s": received - start, "ingest_s": done - received, "rows": rows,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def ingest_once(deliveries: Path) -> dict[str, float]:
    """One ingestion of the files, in a fresh home and a fresh process."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "inbox").symlink_to(deliveries)
        # A link can't be the inbox's own entry, but the inbox itself may lie anywhere.
        done = subprocess.run([sys.executable, "-c", INGEST, home], check=True, capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])


def run() -> Iterator[dict[str, object]]:
    """All measurements: name, seconds (medians), ratio, limit."""
    for form in ("tsv", "ndjson"):
        with tempfile.TemporaryDirectory() as folder:
            write_deliveries(Path(folder), form, FILES, ROWS_PER_FILE)
            # In turn, so that a change of the machine's speed touches both.
            pairs = [(decompress(Path(folder)), ingest_once(Path(folder))) for _ in range(RUNS)]
            bare = median(seconds for seconds, _ in pairs)
            ratio = median(one["ingest_s"] / seconds for seconds, one in pairs)
            rows = pairs[0][1]["rows"]
            yield from [
                {"name": f"bare decompression, {form}", "seconds": bare, "ratio": 1.0},
                {
                    "name": f"ingest, gzip {form}, {rows / 1e6:.1f} million rows",
                    "seconds": median(one["ingest_s"] for _, one in pairs),
                    "ratio": ratio,
                    "limit": TSV_LIMIT if form == "tsv" else None,
                    "peak_mb": max(one["peak_mb"] for _, one in pairs),
                    "limit_mb": MEMORY_LIMIT_MB,
                },
                {
                    "name": f"receive (hash, copy, sync), {form}",
                    "seconds": median(one["receive_s"] for _, one in pairs),
                },
            ]
    with tempfile.TemporaryDirectory() as folder:
        write_deliveries(Path(folder), "tsv", BIG_FILES, ROWS_PER_BIG_FILE)
        one = ingest_once(Path(folder))
        yield (
            {
                "name": f"ingest, two large gzip tsv at once, {one['rows'] / 1e6:.1f} million rows",
                "seconds": one["ingest_s"],
                "peak_mb": one["peak_mb"],
                "limit_mb": MEMORY_LIMIT_MB,
            }
        )


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result), flush=True)
