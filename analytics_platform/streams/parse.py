"""One unpacked file → good rows staged for their tables, bad rows with line and reason.

The number of lines that ``unpack`` counted must equal good plus rejected rows, or the file is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from analytics_platform.lakehouse.lake import Lake, StagedFile, literal
from analytics_platform.lakehouse.tables import Table
from analytics_platform.streams.contract import Columns, ContractError, Output, Resource, resolve_columns
from analytics_platform.streams.privacy import key_sql
from analytics_platform.streams.reading import DUPLICATE, NOT_AN_OBJECT, present_columns, read
from analytics_platform.streams.tables import REJECTED_ROWS
from analytics_platform.streams.unpack import Text

MAX_KNOWN_KEYS = 200_000

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
    present = present_columns(connection, resource, text)
    columns = resolve_columns(resource, present, delivery.ingest_date)
    read(connection, resource, columns, present, text, max_line_bytes)
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
        select from_row, max(shift) as shift from (
            select 0::bigint as from_row, {first_line}::bigint as shift
            union all
            select line::bigint - {first_line} - i, {first_line} + i + 1
            from (select line, row_number() over (order by line) - 1 as i from broken_lines)
        ) group by from_row"""
    )
    broken = int(connection.execute("select count(*) from broken_lines").fetchall()[0][0])
    # Most files have no broken line, and then no join is needed to number the rows.
    lines = (
        f"select *, rowid + {first_line} as line from parsed"
        if broken == 0
        else "select parsed.*, parsed.rowid + shift as line from parsed"
        " asof join line_runs on parsed.rowid >= line_runs.from_row"
    )
    connection.execute(f"create temp view judged as {lines}")
    return broken


def _is_coarse(connection: duckdb.DuckDBPyConnection, clock: str) -> bool:
    """Whether every timestamp of the file lies on a quarter of an hour."""
    finest = connection.execute(
        f"select bool_or(epoch_us({clock}) % {CLOCK_STEP_S * 1_000_000} <> 0) from judged where fault is null"
    ).fetchone()
    return finest is None or not finest[0]


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
        f"""update parsed set fault = {DUPLICATE} where rowid in (
            select place from (
                select rowid as place, row_number() over (partition by {by} order by rowid) as seen from parsed
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
    """Fill ``listener_keys`` for the file's listeners.

    ``known_keys`` stays for the next file: half of a day's listeners were there the day before, and
    hashing is a third of the work. It is emptied when the account changes, or when it has grown
    to ``MAX_KNOWN_KEYS``.
    """
    prefix = f"{delivery.vendor}|{delivery.licensor}|"
    connection.execute(
        "create temp table if not exists known_keys (id varchar, listener_key varchar);"
        " create temp table if not exists known_keys_of (prefix varchar)"
    )
    known = connection.execute("select count(*) from known_keys").fetchall()[0][0]
    if known > MAX_KNOWN_KEYS or connection.execute("from known_keys_of").fetchall() != [(prefix,)]:
        connection.execute("delete from known_keys; delete from known_keys_of")
        connection.execute("insert into known_keys_of values (?)", [prefix])
    connection.execute(
        f"""create or replace temp table listener_keys as
        select id, coalesce(listener_key, {key_sql(f"{literal(prefix)} || id")}) as listener_key,
            listener_key is null as is_new
        from (select distinct {resource.listener_sql} as id from parsed where fault is null)
        left join known_keys using (id) where id is not null"""
    )
    connection.execute("insert into known_keys select id, listener_key from listener_keys where is_new")


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
