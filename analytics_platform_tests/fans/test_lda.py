"""The article's model finds planted profiles, and survives data that is thin, odd or empty."""

from __future__ import annotations

import numpy as np
import pytest

from analytics_platform.fans.agreement import profile_distance, share_errors, threshold_errors
from analytics_platform.fans.lda import FanLda, fit_fan_lda
from analytics_platform.fans.levels import LEVELS, level_middles
from analytics_platform_tests.fans.worlds import World, planted_world


@pytest.fixture(scope="module")
def world() -> World:
    return planted_world(250, seed=11)


@pytest.fixture(scope="module")
def model(world: World) -> FanLda:
    return fit_fan_lda(world.counts)


def test_profiles_and_shares_are_distributions_in_order(world: World, model: FanLda) -> None:
    assert model.converged
    assert model.profiles.shape == (3, LEVELS)
    assert model.profiles.sum(axis=1) == pytest.approx(1)
    assert model.shares.sum(axis=1) == pytest.approx(1)
    assert (np.diff(model.profiles @ np.log(level_middles())) > 0).all()
    assert model.listeners.sum() == pytest.approx(world.listeners.sum())
    assert 1 < model.perplexity < LEVELS


def test_the_planted_world_is_found_as_well_as_lda_can(world: World, model: FanLda) -> None:
    """Bounds are what this model reaches over seeds, with some room; a better one is held to less."""
    thresholds = model.thresholds()
    assert max(threshold_errors(thresholds, world.thresholds)) < 0.30
    assert profile_distance(model.profiles, world.profiles) < 0.45
    errors = share_errors(model.shares, world.shares, world.listeners)
    assert errors.all < 0.09
    assert errors.big < errors.small < 0.11


def test_the_same_seed_gives_the_same_numbers(world: World) -> None:
    first, second = (fit_fan_lda(world.counts[:60], seed=5, max_iterations=20) for _ in range(2))
    assert np.array_equal(first.profiles, second.profiles)
    assert np.array_equal(first.shares, second.shares)


def test_too_few_iterations_are_reported(world: World) -> None:
    model = fit_fan_lda(world.counts[:60], max_iterations=5)
    assert (model.iterations, model.converged) == (5, False)


def test_profiles_learnt_on_some_artists_serve_all(world: World) -> None:
    model = fit_fan_lda(world.counts, max_artists=80, min_listeners=20, max_iterations=50)
    assert model.shares.shape == (250, 3)
    assert np.isfinite(model.shares).all()


def test_artists_without_listeners_and_levels_without_plays_are_gaps() -> None:
    counts = np.zeros((4, LEVELS), dtype=int)
    counts[0, [0, 30]] = 50, 2
    counts[1, [0, 1, 55]] = 20, 10, 1
    counts[3, 40] = 3
    model = fit_fan_lda(counts)
    assert np.isnan(model.shares[2]).all()
    assert np.isfinite(model.shares[[0, 1, 3]]).all()
    assert np.isfinite(model.profiles).all()


def test_one_artist_and_more_segments_than_artists() -> None:
    counts = np.zeros((1, LEVELS), dtype=int)
    counts[0, :20] = np.arange(40, 20, -1)
    for n_segments in (1, 3, 7):
        model = fit_fan_lda(counts, n_segments=n_segments)
        assert model.profiles.shape == (n_segments, LEVELS)
        assert len(model.thresholds()) == n_segments - 1


def test_listeners_who_all_played_once_have_no_segments_apart() -> None:
    counts = np.zeros((5, LEVELS), dtype=int)
    counts[:, 0] = 100
    model = fit_fan_lda(counts)
    assert model.listeners == pytest.approx([500, 0, 0], abs=1)
    assert model.thresholds() == (None, None)


@pytest.mark.parametrize(
    "counts", [np.zeros((3, LEVELS)), np.ones((3, 7)), -np.ones((3, LEVELS)), np.zeros((0, LEVELS))]
)
def test_impossible_counts_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(ValueError):
        fit_fan_lda(counts)
