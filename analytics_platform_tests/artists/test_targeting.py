"""From plays by country to the next market: what is recommended, why not, and that the back-test sees no future."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import permutations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from threadpoolctl import threadpool_limits

from analytics_platform.artists import targeting
from analytics_platform.artists.market_data import LEAST_Z, NO_GAP, NOT_AVAILABLE
from analytics_platform.artists.markets import Markets
from analytics_platform.artists.tables import MARKET_SCORES, POTENTIAL_STREAMS, SIMILAR_ARTISTS
from analytics_platform.artists.targeting import (
    MODEL,
    NO_COUNTRY,
    NO_NEIGHBOURS,
    NO_PAST,
    NO_PLAYS,
    VOLUME,
    Targeted,
    backtest_markets,
    backtest_window,
    estimate_markets,
)
from analytics_platform.fans.segments import UNKNOWN_ARTIST
from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.modelling.evaluation import Score
from analytics_platform.streams.tables import ARTIST_COUNTRY_DAYS, ARTIST_NAMES, CLOSED_MARKETS, LISTENER_ARTIST_DAYS
from analytics_platform_tests.artists.audiences import artist, grouped_pairs, violations
from analytics_platform_tests.fans.lakes import read, write_table

END = date(2026, 3, 31)
DAYS = 28
LENGTH = 14
"""Days of a window of the back-test."""
COUNTRIES = ("DE", "FR", "US", "GB", "BR", "ES", "IT", "NL", "MX", "SE", "PL", "CA", "JP")
ARTISTS = 12
BASELINES = {"document_pipeline", "document_gap", "original_code", "market_size", "own_current_plays", "random"}

Plays = dict[tuple[str, str], int]
"""By artist and country."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices: threads would wait for each other and for those of other tests."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def lake(tmp_path: object) -> Lake:
    return Lake(f"{tmp_path}/lake", threads=1)


def usual_plays(artists: int = ARTISTS) -> Plays:
    """Everybody has some hundred plays in each country, and thrice as many at home, which is never Japan."""
    return {
        (artist(n), country): (100 + 10 * n) * (3 if place == n % 5 else 1)
        for n in range(artists)
        for place, country in enumerate(COUNTRIES)
    }


