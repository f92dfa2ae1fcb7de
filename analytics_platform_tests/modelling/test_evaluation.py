"""Scores come with intervals that hold what they say."""

from __future__ import annotations

import numpy as np
import pytest

from analytics_platform.modelling.evaluation import bootstrap_ratio

TRIALS = 300


def test_an_interval_covers_a_known_ratio_as_often_as_it_says() -> None:
    """Groups of unequal size, as artists are; the ratio of all of them together is 2."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(TRIALS):
        weights = rng.lognormal(3, 0.5, 60)
        totals = weights * rng.normal(2, 0.5, 60)
        _, low, high = bootstrap_ratio(totals, weights, rng)
        covered += low <= 2 <= high
    # 0.9, less what a percentile interval of 60 groups loses, give or take four standard errors.
    assert 0.82 <= covered / TRIALS <= 0.96


def test_the_value_is_the_ratio_of_the_sums() -> None:
    """A large group counts for more, unlike in the mean of the groups' ratios."""
    totals, weights = np.array([9.0, 30.0]), np.array([1.0, 100.0])
    value, low, high = bootstrap_ratio(totals, weights, np.random.default_rng(1))
    assert value == pytest.approx(39 / 101)
    assert (low, high) == pytest.approx((0.3, 9.0))


def test_groups_that_are_alike_leave_no_doubt() -> None:
    found = bootstrap_ratio(np.full(20, 3.0), np.full(20, 6.0), np.random.default_rng(1))
    assert found == pytest.approx((0.5, 0.5, 0.5))


def test_a_wider_interval_holds_a_narrower_one() -> None:
    totals, weights = np.random.default_rng(2).random(50), np.ones(50)
    _, low, high = bootstrap_ratio(totals, weights, np.random.default_rng(1), mass=0.5)
    value, lower, higher = bootstrap_ratio(totals, weights, np.random.default_rng(1), mass=0.95)
    assert lower < low < value < high < higher


def test_the_same_seed_gives_the_same_interval() -> None:
    totals, weights = np.random.default_rng(2).random(50), np.ones(50)
    one, other = (bootstrap_ratio(totals, weights, np.random.default_rng(1)) for _ in range(2))
    assert one == other
