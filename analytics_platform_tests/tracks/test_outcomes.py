"""What became of releases: days are counted to the day, of vendors whose data reach so far, among their like."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.tracks.tables import OUTCOMES, OUTSIDE_TARGETS, OWN_TARGETS, RELEASES
from analytics_platform_tests.tracks.labels import FIRST, Label, later

SONG, OTHER = "DEA262600001", "DEA262600002"
OUT = later(9)
"""A day of release that all data cover."""


def values(outcomes: pl.DataFrame, isrc: str = SONG) -> dict[str, float]:
    """By target."""
    return {row["target"]: row["value"] for row in outcomes.filter(isrc=isrc).iter_rows(named=True)}


def ending(label: Label, isrc: str, plays: int, day: date = OUT) -> None:
    """A track that ends with a number of plays in its first 28 days."""
    label.track(isrc, day, artist=isrc)
    label.play(isrc, day, None, plays)


def test_days_count_from_the_release_to_the_day(tmp_path: Path) -> None:
    label = Label()
    label.track(SONG, OUT)
    label.cover(FIRST, later(200))
    for number, day in enumerate((-1, 0, 27, 28, 89, 90)):
        label.play(SONG, later(day, OUT), f"listener {number}", 10**number)
    found = values(label.outcomes(tmp_path))
    assert found["plays_first_28_days"] == 10 + 100
    assert found["plays_first_90_days"] == 10 + 100 + 1_000 + 10_000
    assert (found["listeners_first_28_days"], found["listeners_first_90_days"]) == (2, 4)


def test_listeners_are_counted_once_and_plays_without_a_listener_are_only_plays(tmp_path: Path) -> None:
    label = Label()
    label.track(SONG, OUT, vendors=("spotify", "fuga"))
    for vendor in ("spotify", "fuga"):
        label.cover(FIRST, later(120), vendor)
    label.play(SONG, OUT, "anna", 3)
    label.play(SONG, later(1, OUT), "anna", says_isrc=False)
    label.play(SONG, OUT, "bert", 2)
    label.play(SONG, OUT, "curt", 0)
    label.play(SONG, OUT, None, 1_000, "fuga")
    found = label.outcomes(tmp_path)
    assert values(found)["plays_first_28_days"] == 3 + 1 + 2 + 1_000, "the catalogue says whose the second row is"
    assert values(found)["listeners_first_28_days"] == 2, "a stream of less than 30 s is no listener's"
    assert set(found["vendors"]) == {"fuga, spotify"}


def test_a_track_that_nobody_played_has_none(tmp_path: Path) -> None:
    label = Label()
    label.track(SONG, OUT)
    label.cover(FIRST, later(60))
    assert values(label.outcomes(tmp_path)) == {"plays_first_28_days": 0, "listeners_first_28_days": 0}


@pytest.mark.parametrize(
    ("released", "last", "targets"),
    [
        (FIRST, later(27), {28}),
        (FIRST, later(26), set()),
        (later(-1), later(88), set()),
        (FIRST, later(89), {28, 90}),
        (FIRST, later(88), {28}),
    ],
)
def test_days_that_the_data_do_not_cover_make_no_outcome(
    tmp_path: Path, released: date, last: date, targets: set[int]
) -> None:
    label = Label()
    label.track(SONG, released)
    label.cover(FIRST, last)
    found = {int(target.split("_")[2]) for target in values(label.outcomes(tmp_path)) if "_first_" in target}
    assert found == targets


def test_only_vendors_that_cover_all_days_count(tmp_path: Path) -> None:
    label = Label()
    for isrc in (SONG, OTHER):
        label.track(isrc, OUT if isrc == SONG else later(40), vendors=("spotify", "apple"))
    label.cover(FIRST, later(120))
    label.cover(later(20), later(70), "apple")
    for vendor, plays in (("spotify", 1), ("apple", 100)):
        label.play(SONG, later(15, OUT), vendor=vendor, plays=plays)
        label.play(OTHER, later(41), f"{vendor} listener", vendor=vendor, plays=plays)
    found = label.outcomes(tmp_path).filter(target="plays_first_28_days").sort("isrc")
    assert found["value"].to_list() == [1, 101]
    assert found["vendors"].to_list() == ["spotify", "apple, spotify"]
    assert found["compared_tracks"].to_list() == [1, 1], "what was counted otherwise is not compared"


def test_the_last_90_days_are_of_tracks_that_were_out_before(tmp_path: Path) -> None:
    label = Label()
    last = later(150)
    turn = later(-89, last)
    label.cover(FIRST, last)
    for isrc, released in ((SONG, later(-1, turn)), (OTHER, turn)):
        label.track(isrc, released)
        for day, plays in ((later(-1, turn), 1), (turn, 10), (last, 100)):
            label.play(isrc, day, plays=plays)
    found = label.outcomes(tmp_path)
    assert values(found)["plays_last_90_days"] == 110
    assert values(found)["listeners_last_90_days"] == 1
    assert "plays_last_90_days" not in values(found, OTHER)


def test_last_days_that_are_not_all_delivered_make_no_outcome(tmp_path: Path) -> None:
    label = Label()
    label.track(SONG, later(-400))
    label.cover(FIRST, later(88))
    assert not values(label.outcomes(tmp_path))


def test_a_stray_old_play_opens_no_window(tmp_path: Path) -> None:
    label = Label()
    old = later(-365)
    label.track(SONG, old)
    label.cover(FIRST, later(40))
    label.play(SONG, old, ingested=FIRST)
    assert not values(label.outcomes(tmp_path)), "a device that was offline for a year says nothing of the others"


def test_percentiles_by_hand_ties_half(tmp_path: Path) -> None:
    label = Label()
    label.cover(FIRST, later(60))
    plays = [5, 1, 3, 3, 8, 3, 9, 10, 0, 2]
    for number, count in enumerate(plays):
        ending(label, f"DEA26260{number:04d}", count)
    found = label.outcomes(tmp_path).filter(target="plays_first_28_days").sort("isrc")
    assert found["value"].to_list() == plays
    assert found["percentile"].to_list() == pytest.approx([0.65, 0.15, 0.45, 0.45, 0.75, 0.45, 0.85, 0.95, 0.05, 0.25])
    assert set(found["compared_with"]) == {"month"} and set(found["compared_tracks"]) == {10}
    assert set(found["comparison"]) == {"pop, 2026-01, spotify"}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Outcomes of months with more and fewer releases than a comparison needs."""
    label = Label()
    last = date(2028, 6, 30)
    label.cover(FIRST, last)
    counts = {
        (2026, 1): 10,
        (2026, 2): 2,
        (2026, 4): 6,
        (2026, 5): 4,
        (2026, 7): 3,
        (2027, 3): 5,
        (2027, 8): 5,
        (2028, 1): 4,
    }
    number = 0
    for (year, month), count in counts.items():
        for _ in range(count):
            ending(label, f"DEA26260{number:04d}", number, date(year, month, 5))
            number += 1
    label.track("DEB262600000", date(2026, 1, 5), "rosa", "rock")
    return label.outcomes(tmp_path_factory.mktemp("months")).filter(target="plays_first_28_days")


