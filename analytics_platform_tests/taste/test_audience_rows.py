"""Rows tell nothing of few listeners, and sentences say what the rows hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.modelling.evaluation import Score, score_frame
from analytics_platform.taste.audience import expect, fit_audience
from analytics_platform.taste.audience_data import COUNTRY
from analytics_platform.taste.audience_rows import Origin, audience_frame, hidden
from analytics_platform.taste.audience_tables import AUDIENCE_SCORES, OTHERS, OWN_AND_SOUND, SOUND_ALONE
from analytics_platform.taste.audience_words import (
    NO_AUDIENCE,
    audience_words,
    evidence_words,
    expected_words,
    plays_words,
    print_audience,
    window_words,
)
from analytics_platform_tests.taste.audience_worlds import World, files, world

ORIGIN = Origin("plays_first_28_days", date(2026, 1, 1), date(2026, 3, 31), "taste-1", "score-1")
NAMES = {"artist 003": "Artist Three"}


@pytest.fixture(scope="module")
def planted() -> World:
    """Artist 3 has few listeners in Japan."""
    found = world()
    country = found.released.places[COUNTRY]
    listeners = country.listeners.copy()
    listeners[found.released.artist_ids == "artist 003", 3] = 4
    few = replace(country, listeners=listeners)
    return replace(found, released=replace(found.released, places=dict(found.released.places) | {COUNTRY: few}))


@pytest.fixture(scope="module")
def rows(planted: World) -> pl.DataFrame:
    asked = files(planted, [0, 1, 0], [None, None, "artist 003"])
    asked.is_open[1, 4] = False
    places = planted.released.places
    return audience_frame(expect(fit_audience(planted.released), asked), asked, places, NAMES, ORIGIN, 10)


def test_shares_of_a_kind_add_up_to_one_and_plays_to_the_total(rows: pl.DataFrame) -> None:
    sums = rows.filter(pl.col("kind") != "artist").group_by("file", "kind").agg(pl.sum("share", "expected_plays"))
    np.testing.assert_allclose(sums["share"], 1)
    totals = sums.join(sums.filter(pl.col("kind") == "total"), on="file")
    np.testing.assert_allclose(totals["expected_plays"], totals["expected_plays_right"])
    assert rows.select(pl.struct("file", "kind", "place").is_unique().all()).item()


def test_a_closed_market_has_no_row(rows: pl.DataFrame) -> None:
    there = dict(rows.filter(pl.col("kind") == COUNTRY).group_by("file").agg("place").iter_rows())
    assert "US" in there["file 0.flac"]
    assert "US" not in there["file 1.flac"]


def test_few_listeners_are_not_told_nor_left_to_be_reckoned(rows: pl.DataFrame) -> None:
    mine = rows.filter((pl.col("file") == "file 2.flac") & (pl.col("kind") == COUNTRY))
    told = mine.filter(pl.col("is_suppressed"))
    assert "JP" in told["place"].to_list()
    assert len(told) == 2, "one alone would be what is left of 1"
    numbers = told.select("place_rank", "share", "expected_plays", "expected_low", "expected_high")
    assert numbers.null_count().row(0) == (2,) * 5
    rest = mine.filter(pl.col("place") == OTHERS)
    assert rest["share"].item() > 0
    assert not rows.filter(pl.col("file") == "file 0.flac")["is_suppressed"].any()


def test_ranks_names_ranges_and_basis(rows: pl.DataFrame) -> None:
    first = rows.filter((pl.col("file") == "file 0.flac") & (pl.col("place_rank") == 1))
    assert dict(first.select("kind", "place").iter_rows())[COUNTRY] == "BR"
    assert dict(first.select("kind", "place_name").iter_rows())["cluster"] == "name of 1"
    assert dict(rows.select("file", "basis").unique().iter_rows()) == {
        "file 0.flac": SOUND_ALONE,
        "file 1.flac": SOUND_ALONE,
        "file 2.flac": OWN_AND_SOUND,
    }
    similar = rows.filter(pl.col("kind") == "artist")
    assert similar.group_by("file").len()["len"].to_list() == [10, 10, 10]
    assert "Artist Three" in similar["place_name"].to_list()
    assert similar["similarity"].is_between(-1, 1).all()
    ranged = rows.filter(pl.col("expected_low").is_not_null())
    assert ranged.select(pl.col("expected_plays").is_between("expected_low", "expected_high").all()).item()


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30)), min_size=0, max_size=8),
    st.integers(2, 20),
)
def test_nobody_is_hidden_alone(cells: list[tuple[float, int]], least: int) -> None:
    shares, listeners = (np.array([cell[part] for cell in cells], dtype=float) for part in (0, 1))
    small = hidden(shares, listeners, least)
    there = shares > 0
    assert not (small & ~there).any()
    assert small[there & (listeners < least)].all()
    assert small.sum() != 1 or there.sum() == 1
    assert not small.any() or listeners[small].sum() >= least or (small == there).all(), "what is left of 1 tells them"
    assert small.any() == (there & (listeners < least)).any()


def test_sentences_say_what_the_rows_hold() -> None:
    common = {"file": "a.flac", "basis": SOUND_ALONE, "target": "plays_first_28_days", "is_suppressed": False}
    rows = pl.DataFrame(
        [
            {"kind": "total", "place": "(all)", "place_name": "all plays", "place_rank": 1, "share": 1.0,
             "expected_plays": 9_876.5, "expected_low": 850.0, "expected_high": 104_000.0, "similarity": None},
            {"kind": "cluster", "place": "2", "place_name": "metal, doom: Iron Choir", "place_rank": 1, "share": 0.62,
             "expected_plays": 6_000.0, "expected_low": 500.0, "expected_high": 60_000.0, "similarity": None},
            {"kind": "country", "place": "DE", "place_name": "Germany", "place_rank": 1, "share": 0.125,
             "expected_plays": 1_243.0, "expected_low": 312.0, "expected_high": 4_890.0, "similarity": None},
            {"kind": "artist", "place": "iron choir", "place_name": "Iron Choir", "place_rank": 1, "share": None,
             "expected_plays": None, "expected_low": None, "expected_high": None, "similarity": 0.9},
        ]
    ).with_columns(**{name: pl.lit(value) for name, value in common.items()})  # fmt: skip
    assert audience_words(rows) == (
        "Likely listeners: those of metal, doom (62%). "
        "In all: 9,880 plays in the first 28 days, 8 of 10 tracks like it between 850 and 100,000. "
        "Germany: 1,240 plays in the first 28 days, 8 of 10 tracks like it between 310 and 4,900. "
        "Similar artists: Iron Choir. From its sound alone."
    )
    assert audience_words(rows.clear()) == NO_AUDIENCE


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("plays_first_90_days", "in the first 90 days"),
        ("plays_last_90_days", "in 90 days once it is out"),
        ("listenbrainz_plays", "by listenbrainz plays"),
    ],
)
def test_windows_in_words(target: str, words: str) -> None:
    assert window_words(target) == words


def test_numbers_have_no_more_digits_than_can_be_meant() -> None:
    assert [plays_words(plays) for plays in (0.2, 7, 43.6, 999.6, 1_243, 98_765)] == [
        "0", "7", "44", "1,000", "1,240", "98,800",
    ]  # fmt: skip
    assert expected_words(None, None, None, "plays_first_28_days") == "plays unknown"
    assert expected_words(5, None, None, "plays_first_28_days") == "5 plays in the first 28 days"


def test_the_evidence_is_that_of_the_case_and_says_when_there_is_none() -> None:
    def score(model: str, metric: str, value: float, width: float) -> Score:
        return Score(model, metric, value, value - width, value + width, "share", "higher", False, 9)

    frames = [
        score_frame(
            [
                score("taste_audience", "cluster_first", first, 0.05),
                score("genre_cluster", "cluster_first", 0.9, 0.05),
                score("taste_audience", "country_error", error, 0.02),
                score("market_size", "country_error", 0.4, 0.02),
                score("taste_audience", "plays_coverage", 0.79, 0.02),
            ],
            "track_audience", "label", 28, "v", split=split,
        )
        for split, first, error in (("artists", 0.55, 0.39), ("new tracks", 0.99, 0.1))
    ]  # fmt: skip
    scores = pl.concat(frames)
    unknown, known = evidence_words(scores, SOUND_ALONE), evidence_words(scores, OWN_AND_SOUND)
    assert "did not know the first cluster was the right one in 55% (90 % range 50% to 60%" in unknown
    assert "39% of the plays in the wrong one, no better than the size of markets alone (40%)" in unknown
    assert "it knew the first cluster was the right one in 99%" in known
    assert "10% of the plays in the wrong one, better than" in known
    assert "79% of the ranges" in known
    nothing = frame_of(AUDIENCE_SCORES, [])
    assert evidence_words(nothing, SOUND_ALONE, is_sample_label=True).startswith("How good this is was not measured.")


def test_the_table_of_one_file_is_printed_with_its_brackets(rows: pl.DataFrame) -> None:
    console = Console(record=True, width=160)
    one = rows.filter(pl.col("file") == "file 2.flac").with_columns(file=pl.lit("[demo] a.flac"))
    nothing = frame_of(AUDIENCE_SCORES, [])
    print_audience(one, nothing, console)
    text = console.export_text()
    assert "[demo] a.flac" in text
    assert text.count("similar artist") == 5
    assert "name of 1" in text
    assert "name of JP" not in text, "what is suppressed is not printed"
