"""The page of an artist says what the tables say, and stays calm where they say nothing."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from analytics_platform.dashboard.look import count, percent, plain, plural, spread
from analytics_platform.dashboard.pages.artist_markets import what_for
from analytics_platform.dashboard.pages.artist_tracks import TRACKS, beaten
from analytics_platform_tests.dashboard.made_up import ODD_NAMES
from analytics_platform_tests.dashboard.reading_pages import open_page

BOLD = "<b>bold</b> sisters"


@pytest.fixture(scope="module")
def tables(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published tables, to compare with; a copy, for the pages keep the file open in this process."""
    copy = shutil.copy((home / "analytics.duckdb").resolve(), tmp_path_factory.mktemp("tables"))
    with duckdb.connect(str(copy), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def bare_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where only listeners are known: no estimates, no neighbours, no tracks."""
    folder = tmp_path_factory.mktemp("bare")
    shutil.copy((home / "analytics.duckdb").resolve(), folder / "analytics.duckdb")
    with duckdb.connect(str(folder / "analytics.duckdb")) as connection:
        for table in (
            "marts.potential_streams",
            "marts.similar_artists",
            "marts.fan_moves",
            "marts.fan_segments_by_age_band",
            "tracks.releases",
            "models.leaderboard",
        ):
            connection.execute(f"delete from {table}")
        connection.execute("delete from marts.fan_segments_by_country where artist_id = 'tiny tide' or country = 'SE'")
    return folder


def said(at: AppTest) -> str:
    """All sentences and notes of a page."""
    return "\n".join(str(element.value) for element in [*at.markdown, *at.info, *at.header, *at.subheader])


def one(tables: duckdb.DuckDBPyConnection, sql: str, **params: Any) -> Any:
    row = tables.execute(sql, params).fetchone()
    assert row
    return row[0] if len(row) == 1 else row


def test_streams_and_listeners_are_those_of_the_tables(home: Path, tables: duckdb.DuckDBPyConnection) -> None:
    sums = "select sum(plays) from marts.plays_daily where artist_id = $artist and play_date between $first and $last"
    start, end, listeners = one(
        tables,
        "select window_start, window_end, listeners from marts.artist_fans "
        "where artist_id = $artist and window_days = 28 and segment_rank = 1",
        artist=BOLD,
    )
    plays = one(tables, sums, artist=BOLD, first=start, last=end)
    at = open_page(home, "artist", artist=BOLD, days=28)
    assert at.header[0].value == plain("<b>Bold</b> Sisters")
    assert [metric.value for metric in at.metric][:2] == [count(plays), count(listeners)]
    assert f"**{count(plays)} streams**" in at.markdown[0].value
    sweden = one(tables, sums + " and country = 'SE'", artist=BOLD, first=start, last=end)
    assert f"**{count(sweden)} streams** in Sweden" in said(
        open_page(home, "artist", artist=BOLD, days=28, country="SE")
    )


def test_segments_stand_beside_the_other_artist_and_the_label(home: Path, tables: duckdb.DuckDBPyConnection) -> None:
    share, low, high = one(
        tables,
        "select share, share_low, share_high from marts.artist_fans "
        "where artist_id = $artist and window_days = 90 and segment = 'diehard'",
        artist=BOLD,
    )
    at = open_page(home, "artist", artist=BOLD, days=90, against="nina simone")
    words = f"**{percent(share)} of {plain('<b>Bold</b> Sisters')}'s listeners are diehard** (90 % range "
    assert f"{words}{percent(low)} to {percent(high)})" in said(at)
    table = next(frame.value for frame in at.dataframe if "share_before" in frame.value)
    diehards = {row["who"]: row["share"] for row in table.to_dict("records") if row["segment"] == "diehard"}
    assert list(diehards) == ["<b>Bold</b> Sisters", "Nina Simone", "all artists of the label"]
    whole = one(
        tables,
        "select sum(share * listeners) / sum(listeners) from marts.artist_fans "
        "where window_days = 90 and segment = 'diehard' and share is not null",
    )
    assert diehards["all artists of the label"] == pytest.approx(whole)


def test_three_countries_are_named_with_their_ranges_and_the_back_test(
    home: Path, tables: duckdb.DuckDBPyConnection
) -> None:
    best = tables.execute(
        "select country_name, gap_plays, expected_low - actual_plays, expected_high - actual_plays "
        "from marts.potential_streams where artist_id = $artist and market_rank <= 3 order by market_rank",
        {"artist": BOLD},
    ).fetchall()
    assert len(best) == 3
    # The window of the rest of the page is another one: the numbers are the same, and the page says of which days.
    text = said(open_page(home, "artist", artist=BOLD, days=28))
    for name, gap, low, high in best:
        sentence = f"**{name}: {count(gap)} potential streams** in 90 days, 80 % range "
        assert f"{sentence}{spread(low, high)}" in text
    assert "These numbers are for the last 90 days" in text
    scores = dict(
        tables.execute(
            "select model, value from models.leaderboard "
            "where task = 'artist_markets' and metric = 'precision_at_5' and seed = -1"
        ).fetchall()
    )
    assert f"**{percent(scores['market_potential'])}** (90 % range" in text
    assert f"**{percent(scores['market_size'])}** of the five biggest countries" in text
    assert f"{percent(scores['random'])} of five drawn by lot" in text
    assert f"{percent(scores['document_gap'])} by the plain mean of ten similar artists" in text
    assert "Opened: more than twice the streams before, and 20 more." in text
    assert "The ranges were tried on markets that artists already have" in text
    assert "of the streams lay inside" not in text


def test_the_order_and_the_zeros_of_the_countries_are_explained(home: Path) -> None:
    text = said(open_page(home, "artist", artist="nina simone", days=28))
    assert "Ranked by how clear the gap is, not by its size" in text
    assert "Streams now of 0: nobody played Nina Simone there in the last 90 days, all would be new." in text
    assert "“From” below 0: there may be nothing to gain there." in text


def test_what_the_ranking_is_for_is_said_only_where_the_back_test_shows_it() -> None:
    both = what_for(True, 0.2, 0.4)
    assert "40 % of the artists' new streams came from them, 20 % from the five named; this ranking is" in both
    assert "new countries" not in what_for(False, 0.2, 0.4)
    assert what_for(True, 0.4, 0.4) == what_for(True, None, 0.4) == ""


def test_withheld_cells_say_so(home: Path, tables: duckdb.DuckDBPyConnection) -> None:
    artist, country = one(
        tables,
        "select artist_id, country from marts.fan_segments_by_country "
        "where is_suppressed and window_days = 28 and artist_id <> 'tiny tide' and artist_id <> 'small hours' limit 1",
    )
    at = open_page(home, "artist", artist=artist, days=28, by="country", country=country)
    assert "are withheld: too few listeners" in said(at)
    table = next(frame.value for frame in at.dataframe if "passive range" in frame.value)
    hidden = [row for row in table.to_dict("records") if row["note"] == "withheld"]
    assert len(hidden) == one(
        tables,
        "select count(distinct country) from marts.fan_segments_by_country "
        "where artist_id = $artist and window_days = 28 and is_suppressed",
        artist=artist,
    )
    assert all(math.isnan(row["listeners"]) for row in hidden)
    assert {row["passive range"] for row in hidden} == {"withheld"}


def test_listeners_who_are_not_told_are_not_said_to_be_none(bare_home: Path, tables: duckdb.DuckDBPyConnection) -> None:
    played = (
        "select country, sum(plays) as plays from marts.plays_daily where artist_id = $artist and country <> 'ZZ' and "
    )
    window = "play_date > date '2026-09-30' - 28 group by country order by country"
    countries = dict(tables.execute(played + window, {"artist": "tiny tide"}).fetchall())
    small = said(open_page(bare_home, "artist", artist="tiny tide", days=28, country=min(countries)))
    assert "is not told: its " in small
    assert "are too few to be divided by country" in small
    unkeyed = said(open_page(bare_home, "artist", artist=BOLD, days=28, country="SE"))
    sweden = one(tables, f"select sum(plays) from ({played}{window}) where country = 'SE'", artist=BOLD)
    assert "is known to live in Sweden. Its " + plural(sweden, "stream") in unkeyed
    none = said(open_page(bare_home, "artist", artist="tiny tide", days=28, country="AD"))
    assert "Tiny Tide has no streams in Andorra in" in none
    assert "no listeners in" not in small + unkeyed + none


def test_released_tracks_are_told_by_the_others_that_had_fewer(home: Path, tables: duckdb.DuckDBPyConnection) -> None:
    # All are compared over any time here: by genre and target alone.
    others = (
        "(select count(*) from tracks.outcomes as others where others.target = own.target and others.genre = own.genre"
    )
    isrc, fewer, every = one(
        tables,
        f"select isrc, {others} and others.value < own.value), {others}) - 1 from tracks.outcomes as own "
        "where artist_id = $artist and target = 'plays_last_90_days' order by percentile desc, isrc limit 1",
        artist=BOLD,
    )
    at = open_page(home, "artist", artist=BOLD, days=28)
    assert f", {beaten(fewer, every)}." in said(at)
    table = next(frame.value for frame in at.dataframe if "other_tracks" in frame.value)
    best = table.to_dict("records")[0]
    assert (best["isrc"], best["fewer_tracks"], best["other_tracks"]) == (isrc, fewer, every)
    report = said(open_page(home, "report", artist=BOLD))
    assert f"| {plain(beaten(fewer, every))} |" in report
    assert "tracks compared" not in report


@pytest.mark.parametrize(
    ("compared_with", "fewer", "others"), [("month", 1, 3), ("quarter", 2, 5), ("year", 3, 6), ("any time", 4, 7)]
)
def test_tracks_are_counted_among_those_that_they_were_compared_with(
    compared_with: str, fewer: int, others: int
) -> None:
    """Ties are not fewer; tracks of other months, genres and vendors do not count where they were not compared."""
    rows = [("own", 5, "2024-05-03"), ("tie", 5, "2024-05-09"), ("below", 4, "2024-05-31"), ("above", 6, "2024-05-01")]
    rows += [
        ("quarter", 1, "2024-04-01"),
        ("year", 2, "2024-09-01"),
        ("any", 0, "2023-05-05"),
        ("late", 9, "2024-06-01"),
    ]
    with duckdb.connect() as connection:
        connection.execute("create schema tracks; create schema marts")
        connection.execute("create table tracks.releases (isrc text, artist_id text, release_date date)")
        connection.execute("create table marts.track_audio (isrc text, artist_id text, title text)")
        connection.execute(
            "create table tracks.outcomes (isrc text, target text, value double, percentile double, "
            "compared_with text, compared_tracks bigint, comparison text, vendors text, release_date date, "
            "genre text, artist_id text)"
        )
        connection.execute("insert into tracks.releases values ('own', 'a', '2024-05-03')")
        for name, value, released in rows:
            who = "a" if name == "own" else "b"
            for vendors, genre in (("x", "pop"), ("y", "pop"), ("x", "rock")):
                if name == "own" and (vendors, genre) != ("x", "pop"):
                    continue
                connection.execute(
                    "insert into tracks.outcomes values (?, 'plays_first_28_days', ?, 0.5, ?, ?, '', ?, ?, ?, ?)",
                    [name, value, compared_with, others + 1, vendors, released, genre, who],
                )
        found = connection.execute(f"select fewer_tracks, other_tracks from ({TRACKS})", {"artist": "a"}).fetchall()
    assert found == [(fewer, others)]


def test_a_count_of_others_reads_well() -> None:
    assert beaten(11, 11) == "more than all 11 others"
    assert beaten(2, 9) == "more than 2 of the 9 others"
    assert beaten(0, 9) == "no more than any of the 9 others"
    assert beaten(1, 1) == "more than the only other track"


def test_the_score_of_similar_artists_is_not_said_to_be_shared_listeners(home: Path) -> None:
    text = said(open_page(home, "artist", artist=BOLD, days=28))
    assert "their listeners play the same other artists. They need not be the same people" in text
    assert "the score allows for the size of the audiences" in text
    assert "thicker line to it: a higher score" in text
    assert "lines join artists who share listeners" not in text


def test_few_listeners_get_a_calm_word(home: Path) -> None:
    text = said(open_page(home, "artist", artist="tiny tide", days=28))
    assert "too few to say how they divide into segments" in text


def test_an_unknown_artist_country_or_comparison_is_named_and_the_page_goes_on(home: Path) -> None:
    at = open_page(home, "artist", artist="nobody*", days=28, against="no one", country="XX")
    text = said(at)
    assert "There is no artist “nobody\\*”" in text
    assert "Shown instead: Sigur Rós" in text
    assert "There is no artist “no one” to compare with" in text
    assert "There is no country “XX”" in text
    assert at.header[0].value == "Sigur Rós"


@pytest.mark.parametrize("name", [ODD_NAMES[6], ODD_NAMES[10], ODD_NAMES[12]])
def test_a_name_is_shown_as_written(home: Path, name: str) -> None:
    at = open_page(home, "artist", artist=name.lower(), days=28)
    assert at.header[0].value == plain(name)
    assert name not in at.markdown[0].value


def test_what_is_not_there_yet_names_its_job(bare_home: Path) -> None:
    text = said(open_page(bare_home, "artist", artist=BOLD, days=28))
    assert text.count("Run the job `artists`") == 2
    assert "Run the job `tracks`" in text
    assert "Movement in the last 28 days" in text
    assert "Tried on the past" not in text


def test_no_artist_at_all(bare_home: Path, tmp_path: Path) -> None:
    shutil.copy(bare_home / "analytics.duckdb", tmp_path / "analytics.duckdb")
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute("delete from marts.artist_fans")
    for page in ("artist", "report"):
        assert "Run the job `fans`" in said(open_page(tmp_path, page))
