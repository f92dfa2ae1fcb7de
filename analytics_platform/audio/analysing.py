"""Batches of clips: decoded and analysed by worker processes, each written as a shard and a partition of each table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from analytics_platform.audio.decode import SAMPLE_RATE, decode_file
from analytics_platform.audio.names import FEATURE_NAMES
from analytics_platform.audio.shards import CLIP_SHAPE, PARAMETERS, SUFFIX, ShardWriter
from analytics_platform.audio.tables import (
    CLIP_BATCHES,
    DESCRIPTORS,
    FROM_SOUND,
    LOW_LEVEL_FEATURES,
    REJECTED_CLIPS,
    SPECTROGRAMS,
)
from analytics_platform.audio.workers import Rejected, run_clips
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.lakehouse.tables import Table

if TYPE_CHECKING:
    from analytics_platform.audio.features import Analysis

Say = Callable[[str], None]
Result = TypeVar("Result")
NOTHING = np.full(CLIP_SHAPE, -100, dtype=np.float16)
PICTURE_FRAMES = 323
"""Every second frame at a hop of 1024 samples: enough for a small picture."""


FEW_CLIPS = 4


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to read."""

    batch: str
    place: int
    """Its number within the batch."""
    clip_id: str
    location: str
    """As in the table."""
    path: str
    """Where it is opened: a path, or an address that fsspec knows."""
    offset_s: float


@dataclass(frozen=True, slots=True)
class Read:
    """What a worker read of a clip."""

    analysis: Analysis
    sample_rate: int
    channels: int


@dataclass(slots=True)
class Worked:
    """What became of a batch."""

    clips: int = 0
    seconds: float = 0.0
    commits: dict[str, Commit] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected clips by reason."""
    tags: Counter[str] = field(default_factory=Counter)
    """Clips by the tag that is heard most in them."""
    models: list[str] = field(default_factory=list)
    """Nets that heard the clips."""
    picture: np.ndarray | None = None
    """(128, 323) dB of the first clip."""

    def write(self, lake: Lake, batch: str, rows: Mapping[Table, Sequence[Mapping[str, object]]]) -> None:
        """Replace the batch's partition of each table."""
        for table, found in rows.items():
            frame = frame_of(table, found)
            self.commits[table.full_name] = lake.write_frame(table, frame, partition={"batch": batch})


def clips_of(lake: Lake, audio_root: Path, batch: str) -> list[Clip]:
    """The clips of a batch, in an order that stays."""
    with lake.connect(CLIP_BATCHES) as connection:
        rows = connection.execute(
            "select clip_id, location, offset_s from audio.clip_batches where batch = ? order by clip_id", [batch]
        ).fetchall()
    return [
        # What was downloaded lies below our own folder; a master has an address of its own.
        Clip(
            batch,
            place,
            clip_id,
            location,
            location if _is_absolute(location) else str(audio_root / location),
            offset_s,
        )
        for place, (clip_id, location, offset_s) in enumerate(rows)
    ]


def _is_absolute(location: str) -> bool:
    return "://" in location or Path(location).is_absolute()


def by_batch(
    batches: Sequence[Sequence[Clip]], results: Iterable[tuple[Clip, Result]]
) -> Iterator[list[tuple[Clip, Result]]]:
    """The results of each batch, in the order of its clips, so that the same batch gives the same files again.

    Workers go on with the next batch while one is still unfinished. Results wait here until their batch is whole.
    """
    early: dict[tuple[str, int], tuple[Clip, Result]] = {}
    found = iter(results)
    for clips in batches:
        whole: list[tuple[Clip, Result]] = []
        for clip in clips:
            key = clip.batch, clip.place
            while key not in early:
                done, result = next(found)
                early[done.batch, done.place] = done, result
            whole.append(early.pop(key))
        yield whole


