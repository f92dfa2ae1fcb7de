"""The Label page says what moved since the window before, and what it does not know."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from analytics_platform.dashboard.look import VENDOR_NAMES, count, signed, spread
from analytics_platform.dashboard.pages import label_movers
from analytics_platform.dashboard.pages.label_movers import MINIMUM
from analytics_platform.dashboard.pages.label_reasons import REASONS
from analytics_platform.dashboard.published import Reader, live
from analytics_platform.streams.feeds import RESOURCES
from analytics_platform.streams.parse import STRUCTURE_REASONS
from analytics_platform_tests.dashboard.reading_pages import open_page, run_page

ARTISTS = """
    select artist_id, sum(plays) filter (play_date > date '2026-09-02') as now,
        coalesce(sum(plays) filter (play_date <= date '2026-09-02'), 0) as before
    from marts.plays_daily where play_date > date '2026-08-05' group by artist_id
"""


def answers(home: Path, sql: str) -> list[tuple[Any, ...]]:
    return Reader(live(home / "analytics.duckdb")).rows(sql).rows()


def words(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.markdown, *at.info))


def table(at: AppTest, column: str) -> Any:
    """The first table with a column of that name."""
    return next(frame.value for frame in at.dataframe if column in frame.value.columns)


@pytest.fixture(scope="module")
def label(home: Path) -> AppTest:
    """The page as it is first seen. No test changes it."""
    return open_page(home, "label")


@pytest.fixture(scope="module")
def bare_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files without rows and two days without plays of a vendor: a label that has just begun."""
    bare = tmp_path_factory.mktemp("bare")
    shutil.copy((home / "analytics.duckdb").resolve(), bare / "analytics.duckdb")
    with duckdb.connect(str(bare / "analytics.duckdb")) as connection:
        for name in ("artist_fans", "fan_moves", "potential_streams", "artist_cluster_history"):
            connection.execute(f"delete from marts.{name}")
        connection.execute("delete from streams.deliveries")
        connection.execute(
            "delete from marts.plays_daily where vendor = 'apple' and play_date in ('2026-09-10', '2026-09-11')"
        )
    return bare


def test_the_first_sentence_compares_the_window_with_the_one_before(home: Path, label: AppTest) -> None:
    (now, before) = answers(home, f"select sum(now), sum(before) from ({ARTISTS})")[0]
    first = label.markdown[0].value
    assert f"**{count(now)} streams from 3 Sep 2026 to 30 Sep 2026: {signed(now - before)}" in first
    assert f"({count(before)})" in first
    listeners = answers(
        home, "select sum(listeners) from marts.artist_fans where window_days = 28 and segment_rank = 1"
    )[0][0]
    assert f"{count(listeners)} listeners" in first
    assert "counts twice" in first


def test_a_window_without_one_before_it_is_not_compared(home: Path) -> None:
    at = open_page(home, "label", days=90)
    assert "nothing to compare with" in at.markdown[0].value
    assert [element.value for element in at.subheader][1] == "Most played artists"
    vendors = table(at, "missing_now")
    assert vendors["before"].isna().all()
    assert vendors["change"].isna().all()


def test_movers_are_artists_of_some_size_by_their_change(home: Path, label: AppTest) -> None:
    expected = {
        artist: (now, before, now - before)
        for artist, now, before in answers(home, ARTISTS)
        if max(now, before) >= MINIMUM and now != before
    }
    names = dict(answers(home, "select artist_name, artist_id from marts.artists"))
    shown = _movers(label)
    changes = [row["change"] for row in shown]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] == max(change for _, _, change in expected.values())
    assert changes[-1] == min(change for _, _, change in expected.values())
    for row in shown:
        assert (row["now"], row["before"], row["change"]) == expected[names[row["artist_name"]]]


def test_percent_orders_by_the_share_of_the_streams_before(home: Path) -> None:
    shares = [row["change_share"] for row in _movers(open_page(home, "label", movers="percent"))]
    assert shares == sorted(shares, reverse=True)


