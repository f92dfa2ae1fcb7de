"""Erase a listener from everything: raw files, tables, old versions, publications.

The order makes it safe to kill and repeat: raw files first (so that no later run brings rows
back), then tables, then what still holds old versions. Repeating an erasure finds nothing more.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import uuid4

from analytics_platform.lakehouse.lake import Lake, literal
from analytics_platform.lakehouse.tables import Table
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import RawStore, Record, find_resource
from analytics_platform.streams.privacy import listener_key
from analytics_platform.streams.tables import ERASURES
from analytics_platform.streams.unpack import Limits, UnreadableError, unpack


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed, and the delivery days whose tables must be brought up to date."""

    raw_files: int
    raw_rows: int
    table_rows: int
    days: tuple[date, ...]


def erase(settings: Settings, tables: Sequence[Table], vendor: str, licensor: str, listener_id: str) -> Erased:
    """Erase one listener.

    Args:
        settings: home, secret, limits.
        tables: all tables of the lake; those with a listener key lose the listener's rows.
        vendor: the feed.
        licensor: the account, as in the file's name or path; ``-`` for an open data set.
        listener_id: the vendor's id; for FUGA ``<reporting_organization_id>:<user_id>``.

    Raises:
        MissingSecretError: without the secret the listener's key can't be computed.
    """
    secret = settings.secret()
    lake = Lake(settings.lake_root, memory_limit_mb=settings.memory_limit_mb, threads=settings.threads)
    store = RawStore(settings.lake_root)
    key = listener_key(secret, vendor, licensor, listener_id)
    files = rows = 0
    days: set[date] = set()
    # FUGA's rows hold the id without the service's name before it.
    needle = listener_id.rpartition(":")[2] if vendor == "fuga" else listener_id
    with store.lock("receive"):
        for record in store.records(vendor):
            if record.licensor == licensor and (removed := _rewrite(settings, store, record, needle)):
                files, rows = files + 1, rows + removed
                days.add(record.ingest_date)
    removed_rows = 0
    with lake.writing(alone=True):
        for table in tables:
            if any(column.name == "listener_key" for column in table):
                removed_rows += _delete(lake, table, key)
                lake.vacuum(table, keep_days=0)
    for name in ("published", "sample_label"):
        # Publications may show the listener; the sample label's own files would bring the rows back.
        shutil.rmtree(settings.home / name, ignore_errors=True)
    for link in ("analytics.duckdb", "exports", "DATA_DICTIONARY.md"):
        (settings.home / link).unlink(missing_ok=True)
    _log(lake, vendor, files, rows, removed_rows)
    return Erased(files, rows, removed_rows, tuple(sorted(days)))


def _rewrite(settings: Settings, store: RawStore, record: Record, needle: str) -> int:
    """Rewrite a raw file as gzip text without the lines that hold ``needle``; returns how many there were.

    A line with the id anywhere goes: in doubt too much, as no vendor's id is a common word.
    """
    path = store.path(record)
    found = find_resource(record.file_name)
    if found is None or found[0].listener is None or not path.exists():
        return 0
    plain, packed = path.with_name(f".{path.name}.plain"), path.with_name(f".{path.name}.packed")
    try:
        try:
            unpack(path, plain, Limits(settings.max_unpacked_bytes, settings.max_unpack_ratio))
        except UnreadableError:
            return 0  # refused at ingestion too: nothing of it is in any table
        wanted = needle.encode()
        with plain.open("rb") as lines:
            removed = sum(1 for _ in _holding(lines, wanted))
        if removed == 0:
            return 0
        with plain.open("rb") as lines, gzip.open(packed, "wb", 6) as out:
            out.writelines(line for line in lines if not _holds(line, wanted))
        packed.replace(path)
        store.save(replace(record, erased_rows=record.erased_rows + removed, size_bytes=path.stat().st_size))
        return removed
    finally:
        plain.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)


def _holding(lines: Iterable[bytes], wanted: bytes) -> Iterator[bytes]:
    return (line for line in lines if _holds(line, wanted))


def _holds(line: bytes, wanted: bytes) -> bool:
    """Whether the id stands in the line as a whole value, not as a part of a longer one."""
    start = line.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not _is_word(line[start - 1 : start] if start else b"") and not _is_word(line[end : end + 1]):
            return True
        start = line.find(wanted, start + 1)
    return False


def _is_word(character: bytes) -> bool:
    return character.isalnum() or character in (b"_", b"-")


def _delete(lake: Lake, table: Table, key: str) -> int:
    delta = lake.open(table)
    if delta is None:
        return 0
    result = delta.delete(f"listener_key = {literal(key)}")
    return int(result["num_deleted_rows"] or 0)


def _log(lake: Lake, vendor: str, files: int, rows: int, table_rows: int) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    with lake.duckdb() as connection:
        staged = lake.stage(
            ERASURES,
            connection,
            f"select {literal(str(uuid4()))} as erasure_id, timestamp '{now}' as erased_at,"
            f" {literal(vendor)} as vendor, {files} as raw_files, {rows} as raw_rows, {table_rows} as table_rows",
        )
    lake.commit(ERASURES, staged, replace=None)


def expire(settings: Settings, tables: Sequence[Table], today: date) -> tuple[int, int]:
    """Delete what is older than its retention: raw files, and rows about single listeners.

    Returns:
        Raw files and table partitions deleted. The rows stay readable in old table versions until
        the next vacuum.
    """
    store = RawStore(settings.lake_root)
    raw_before = _months_before(today, settings.raw_retention_months)
    expired = [r for r in store.records() if r.received_at.date() < raw_before]
    for record in expired:
        store.path(record).unlink(missing_ok=True)
    lake = Lake(settings.lake_root)
    rows_before = _months_before(today, settings.listener_retention_months)
    partitions = 0
    for table in tables:
        columns = {column.name for column in table}
        delta = lake.open(table)
        if delta is None or not {"listener_key", "ingest_date"} <= columns:
            continue
        old = sorted({p["ingest_date"] for p in delta.partitions() if str(p["ingest_date"]) < str(rows_before)})
        if old:
            lake.commit(table, [], replace=[("ingest_date", "in", old)])
            partitions += len(old)
    return len(expired), partitions


def _months_before(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)
