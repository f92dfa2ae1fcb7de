"""What a commit does to a table, who sees it, and what survives upkeep."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from analytics_platform.lakehouse.lake import EVOLVED, Lake
from analytics_platform.lakehouse.tables import Column
from analytics_platform_tests.lakehouse.shapes import BY_VENDOR, PLAIN, fill, rows

DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
WIDER = replace(PLAIN, columns=(*PLAIN.columns, Column("size", "DOUBLE", "How large.", True)))
WIDER_BY_VENDOR = replace(BY_VENDOR, columns=(*BY_VENDOR.columns, Column("size", "DOUBLE", "How large.", True)))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_a_table_never_written_reads_as_empty_with_its_types(lake: Lake) -> None:
    with lake.connect(BY_VENDOR) as connection:
        assert connection.sql("from play.by_vendor").columns == ["vendor", "day", "number"]
        assert [str(t) for t in connection.sql("from play.by_vendor").types] == ["VARCHAR", "DATE", "BIGINT"]
    assert lake.version(BY_VENDOR) is None


def test_a_write_replaces_the_whole_table(lake: Lake) -> None:
    fill(lake, PLAIN, "(1, 'one'), (2, 'two')")
    commit = fill(lake, PLAIN, "(3, 'three')")
    assert (commit.rows, commit.version) == (1, lake.version(PLAIN))
    assert rows(lake, PLAIN) == [(3, "three")]


def test_columns_may_come_in_any_order(lake: Lake) -> None:
    fill(lake, PLAIN, "('one', 1)", names=["word", "number"])
    assert rows(lake, PLAIN) == [(1, "one")]


def test_a_last_line_that_is_a_comment_does_no_harm(lake: Lake) -> None:
    with lake.duckdb() as connection:
        lake.write(PLAIN, connection, "select 1 as number, 'one' as word -- the end")
    assert rows(lake, PLAIN) == [(1, "one")]


def test_a_partition_is_replaced_and_the_others_stay(lake: Lake) -> None:
    fill(lake, BY_VENDOR, "(1), (2)", partition={"vendor": "spotify", "day": DAY})
    fill(lake, BY_VENDOR, "(3)", partition={"vendor": "apple", "day": DAY})
    fill(lake, BY_VENDOR, "(4)", partition={"vendor": "spotify", "day": DAY})
    assert rows(lake, BY_VENDOR) == [("apple", DAY, 3), ("spotify", DAY, 4)]
    assert rows(lake, BY_VENDOR, only={"vendor": ["apple"]}) == [("apple", DAY, 3)]


def test_in_filters_replace_several_partitions(lake: Lake) -> None:
    everything = ", ".join(f"('{v}', date '{d}', {n})" for v in ("a", "b") for n, d in enumerate((DAY, NEXT)))
    fill(lake, BY_VENDOR, everything)
    fill(lake, BY_VENDOR, f"('a', date '{DAY}', 9)", replace=[("day", "in", [DAY, NEXT]), ("vendor", "=", "a")])
    assert rows(lake, BY_VENDOR) == [("a", DAY, 9), ("b", DAY, 0), ("b", NEXT, 1)]


def test_an_empty_partition_removes_its_rows(lake: Lake) -> None:
    fill(lake, BY_VENDOR, f"('a', date '{DAY}', 1), ('b', date '{DAY}', 2)")
    assert fill(lake, BY_VENDOR, "", partition={"vendor": "a", "day": DAY}).rows == 0
    assert rows(lake, BY_VENDOR) == [("b", DAY, 2)]
    fill(lake, BY_VENDOR, "", replace=[("vendor", "in", ["b"])])
    assert rows(lake, BY_VENDOR) == []


@pytest.mark.parametrize("vendor", ["a b", "ü/é", "50%", "x=y", "it's", "a%20b"])
def test_partition_values_are_any_text(lake: Lake, vendor: str) -> None:
    """A folder name is quoted, the value in the commit is not: quoted twice, filters would find nothing."""
    quoted_vendor = vendor.replace("'", "''")
    fill(lake, BY_VENDOR, f"('other', date '{DAY}', 0)")
    fill(lake, BY_VENDOR, "(1)", partition={"vendor": vendor, "day": DAY})
    fill(lake, BY_VENDOR, f"('{quoted_vendor}', date '{DAY}', 2)", replace=[("vendor", "in", [vendor])])
    expected = [(vendor, DAY, 2)]
    assert rows(lake, BY_VENDOR, only={"vendor": [vendor]}) == expected
    lake.compact(BY_VENDOR)
    lake.vacuum(BY_VENDOR, keep_days=0)
    assert rows(lake, BY_VENDOR) == sorted([("other", DAY, 0), *expected])


def test_versions_are_pinned(lake: Lake) -> None:
    first = fill(lake, PLAIN, "(1, 'one')").version
    with lake.connect(PLAIN) as open_before:
        fill(lake, PLAIN, "(2, 'two')")
        assert open_before.execute("from play.plain").fetchall() == [(1, "one")]
    assert rows(lake, PLAIN, version=first) == [(1, "one")]
    assert rows(lake, PLAIN) == [(2, "two")]


def test_a_new_column_reads_as_null_in_old_rows(lake: Lake) -> None:
    old = fill(lake, PLAIN, "(1, 'one')").version
    assert rows(lake, WIDER) == [(1, "one", None)], "declared, but nothing written since"
    fill(lake, WIDER, "(2, 'two', 0.5)")
    assert rows(lake, WIDER) == [(2, "two", 0.5)]
    assert rows(lake, WIDER, version=old) == [(1, "one", None)]


def test_old_partitions_alone_have_the_new_column_too(lake: Lake) -> None:
    fill(lake, BY_VENDOR, "(1)", partition={"vendor": "a", "day": DAY})
    fill(lake, WIDER_BY_VENDOR, "(2, 0.5)", partition={"vendor": "b", "day": DAY})
    assert rows(lake, WIDER_BY_VENDOR) == [("a", DAY, 1, None), ("b", DAY, 2, 0.5)]
    assert rows(lake, WIDER_BY_VENDOR, only={"vendor": ["a"]}) == [("a", DAY, 1, None)]
    with lake.connect(WIDER_BY_VENDOR, only={"vendor": ["a"]}) as connection:
        assert str(connection.sql("select size from play.by_vendor").types[0]) == "DOUBLE"


def test_a_table_is_marked_as_evolved_before_it_gets_its_column(lake: Lake) -> None:
    """A kill after the column and before the mark would leave a table that nobody can read."""
    fill(lake, PLAIN, "(1, 'one')")
    fill(lake, WIDER, "(2, 'two', 0.5)")
    newest = lake.version(WIDER)
    assert newest is not None
    for version in range(newest + 1):
        delta = lake.open(WIDER, version)
        assert delta is not None
        if "size" in {field.name for field in delta.schema().fields}:
            assert delta.metadata().configuration.get(EVOLVED) == "true"


def test_a_changed_type_is_refused_and_says_what_to_do(lake: Lake) -> None:
    fill(lake, PLAIN, "(1, 'one')")
    changed = replace(PLAIN, columns=(PLAIN.columns[0], Column("word", "BIGINT", "Now a number.", True)))
    with pytest.raises(TypeError, match=r"play\.plain\.word is .*string.* and .*long.* Move .*plain away"):
        fill(lake, changed, "(1, 1)")
    assert rows(lake, PLAIN) == [(1, "one")]


def test_staged_files_are_invisible_until_vacuum_removes_them(lake: Lake) -> None:
    fill(lake, PLAIN, "(1, 'one')")
    with lake.duckdb() as connection:
        staged = lake.stage(PLAIN, connection, "select 2 as number, 'two' as word")
    file = Path(lake.uri(PLAIN)) / staged[0].path
    assert file.exists()
    assert rows(lake, PLAIN) == [(1, "one")]
    hours_ago = time.time() - 5 * 3600
    os.utime(file, (hours_ago, hours_ago))
    assert lake.vacuum(PLAIN, keep_days=0.1) == 1
    assert not file.exists()
    assert rows(lake, PLAIN) == [(1, "one")]


def test_vacuum_keeps_recent_versions_and_a_fresh_staged_file(lake: Lake) -> None:
    first = fill(lake, PLAIN, "(1, 'one')").version
    fill(lake, PLAIN, "(2, 'two')")
    with lake.duckdb() as connection:
        staged = lake.stage(PLAIN, connection, "select 3 as number, 'three' as word")
        assert lake.vacuum(PLAIN, keep_days=1) == 0
        assert rows(lake, PLAIN, version=first) == [(1, "one")]
        lake.commit(PLAIN, staged)
    assert rows(lake, PLAIN) == [(3, "three")]


def test_compaction_changes_files_and_no_rows(lake: Lake) -> None:
    for number in range(4):
        with lake.duckdb() as connection:
            staged = lake.stage(PLAIN, connection, f"select {number} as number, 'x' as word")
            lake.commit(PLAIN, staged, replace=None)
    before = rows(lake, PLAIN)
    assert len(before) == 4
    assert lake.compact(PLAIN) == 4
    assert rows(lake, PLAIN) == before
    assert lake.compact(PLAIN) == 0


WRITER = """
import sys
from datetime import date, timedelta
from analytics_platform.lakehouse.lake import Lake
from analytics_platform_tests.lakehouse.shapes import fill
from analytics_platform_tests.lakehouse.test_lake import BY_VENDOR, WIDER_BY_VENDOR
root, vendor = sys.argv[1:]
for day in range(10):
    table, values = (WIDER_BY_VENDOR, "(1, 0.5), (2, 0.5)") if day > 4 else (BY_VENDOR, "(1), (2)")
    fill(Lake(root, threads=1), table, values, partition={"vendor": vendor, "day": date(2026, 1, 1) + timedelta(day)})
"""


def test_writers_at_the_same_time_lose_nothing(lake: Lake) -> None:
    """Three processes make the table, add a column half way and write ten partitions each."""
    vendors = ("a", "b", "c")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, lake.root, vendor]) for vendor in vendors]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    found = rows(lake, WIDER_BY_VENDOR)
    assert len(found) == 3 * 10 * 2
    assert {row[0] for row in found} == set(vendors)
    assert sum(row[3] is not None for row in found) == 3 * 5 * 2


def test_a_root_with_spaces_and_accents_is_readable(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "a label's été 100%")
    fill(lake, PLAIN, "(1, 'one')")
    fill(lake, BY_VENDOR, "('a b', date '2026-01-01', 1)")
    assert rows(lake, PLAIN) == [(1, "one")]
    assert rows(lake, BY_VENDOR) == [("a b", date(2026, 1, 1), 1)]
