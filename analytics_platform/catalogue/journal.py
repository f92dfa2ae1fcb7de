"""The journal of requests: what was asked of outside catalogues, what they said, and what is still to be asked.

One SQLite file. Every change is one transaction that is on the disk when the call returns, so a process
that is killed at any moment loses no answer that was recorded; at worst the one request under way is
asked again. An attempt is recorded before it is sent: limits per window and per day hold across kills.
"""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics_platform.catalogue.requests import Answer, Outcome, Request
from analytics_platform.catalogue.tables import REQUESTS
from analytics_platform.lakehouse.frames import frame_of, timestamp

if TYPE_CHECKING:
    import polars as pl

MAX_FAILURES = 8
"""Errors after which a request is given up: with the pauses below about an hour after the first."""
MAX_REFUSALS = 2
"""The same where the source says that the request itself is wrong (400 to 499): asking again changes little."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 3600.0
"""Pauses after errors double from the first to the longest."""
LONGEST_RETRY_AFTER_S = 2 * 86_400.0
"""A source that demands a longer pause is asked again after this; the longest that was reported is 21 hours."""
NOT_THE_REQUEST = (401, 403, 404, 408, 429)
"""Statuses below 500 that, as an ``error``, say nothing against the request: 403 and 404 were not the source's word."""

