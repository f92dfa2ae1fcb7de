"""Declarations that contradict themselves are refused; rows that break one are counted."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.lakehouse.data_dictionary import data_dictionary
from analytics_platform.lakehouse.lake import arrow_schema
from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.orchestration.build import TABLES, published_tables
from analytics_platform_tests.lakehouse.shapes import PLAIN

WORD = Column("word", "VARCHAR", "A word.", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": (*PLAIN.columns, PLAIN.columns[0])}, "a column is declared twice"),
        ({"key": ("missing",)}, "missing is used as a key but not declared"),
        ({"partition_by": ("missing",)}, "missing is used as a key but not declared"),
        ({"key": ("word",)}, "word is a key and must not be nullable"),
        ({"key": ()}, "a table needs a key"),
        ({"comment": "Numbers."}, 'the comment must begin with "One row per "'),
    ],
)
def test_a_contradiction_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"play.plain: {message}"):
        replace(PLAIN, **change)


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(KeyError, match=r"play\.plain has no column colour"):
        PLAIN.column("colour")


def test_every_table_of_the_platform_has_an_arrow_schema() -> None:
    for table in TABLES:
        assert arrow_schema(table).names == [column.name for column in table]


def test_the_data_dictionary_has_every_column() -> None:
    text = data_dictionary(*published_tables())
    for table in TABLES:
        section = text.split(f"\n## {table.full_name}\n")[1].split("\n## ")[0]
        assert table.comment in section
        for column in table:
            assert f"\n| `{column.name}` | {column.type} |" in section


CHECKED = Table(
    "play",
    "checked",
    "One row per number and day.",
    (
        Column("number", "BIGINT", "A number.", minimum=0, maximum=3),
        Column("day", "DATE", "A day.", minimum=date(2026, 1, 2)),
        Column("share", "DOUBLE", "A share.", True, 0, 1),
        Column("code", "VARCHAR", "A code.", True, values=("a", "it's")),
        Column("free", "BOOLEAN", "Anything.", True),
    ),
    ("number", "day"),
)

checked_rows = st.tuples(
    st.none() | st.integers(-1, 4),
    st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 3)),
    st.none() | st.sampled_from([-0.1, 0.0, 0.5, 1.0, 1.1, math.nan, math.inf, -math.inf]),
    st.none() | st.sampled_from(["a", "it's", "b", ""]),
    st.none() | st.booleans(),
)


def naive(rows: list[tuple[Any, ...]]) -> dict[str, int]:
    """What ``find_violations`` should find, written without SQL. DuckDB takes NaN as larger than all."""
    found: Counter[str] = Counter()
    for number, day, share, code, _ in rows:
        found["number is null"] += number is None
        found["number < 0"] += number is not None and number < 0
        found["number > 3"] += number is not None and number > 3
        found["day is null"] += day is None
        found["day < 2026-01-02"] += day is not None and day < date(2026, 1, 2)
        found["share < 0"] += share is not None and share < 0
        found["share > 1"] += share is not None and (math.isnan(share) or share > 1)
        found["share is not a number"] += share is not None and math.isnan(share)
        found["code is an unknown code"] += code is not None and code not in ("a", "it's")
    found["key (number, day) is not unique"] = len(rows) - len({row[:2] for row in rows})
    return {rule: count for rule, count in found.items() if count}


@settings(max_examples=60, deadline=None)
@given(st.lists(checked_rows, max_size=12))
def test_violations_are_those_of_a_naive_check(rows: list[tuple[Any, ...]]) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table rows (number bigint, day date, share double, code varchar, free boolean)")
        if rows:
            connection.executemany("insert into rows values (?, ?, ?, ?, ?)", rows)
        found = {v.rule: v.rows for v in find_violations(connection, CHECKED, "rows")}
    assert found == naive(rows)