def test_devoted_listeners_move_with_what_their_ranges_allow_to_say(home: Path) -> None:
    at = open_page(home, "label", movers="devoted")
    expected = answers(
        home,
        """
        select artist_name, round(listeners_estimated) as now, round(listeners_before * share_before) as before, case
            when before < round(listeners * share_low) then 'probably more'
            when before > round(listeners * share_high) then 'probably fewer' else 'no sure change' end
        from marts.artist_fans
        where window_days = 28 and segment = 'diehard' and share is not null and share_before is not null
        """,
    )
    shown = table(at, "sure")
    assert {tuple(row) for row in shown[["artist_name", "now", "before", "sure"]].to_numpy()} == {
        row for row in expected if row[1] != row[2]
    }
    assert shown["change"].tolist() == sorted(shown["change"], reverse=True)
    sure = sum(row[3] != "no sure change" for row in expected)
    said = words(at)
    assert f"{sure} {'artist' if sure == 1 else 'artists'} of {len(expected)} probably gained or lost" in said
    assert "1 artist in 10 may seem to have changed by chance" in said
    assert f"Left out: {20 - len(expected)} artists with too few listeners for an estimate." in said


def test_the_range_of_a_potential_stands_below_its_link(home: Path, label: AppTest) -> None:
    largest, low, high = answers(
        home,
        "select gap_plays, expected_low - actual_plays, expected_high - actual_plays from marts.potential_streams "
        "where market_rank is not null order by gap_plays desc, artist_id, country limit 1",
    )[0]
    assert f"\n{count(largest)} potential streams ({spread(low, high)}), " in words(label)
    assert not any("potential streams" in item.proto.label for item in label.get("page_link"))


def test_an_artist_who_is_picked_is_gone_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(label_movers, "go", lambda name, **params: gone.append((name, params)))
    at = open_page(home, "label")
    assert not gone
    at.selectbox(key="find_artist").set_value("*nsync_tribute*")
    run_page(at, home)
    assert gone == [("artist", {"artist": "*nsync_tribute*"})]


def test_segments_are_sums_with_their_ranges_and_withheld_artists(home: Path, label: AppTest) -> None:
    expected = answers(
        home,
        """
        select segment, round(sum(listeners_estimated)), round(sum(listeners * share_low)),
            round(sum(listeners * share_high)), count(*) filter (share is null)
        from marts.artist_fans where window_days = 28 group by segment, segment_rank order by segment_rank
        """,
    )
    shown = table(label, "low")
    assert [tuple(row) for row in shown[["segment", "now", "low", "high", "withheld"]].to_numpy()] == expected
    assert expected[0][-1] == 2
    assert "Withheld: 2 artists" in words(label)


def test_moves_say_how_many_artists_they_add_up_and_why_not_all(home: Path, tmp_path: Path) -> None:
    shutil.copy((home / "analytics.duckdb").resolve(), tmp_path / "analytics.duckdb")
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        few, small, other = (
            f"artist_id = '{artist}'"
            for (artist,) in connection.sql(
                "select distinct artist_id from marts.fan_moves order by 1 limit 3"
            ).fetchall()
        )
        connection.execute(f"delete from marts.fan_moves where {few}")
        connection.execute(
            f"update marts.fan_moves set listeners = null, is_suppressed = true where {small} or {other}"
        )
    at = open_page(tmp_path, "label")
    assert (
        "The sums are over 17 of 20 artists; left out are 2 with too few listeners of one of the moves and 1 with too "
        "few listeners in all." in words(at)
    )
    shown = table(at, "move")
    assert set(shown["artists"]) == {17}
    assert set(shown["withheld"]) == {3}


def test_clusters_are_told_in_words(label: AppTest) -> None:
    assert "Since the run before: 1 new (rock" in words(label)
    assert "none gone" in words(label)


