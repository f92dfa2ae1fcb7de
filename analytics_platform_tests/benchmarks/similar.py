"""Similar tracks: what one query costs among a million tracks, exactly, and by an index beside it.

``python -m analytics_platform_tests.benchmarks.similar`` prints the table; ``section`` gives it to the page, from a
process of its own. The index (usearch, HNSW) is no dependency of the platform: it is measured only where it is
installed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analytics_platform.taste.similar import nearest, unit_length

TITLE = "Similar tracks: one query among a million"
TRACKS, FACTORS, TASTES, MOST = 1_000_000, 40, 300, 50
QUERIES, AT_ONCE = 200, 100
LIMIT_MS = 20
EXPANSIONS = (64, 256, 1024)


def factors() -> NDArray[np.float32]:
    """Tracks around 300 tastes, as factors of music lie."""
    rng = np.random.default_rng(0)
    tastes = rng.normal(size=(TASTES, FACTORS)).astype(np.float32)
    noise = rng.standard_normal((TRACKS, FACTORS), dtype=np.float32)
    return tastes[rng.integers(0, TASTES, TRACKS)] + 0.7 * noise


def resident_mb() -> float:
    """Memory of this process, MiB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def timed(
    function: Callable[[NDArray[np.float32]], object], queries: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Milliseconds of a query: median, 95th percentile, and median of all cores' work; the first does not count."""
    seconds: list[float] = []
    worked: list[float] = []
    for query in queries:
        start, begun = time.perf_counter(), time.process_time()
        function(query[None])
        seconds.append((time.perf_counter() - start) * 1e3)
        worked.append((time.process_time() - begun) * 1e3)
    return float(np.median(seconds[1:])), float(np.quantile(seconds[1:], 0.95)), float(np.median(worked[1:]))


def measure() -> Iterator[str]:
    """The table's lines, as they are measured."""
    values = factors()
    queries = values[np.random.default_rng(1).integers(0, TRACKS, QUERIES)]
    start = time.perf_counter()
    units = unit_length(values)
    prepared = time.perf_counter() - start
    memory = units.nbytes / 2**20

    def everything(query: NDArray[np.float32]) -> object:
        cosines = units @ query[0]
        best = np.argpartition(-cosines, MOST)[:MOST]
        return best[np.argsort(-cosines[best])]

    yield f"Top {MOST} of {TRACKS:,} tracks with {FACTORS} factors, one query after the other; limit {LIMIT_MS} ms."
    yield ""
    yield "| how | ready in, s | its memory, MB | ms a query, median | 95th percentile | ms of work | recall |"
    yield "|---|---|---|---|---|---|---|"
    yield row("`nearest`, exact", prepared, memory, timed(lambda query: nearest(units, query, MOST), queries), 1)
    yield row("numpy, all cosines partitioned", prepared, memory, timed(everything, queries[:50]), 1)
    start, begun = time.perf_counter(), time.process_time()
    nearest(units, queries[:AT_ONCE], MOST)
    each, worked = (time.perf_counter() - start) / AT_ONCE * 1e3, (time.process_time() - begun) / AT_ONCE * 1e3
    yield row(f"`nearest`, {AT_ONCE} queries at once", prepared, memory, (each, each, worked), 1)
    if find_spec("usearch"):
        yield from by_index(units, queries, nearest(units, queries, MOST)[0])


def row(name: str, ready: float, memory: float, ms: tuple[float, float, float], recall: float) -> str:
    """A line of the table."""
    return f"| {name} | {ready:.1f} | {memory:.0f} | {ms[0]:.1f} | {ms[1]:.1f} | {ms[2]:.1f} | {recall:.3f} |"


def by_index(units: NDArray[np.float32], queries: NDArray[np.float32], truth: NDArray[np.int64]) -> Iterator[str]:
    """Lines on usearch at several widths of its search, beside what is exactly the nearest (q, m)."""
    from usearch.index import Index

    before, start = resident_mb(), time.perf_counter()
    index = Index(ndim=FACTORS, metric="cos", dtype="f32", connectivity=16, expansion_add=64)
    index.add(np.arange(len(units), dtype=np.uint64), units)
    built, memory = time.perf_counter() - start, resident_mb() - before
    for expansion in EXPANSIONS:
        index.expansion_search = expansion
        found = [set(np.asarray(index.search(query, MOST).keys).tolist()) for query in queries]
        recall = float(np.mean([len(one & set(near)) / MOST for one, near in zip(found, truth.tolist(), strict=True)]))
        ms = timed(lambda query: index.search(query[0], MOST), queries)
        yield row(f"usearch (HNSW), search width {expansion}", built, memory, ms, recall)


def section() -> list[str]:
    """Lines for the page, measured in a process of its own."""
    command = [sys.executable, "-m", "analytics_platform_tests.benchmarks.similar"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


if __name__ == "__main__":
    for line in measure():
        print(line, flush=True)