_SCHEMA = """
create table if not exists requests (
    id integer primary key,
    source text not null, kind text not null, subject text not null, page_offset integer not null,
    outcome text not null default 'waiting',
    http_status integer, reason text,
    attempts integer not null default 0,
    failures integer not null default 0,
    asked_at real,
    due_at real default 0,
    unique (source, kind, subject, page_offset)
);
create index if not exists due_requests on requests (source, id) where due_at is not null;
create table if not exists payloads (
    request_id integer primary key references requests (id), fetched_at real not null, body blob not null
);
create table if not exists attempts (id integer primary key, source text not null, at real not null);
create index if not exists attempts_by_time on attempts (source, at);
create table if not exists sources (
    source text primary key,
    paused_until real not null default 0, reason text, troubles integer not null default 0
);
"""
_IS = "source = ? and kind = ? and subject = ? and page_offset = ?"


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest payload of a request."""

    request: Request
    payload: dict[str, Any]
    fetched_at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Known:
    """The last answer to a request."""

    answer: Answer
    due_at: float | None
    """When it is to be asked again, seconds since 1970; None for never."""


@dataclass(frozen=True, slots=True)
class Pause:
    """How long a source is to be left alone."""

    until: float = 0.0
    """Seconds since 1970; in the past if it may be asked."""
    reason: str | None = None
    troubles: int = 0
    """Answers in a row that were throttled, or no answers at all."""


class Journal:
    """The durable list of requests of all outside sources. All times are seconds since 1970.

    Several processes may have it open; a thread needs its own.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        # Full sync: with WAL alone, a power cut (not a kill) could take back the last answers.
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All changes within happen together or not at all; a transaction within another joins it."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("begin immediate")
        try:
            yield
            self._connection.execute("commit")
        except BaseException:
            if self._connection.in_transaction:  # some errors, like a full disk, have rolled it back
                self._connection.execute("rollback")
            raise

    def add(self, requests: Iterable[Request]) -> int:
        """Queue the requests that are not known yet, in this order; known ones stay as they are. Gives how many."""
        with self.transaction():
            before = self._connection.total_changes
            self._connection.executemany(
                "insert into requests (source, kind, subject, page_offset) values (?, ?, ?, ?) on conflict do nothing",
                (_key(request) for request in requests),
            )
            return self._connection.total_changes - before

    def due(self, source: str, now: float, *, limit: int = 1, kind: str | None = None) -> list[Request]:
        """The requests that may be asked now, first queued first."""
        rows = self._connection.execute(
            "select source, kind, subject, page_offset from requests "
            "where source = ? and due_at is not null and due_at <= ? and (? is null or kind = ?) order by id limit ?",
            (source, now, kind, kind, limit),
        )
        return [Request(*row) for row in rows]

    def known(self, request: Request) -> Known | None:
        """What the source last answered to a request; None if it was never answered."""
        row = self._connection.execute(
            "select outcome, http_status, reason, due_at, body from requests"
            f" left join payloads on request_id = id where {_IS}",
            _key(request),
        ).fetchone()
        if row is None or row[0] == "waiting":
            return None
        outcome, status, reason, due_at, body = row
        payload = json.loads(zlib.decompress(body)) if body is not None and outcome == "ok" else None
        return Known(Answer(outcome, status, reason, payload), due_at)

    def next_due_at(self, source: str) -> float | None:
        """When the first request is due, 0 if one was never asked; None if none is to be asked again."""
        return self._connection.execute(
            "select min(due_at) from requests where source = ? and due_at is not null", (source,)
        ).fetchone()[0]

    def left(self, source: str, now: float) -> int:
        """Requests not answered yet, given-up ones aside, and answered ones that are due again by now."""
        return self._connection.execute(
            "select count(*) from requests where source = ? and due_at is not null"
            " and (outcome in ('waiting', 'throttled', 'error') or due_at <= ?)",
            (source, now),
        ).fetchone()[0]

    def attempt(self, source: str, now: float, requests: Sequence[Request] = ()) -> None:
        """Record that one call is about to be sent, for these requests (several if it is a batch)."""
        with self.transaction():
            self._connection.execute("insert into attempts (source, at) values (?, ?)", (source, now))
            self._connection.executemany(
                f"update requests set attempts = attempts + 1, asked_at = ? where {_IS}",
                ((now, *_key(request)) for request in requests),
            )

    def answered(self, source: str, now: float) -> None:
        """Date the last call by its answer: it reached the source at some time before, not known which."""
        with self.transaction():
            self._connection.execute(
                "update attempts set at = max(at, ?) where id = (select max(id) from attempts where source = ?)",
                (now, source),
            )

    def attempts_since(self, source: str, since: float) -> int:
        """Calls at or after that time."""
        return self._connection.execute(
            "select count(*) from attempts where source = ? and at >= ?", (source, since)
        ).fetchone()[0]

    def nth_newest_attempt(self, source: str, n: int) -> float | None:
        """When the n-th newest call was (1 is the newest); None if there were fewer."""
        row = self._connection.execute(
            "select at from attempts where source = ? order by at desc limit 1 offset ?", (source, n - 1)
        ).fetchone()
        return row[0] if row else None

    def attempt_times(self, source: str) -> list[float]:
        """When each call was answered, or sent if no answer was noted; in order."""
        rows = self._connection.execute("select at from attempts where source = ? order by at", (source,))
        return [row[0] for row in rows]

    def record(
        self,
        request: Request,
        answer: Answer,
        now: float,
        *,
        follow_ups: Iterable[Request] = (),
        ask_again_at: float | None = None,
    ) -> None:
        """Record the answer and queue the requests that follow from it, in one transaction.

        ``ok``, ``absent`` and ``forbidden`` are final unless ``ask_again_at`` is given. ``throttled`` and
        ``error`` are due again after the time that the source gave, else after a pause that doubles; an
        error is given up, and stays ``error``, after ``MAX_FAILURES``. Being throttled is no failure of
        the request. A payload is kept until a newer one comes, whatever is answered in between.

        Raises:
            KeyError: the request was never queued.
        """
        with self.transaction():
            row = self._connection.execute(f"select id, failures from requests where {_IS}", _key(request)).fetchone()
            if row is None:
                raise KeyError(f"never queued: {request}")
            number, failures = row
            told = retry_after(answer)
            if answer.outcome == "throttled":
                due_at: float | None = now + (FIRST_PAUSE_S if told is None else told)
            elif answer.outcome == "error":
                failures += 1
                pause = min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)
                due_at = now + (pause if told is None else told)
                refused = 400 <= (answer.status or 0) < 500 and answer.status not in NOT_THE_REQUEST
                if failures >= (MAX_REFUSALS if refused else MAX_FAILURES):
                    due_at = None
            else:
                failures, due_at = 0, ask_again_at
            self._connection.execute(
                "update requests set outcome = ?, http_status = ?, reason = ?, failures = ?, due_at = ?,"
                " asked_at = coalesce(asked_at, ?) where id = ?",
                (answer.outcome, answer.status, answer.reason, failures, due_at, now, number),
            )
            if answer.outcome == "ok" and answer.payload is not None:
                body = zlib.compress(json.dumps(answer.payload, separators=(",", ":")).encode(), 6)
                self._connection.execute(
                    "insert into payloads (request_id, fetched_at, body) values (?, ?, ?) on conflict (request_id)"
                    " do update set fetched_at = excluded.fetched_at, body = excluded.body",
                    (number, now, body),
                )
            self.add(follow_ups)

    def ask_again(
        self,
        source: str,
        now: float,
        *,
        kind: str,
        asked_before: float,
        outcomes: Collection[Outcome] = ("ok", "absent", "forbidden", "error"),
    ) -> int:
        """Make answered requests of a kind, last asked before that time, due now. Gives how many.

        For daily snapshots and new releases; with ``outcomes``, for errors and refusals whose cause is mended.
        """
        with self.transaction():
            return self._connection.execute(
                "update requests set due_at = ?, failures = 0 where source = ? and kind = ?"
                " and (due_at is null or due_at > ?)"
                f" and asked_at < ? and outcome in ({', '.join('?' * len(outcomes))})",
                (now, source, kind, now, asked_before, *outcomes),
            ).rowcount

    def leave(self, source: str, needed: Collection[Request]) -> int:
        """Make every request of the source due no longer, but the ``needed`` ones. Gives how many."""
        with self.transaction():
            rows = self._connection.execute(
                "select id, source, kind, subject, page_offset from requests where source = ? and due_at is not null",
                (source,),
            ).fetchall()
            needless = [(number,) for number, *key in rows if Request(*key) not in needed]
            self._connection.executemany("update requests set due_at = null where id = ?", needless)
        return len(needless)

    def pause(self, source: str) -> Pause:
        """The pause that the source is to be given; one that is over, or never was, ends in the past."""
        row = self._connection.execute(
            "select paused_until, reason, troubles from sources where source = ?", (source,)
        ).fetchone()
        return Pause(*row) if row else Pause()

    def set_pause(self, source: str, pause: Pause) -> None:
        """Remember a pause of the whole source."""
        with self.transaction():
            self._connection.execute(
                "insert into sources values (?, ?, ?, ?) on conflict (source) do update set"
                " paused_until = excluded.paused_until, reason = excluded.reason, troubles = excluded.troubles",
                (source, pause.until, pause.reason, pause.troubles),
            )

    def payloads(self, source: str, kind: str) -> Iterator[Stored]:
        """The newest payload of every request of a kind that has one, first queued first."""
        rows = self._connection.execute(
            "select source, kind, subject, page_offset, body, fetched_at from requests"
            " join payloads on request_id = id where source = ? and kind = ? order by id",
            (source, kind),
        )
        for *key, body, fetched_at in rows:
            yield Stored(Request(*key), json.loads(zlib.decompress(body)), fetched_at)

    def outcomes(self, source: str) -> dict[str, int]:
        """Number of requests by outcome, ``waiting`` included."""
        return dict(
            self._connection.execute(
                "select outcome, count(*) from requests where source = ? group by outcome order by outcome", (source,)
            ).fetchall()
        )

    def requests_frame(self) -> pl.DataFrame:
        """All requests, with the columns of ``catalogue.tables.REQUESTS``."""
        names = [column.name for column in REQUESTS][:-2]
        rows = self._connection.execute(f"select {', '.join(names)}, asked_at, due_at from requests order by id")
        return frame_of(
            REQUESTS,
            (
                dict(zip(names, values, strict=True))
                | {
                    "asked_at": None if asked_at is None else timestamp(asked_at),
                    # One that waits was queued as due at 0; the table has no such day.
                    "may_ask_again_at": timestamp(due_at) if due_at else None,
                }
                for *values, asked_at, due_at in rows
            ),
        )


def retry_after(answer: Answer) -> float | None:
    """Seconds that the source told us to wait, within reason; None if it did not."""
    told = answer.retry_after_s
    return None if told is None or math.isnan(told) else min(max(told, 0.0), LONGEST_RETRY_AFTER_S)


def _key(request: Request) -> tuple[str, str, str, int]:
    return request.source, request.kind, request.subject, request.offset
