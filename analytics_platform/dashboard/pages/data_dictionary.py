"""What the published file holds: tables, columns and macros with their comments, downloads and worked queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose, given
from analytics_platform.dashboard.look import plain, plural
from analytics_platform.dashboard.pages.data_dictionary_facts import columns, dictionary_file, macros, search, tables
from analytics_platform.dashboard.pages.data_dictionary_queries import show_queries
from analytics_platform.dashboard.pages.data_dictionary_table import show_table
from analytics_platform.dashboard.parts import as_of, note, sentence, table
from analytics_platform.dashboard.reading import facts

FIRST = "marts.artist_fans"
AN_ARTIST = "select artist_name from marts.artists order by artist_name limit 1"


def show() -> None:
    """Show the page."""
    st.header("Data dictionary")
    known = tables()
    in_file = known.filter(pl.col("kind") == "table").height
    sentence(
        f"`analytics.duckdb` holds **{plural(in_file, 'table')}** and {plural(known.height - in_file, 'view')} over "
        "the lake. Tables of the schema `marts` are for everybody; each of their columns has its meaning and unit "
        "here. Times are UTC, shares are 0 to 1; an empty cell is not known, or withheld if `is_suppressed` says so."
    )
    _download()
    _find(known)
    names = known["name"].to_list()
    asked = given("table")
    if asked is not None and asked not in names:
        note(f"There is no table {plain(asked)} in the file. This is another one.")
    first = FIRST if FIRST in names else names[0]
    name = choose(
        st.selectbox, "Table", "table", names, first, help="schema.name, as in queries. Views read from the lake."
    )
    show_table(known.row(by_predicate=pl.col("name") == (name or first), named=True))
    _macros()
    show_queries(name or first)
    as_of()


def _download() -> None:
    file = dictionary_file()
    if file is None:
        return
    st.download_button(
        "Whole dictionary (Markdown)",
        file.read_bytes,
        "DATA_DICTIONARY.md",
        "text/markdown",
        key="dictionary",
        on_click="ignore",
        help="All tables, views and columns as one text.",
    )


def _find(known: pl.DataFrame) -> None:
    asked = given("find") or ""
    if st.session_state.get("find_given") != asked:
        st.session_state["find_given"] = st.session_state["find"] = asked

    def write() -> None:
        words = str(st.session_state["find"]).strip()
        st.session_state["find_given"] = words
        if words:
            st.query_params["find"] = words
        else:
            st.query_params.pop("find", None)

    st.text_input(
        "Find in all names and meanings",
        key="find",
        on_change=write,
        placeholder="withheld, listeners, percentile …",
        help="All words must be in the name or the meaning. Click a row to open its table.",
    )
    words = st.session_state["find"].split()
    if not words:
        return
    found = search(known, columns(), macros(), words)
    if found.is_empty():
        note(f"Nothing in the dictionary has {plain(' and '.join(words))} in it. Try fewer words.")
        return
    sentence(f"{plural(found.height, 'place')} with {plain(' and '.join(words))}:")
    table(
        found,
        ["data-dictionary", *words],
        key=f"found_{' '.join(words)}",
        on_click=lambda row: _open(None if row is None else found.row(row, named=True)),
        columns={
            "table": st.column_config.TextColumn("Table", pinned=True),
            "column": st.column_config.TextColumn("Column", help="Empty: the table itself."),
            "type": st.column_config.TextColumn("Type"),
            "meaning": st.column_config.TextColumn("Meaning", width="large"),
        },
    )


def _open(place: Mapping[str, Any] | None) -> None:
    """Turn to the table of a row that was clicked."""
    if place and place["type"] != "macro":
        st.query_params["table"] = place["table"]


def _macros() -> None:
    known = macros()
    if known.is_empty():
        return
    st.subheader("Table macros")
    sentence("Ready-made questions about an artist, asked like tables. What stands after the name may be left out.")
    artist = str(facts(AN_ARTIST).get("artist_name") or "name of an artist").replace("'", "''")
    for row in known.iter_rows(named=True):
        more = ", ".join(row["names"][1:])
        st.code(f"from {row['name']}('{artist}')" + (f"  -- may be given too: {more}" if more else ""), language="sql")
