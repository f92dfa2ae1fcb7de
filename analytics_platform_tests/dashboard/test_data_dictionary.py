"""The data dictionary: what the file says of itself, found by words, and never a row of a listener."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from analytics_platform.dashboard.pages import data_dictionary_facts, data_dictionary_queries, data_dictionary_table
from analytics_platform.dashboard.pages.data_dictionary_queries import FOLDER, queries
from analytics_platform.dashboard.published import Reader, live
from analytics_platform_tests.dashboard.reading_pages import open_page


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "info") for element in at.get(kind))


def labels(at: AppTest) -> list[str]:
    return [str(button.proto.label) for button in at.get("download_button")]


def ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    return Reader(live(home / "analytics.duckdb")).rows(sql).rows()


def test_a_table_is_shown_with_every_column_and_its_first_rows(home: Path) -> None:
    at = open_page(home, "data-dictionary", table="marts.artist_fans")
    described = ask(
        home,
        "select column_name, data_type, comment from duckdb_columns() where schema_name = 'marts' "
        "and table_name = 'artist_fans' order by column_index",
    )
    shown = at.table[0].value
    assert [text.split()[0].strip("`") for text in shown["Column"]] == [name for name, _, _ in described]
    assert shown["Column"].iloc[0].endswith(", key")
    rows = ask(home, "select count(*) from marts.artist_fans")[0][0]
    assert f"{rows:,} rows at publication" in words(at)
    assert len(at.dataframe[0].value) == 20
    assert f"All {rows:,} rows (Excel)" in labels(at)


def test_rows_of_listeners_are_never_shown(home: Path) -> None:
    found = ask(
        home,
        "select distinct schema_name || '.' || table_name from duckdb_columns() where column_name = 'listener_key'",
    )
    assert found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_dictionary_facts, "rows", lambda sql: Reader(live(home / "analytics.duckdb")).rows(sql))
        assert all(data_dictionary_facts.has_listeners(name) for (name,) in found)
        assert not data_dictionary_facts.has_listeners("marts.artist_fans")
    at = open_page(home, "data-dictionary", table=found[0][0])
    assert "never shown" in words(at)
    assert not at.dataframe
    assert not [label for label in labels(at) if label.startswith("All ")]


def test_words_are_found_in_names_and_meanings(home: Path) -> None:
    at = open_page(home, "data-dictionary", find="diehards TRUTH-free nonsense")
    assert "Nothing in the dictionary" in words(at)
    at = open_page(home, "data-dictionary", find="share Interval")
    found = at.dataframe[0].value
    assert ("marts.artist_fans", "share_low") in set(zip(found["table"], found["column"], strict=True))
    assert at.query_params["find"] == "share Interval"


def test_an_unknown_table_is_a_notice_and_another_one(home: Path) -> None:
    at = open_page(home, "data-dictionary", table="marts.nonsense")
    assert "There is no table marts" in words(at)
    assert at.selectbox[0].value == "marts.artist_fans"


def test_a_table_without_rows_says_so(home: Path) -> None:
    empty = ask(home, "select table_name from marts.published_tables where kind = 'table' and row_count = 0")[0][0]
    at = open_page(home, "data-dictionary", table=empty)
    assert at.selectbox[0].value == empty
    assert "The table is empty" in words(at)


def test_one_query_reads_and_several_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, *others = [query for query in queries() if query.asks("marts.similar_artists")]
    known = (one, *(query for query in queries() if not query.asks("marts.similar_artists")))
    assert others
    monkeypatch.setattr(data_dictionary_queries, "queries", lambda: known)
    said = [item.value for item in open_page(home, "data-dictionary", table="marts.similar_artists").markdown]
    assert f"1 query of {len(known)} reads `marts.similar_artists`; it comes first in the list." in said
    monkeypatch.setattr(data_dictionary_queries, "queries", lambda: (*known, *others))
    said = [item.value for item in open_page(home, "data-dictionary", table="marts.similar_artists").markdown]
    assert any("read `marts.similar_artists`; they come first in the list." in words for words in said)


def test_queries_of_a_table_come_first_and_are_left_out_where_there_are_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page(home, "data-dictionary", table="marts.similar_artists", query="22_similar_artists")
    assert (FOLDER / "22_similar_artists.sql").read_text().endswith(at.code[-1].value + "\n")
    monkeypatch.setattr(data_dictionary_queries, "queries", lambda: ())
    assert "Worked queries" not in [header.value for header in open_page(home, "data-dictionary").subheader]
    assert queries(home / "no such folder") == ()


def test_macros_are_shown_as_they_are_asked(home: Path) -> None:
    at = open_page(home, "data-dictionary")
    asked = [code.value for code in at.code if "marts.fans_of" in code.value]
    assert ask(home, asked[0].split("  --")[0]) is not None


def test_downloads_hold_the_whole_table(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_HOME", str(home))
    book = zipfile.ZipFile(io.BytesIO(data_dictionary_table._excel("marts.artists")))
    artists = ask(home, "select count(*) from marts.artists")[0][0]
    assert book.read("xl/worksheets/sheet3.xml").count(b"<row ") == artists + 1
    assert pl.read_csv(home / "exports" / "marts.artists.csv").height == artists