def test_too_few_releases_are_compared_over_a_longer_time(releases: pl.DataFrame) -> None:
    pop = releases.filter(genre="pop").with_columns(month=pl.col("release_date").dt.strftime("%Y-%m"))
    found = {
        month: (how, tracks)
        for month, how, tracks in pop.select("month", "compared_with", "compared_tracks").unique().iter_rows()
    }
    assert found == {
        "2026-01": ("month", 10),
        "2026-02": ("quarter", 12),
        "2026-04": ("quarter", 10),
        "2026-05": ("quarter", 10),
        "2026-07": ("year", 25),
        "2027-03": ("year", 10),
        "2027-08": ("year", 10),
        "2028-01": ("any time", 39),
    }
    rock = releases.filter(genre="rock").row(0, named=True)
    assert (rock["compared_with"], rock["compared_tracks"], rock["percentile"]) == ("any time", 1, 0.5)


def test_a_percentile_is_the_place_among_all_that_it_was_compared_with(releases: pl.DataFrame) -> None:
    """Those of a crowded month too, who are themselves compared within it."""
    pop = releases.filter(genre="pop").with_columns(
        pl.col("release_date").dt.quarter().alias("quarter"), pl.col("release_date").dt.year().alias("year")
    )
    for row in pop.iter_rows(named=True):
        others = pop
        if row["compared_with"] != "any time":
            others = others.filter(year=row["year"])
        if row["compared_with"] in ("month", "quarter"):
            others = others.filter(quarter=row["quarter"])
        if row["compared_with"] == "month":
            others = others.filter(release_date=row["release_date"])
        below, ties = (others["value"] < row["value"]).sum(), (others["value"] == row["value"]).sum()
        assert row["percentile"] == pytest.approx((below + ties / 2) / len(others))
        assert row["compared_tracks"] == len(others)


