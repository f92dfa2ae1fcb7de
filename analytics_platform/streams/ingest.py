"""Days of recorded deliveries → the tables of ``streams``, each day's partitions replaced whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import uuid4

import duckdb
import polars as pl

from analytics_platform.lakehouse.lake import Commit, Lake, StagedFile
from analytics_platform.lakehouse.tables import Table
from analytics_platform.settings import Settings
from analytics_platform.streams.contract import ContractError
from analytics_platform.streams.deliveries import UNDATED, RawStore, Record, find_resource, revisions
from analytics_platform.streams.parse import Delivery, Parsed, parse
from analytics_platform.streams.privacy import set_secret
from analytics_platform.streams.tables import DELIVERIES, REJECTED_ROWS, TABLES
from analytics_platform.streams.unpack import Limits, UnreadableError, unpack

DAYS_PER_COMMIT = 31
"""A commit writes a log entry per table: one a day would be slow over years, one in all would lose
everything to a kill at the end."""

MIN_BAD_ROWS = 10
"""A share needs a few rows to mean something: fewer bad rows never quarantine a file."""

Progress = Callable[[int, int], None]
"""Called with files done and files in all."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recorded file."""

    record: Record
    status: str
    reason: str | None = None
    parsed: Parsed | None = None

    def row(self) -> dict[str, object]:
        """The file's row in ``streams.deliveries``."""
        record, parsed = self.record, self.parsed
        good = parsed.good_rows if parsed else 0
        return {
            **{name: getattr(record, name) for name in ("delivery_id", "vendor", "ingest_date", "licensor")},
            **{name: getattr(record, name) for name in ("resource", "slot", "revision", "file_name")},
            **{name: getattr(record, name) for name in ("size_bytes", "received_at", "erased_rows")},
            "is_current": self.status != "superseded",
            "status": self.status,
            "reason": self.reason,
            "rows_read": parsed.rows_read if parsed else 0,
            "good_rows": good,
            "rejected_rows": parsed.rejected_rows if parsed else 0,
            "loaded_rows": good if self.status == "loaded" else 0,
        }


@dataclass(slots=True)
class Ingested:
    """What a run of ``ingest`` did."""

    outcomes: list[Outcome] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Partitions of a vendor to replace together, and all records of theirs."""

    vendor: str
    days: tuple[date, ...]
    records: tuple[Record, ...]
    is_undated: bool


def ingest(
    settings: Settings,
    lake: Lake,
    days: Sequence[date],
    *,
    changed_only: bool = False,
    progress: Progress | None = None,
) -> Ingested:
    """Bring the partitions of ``days`` in line with the current revisions of what was received.

    Args:
        settings: limits, secret, folders.
        lake: where the tables are.
        days: ingest dates; the undated data sets received on one of them are replaced whole.
        changed_only: leave out the days whose tables already hold exactly what was received.
        progress: told after each file.

    Raises:
        MissingSecretError: no secret for listener keys.
        OSError: a full disk or an unreadable store; nothing of the current chunk is committed.
    """
    secret = settings.secret()
    store = RawStore(settings.lake_root)
    result = Ingested()
    with store.lock("ingest"), lake.writing():
        scopes = list(_scopes(store, sorted(set(days)), store.vendors(), lake if changed_only else None))
        total = sum(len(scope.records) for scope in scopes)
        for scope in scopes:
            _ingest_scope(settings, lake, store, scope, secret, result, progress, total)
    return result


def _scopes(store: RawStore, days: list[date], vendors: Sequence[str], lake: Lake | None) -> Iterator[_Scope]:
    """What to replace, a vendor at a time; with ``lake`` only days whose tables differ from the store."""
    loaded = {} if lake is None else _loaded(lake)
    for vendor in vendors:
        changed: list[tuple[date, list[Record]]] = []
        for day in days:
            records = store.records(vendor, day)
            # Raw files past their retention can't be read again: what they gave stays as it is.
            if (
                records
                and all(store.path(r).exists() for r in records)
                and (lake is None or _state(records) != loaded.get((vendor, day)))
            ):
                changed.append((day, records))
        for i in range(0, len(changed), DAYS_PER_COMMIT):
            chunk = changed[i : i + DAYS_PER_COMMIT]
            records = tuple(record for _, of_day in chunk for record in of_day)
            yield _Scope(vendor, tuple(day for day, _ in chunk), records, is_undated=False)
        undated = store.records(vendor, UNDATED)
        if any(record.ingest_date in days for record in undated):
            received = sorted({record.ingest_date for record in undated})
            same = all(
                _state([r for r in undated if r.ingest_date == day]) == loaded.get((vendor, day)) for day in received
            )
            if lake is None or not same:
                yield _Scope(vendor, tuple(received), tuple(undated), is_undated=True)


def _state(records: Sequence[Record]) -> frozenset[tuple[str, int, int]]:
    """What tells whether a day's files are the ones in the tables."""
    return frozenset((record.delivery_id, record.revision, record.erased_rows) for record in records)


def _loaded(lake: Lake) -> dict[tuple[str, date], frozenset[tuple[str, int, int]]]:
    with lake.connect(DELIVERIES) as connection:
        rows = connection.execute(
            "select vendor, ingest_date, delivery_id, revision, erased_rows from streams.deliveries"
        ).fetchall()
    states: dict[tuple[str, date], set[tuple[str, int, int]]] = {}
    for vendor, day, *state in rows:
        states.setdefault((vendor, day), set()).add((state[0], state[1], state[2]))
    return {key: frozenset(value) for key, value in states.items()}


