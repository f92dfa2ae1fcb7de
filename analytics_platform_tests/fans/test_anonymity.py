"""No count of listeners under the minimum is published, or can be worked out from what is."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.fans.anonymity import ALL_COUNTRIES, MOVES, suppress, suppress_moves
from analytics_platform_tests.fans.attack import differences, move_intervals, pinned, small, value_intervals

MINIMUM = 10
GROUP = ["artist_id"]
COUNTS = ["listeners"]

sizes = st.one_of(st.integers(1, 9), st.integers(1, 3), st.integers(8, 25), st.integers(10, 500))
artists = st.lists(st.lists(sizes, min_size=1, max_size=12), min_size=1, max_size=8)
move = st.one_of(st.just(0), st.just(0), st.integers(1, 9), st.integers(10, 40))
moving_artists = st.lists(
    st.lists(
        st.one_of(
            st.tuples(move, move, move, move, move).filter(any),
            st.integers(1, 12).map(lambda lapsed: (0, 0, 0, 0, lapsed)),
        ),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


def table(content: list[list[int]]) -> pl.DataFrame:
    """A one-dimensional table: artist_id 0, 1, …, country A, B, …, listeners."""
    rows = [(artist, chr(65 + place), n) for artist, cells in enumerate(content) for place, n in enumerate(cells)]
    return pl.DataFrame(rows, schema=[*GROUP, "country", *COUNTS], orient="row")


def moves_table(content: list[list[tuple[int, ...]]]) -> pl.DataFrame:
    """As ``table``, with the five counts of moves and the row for all countries."""
    rows = [(artist, chr(65 + place), *n) for artist, cells in enumerate(content) for place, n in enumerate(cells)]
    countries = pl.DataFrame(rows, schema=[*GROUP, "country", *MOVES], orient="row")
    totals = countries.group_by(GROUP, maintain_order=True).agg(pl.lit(ALL_COUNTRIES).alias("country"), pl.sum(MOVES))
    return pl.concat([countries, totals])


def current_listeners(moves: pl.DataFrame) -> pl.DataFrame:
    """The one-dimensional table of the current window, from the true moves."""
    listeners = moves.select(*GROUP, "country", listeners=pl.sum_horizontal(MOVES[:-1]))
    return listeners.filter((pl.col("country") != ALL_COUNTRIES) & (pl.col("listeners") > 0))


def window_totals(moves: pl.DataFrame) -> pl.DataFrame:
    return moves.filter(pl.col("country") == ALL_COUNTRIES).select(
        *GROUP, listeners_now=pl.sum_horizontal(MOVES[:-1]), listeners_before=pl.sum_horizontal(MOVES[1:])
    )


def published(content: list[list[int]]) -> pl.DataFrame:
    return suppress(table(content), group=GROUP, counts=COUNTS, minimum=MINIMUM)


def published_moves(moves: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Moves and current listeners by country, as published."""
    countries = suppress(current_listeners(moves), group=GROUP, counts=COUNTS, minimum=MINIMUM)
    return suppress_moves(moves, countries, group=GROUP, minimum=MINIMUM), countries


def totals(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.group_by(GROUP).agg(pl.sum("listeners"))


def naive(cells: pl.DataFrame, counts: list[str]) -> pl.DataFrame:
    """Only the rows with a count under the minimum are suppressed."""
    flagged = cells.with_columns(is_suppressed=pl.any_horizontal(pl.col(counts).is_between(1, MINIMUM - 1)))
    return flagged.with_columns(pl.when(~pl.col("is_suppressed")).then(pl.col(counts)))


def expected_rows(cells: list[int]) -> list[int | None]:
    """The rule for one artist, row by row: null for suppressed rows, nothing for an artist left out."""
    order = sorted(range(len(cells)), key=lambda place: (cells[place], place))
    hidden = [place for place in order if cells[place] < MINIMUM]
    while hidden and (len(hidden) < 2 or sum(cells[place] for place in hidden) < MINIMUM + len(hidden) - 1):
        if len(hidden) == len(cells):
            return []
        hidden = order[: len(hidden) + 1]
    return [None if place in hidden else listeners for place, listeners in enumerate(cells)]


@pytest.mark.parametrize(
    ("listeners", "rows"),
    [
        ([10, 40], [10, 40]),
        ([10], [10]),
        ([9, 40, 30], [None, 40, None]),
        ([5, 6, 30], [None, None, 30]),
        # 5 + 5 = 10 would do for the sum, but neither could hold 10: the other has a listener.
        ([5, 5, 30], [None, None, None]),
        # Ten listeners in ten countries are one in each.
        ([1] * 10 + [30, 40], [None] * 11 + [40]),
        # Of two equal rows the first by name goes, wherever it stands.
        ([20, 3, 20], [None, None, 20]),
        # Nothing can be published: one listener each, too few in all, or a single row.
        ([1] * 10, []),
        ([4, 5], []),
        ([9], []),
    ],
)
def test_rows_of_one_artist(listeners: list[int], rows: list[int | None]) -> None:
    result = published([listeners])
    assert result["listeners"].to_list() == rows
    assert result["is_suppressed"].to_list() == [n is None for n in rows]
    assert expected_rows(listeners) == rows


def test_other_columns_and_the_order_of_rows_stay() -> None:
    cells = table([[20, 3, 20], [50, 60]]).with_columns(note=pl.lit("x"))
    result = suppress(cells, group=GROUP, counts=COUNTS, minimum=MINIMUM)
    assert result.columns == [*cells.columns, "is_suppressed"]
    assert result.drop("listeners", "is_suppressed").equals(cells.drop("listeners"))
    backwards = suppress(cells.reverse(), group=GROUP, counts=COUNTS, minimum=MINIMUM)
    assert backwards.reverse().equals(result)


def test_no_rows() -> None:
    assert published([]).columns == [*GROUP, "country", *COUNTS, "is_suppressed"]


@pytest.mark.parametrize("listeners", [[0, 20], [-1, 20], [None, 20]])
def test_a_row_without_listeners_is_an_error(listeners: list[int]) -> None:
    with pytest.raises(ValueError, match="counts of listeners"):
        published([listeners])


def test_a_minimum_of_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="hides nothing"):
        suppress(table([[1]]), group=GROUP, counts=COUNTS, minimum=1)


