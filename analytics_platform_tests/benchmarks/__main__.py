"""``make bench``: measure everything and write ``docs/benchmarks.md``.

``python -m analytics_platform_tests.benchmarks fans`` (or another of ``ROOMS``) rewrites only the section of that room.
``games`` has its table in ``docs/audio.md``.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.console import Console

from analytics_platform_tests.benchmarks import (
    artists,
    audio,
    catalogue,
    cold_tracks,
    factors,
    fans,
    fma,
    games,
    history,
    ingest,
    levels,
    page,
    play_counts,
    similar,
    taste_nets,
    track_nets,
    tracks,
    windows,
)
from analytics_platform_tests.benchmarks.agreement import agreement

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
AUDIO_PAGE = ROOT / "docs" / "audio.md"
BEGIN, END = "<!-- games: begin -->", "<!-- games: end -->"
"""Between them ``AUDIO_PAGE`` has what ``games`` measured."""
LOAD = """
import time
start = time.perf_counter()
import dagster as dg
from analytics_platform.orchestration.build import build_defs
from analytics_platform.settings import Settings
dg.Definitions.validate_loadable(build_defs(Settings()))
print(time.perf_counter() - start)
"""
Row = Mapping[str, object]


def load_definitions() -> list[Row]:
    """Seconds to import and load the definitions in a fresh process, median of five."""
    runs = [
        float(subprocess.run([sys.executable, "-c", LOAD], check=True, capture_output=True, text=True).stdout)
        for _ in range(5)
    ]
    return [{"name": "load the definitions", "seconds": median(runs), "limit_s": 3}]


def demo() -> tuple[list[Row], dict[str, float]]:
    """One demo at scale 1 in a fresh home, after installation; and its agreement with the planted truth."""
    with tempfile.TemporaryDirectory() as home:
        start = time.perf_counter()
        command = [str(Path(sys.executable).with_name("analytics-platform")), "demo"]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"ANALYTICS_HOME": home})
        seconds = time.perf_counter() - start
        truth = next((Path(home) / "sample_label").glob("*/truth"))
        found = agreement(Path(home) / "analytics.duckdb", truth)
    return [
        {"name": "analytics-platform demo, 2 million plays, 1,000 masters, scores", "seconds": seconds, "limit_s": 600}
    ], found


def table(rows: Iterable[Row]) -> list[str]:
    """Markdown lines of measurements."""
    lines = ["| measurement | seconds | ratio | limit | peak memory, MB | limit, MB |", "|---|---|---|---|---|---|"]
    for row in rows:
        seconds, ratio, peak = row.get("seconds"), row.get("ratio"), row.get("peak_mb")
        limit = f"{row['limit_s']} s" if "limit_s" in row else row.get("limit") or ""
        lines.append(
            f"| {row['name']} | {seconds:.2f} | {'' if ratio is None else f'{ratio:.2f}'} | {limit} |"
            f" {'' if peak is None else f'{peak:.0f}'} | {row.get('limit_mb') or ''} |"
        )
    return lines


def with_section(page: str, title: str, lines: Iterable[str]) -> str:
    """The page with the section (a heading of level 2) written anew, or added at the end."""
    before, *sections = page.rstrip("\n").split("\n## ")
    new = "\n".join([title, "", *lines]).rstrip("\n") + "\n"
    names = [section.partition("\n")[0] for section in sections]
    if title in names:
        sections[names.index(title)] = new
    else:
        sections[-1:] = [*(section + "\n" for section in sections[-1:]), new]
    return "\n## ".join([before, *sections]).rstrip("\n") + "\n"


ROOMS = {
    "fans": fans,
    "artists": artists,
    "catalogue": catalogue,
    "audio": audio,
    "tracks": tracks,
    "nets": track_nets,
    "taste-nets": taste_nets,
    "fma": fma,
    "taste": factors,
    "play-counts": play_counts,
    "similar": similar,
    "cold": cold_tracks,
    "page": page,
}


def between_marks(page: str, lines: Iterable[str]) -> str:
    """The page with what stands between ``BEGIN`` and ``END`` written anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return "\n".join([before + begin, "", *lines, "", end + after])


def real_music() -> None:
    """Send real music through the room of sound, and put what came of it into its page."""
    console = Console()
    try:
        with console.status(games.TITLE):
            lines = games.section()
    except FileNotFoundError as error:
        console.print(f"[bold red]docs/audio.md keeps its table: {error}[/]", soft_wrap=True)
        return
    print("\n".join(lines))
    AUDIO_PAGE.write_text(between_marks(AUDIO_PAGE.read_text(), lines))


def only(room: str) -> None:
    """Measure one room and leave the rest of the page as it is."""
    if room == "games":
        real_music()
        return
    console = Console()
    with console.status(ROOMS[room].TITLE):
        lines = ROOMS[room].section()
    print("\n".join(lines))
    PAGE.write_text(with_section(PAGE.read_text(), ROOMS[room].TITLE, lines))


def main() -> None:
    """Run all benchmarks, a section at a time, and write the page."""
    console = Console()
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`. Seconds are medians; they depend on the machine, ratios much less: each ratio is",
        "measured in one run, in turn with what it is compared to. Nothing here decides a test.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("duckdb", "deltalake", "polars", "scikit-learn")),
        "",
    ]
    sections = {
        "Start": ("", load_definitions),
        "Dagster's history": (
            "A run over days stores an event in it for each table and day before its first step, and one after it.",
            history.run,
        ),
        "Ingestion": (
            "A ratio of 1 is `zcat` of the same files to nothing, as many at once as there are cores. Ingestion "
            "unpacks, checks, keys, and writes Parquet and the commit; 0.1 % of the rows are bad. Receiving a file "
            "(hash, copy, force to disk) is shown apart.",
            lambda: list(ingest.run()),
        ),
        "Plays to listening levels": (
            "20 million listener × artist × day rows: 50,000 artists (Zipf), 2 million listeners, 366 days. The bare "
            "scan reads the two key columns; one more day is compared with the full computation.",
            levels.run,
        ),
        "The same in the lake": (
            "`fans.listener_artist_plays` and `fans.listening_levels` as the asset writes them, commits included: a "
            "full recount, and one more day on top.",
            windows.run,
        ),
    }
    for title, (text, measure) in sections.items():
        with console.status(title):
            rows = measure()
        lines += [f"## {title}", "", *([text, ""] if text else []), *table(rows), ""]
        console.print("\n".join(table(rows)))
    with console.status("Demo"):
        rows, found = demo()
    lines += ["## Demo", "", *table(rows), ""]
    lines += [
        "## Agreement with the planted truth",
        "",
        "The sample label at scale 1, 90 days, as published: `fan_profiles` with the number of segments that it chose.",
        "Late joiners count as what they are; artists who break through have three late listeners in four. The dummy",
        "gives every artist the catalogue's mean.",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {name} | {value:.4g} |" for name, value in found.items()),
        "",
    ]
    for room in ROOMS.values():
        with console.status(room.TITLE):
            lines += [f"## {room.TITLE}", "", *room.section(), ""]
    PAGE.write_text("\n".join(lines))
    console.print("Wrote docs/benchmarks.md")
    real_music()


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1] in {*ROOMS, "games"}:
        only(sys.argv[1])
    elif sys.argv[1:]:
        sys.exit(f"usage: python -m analytics_platform_tests.benchmarks [{' | '.join([*ROOMS, 'games'])}]")
    else:
        main()
