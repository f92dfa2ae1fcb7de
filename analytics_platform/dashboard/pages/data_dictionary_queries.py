"""Worked queries: the files of ``sql/queries``, which the tests run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from analytics_platform.dashboard.kept import choose
from analytics_platform.dashboard.look import plain, plural
from analytics_platform.dashboard.parts import sentence

FOLDER = Path(__file__).parents[3] / "sql" / "queries"
"""Beside the package in a checkout; not there where only the package is installed."""


@dataclass(frozen=True, slots=True)
class Query:
    """A worked query."""

    name: str
    about: str
    sql: str

    def asks(self, table: str) -> bool:
        """Whether it reads a table."""
        return re.search(rf"\b{re.escape(table)}\b", self.sql) is not None


@cache
def queries(folder: Path = FOLDER) -> tuple[Query, ...]:
    """All worked queries in order; none where the folder is not there."""
    return tuple(_query(file) for file in sorted(folder.glob("*.sql")))


def _query(file: Path) -> Query:
    lines = file.read_text().splitlines()
    head: list[str] = []
    while lines and lines[0].startswith("--"):
        head.append(lines.pop(0).removeprefix("--").strip())
    return Query(file.stem, " ".join(head), "\n".join(lines).strip())


def show_queries(table: str) -> None:
    """Show the worked queries that read ``table`` first, then all others; nothing where there are none."""
    known = queries()
    if not known:
        return
    st.subheader("Worked queries")
    mine = [query for query in known if query.asks(table)]
    names = {query.name: query for query in [*mine, *(query for query in known if query not in mine)]}
    if mine:
        sentence(
            f"{plural(len(mine), 'query', 'queries')} of {len(known)} {'reads' if len(mine) == 1 else 'read'} "
            f"`{table}`; {'it comes' if len(mine) == 1 else 'they come'} first in the list."
        )
    else:
        sentence(f"None of the {len(known)} queries reads `{table}`; here are the others.")
    first = next(iter(names))
    name = choose(
        st.selectbox,
        "Query",
        "query",
        list(names),
        first,
        format_func=lambda name: f"{name[:2]} {name[3:].replace('_', ' ')}",
        help="From sql/queries/. The button at the upper right of the query copies it.",
    )
    query = names[name or first]
    sentence(plain(query.about))
    st.code(query.sql, language="sql")
