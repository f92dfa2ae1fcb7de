"""Which published tables go into an Excel workbook, and which not and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

Ask = Callable[..., "pl.DataFrame"]
"""Answers a query; ``$name`` in it is filled from the keyword arguments."""

MOST_ROWS = 1_048_576
"""Rows of a sheet, the header among them: Excel's limit."""
DEFAULT_ROWS = 100_000
"""A table with more is left out unless it is asked for by name."""

TABLES = """
select schema_name || '.' || table_name as name, comment
from duckdb_tables()
where schema_name = 'marts' or $any_schema
order by name
"""
COLUMNS = """
select column_name, data_type, comment
from duckdb_columns()
where schema_name = $schema and table_name = $table
order by column_index
"""
FILES = "file in (select file from marts.track_scores where artist_id = $artist or lower(artist_name) = lower($artist))"
"""An artist's unreleased tracks, for tables that know files only."""


class ExcelError(ValueError):
    """A table or artist is not in the file; the message says which, and what there is."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that goes into the workbook."""

    table: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]
    """Name, type and comment."""
    rows: int
    where: str

    @property
    def select(self) -> str:
        """The query for its rows."""
        return f"select * from {quoted(self.table)} {self.where}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workbook will hold, and what not and why."""

    sheets: tuple[Sheet, ...]
    left_out: tuple[tuple[str, str], ...]
    artist: str | None

    @property
    def rows(self) -> int:
        """Rows of all sheets together."""
        return sum(sheet.rows for sheet in self.sheets)


def quoted(table: str) -> str:
    """``schema.name`` for use in a query."""
    return ".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in table.split(".", 1))


def plan(ask: Ask, tables: Sequence[str] = (), artist: str | None = None) -> Plan:
    """Decide which tables go into a workbook.

    Args:
        ask: Answers queries on the published file.
        tables: ``schema.name`` of each; a name alone is one of ``marts``. All marts of up to 100,000 rows if empty.
        artist: Only this artist's rows, by name or id; tables without artists are left out then.

    Raises:
        ExcelError: a table or the artist is not in the file.
    """
    known = dict(ask(TABLES, any_schema=True).iter_rows())
    wanted = [name if "." in name else f"marts.{name}" for name in dict.fromkeys(tables)]
    for name in wanted:
        if name not in known:
            near = ", ".join(sorted(other for other in known if other.startswith("marts.")))
            raise ExcelError(f"There is no table {name} in the file. Tables of marts: {near}.")
    if artist is not None:
        _require_artist(ask, artist)
    sheets: list[Sheet] = []
    left_out: list[tuple[str, str]] = []
    for name in wanted or sorted(name for name in known if name.startswith("marts.")):
        sheet = _sheet(ask, name, str(known[name] or ""), artist)
        reason = _reason(sheet, artist, by_name=bool(wanted))
        if reason:
            left_out.append((name, reason))
        else:
            sheets.append(sheet)
    return Plan(tuple(sheets), tuple(left_out), artist)


def _require_artist(ask: Ask, artist: str) -> None:
    sql = "select count(*) as n from marts.artists where artist_id = $artist or lower(artist_name) = lower($artist)"
    if not ask(sql, artist=artist)["n"][0]:
        near = ask(
            "select artist_name from marts.artists "
            "order by jaro_winkler_similarity(lower(artist_name), lower($artist)) desc, artist_name limit 3",
            artist=artist,
        )["artist_name"].to_list()
        raise ExcelError(f"There is no artist {artist}. Nearest names: {', '.join(near) or 'none'}.")


def _sheet(ask: Ask, name: str, comment: str, artist: str | None) -> Sheet:
    schema, table = name.split(".", 1)
    columns = tuple(
        (str(column), str(kind), str(words or ""))
        for column, kind, words in ask(COLUMNS, schema=schema, table=table).iter_rows()
    )
    where = ""
    if artist is not None:
        found = {column for column, _, _ in columns}
        tests = ["artist_id = $artist"] * ("artist_id" in found)
        tests += ["lower(artist_name) = lower($artist)"] * ("artist_name" in found)
        if not tests and "file" in found:
            tests.append(FILES)
        where = f"where {' or '.join(tests) or 'false'}"
    count = ask(f"select count(*) as n from {quoted(name)} {where}", **given(artist))["n"][0]
    return Sheet(name, comment, columns, int(count), where)


def _reason(sheet: Sheet, artist: str | None, *, by_name: bool) -> str:
    """Why a table is left out; empty if it is not."""
    if any(column == "listener_key" for column, _, _ in sheet.columns):
        return "it has rows of single listeners"
    if sheet.where.endswith("false"):
        return "its rows are not of one artist"
    if sheet.rows >= MOST_ROWS:
        return f"{sheet.rows:,} rows, more than a sheet holds; see exports/{sheet.table}.parquet"
    if not by_name and sheet.rows > DEFAULT_ROWS:
        return f"{sheet.rows:,} rows; name it to have it, or see exports/{sheet.table}.parquet"
    return ""


def given(artist: str | None) -> dict[str, str]:
    """Parameters of a sheet's query."""
    return {} if artist is None else {"artist": artist}
