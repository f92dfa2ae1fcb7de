"""Erase a listener from everything: raw files, tables, old versions, publications.

The order makes it safe to kill and repeat: raw files first (so that no later run brings rows
back), then tables, then what still holds old versions. Repeating an erasure finds nothing more.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import uuid4

from analytics_platform.lakehouse.lake import Lake, literal
from analytics_platform.lakehouse.tables import Table
from analytics_platform.settings import Settings
from analytics_platform.streams.contract import ContractError, Resource, resolve_columns
from analytics_platform.streams.deliveries import RawStore, Record, find_resource, list_inbox
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
    unread: tuple[str, ...]
    """Raw files that can't be unpacked: no row of theirs is in any table, but the listener may be in the bytes."""


class WaitingFilesError(RuntimeError):
    """Files that may hold the listener wait in the inbox; they would bring the rows back."""


def erase(settings: Settings, tables: Sequence[Table], vendor: str, licensor: str, listener_id: str) -> Erased:
    """Erase one listener.

    Args:
        settings: home, secret, limits.
        tables: all tables of the lake; those with a listener key lose the listener's rows.
        vendor: the feed.
        licensor: the account, as in the file's name or path; ``-`` for an open data set.
        listener_id: the vendor's id; for FUGA ``<reporting_organization_id>:<user_id>``.

    Raises:
        WaitingFilesError: the vendor's files wait in the inbox.
        MissingSecretError: without the secret the listener's key can't be computed.
    """
    secret = settings.secret()
    lake = Lake(settings.lake_root, memory_limit_mb=settings.memory_limit_mb, threads=settings.threads)
    store = RawStore(settings.lake_root)
    key = listener_key(secret, vendor, licensor, listener_id)
    files = rows = 0
    days: set[date] = set()
    unread: list[str] = []
    with store.lock("receive"):
        if any(file.vendor == vendor for file in list_inbox(settings.inbox)):
            raise WaitingFilesError(f"The inbox holds files of {vendor}: ingest them or take them away, then erase.")
        for record in store.records(vendor):
            if record.licensor != licensor:
                continue
            removed = _rewrite(settings, store, record, listener_id)
            if removed is None:
                unread.append(record.file_name)
            elif removed:
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
    return Erased(files, rows, removed_rows, tuple(sorted(days)), tuple(unread))


def _rewrite(settings: Settings, store: RawStore, record: Record, listener_id: str) -> int | None:
    """Rewrite a raw file as gzip text without a listener's lines; how many there were, None if it can't be read."""
    path = store.path(record)
    found = find_resource(record.file_name)
    if found is None or not found[0].listener or not path.exists():
        return 0
    plain, packed = path.with_name(f".{path.name}.plain"), path.with_name(f".{path.name}.packed")
    try:
        try:
            unpack(path, plain, Limits(settings.max_unpacked_bytes, settings.max_unpack_ratio))
        except UnreadableError:
            return None
        with plain.open("rb") as lines:
            is_theirs = line_finder(found[0], record, lines.readline(), listener_id)
            lines.seek(0)
            removed = sum(1 for line in lines if is_theirs(line))
        if removed == 0:
            return 0
        with plain.open("rb") as lines, gzip.open(packed, "wb", 6) as out:
            out.writelines(line for line in lines if not is_theirs(line))
        packed.replace(path)
        store.save(replace(record, erased_rows=record.erased_rows + removed, size_bytes=path.stat().st_size))
        return removed
    finally:
        plain.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)


def line_finder(resource: Resource, record: Record, first_line: bytes, listener_id: str) -> Callable[[bytes], bool]:
    """A function that tells whether a line of a file is about a listener.

    A whole line is read by its contract, so that a short id is not found in other columns. A line
    that is no row (cut off, not JSON) was rejected anyway: it goes if the id stands in it as a word.
    """
    needle = listener_id.rpartition(":")[2].encode() if len(resource.listener) > 1 else listener_id.encode()
    names = _listener_columns(resource, record, first_line)
    header = list(resource.header or first_line.decode("utf-8", "replace").rstrip("\n").split(resource.delimiter))

    def is_theirs(line: bytes) -> bool:
        if needle not in line:  # nearly all lines
            return False
        values = None if names is None else _listener_values(resource, names, header, line)
        return _holds(line, needle) if values is None else ":".join(values) == listener_id

    return is_theirs


def _listener_columns(resource: Resource, record: Record, first_line: bytes) -> list[str] | None:
    """The vendor's names of the listener's columns; None if the file breaks its contract."""
    try:
        if resource.form == "ndjson":
            aliases = [name for s in resource.sources if s.name in resource.listener for name in s.aliases]
            return [alias.name for alias in aliases]
        present = resource.header or [
            name.strip().strip('"') for name in first_line.decode("utf-8", "replace").split(resource.delimiter)
        ]
        columns = resolve_columns(resource, list(present), record.ingest_date)
        return [columns.by_source[name] for name in resource.listener]
    except (ContractError, KeyError):
        return None


def _listener_values(resource: Resource, names: list[str], header: list[str], line: bytes) -> list[str] | None:
    """The listener's values in a line; None if the line is no row."""
    text = line.decode("utf-8", "replace").rstrip("\n")
    if resource.form == "ndjson":
        try:
            row = json.loads(text)
        except ValueError:
            return None
        if not isinstance(row, dict):
            return None
        return [str(row[name]) for name in names if row.get(name) is not None][:1]  # pyright: ignore[reportUnknownArgumentType]
    values = text.split(resource.delimiter)
    if len(values) != len(header):
        return None
    stripped = [name.strip().strip('"') for name in header]
    return [values[stripped.index(name)].strip() for name in names]


def _holds(line: bytes, wanted: bytes) -> bool:
    """Whether the id stands in the line as a whole word, not as a part of a longer one."""
    return re.search(rb"(?<![\w-])" + re.escape(wanted) + rb"(?![\w-])", line) is not None


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
