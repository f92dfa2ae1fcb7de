"""The page of unreleased tracks: what it says is what the tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from analytics_platform.dashboard.pages.unreleased_audience import BELIEVE
from analytics_platform.dashboard.pages.unreleased_track import counted
from analytics_platform.dashboard.published import Reader, live
from analytics_platform.taste.audience_tables import TRACK_AUDIENCE
from analytics_platform_tests.dashboard.made_up_files import UNRELEASED
from analytics_platform_tests.dashboard.reading_pages import open_page, run_page


def ask(home: Path, sql: str, **values: object) -> pl.DataFrame:
    # As the page opens the file: DuckDB wants the same of all connections of a process.
    return Reader(live(home / "analytics.duckdb")).rows(sql, values)


def said(at: AppTest) -> str:
    """Markdown without the signs that keep names as they are."""
    return "\n".join(str(item.value) for item in [*at.markdown, *at.info]).replace("\\", "")


def frame(at: AppTest, column: str) -> Any:
    return next(item.value for item in at.dataframe if column in item.value.columns)


def test_the_best_comes_first_with_its_range_and_the_evidence(home: Path) -> None:
    best = ask(home, "from marts.track_scores order by rank_in_batch, file").row(0, named=True)
    at = open_page(home, "unreleased")
    assert f"{100 * best['percentile']:.0f} %" in said(at)
    assert f"between {100 * best['percentile_low']:.0f} % and {100 * best['percentile_high']:.0f} %" in said(at)
    assert f"AUC {best['test_auc']:.2f}" in said(at)
    assert "guessing has 0.50" in said(at)
    assert best["evidence"] in said(at)


def test_the_table_has_every_track_best_first(home: Path) -> None:
    shown = frame(open_page(home, "unreleased"), "rank_in_batch")
    assert shown["file"].tolist() == ask(home, "from marts.track_scores order by rank_in_batch, file")["file"].to_list()
    assert shown["percentile"].is_monotonic_decreasing


def test_the_expected_place_is_a_third_of_releases(home: Path) -> None:
    at = open_page(home, "unreleased")
    shown = frame(at, "rank_in_batch")
    thirds = ["lower third", "middle third", "upper third"]
    assert shown["expected_place"].tolist() == [thirds[int(3 * percentile)] for percentile in shown["percentile"]]
    assert "Band" not in "".join(item.proto.columns for item in at.dataframe)


def test_one_play_is_one_play() -> None:
    assert counted("plays_last_90_days", 1.0) == "play in the last 90 days"
    assert counted("plays_last_90_days", 2) == counted("plays_last_90_days") == "plays in the last 90 days"


@pytest.mark.parametrize("file", [UNRELEASED[0][0], UNRELEASED[5][0]])
def test_an_address_opens_a_track_whatever_is_in_its_name(home: Path, file: str) -> None:
    track = ask(home, "from marts.track_scores where file = $file", file=file).row(0, named=True)
    at = open_page(home, "unreleased", file=file)
    assert f"**{track['title']}** by {track['artist_name']} is number **{track['rank_in_batch']}**" in said(at)
    neighbours = ask(home, "from marts.track_score_neighbours where file = $file order by place", file=file)
    assert frame(at, "outcome_percentile")["similarity"].tolist() == neighbours["similarity"].to_list()


def test_an_unknown_track_is_said_and_the_best_is_shown(home: Path) -> None:
    at = open_page(home, "unreleased", file="../*secret*.wav")
    assert "There is no scored track ../*secret*.wav" in said(at)
    assert "is number **1** of" in said(at)


def test_a_suppressed_country_is_withheld(home: Path) -> None:
    hidden = ask(home, "from marts.track_audience where kind = 'country' and is_suppressed order by file limit 1")
    at = open_page(home, "unreleased", file=hidden["file"][0])
    shown = frame(at, "place_name")
    countries = next(i.value for i in at.dataframe if hidden["place_name"][0] in set(i.value.get("place_name", ())))
    row = countries[countries["place_name"] == hidden["place_name"][0]]
    assert row[["share", "expected_plays"]].isna().all(axis=None)
    assert any(i.proto.placeholder == "withheld" for i in at.dataframe if "expected_plays" in i.value.columns)
    assert hidden["place_name"][0] in next(m.value for m in at.markdown if m.value.startswith("Withheld")).replace(
        "\\", ""
    )
    assert len(shown)


def test_countries_are_first_of_those_that_may_be_told_and_the_rest_is_said(home: Path) -> None:
    file = UNRELEASED[0][0]
    told = ask(
        home,
        "from marts.track_audience where file = $file and kind = 'country' and not is_suppressed "
        "order by place_rank nulls last",
        file=file,
    )
    rest = told.row(-1, named=True)
    assert rest["place"] == "(other)"
    at = open_page(home, "unreleased", file=file)
    assert f"**Countries:** of those that may be told, first {told['place_name'][0]} (" in said(at)
    assert f"{100 * rest['share']:.0f} % of the plays are in countries that may not be told." in said(at)
    assert "Believe the shares" in said(at)
    assert "Don't rely on the number of plays" in said(at)
    shown = next(i.value for i in at.dataframe if rest["place_name"] in set(i.value.get("place_name", ())))
    assert shown["share"].sum() == pytest.approx(1)
    ranges = dict(zip(shown["place_name"], shown["range"], strict=True))
    assert ranges[rest["place_name"]] == "not estimated"
    first = told.row(0, named=True)
    assert ranges[first["place_name"]] == f"{first['expected_low']:.0f} to {first['expected_high']:.0f}"
    assert shown["place_name"].tolist()[: told.height] == told["place_name"].to_list()


def test_what_to_believe_is_said_for_every_basis() -> None:
    basis = TRACK_AUDIENCE.column("basis")
    assert set(BELIEVE) == set(basis.values or ())


def test_a_track_without_reasons_names_the_job(home: Path) -> None:
    at = open_page(home, "unreleased", file=UNRELEASED[-1][0])
    assert "Run the job `explain`" in said(at)
    assert not at.get("imgs")


def test_the_sound_is_loaded_when_it_is_asked_for(home: Path) -> None:
    at = open_page(home, "unreleased", file=UNRELEASED[1][0])
    assert not at.get("audio")
    next(button for button in at.button if button.label == "Play").click()
    assert len(run_page(at, home).get("audio")) == 1


def test_files_that_could_not_be_heard_are_listed(home: Path) -> None:
    rejects = ask(home, "from marts.track_score_rejects order by file")
    assert frame(open_page(home, "unreleased"), "detail")["file"].tolist() == rejects["file"].to_list()
