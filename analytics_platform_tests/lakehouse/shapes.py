"""Small tables and short ways to fill them, for the tests of the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analytics_platform.lakehouse.lake import Commit, Lake, quoted
from analytics_platform.lakehouse.tables import Column, Table

PLAIN = Table(
    "play",
    "plain",
    "One row per number.",
    (Column("number", "BIGINT", "A number."), Column("word", "VARCHAR", "Its word.", True)),
    ("number",),
)

BY_VENDOR = Table(
    "play",
    "by_vendor",
    "One row per vendor, day and number.",
    (
        Column("vendor", "VARCHAR", "Who."),
        Column("day", "DATE", "When."),
        Column("number", "BIGINT", "A number."),
    ),
    ("vendor", "day", "number"),
    ("vendor", "day"),
)


def fill(
    lake: Lake,
    table: Table,
    values: str,
    *,
    partition: Mapping[str, object] | None = None,
    replace: Sequence[tuple[str, str, object]] | None = None,
    names: Sequence[str] | None = None,
) -> Commit:
    """Write the rows of a SQL ``values`` list; an empty text writes no rows."""
    columns = names or [c.name for c in table if c.name not in (partition or {})]
    if values:
        select = f"select * from (values {values}) as given ({', '.join(columns)})"
    else:
        select = f"select {', '.join(f'null as {name}' for name in columns)} where false"
    with lake.duckdb() as connection:
        return lake.write(table, connection, select, partition=partition, replace=replace)


def rows(
    lake: Lake,
    table: Table,
    *,
    version: int | None = None,
    only: Mapping[str, Sequence[object]] | None = None,
) -> list[tuple[object, ...]]:
    """All rows of a version, sorted."""
    versions = {} if version is None else {table.full_name: version}
    with lake.connect(table, versions=versions, only=only) as connection:
        return connection.execute(f"select * from {quoted(table)} order by all").fetchall()
