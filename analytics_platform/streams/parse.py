"""One unpacked file → good rows staged for their tables, bad rows with line and reason.

The file is parsed once, all text, every column; types, rules and keys are SQL over that. The
number of lines that ``unpack`` counted must equal good plus rejected rows, or the file is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from analytics_platform.lakehouse.lake import Lake, StagedFile, literal
from analytics_platform.lakehouse.tables import Table
from analytics_platform.streams.contract import NEVER_KEPT, Columns, ContractError, Output, Resource, resolve_columns
from analytics_platform.streams.privacy import key_sql
from analytics_platform.streams.tables import REJECTED_ROWS
from analytics_platform.streams.unpack import Text

MAX_KNOWN_KEYS = 200_000

NOT_AN_OBJECT, DUPLICATE = -1, -2
"""Faults that are no rule's; a rule's fault is its index."""

CLOCK_STEP_S = 900
"""Spotify's clock has gone by quarter hours."""

STRUCTURE_REASONS = {
    "TOO MANY COLUMNS": "too many columns",
    "MISSING COLUMNS": "too few columns",
    "LINE SIZE OVER MAXIMUM": "line too long",
    "INVALID ENCODING": "not valid UTF-8",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What parsing needs to know of a delivered file."""

    delivery_id: str
    vendor: str
    licensor: str
    ingest_date: date
    file_name: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The outcome for one file: ``rows_read`` = ``good_rows`` + ``rejected_rows``."""

    rows_read: int
    good_rows: int
    rejected_rows: int
    staged_rejects: tuple[StagedFile, ...]
    staged: tuple[tuple[Table, StagedFile], ...]
    never_kept: tuple[str, ...]


def parse(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    resource: Resource,
    delivery: Delivery,
    text: Text,
    *,
    key_version: int,
    max_line_bytes: int,
) -> Parsed:
    """Parse ``text`` by the contract of ``resource`` and stage its good rows.

    Args:
        connection: a DuckDB with ``privacy.set_secret`` done, one thread, insertion order kept.
        lake: where the good rows are staged; nothing is committed.
        resource: the contract.
        delivery: the file's identity.
        text: the unpacked file.
        key_version: version of the secret.
        max_line_bytes: a longer line is rejected.

    Raises:
        ContractError: a needed column is missing, or lines are unaccounted for.
    """
    with_header = resource.form == "tsv" and resource.header is None
    if text.lines == 0:
        raise ContractError("the file is empty")
    present = _present_columns(connection, resource, text)
    columns = resolve_columns(resource, present, delivery.ingest_date)
    _read(connection, resource, columns, present, text, max_line_bytes)
    structural = _structural_rejects(connection, first_line=2 if with_header else 1)
    if resource.duplicates_by:
        _mark_duplicates(connection, resource)
    judged, faulty = connection.execute("select count(*), count(fault) from judged").fetchall()[0]
    rows_read = text.lines - int(with_header)
    if judged + structural != rows_read:
        raise ContractError(
            f"the file has {rows_read} rows but the parser found {judged} and rejected {structural}: "
            "refused, because rows would be lost silently"
        )
    if resource.listener:
        _make_keys(connection, resource, delivery)
    staged: list[tuple[Table, StagedFile]] = []
    for output in resource.outputs:
        select = _output_sql(resource, output, columns, delivery, key_version)
        partition = _partition(output.table, delivery)
        staged += [(output.table, file) for file in lake.stage(output.table, connection, select, partition)]
    rejected = structural + faulty
    staged_rejects: list[StagedFile] = []
    if rejected:
        select = _rejects_sql(resource, columns, delivery)
        staged_rejects = lake.stage(REJECTED_ROWS, connection, select, _partition(REJECTED_ROWS, delivery))
    return Parsed(rows_read, rows_read - rejected, rejected, tuple(staged_rejects), tuple(staged), columns.dropped)


def _partition(table: Table, delivery: Delivery) -> dict[str, object]:
    values: dict[str, object] = {"vendor": delivery.vendor, "ingest_date": delivery.ingest_date}
    return {name: values[name] for name in table.partition_by}


def _present_columns(connection: duckdb.DuckDBPyConnection, resource: Resource, text: Text) -> list[str]:
    """The vendor's column names: the header line, or every key that any JSON line has."""
    if resource.header is not None:
        return list(resource.header)
    if resource.form == "tsv":
        with text.path.open("rb") as file:
            line = file.readline(1 << 20).decode("utf-8", "replace").rstrip("\n")
        return [name.strip().strip('"') for name in line.split(resource.delimiter)]
    # Nested sources are asked for by path, so only the top level is listed.
    found = connection.execute(
        f"select distinct unnest(k) from (select distinct case when json_valid(line) then json_keys(line) end as k"
        f" from {_lines_sql(text.path, 1 << 20)})"
    ).fetchall()
    names = {name for (name,) in found if name is not None and "\0" not in name}
    return sorted(names | {a.name for s in resource.sources for a in s.aliases if "." in a.name})


def _lines_sql(path: Path, max_line_bytes: int) -> str:
    """A file's lines as they are; a byte that no text has serves as the delimiter."""
    return (
        f"read_csv({literal(str(path))}, delim = '\x01', header = false, quote = '', escape = '', comment = '',"
        f" auto_detect = false, columns = {{'line': 'VARCHAR'}}, new_line = '\\n', ignore_errors = true,"
        f" store_rejects = true, rejects_limit = 0, null_padding = false, max_line_size = {max_line_bytes})"
    )


def _read(
    connection: duckdb.DuckDBPyConnection,
    resource: Resource,
    columns: Columns,
    present: Sequence[str],
    text: Text,
    max_line_bytes: int,
) -> None:
    """Fill ``parsed``: ``n`` (order in the file), one VARCHAR per source, ``extras``, ``fault``."""
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
            f" rejects_limit = 0, null_padding = false, max_line_size = {max_line_bytes})"
        )
        values = {name: f"nullif({position[column]}, '')" if column else "null" for name, column in wanted.items()}
        extras = _extras_tsv([(name, position[name]) for name in columns.unknown])
        is_json = "true"
    else:
        source = _lines_sql(text.path, max_line_bytes)
        source = (
            f"(select case when json_valid(line) and ltrim(line) like '{{%' then line end as object,"
            f" {_paths_sql(wanted)} as v"
            f" from (select * from {source}))"
        )
        values = {
            name: f"nullif(trim(v[{i + 1}]), '')" if column else "null"
            for i, (name, column) in enumerate(wanted.items())
        }
        extras = _extras_json(columns)
        is_json = "object is not null"
    selected = ", ".join(f'{sql} as "{name}"' for name, sql in values.items())
    connection.execute(
        f"create temp table parsed as select * exclude (is_row), {_fault_sql(resource, columns, 'is_row')} as fault"
        f" from (select row_number() over () as n, {is_json} as is_row, {selected}, {extras} as extras from {source})"
    )


