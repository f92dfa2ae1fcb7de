"""One unpacked file → the table ``parsed``: sources as text, typed values, the first fault of each row.

The file is parsed once; each typed value is computed once, for the rules and for the outputs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from analytics_platform.lakehouse.lake import literal
from analytics_platform.streams.contract import NEVER_KEPT, Columns, Resource
from analytics_platform.streams.unpack import Text

NOT_AN_OBJECT, DUPLICATE = -1, -2
"""Faults that are no rule's; a rule's fault is its index."""


def present_columns(connection: duckdb.DuckDBPyConnection, resource: Resource, text: Text) -> list[str]:
    """The vendor's column names: the header line, or every key that any JSON line has."""
    if resource.header is not None:
        return list(resource.header)
    if resource.form == "tsv":
        with text.path.open("rb") as file:
            line = file.readline(1 << 20).decode("utf-8", "replace").rstrip("\n")
        return [name.strip().strip('"') for name in line.split(resource.delimiter)]
    # Nested sources are asked for by path, so only the top level is listed. Lines of the same keys are
    # brought together by hash: comparing lists of names would take twice as long.
    found = connection.execute(
        f"select distinct unnest(any_value(k)) from (select case when json_valid(line) then json_keys(line) end as k"
        f" from {_lines_sql(text, 1 << 20)}) group by hash(k)"
    ).fetchall()
    names = {name for (name,) in found if name is not None and "\0" not in name}
    return sorted(names | {a.name for s in resource.sources for a in s.aliases if "." in a.name})


def _lines_sql(text: Text, max_line_bytes: int) -> str:
    """A file's lines as they are; a byte that no text has serves as the delimiter."""
    return (
        f"read_csv({literal(str(text.path))}, delim = '\x01', header = false, quote = '', escape = '', comment = '',"
        f" auto_detect = false, columns = {{'line': 'VARCHAR'}}, new_line = '\\n', ignore_errors = true,"
        f" store_rejects = true, rejects_limit = 0, null_padding = false, {_sizes(text, max_line_bytes)})"
    )


def _sizes(text: Text, max_line_bytes: int) -> str:
    # DuckDB's own buffer, 16 lines of the largest size, would be the most of a worker's memory. It must
    # hold each line, those over the limit too.
    return f"max_line_size = {max_line_bytes}, buffer_size = {4 * max(max_line_bytes, text.longest_line)}"


def read(
    connection: duckdb.DuckDBPyConnection,
    resource: Resource,
    columns: Columns,
    present: Sequence[str],
    text: Text,
    max_line_bytes: int,
) -> None:
    """Fill ``parsed``: the sources and typed values that are asked for later, ``extras``, ``fault``.

    ``rowid`` is a row's place in the file: one thread reads, and the order of insertion is kept.
    """
    connection.execute("drop view if exists judged")
    for name in ("parsed", "reject_errors", "reject_scans"):
        connection.execute(f"drop table if exists {name}")
    wanted = {source.name: columns.by_source.get(source.name) for source in resource.sources}
    if resource.form == "tsv":
        # DuckDB takes at most four bytes; the rest of a longer delimiter is cut off the head of the next column.
        delimiter, rest = resource.delimiter[:4], len(resource.delimiter[4:])
        position = {name: f"c{i}" if i == 0 or not rest else f"c{i}[{rest + 1}:]" for i, name in enumerate(present)}
        types = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(present)))
        source = (
            f"read_csv({literal(str(text.path))}, delim = {literal(delimiter)}, quote = '', escape = '',"
            f" header = {str(resource.header is None).lower()}, comment = '', auto_detect = false,"
            f" columns = {{{types}}}, new_line = '\\n', ignore_errors = true, store_rejects = true,"
            f" rejects_limit = 0, null_padding = false, {_sizes(text, max_line_bytes)})"
        )
        texts = {name: f"nullif({position[column]}, '')" for name, column in wanted.items() if column}
        extras = _extras_tsv([(name, position[name]) for name in columns.unknown])
        is_row = "true"
    else:
        source = (
            f"(select line, is_json and (line like '{{%' or ltrim(line) like '{{%') as is_row,"
            f" case when is_json then json_extract_string(line, {_paths_sql(wanted)}) end as v"
            f" from (select *, json_valid(line) as is_json from {_lines_sql(text, max_line_bytes)}))"
        )
        texts = {name: f"nullif(trim(v[{i + 1}]), '')" for i, (name, column) in enumerate(wanted.items()) if column}
        extras = _extras_json(columns)
        is_row = "is_row"
    sources = ", ".join(f'{texts.get(name, "null::varchar")} as "{name}"' for name in wanted)
    typed = "".join(f', {sql} as "{name}"' for name, sql in resource.typed.items())
    kept = "".join(f'"{name}", ' for name in _asked_for(resource))
    connection.execute(
        f"create temp table parsed as select {kept}extras, {_fault_sql(resource, columns)} as fault"
        f" from (select *{typed} from (select {is_row} as is_row, {sources}, {extras} as extras from {source}))"
    )


def _asked_for(resource: Resource) -> list[str]:
    """The sources and typed values that something after the rules names."""
    later = [resource.listener_sql, *resource.duplicates_by, resource.clock or ""]
    for output in resource.outputs:
        later += [output.where, *output.values.values()]
    words = set(re.findall(r"\w+", " ".join(later)))
    return [name for name in [*(s.name for s in resource.sources), *resource.typed] if name in words]


def _paths_sql(wanted: dict[str, str | None]) -> str:
    # A source with a dot in its name is a nested one.
    paths = ", ".join(literal(f"$.{c}" if c and "." in c else _json_pointer(c or "")) for c in wanted.values())
    return f"[{paths}]"


def _extras_tsv(unknown: Sequence[tuple[str, str]]) -> str:
    if not unknown:
        return "null::varchar"
    pairs = ", ".join(f"{literal(name)}, {column}" for name, column in unknown)
    return f"json_object({pairs})::varchar"


def _extras_json(columns: Columns) -> str:
    if not columns.unknown:
        return "null::varchar"
    values = ((name, f"json_extract(line, {literal(_json_pointer(name))})") for name in columns.unknown)
    pairs = ", ".join(
        f"{literal(name)}, case when not regexp_matches({value}::varchar, {literal(NEVER_KEPT)}, 'i') then {value} end"
        for name, value in values
    )
    return f"case when is_row then json_object({pairs})::varchar end"


def _json_pointer(name: str) -> str:
    """Where a top-level key is; unlike a path, a pointer takes every character."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _fault_sql(resource: Resource, columns: Columns) -> str:
    """SQL of the index of the first rule that a row breaks, null for a good row."""
    cases = " ".join(
        f"when {rule.is_bad} then {i}"
        for i, rule in enumerate(resource.rules)
        if rule.source is None or rule.source in columns.by_source or _is_required(resource, rule.source)
    )
    return f"case when not is_row then {NOT_AN_OBJECT} {cases} end"


def _is_required(resource: Resource, name: str) -> bool:
    return any(source.name == name and source.required for source in resource.sources)
