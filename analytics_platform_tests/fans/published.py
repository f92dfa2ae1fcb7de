"""The published tables of a lake, as an attacker reads them, and what the attack finds."""

from __future__ import annotations

import polars as pl

from analytics_platform.fans.anonymity import ALL_COUNTRIES, MOVES
from analytics_platform.fans.tables import ARTIST_FANS, FAN_MOVES, FAN_SEGMENTS_BY
from analytics_platform.lakehouse.lake import Lake
from analytics_platform_tests.fans.attack import differences, move_intervals, pinned, small, value_intervals
from analytics_platform_tests.fans.lakes import read

GROUP = ["data_set", "window_days", "artist_id"]


def totals(lake: Lake) -> pl.DataFrame:
    """Listeners of both windows, which ``marts.artist_fans`` states: GROUP, listeners_now, listeners_before."""
    fans = read(lake, ARTIST_FANS).filter(segment_rank=1)
    return fans.select(*GROUP, "listeners_before", listeners_now="listeners")


def cells(lake: Lake, trait: str) -> pl.DataFrame:
    """The cells of a trait: GROUP, the trait, listeners, is_suppressed."""
    found = read(lake, FAN_SEGMENTS_BY[trait]).filter(segment_rank=1)
    return found.select(*GROUP, trait, "listeners", "is_suppressed")


def moves(lake: Lake) -> pl.DataFrame:
    """GROUP, country, is_suppressed and a column for each of ``MOVES``."""
    wide = read(lake, FAN_MOVES).pivot("move", index=[*GROUP, "country", "is_suppressed"], values="listeners")
    return wide.select(*GROUP, "country", *MOVES, "is_suppressed")


def found_by_attack(lake: Lake, minimum: int) -> tuple[int, dict[str, pl.DataFrame]]:
    """How many hidden counts were attacked, and which small counts came out, by table.

    Artists whose totals are small themselves are left out: other tables publish those.
    """
    windows = totals(lake)
    listeners = windows.select(*GROUP, listeners="listeners_now")
    theirs = windows.filter(
        pl.any_horizontal(pl.col("listeners_now", "listeners_before").is_between(1, minimum - 1))
    ).select(GROUP)
    attacked, found = 0, dict[str, pl.DataFrame]()
    for trait in FAN_SEGMENTS_BY:
        shown = cells(lake, trait)
        numbers = differences(shown, listeners, group=GROUP, counts=["listeners"])
        intervals = value_intervals(shown, listeners, group=GROUP, value=trait)
        attacked += len(intervals)
        found[f"{trait}, differences"] = small(numbers, minimum)
        found[f"{trait}, intervals"] = pinned(intervals, minimum)
    shown = moves(lake)
    of_all = shown.filter(pl.col("country") == ALL_COUNTRIES).select(*GROUP, *MOVES)
    by_country = shown.filter(pl.col("country") != ALL_COUNTRIES)
    numbers = pl.concat(
        [
            differences(by_country, of_all, group=GROUP, counts=MOVES),
            differences(of_all, of_all.clear(), group=GROUP, counts=MOVES),
        ]
    )
    intervals = move_intervals(shown, cells(lake, "country"), windows, group=GROUP)
    attacked += len(intervals)
    found["moves, differences"] = small(numbers, minimum).join(theirs, on=GROUP, how="anti")
    found["moves, intervals"] = pinned(intervals, minimum).join(theirs, on=GROUP, how="anti")
    return attacked, found