def _paths_sql(wanted: dict[str, str | None]) -> str:
    # A source with a dot in its name is a nested one.
    paths = ", ".join(literal(f"$.{c}" if c and "." in c else _json_pointer(c or "")) for c in wanted.values())
    return f"case when json_valid(line) then json_extract_string(line, [{paths}]) end"


def _extras_tsv(unknown: Sequence[tuple[str, str]]) -> str:
    if not unknown:
        return "null::varchar"
    pairs = ", ".join(f"{literal(name)}, {column}" for name, column in unknown)
    return f"json_object({pairs})::varchar"


def _extras_json(columns: Columns) -> str:
    if not columns.unknown:
        return "null::varchar"
    values = ((name, f"json_extract(object, {literal(_json_pointer(name))})") for name in columns.unknown)
    pairs = ", ".join(
        f"{literal(name)}, case when not regexp_matches({value}::varchar, {literal(NEVER_KEPT)}, 'i') then {value} end"
        for name, value in values
    )
    return f"json_object({pairs})::varchar"


def _json_pointer(name: str) -> str:
    """Where a top-level key is; unlike a path, a pointer takes every character."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _structural_rejects(connection: duckdb.DuckDBPyConnection, *, first_line: int) -> int:
    """Fill ``broken_lines`` and ``line_runs``, show ``judged`` with lines; returns how many lines are no rows.

    One line can have several errors: the first one counts. A run is a stretch of rows between
    broken lines: its first row number among the parsed rows, and how far the line is ahead of it.
    """
    connection.execute(
        "create or replace temp table broken_lines as"
        " select line, min_by(error_type::varchar, coalesce(column_idx, 0)) as error from reject_errors group by line"
    )
    connection.execute(
        f"""create or replace temp table line_runs as
        select from_n, max(shift) as shift from (
            select 1::bigint as from_n, {first_line - 1}::bigint as shift
            union all
            select line::bigint - {first_line} - i + 1, {first_line} + i
            from (select line, row_number() over (order by line) - 1 as i from broken_lines)
        ) group by from_n"""
    )
    broken = int(connection.execute("select count(*) from broken_lines").fetchall()[0][0])
    # Most files have no broken line, and then no join is needed to number the rows.
    lines = (
        f"select *, n + {first_line - 1} as line from parsed"
        if broken == 0
        else "select parsed.*, n + shift as line from parsed asof join line_runs on parsed.n >= line_runs.from_n"
    )
    connection.execute(f"create temp view judged as {lines}")
    return broken


def _fault_sql(resource: Resource, columns: Columns, is_row: str) -> str:
    """SQL of the index of the first rule that a row breaks, null for a good row."""
    cases = " ".join(
        f"when {rule.is_bad} then {i}"
        for i, rule in enumerate(resource.rules)
        if rule.source is None or rule.source in columns.by_source or _is_required(resource, rule.source)
    )
    return f"case when not {is_row} then {NOT_AN_OBJECT} {cases} end"


def _is_coarse(connection: duckdb.DuckDBPyConnection, clock: str) -> bool:
    """Whether every timestamp of the file lies on a quarter of an hour."""
    finest = connection.execute(
        f"select bool_or(epoch_us({clock}) % {CLOCK_STEP_S * 1_000_000} <> 0) from judged where fault is null"
    ).fetchone()
    return finest is None or not finest[0]


def _is_required(resource: Resource, name: str) -> bool:
    return any(source.name == name and source.required for source in resource.sources)


def _mark_duplicates(connection: duckdb.DuckDBPyConnection, resource: Resource) -> None:
    by = ", ".join(f'"{name}"' for name in resource.duplicates_by)
    # Grouped by hash, which DuckDB can do on disk; only what shares a hash is compared in full.
    connection.execute(
        f"""create or replace temp table suspects as
        select h from (select hash({by}) as h from parsed where fault is null) group by h having count(*) > 1"""
    )
    if connection.execute("select count(*) from suspects").fetchall()[0][0] == 0 or (
        resource.clock is not None and _is_coarse(connection, resource.clock)
    ):
        return
    connection.execute(
        f"""update parsed set fault = {DUPLICATE} where n in (
            select n from (
                select n, row_number() over (partition by {by} order by n) as seen from parsed
                where fault is null and hash({by}) in (select h from suspects)
            ) where seen > 1)"""
    )


def _rejects_sql(resource: Resource, columns: Columns, delivery: Delivery) -> str:
    structure = " ".join(f"when {literal(key)} then {literal(value)}" for key, value in STRUCTURE_REASONS.items())
    rules = [(i, rule.reason, columns.by_source.get(rule.source or "")) for i, rule in enumerate(resource.rules)]
    reasons = " ".join(f"when {i} then {literal(reason)}" for i, reason, _ in rules)
    at = " ".join(f"when {i} then {literal(column)}" for i, _, column in rules if column)
    column = f"case fault {at} end" if at else "null"
    return f"""
        select *, {literal(delivery.delivery_id)} as delivery_id, {literal(delivery.file_name)} as file_name from (
            select line, null as column_name, case error {structure} else lower(error) end as reason from broken_lines
            union all
            select line, {column}, case fault when {NOT_AN_OBJECT} then 'not a JSON object'
                when {DUPLICATE} then 'exact duplicate of an earlier row' {reasons} end
            from judged where fault is not null)"""


def _make_keys(connection: duckdb.DuckDBPyConnection, resource: Resource, delivery: Delivery) -> None:
    """Bring ``listener_keys`` up to the file's listeners.

    The table stays for the next file: half of a day's listeners were there the day before, and
    hashing is a third of the work. It is dropped when the account changes, or when it has grown
    to ``MAX_KNOWN_KEYS``.
    """
    prefix = f"{delivery.vendor}|{delivery.licensor}|"
    connection.execute(
        "create table if not exists listener_keys (id varchar, listener_key varchar);"
        " create table if not exists listener_keys_of (prefix varchar)"
    )
    known = connection.execute("select count(*) from listener_keys").fetchall()[0][0]
    if known > MAX_KNOWN_KEYS or connection.execute("from listener_keys_of").fetchall() != [(prefix,)]:
        connection.execute("delete from listener_keys; delete from listener_keys_of")
        connection.execute("insert into listener_keys_of values (?)", [prefix])
    connection.execute(
        f"""insert into listener_keys
        select id, {key_sql(f"{literal(prefix)} || id")} from (
            select distinct {resource.listener_sql} as id from parsed where fault is null) as present
        where id is not null and not exists (select 1 from listener_keys where listener_keys.id = present.id)"""
    )


def _output_sql(resource: Resource, output: Output, columns: Columns, delivery: Delivery, key_version: int) -> str:
    given = {
        "vendor": literal(delivery.vendor),
        "ingest_date": f"date '{delivery.ingest_date}'",
        "delivery_id": literal(delivery.delivery_id),
        "line": "line",
        "key_version": str(key_version),
        "listener_key": "listener_key",
        "extras": "extras",
    }
    values = [f'{output.values.get(c.name, given.get(c.name, "null"))} as "{c.name}"' for c in output.table]
    source = "judged"
    if resource.listener:
        source = f"judged left join listener_keys on listener_keys.id = {resource.listener_sql}"
    select = f"select {', '.join(values)} from {source} where fault is null and {output.where}"
    if output.one_per:
        select = (
            f'select * from ({select}) qualify row_number() over (partition by "{output.one_per}" order by line) = 1'
        )
    return select
