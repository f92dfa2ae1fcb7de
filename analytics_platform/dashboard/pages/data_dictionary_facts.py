"""What the published file says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from analytics_platform.dashboard.published import live
from analytics_platform.dashboard.reading import rows
from analytics_platform.settings import Settings

TABLES = """
with

described as (
    select schema_name || '.' || table_name as name, 'table' as kind, comment from duckdb_tables()
    union all
    select schema_name || '.' || view_name, 'view', comment from duckdb_views() where not internal
)

select described.name, described.kind, described.comment, published.row_count, published.table_version
from described
left join marts.published_tables as published on described.name = published.table_name
order by not starts_with(described.name, 'marts.'), described.name
"""
COLUMNS = """
select
    columns.schema_name || '.' || columns.table_name as name,
    columns.column_index as place,
    columns.column_name,
    columns.data_type,
    columns.is_nullable,
    coalesce(list_contains(keys.constraint_column_names, columns.column_name), false) as is_key,
    columns.comment
from duckdb_columns() as columns
left join duckdb_constraints() as keys
    on columns.table_oid = keys.table_oid and keys.constraint_type = 'PRIMARY KEY'
where not columns.internal
order by name, place
"""
MACROS = """
select
    schema_name || '.' || function_name as name, parameters as names, macro_definition as definition
from duckdb_functions()
where function_type = 'table_macro' and not internal
order by name
"""
LISTENER_KEY = "listener_key"


def tables() -> pl.DataFrame:
    """Name, kind, sentence, rows and version of each table and view, those of ``marts`` first."""
    return rows(TABLES)


def columns() -> pl.DataFrame:
    """All columns with type, key and comment."""
    return rows(COLUMNS)


def macros() -> pl.DataFrame:
    """Table macros with the names of their parameters."""
    return rows(MACROS).with_columns(pl.col("names").list.join(", ").alias("parameters"))


def has_listeners(name: str) -> bool:
    """Whether the rows of a table are of single listeners: they are never shown."""
    return columns().filter(pl.col("name") == name, pl.col("column_name").str.contains(LISTENER_KEY)).height > 0


def dictionary_file() -> Path | None:
    """The dictionary as text, which lies beside the published file; None if it does not."""
    return _beside("DATA_DICTIONARY.md")


def export_of(name: str) -> Path | None:
    """The Parquet file of a table; None if there is none."""
    return _beside(f"exports/{name}.parquet")


def _beside(name: str) -> Path | None:
    database = Settings().database
    # The file of the same publication, to be read even if another is swapped in meanwhile.
    inside = live(database).file.with_name("x").parent / name
    return inside if inside.is_file() else None


def shown_export(name: str) -> str:
    """Where people find the Parquet file of a table."""
    return str(Settings().home / "exports" / f"{name}.parquet")


def search(known: pl.DataFrame, described: pl.DataFrame, called: pl.DataFrame, words: Sequence[str]) -> pl.DataFrame:
    """Tables, columns and macros with all of ``words`` in name or meaning; those of ``marts`` first."""
    parts = [
        known.select(
            pl.col("name").alias("table"), pl.lit("").alias("column"), pl.col("kind").alias("type"), "comment"
        ),
        described.select(pl.col("name").alias("table"), pl.col("column_name").alias("column"), "data_type", "comment"),
        called.select(
            pl.col("name").alias("table"), pl.lit("").alias("column"), pl.lit("macro").alias("type"), "parameters"
        ),
    ]
    names = ["table", "column", "type", "meaning"]
    every = pl.concat(
        [part.rename(dict(zip(part.columns, names, strict=True))) for part in parts], how="vertical_relaxed"
    )
    text = pl.concat_str("table", "column", "meaning", separator=" ", ignore_nulls=True).str.to_lowercase()
    for word in words:
        every = every.filter(text.str.contains(word.lower(), literal=True))
    return every.sort(~pl.col("table").str.starts_with("marts."), "table", "column", maintain_order=True)
