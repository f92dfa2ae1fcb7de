"""Build ``analytics.duckdb`` beside the live file, check it, and swap it in.

Each publication is a folder of its own; ``analytics.duckdb``, ``exports`` and
``DATA_DICTIONARY.md`` are links that are replaced in one step. Whoever has the old file open
keeps it; whoever opens the path gets the new one, even a process that holds the old one, which
a file renamed over the path would not give (DuckDB caches open databases by path).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from analytics_platform.lakehouse.data_dictionary import data_dictionary
from analytics_platform.lakehouse.lake import Lake, literal, quoted, sync_to_disk
from analytics_platform.lakehouse.tables import Column, Table

STORAGE_VERSION = "v1.2.0"
"""Format of the published file. DuckDB 2.0's own can't be opened by the clients that people have."""
KEPT = 3
"""Publications kept: the live one and two before it."""

PUBLISHED_TABLES = Table(
    "marts",
    "published_tables",
    "One row per table or view in this file: how many rows it has and which version of the lake it shows.",
    (
        Column("table_name", "VARCHAR", "schema.name"),
        Column(
            "kind",
            "VARCHAR",
            "table: the rows are in this file; view: they are read from the lake.",
            values=("table", "view"),
        ),
        Column("row_count", "BIGINT", "Rows at publication.", minimum=0),
        Column("table_version", "BIGINT", "Version of the lake's table; null if it was never written.", True, 0),
        Column("published_at", "TIMESTAMP", "When this file was built, UTC."),
    ),
    key=("table_name",),
)


Exporter = Callable[[duckdb.DuckDBPyConnection, Path], None]
"""Writes further files into the folder of exports, from a connection to the new file."""


class PublishError(RuntimeError):
    """The new file failed its check; the old one stays."""


@dataclass(frozen=True, slots=True)
class Published:
    """The result: the folder of the publication and its tables' row counts."""

    folder: Path
    rows: Mapping[str, int]


def publish(
    lake: Lake,
    home: Path,
    tables: Sequence[Table],
    views: Sequence[Table],
    macros: Sequence[str] = (),
    exporters: Sequence[Exporter] = (),
) -> Published:
    """Publish ``tables`` (copied), ``views`` (read from the lake) and table macros to ``home``.

    Tables of the schema ``marts`` are exported too; ``exporters`` add files in formats of their own.

    Raises:
        PublishError: the new file can't be read back, or a row count differs.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    folder = home / "published" / f"{now:%Y%m%dT%H%M%S.%f}"
    building = folder.with_name(f".{folder.name}.building")
    building.mkdir(parents=True)
    try:
        rows = _build(lake, building / "analytics.duckdb", tables, views, macros, now)
        _export(
            building / "analytics.duckdb", building / "exports", [t for t in tables if t.schema == "marts"], exporters
        )
        dictionary = data_dictionary([*tables, PUBLISHED_TABLES], views)
        (building / "DATA_DICTIONARY.md").write_text(dictionary)
        _check(building / "analytics.duckdb", rows)
        for path in building.rglob("*"):
            if path.is_file():
                sync_to_disk(path)
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    for name in ("analytics.duckdb", "exports", "DATA_DICTIONARY.md"):
        _link(home / name, folder / name)
    _forget_old(home / "published")
    return Published(folder, rows)


def _build(
    lake: Lake, file: Path, tables: Sequence[Table], views: Sequence[Table], macros: Sequence[str], now: datetime
) -> dict[str, int]:
    rows: dict[str, int] = {}
    facts: list[tuple[str, str, int, int | None, datetime]] = []
    # Pinned once: runs may commit while this one copies, and a file must show one version of each table.
    versions = {table.full_name: lake.version(table) for table in (*tables, *views)}
    pinned = {name: version for name, version in versions.items() if version is not None}
    with lake.connect(*tables, versions=pinned) as connection:
        connection.execute("set preserve_insertion_order = true")
        connection.execute(f"attach {literal(str(file))} as out (storage_version '{STORAGE_VERSION}')")
        for schema in sorted({t.schema for t in (*tables, *views, PUBLISHED_TABLES)}):
            connection.execute(f'create schema if not exists out."{schema}"')
        for table in tables:
            connection.execute(_create_sql(table))
            order = ", ".join(f'"{name}"' for name in table.key)
            connection.execute(f"insert into out.{quoted(table)} select * from {quoted(table)} order by {order}")
        for table in views:
            select = lake.select_sql(table, lake.open(table, versions[table.full_name]))
            connection.execute(f"create view out.{quoted(table)} as {select}")
        for table, kind in [*((t, "table") for t in tables), *((t, "view") for t in views)]:
            source = quoted(table) if kind == "table" else f"out.{quoted(table)}"
            count = connection.execute(f"select count(*) from {source}").fetchall()[0][0]
            facts.append((table.full_name, kind, count, versions[table.full_name], now))
            rows[table.full_name] = count
        connection.execute(_create_sql(PUBLISHED_TABLES))
        connection.executemany(f"insert into out.{quoted(PUBLISHED_TABLES)} values (?, ?, ?, ?, ?)", facts)
        for table in (*tables, PUBLISHED_TABLES):
            _comment(connection, table, "table")
        for table in views:
            _comment(connection, table, "view")
        connection.execute("use out")
        for macro in macros:
            connection.execute(macro)
        connection.execute("use memory")
        connection.execute("checkpoint out")
        connection.execute("detach out")
    return rows


def _create_sql(table: Table) -> str:
    columns = ", ".join(f'"{c.name}" {c.type}{"" if c.nullable else " not null"}' for c in table)
    key = ", ".join(f'"{name}"' for name in table.key)
    return f"create table out.{quoted(table)} ({columns}, primary key ({key}))"


def _comment(connection: duckdb.DuckDBPyConnection, table: Table, kind: str) -> None:
    connection.execute(f"comment on {kind} out.{quoted(table)} is {literal(table.comment)}")
    for column in table:
        connection.execute(f'comment on column out.{quoted(table)}."{column.name}" is {literal(column.comment)}')


def _export(file: Path, folder: Path, tables: Sequence[Table], exporters: Sequence[Exporter]) -> None:
    folder.mkdir()
    with duckdb.connect(str(file), read_only=True) as connection:
        for table in tables:
            target = folder / table.full_name
            connection.execute(
                f"copy {quoted(table)} to {literal(f'{target}.parquet')} (format parquet, compression zstd)"
            )
            connection.execute(f"copy {quoted(table)} to {literal(f'{target}.csv')} (format csv, header)")
        for export in exporters:
            export(connection, folder)


def _check(file: Path, rows: Mapping[str, int]) -> None:
    with duckdb.connect(str(file), read_only=True) as connection:
        for name, expected in rows.items():
            found = connection.execute(f"select count(*) from {name}").fetchall()[0][0]
            if found != expected:
                raise PublishError(f"{name} has {found} rows in the new file and {expected} in the lake")


def _link(link: Path, target: Path) -> None:
    """Point ``link`` at ``target`` in one step."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)


def _forget_old(folder: Path) -> None:
    """Delete all but the newest publications, and what killed ones left behind an hour ago or more."""
    finished = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    for old in finished[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    for stray in folder.glob(".*.building"):
        if datetime.now(UTC).timestamp() - stray.stat().st_mtime > 3600:
            shutil.rmtree(stray, ignore_errors=True)
