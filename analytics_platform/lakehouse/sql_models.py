"""SQL models: ``sql/<schema>/<table>.sql``, one select each, read with sqlglot.

A file begins with comment lines. The first is the table's comment, word for word as declared;
the others say how the rows come about, and one whose the table is. Dependencies, column lineage
and code version come from the syntax tree, so a new comment or line break changes no version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import TokenType, exp

from analytics_platform.lakehouse.tables import Table

DIALECT = "duckdb"


class SqlModelError(ValueError):
    """A SQL file breaks a rule of the house; the message names the file and the rule."""


@dataclass(frozen=True)
class SqlModel:
    """One SQL file and the table that it makes."""

    table: Table
    description: str
    sql: str
    depends_on: tuple[Table, ...]

    @property
    def code_version(self) -> str:
        """Changes when the query or the declaration changes, not when its layout does."""
        tree = sqlglot.parse_one(self.sql, read=DIALECT)
        text = tree.sql(DIALECT, comments=False, normalize=True) + repr(self.table)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def lineage(self) -> dict[str, list[tuple[str, str]]]:
        """For each column the columns ``(schema.table, column)`` that its value comes from."""
        from sqlglot.lineage import lineage

        schema: dict[str, object] = {}
        for table in self.depends_on:
            schema.setdefault(table.schema, {})[table.name] = {c.name: c.type for c in table}  # type: ignore[index]
        tree = sqlglot.parse_one(self.sql, read=DIALECT)
        # All columns in one call share what was found of the common parts.
        nodes = lineage(None, tree, schema, dialect=DIALECT, copy=False, trim_selects=False)
        found: dict[str, list[tuple[str, str]]] = {}
        for column in self.table:
            leaves: set[tuple[str, str]] = set()
            for node in nodes[column.name].walk():
                if isinstance(node.expression, exp.Table) and not node.downstream:
                    source = f"{node.expression.db}.{node.expression.name}"
                    leaves.add((source, node.name.split(".")[-1].strip('"')))
            found[column.name] = sorted(leaves)
        return found


def load_sql_models(root: Path, tables: Iterable[Table]) -> list[SqlModel]:
    """Read all models below ``root``, whose folders are schemas.

    Raises:
        SqlModelError: a file without declaration, a comment that differs from it, more than one
            statement, a table that nobody declares, or columns other than the declared ones.
    """
    by_name = {table.full_name: table for table in tables}
    return [
        _load(path, by_name) for path in sorted(root.glob("*/*.sql")) if path.parent.name not in ("macros", "queries")
    ]


def _load(path: Path, tables: Mapping[str, Table]) -> SqlModel:
    name = f"{path.parent.name}.{path.stem}"
    table = tables.get(name)
    if table is None:
        raise SqlModelError(f"{path.name}: no table {name} is declared in any room's tables.py")
    text = path.read_text()
    lines = text.splitlines()
    header: list[str] = []
    for line in lines:
        if not line.startswith("--"):
            break
        header.append(line.removeprefix("--").strip())
    if not header or header[0] != table.comment:
        raise SqlModelError(f'{name}: its first line must be the declared comment: "-- {table.comment}"')
    owners = [line for line in header if line.startswith("owner:")]
    if owners != [f"owner: {table.owner}"]:
        raise SqlModelError(f'{name}: its header must name the declared owner once: "-- owner: {table.owner}"')
    statements = sqlglot.parse(text, read=DIALECT)
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SqlModelError(f"{name}: must be one select")
    if any(token.token_type == TokenType.SEMICOLON for token in sqlglot.tokenize(text, read=DIALECT)):
        raise SqlModelError(f"{name}: must not end with a semicolon, it is run inside another select")
    query = statements[0]
    columns = [c.name for c in table]
    if query.named_selects != columns:
        raise SqlModelError(f"{name}: selects {query.named_selects}, but its table declares {columns}")
    ctes = {cte.alias for cte in query.find_all(exp.CTE)}
    sources = {
        f"{found.db}.{found.name}" if found.db else found.name or found.sql(DIALECT)
        for found in query.find_all(exp.Table)
        if found.db or found.name not in ctes
    }
    if unknown := sorted(sources - tables.keys()):
        raise SqlModelError(f"{name}: reads {', '.join(unknown)}, which no room declares")
    return SqlModel(
        table,
        " ".join(line for line in header if line not in owners),
        text,
        tuple(tables[source] for source in sorted(sources)),
    )
