"""Excel workbooks: what is in them, read back from their XML, and what Excel would choke on."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from analytics_platform.cli import app
from analytics_platform.dashboard.excel import MOST_LETTERS, sheet_names, shortened, workbook, write
from analytics_platform.dashboard.excel_plan import ExcelError, plan

LONG = "x" * 40_000


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.artists (artist_id varchar, artist_name varchar, data_set varchar)")
        connection.execute(
            "insert into marts.artists values ('a', 'Nina Simone', 'label'), ('b', 'Sigur Rós', 'label')"
        )
        connection.execute("create table marts.plays_daily (artist_id varchar, play_date date)")
        connection.execute("insert into marts.plays_daily values ('a', date '2026-09-30')")
        connection.execute(
            "create table marts.odd (artist_id varchar, share double, whole bigint, words varchar, day date, "
            "moment timestamp, yes boolean)"
        )
        connection.execute("comment on table marts.odd is 'One row per odd thing.'")
        connection.execute("comment on column marts.odd.share is 'Share of it, 0 to 1.'")
        connection.executemany(
            "insert into marts.odd values (?, ?, ?, ?, ?, ?, ?)",
            [
                ("a", 0.25, 12, "=1+1", date(2026, 9, 30), datetime(2026, 9, 30, 5, 30), True),
                ("a", math.nan, 2**60, "+49 @home -x <b>&", None, None, None),
                ("b", math.inf, -5, LONG, None, None, False),
            ],
        )
        connection.execute("create table marts.of_nobody as select 1 as number")
        connection.execute("create table marts.people as select 'k' as listener_key, 'a' as artist_id")
        yield connection


def asker(connection: duckdb.DuckDBPyConnection) -> Any:
    def ask(sql: str, **parameters: Any) -> Any:
        used = {name: value for name, value in parameters.items() if f"${name}" in sql}
        return connection.sql(sql, params=used or None).pl()

    return ask


def cells(book: zipfile.ZipFile, sheet: str) -> list[dict[str, tuple[str, str]]]:
    """Kind and text of each cell of a sheet by column, row by row."""
    names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
    xml = book.read(f"xl/worksheets/sheet{names.index(sheet) + 1}.xml").decode()
    return [
        {
            letter: (
                re.search(r't="(\w+)"', how).group(1) if 't="' in how else "n",
                unescape(re.sub("<[^>]+>", "", body)),
            )  # type: ignore[union-attr]
            for letter, how, body in re.findall(r'<c r="([A-Z]+)\d+"([^>]*)>(.*?)</c>', row, re.DOTALL)
        }
        for row in re.findall(r"<row [^>]*>(.*?)</row>", xml, re.DOTALL)
    ]


def written(
    connection: duckdb.DuckDBPyConnection, folder: Path, *tables: str, artist: str | None = None
) -> zipfile.ZipFile:
    file = folder / "book.xlsx"
    write(asker(connection), plan(asker(connection), tables, artist), file)
    assert sorted(path.name for path in folder.iterdir()) == ["book.xlsx"]
    return zipfile.ZipFile(file)


def test_cells_are_what_they_were_and_never_formulas(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    book = written(connection, tmp_path)
    head, first, second, third = cells(book, "odd")
    assert [text for _, text in head.values()] == ["artist_id", "share", "whole", "words", "day", "moment", "yes"]
    assert (first["B"], first["C"], first["D"]) == (("n", "0.25"), ("n", "12"), ("inlineStr", "=1+1"))
    assert first["E"] == ("n", str((date(2026, 9, 30) - date(1899, 12, 30)).days))
    assert first["G"] == ("b", "1")
    assert set(second) == {"A", "C", "D"}, "what is no number or not known is an empty cell"
    assert second["C"] == ("inlineStr", str(2**60)), "Excel would round it"
    assert second["D"][1] == "+49 @home -x <b>&"
    assert len(third["D"][1]) <= MOST_LETTERS
    assert "<f>" not in book.read("xl/worksheets/sheet5.xml").decode()


def test_contents_say_what_is_in_and_what_is_left_out(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    book = written(connection, tmp_path)
    assert re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode()) == [
        "Contents", "Columns", "artists", "odd", "of_nobody", "plays_daily",
    ]  # fmt: skip
    text = str(cells(book, "Contents"))
    assert "Data as of 2026-09-30" in text
    assert "One row per odd thing." in text
    assert "it has rows of single listeners" in text
    assert "Share of it, 0 to 1." in str(cells(book, "Columns"))
    assert "Share of it, 0 to 1." in "".join(book.read(name).decode() for name in book.namelist() if "comments" in name)
    sheet = book.read("xl/worksheets/sheet4.xml").decode()
    assert "<autoFilter" in sheet
    assert 'state="frozen"' in sheet
    assert 'numFmtId="10"' in book.read("xl/styles.xml").decode() or "0.0%" in book.read("xl/styles.xml").decode()


def test_an_artist_has_its_rows_only(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    book = written(connection, tmp_path, artist="nina simone")
    assert len(cells(book, "artists")) == 2
    assert "its rows are not of one artist" in str(cells(book, "Contents"))


def test_unknown_names_are_said_with_what_there_is(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ExcelError, match=r"no table marts.nonsense .* marts.artists"):
        plan(asker(connection), ["nonsense"])
    with pytest.raises(ExcelError, match=r"no artist Nina Simon. Nearest names: Nina Simone"):
        plan(asker(connection), artist="Nina Simon")
    with pytest.raises(ExcelError, match="no artist x' or 1=1"):
        plan(asker(connection), artist="x' or 1=1 --")


def test_a_large_table_is_left_out_unless_it_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table marts.large as select range as number from range(100_001)")
    connection.execute("create table marts.too_large as select range as number from range(1_048_576)")
    ask = asker(connection)
    assert {"marts.large", "marts.too_large"} <= {name for name, _ in plan(ask).left_out}
    assert [sheet.table for sheet in plan(ask, ["large", "large"]).sheets] == ["marts.large"]
    assert "more than a sheet holds" in plan(ask, ["too_large"]).left_out[0][1]


def test_all_rows_come_in_order_when_there_are_many(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    connection.execute("create table marts.many as select range as number from range(45_000)")
    book = written(connection, tmp_path, "many")
    assert [int(row["A"][1]) for row in cells(book, "many")[1:]] == list(range(45_000))


def test_names_of_sheets_are_short_and_unlike() -> None:
    names = sheet_names(["marts." + "a" * 40, "marts." + "A" * 40, "tracks.outcomes", "marts.columns", "marts.x[y]/z"])
    assert names[0] == "a" * 31
    assert names[1] == "A" * 29 + "~2"
    assert names[2:] == ["tracks.outcomes", "columns~2", "x_y__z"]


def test_lists_become_words() -> None:
    assert shortened(["a", "b"]) == "a, b"
    assert len(shortened(LONG)) <= MOST_LETTERS


def test_a_file_stays_as_it_was_when_writing_fails(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    file = tmp_path / "book.xlsx"
    file.write_bytes(b"the old one")
    what = plan(asker(connection), ["odd"])
    connection.execute("drop table marts.odd")
    with pytest.raises(duckdb.Error):
        write(asker(connection), what, file)
    assert file.read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.xlsx"]


def test_a_download_is_a_workbook_of_one_table(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    file = tmp_path / "one.xlsx"
    file.write_bytes(workbook(asker(connection), "marts.artists"))
    assert len(cells(zipfile.ZipFile(file), "artists")) == 3


def test_the_command_writes_the_published_marts(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_HOME", str(home))
    file = tmp_path / "one.xlsx"
    done = CliRunner().invoke(
        app, ["excel", "artist_fans", "artists", "--to", str(file), "--artist", "AC/DC & Friends"]
    )
    assert done.exit_code == 0, done.output
    assert "2 tables" in done.output
    assert len(cells(zipfile.ZipFile(file), "artists")) == 2
    wrong = CliRunner().invoke(app, ["excel", "nonsense", "--to", str(file)])
    assert wrong.exit_code == 1
    assert CliRunner().invoke(app, ["excel", "--to", str(tmp_path / "table.csv")]).exit_code == 1


def test_the_command_says_when_nothing_is_published(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_HOME", str(empty_home))
    done = CliRunner().invoke(app, ["excel", "--to", str(empty_home / "x.xlsx")])
    assert done.exit_code == 1
    assert "analytics-platform demo" in " ".join(done.output.split())
