"""What a table is: columns, types, keys, ranges and comments, declared once.

The declaration gives the Delta and Parquet schema, a blocking check, the comments in
``analytics.duckdb`` and the heading in the data dictionary. Each room declares its tables
in its own ``tables.py``; nothing here knows which tables there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

ColumnType = Literal["BIGINT", "BOOLEAN", "DATE", "DOUBLE", "FLOAT", "INTEGER", "SMALLINT", "TIMESTAMP", "VARCHAR"]
"""Types that DuckDB, Delta Lake, Spark and the BI tools share. ``TIMESTAMP`` is UTC, microseconds."""

Bound = int | float | date


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``comment`` says what it means, with its unit and range, for a reader of SQL."""

    name: str
    type: ColumnType
    comment: str
    nullable: bool = False
    minimum: Bound | None = None
    maximum: Bound | None = None
    values: tuple[str, ...] = ()
    """The only values allowed, where the column is a code; empty means free."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``comment`` begins "One row per …"; ``key`` identifies a row over all partitions."""

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    owner: str = "team:data"

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself.

        Raises:
            ValueError: there is no key, a key or partition column is not declared or may be null,
                a column is declared twice, or the comment does not begin with the grain.
        """
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.full_name}: a column is declared twice: {names}")
        if not self.key:
            raise ValueError(f"{self.full_name}: a table needs a key")
        for name in (*self.key, *self.partition_by):
            if name not in names:
                raise ValueError(f"{self.full_name}: {name} is used as a key but not declared")
            if self.column(name).nullable:
                raise ValueError(f"{self.full_name}: {name} is a key and must not be nullable")
        if not self.comment.startswith("One row per "):
            raise ValueError(f'{self.full_name}: the comment must begin with "One row per "')

    @property
    def full_name(self) -> str:
        """``schema.name``, the one name that SQL, lake, assets and documents share."""
        return f"{self.schema}.{self.name}"

    def column(self, name: str) -> Column:
        """The column of that name; ``KeyError`` if the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.full_name} has no column {name}")

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)