def _ingest_scope(
    settings: Settings,
    lake: Lake,
    store: RawStore,
    scope: _Scope,
    secret: bytes,
    result: Ingested,
    progress: Progress | None,
    total: int,
) -> None:
    older = revisions(scope.records)
    todo = [of_slot.pop(0) for of_slot in older.values()]
    outcomes: list[Outcome] = []
    with _Workers(settings, lake, store, secret) as workers:
        while todo:
            unused: list[str] = []
            # The largest first, so that no thread is left with a large file at the end.
            for outcome in workers.run(sorted(todo, key=lambda r: -r.size_bytes)):
                outcomes.append(outcome)
                if outcome.status != "loaded":
                    unused.append(outcome.record.slot)
                if progress:
                    progress(len(result.outcomes) + len(outcomes), total)
            # A revision that can't be used replaces nothing: the one before it stays.
            todo = [older[slot].pop(0) for slot in unused if older[slot]]
    outcomes += [
        Outcome(record, "superseded", "a later revision of the same report has replaced it")
        for of_slot in older.values()
        for record in of_slot
    ]
    staged: dict[str, list[StagedFile]] = {table.full_name: [] for table in TABLES}
    for outcome in outcomes:
        if outcome.parsed:
            staged[REJECTED_ROWS.full_name] += outcome.parsed.staged_rejects
            if outcome.status == "loaded":
                for table, file in outcome.parsed.staged:
                    staged[table.full_name].append(file)
    rows = pl.DataFrame([outcome.row() for outcome in outcomes], infer_schema_length=None)
    with lake.duckdb() as connection:
        connection.register("outcomes", rows)
        staged[DELIVERIES.full_name] += lake.stage(DELIVERIES, connection, "select * from outcomes")
    # The deliveries come last: they say that the rest is there.
    for table in [t for t in TABLES if t is not DELIVERIES] + [DELIVERIES]:
        commit = _replace(lake, table, scope, staged[table.full_name])
        if commit:
            result.commits.append(commit)
    result.outcomes += outcomes


def _replace(lake: Lake, table: Table, scope: _Scope, staged: list[StagedFile]) -> Commit | None:
    """Commit the scope's partitions of a table; None if it has and gets no rows there."""
    by_day = "ingest_date" in table.partition_by
    if not by_day and not scope.is_undated:
        return None
    only: dict[str, Sequence[object]] = {"vendor": [scope.vendor]}
    if by_day:
        only["ingest_date"] = scope.days
    if not staged:
        delta = lake.open(table)
        filters = [(name, "in", [str(v) for v in values]) for name, values in only.items()]
        if delta is None or not delta.file_uris(filters):
            return None
    return lake.commit(table, staged, replace=[(name, "in", values) for name, values in only.items()])


class _Workers:
    """Threads that parse one file each, with a one-threaded DuckDB of their own."""

    def __init__(self, settings: Settings, lake: Lake, store: RawStore, secret: bytes) -> None:
        self._settings, self._lake, self._store, self._secret = settings, lake, store, secret
        self._local = threading.local()
        self._spool = Path(lake.root) / "spill" / f"ingest-{uuid4()}"
        self._connections: list[duckdb.DuckDBPyConnection] = []
        self._count = lake.threads

    def __enter__(self) -> _Workers:
        self._spool.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()
        for path in self._spool.iterdir():
            path.unlink()
        self._spool.rmdir()

    def run(self, records: Sequence[Record]) -> Iterator[Outcome]:
        """Outcomes as they come; the first real error stops the rest."""
        with ThreadPoolExecutor(self._count) as pool:
            try:
                yield from pool.map(self._parse, records)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._local, "connection"):
            connection = self._lake.duckdb()
            connection.execute("set threads = 1")
            connection.execute("set preserve_insertion_order = true")
            connection.execute(f"set memory_limit = '{max(96, 192 // self._count)}MiB'")
            set_secret(connection, self._secret)
            self._connections.append(connection)
            self._local.connection = connection
        return self._local.connection

    def _parse(self, record: Record) -> Outcome:
        found = find_resource(record.file_name)
        if found is None:
            return Outcome(record, "refused", "no feed knows files of this name any more")
        limits = Limits(self._settings.max_unpacked_bytes, self._settings.max_unpack_ratio)
        with self._temporary(record) as spool:
            try:
                text = unpack(self._store.path(record), spool, limits)
                connection = self._connection()
                connection.execute("set variable ingest_date = ?", [record.ingest_date])
                parsed = parse(
                    connection,
                    self._lake,
                    found[0],
                    Delivery(record.delivery_id, record.vendor, record.licensor, record.ingest_date, record.file_name),
                    text,
                    key_version=self._settings.key_version,
                    max_line_bytes=self._settings.max_line_bytes,
                )
            except (UnreadableError, ContractError) as error:
                return Outcome(record, "refused", str(error))
        share = parsed.rejected_rows / max(parsed.rows_read, 1)
        if parsed.rejected_rows >= MIN_BAD_ROWS and share > self._settings.max_bad_row_share:
            reason = f"{share:.1%} of its rows are bad, more than {self._settings.max_bad_row_share:.1%}"
            return Outcome(record, "quarantined", reason, parsed)
        return Outcome(record, "loaded", None, parsed)

    @contextmanager
    def _temporary(self, record: Record) -> Generator[Path]:
        path = self._spool / record.delivery_id
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