@settings(max_examples=100, deadline=None)
@given(artists)
def test_the_shortest_beginning_is_suppressed(content: list[list[int]]) -> None:
    result = published(content)
    for artist, cells in enumerate(content):
        assert result.filter(artist_id=artist)["listeners"].to_list() == expected_rows(cells)


@settings(max_examples=40, deadline=None)
@given(artists)
def test_attack_on_a_table(content: list[list[int]]) -> None:
    cells, result = table(content), published(content)
    assert small(differences(result, totals(cells), group=GROUP, counts=COUNTS), MINIMUM).is_empty()
    intervals = value_intervals(result, totals(cells), group=GROUP, value="country")
    assert len(intervals) == result["is_suppressed"].sum()
    assert pinned(intervals, MINIMUM).is_empty()
    # More than that: every suppressed row can hold 1, and the minimum.
    assert (intervals["lowest"] == 1).all() and (intervals["highest"] >= MINIMUM).all()


@pytest.mark.parametrize("listeners", [[3, 40, 50], [1] * 10 + [40], [1] * 10 + [2, 40]])
def test_the_attack_succeeds_where_only_small_rows_are_suppressed(listeners: list[int]) -> None:
    cells = table([listeners])
    intervals = value_intervals(naive(cells, COUNTS), totals(cells), group=GROUP, value="country")
    assert len(pinned(intervals, MINIMUM)) == sum(n < MINIMUM for n in listeners)


def test_the_direct_attack_succeeds_where_only_small_rows_are_suppressed() -> None:
    cells = table([[3, 40, 50]])
    assert small(differences(naive(cells, COUNTS), totals(cells), group=GROUP, counts=COUNTS), MINIMUM).height == 1


@pytest.mark.parametrize(("minimum", "rows"), [(3, 4), (4, 3), (5, 3)])
def test_knowing_the_rule_excludes_nothing_below_the_largest_small_count(minimum: int, rows: int) -> None:
    """Runs the rule on every artist of a small world, and looks for those that are published alike."""
    truth = table([list(world) for world in product(range(1, 3 * minimum), repeat=rows)])
    shown = suppress(truth, group=GROUP, counts=COUNTS, minimum=minimum).rename({"listeners": "shown"})
    possible = (
        shown.join(truth, on=[*GROUP, "country"], maintain_order="left")
        .group_by(GROUP, maintain_order=True)
        .agg("country", "listeners", "shown", total=pl.sum("listeners"))
        .with_columns(view=pl.struct("total", "shown").rank("dense"))
        .explode("country", "listeners", "shown")
        .filter(pl.col("shown").is_null())
        .with_columns(highest=pl.max("listeners").over("view", "country"))
    )
    assert len(possible)
    assert (possible.filter(pl.col("listeners") < minimum)["highest"] >= minimum - 1).all()


def test_moves_of_zero_are_published() -> None:
    moves = moves_table([[(0, 0, 20, 0, 0), (10, 0, 0, 0, 30)]])
    result, _ = published_moves(moves)
    assert not result["is_suppressed"].any()
    assert result.sort(*GROUP, "country").drop("is_suppressed").equals(moves.sort(*GROUP, "country"))


def test_moves_add_up_to_the_minimum_in_every_column() -> None:
    moves = moves_table([[(3, 20, 0, 0, 0), (30, 10, 0, 0, 0), (50, 50, 0, 0, 0), (0, 15, 0, 0, 0)]])
    result, _ = published_moves(moves)
    # The smallest row, D, adds nothing to the 3 new listeners; B does.
    assert result.filter("is_suppressed")["country"].to_list() == ["A", "B", "D"]


