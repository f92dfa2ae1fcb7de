"""From listeners to the tables that people read: counts are true, shares add up, targets are no noise."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.fans.anonymity import ALL_COUNTRIES, MOVES
from analytics_platform.fans.estimates import class_thresholds
from analytics_platform.fans.levels import Window, level_of
from analytics_platform.fans.reporting import report, segment_listeners
from analytics_platform.fans.segments import moves_sql
from analytics_platform.fans.tables import (
    FAN_MOVES,
    FAN_SEGMENTS_BY,
    FAN_TARGETS,
    LISTENER_ARTIST_PLAYS,
    LISTENER_SEGMENTS,
    LISTENER_TRAITS,
    REPORTS,
)
from analytics_platform.fans.thresholds import segment_of
from analytics_platform.fans.training import Released, released_models, train
from analytics_platform.fans.windows import update_window
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.streams.tables import ARTIST_NAMES, LISTENER_ARTIST_DAYS
from analytics_platform_tests.fans import published
from analytics_platform_tests.fans.lakes import DAYS, END, planted_pairs, read, write_days, write_pairs, write_table

MIN_LISTENERS = 20
MIN_CELL = 10
START = END - timedelta(DAYS - 1)
EARLIER = START - timedelta(1)
"""Last day of the window before."""
ARTISTS = 80
TARGET, NOT_TOLD = "artist-000", "artist-001"
"""Artists of whom all in Japan are passive, or all without a known country."""
TINY, LARGE = "artist-tiny", "artist-large"
COUNTRIES = ("DE", "FR", "JP", "US", "BR", "IS", "MT")
CHANCES = (0.3, 0.2, 0.2, 0.17, 0.1, 0.02, 0.01)


def planted() -> pl.DataFrame:
    """Pairs of this window, with what was planted."""
    pairs = planted_pairs(ARTISTS, 150, seed=2)
    # Half of them diehards, but for whom must not be.
    devoted = planted_pairs(2, 150, seed=7, mixture=(3.0, 1.0, 4.0))
    large = planted_pairs(1, 3000, seed=8, mixture=(3.0, 2.0, 2.0)).with_columns(pl.lit(LARGE).alias("artist_id"))
    pairs = pl.concat([devoted, large, pairs.filter(~pl.col("artist_id").is_in([TARGET, NOT_TOLD]))])
    country = pairs.join(traits(), on="listener_key", how="left")["country"]
    is_planted = ((pairs["artist_id"] == TARGET) & (country == "JP").fill_null(False)) | (
        (pairs["artist_id"] == NOT_TOLD) & country.is_null()
    )
    some = pl.Series(1 + np.arange(len(pairs)) % 3)
    tiny = pairs.filter(artist_id="artist-002").head(12).with_columns(pl.lit(TINY).alias("artist_id"))
    pairs = pairs.with_columns(pl.when(is_planted).then(some).otherwise("plays").alias("plays"))
    return pl.concat([pairs, tiny])


def traits(seed: int = 3) -> pl.DataFrame:
    """Random traits of the listeners; one in six has no row."""
    rng = np.random.default_rng(seed)
    keys = pl.Series([f"{name}-{n:04}" for name in ("listener", "gone") for n in range(6000) if n % 6])
    return pl.DataFrame(
        {
            "listener_key": keys,
            "country": rng.choice(COUNTRIES, len(keys), p=CHANCES),
            "device": rng.choice(["phone", "speaker", "unknown"], len(keys), p=[0.6, 0.3, 0.1]),
            "age_band": rng.choice(["18-24", "25-34", "65+", "unknown"], len(keys), p=[0.4, 0.4, 0.03, 0.17]),
            "gender": rng.choice(["female", "male", "unknown"], len(keys)),
        }
    )  # fmt: skip


def pairs_before(pairs: pl.DataFrame) -> pl.DataFrame:
    """Who was there before: of every three one played as much, one half as much, one three times as much; some left."""
    turn = pl.int_range(pl.len()) % 3
    plays = (
        pl.when(turn == 0).then("plays").when(turn == 1).then((pl.col("plays") + 1) // 2).otherwise(pl.col("plays") * 3)
    )
    known = pairs.filter(pl.col("first_play_date") < START).with_columns(plays.alias("plays"))
    left = known.gather_every(4).with_columns(pl.col("listener_key").str.replace("listener", "gone"))
    return pl.concat([known, left])


def write_both_windows(
    lake: Lake, pairs: pl.DataFrame, *, first_delivery: date = EARLIER - timedelta(DAYS - 1)
) -> None:
    write_days(lake, pairs_before(pairs), end=EARLIER, ingested=first_delivery)
    write_days(lake, pairs, end=END, ingested=END)
    update_window(lake, Window(START, END))


def models_of(lake: Lake) -> Path:
    return Path(lake.root) / "models"


def run(lake: Lake) -> dict[str, pl.DataFrame]:
    """Segments and reports under the released profiles; what was written."""
    models = released_models(lake, models_of(lake))
    segment_listeners(lake, models)
    report(lake, models, min_listeners=MIN_LISTENERS, min_cell=MIN_CELL, say=lambda _: None)
    return {table.name: read(lake, table) for table in (LISTENER_SEGMENTS, *REPORTS)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of two windows and an undated data set, with released profiles and reports."""
    root = tmp_path_factory.mktemp("reported")
    lake = Lake(root, threads=2)
    pairs = planted()
    write_both_windows(lake, pairs)
    undated = planted_pairs(artists=30, listeners=60, seed=5)
    undated = undated.with_columns(pl.lit(None, pl.Date).alias("first_play_date"))
    write_pairs(lake, undated, end=None, window_days=0, data_set="lastfm_hetrec2011")
    write_table(lake, LISTENER_TRAITS, traits())
    names = [(f"artist-{n:03}", f"Artist {n}", 5) for n in range(ARTISTS)]
    write_table(lake, ARTIST_NAMES, pl.DataFrame(names, schema=["artist_id", "artist_name", "tracks"], orient="row"))
    train(lake, models_of(lake), min_listeners=MIN_LISTENERS, say=lambda _: None)
    run(lake)
    return root


