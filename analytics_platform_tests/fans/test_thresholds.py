"""Thresholds are in plays, where profiles made by hand really cross."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from analytics_platform.fans.levels import FIRST_PLAYS, LEVELS, level_middles, level_of, level_widths
from analytics_platform.fans.thresholds import (
    Thresholds,
    assign_listeners,
    crossing,
    density_per_play,
    profile_median,
    segment_names,
    segment_of,
    segment_sql,
    segment_thresholds,
)


def geometric(mean: float) -> NDArray[np.float64]:
    """A geometric distribution of plays (1, 2 …) with that mean, by level, (60,)."""
    plays = np.arange(1, 50_000)
    chance = (1 / mean) * (1 - 1 / mean) ** (plays - 1)
    return np.bincount(level_of(plays) - 1, weights=chance, minlength=LEVELS)


def true_crossing(low: float, high: float) -> int:
    """First count at which the geometric distribution with mean ``high`` is denser than that with ``low``."""
    ratio = np.log((1 - 1 / high) / (1 - 1 / low))
    return int(np.floor(np.log(high / low) / ratio)) + 2


@pytest.mark.parametrize(("low", "high"), [(2, 5), (3, 9)])
def test_the_crossing_of_single_counts_is_exact(low: float, high: float) -> None:
    assert crossing(geometric(low), geometric(high)) == true_crossing(low, high)


@pytest.mark.parametrize(("low", "high"), [(10, 100), (30, 200), (100, 110), (50, 2_000)])
def test_the_crossing_inside_wide_levels_is_two_percent_off_at_most(low: float, high: float) -> None:
    assert crossing(geometric(low), geometric(high)) == pytest.approx(true_crossing(low, high), rel=0.02, abs=1)


def test_levels_of_unequal_width_do_not_move_the_crossing() -> None:
    """Levels 13 to 20 hold 2 to 4 counts: probabilities jump there, densities do not."""
    flat = level_widths() / level_widths().sum()
    assert np.ptp(density_per_play(flat)) == pytest.approx(0, abs=1e-12)
    falling = flat / level_middles()
    assert crossing(falling / falling.sum(), flat) == pytest.approx(1 / (falling.sum()), rel=0.02)


def test_a_spurious_crossing_in_the_tail_is_passed_over() -> None:
    low, high = geometric(3), geometric(60)
    expected = crossing(low, high)
    high[50] = low[50] / 2
    assert crossing(low, high) == expected
    high[0] = low[0] * 1.01
    assert crossing(low, high) == expected


def test_profiles_that_never_cross_have_no_threshold() -> None:
    assert crossing(geometric(5), geometric(5)) is None
    assert crossing(geometric(50), geometric(5)) is None


def test_equal_densities_up_to_a_level_put_the_threshold_on_the_next() -> None:
    low, high = np.zeros(LEVELS), np.zeros(LEVELS)
    low[:3], high[:2], high[2:4] = [0.2, 0.3, 0.5], [0.2, 0.3], [0.3, 0.2]
    assert crossing(low, high) == 4
    high[:4] = [0.1, 0.3, 0.5, 0.1]
    low[:4] = [0.2, 0.3, 0.5, 0.0]
    assert crossing(low, high) == FIRST_PLAYS[3]


def test_medians_and_thresholds_of_three_profiles_rise() -> None:
    profiles = np.stack([geometric(3), geometric(20), geometric(120)])
    first, second = segment_thresholds(profiles)
    assert first is not None and second is not None
    medians = [profile_median(profile) for profile in profiles]
    assert medians[0] <= first <= medians[1] < second <= medians[2]


@pytest.mark.parametrize("thresholds", [(8, 40), (None, 40), (8, None), (None, None), (40, 8), ()])
def test_segments_agree_in_numpy_and_sql(thresholds: Thresholds) -> None:
    plays = np.arange(1, 60)
    rows = (
        duckdb.connect()
        .execute(f"select {segment_sql('range', thresholds)} from range(1, 60) order by range")
        .fetchall()
    )
    assert [rank for (rank,) in rows] == (segment_of(plays, thresholds) + 1).tolist()


def test_every_listener_is_assigned_once() -> None:
    counts = np.random.default_rng(0).integers(0, 9, (5, LEVELS))
    assigned = assign_listeners(counts, (8, 40))
    assert assigned.shape == (5, 3)
    assert np.array_equal(assigned.sum(axis=1), counts.sum(axis=1))
    assert np.array_equal(assigned[:, 0], counts[:, :7].sum(axis=1))
    assert not assign_listeners(counts, (8, None))[:, 2].any()


def test_segments_have_names() -> None:
    assert segment_names(3) == ("passive", "casual", "diehard")
    assert segment_names(2) == ("passive", "diehard")
    assert segment_names(5) == ("passive", "casual 1", "casual 2", "casual 3", "diehard")
    with pytest.raises(ValueError, match="at least one"):
        segment_names(0)
