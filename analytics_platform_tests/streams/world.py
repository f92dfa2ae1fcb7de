"""A home of its own for each test: files go into its inbox, rows come out of its tables."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import InboxFile, RawStore, list_inbox
from analytics_platform.streams.ingest import ingest
from analytics_platform.streams.tables import TABLES

DAY = date(2026, 3, 16)
SPOTIFY = "spotify/acme/streams/2026/03/16/DE.gz"
USERS = "spotify/acme/users/2026/03/16.gz"
CATALOGUE = "spotify/acme/tracks/2026/03/16.gz"
FUGA = "FUGA_Trends_4711_20260316.tsv.gz"
APPLE = "AppleMusic_Streams_93824149_20260316_V1_1.txt.gz"
CONTENT = "AppleMusic_Content_93824149_20260316_V1_2.txt.gz"

FUGA_COLUMNS = (
    "label_id", "asset_id", "date", "territory", "number_of_streams", "reporting_organization_id",
    "user_id", "user_gender", "user_birth_year", "stream_length", "isrc",
)  # fmt: skip
APPLE_COLUMNS = (
    "Datestamp", "Ingest Datestamp", "Ingest Timestamp", "Apple Identifier", "Storefront Name",
    "Anonymized Person ID", "Membership Type", "Membership Mode", "Membership Partner", "Postal Code",
    "Device Type", "Operating System", "Action Type", "End Reason Type", "Offline", "Source of Stream",
    "Container Type", "Container Sub-Type", "Container ID", "Container Name", "Stream Timestamp",
    "Stream Start Position", "Stream Duration",
)  # fmt: skip


@dataclass(frozen=True)
class Delivered:
    """A file's row in ``streams.deliveries``."""

    status: str
    reason: str | None
    rows_read: int
    good_rows: int
    rejected_rows: int

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.rows_read, self.good_rows, self.rejected_rows


class Home:
    """A platform in a folder."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.settings = Settings(home=folder, threads=2, **options)
        self.settings.create_secret()
        self.inbox = self.settings.inbox
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.lake = Lake(self.settings.lake_root, threads=2)
        self.store = RawStore(self.settings.lake_root)

    def put(self, name: str, content: bytes) -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def listed(self) -> list[InboxFile]:
        return list_inbox(self.inbox)

    def take(self, *, changed_only: bool = False) -> dict[str, Delivered]:
        """Ingest what lies in the inbox, as a run does; the deliveries of all days taken, by file name."""
        files = self.listed()
        self.store.receive(self.inbox, files)
        # An undated file counts on the day it was received.
        days = {file.day for file in files if file.day} | {r.ingest_date for r in self.store.records(day="undated")}
        ingest(self.settings, self.lake, sorted(days), changed_only=changed_only)
        self.store.clear(self.inbox, files)
        return self.deliveries()

    def deliver(self, name: str, content: bytes) -> Delivered:
        """Put one file, take it, and say what became of it."""
        self.put(name, content)
        return self.take()[name]

    def deliveries(self) -> dict[str, Delivered]:
        rows = self.rows(
            "select file_name, status, reason, rows_read, good_rows, rejected_rows from streams.deliveries"
            " order by is_current, revision"
        )
        return {name: Delivered(*rest) for name, *rest in rows}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.lake.connect(*TABLES) as connection:
            return connection.execute(query).fetchall()

    def rejected(self) -> list[tuple[int, str]]:
        return [
            (line, reason) for line, reason in self.rows("select line, reason from streams.rejected_rows order by 1")
        ]

    def table(self, name: str) -> list[tuple[Any, ...]]:
        return self.rows(f"select * from {name} order by all")

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, without the moments of reception."""
        tables = {table.full_name: self.table(table.full_name) for table in TABLES}
        tables["streams.deliveries"] = self.rows("select * exclude (received_at) from streams.deliveries order by all")
        return tables

    def versions(self) -> dict[str, int | None]:
        return {table.full_name: self.lake.version(table) for table in TABLES}

    def undeclared(self) -> list[tuple[str, str]]:
        """Columns with a value that their declaration does not allow."""
        checks: list[str] = []
        for table in TABLES:
            for column in table:
                bad = [] if column.nullable else [f"{column.name} is null"]
                if column.minimum is not None:
                    bad.append(f"{column.name} < '{column.minimum}'::{column.type}")
                if column.maximum is not None:
                    bad.append(f"{column.name} > '{column.maximum}'::{column.type}")
                if column.values:
                    bad.append(f"{column.name} not in {column.values}")
                checks += [f"select '{table.full_name}', '{column.name}' from {table.full_name} where {b}" for b in bad]
        return self.rows(" union ".join(checks))

    def files(self) -> list[str]:
        """What is left in the inbox."""
        return sorted(
            p.relative_to(self.inbox).as_posix() for p in self.inbox.rglob("*") if p.is_symlink() or not p.is_dir()
        )


def stream(number: int, **changes: Any) -> dict[str, Any]:
    """A good row of Spotify's ``streams``, another one for each number."""
    row = {
        "user_id": f"user{number}",
        "track_id": f"track{number}",
        "timestamp": f"2026-03-16T10:{number % 60:02d}:07Z",
        "country": "DE",
        "stream_length": 120,
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def ndjson(rows: Iterable[dict[str, Any] | str]) -> bytes:
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def trend(number: int, **changes: Any) -> dict[str, Any]:
    """A good row of FUGA Trends, another one for each number."""
    values = ("1", f"asset{number}", "2026-03-16", "DE", "1", "spo", f"user{number}", "", "", "100", "DEA012600001")
    return dict(zip(FUGA_COLUMNS, values, strict=True)) | changes


def apple_stream(number: int, **changes: Any) -> dict[str, Any]:
    """A good row of Apple's Detailed Streams, another one for each number."""
    row = dict.fromkeys(APPLE_COLUMNS, "1") | {
        "Datestamp": "2026-03-16",
        "Ingest Datestamp": "2026-03-16",
        "Apple Identifier": f"{1_000_000 + number}",
        "Storefront Name": "US",
        "Anonymized Person ID": f"person{number}",
        "Postal Code": "90210",
        "Stream Timestamp": f"2026-03-16 11:{number % 60:02d}:09",
        "Stream Duration": "61",
    }
    return row | changes


def tsv(rows: Sequence[dict[str, Any] | str], columns: Sequence[str]) -> bytes:
    lines = [row if isinstance(row, str) else "\t".join(str(row.get(c, "")) for c in columns) for row in rows]
    return "\n".join(["\t".join(columns), *lines, ""]).encode()


def fuga(*rows: dict[str, Any] | str, columns: Sequence[str] = FUGA_COLUMNS) -> bytes:
    return tsv(rows, columns)


def gz(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()
