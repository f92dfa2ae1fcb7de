"""What the steps over batches of clips share: the clips of a batch, what became of them, one pool for all batches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from analytics_platform.audio.tables import CLIP_BATCHES
from analytics_platform.audio.workers import Rejected
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.lakehouse.tables import Table

Say = Callable[[str], None]
Result = TypeVar("Result")
CRASHES = ("decoder crashed", "timed out", "out of memory")
FEW_CLIPS = 4
"""So many may make a worker fail, whatever their share of a small batch."""


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
    """(128, 323) dB of the first clip that could be read."""

    @classmethod
    def of(cls, results: Sequence[tuple[Clip, object]]) -> Worked:
        """The counts of a batch, if its results can be believed.

        Raises:
            RuntimeError: most clips made the worker fail, which files never do; nothing was written.
        """
        worked = cls(clips=len(results))
        worked.reasons.update(result.reason for _, result in results if isinstance(result, Rejected))
        crashed = sum(worked.reasons[reason] for reason in CRASHES)
        if crashed > max(worked.clips / 2, FEW_CLIPS):
            raise RuntimeError(
                f"{crashed} of {worked.clips} clips made a worker fail: a fault of the platform, not theirs"
            )
        return worked

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


def work_through(
    batches: Sequence[str],
    clips: Sequence[Sequence[Clip]],
    results: Generator[tuple[Clip, Result]],
    write: Callable[[str, Sequence[tuple[Clip, Result]]], Worked],
    say: Say,
) -> list[Worked]:
    """Write each batch as soon as all of its clips are through, and end the workers.

    Args:
        batches: names.
        clips: the clips of each.
        results: of ``run_clips`` over all of them.
        write: (batch, its clips and results in order) → what became of it.
        say: told every batch that is written.
    """
    done: list[Worked] = []
    with closing(results):
        begun = time.monotonic()
        for batch, found in zip(batches, by_batch(clips, results), strict=True):
            worked = write(batch, found)
            worked.seconds = time.monotonic() - begun
            begun = time.monotonic()
            say(f"{batch}: {worked.clips} clips, {worked.reasons.total()} rejected")
            done.append(worked)
    return done
