"""The models page: scores beside their dummies as the leaderboard has them, bands by the rule, leaks named."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analytics_platform.dashboard.pages.models_bands import HIGH, LOW, MEDIUM, NO_BAND, Score, band, part
from analytics_platform.dashboard.pages.models_metrics import METRICS, metric
from analytics_platform.dashboard.pages.models_words import TASKS
from analytics_platform.dashboard.published import Reader, live
from analytics_platform_tests.dashboard.reading_pages import open_page


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "info", "warning") for element in at.get(kind))


def ask(home: Path, sql: str) -> list[tuple[object, ...]]:
    return Reader(live(home / "analytics.duckdb")).rows(sql).rows()


@pytest.mark.parametrize(
    ("model", "dummy", "better", "perfect", "expected"),
    [
        (Score("m", 0.60, 0.57, 0.64), Score("d", 0.57, 0.54, 0.61), "higher", 1.0, LOW),
        (Score("m", 0.40, 0.38, 0.42), Score("d", 0.60, 0.58, 0.62), "higher", 1.0, LOW),
        (Score("m", 0.66, 0.64, 0.68), Score("d", 0.57, 0.54, 0.61), "higher", 1.0, MEDIUM),
        (Score("m", 0.80, 0.78, 0.82), Score("d", 0.57, 0.54, 0.61), "higher", 1.0, HIGH),
        (Score("m", 0.10, 0.09, 0.11), Score("d", 0.57, 0.54, 0.61), "lower", 0.0, HIGH),
        (Score("m", 0.50, 0.48, 0.53), Score("d", 0.57, 0.54, 0.61), "lower", 0.0, MEDIUM),
        (Score("m", 0.56, 0.53, 0.58), Score("d", 0.57, 0.54, 0.61), "lower", 0.0, LOW),
        (Score("m", 9.0, 8.0, 10.0), Score("d", 1.0, 1.0, 1.0), "higher", None, MEDIUM),
        (Score("m", 0.9, 0.8, 1.0), None, "higher", 1.0, NO_BAND),
    ],
)
def test_a_band_says_how_far_a_model_is_above_its_dummy(
    model: Score, dummy: Score | None, better: str, perfect: float | None, expected: str
) -> None:
    assert band(model, dummy, better, perfect) == expected


def test_who_is_told_the_answer_is_no_dummy_and_an_unknown_baseline_is_one() -> None:
    assert part("artist_mean_leaky", True, []) == "told the answer"
    assert part("document_gap", True, []) == "other method"
    assert part("a_new_baseline", True, []) == "dummy"
    assert part("sound_ridge", False, ["sound_ridge"]) == "in use"
    assert part("sound_ridge", False, []) == "tried"


def test_scores_made_from_others_say_what_equal_is() -> None:
    assert metric("recall_at_20_over_random").reference == (1.0, "random")
    assert metric("auc_above_descriptor_ridge").reference == (0.0, "descriptor_ridge")
    assert metric("precision_at_5_small").perfect == 1
    assert {task.metric for task in TASKS.values()} <= set(METRICS)


def test_each_question_stands_with_its_model_and_dummy_as_the_leaderboard_has_them(home: Path) -> None:
    at = open_page(home, "models")
    overview = at.dataframe[0].value
    row = overview[overview["question"] == TASKS["track_success"].title].iloc[0]
    value, low, high = ask(
        home,
        "select value, value_low, value_high from models.leaderboard where task = 'track_success' and metric = 'auc' "
        "and split = 'artists' and seed = -1 and model = 'sound_ridge'",
    )[0]
    assert (row["model"], row["score"], row["range"]) == ("sound_ridge", value, f"{low:.3f} to {high:.3f}")
    dummies = ask(
        home,
        "select model, value from models.leaderboard where task = 'track_success' and metric = 'auc' and split = "
        "'artists' and seed = -1 and model in ('majority', 'genre_mean', 'loudness_duration') order by value desc",
    )
    assert (row["best_dummy"], row["dummy_score"]) == dummies[0]
    assert set(overview["question"]) == {
        TASKS[task].title for (task,) in ask(home, "select distinct task from models.leaderboard")
    }
    for name in (LOW, MEDIUM, HIGH):
        assert f"({name})" in words(at)


def test_a_window_is_the_longest_that_was_asked_for(home: Path) -> None:
    shown = next(item.value for item in open_page(home, "models").dataframe if "window" in item.value.columns)
    assert {"up to the last 365 days", "up to the last 90 days", "up to the last 28 days", "all of the data"} >= set(
        shown["window"]
    )


def test_the_address_chooses_task_window_split_and_score(home: Path) -> None:
    at = open_page(home, "models", task="track_success", split="rows", metric="brier")
    assert "These scores flatter" in words(at)
    shown = at.dataframe[1].value
    expected = ask(
        home,
        "select model, value from models.leaderboard where task = 'track_success' and split = 'rows' and metric = "
        "'brier' and seed = -1 order by value",
    )
    assert [round(value, 9) for value in shown["value"]] == [round(float(str(value)), 9) for _, value in expected]
    assert "the last 28 days" in [
        box.format_func(box.value) for box in open_page(home, "models", task="fan_segments", window=28).selectbox
    ]


def test_what_a_leaky_split_flatters_is_told_where_it_can_be(home: Path) -> None:
    told = "What a leaky split would have claimed"
    assert told in [header.value for header in open_page(home, "models", task="track_success").subheader]
    assert told not in [header.value for header in open_page(home, "models", task="artist_markets").subheader]


def test_refused_versions_and_their_reasons_are_shown(home: Path) -> None:
    at = open_page(home, "models")
    tables = [frame.value for frame in at.dataframe]
    releases = next(frame for frame in tables if "release_no" in frame.columns)
    refused = releases[releases["status"] == "refused"].iloc[0]
    assert (refused["version"], refused["why"]) == ("label-refused-90d", "drift of 0.40 is above 0.15")
    carried = next(frame for frame in tables if "tables" in frame.columns)
    version = ask(home, "select any_value(model_version) from marts.track_scores")[0][0]
    assert "marts.track_scores" in carried[carried["version"] == version]["tables"].iloc[0]


def test_an_unknown_task_or_split_falls_back(home: Path) -> None:
    at = open_page(home, "models", task="nonsense", split="nonsense", metric="nonsense", window="x")
    assert at.header[0].value == "Models"
    assert at.selectbox[0].value == next(iter(TASKS))
