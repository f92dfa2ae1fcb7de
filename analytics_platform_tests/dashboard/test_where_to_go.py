"""Where to go lists all artists and countries as they are asked for in the address."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from analytics_platform.dashboard.look import count, spread
from analytics_platform.dashboard.pages.where_to_go_trust import band, trust_words
from analytics_platform.dashboard.published import Reader, live
from analytics_platform_tests.dashboard.reading_pages import open_page, run_page

JAZZ = "artist_id in (select artist_id from streams.artist_genres where genre = 'jazz')"


def answers(home: Path, sql: str) -> list[tuple[Any, ...]]:
    return Reader(live(home / "analytics.duckdb")).rows(sql).rows()


def words(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.markdown, *at.info))


def listed(at: AppTest) -> list[dict[str, Any]]:
    return next(frame.value.to_dict("records") for frame in at.dataframe if "standing" in frame.value.columns)


@pytest.fixture(scope="module")
def page(home: Path) -> AppTest:
    """The page as it is first seen. No test changes it."""
    return open_page(home, "where-to-go")


def test_the_first_sentence_counts_the_openings_and_names_the_largest(home: Path, page: AppTest) -> None:
    openings, artists, countries = answers(
        home,
        "select count(*), count(distinct artist_id), count(distinct country) from marts.potential_streams "
        "where market_rank is not null",
    )[0]
    first = page.markdown[0].value
    assert f"**{openings} openings for {artists} artists in {countries} countries.**" in first
    potential, low, high = answers(
        home,
        "select gap_plays, expected_low - actual_plays, expected_high - actual_plays from marts.potential_streams "
        "where market_rank is not null order by gap_plays desc limit 1",
    )[0]
    assert f"with {count(potential)} ({spread(low, high)})" in first


def test_the_list_is_sorted_as_asked_for(home: Path, page: AppTest) -> None:
    expected = answers(
        home, "select round(gap_plays) from marts.potential_streams where market_rank is not null order by 1 desc"
    )
    assert [(row["potential_streams"],) for row in listed(page)] == expected
    shown = listed(open_page(home, "where-to-go", sort="streams", order="up"))
    streams = [row["actual_plays"] for row in shown]
    assert streams == sorted(streams)
    assert len(streams) == len(expected)


def test_filters_stand_in_the_address(home: Path) -> None:
    expected = answers(
        home,
        f"select artist_name, country from marts.potential_streams where {JAZZ} and country = 'FR' "
        "and market_rank is not null",
    )
    at = open_page(home, "where-to-go", genre="jazz", country="FR")
    assert {row["artist_name"] for row in listed(at)} == {name for name, _ in expected}
    assert f"{len(expected)} opening" in at.markdown[0].value
    assert "in France." in at.markdown[0].value
    at.selectbox(key="choose_genre").set_value("rock")
    run_page(at, home)
    assert at.query_params["genre"] in ("rock", ["rock"])


def test_sizes_go_by_the_listeners_of_the_artist(home: Path) -> None:
    expected = answers(
        home,
        """
        select count(*) from marts.potential_streams as potential
        join marts.artist_fans as fans using (data_set, window_days, artist_id)
        where segment_rank = 1 and fans.listeners between 1000 and 9999 and market_rank is not null
        """,
    )[0][0]
    shown = listed(open_page(home, "where-to-go", size="large"))
    assert len(shown) == expected
    assert all(1000 <= row["listeners"] <= 9999 for row in shown)


def test_what_is_not_recommended_comes_with_its_reason(home: Path) -> None:
    shown = listed(open_page(home, "where-to-go", country="FR", rows="all"))
    expected = answers(home, "select artist_name, reason from marts.potential_streams where country = 'FR'")
    reasons = {row["artist_name"]: row["reason"] for row in shown}
    # A frame of pandas, as tests see it, has nan for what is not there.
    assert {name: reason if isinstance(reason, str) else None for name, reason in reasons.items()} == dict(expected)
    assert {row["standing"] for row in shown} <= {"closed", "home", "established", "new ground"}


def test_an_unknown_filter_is_named_and_nothing_is_left_out(home: Path, page: AppTest) -> None:
    at = open_page(home, "where-to-go", genre="polka")
    assert "There is no genre “polka”: all genres are shown." in words(at)
    assert len(listed(at)) == len(listed(page))


def test_a_choice_without_openings_says_so(home: Path) -> None:
    at = open_page(home, "where-to-go", size="star", genre="indie metal")
    assert "**No opening** for this choice" in at.markdown[0].value
    assert "No row fits this choice." in words(at)


def test_no_opening_in_a_chosen_country_is_said_of_that_country_only(home: Path, tmp_path: Path) -> None:
    shutil.copy((home / "analytics.duckdb").resolve(), tmp_path / "analytics.duckdb")
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute("update marts.potential_streams set market_rank = null where country = 'DE'")
    first = open_page(tmp_path, "where-to-go", country="DE").markdown[0].value
    assert "no such artist has in Germany clearly fewer streams than similar artists suggest." in first
    assert "nowhere" not in first


def test_the_back_test_stands_beside_its_dummies(page: AppTest) -> None:
    said = words(page)
    assert "Tried on the past" in said
    assert "**60 %**" in said
    assert "**52 %** of the five biggest countries" in said


@pytest.mark.parametrize(("low", "word"), [(0.05, "low"), (0.09, "medium"), (0.13, "high")])
def test_trust_goes_by_the_lower_end_against_the_biggest_countries(low: float, word: str) -> None:
    ours = {"value": 0.2, "value_low": low, "value_high": 0.3, "groups": 200, "window_days": 28}
    assert band(ours, {"value": 0.06}).startswith(word)
    assert f"**Trust: {word}" in trust_words(ours, {"value": 0.06}, None, None)


def test_without_potential_streams_the_job_is_named(home: Path, tmp_path: Path) -> None:
    shutil.copy((home / "analytics.duckdb").resolve(), tmp_path / "analytics.duckdb")
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute("delete from marts.potential_streams")
    assert "There are no potential streams yet. Run the job `all`" in words(open_page(tmp_path, "where-to-go"))
