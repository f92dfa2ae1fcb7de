"""Which counts of listeners are published: none from 1 to below a minimum, stated or derivable.

A row with a count under the minimum is suppressed: its counts become null. That is not enough
where totals are published, since total minus published rows gives the sum of the suppressed ones.
So more rows are suppressed, the smallest first, until in every column that sum is 0 or so large
that each suppressed row could hold the minimum with at least one listener left for every other
row. Ten suppressed countries with ten listeners in all would otherwise be known to have one each.

A group in which even the sum of all rows is too small is left out: the names of its rows and the
artist's total would tell too much (three listeners and one row: all three are there).

What this gives, for one-dimensional tables: from the published numbers, every suppressed row can
hold the minimum or more; knowing this rule too, nobody can exclude that it holds the minimum - 1.
What it does not give: protection from comparing the publications of two days or two windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MOVES = ("new", "deepened", "unchanged", "cooled", "lapsed")
"""Listeners by what became of them between two windows; all but the last are listeners of the current one."""
ALL_COUNTRIES = "(all)"
"""The value of ``country`` in the row that adds up an artist's countries."""


def suppress(cells: pl.DataFrame, *, group: Sequence[str], counts: Sequence[str], minimum: int) -> pl.DataFrame:
    """``cells`` with null for the counts that must not be published, and a column is_suppressed.

    Args:
        cells: One row per value of a dimension that has listeners; a listener is in one row of a group.
        group: Columns that tell the groups apart. The sum of each count over a group counts as published.
        counts: Columns with numbers of distinct listeners. The others name the row, and decide ties.
        minimum: The smallest number of listeners that may be published, at least 2.

    Returns:
        The rows in their order, without the groups that cannot be protected.

    Raises:
        ValueError: a count is null or negative, a row has no listeners, or ``minimum`` is below 2.
    """
    import polars as pl

    return _suppress(cells.with_columns(_hide=pl.lit(False)), group, counts, minimum)


def suppress_moves(moves: pl.DataFrame, countries: pl.DataFrame, *, group: Sequence[str], minimum: int) -> pl.DataFrame:
    """As ``suppress`` for the moves between two windows: ``group``, country and the counts ``MOVES``.

    The row ``ALL_COUNTRIES`` of a group stays, with its counts or without. If it is without, the
    group has no other rows: a column under the minimum in all is under it in every set of countries.

    Args:
        moves: One row per country, and one for all.
        countries: What ``suppress`` gave for the listeners of the current window by country: ``group``,
            country, is_suppressed. A published row of moves states its country's listeners, so a
            country that is suppressed or left out there is suppressed here.
        group: Columns that tell the groups apart, of both frames.
        minimum: As in ``suppress``.

    Returns:
        The rows for all countries, then those of countries.

    Raises:
        ValueError: as ``suppress``.
    """
    import polars as pl

    _check(moves, MOVES, minimum)
    is_all = pl.col("country") == ALL_COUNTRIES
    known = countries.select(*group, "country", _hide="is_suppressed")
    rows = (
        moves.filter(~is_all)
        .join(known, on=[*group, "country"], how="left", validate="m:1", maintain_order="left")
        # No row among the listeners: the country has none now, or its artist is left out there.
        .with_columns(pl.col("_hide").fill_null(pl.sum_horizontal(MOVES[:-1]) > 0))
    )
    totals = moves.filter(is_all).with_columns(is_suppressed=_is_small(MOVES, minimum))
    return pl.concat([_without_counts(totals, MOVES), _suppress(rows, group, MOVES, minimum)])


def _suppress(cells: pl.DataFrame, group: Sequence[str], counts: Sequence[str], minimum: int) -> pl.DataFrame:
    """``suppress``, where the rows with ``_hide`` are suppressed whatever their counts. Drops that column.

    Cumulative sums over the rows of each group, those to hide first, then ascending: the shortest
    beginning that hides enough is suppressed.
    """
    import polars as pl

    _check(cells, counts, minimum)
    names = [name for name in cells.columns if name not in {*group, *counts, "_hide"}]
    rank = pl.int_range(1, pl.len() + 1)
    enough: list[pl.Expr] = []
    for name in counts:
        total = pl.col(name).cum_sum()
        # A row with this count only has a listener there, as everybody can tell, so that one is taken from the sum
        # before another row may have the rest.
        alone = (pl.col(name) == pl.col("_size")).cum_sum()
        others = alone - (alone == rank).cast(pl.Int64)
        enough.append((total == 0) | (total >= minimum + others))
    # One row alone would follow from the totals.
    hides = (rank >= 2) & (rank >= pl.col("_hide").sum()) & pl.all_horizontal(enough)
    suppressed = (
        cells.lazy()
        .with_row_index("_row")
        .with_columns(pl.col(counts).cast(pl.Int64))
        .with_columns(_hide=pl.col("_hide") | _is_small(counts, minimum), _size=pl.sum_horizontal(counts))
        .sort([*group, ~pl.col("_hide"), "_size", *names])
        .with_columns(_group=pl.struct(group).rle_id())
        .with_columns(
            _rank=rank.over("_group"),
            _last=pl.when(pl.col("_hide").any()).then(rank.filter(hides).min()).otherwise(0).over("_group"),
        )
        .filter(pl.col("_last").is_not_null())
        .with_columns(is_suppressed=pl.col("_rank") <= pl.col("_last"))
        .sort("_row")
        .select(*(name for name in cells.columns if name != "_hide"), "is_suppressed")
        .collect()
    )
    return _without_counts(suppressed, counts)


def _check(cells: pl.DataFrame, counts: Sequence[str], minimum: int) -> None:
    """Raises ValueError: see ``suppress``."""
    import polars as pl

    if minimum < 2:
        raise ValueError(f"a minimum of {minimum} listeners hides nothing")
    valid = pl.all_horizontal(pl.col(counts) >= 0).fill_null(False) & (pl.sum_horizontal(counts) > 0)
    if not cells.select(valid.all()).item():
        raise ValueError("every row needs counts of listeners: none null or negative, at least one above 0")


def _is_small(counts: Sequence[str], minimum: int) -> pl.Expr:
    """Whether a row has a count from 1 to below ``minimum``."""
    import polars as pl

    return pl.any_horizontal(pl.col(counts).is_between(1, minimum - 1))


def _without_counts(cells: pl.DataFrame, counts: Sequence[str]) -> pl.DataFrame:
    """``cells`` with BIGINT counts, null where is_suppressed."""
    import polars as pl

    return cells.with_columns(pl.when(~pl.col("is_suppressed")).then(pl.col(counts).cast(pl.Int64)))