@pytest.fixture(scope="module")
def tables(home: Path) -> dict[str, pl.DataFrame]:
    lake = Lake(home, threads=2)
    return {table.name: read(lake, table) for table in (LISTENER_SEGMENTS, *REPORTS)}


@pytest.fixture(scope="module")
def released(home: Path) -> Released:
    return released_models(Lake(home, threads=2), models_of(Lake(home)))["label", DAYS]


@pytest.fixture
def lake(home: Path, tmp_path: Path) -> Lake:
    """A copy that a test may change."""
    shutil.copytree(home, tmp_path / "lake")
    return Lake(tmp_path / "lake", threads=2)


def of_label(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(data_set="label")


def truth(period: str) -> pl.DataFrame:
    """Planted pairs with the exposure class that the dates give."""
    pairs, start = (planted(), START) if period == "this" else (pairs_before(planted()), EARLIER - timedelta(DAYS - 1))
    first = (pl.col("first_play_date") - start).dt.total_days()
    quarter = pl.when(first < 0).then(0).otherwise(1 + first * 4 // DAYS)
    return pairs.select("listener_key", "artist_id", "plays", quarter.cast(pl.Int16).alias("exposure_class"))


@pytest.mark.parametrize("period", ["this", "before"])
def test_every_listener_is_in_the_segment_of_its_plays_and_time(
    tables: dict[str, pl.DataFrame], released: Released, period: str
) -> None:
    found = of_label(tables["listener_segments"]).filter(period=period).sort("artist_id", "listener_key")
    expected = truth(period).sort("artist_id", "listener_key")
    assert_frame_equal(found.select(expected.columns), expected)
    plays, classes = expected["plays"].to_numpy(), expected["exposure_class"].to_numpy()
    assert (found["level"].to_numpy() == level_of(plays)).all()
    ranks = np.stack([1 + segment_of(plays, cuts) for cuts in class_thresholds(released.model)])
    assert (found["segment_rank"].to_numpy() == ranks[classes, np.arange(len(plays))]).all()
    assert set(found["model_version"]) == {released.stored.version}
    names = dict(found.select("segment_rank", "segment").unique().iter_rows())
    assert names == {1: "passive", 2: "casual", 3: "diehard"}


def test_there_is_no_window_before_that_the_deliveries_do_not_fill(lake: Lake, tables: dict[str, pl.DataFrame]) -> None:
    with lake.duckdb() as connection:
        nothing = "select null as listener_key, null as artist_id, null as play_date, null as plays where false"
        partition = {"vendor": "spotify", "ingest_date": EARLIER - timedelta(DAYS - 1)}
        lake.write(LISTENER_ARTIST_DAYS, connection, nothing, partition=partition)
    write_days(lake, pairs_before(planted()), end=EARLIER, ingested=EARLIER - timedelta(DAYS - 2))
    found = run(lake)
    assert set(found["listener_segments"]["period"]) == {"this"}
    assert found["fan_moves"].is_empty()
    fans = found["artist_fans"]
    assert fans["listeners_before"].is_null().all()
    assert fans["share_before"].is_null().all()
    same = ["artist_id", "segment", "share", "listeners", "listeners_assigned"]
    assert_frame_equal(fans.select(same), tables["artist_fans"].select(same))


def test_shares_of_an_artist_add_up(tables: dict[str, pl.DataFrame]) -> None:
    fans = tables["artist_fans"]
    told = fans.filter(pl.col("share").is_not_null())
    by_artist = told.group_by("data_set", "artist_id").agg(
        pl.sum("share", "listeners_estimated", "plays_estimated"), pl.first("listeners", "plays_total"), pl.len()
    )
    assert (by_artist["len"] == by_artist["data_set"].replace_strict({"label": 3}, default=by_artist["len"])).all()
    assert by_artist["share"].to_numpy() == pytest.approx(1, abs=1e-9)
    assert by_artist["listeners_estimated"].to_numpy() == pytest.approx(by_artist["listeners"].to_numpy())
    assert by_artist["plays_estimated"].to_numpy() == pytest.approx(by_artist["plays_total"].to_numpy())
    assert told.select(pl.col("share").is_between("share_low", "share_high").all()).item()
    counted = fans.group_by("data_set", "artist_id").agg(pl.sum("listeners_assigned"), pl.first("listeners"))
    assert (counted["listeners_assigned"] == counted["listeners"]).all()


def test_counts_of_an_artist_are_those_of_its_plays(tables: dict[str, pl.DataFrame]) -> None:
    now = planted().group_by("artist_id").agg(listeners=pl.len(), plays_total=pl.sum("plays"))
    before = pairs_before(planted()).group_by("artist_id").agg(listeners_before=pl.len())
    expected = now.join(before, on="artist_id", how="left").sort("artist_id")
    found = of_label(tables["artist_fans"]).filter(segment_rank=1).sort("artist_id")
    assert_frame_equal(found.select(expected.columns), expected, check_dtypes=False)


def test_estimates_are_near_what_was_planted(tables: dict[str, pl.DataFrame]) -> None:
    """Also nearer than counting, whose error this bound would not hold."""
    kinds = planted().with_columns(segment_rank=(pl.col("kind") + 1).cast(pl.Int16))
    planted_shares = (
        kinds.group_by("artist_id", "segment_rank")
        .len()
        .with_columns(planted=pl.col("len") / pl.col("len").sum().over("artist_id"))
    )
    found = of_label(tables["artist_fans"]).filter(
        pl.col("share").is_not_null(), ~pl.col("artist_id").is_in([TARGET, NOT_TOLD])
    )
    both = found.join(planted_shares, on=["artist_id", "segment_rank"])
    error = (both["share"] - both["planted"]).abs().mean()
    counted = (both["listeners_assigned"] / both["listeners"] - both["planted"]).abs().mean()
    assert error < 0.05 < counted
    covered = both.select(pl.col("planted").is_between("share_low", "share_high").mean()).item()
    assert covered > 0.75


def test_an_artist_with_few_listeners_has_counts_and_no_shares(tables: dict[str, pl.DataFrame]) -> None:
    rows = tables["artist_fans"].filter(artist_id=TINY)
    assert rows["listeners"].to_list() == [12, 12, 12]
    assert rows["listeners_assigned"].sum() == 12
    for name in ("share", "share_low", "share_high", "listeners_estimated", "plays_estimated", "share_before"):
        assert rows[name].is_null().all(), name
    assert rows["artist_name"].to_list() == [TINY] * 3, "it is in no catalogue"
    for table in (*FAN_SEGMENTS_BY.values(), FAN_MOVES, FAN_TARGETS):
        assert TINY not in tables[table.name]["artist_id"], table.full_name


def test_an_undated_data_set_has_shares_and_nothing_else(tables: dict[str, pl.DataFrame]) -> None:
    fans = tables["artist_fans"].filter(data_set="lastfm_hetrec2011")
    assert fans["artist_id"].n_unique() == 30
    assert fans["share"].is_not_null().all()
    for name in ("window_start", "window_end", "listeners_before", "share_before"):
        assert fans[name].is_null().all(), name
    assert tables["listener_segments"].filter(data_set="lastfm_hetrec2011")["exposure_class"].unique().to_list() == [0]
    for table in (*FAN_SEGMENTS_BY.values(), FAN_MOVES, FAN_TARGETS):
        assert set(tables[table.name]["data_set"]) <= {"label"}, table.full_name


@pytest.mark.parametrize("trait", FAN_SEGMENTS_BY)
def test_cells_that_are_shown_are_true(tables: dict[str, pl.DataFrame], trait: str) -> None:
    found = tables[f"fan_segments_by_{trait}"]
    value = pl.col(trait).fill_null("ZZ" if trait == "country" else "unknown")
    true = planted().join(traits(), on="listener_key", how="left").with_columns(value)
    counted = true.group_by("artist_id", trait).agg(true=pl.len())
    one = found.filter(segment_rank=1).join(counted, on=["artist_id", trait], how="left")
    shown = one.filter(~pl.col("is_suppressed"))
    assert len(shown) > ARTISTS
    assert (shown["listeners"] == shown["true"]).all()
    assert shown["true"].min() >= MIN_CELL
    assert (
        found.filter("is_suppressed")
        .select("listeners", "share", "share_low", "share_high", "lift")
        .null_count()
        .row(0)
        == (found["is_suppressed"].sum(),) * 5
    )
    told = found.filter(~pl.col("is_suppressed"))
    assert told.select(pl.col("share").is_between("share_low", "share_high").all()).item()
    added = told.group_by("artist_id", trait).agg(pl.sum("share"))["share"]
    assert added.to_numpy() == pytest.approx(1, abs=1e-9)


def test_some_cells_are_withheld(tables: dict[str, pl.DataFrame]) -> None:
    """Few live in Iceland and on Malta."""
    cells = tables["fan_segments_by_country"].filter(pl.col("artist_id") != LARGE, segment_rank=1)
    assert cells.filter(pl.col("country").is_in(["IS", "MT"]))["is_suppressed"].all()
    assert not cells.filter(country="DE")["is_suppressed"].any()


def test_the_published_counts_withstand_the_attack(home: Path) -> None:
    attacked, found = published.found_by_attack(Lake(home, threads=2), MIN_CELL)
    assert attacked > 100
    assert {name: rows.rows() for name, rows in found.items() if len(rows)} == {}


def test_a_planted_target_is_found(tables: dict[str, pl.DataFrame]) -> None:
    targets = tables["fan_targets"]
    row = targets.filter(artist_id=TARGET, trait="country", value="JP").row(0, named=True)
    true = planted().join(traits(), on="listener_key").filter(artist_id=TARGET, country="JP")
    assert row["listeners"] == len(true)
    assert row["target_rank"] == 1
    assert row["p_value"] < 1e-4
    assert row["share_below_top"] > row["share_below_top_artist"] + 0.2
    gain = row["listeners"] * (row["share_below_top"] - row["share_below_top_artist"])
    assert row["listeners_to_win"] == pytest.approx(gain)
    assert row["artist_name"] == "Artist 0"


def test_random_traits_give_few_targets(tables: dict[str, pl.DataFrame]) -> None:
    """One artist in ten may have one by chance; two and a half standard errors more are allowed."""
    by_chance = tables["fan_targets"].filter(~pl.col("artist_id").is_in([TARGET, NOT_TOLD]))
    assert by_chance["artist_id"].n_unique() <= 0.1 * ARTISTS + 2.5 * (0.09 * ARTISTS) ** 0.5


def test_who_is_not_known_is_no_target(tables: dict[str, pl.DataFrame]) -> None:
    """All listeners of an artist whose country is not known are passive: nobody can be addressed by that."""
    cell = (
        tables["fan_segments_by_country"].filter(artist_id=NOT_TOLD, country="ZZ", segment="diehard").row(0, named=True)
    )
    assert cell["lift"] < 0.5, "it would be a target"
    assert not set(tables["fan_targets"]["value"]) & {"ZZ", "unknown"}


def test_targets_are_cells_that_are_shown(tables: dict[str, pl.DataFrame]) -> None:
    for trait in FAN_SEGMENTS_BY:
        shown = tables[f"fan_segments_by_{trait}"].filter(~pl.col("is_suppressed"), segment_rank=1)
        targets = tables["fan_targets"].filter(trait=trait)
        both = targets.join(shown, left_on=["artist_id", "value"], right_on=["artist_id", trait])
        assert len(both) == len(targets)
        assert (both["listeners"] == both["listeners_right"]).all()


def test_moves_are_counted() -> None:
    """One listener of each kind, two of some; the seventh has no traits."""
    with duckdb.connect() as connection:
        connection.execute(
            """create table now as select * from (values
                ('a', 'x', 1), ('b', 'x', 3), ('c', 'x', 2), ('d', 'x', 1), ('f', 'x', 3), ('g', 'x', 2), ('a', 'y', 1)
            ) as t(listener_key, artist_id, segment_rank);
            create table earlier as select * from (values
                ('b', 'x', 1), ('c', 'x', 2), ('d', 'x', 3), ('e', 'x', 2), ('g', 'x', 1)
            ) as t(listener_key, artist_id, segment_rank);
            create table traits as select listener_key, if(listener_key < 'd', 'DE', 'FR') as country
            from now where listener_key <> 'g' and artist_id = 'x' union all select 'e', 'FR'"""
        )
        found = connection.sql(moves_sql("now", "earlier", "traits")).pl().sort("artist_id", "country")
    assert found.columns == ["artist_id", "country", *MOVES]
    assert found.rows() == [
        ("x", ALL_COUNTRIES, 2, 2, 1, 1, 1),
        ("x", "DE", 1, 1, 1, 0, 0),
        ("x", "FR", 1, 0, 0, 1, 1),
        ("x", "ZZ", 0, 1, 0, 0, 0),
        ("y", ALL_COUNTRIES, 1, 0, 0, 0, 0),
        ("y", "DE", 1, 0, 0, 0, 0),
    ]


def test_moves_that_are_shown_are_true(tables: dict[str, pl.DataFrame]) -> None:
    """Counted again from the listeners' segments of both windows."""
    segments = of_label(tables["listener_segments"])
    keys = ["listener_key", "artist_id"]
    now, before = (
        segments.filter(period=period).select(*keys, segment_rank.alias(period))
        for period, segment_rank in {"this": pl.col("segment_rank"), "before": pl.col("segment_rank")}.items()
    )
    both = now.join(before, on=keys, how="full", coalesce=True).join(traits(), on="listener_key", how="left")
    change = pl.col("this") - pl.col("before")
    move = (
        pl.when(pl.col("before").is_null()).then(pl.lit("new"))
        .when(pl.col("this").is_null()).then(pl.lit("lapsed"))
        .when(change > 0).then(pl.lit("deepened"))
        .when(change < 0).then(pl.lit("cooled"))
        .otherwise(pl.lit("unchanged"))
    )  # fmt: skip
    moved = both.with_columns(move.alias("move"), pl.col("country").fill_null("ZZ"))
    everywhere = moved.with_columns(pl.lit(ALL_COUNTRIES).alias("country"))
    true = pl.concat([moved, everywhere]).group_by("artist_id", "country", "move").agg(true=pl.len())
    shown = tables["fan_moves"].filter(~pl.col("is_suppressed"))
    compared = shown.join(true, on=["artist_id", "country", "move"], how="left").with_columns(
        pl.col("true").fill_null(0)
    )
    assert set(compared.filter(pl.col("true") > 0)["move"]) == set(MOVES)
    by_country = compared.filter(pl.col("country") != ALL_COUNTRIES)
    assert by_country["artist_id"].unique().to_list() == [LARGE], "others have too few movers in any country"
    assert by_country["country"].n_unique() > 3
    assert (compared["listeners"] == compared["true"]).all()


def test_a_day_changes_shares_and_not_what_they_mean(lake: Lake, tables: dict[str, pl.DataFrame]) -> None:
    more = planted().filter(artist_id="artist-005").with_columns(pl.lit(150, pl.Int64).alias("plays"))
    write_pairs(lake, more, end=END + timedelta(1), change_no=1)
    found = run(lake)["artist_fans"].filter(artist_id="artist-005", segment="diehard").row(0, named=True)
    before = tables["artist_fans"].filter(artist_id="artist-005", segment="diehard").row(0, named=True)
    assert found["share"] > before["share"] + 0.1
    assert found["window_end"] == END + timedelta(1)
    assert found["model_version"] == before["model_version"]


def test_an_erased_listener_is_gone_after_the_next_run(lake: Lake, tables: dict[str, pl.DataFrame]) -> None:
    """The erasure removes rows from all tables that name the listener; what is made from them is made again."""
    key = "listener-0001"
    of_listener = tables["listener_segments"].filter(listener_key=key, period="this", data_set="label")
    pairs = planted().filter(pl.col("listener_key") != key)
    assert len(of_listener) > 10
    for table in (LISTENER_ARTIST_DAYS, LISTENER_ARTIST_PLAYS, LISTENER_TRAITS):
        delta = lake.open(table)
        assert delta is not None
        delta.delete(f"listener_key = '{key}'")
    found = run(lake)
    assert key not in of_label(found["listener_segments"])["listener_key"]
    counted = pairs.group_by("artist_id").agg(true=pl.len())
    both = of_label(found["artist_fans"]).join(counted, on="artist_id")
    assert len(both) == len(of_label(tables["artist_fans"]))
    assert (both["listeners"] == both["true"]).all()


def test_without_released_profiles_the_tables_are_empty(lake: Lake) -> None:
    """A label that is too small for profiles gets tables without rows, not those of yesterday."""
    segment_listeners(lake, {})
    report(lake, {}, min_listeners=MIN_LISTENERS, min_cell=MIN_CELL, say=lambda _: None)
    for table in (LISTENER_SEGMENTS, *REPORTS):
        assert read(lake, table).is_empty(), table.full_name
