"""The made-up published file is one that ``publish`` could have made."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb

from analytics_platform.lakehouse.lake import quoted
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.orchestration.build import published_tables
from analytics_platform_tests.dashboard.made_up import LAST_DAY, publish_made_up

SMALL_CELLS = """
select count(*) from marts.fan_segments_by_{trait} where is_suppressed <> (listeners is null)
    or is_suppressed <> (share is null) or share not between share_low and share_high
"""


def test_made_up_tables_are_as_declared(home: Path) -> None:
    tables, views = published_tables()
    with duckdb.connect(str(home / "analytics.duckdb"), read_only=True) as connection:
        wrong = {table.full_name: find_violations(connection, table, quoted(table)) for table in tables}
        assert not {name: violations for name, violations in wrong.items() if violations}
        for table in (*tables, *views):
            found = [row[:2] for row in connection.sql(f"describe {quoted(table)}").fetchall()]
            assert found == [(column.name, column.type) for column in table]
        assert connection.sql("from marts.top_targets('nina simone', 3)").fetchall()


def test_made_up_numbers_agree_with_each_other(home: Path) -> None:
    with duckdb.connect(str(home / "analytics.duckdb"), read_only=True) as connection:

        def number(sql: str) -> float:
            return connection.sql(sql).fetchall()[0][0]

        shares = "select sum(share) as share from marts.artist_fans where share > 0 group by artist_id, window_days"
        assert number(f"select max(abs(share - 1)) from ({shares})") < 1e-9
        assert number("select count(*) from marts.artist_fans where share is null") > 0
        assert number("select sum(actual_plays) from marts.potential_streams") == number(
            "select sum(plays) from marts.plays_daily where country <> 'ZZ'"
        )
        for trait in ("country", "age_band", "gender", "device"):
            assert number(SMALL_CELLS.format(trait=trait)) == 0
            assert number(f"select count(*) from marts.fan_segments_by_{trait} where is_suppressed") > 0


def test_next_publication_differs_and_old_ones_go(tmp_path: Path) -> None:
    def plays() -> tuple[object, ...]:
        with duckdb.connect(str(tmp_path / "analytics.duckdb"), read_only=True) as connection:
            return connection.sql("select sum(plays), max(play_date) from marts.plays_daily").fetchall()[0]

    seen = set()
    for number in range(4):
        publish_made_up(tmp_path, artists=4, seed=number, last_day=LAST_DAY + timedelta(days=number))
        seen.add(plays())

    assert len(seen) == 4
    assert len(list((tmp_path / "published").iterdir())) == 3