def test_every_target_of_every_comparison_is_even(releases: pl.DataFrame) -> None:
    crowded = releases.filter(comparison="pop, 2026-01, spotify")
    np.testing.assert_allclose(sorted(crowded["percentile"]), (np.arange(10) + 0.5) / 10)


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    label = Label()
    label.track(SONG, date(2026, 3, 1))
    label.listed(SONG, date(2020, 1, 1))
    label.track(OTHER, None, artist="(unknown)", genre=None)
    label.listed(OTHER, date(2026, 2, 2))
    label.listed(OTHER, date(2026, 2, 1), "spotify")
    label.track("DEA262600003", None)
    label.listed("DEA262600004", date(2026, 1, 1))
    for isrc in (SONG, OTHER):
        label.snapshot(isrc, date(2026, 5, 1), 10, "spotify", "popularity")
        label.snapshot(isrc, date(2026, 6, 1), 40 if isrc == SONG else 60, "spotify", "popularity")
    label.snapshot(SONG, date(2026, 6, 1), 900_000, "deezer", "rank")
    label.snapshot(SONG, date(2026, 6, 1), 5, "spotify", "followers")
    label.snapshot(SONG, date(2026, 6, 1), 77, "own", "plays_28_days")
    label.play(SONG, date(2012, 1, 1), "a", 3, "listenbrainz")
    label.play(SONG, date(2026, 4, 1), "b", 4, "listenbrainz")
    label.cover(date(2010, 1, 1), date(2026, 6, 1), "listenbrainz")
    return label.write(tmp_path_factory.mktemp("dated"))


def test_the_roster_knows_better_than_catalogues_when_a_track_came_out(dated: Lake) -> None:
    found = {row["isrc"]: row for row in dated.read(RELEASES).iter_rows(named=True)}
    assert set(found) == {SONG, OTHER}, "without a date, or not the label's"
    assert (found[SONG]["release_date"], found[SONG]["release_source"]) == (date(2026, 3, 1), "roster")
    assert (found[OTHER]["release_date"], found[OTHER]["release_source"]) == (date(2026, 2, 1), "catalogue")
    assert (found[SONG]["genre"], found[OTHER]["genre"]) == ("pop", "(unknown)")


def test_numbers_of_others_are_targets_of_their_own(dated: Lake) -> None:
    outcomes = dated.read(OUTCOMES)
    assert values(outcomes) == {"spotify_popularity": 40, "deezer_rank": 900_000, "listenbrainz_plays": 7}
    assert values(outcomes, OTHER) == {"spotify_popularity": 60}, "the newest"
    assert set(outcomes["target"]) <= set(OUTSIDE_TARGETS)


def test_listens_elsewhere_are_not_own_plays(tmp_path: Path) -> None:
    label = Label()
    label.track(SONG, OUT, vendors=("spotify", "listenbrainz"))
    label.cover(FIRST, later(120))
    label.cover(FIRST, later(120), "listenbrainz")
    label.play(SONG, OUT, plays=2)
    label.play(SONG, OUT, plays=50, vendor="listenbrainz")
    found = label.outcomes(tmp_path)
    assert values(found)["plays_first_28_days"] == 2
    assert values(found)["listenbrainz_plays"] == 50
    vendors = defaultdict(set)
    for row in found.iter_rows(named=True):
        vendors[row["target"] in OWN_TARGETS].add(row["vendors"])
    assert vendors == {True: {"spotify"}, False: {"listenbrainz"}}