def write_countries(
    lake: Lake, plays: Mapping[tuple[str, str], int], *, day: date = END, ingested: date = END, vendor: str = "spotify"
) -> None:
    rows = [(a, country, n) for (a, country), n in plays.items() if n]
    schema = {"artist_id": pl.String, "country": pl.String, "plays": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(play_date=pl.lit(day))
    write_table(lake, ARTIST_COUNTRY_DAYS, frame, vendor=vendor, ingest_date=ingested)


def write_neighbours(lake: Lake, pairs: list[tuple[str, str]], data_set: str = LABEL) -> None:
    """Neighbours of equal similarity, ranked as they come."""
    frame = pl.DataFrame(pairs, schema=["artist_id", "similar_artist_id"], orient="row").with_columns(
        data_set=pl.lit(data_set),
        window_days=DAYS,
        window_end=pl.lit(END),
        artist_name="artist_id",
        similar_artist_name="similar_artist_id",
        neighbour_rank=pl.int_range(1, pl.len() + 1).over("artist_id"),
        score=0.8,
        stability=1.0,
        shared_listeners=50,
        model_version=pl.lit("version"),
    )
    write_table(lake, SIMILAR_ARTISTS, frame)


def everybody(artists: int = ARTISTS) -> list[tuple[str, str]]:
    return list(permutations([artist(n) for n in range(artists)], 2))


def write_closed(lake: Lake, *cells: tuple[str, str]) -> None:
    write_table(lake, CLOSED_MARKETS, pl.DataFrame(cells, schema=["artist_id", "country"], orient="row"))


def write_names(lake: Lake, artists: int = ARTISTS) -> None:
    ids = [artist(n) for n in range(artists)]
    names = pl.DataFrame({"artist_id": ids, "artist_name": [f"Name {a}" for a in ids], "tracks": 1})
    write_table(lake, ARTIST_NAMES, names)


def row_of(lake: Lake, artist_id: str, country: str) -> dict[str, object]:
    (row,) = read(lake, POTENTIAL_STREAMS).filter(artist_id=artist_id, country=country).rows(named=True)
    return row


def test_a_planted_unopened_market_comes_first_and_names_neighbours(lake: Lake) -> None:
    """All similar artists are played in Japan, this one not at all."""
    plays = usual_plays() | {(artist(0), "JP"): 0}
    write_countries(lake, plays)
    write_neighbours(lake, everybody())
    write_names(lake)
    found = estimate_markets(lake)
    assert found.note == ""
    assert violations(lake, POTENTIAL_STREAMS) == []
    row = row_of(lake, artist(0), "JP")
    assert row["market_rank"] == 1
    assert row["reason"] is None
    assert row["actual_plays"] == 0
    assert row["country_name"] == "Japan"
    assert 50 < float(str(row["expected_plays"])) < 200
    assert row["gap_plays"] == row["expected_plays"]
    assert float(str(row["expected_low"])) <= float(str(row["expected_plays"])) <= float(str(row["expected_high"]))
    named = str(row["neighbours"]).split(", ")
    assert 1 <= len(named) <= 5
    assert set(named) <= {f"Name {artist(n)}" for n in range(1, ARTISTS)}
    assert row["document_gap_plays"] == pytest.approx(np.mean([plays[artist(n), "JP"] for n in range(1, 11)]))
    assert (row["window_days"], row["window_end"], row["model_version"]) == (DAYS, END, "version")
    assert row["window_start"] == END - timedelta(DAYS - 1)


def test_every_artist_has_a_row_for_every_country_with_plays_of_anybody(lake: Lake) -> None:
    plays = usual_plays() | {(artist(3), "IS"): 2, (artist(4), "ZZ"): 500, (UNKNOWN_ARTIST, "NO"): 500}
    write_countries(lake, plays)
    write_neighbours(lake, everybody())
    estimate_markets(lake)
    rows = read(lake, POTENTIAL_STREAMS)
    assert sorted(rows["country"].unique()) == sorted([*COUNTRIES, "IS"])
    assert len(rows) == ARTISTS * (len(COUNTRIES) + 1)
    assert set(rows["data_set"]) == {LABEL}
    actual = {(a, c): n for a, c, n in rows.select("artist_id", "country", "actual_plays").iter_rows()}
    assert actual == {(artist(n), c): plays.get((artist(n), c), 0) for n in range(ARTISTS) for c in [*COUNTRIES, "IS"]}


def test_ranks_go_by_z_without_gaps_and_every_other_row_has_a_reason(lake: Lake) -> None:
    rng = np.random.default_rng(0)
    write_countries(lake, {cell: int(n * rng.gamma(1.5)) for cell, n in usual_plays().items()})
    write_neighbours(lake, everybody())
    write_closed(lake, (artist(1), "JP"), (artist(2), "DE"))
    estimate_markets(lake)
    rows = read(lake, POTENTIAL_STREAMS)
    assert violations(lake, POTENTIAL_STREAMS) == []
    assert rows.select((pl.col("market_rank").is_null() == pl.col("reason").is_not_null()).all()).item()
    ranked = rows.drop_nulls("market_rank").sort("artist_id", "market_rank")
    assert len(ranked) > ARTISTS
    for _, group in ranked.group_by("artist_id"):
        assert group["market_rank"].to_list() == list(range(1, len(group) + 1))
        assert group["z"].is_sorted(descending=True)
        assert (group["gap_plays"] > 0).all()
    assert (rows.filter(reason=NO_GAP)["z"] < LEAST_Z).all()
    assert (ranked["z"] >= LEAST_Z).all()
    both = rows.drop_nulls("expected_plays")
    assert both.select(
        (pl.col("gap_plays") - (pl.col("expected_plays") - pl.col("actual_plays"))).abs().max() < 1e-9
    ).item()


def test_where_it_is_not_available_nothing_is_recommended(lake: Lake) -> None:
    write_countries(lake, usual_plays() | {(artist(0), "JP"): 0})
    write_neighbours(lake, everybody())
    write_closed(lake, (artist(0), "JP"), ("stranger", "JP"), (artist(1), "TV"))
    estimate_markets(lake)
    row = row_of(lake, artist(0), "JP")
    assert row["is_available"] is False
    assert row["reason"] == NOT_AVAILABLE
    for column in ("market_rank", "expected_plays", "expected_low", "gap_plays", "z", "neighbours"):
        assert row[column] is None, column
    assert read(lake, POTENTIAL_STREAMS)["is_available"].sum() == ARTISTS * len(COUNTRIES) - 1


def test_an_artist_without_neighbours_has_the_reason(lake: Lake) -> None:
    write_countries(lake, usual_plays())
    write_neighbours(lake, [pair for pair in everybody() if artist(0) not in pair])
    estimate_markets(lake)
    rows = read(lake, POTENTIAL_STREAMS).filter(artist_id=artist(0))
    assert len(rows) == len(COUNTRIES)
    assert set(rows["reason"]) == {"no neighbours"}
    for column in ("market_rank", "expected_plays", "neighbours", "document_gap_plays"):
        assert rows[column].null_count() == len(rows), column


def test_an_artist_in_one_country_is_told_of_the_others(lake: Lake) -> None:
    only = {(artist(0), country): 900 if country == "DE" else 0 for country in COUNTRIES}
    write_countries(lake, usual_plays() | only)
    write_neighbours(lake, everybody())
    estimate_markets(lake)
    rows = read(lake, POTENTIAL_STREAMS).filter(artist_id=artist(0))
    assert violations(lake, POTENTIAL_STREAMS) == []
    assert set(rows.drop_nulls("market_rank")["country"]) == set(COUNTRIES) - {"DE"}
    assert rows.filter(country="DE")["reason"].to_list() == [NO_GAP]


def test_only_the_labels_plays_in_the_window_count(lake: Lake) -> None:
    write_countries(lake, usual_plays())
    write_neighbours(lake, everybody())
    estimate_markets(lake)
    before = read(lake, POTENTIAL_STREAMS)
    write_countries(lake, {(artist(0), "JP"): 9999}, vendor="listenbrainz")
    write_countries(lake, {(artist(0), "JP"): 9999}, day=END - timedelta(DAYS), ingested=END - timedelta(DAYS))
    write_countries(lake, {(artist(0), "JP"): 9999}, day=END + timedelta(1), ingested=END + timedelta(1))
    estimate_markets(lake)
    assert_frame_equal(read(lake, POTENTIAL_STREAMS), before, check_exact=True)
    write_countries(lake, {(artist(0), "JP"): 50}, vendor="apple", day=END - timedelta(DAYS - 1))
    estimate_markets(lake)
    assert row_of(lake, artist(0), "JP")["actual_plays"] == 150


def test_neighbours_of_other_data_sets_are_not_those_of_the_label(lake: Lake) -> None:
    write_countries(lake, usual_plays())
    write_neighbours(lake, everybody(), data_set="listenbrainz")
    found = estimate_markets(lake)
    assert found.note == NO_NEIGHBOURS
    assert read(lake, POTENTIAL_STREAMS).is_empty()


def test_an_empty_lake_gives_an_empty_table_and_says_why(lake: Lake) -> None:
    found = estimate_markets(lake)
    assert found.note == NO_NEIGHBOURS
    assert found.commit.rows == 0
    assert lake.version(POTENTIAL_STREAMS) is not None
    assert read(lake, POTENTIAL_STREAMS).is_empty()


def test_neighbours_without_plays_in_known_countries_give_an_empty_table(lake: Lake) -> None:
    """The step failed; a label whose feeds have no countries is one."""
    write_neighbours(lake, everybody())
    write_countries(lake, {(artist(0), "ZZ"): 10})
    assert estimate_markets(lake).note == NO_PLAYS
    assert read(lake, POTENTIAL_STREAMS).is_empty()


def test_the_most_common_first_countries_are_told(lake: Lake) -> None:
    write_countries(lake, usual_plays() | {(artist(n), "JP"): 0 for n in range(3)})
    write_neighbours(lake, everybody())
    top = estimate_markets(lake).top
    first = read(lake, POTENTIAL_STREAMS).filter(market_rank=1)
    assert len(first) >= 3
    counts = dict(first.group_by("country").len().iter_rows())
    assert counts["JP"] >= 3
    shares = [share for _, _, share in top]
    assert shares == sorted(shares, reverse=True)
    assert len(top) == min(len(counts), 5)
    for code, name, share in top:
        assert share == pytest.approx(counts[code] / len(first))
        assert name == first.filter(country=code)["country_name"][0]


@pytest.mark.parametrize(
    ("days", "expected"), [(27, None), (28, 14), (55, 14), (56, 28), (179, 28), (180, 90), (2000, 90)]
)
def test_the_back_test_takes_the_longest_window_of_which_there_are_two(days: int, expected: int | None) -> None:
    assert backtest_window((14, 28, 90), END - timedelta(days - 1), END) == expected
    assert backtest_window((14,), None, None) is None


FREEZE = END - timedelta(LENGTH)
"""Last day that the back-test may know."""
FIRST = END - timedelta(2 * LENGTH - 1)


def write_past(lake: Lake, artists: int = 24) -> Plays:
    """Two groups of artists with plays in both halves of the window before; half of them not yet in Japan."""
    pairs = grouped_pairs(200, artists, 2).select("listener_key", "artist_id", "plays")
    write_table(
        lake, LISTENER_ARTIST_DAYS, pairs.with_columns(play_date=pl.lit(FREEZE)), vendor="spotify", ingest_date=FIRST
    )
    plays = usual_plays(artists) | {(artist(n), "JP"): 0 for n in range(0, artists, 2)}
    write_countries(lake, plays, day=FREEZE, ingested=FIRST)
    return plays


def write_future(lake: Lake, plays: Plays, opened: str) -> None:
    """The same plays again, and everybody thrice as much in one country."""
    later = {(a, c): n * 3 + 90 if c == opened else n for (a, c), n in plays.items()}
    write_countries(lake, later, day=END, ingested=END)


def back_test(lake: Lake, least: int = 10) -> Targeted:
    return backtest_markets(lake, (LENGTH, 90), least)


def test_the_back_test_scores_our_estimate_beside_the_source_and_dummies(lake: Lake) -> None:
    write_future(lake, write_past(lake), "JP")
    found = back_test(lake)
    assert found.note == ""
    rows = read(lake, MARKET_SCORES)
    assert violations(lake, MARKET_SCORES) == []
    assert len(rows) == len(found.scores)
    assert dict(rows.select("model", "is_baseline").iter_rows()) == {MODEL: False, VOLUME: False} | dict.fromkeys(
        BASELINES, True
    )
    for metric in ("precision_at_5", "growth_captured_at_5", "ndcg_at_5", "top_country_share"):
        assert set(rows.filter(metric=metric)["model"]) == {MODEL, VOLUME, *BASELINES}, metric
    assert set(rows["task"]) == {"artist_markets"}
    assert set(rows["window_days"]) == {LENGTH}
    assert set(rows["model_version"]) == {f"{LABEL}-{LENGTH}d-{FREEZE:%Y%m%d}"}


def test_the_back_test_again_writes_the_same(lake: Lake) -> None:
    write_future(lake, write_past(lake), "JP")
    back_test(lake)
    before = read(lake, MARKET_SCORES)
    back_test(lake)
    assert_frame_equal(read(lake, MARKET_SCORES), before, check_exact=True)


def test_the_back_test_does_not_look_into_the_future(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes after the freeze, the estimate is made from the same numbers and picks the same countries."""
    seen: list[tuple[Markets, Markets, np.ndarray]] = []
    honest = targeting.score_markets

    def watched(markets: Markets, after: np.ndarray, document: Markets) -> list[Score]:
        seen.append((markets, document, after))
        return honest(markets, after, document)

    monkeypatch.setattr(targeting, "score_markets", watched)
    plays = write_past(lake)
    tables: list[pl.DataFrame] = []
    for opened in ("JP", "BR"):
        write_future(lake, plays | {("new artist", "IS"): 5000}, opened)
        other = grouped_pairs(300, 24, 3 if opened == "JP" else 4, seed=5).select("listener_key", "artist_id", "plays")
        days = other.with_columns(play_date=pl.lit(FREEZE + timedelta(1)))
        write_table(lake, LISTENER_ARTIST_DAYS, days, vendor="spotify", ingest_date=END)
        back_test(lake)
        tables.append(read(lake, MARKET_SCORES))
    (one, document, after), (two, other_document, other_after) = seen
    for name in ("plays", "available", "neighbours", "similarity"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(getattr(document, name), getattr(other_document, name))
    assert (one.neighbours >= 0).any()
    assert not np.array_equal(after, other_after)

    def of(number: int, metric: str) -> pl.DataFrame:
        return tables[number].filter(metric=metric)

    for metric in ("top_country_share", "range_coverage"):
        assert_frame_equal(of(0, metric), of(1, metric), check_exact=True)
    for metric in ("precision_at_5", "growth_captured_at_5"):
        assert of(0, metric)["value"].to_list() != of(1, metric)["value"].to_list(), "the outcome is another"


def test_a_history_of_less_than_two_windows_is_too_short(lake: Lake) -> None:
    plays = usual_plays()
    write_countries(lake, plays, day=FIRST + timedelta(1), ingested=FIRST + timedelta(1))
    write_countries(lake, plays)
    found = back_test(lake)
    assert found.note == f"a back-test needs deliveries over two windows, at least {2 * LENGTH} days"
    assert read(lake, MARKET_SCORES).is_empty()
    assert lake.version(MARKET_SCORES) is not None


def test_an_empty_lake_has_no_back_test(lake: Lake) -> None:
    assert "two windows" in back_test(lake).note
    assert read(lake, MARKET_SCORES).is_empty()


def test_yesterdays_scores_go_when_there_is_no_back_test_any_more(lake: Lake) -> None:
    write_future(lake, write_past(lake), "JP")
    back_test(lake)
    assert "180 days" in backtest_markets(lake, (90,), 10).note
    assert read(lake, MARKET_SCORES).is_empty()


def test_nothing_known_before_the_freeze_is_said(lake: Lake) -> None:
    write_countries(lake, {(artist(0), "ZZ"): 5}, day=FREEZE, ingested=FIRST)
    write_countries(lake, usual_plays())
    assert back_test(lake).note == NO_PAST
    assert read(lake, MARKET_SCORES).is_empty()


def test_artists_with_too_few_listeners_are_ranked_without_neighbours(lake: Lake) -> None:
    """The step failed where no artist had enough listeners: singular vectors of no artists."""
    write_future(lake, write_past(lake), "JP")
    found = back_test(lake, least=10_000)
    assert found.note == ""
    assert MODEL in set(read(lake, MARKET_SCORES)["model"])
    assert violations(lake, MARKET_SCORES) == []


def test_a_label_that_may_sell_nowhere_has_no_back_test(lake: Lake) -> None:
    """The step failed; there is nothing to rank."""
    plays = write_past(lake)
    write_future(lake, plays, "JP")
    write_closed(lake, *plays)
    assert back_test(lake).note == NO_COUNTRY
    assert read(lake, MARKET_SCORES).is_empty()
