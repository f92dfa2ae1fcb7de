"""Rows in memory as a table declares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from analytics_platform.lakehouse.tables import Table

if TYPE_CHECKING:
    import polars as pl


def frame_of(table: Table, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows with exactly the columns, order and types of the table; what a row lacks is null.

    A ``TIMESTAMP`` is without zone (UTC).
    """
    import polars as pl

    types: dict[str, pl.DataType] = {
        "BIGINT": pl.Int64(),
        "BOOLEAN": pl.Boolean(),
        "DATE": pl.Date(),
        "DOUBLE": pl.Float64(),
        "FLOAT": pl.Float32(),
        "INTEGER": pl.Int32(),
        "SMALLINT": pl.Int16(),
        "TIMESTAMP": pl.Datetime("us"),
        "VARCHAR": pl.String(),
    }
    columns = {column.name: types[column.type] for column in table}
    values = list(rows)
    return pl.DataFrame({name: [row.get(name) for row in values] for name in columns}, schema=columns)


def timestamp(seconds: float) -> datetime:
    """Seconds since 1970 as a time without zone (UTC), as a ``TIMESTAMP`` column holds it."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