def read_clip(clip: Clip) -> Read:
    """Decode and analyse one clip; runs in a worker."""
    from analytics_platform.audio.features import analyse

    decoded = decode_file(clip.path, offset_s=clip.offset_s)[0]
    return Read(analyse(decoded.samples, decoded.length), decoded.sample_rate, decoded.channels)


def warm_up() -> None:
    """Import and build what every clip needs, once in each worker."""
    from analytics_platform.audio.features import analyse

    noise = np.random.default_rng(0).normal(0, 0.1, 30 * SAMPLE_RATE).astype(np.float32)
    analyse(noise, len(noise))


def analyse_batches(
    lake: Lake, audio_root: Path, spectrograms_root: Path, batches: Sequence[str], *, say: Say
) -> list[Worked]:
    """Read the clips of each batch and replace its shard and its partition of the tables ``FROM_SOUND``.

    The shard is in place before the tables name it; the same clips give the same bytes.
    """
    clips = [clips_of(lake, audio_root, batch) for batch in batches]
    everything = [clip for some in clips for clip in some]
    done: list[Worked] = []
    results = run_clips(everything, read_clip, workers=min(lake.threads, max(len(everything), 1)), prepare=warm_up)
    with closing(results):
        begun = time.monotonic()
        for batch, read in zip(batches, by_batch(clips, results), strict=True):
            worked = _write_batch(lake, spectrograms_root, batch, read)
            worked.seconds = time.monotonic() - begun
            begun = time.monotonic()
            say(f"{batch}: {worked.clips} clips, {worked.reasons.total()} rejected")
            done.append(worked)
    return done


def _write_batch(
    lake: Lake, spectrograms_root: Path, batch: str, read: Sequence[tuple[Clip, Read | Rejected]]
) -> Worked:
    worked = Worked(clips=len(read))
    worked.reasons.update(result.reason for _, result in read if isinstance(result, Rejected))
    check_crashes(worked)
    rows: dict[Table, list[dict[str, object]]] = {table: [] for table in FROM_SOUND}
    shard_name = f"{PARAMETERS}/{batch}{SUFFIX}"
    with ShardWriter(spectrograms_root / shard_name) as shard:
        for clip, result in read:
            common = {"clip_id": clip.clip_id, "batch": batch}
            # A clip that can't be read has a row too: so a row is always the same clip's, whatever a run could read.
            row = shard.append(NOTHING if isinstance(result, Rejected) else result.analysis.log_mel)
            if isinstance(result, Rejected):
                rows[REJECTED_CLIPS].append(
                    {**common, "location": clip.location, "reason": result.reason, "detail": result.detail}
                )
                continue
            analysis = result.analysis
            place = {"parameters": PARAMETERS, "shard": shard_name, "shard_row": row, "frames": analysis.frames}
            rows[SPECTROGRAMS].append({**common, **place, "duration_s": analysis.descriptors.duration_s})
            rows[LOW_LEVEL_FEATURES].extend(
                {**common, "feature_set": name, **dict(zip(FEATURE_NAMES, _nulls(values), strict=True))}
                for name, values in analysis.features.items()
            )
            of_file = {"sample_rate": result.sample_rate, "channels": result.channels}
            rows[DESCRIPTORS].append({**common, **asdict(analysis.descriptors), **of_file})
            if worked.picture is None:
                worked.picture = analysis.log_mel[0, :: 646 // PICTURE_FRAMES].T.astype(np.float32)
    worked.write(lake, batch, rows)
    return worked


def check_crashes(worked: Worked) -> None:
    """Tell a fault of ours from faults of files.

    Raises:
        RuntimeError: most clips made the worker fail, which files never do; nothing was written.
    """
    crashed = worked.reasons["decoder crashed"] + worked.reasons["timed out"] + worked.reasons["out of memory"]
    if crashed > max(worked.clips / 2, FEW_CLIPS):
        raise RuntimeError(f"{crashed} of {worked.clips} clips made a worker fail: a fault of the platform, not theirs")


def _nulls(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
