"""The lake: Delta Lake tables by name, written by DuckDB, committed and pinned by ``deltalake``.

DuckDB writes the Parquet files at its own speed; ``deltalake`` makes them part of a table in
one atomic commit. A file that no commit names does not exist for any reader, so a killed
writer leaves nothing but files for ``vacuum``. Readers pin one version of each table.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from analytics_platform.lakehouse.tables import Column, Table

if TYPE_CHECKING:
    import polars as pl

ARROW_TYPES = {
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "DOUBLE": pa.float64(),
    "FLOAT": pa.float32(),
    "INTEGER": pa.int32(),
    "SMALLINT": pa.int16(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR": pa.string(),
}

Partition = Mapping[str, object]
"""Values of some or all partition columns, by name; dates and integers are written as text."""

PARQUET = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 2000"
"""zstd's lowest level is 3 % larger and a quarter faster; a larger dictionary of keys gains nothing."""

COMMIT_ATTEMPTS = 20
EVOLVED = "analytics.evolved"


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A Parquet file in a table's folder that no commit names yet."""

    path: str
    rows: int
    size_bytes: int
    partition: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """What a write did: the table's new version and how many rows it added."""

    table: str
    version: int
    rows: int


class Lake:
    """Tables below ``root``, a path or URI; the folder of ``schema.name`` is ``tables/schema/name``."""

    def __init__(self, root: str | Path, *, memory_limit_mb: int = 2048, threads: int | None = None) -> None:
        self.root = str(root)
        self._memory_limit_mb = memory_limit_mb
        self.threads = threads or cores()

    def uri(self, table: Table) -> str:
        """Where the table lies."""
        return f"{self.root}/tables/{table.schema}/{table.name}"

    def open(self, table: Table, version: int | None = None) -> DeltaTable | None:
        """The Delta table at a version (default: the newest), or None if nothing was ever written."""
        if not DeltaTable.is_deltatable(self.uri(table)):
            return None
        return DeltaTable(self.uri(table), version=version)

    def version(self, table: Table) -> int | None:
        """The newest version, None if the table does not exist."""
        delta = self.open(table)
        return None if delta is None else delta.version()

    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """A fresh in-memory DuckDB, bounded in memory, that spills below the lake's root."""
        connection = duckdb.connect()
        spill = Path(self.root) / "spill"
        connection.execute(f"set memory_limit = '{self._memory_limit_mb}MiB'")
        connection.execute(f"set threads = {self.threads}")
        connection.execute(f"set temp_directory = {literal(str(spill))}")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set preserve_insertion_order = false")
        return connection

    def connect(
        self,
        *tables: Table,
        versions: Mapping[str, int] | None = None,
        only: Mapping[str, Sequence[object]] | None = None,
    ) -> duckdb.DuckDBPyConnection:
        """A DuckDB with one view per table over the files of one pinned version.

        Args:
            tables: what to show; a table never written shows as empty.
            versions: versions to pin by full name; the newest where missing.
            only: partition column → values; restricts the tables that are partitioned by it.
        """
        connection = self.duckdb()
        for table in tables:
            self.add_view(connection, table, version=(versions or {}).get(table.full_name), only=only)
        return connection

    def read(self, table: Table) -> pl.DataFrame:
        """All rows of a small table, the columns in declared order."""
        with self.connect(table) as connection:
            return connection.sql(f"select {column_list(table)} from {quoted(table)}").pl()

    def add_view(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        *,
        version: int | None = None,
        only: Mapping[str, Sequence[object]] | None = None,
        name: str | None = None,
    ) -> None:
        """Create the view ``schema.name`` (or ``name``) over one version of a table."""
        connection.execute(f'create schema if not exists "{table.schema}"')
        select = self.select_sql(table, self.open(table, version), only)
        connection.execute(f"create or replace view {name or quoted(table)} as {select}")

    def select_sql(
        self, table: Table, delta: DeltaTable | None, only: Mapping[str, Sequence[object]] | None = None
    ) -> str:
        """SQL that reads the files of a version; portable to any DuckDB that sees the same paths."""
        filters = [
            (name, "in", [str(value) for value in values])
            for name, values in (only or {}).items()
            if name in table.partition_by
        ]
        files = [] if delta is None else files_of(delta, filters or None)
        if delta is None or not files:
            nothing = ", ".join(f'null::{column.type} as "{column.name}"' for column in table)
            return f"select {nothing} where false"
        return files_sql(table, files, evolved=is_evolved(table, delta))

    def stage(
        self, table: Table, connection: duckdb.DuckDBPyConnection, select: str, partition: Partition | None = None
    ) -> list[StagedFile]:
        """Write the rows of ``select`` as Parquet into the table's folder, invisible until ``commit``.

        Args:
            table: its declaration; ``select`` must give its columns by name, in any order.
            connection: where ``select`` runs.
            select: SQL of the rows. With ``partition`` it need not give the partition columns.
            partition: value of every partition column, if all rows share it.
        """
        folder = f"{self.uri(table)}"
        if not table.partition_by:
            partition = {}
        columns = [c for c in table if partition is None or c.name not in table.partition_by]
        typed = ", ".join(f'"{c.name}"::{c.type} as "{c.name}"' for c in columns)
        query = f"select {typed} from (\n{select}\n)"  # a last line may be a comment
        if partition is not None:
            values = tuple((name, str(partition[name])) for name in table.partition_by)
            target = "/".join([folder, *(f"{name}={quote(value, safe='')}" for name, value in values)])
            Path(target).mkdir(parents=True, exist_ok=True)
            file = f"{target}/part-{uuid.uuid4()}.parquet"
            copy = f"copy ({query}) to {literal(file)} ({PARQUET}, return_stats)"
        else:
            Path(folder).mkdir(parents=True, exist_ok=True)
            by = ", ".join(f'"{name}"' for name in table.partition_by)
            copy = (
                f"copy ({query}) to {literal(folder)} ({PARQUET}, return_stats,"
                f" partition_by ({by}), overwrite_or_ignore, filename_pattern 'part-{uuid.uuid4()}-{{i}}')"
            )
        staged: list[StagedFile] = []
        for written, rows, size, *_ in connection.execute(copy).fetchall():
            sync_to_disk(written)
            relative = os.path.relpath(written, folder)
            found = tuple(_partition_of(relative))
            if rows == 0:
                Path(written).unlink()
                continue
            staged.append(StagedFile(relative, int(rows), int(size), found))
        return staged

    def commit(
        self,
        table: Table,
        staged: Iterable[StagedFile],
        *,
        replace: Sequence[tuple[str, str, object]] | None = (),
        metadata: Mapping[str, str] | None = None,
    ) -> Commit:
        """Make staged files part of the table, atomically.

        Args:
            table: its declaration; the table is made at its first commit.
            staged: what ``stage`` returned.
            replace: partition filters ``(column, "=" | "in", value)`` of what the files replace;
                ``()`` replaces the whole table, None appends.
            metadata: kept with the commit (who wrote it, from which versions).
        """
        staged = list(staged)
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(f.path, f.size_bytes, dict(f.partition), now, True, json.dumps({"numRecords": f.rows}))
            for f in staged
        ]
        filters = None
        if replace:
            filters = [(n, op, [str(v) for v in value] if op == "in" else str(value)) for n, op, value in replace]  # type: ignore[union-attr]
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                delta = self._create_or_evolve(table)
                delta.create_write_transaction(
                    actions,
                    "append" if replace is None else "overwrite",
                    delta.schema(),
                    list(table.partition_by),
                    filters,
                    commit_properties=CommitProperties(custom_metadata=dict(metadata or {})),
                )
                break
            except CommitFailedError:
                # Another writer came first. What we replace does not depend on it: try again on top of it.
                if attempt == COMMIT_ATTEMPTS - 1:
                    raise
                time.sleep(0.01 * 2 ** min(attempt, 6))
        delta = DeltaTable(self.uri(table))
        return Commit(table.full_name, delta.version(), sum(f.rows for f in staged))

    def write(
        self,
        table: Table,
        connection: duckdb.DuckDBPyConnection,
        select: str,
        *,
        partition: Partition | None = None,
        replace: Sequence[tuple[str, str, object]] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Commit:
        """Stage and commit in one: replaces ``partition`` if given, else ``replace``, else the whole table."""
        with self.writing():
            staged = self.stage(table, connection, select, partition)
            if replace is None:
                replace = [(name, "=", value) for name, value in (partition or {}).items()]
            return self.commit(table, staged, replace=replace, metadata=metadata)

    def write_frame(
        self,
        table: Table,
        frame: pl.DataFrame,
        *,
        partition: Partition | None = None,
        replace: Sequence[tuple[str, str, object]] | None = None,
    ) -> Commit:
        """``write`` for rows in memory: the frame has the table's columns by name, in any order."""
        with self.duckdb() as connection:
            connection.register("rows", frame)
            return self.write(table, connection, "select * from rows", partition=partition, replace=replace)

    @contextmanager
    def writing(self, *, alone: bool = False) -> Generator[None]:
        """Held between ``stage`` and ``commit``: many writers at once, or one ``alone``.

        A vacuum without grace would delete what others have staged; it asks to be alone.
        """
        folder = Path(self.root) / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "writers").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield

    def compact(self, table: Table) -> int:
        """Merge small files within each partition. Returns the number of files removed."""
        delta = self.open(table)
        return 0 if delta is None else int(delta.optimize.compact()["numFilesRemoved"])

    def vacuum(self, table: Table, *, keep_days: float) -> int:
        """Delete files that no version of the last ``keep_days`` needs. Returns how many."""
        delta = self.open(table)
        if delta is None:
            return 0
        gone = delta.vacuum(
            retention_hours=int(keep_days * 24), dry_run=False, enforce_retention_duration=False, full=True
        )
        return len(gone)

    def _create_or_evolve(self, table: Table) -> DeltaTable:
        """The table with the declared columns; new columns are added, they read as null in old rows."""
        if not DeltaTable.is_deltatable(self.uri(table)):
            DeltaTable.create(
                self.uri(table),
                schema=arrow_schema(table),
                mode="ignore",
                partition_by=list(table.partition_by),
                name=table.full_name,
                description=table.comment,
            )
        delta = DeltaTable(self.uri(table))
        wanted = Schema.from_arrow(arrow_schema(table))
        have: dict[str, Field] = {field.name: field for field in delta.schema().fields}
        for field in wanted.fields:
            if field.name in have and have[field.name].type != field.type:
                raise TypeError(
                    f"{table.full_name}.{field.name} is {have[field.name].type} in the lake and {field.type} in its "
                    f"declaration. Move {self.uri(table)} away and materialise the table again."
                )
        if missing := [field for field in wanted.fields if field.name not in have]:
            # The mark comes first: a kill between the two must not leave files that nobody reads as evolved.
            delta.alter.set_table_properties({EVOLVED: "true"}, raise_if_not_exists=False)
            delta = DeltaTable(self.uri(table))
            delta.alter.add_columns([Field(f.name, f.type, nullable=True) for f in missing])
            delta = DeltaTable(self.uri(table))
        return delta


