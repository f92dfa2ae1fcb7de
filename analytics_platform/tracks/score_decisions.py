"""What the sensor of unreleased tracks decides, as a pure function: files, model and run states in; a run out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from analytics_platform.streams.decisions import CLOCK_SKEW_S, MAX_ATTEMPTS, RunState
from analytics_platform.tracks.score_words import NO_MODEL
from analytics_platform.tracks.unreleased import DroppedFile

Job = Literal["score", "explain"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """What was looked at last, and the first of its attempts: the same files may come back after others."""

    seen: str = ""
    first: int = 1

    @classmethod
    def load(cls, text: str | None) -> Cursor:
        """From the sensor's cursor text; empty or foreign text is a fresh start."""
        try:
            fields = json.loads(text or "{}")
            return cls(str(fields["seen"]), int(fields["first"]))
        except (ValueError, TypeError, KeyError):
            return cls()

    def dump(self) -> str:
        """As the sensor's cursor text."""
        return json.dumps({"seen": self.seen, "first": self.first})


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one look at the folder."""

    job: Job | None
    """What to start, if anything."""
    run_key: str
    note: str
    cursor: Cursor


def contents(files: Sequence[DroppedFile], version: str) -> str:
    """A name for what is to be scored: files as they are, and the version of the model."""
    lines = [f"{file.file}|{file.size_bytes}|{file.modified_at}|{file.problem}" for file in files]
    return hashlib.sha256("\n".join([version, *lines]).encode()).hexdigest()[:16]


def decide(
    files: Sequence[DroppedFile],
    version: str | None,
    cursor: Cursor,
    run_state: Callable[[str], RunState | None],
    *,
    is_busy: bool,
    now: float,
    quiet_s: float,
) -> Decision:
    """Which run to start for what lies in the folder: scores first, and once they are there, explanations.

    Args:
        files: the folder, as listed.
        version: of the model in use; None if there is none.
        cursor: what the last look left.
        run_state: state of the run with a key, None if there is no such run.
        is_busy: whether a run of one of the two jobs waits or is under way, whoever started it.
        now: the time, Unix seconds.
        quiet_s: a file changed less than this ago is still being written.
    """

    def nothing(note: str, kept: Cursor = cursor) -> Decision:
        return Decision(None, "", note, kept)

    if version is None:
        return nothing(NO_MODEL if files else "the folder is empty")
    if not files and not cursor.seen:
        return nothing("the folder is empty")
    # A time far ahead is a wrong clock, not a file that is being written.
    if any(now - quiet_s < file.modified_at < now + CLOCK_SKEW_S for file in files):
        return nothing("a file is still being written")
    if is_busy:
        return nothing("a run is under way")
    name = contents(files, version)
    if name != cursor.seen:
        first = 1
        while run_state(f"score:{name}:{first}") is not None:
            first += 1
        cursor = Cursor(name, first)
    jobs: tuple[Job, ...] = ("score", "explain") if files else ("score",)
    for job in jobs:
        states = [run_state(f"{job}:{name}:{cursor.first + attempt}") for attempt in range(MAX_ATTEMPTS)]
        if RunState.SUCCEEDED in states:
            continue
        if None not in states:
            return nothing(f"{job} failed {MAX_ATTEMPTS} times: see the failed runs, then change the folder", cursor)
        attempt = cursor.first + states.index(None)
        return Decision(job, f"{job}:{name}:{attempt}", f"{job}, {len(files)} files", cursor)
    return nothing("all is scored and explained", cursor)
