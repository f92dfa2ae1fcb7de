"""Real music through the whole room: 317 excerpts of game music, by the job ``sound``, into a lake of its own.

``python -m analytics_platform_tests.benchmarks games`` measures this and rewrites the table of ``docs/audio.md``.
The clips are read from the folder that ``AUDIO_DEBIAN_GAMES`` names, or from ``../shared/data``.
"""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import polars as pl

from analytics_platform.audio.batches import assign_batches
from analytics_platform.audio.musicnn_weights import fetch_musicnn
from analytics_platform.audio.tables import CLIP_BATCHES, DESCRIPTORS, REJECTED_CLIPS, TAGS
from analytics_platform.catalogue.clips import clip_id
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.orchestration.metadata import asset_key
from analytics_platform.orchestration.partitions import CLIP_BATCHES as BATCHES
from analytics_platform.orchestration.run import dagster_home, run_job
from analytics_platform.settings import Settings
from analytics_platform_tests.audio.sounds import GAMES

TITLE = "Real music"
SHOWN = 3
"""Keys and tags of a package."""
STEPS = {"analyse_clips": DESCRIPTORS, "embed_clips": TAGS}
"""The steps of the job, and a table of each."""


def music() -> pl.DataFrame:
    """The clips: clip_id, location, offset_s and package; empty if they are not there."""
    paths = sorted(GAMES.glob("*/*.ogg"))
    rows = [
        (clip_id(hashlib.sha256(path.read_bytes()).hexdigest(), 0.0), str(path), path.parent.name) for path in paths
    ]
    schema = ["clip_id", "location", "package"]
    return pl.DataFrame(rows, schema, orient="row").with_columns(offset_s=pl.lit(0.0))


def cpu_seconds() -> float:
    """Of this process and of its children that have ended: the workers."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def spread(values: pl.Series, digits: int) -> str:
    """Median (smallest to largest)."""
    if not values.count():
        return ""
    median, low, high = (format(float(value), f".{digits}f") for value in (values.median(), values.min(), values.max()))
    return f"{median} ({low} to {high})".replace("-", "−")


def row(name: str, clips: pl.DataFrame, tags: pl.DataFrame) -> str:
    """A line of the table for some clips: joined with descriptors and reasons; and the tags of all clips."""
    reasons = clips["reason"].drop_nulls().value_counts(sort=True)
    rejected = ", ".join(f"{count} {reason}" for reason, count in reasons.iter_rows()) or "0"
    decoded = clips.filter(pl.col("duration_s").is_not_null())
    keys = (
        decoded.group_by("key", "mode").len().drop_nulls().sort(["len", "key", "mode"], descending=[True, False, False])
    )
    heard = tags.filter(pl.col("clip_id").is_in(clips["clip_id"].implode())).group_by("tag").agg(pl.col("score").mean())
    cells = [
        name,
        str(len(clips)),
        str(len(decoded)),
        rejected,
        spread(decoded["loudness_lufs"], 1),
        spread(decoded["tempo_bpm"], 0),
        str(decoded["tempo_bpm"].null_count()),
        ", ".join(f"{key} {mode} {count}" for key, mode, count in keys.head(SHOWN).iter_rows()),
        ", ".join(f"{tag} {score:.2f}" for tag, score in heard.sort("score", descending=True).head(SHOWN).iter_rows()),
    ]
    return f"| {' | '.join(cells)} |"


def run(clips: pl.DataFrame, home: Path) -> tuple[Settings, dict[str, float]]:
    """Put the clips into batches and run the job over them; the seconds that it took."""
    settings = Settings(home=home)
    fetch_musicnn(settings.models_root / "pretrained" / "musicnn_msd")
    lake = Lake(settings.lake_root)
    table = assign_batches(clips, lake.read(CLIP_BATCHES))
    lake.write_frame(CLIP_BATCHES, table)
    batches = table["batch"].unique().sort().to_list()
    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(BATCHES.name), batches)
    wall, cpu = time.perf_counter(), cpu_seconds()
    result = run_job(settings, "sound", batches=(batches[0], batches[-1]))
    if not result.succeeded:
        raise RuntimeError(result.error)
    seconds = {"the whole job": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}
    with dg.DagsterInstance.get() as instance:
        for step, made in STEPS.items():
            event = instance.get_latest_materialization_event(asset_key(made))
            assert event is not None
            assert event.asset_materialization is not None
            seconds[step] = float(str(event.asset_materialization.metadata["seconds"].value))
    return settings, seconds


def section() -> list[str]:
    """The markdown lines: one row per package and one of all, and how long it took.

    Raises:
        FileNotFoundError: the clips are not there.
    """
    clips = music()
    if clips.is_empty():
        raise FileNotFoundError(f"no game music at {GAMES}: set AUDIO_DEBIAN_GAMES to the folder that has it")
    with tempfile.TemporaryDirectory() as name:
        settings, seconds = run(clips, Path(name))
        lake = Lake(settings.lake_root)
        found = clips.join(lake.read(DESCRIPTORS), on="clip_id", how="left")
        found = found.join(lake.read(REJECTED_CLIPS).select("clip_id", "reason"), on="clip_id", how="left")
        return [*lines_of(found, lake.read(TAGS)), "", *speed(len(clips), seconds)]


def lines_of(found: pl.DataFrame, tags: pl.DataFrame) -> list[str]:
    """The table."""
    packages: Sequence[str] = found["package"].unique().sort().to_list()
    return [
        "| package | clips | decoded | rejected | loudness, LUFS | tempo, BPM | no pulse | commonest keys |"
        " top tags, mean score |",
        "|---|---:|---:|---:|---:|---:|---:|---|---|",
        *(row(package, found.filter(pl.col("package") == package), tags) for package in packages),
        row("**all**", found, tags),
    ]


def speed(clips: int, seconds: dict[str, float]) -> list[str]:
    """Sentences on how long it took and on what."""
    whole, cpu = seconds["the whole job"], seconds["cpu"]
    steps = ", ".join(f"`{step}` {seconds[step]:.1f} s ({clips / seconds[step]:.1f} clips a second)" for step in STEPS)
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, "
        f"torch {version('torch')}: the job `sound` took {whole:.1f} s",
        f"({clips / whole:.1f} clips a second) and {cpu:.1f} s of CPU ({1000 * cpu / clips:.0f} ms a clip).",
        f"Of that {steps}.",
    ]
