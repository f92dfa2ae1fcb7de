"""What the inbox sensor decides, as a pure function: files, cursor and run states in; runs out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from itertools import pairwise

from analytics_platform.streams.deliveries import InboxFile

MAX_ATTEMPTS = 3
CLOCK_SKEW_S = 3600
MAX_GAP_DAYS = 7
"""Days further apart than this go to runs of their own: a range run covers every day between."""


class RunState(Enum):
    """State of an earlier run, as far as the decision needs it."""

    UNDER_WAY = "under way"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Attempts by batch, kept until its run has succeeded, and known content hashes of what is in the inbox."""

    attempts: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, text: str | None) -> Cursor:
        """From the sensor's cursor text; empty or foreign text is a fresh start."""
        try:
            fields = json.loads(text or "{}")
            return cls(dict(fields["attempts"]), dict(fields["hashes"]))
        except (ValueError, TypeError, KeyError):
            return cls()

    def dump(self) -> str:
        """As the sensor's cursor text."""
        return json.dumps({"attempts": dict(self.attempts), "hashes": dict(self.hashes)}, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Request:
    """A run to start: the days from ``first`` to ``last``."""

    run_key: str
    first: date
    last: date
    files: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one look at the inbox."""

    requests: tuple[Request, ...]
    cursor: Cursor
    notes: tuple[str, ...]


def decide(
    files: Sequence[InboxFile],
    cursor: Cursor,
    run_state: Callable[[str], RunState | None],
    hash_file: Callable[[InboxFile], str],
    *,
    now: float,
    quiet_s: float,
    today: date,
) -> Decision:
    """Which runs to request for what lies in the inbox.

    Args:
        files: the inbox, as listed.
        cursor: what the last look left.
        run_state: state of the run with a key, None if there is no such run.
        hash_file: content hash; asked once for each file as it is (name, size, time).
        now: the time, Unix seconds.
        quiet_s: a file changed less than this ago is still being written.
        today: the day on which undated files count.
    """
    notes = [f"{file.name} {file.problem}" for file in files if file.problem]
    # A time far ahead is a vendor's wrong clock, not a file that is being written.
    ready = [f for f in files if not f.problem and not now - quiet_s < f.modified_at < now + CLOCK_SKEW_S]
    hashes: dict[str, str] = {}
    for file in ready:
        seen = f"{file.name}|{file.size_bytes}|{file.modified_at}"
        hashes[seen] = cursor.hashes.get(seen) or hash_file(file)
    requests: list[Request] = []
    attempts: dict[str, int] = {}
    for batch in _batches(ready, today):
        digest = hashlib.sha256()
        for file in batch:
            content = hashes[f"{file.name}|{file.size_bytes}|{file.modified_at}"]
            digest.update(f"{file.name} {content}\n".encode())
        days = [file.day or today for file in batch]
        name = f"{min(days)}..{max(days)}:{digest.hexdigest()[:16]}"
        attempt, failures = _last_attempt(name, cursor.attempts.get(name, 1), run_state)
        state = run_state(f"{name}:{attempt}")
        if state is RunState.UNDER_WAY:
            notes.append(f"{len(batch)} files of {min(days)}..{max(days)} are being ingested")
        elif failures and failures % MAX_ATTEMPTS == 0 and name in cursor.attempts:
            notes.append(
                f"{len(batch)} files of {min(days)}..{max(days)} failed {failures} times: see the failed runs, then "
                "move the files out of the inbox and, once the cause is gone, back in"
            )
        else:
            # A run that was requested but is not known is asked for again: a key starts one run only.
            attempt += state is not None
            requests.append(Request(f"{name}:{attempt}", min(days), max(days), len(batch)))
        attempts[name] = attempt
    for name in cursor.attempts.keys() - attempts.keys():
        # Its files have left the inbox, but a run may die after that, before its daily sums are made.
        attempt, failures = _last_attempt(name, cursor.attempts[name], run_state)
        state = run_state(f"{name}:{attempt}")
        if state is RunState.FAILED and failures % MAX_ATTEMPTS:
            attempt += 1
            requests.append(_request_again(name, attempt))
        if state in (RunState.FAILED, RunState.UNDER_WAY) and failures < MAX_ATTEMPTS:
            attempts[name] = attempt
    return Decision(tuple(requests), Cursor(attempts, hashes), tuple(notes))


def _request_again(name: str, attempt: int) -> Request:
    first, last = name.partition(":")[0].split("..")
    return Request(f"{name}:{attempt}", date.fromisoformat(first), date.fromisoformat(last), 0)


def _last_attempt(name: str, attempt: int, run_state: Callable[[str], RunState | None]) -> tuple[int, int]:
    """The newest attempt on a batch that has a run, at least ``attempt``, and how many failed since one succeeded.

    The cursor forgets files that have left the inbox; when they are delivered once more, their first keys are
    used up, and they get as many attempts as any new files.
    """
    while run_state(f"{name}:{attempt + 1}") is not None:
        attempt += 1
    failures = 0
    while failures < attempt and run_state(f"{name}:{attempt - failures}") is RunState.FAILED:
        failures += 1
    return attempt, failures


def _batches(files: Sequence[InboxFile], today: date) -> list[list[InboxFile]]:
    """Files in stretches of days without long gaps, each sorted by name."""
    if not files:
        return []
    by_day = sorted(files, key=lambda file: (file.day or today, file.name))
    batches = [[by_day[0]]]
    for before, file in pairwise(by_day):
        if ((file.day or today) - (before.day or today)).days > MAX_GAP_DAYS:
            batches.append([])
        batches[-1].append(file)
    return [sorted(batch, key=lambda file: file.name) for batch in batches]
