"""The monthly report: its sums, its months, and what it says where a month is not whole."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from analytics_platform.dashboard.look import change, count, plain
from analytics_platform.dashboard.pages.report import is_complete
from analytics_platform.dashboard.pages.report_month import end_of, start_before
from analytics_platform_tests.dashboard.reading_pages import open_page
from analytics_platform_tests.dashboard.test_artist import said


@pytest.fixture(scope="module")
def months(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Plays of one artist by month; from a copy, for the pages keep the file open in this process."""
    copy = shutil.copy((home / "analytics.duckdb").resolve(), tmp_path_factory.mktemp("tables"))
    with duckdb.connect(str(copy), read_only=True) as connection:
        return dict(
            connection.execute(
                "select strftime(play_date, '%Y-%m'), sum(plays)::bigint from marts.plays_daily "
                "where artist_id = 'nina simone' group by 1"
            ).fetchall()
        )


def test_the_last_whole_month_against_the_one_before(home: Path, months: dict[str, int]) -> None:
    at = open_page(home, "report", artist="nina simone")
    text = said(at)
    assert at.header[0].value == "Nina Simone: September 2026"
    assert f"**Nina Simone had {count(months['2026-09'])} streams in September 2026**" in text
    assert f"against August 2026 ({count(months['2026-08'])})" in text
    assert "are not those of" not in text
    assert "potential streams** in 90 days, 80 % range" in text
    age = (datetime.now(UTC).date() - date(2026, 9, 30)).days
    assert f"Data as of **30 Sep 2026**, {age} days ago" in text


def test_the_tables_compare_days_as_the_sentence_does(home: Path, tmp_path: Path) -> None:
    copy = shutil.copy((home / "analytics.duckdb").resolve(), tmp_path)
    with duckdb.connect(str(copy), read_only=True) as connection:
        now, before = connection.execute(
            "select sum(plays) filter (where month(play_date) = 9), sum(plays) filter (where month(play_date) = 8) "
            "from marts.plays_daily where artist_id = 'nina simone' and vendor = 'spotify'"
        ).fetchall()[0]
    text = said(open_page(home, "report", artist="nina simone"))
    # August has 31 days, September 30.
    row = next(line for line in text.splitlines() if line.startswith("| Spotify"))
    assert row.endswith(f" {plain(change(now / 30, before / 31))} |")
    assert change(now / 30, before / 31) != change(now, before)
    assert "| Vendor | Streams | Share | Change a day |" in text
    assert "Change a day: mean streams a day in September 2026 against those in August 2026." in text


def test_a_month_without_a_whole_month_before_is_not_compared(home: Path, months: dict[str, int]) -> None:
    text = said(open_page(home, "report", artist="nina simone", month="2026-08"))
    assert count(months["2026-08"]) in text
    assert "July 2026 is not complete in the data, so there is nothing to compare with" in text
    assert "these are not those of August 2026" in text


def test_a_month_that_is_not_whole_says_so(home: Path, months: dict[str, int]) -> None:
    text = said(open_page(home, "report", artist="nina simone", month="2026-07"))
    assert count(months["2026-07"]) in text
    assert "July 2026 is not complete: the data are from 3 Jul 2026 to 30 Sep 2026." in text


def test_an_unknown_month_falls_back(home: Path) -> None:
    text = said(open_page(home, "report", artist="nina simone", month="2019-13"))
    assert "There are no data of that month; shown is September 2026." in text


def test_few_listeners_get_a_calm_word(home: Path) -> None:
    assert "too few for segments" in said(open_page(home, "report", artist="tiny tide"))


def test_months_end_where_the_calendar_says() -> None:
    assert end_of(date(2024, 2, 1)) == date(2024, 2, 29)
    assert end_of(date(2025, 12, 1)) == date(2025, 12, 31)
    assert start_before(date(2026, 1, 1)) == date(2025, 12, 1)
    assert is_complete(date(2026, 9, 1), date(2026, 9, 1), date(2026, 9, 30))
    assert not is_complete(date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 30))
    assert not is_complete(date(2026, 9, 1), date(2026, 9, 1), date(2026, 9, 29))
