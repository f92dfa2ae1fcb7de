"""Hold rows against their declaration: nulls, ranges, codes, keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from analytics_platform.lakehouse.lake import literal
from analytics_platform.lakehouse.tables import Table


@dataclass(frozen=True, slots=True)
class Violation:
    """How many rows break one rule of a declaration."""

    rule: str
    rows: int


def find_violations(connection: duckdb.DuckDBPyConnection, table: Table, relation: str) -> list[Violation]:
    """Count the rows of ``relation`` that break the declaration of ``table``, in one pass plus one for the key."""
    rules: dict[str, str] = {}
    for column in table:
        name = f'"{column.name}"'
        if not column.nullable:
            rules[f"{column.name} is null"] = f"{name} is null"
        if column.minimum is not None:
            rules[f"{column.name} < {column.minimum}"] = f"{name} < {_bound(column.minimum)}"
        if column.maximum is not None:
            rules[f"{column.name} > {column.maximum}"] = f"{name} > {_bound(column.maximum)}"
        if column.type in ("DOUBLE", "FLOAT"):
            rules[f"{column.name} is not a number"] = f"isnan({name})"
        if column.values:
            rules[f"{column.name} is an unknown code"] = f"{name} not in ({', '.join(map(literal, column.values))})"
    counts = ", ".join(f"count(*) filter (where {sql})" for sql in rules.values())
    found = connection.execute(f"select {counts} from {relation}").fetchall()[0]
    violations = [Violation(rule, rows) for rule, rows in zip(rules, found, strict=True) if rows]
    key = ", ".join(f'"{name}"' for name in table.key)
    twice = connection.execute(
        f"select coalesce(sum(n - 1), 0) from (select count(*) as n from {relation} group by {key} having n > 1)"
    ).fetchall()[0][0]
    if twice:
        violations.append(Violation(f"key ({', '.join(table.key)}) is not unique", int(twice)))
    return violations


def _bound(value: int | float | date) -> str:
    return f"date '{value}'" if isinstance(value, date) else str(value)
