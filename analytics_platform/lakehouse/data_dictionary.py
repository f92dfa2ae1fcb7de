"""The data dictionary as Markdown, from the declarations alone."""

from __future__ import annotations

from collections.abc import Sequence

from analytics_platform.lakehouse.tables import Column, Table


def data_dictionary(tables: Sequence[Table], views: Sequence[Table] = ()) -> str:
    """A heading per table and view, sorted by name, with a line per column."""
    kinds = {table.full_name: "table" for table in tables} | {view.full_name: "view over the lake" for view in views}
    parts = ["# Data dictionary", "", "Generated from the table declarations. Times are UTC; shares are 0 to 1.", ""]
    for table in sorted([*tables, *views], key=lambda t: t.full_name):
        parts += [f"## {table.full_name}", "", f"{table.comment} ({kinds[table.full_name]})", ""]
        parts += [f"Key: {', '.join(f'`{name}`' for name in table.key)}", ""]
        parts += ["| column | type | null | meaning |", "|---|---|---|---|"]
        parts += [_line(column) for column in table]
        parts.append("")
    return "\n".join(parts)


def _line(column: Column) -> str:
    comment = column.comment
    if column.values:
        comment += " One of: " + ", ".join(column.values) + "."
    comment = comment.replace("|", "\\|")
    return f"| `{column.name}` | {column.type} | {'yes' if column.nullable else ''} | {comment} |"