def test_a_country_suppressed_among_the_listeners_is_suppressed_among_the_moves() -> None:
    """A published row of moves would state the 20 listeners of B, and so the 5 of A."""
    moves = moves_table([[(0, 5, 0, 0, 0), (10, 0, 10, 0, 80), (15, 12, 0, 0, 0), (50, 50, 50, 50, 50)]])
    result, countries = published_moves(moves)
    assert countries.filter("is_suppressed")["country"].to_list() == ["A", "B"]
    assert set(countries.filter("is_suppressed")["country"]) <= set(result.filter("is_suppressed")["country"])
    separate = suppress(moves.filter(pl.col("country") != ALL_COUNTRIES), group=GROUP, counts=MOVES, minimum=MINIMUM)
    assert separate.filter("is_suppressed")["country"].to_list() == ["A", "C"]
    both = pl.concat([result.filter(pl.col("country") == ALL_COUNTRIES), separate])
    found = pinned(move_intervals(both, countries, window_totals(moves), group=GROUP), MINIMUM)
    assert ("A", "listeners", 5, 5) in found.drop(GROUP).rows()


def test_countries_known_to_have_lapsed_listeners_do_not_count_towards_the_minimum() -> None:
    """B and C have lapsed listeners only, at least one each: of 11, A could have lost 9 at most, of 41 it could 10."""
    moves = moves_table([[(0, 13, 10, 37, 4), (0, 0, 0, 0, 4), (0, 0, 0, 0, 3), (0, 0, 0, 0, 30), (0, 90, 0, 0, 0)]])
    result, _ = published_moves(moves)
    assert result.filter("is_suppressed")["country"].to_list() == ["A", "B", "C", "D"]


def test_a_country_that_is_missing_among_the_listeners_is_suppressed_among_the_moves() -> None:
    moves = moves_table([[(20, 0, 0, 0, 0), (0, 0, 30, 0, 0), (0, 0, 0, 0, 40)]])
    _, countries = published_moves(moves)
    result = suppress_moves(moves, countries.filter(country="A"), group=GROUP, minimum=MINIMUM)
    # B is missing, C has no current listeners, and B alone would follow from the totals.
    assert result.filter("is_suppressed")["country"].to_list() == ["A", "B"]


def test_a_total_under_the_minimum_leaves_no_countries() -> None:
    moves = moves_table([[(3, 20, 0, 0, 0), (0, 50, 0, 0, 0)]])
    result, _ = published_moves(moves)
    assert result.drop(GROUP).rows() == [(ALL_COUNTRIES, None, None, None, None, None, True)]


def test_an_artist_without_published_countries_has_no_countries_among_the_moves() -> None:
    """Twelve listeners in eight countries: the countries stay unknown."""
    moves = moves_table([[(1, 0, 0, 0, 0)] * 7 + [(5, 0, 0, 0, 0)]])
    result, countries = published_moves(moves)
    assert countries.is_empty()
    assert result.drop(GROUP).rows() == [(ALL_COUNTRIES, 12, 0, 0, 0, 0, False)]


@settings(max_examples=30, deadline=None)
@given(moving_artists)
def test_attack_on_the_moves(content: list[list[tuple[int, ...]]]) -> None:
    moves = moves_table(content)
    result, countries = published_moves(moves)
    windows = window_totals(moves)
    # A total under the minimum is published by other tables, and is theirs to hide.
    theirs = windows.filter(
        pl.any_horizontal(pl.col("listeners_now", "listeners_before").is_between(1, MINIMUM - 1))
    ).select(GROUP)
    of_all = result.filter(pl.col("country") == ALL_COUNTRIES).select(*GROUP, *MOVES)
    by_country = result.filter(pl.col("country") != ALL_COUNTRIES)
    numbers = pl.concat(
        [
            differences(by_country, of_all, group=GROUP, counts=MOVES),
            differences(of_all, of_all.clear(), group=GROUP, counts=MOVES),
        ]
    )
    assert small(numbers, MINIMUM).join(theirs, on=GROUP, how="anti").is_empty()
    intervals = move_intervals(result, countries, windows, group=GROUP)
    assert pinned(intervals, MINIMUM).join(theirs, on=GROUP, how="anti").is_empty()
    # The truth is among what is possible: the attack assumes nothing false.
    truth = moves.with_columns(listeners=pl.sum_horizontal(MOVES[:-1])).unpivot(
        [*MOVES, "listeners"], index=[*GROUP, "country"], variable_name="count", value_name="true"
    )
    checked = intervals.join(truth, on=[*GROUP, "country", "count"])
    assert len(checked) == len(intervals)
    assert checked.select(pl.col("true").is_between("lowest", "highest").all()).item()
    hidden = checked.filter(pl.col("true").is_between(1, MINIMUM - 1)).join(theirs, on=GROUP, how="anti")
    assert (hidden["highest"] >= MINIMUM).all()


def test_the_attack_on_moves_succeeds_where_only_small_rows_are_suppressed() -> None:
    moves = moves_table([[(3, 20, 0, 0, 0), (30, 10, 0, 0, 0), (50, 50, 0, 0, 0)]])
    countries = suppress(current_listeners(moves), group=GROUP, counts=COUNTS, minimum=MINIMUM)
    found = pinned(move_intervals(naive(moves, list(MOVES)), countries, window_totals(moves), group=GROUP), MINIMUM)
    assert ("A", "new", 3, 3) in found.drop(GROUP).rows()
