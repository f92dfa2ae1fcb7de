"""Days of recorded deliveries → the tables of ``streams``, each day's partitions replaced whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from analytics_platform.lakehouse.lake import Commit, Lake, StagedFile, files_of
from analytics_platform.lakehouse.tables import Table
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import UNDATED, RawStore, Record, revisions
from analytics_platform.streams.tables import DELIVERIES, REJECTED_ROWS, TABLES
from analytics_platform.streams.workers import Outcome, Workers

DAYS_PER_COMMIT = 31
"""A commit writes a log entry per table: one a day would be slow over years, one in all would lose
everything to a kill at the end."""

Progress = Callable[[int, int], None]
"""Called with files done and files in all."""


class ExpiredError(RuntimeError):
    """A day can't be made again, because raw files of it were deleted after their retention."""


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
            known = _state(records) == loaded.get((vendor, day))
            if not records or (lake is not None and known):
                continue
            if all(store.path(record).exists() for record in records):
                changed.append((day, records))
            elif not known and lake is not None:
                raise ExpiredError(
                    f"{vendor} {day}: a file came for a day whose other raw files are past their retention "
                    "(ANALYTICS_RAW_RETENTION_MONTHS). Put them back into lake/raw, or take the file out of the inbox."
                )
            # Without raw files a day can't be made again: what it gave stays as it is.
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
    with Workers(settings, lake, store, secret) as workers:
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
        if delta is None or not files_of(delta, filters):
            return None
    return lake.commit(table, staged, replace=[(name, "in", values) for name, values in only.items()])
