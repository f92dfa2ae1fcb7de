"""One table of the dictionary: its sentence, columns, first rows, query and downloads."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.excel import workbook
from analytics_platform.dashboard.excel_plan import MOST_ROWS, quoted
from analytics_platform.dashboard.look import count, day, plain
from analytics_platform.dashboard.pages.data_dictionary_facts import columns, export_of, has_listeners, shown_export
from analytics_platform.dashboard.parts import csv, file_name, note, sentence, table
from analytics_platform.dashboard.published import Reader, live
from analytics_platform.dashboard.reading import facts, fresh_rows, rows
from analytics_platform.settings import Settings

MOST_CSV = 200_000
"""Rows of a table that is offered as CSV; a larger one is better read from its Parquet file."""
MOST_EXCEL = 50_000
"""Rows of a table that the page writes as Excel: about ten seconds; the command line writes larger ones."""
SAMPLE = 20
LAST_DAY = "select max(play_date) as day from marts.plays_daily"


def show_table(facts_of: dict[str, Any]) -> None:
    """Show a table or view."""
    name, kind = str(facts_of["name"]), str(facts_of["kind"])
    st.subheader(name)
    sentence(f"**{plain(facts_of['comment'])}**" if facts_of["comment"] else "It has no description.")
    _size(facts_of)
    _columns(name)
    _sample(name, kind)
    if kind == "table":
        _downloads(name, int(facts_of["row_count"] or 0))


def _size(facts_of: dict[str, Any]) -> None:
    parts: list[str] = []
    if facts_of["row_count"] is not None:
        parts.append(f"{count(facts_of['row_count'])} rows at publication")
    if facts_of["table_version"] is not None:
        parts.append(f"version {facts_of['table_version']} of the lake's table")
    where = "in the file" if facts_of["kind"] == "table" else "a view: needs the lake's files where they were published"
    sentence(" · ".join([*parts, where]))


def _columns(name: str) -> None:
    found = columns().filter(pl.col("name") == name)
    shown = found.select(
        "column_name",
        "data_type",
        pl.when("is_key").then(pl.lit("yes")).otherwise(pl.lit("")).alias("is_key"),
        pl.when("is_nullable").then(pl.lit("yes")).otherwise(pl.lit("")).alias("may_be_empty"),
        "comment",
    )
    keys = ", ".join(f"`{column}`" for column in found.filter("is_key")["column_name"])
    if keys:
        sentence(f"One row per value of its key: {keys}.")
    # Not a grid: there a meaning would be cut off at the edge of its cell.
    st.table(
        pl.DataFrame(
            [
                {
                    "Column": f"`{row['column_name']}` {row['data_type'].lower()}{', key' * (row['is_key'] == 'yes')}",
                    "Meaning, unit and range": plain(row["comment"]),
                }
                for row in shown.iter_rows(named=True)
            ]
        ),
        border="horizontal",
        hide_index=True,
    )
    st.download_button(
        "CSV",
        lambda: csv(shown),
        file_name("data-dictionary", name, _last_day(), suffix=".csv"),
        "text/csv",
        key=f"columns_{name}_csv",
        on_click="ignore",
        help="The columns of this table with type, key and meaning.",
    )


def _sample(name: str, kind: str) -> None:
    st.code(f"select * from {name} limit {SAMPLE}", language="sql")
    if has_listeners(name):
        note("Rows of this view are of single listeners (by key). They are never shown on a page.")
        return
    if kind == "view":
        note("The rows of a view lie in the lake, not in this file: ask for them with the query above.")
        return
    sample = rows(f"select * from {quoted(name)} limit {SAMPLE}")
    if sample.is_empty():
        note("The table is empty: what fills it has not run, or found nothing to write.")
        return
    sentence(f"The first {sample.height} rows:")
    dates = [column for column, kind in sample.schema.items() if kind == pl.Date]
    table(
        sample,
        ["sample", name, _last_day()],
        key=f"sample_{name}",
        columns={column: st.column_config.DateColumn(column, format="D MMM YYYY") for column in dates},
    )


def _downloads(name: str, size: int) -> None:
    if has_listeners(name) or not size:
        return
    st.markdown("**The whole table**")
    if size <= MOST_CSV:
        st.download_button(
            f"All {count(size)} rows (CSV)",
            lambda: csv(fresh_rows(f"select * from {quoted(name)}")),
            file_name(name, _last_day(), suffix=".csv"),
            "text/csv",
            key=f"all_{name}",
            on_click="ignore",
            help="UTF-8, names of columns first, shares as 0 to 1.",
        )
    if size <= MOST_EXCEL:
        st.download_button(
            f"All {count(size)} rows (Excel)",
            lambda: _excel(name),
            file_name(name, _last_day(), suffix=".xlsx"),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            key=f"excel_{name}",
            on_click="ignore",
            help="With a sheet on what each column means. 10,000 rows take a second or two.",
        )
    elif size < MOST_ROWS:
        sentence(f"As Excel: `analytics-platform excel {name.removeprefix('marts.')} --to table.xlsx`")
    if export_of(name):
        sentence(f"As Parquet and CSV: `{shown_export(name)}`, and the same with `.csv`.")
    elif size > MOST_CSV:
        sentence(f"It has more rows than a download should: ask `{Settings().database}` with the query above.")


def _excel(name: str) -> bytes:
    # One publication for all queries of a workbook, even if another is swapped in meanwhile.
    reader = Reader(live(Settings().database))
    return workbook(lambda sql, **parameters: reader.rows(sql, parameters), name)


def _last_day() -> str:
    last = facts(LAST_DAY).get("day")
    return last.isoformat() if last else day(None)
