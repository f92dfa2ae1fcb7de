"""Recorded files, parsed by threads: one file each at a time, in little memory."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings
from analytics_platform.streams.contract import ContractError, Resource
from analytics_platform.streams.deliveries import RawStore, Record, find_resource
from analytics_platform.streams.parse import Delivery, Parsed, parse
from analytics_platform.streams.privacy import set_secret
from analytics_platform.streams.unpack import Limits, Text, UnreadableError, unpack

MEMORY_MB, MEMORY_MB_FOR_LARGE = 384, 256
"""What DuckDB may take while files are parsed, without and with a large one among them. Small files never
fill it, but with less to plan with, their joins run in pieces, a tenth slower; large files fill what there is."""

LARGE_FILE_BYTES = 8_000_000
"""Packed: some 200 thousand rows."""

MIN_BAD_ROWS = 10
"""A share needs a few rows to mean something: fewer bad rows never quarantine a file."""


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


class Workers:
    """Threads that parse one file each, with a one-threaded DuckDB of their own. One at a time in a lake."""

    def __init__(self, settings: Settings, lake: Lake, store: RawStore, secret: bytes) -> None:
        self._settings, self._lake, self._store, self._secret = settings, lake, store, secret
        self._local = threading.local()
        self._spool = Path(lake.root) / "spill" / "ingest"
        self._count = lake.threads
        # One database for all threads, so that a large file may take the memory that small ones leave.
        self._database = lake.duckdb()
        self._database.execute("set threads = 1; set preserve_insertion_order = true")
        self._more_memory = threading.Lock()
        self._memory_mb = MEMORY_MB

    def __enter__(self) -> Workers:
        shutil.rmtree(self._spool, ignore_errors=True)  # what a killed run left
        self._spool.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        shutil.rmtree(self._spool)

    def run(self, records: Sequence[Record]) -> Iterator[Outcome]:
        """Outcomes as they come; the first real error stops the rest."""
        has_large = any(record.size_bytes > LARGE_FILE_BYTES for record in records)
        self._memory_mb = MEMORY_MB_FOR_LARGE if has_large else MEMORY_MB
        self._limit_memory(self._memory_mb)
        with ThreadPoolExecutor(self._count) as pool:
            try:
                yield from pool.map(self._parse, records)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._local, "connection"):
            connection = self._database.cursor()
            set_secret(connection, self._secret)
            self._local.connection = connection
        return self._local.connection

    def _limit_memory(self, megabytes: int) -> None:
        self._database.execute(f"set memory_limit = '{megabytes}MiB'")

    @contextmanager
    def _much_memory(self) -> Generator[None]:
        with self._more_memory:
            self._limit_memory(max(self._settings.memory_limit_mb, self._memory_mb))
            try:
                yield
            finally:
                self._connection().execute("drop table if exists parsed")
                self._limit_memory(self._memory_mb)

    def _parse_text(self, record: Record, resource: Resource, text: Text) -> Parsed:
        connection = self._connection()
        connection.execute("set variable ingest_date = ?", [record.ingest_date])
        return parse(
            connection,
            self._lake,
            resource,
            Delivery(record.delivery_id, record.vendor, record.licensor, record.ingest_date, record.file_name),
            text,
            key_version=self._settings.key_version,
            max_line_bytes=self._settings.max_line_bytes,
        )

    def _parse(self, record: Record) -> Outcome:
        found = find_resource(record.file_name)
        if found is None:
            return Outcome(record, "refused", "no feed knows files of this name any more")
        limits = Limits(self._settings.max_unpacked_bytes, self._settings.max_unpack_ratio)
        with self._temporary(record) as spool:
            try:
                text = unpack(self._store.path(record), spool, limits)
                try:
                    parsed = self._parse_text(record, found[0], text)
                except duckdb.OutOfMemoryException:
                    # Lines of a megabyte, say: rare, so they get more memory only when they come.
                    with self._much_memory():
                        parsed = self._parse_text(record, found[0], text)
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
