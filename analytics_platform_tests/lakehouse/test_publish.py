"""`analytics.duckdb`: swapped in while people read, complete, commented, and left alone when a check fails."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.publish import KEPT, PUBLISHED_TABLES, PublishError, publish
from analytics_platform.lakehouse.publish import _check as check_published
from analytics_platform.lakehouse.tables import Column
from analytics_platform.orchestration.build import TABLES, published_tables
from analytics_platform_tests.lakehouse.shapes import BY_VENDOR, PLAIN, fill

CLI = Path(sys.executable).with_name("duckdb")
MART = replace(PLAIN, schema="marts")
MACRO = "create macro marts.smaller_than(n) as table select number from marts.plain where number < n"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake", threads=1)
    fill(lake, MART, "(2, 'two'), (1, 'one')")
    fill(lake, BY_VENDOR, "('a', date '2026-01-01', 1)")
    return lake


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def ask(file: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def ask_cli(file: Path, sql: str) -> list[list[str]]:
    """Ask the client that people have; it fails the test if the file can't be opened."""
    done = subprocess.run(
        [CLI, "-readonly", "-csv", "-noheader", str(file), sql], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(csv.reader(done.stdout.splitlines()))


def test_the_client_is_older_than_the_library() -> None:
    """Else opening the file with it would show nothing."""
    version = subprocess.run([CLI, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("v1.5.")
    assert duckdb.__version__.startswith("2.")


def test_the_older_client_reads_tables_views_and_macros(lake: Lake, home: Path) -> None:
    published = publish(lake, home, [MART], [BY_VENDOR], [MACRO])
    file = home / "analytics.duckdb"
    assert published.rows == {"marts.plain": 2, "play.by_vendor": 1}
    assert ask_cli(file, "from marts.plain") == [["1", "one"], ["2", "two"]]
    assert ask_cli(file, "from play.by_vendor") == [["a", "2026-01-01", "1"]]
    assert ask_cli(file, "from marts.smaller_than(2)") == [["1"]]
    assert "v1.2.0" in str(ask(file, "select tags from duckdb_databases() where not internal"))


def test_a_view_of_a_table_with_a_new_column_opens_in_the_older_client(lake: Lake, home: Path) -> None:
    wider = replace(BY_VENDOR, columns=(*BY_VENDOR.columns, Column("size", "DOUBLE", "How large.", True)))
    fill(lake, wider, "(2, 0.5)", partition={"vendor": "b", "day": "2026-01-01"})
    publish(lake, home, [MART], [wider])
    assert ask_cli(home / "analytics.duckdb", "select number, size from play.by_vendor order by number") == [
        ["1", "NULL"],
        ["2", "0.5"],
    ]


def test_keys_not_nulls_and_what_is_in_the_file(lake: Lake, home: Path) -> None:
    publish(lake, home, [MART], [BY_VENDOR])
    file = home / "analytics.duckdb"
    keys = ask(
        file, "select table_name, constraint_column_names from duckdb_constraints() where constraint_type like 'PRIM%'"
    )
    assert dict(keys) == {"plain": ["number"], "published_tables": ["table_name"]}
    assert ask(file, "select column_name from duckdb_columns() where table_name = 'plain' and not is_nullable") == [
        ("number",)
    ]
    facts = ask(file, "select table_name, kind, row_count, table_version from marts.published_tables order by 1")
    assert facts == [
        ("marts.plain", "table", 2, lake.version(MART)),
        ("play.by_vendor", "view", 1, lake.version(BY_VENDOR)),
    ]


def test_every_column_of_every_real_table_and_view_has_a_comment(tmp_path: Path) -> None:
    tables, views = published_tables()
    publish(Lake(tmp_path / "nothing yet"), tmp_path, tables, views)
    file = tmp_path / "analytics.duckdb"
    comments = {
        (f"{schema}.{table}", column): comment
        for schema, table, column, comment in ask(
            file, "select schema_name, table_name, column_name, comment from duckdb_columns() where not internal"
        )
    }
    assert comments == {
        (table.full_name, column.name): column.comment for table in (*TABLES, PUBLISHED_TABLES) for column in table
    }
    relations = ask(
        file,
        "select schema_name || '.' || table_name, comment from duckdb_tables() where not internal union all "
        "select schema_name || '.' || view_name, comment from duckdb_views() where not internal",
    )
    assert dict(relations) == {table.full_name: table.comment for table in (*TABLES, PUBLISHED_TABLES)}
    dictionary = (tmp_path / "DATA_DICTIONARY.md").read_text()
    assert all(f"## {table.full_name}\n" in dictionary for table in (*TABLES, PUBLISHED_TABLES))


def test_exports_hold_the_marts(lake: Lake, home: Path) -> None:
    publish(lake, home, [MART], [BY_VENDOR])
    assert sorted(p.name for p in (home / "exports").iterdir()) == ["marts.plain.csv", "marts.plain.parquet"]
    assert pq.read_table(home / "exports" / "marts.plain.parquet").to_pylist() == [
        {"number": 1, "word": "one"},
        {"number": 2, "word": "two"},
    ]
    assert (home / "exports" / "marts.plain.csv").read_text() == "number,word\n1,one\n2,two\n"


def test_links_are_relative_so_that_a_home_can_be_moved(
    lake: Lake, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    publish(lake, home, [MART], [])
    for name in ("analytics.duckdb", "exports", "DATA_DICTIONARY.md"):
        assert (home / name).is_symlink()
        assert not (home / name).readlink().is_absolute()
    moved = tmp_path_factory.mktemp("moved") / "home"
    home.rename(moved)
    assert ask(moved / "analytics.duckdb", "select count(*) from marts.plain") == [(2,)]
    moved.rename(home)


def test_a_reader_keeps_its_file_and_who_opens_again_gets_the_new_one(lake: Lake, home: Path) -> None:
    """Also in one process: DuckDB shares an open database by its path, links resolved."""
    publish(lake, home, [MART], [])
    file = home / "analytics.duckdb"
    with duckdb.connect(str(file), read_only=True) as reader:
        for round_no in range(KEPT + 1):
            fill(lake, MART, f"({round_no}, 'new')")
            publish(lake, home, [MART], [])
        assert reader.execute("select number from marts.plain").fetchall() == [(1,), (2,)]
        assert ask(file, "select number from marts.plain") == [(KEPT,)]


def test_a_table_that_cannot_be_read_leaves_the_old_file(lake: Lake, home: Path) -> None:
    publish(lake, home, [MART], [BY_VENDOR])
    live = (home / "analytics.duckdb").readlink()
    fill(lake, MART, "(3, 'three')")
    for file in Path(lake.uri(BY_VENDOR)).rglob("*.parquet"):
        file.unlink()
    with pytest.raises(duckdb.IOException):
        publish(lake, home, [MART], [BY_VENDOR])
    assert (home / "analytics.duckdb").readlink() == live
    assert ask(home / "analytics.duckdb", "select count(*) from marts.plain") == [(2,)]
    assert [p.name for p in (home / "published").iterdir()] == [live.parent.name]


def test_the_check_compares_the_file_with_the_lake(lake: Lake, home: Path) -> None:
    publish(lake, home, [MART], [])
    with pytest.raises(PublishError, match=r"marts\.plain has 2 rows in the new file and 3 in the lake"):
        check_published(home / "analytics.duckdb", {"marts.plain": 3})


def test_a_key_that_is_not_unique_leaves_the_old_file(lake: Lake, home: Path) -> None:
    publish(lake, home, [MART], [])
    fill(lake, MART, "(3, 'three'), (3, 'drei')")
    with pytest.raises(duckdb.ConstraintException):
        publish(lake, home, [MART], [])
    assert ask(home / "analytics.duckdb", "select count(*) from marts.plain") == [(2,)]
    assert len(list((home / "published").iterdir())) == 1


def test_three_publications_are_kept(lake: Lake, home: Path) -> None:
    folders = [publish(lake, home, [MART], []).folder for _ in range(KEPT + 2)]
    assert sorted((home / "published").iterdir()) == folders[-KEPT:]
    assert (home / "analytics.duckdb").resolve().parent == folders[-1]


def test_what_a_killed_publish_left_goes_after_an_hour(lake: Lake, home: Path) -> None:
    fresh, old = (home / "published" / f".{name}.building" for name in ("fresh", "old"))
    fresh.mkdir(parents=True)
    old.mkdir()
    os.utime(old, (0, 0))
    publish(lake, home, [MART], [])
    assert fresh.exists()
    assert not old.exists()


PUBLISHER = """
import sys
from pathlib import Path
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.publish import publish
from analytics_platform_tests.lakehouse.test_publish import BY_VENDOR, MART, fill
home = Path(sys.argv[1])
lake = Lake(home / "lake", threads=1)
for n in range(3, 10):
    fill(lake, MART, ", ".join(f"({i}, 'round {n}')" for i in range(n)))
    publish(lake, home, [MART], [BY_VENDOR])
"""

ONE_VERSION = """
select (select count(*) from marts.plain), (select count(distinct word) from marts.plain),
    (select row_count from marts.published_tables where table_name = 'marts.plain')
"""


def test_the_older_client_reads_while_another_process_publishes(lake: Lake, home: Path) -> None:
    fill(lake, MART, "(0, 'round 2'), (1, 'round 2')")
    publish(lake, home, [MART], [BY_VENDOR])
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(home)])
    seen: list[int] = []
    while publisher.poll() is None:
        ((rows, words, told),) = ask_cli(home / "analytics.duckdb", ONE_VERSION)
        assert (words, told) == ("1", rows)
        seen.append(int(rows))
    assert publisher.returncode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 2, "the client saw several publications"


@pytest.fixture
def writer(lake: Lake) -> Iterator[None]:
    """Commits of growing size, as fast as they go, while the test runs."""
    stop = threading.Event()

    def write() -> None:
        n = 1
        while not stop.is_set():
            fill(lake, MART, ", ".join(f"({i}, 'x')" for i in range(n)))
            n += 1

    thread = threading.Thread(target=write)
    thread.start()
    yield
    stop.set()
    thread.join(60)


@pytest.mark.usefixtures("writer")
def test_the_version_that_a_file_names_is_the_one_that_it_shows(lake: Lake, home: Path) -> None:
    """Asked for twice, the newest version is another one the second time."""
    for _ in range(5):
        publish(lake, home, [MART], [])
        ((rows, version),) = ask(
            home / "analytics.duckdb", "select row_count, table_version from marts.published_tables"
        )
        with lake.connect(MART, versions={"marts.plain": version}) as connection:
            assert connection.execute("select count(*) from marts.plain").fetchall() == [(rows,)]