def files_of(delta: DeltaTable, filters: Sequence[tuple[str, str, Sequence[str]]] | None = None) -> list[str]:
    """Paths (or URIs) of the files of a version, sorted, of the partitions that ``filters`` name."""
    with warnings.catch_warnings():
        # deltalake's newer filter wants SQL text; these filters have no quoting to get wrong.
        warnings.simplefilter("ignore", DeprecationWarning)
        files = delta.file_uris(list(filters) if filters else None)  # pyright: ignore[reportArgumentType]
    # The folder of a local table comes percent-encoded, as in a URI, and the rest as it is on disk.
    folder = delta.table_uri.removeprefix("file://")
    return sorted(unquote(folder) + file.removeprefix(folder) if file.startswith(folder) else file for file in files)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def arrow_schema(table: Table) -> pa.Schema:  # pyright: ignore[reportUnknownParameterType]
    """The table's Arrow schema; comments travel as field metadata, ``TIMESTAMP`` is without zone (UTC)."""
    return pa.schema(
        [pa.field(c.name, ARROW_TYPES[c.type], nullable=True, metadata={"comment": c.comment}) for c in table]
    )


def is_evolved(table: Table, delta: DeltaTable) -> bool:
    """Whether some of the table's files may lack a declared column."""
    have = {field.name for field in delta.schema().fields}
    return delta.metadata().configuration.get(EVOLVED) == "true" or any(column.name not in have for column in table)