def test_what_was_not_taken_is_said_with_the_next_step(home: Path, label: AppTest) -> None:
    said = words(label)
    assert "**2 files of" in said
    assert "refused: the file can't be read. Ask the vendor for a new one" in said
    assert "quarantined: too many of its rows are bad" in said
    expected = answers(home, "select vendor, reason, count(*) from streams.rejected_rows group by all")
    shown = table(label, "next_step")
    assert {tuple(row) for row in shown[["vendor", "reason", "rejected_rows"]].to_numpy()} == {
        (VENDOR_NAMES.get(vendor, vendor), reason, rows) for vendor, reason, rows in expected
    }
    read, loaded, rejected = answers(
        home, "select sum(rows_read), sum(loaded_rows), sum(rejected_rows) from streams.deliveries"
    )[0]
    assert f"Of {count(read)} rows that were read, {count(loaded)} are loaded and {count(rejected)} " in said


def test_shares_of_rejected_rows_are_not_rounded_to_none(home: Path, label: AppTest) -> None:
    shown = table(label, "next_step")
    read = dict(answers(home, "select vendor, sum(rows_read) from streams.deliveries group by vendor"))
    names = {VENDOR_NAMES.get(vendor, vendor): vendor for vendor in read}
    for row in shown.to_dict("records"):
        assert row["share"] == pytest.approx(row["rejected_rows"] / int(read[names[row["vendor"]]]))


def test_an_end_of_a_list_is_open_only_where_there_is_more(home: Path, tmp_path: Path) -> None:
    shutil.copy((home / "analytics.duckdb").resolve(), tmp_path / "analytics.duckdb")
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute("delete from streams.rejected_rows where vendor = 'apple' or reason = 'no listener'")
        connection.execute("update streams.rejected_rows set vendor = 'roster', reason = 'no artist' where true")
        connection.execute("delete from streams.deliveries where status in ('quarantined', 'refused')")
    said = words(open_page(tmp_path, "label"))
    (line,) = (line for line in said.splitlines() if line.startswith("- **roster**"))
    assert line.endswith("named no artist.")
    files, replaced = answers(
        tmp_path, "select count(*), count(*) filter (status = 'superseded') from streams.deliveries"
    )[0]
    assert replaced
    assert f"**{files - replaced} of {files} delivered files are loaded**; " in said
    assert "replaced by a later delivery of the same report" in said


def test_every_reason_has_words() -> None:
    known = {rule.reason for resource in RESOURCES for rule in resource.rules} | set(STRUCTURE_REASONS.values())
    assert known <= set(REASONS)


def test_what_is_not_there_yet_is_said(bare_home: Path) -> None:
    at = open_page(bare_home, "label")
    said = words(at)
    assert "There are no fan segments for this window yet." in said
    assert "No country is recommended to any artist yet." in said
    assert "There are no clusters yet." in said
    assert "Nothing has been delivered yet" in said
    assert "streams from 3 Sep 2026 to 30 Sep 2026" in at.markdown[0].value
    assert "Apple has 2 days without plays in the window" in at.markdown[0].value


def test_without_plays_there_is_a_calm_word(bare_home: Path, tmp_path: Path) -> None:
    shutil.copy(bare_home / "analytics.duckdb", tmp_path / "analytics.duckdb")
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute("delete from marts.plays_daily")
    assert "There are no days of plays yet. Run the job `all`" in words(open_page(tmp_path, "label"))


def _movers(at: AppTest) -> list[dict[str, Any]]:
    return next(
        frame.value.to_dict("records")
        for frame in at.dataframe
        if {"artist_name", "change_share"} <= set(frame.value.columns)
    )


def test_days_of_the_chart_are_the_days_of_both_windows(home: Path, label: AppTest) -> None:
    shown = table(label, "period")
    assert shown["plays"].sum() == answers(home, f"select sum(now + before) from ({ARTISTS})")[0][0]
    assert len(shown) == 56
    assert date.fromisoformat(str(shown["date"].min())[:10]) == date(2026, 8, 6)
