"""Whoever reads the marts of a run cannot work out a small count of listeners."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from analytics_platform.fans.anonymity import ALL_COUNTRIES
from analytics_platform.fans.tables import FAN_SEGMENTS_BY, LISTENER_SEGMENTS, LISTENER_TRAITS
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.orchestration.run import run_job
from analytics_platform.sample_label import LabelSpec, generate
from analytics_platform_tests.fans import published
from analytics_platform_tests.fans.attack import pinned, value_intervals
from analytics_platform_tests.orchestration.homes import deliver, lake_of, make_settings, period

SPEC = LabelSpec(scale=0.05, days=12)
"""2,000 listeners and 70 artists, long enough for two windows of five days."""
MINIMUM = 10


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The tables of a run of everything."""
    folder: Path = tmp_path_factory.mktemp("published")
    generate(SPEC, folder / "sample")
    settings = make_settings(folder / "home", min_artist_listeners=20, min_cell_listeners=MINIMUM)
    deliver(folder / "sample", settings)
    result = run_job(settings, "all", period(SPEC))
    assert result.succeeded, result.error
    return lake_of(settings)


def test_the_tables_show_cells_and_withhold_others(lake: Lake) -> None:
    """Else the attack would prove nothing."""
    for trait in FAN_SEGMENTS_BY:
        cells = published.cells(lake, trait)
        assert cells["is_suppressed"].any(), trait
        assert not cells["is_suppressed"].all(), trait
        assert cells["listeners"].drop_nulls().min() >= MINIMUM, trait
    moves = published.moves(lake)
    assert len(moves.filter(pl.col("country") == ALL_COUNTRIES, ~pl.col("is_suppressed")))
    assert moves["is_suppressed"].any()


def test_the_attack_finds_nothing(lake: Lake) -> None:
    attacked, found = published.found_by_attack(lake, MINIMUM)
    assert attacked > 100
    assert {name: rows.rows() for name, rows in found.items() if len(rows)} == {}


def test_the_attack_finds_cells_of_this_label_that_are_withheld_badly(lake: Lake) -> None:
    """Were only the small counts withheld, some of them would follow from the totals."""
    with lake.connect(LISTENER_SEGMENTS, LISTENER_TRAITS) as connection:
        true = connection.sql(
            "select data_set, window_days, artist_id, coalesce(country, 'ZZ') as country, count(*) as listeners"
            " from fans.listener_segments left join fans.listener_traits using (listener_key)"
            " where period = 'this' group by all"
        ).pl()
    naive = true.with_columns(is_suppressed=pl.col("listeners") < MINIMUM)
    naive = naive.with_columns(pl.when(~pl.col("is_suppressed")).then("listeners"))
    totals = true.group_by(published.GROUP).agg(pl.sum("listeners"))
    found = pinned(value_intervals(naive, totals, group=published.GROUP, value="country"), MINIMUM)
    assert len(found)