def files_sql(table: Table, files: Sequence[str], *, evolved: bool = False) -> str:
    """SQL that reads Parquet files of a table, with its partition columns from their folders."""
    hive = ", ".join(f"'{name}': {table.column(name).type}" for name in table.partition_by)
    options = f", hive_partitioning = true, hive_types = {{{hive}}}" if hive else ", hive_partitioning = false"
    columns = column_list(table)
    read = f"read_parquet([{', '.join(literal(f) for f in files)}]{options}"
    if not evolved:
        return f"select {columns} from {read})"
    # The empty part gives the columns that none of these files has.
    nothing = ", ".join(f'null::{column.type} as "{column.name}"' for column in table)
    return (
        f"select {columns} from (select {nothing} where false"
        f" union all by name select * from {read}, union_by_name = true))"
    )


def quoted(table: Table) -> str:
    """``"schema"."name"`` for SQL."""
    return f'"{table.schema}"."{table.name}"'


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def column_list(columns: Iterable[Column]) -> str:
    """Quoted names, comma-separated."""
    return ", ".join(f'"{column.name}"' for column in columns)


def _partition_of(relative: str) -> Iterable[tuple[str, str]]:
    for part in Path(relative).parts[:-1]:
        name, _, value = part.partition("=")
        yield name, unquote(value)


def sync_to_disk(path: str | Path) -> None:
    """Force a file to disk before a commit names it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
