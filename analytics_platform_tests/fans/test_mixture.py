"""The mixture finds planted profiles and shares, climbs only, and knows how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics_platform.fans import mixture as module
from analytics_platform.fans.agreement import profile_distance, share_errors, threshold_errors
from analytics_platform.fans.lda import fit_fan_lda
from analytics_platform.fans.levels import LEVELS, level_middles
from analytics_platform.fans.mixture import Fit, Mixture, fit_mixture, learn_prior, predict_levels
from analytics_platform.fans.shares import Shares, posterior_shares, probable_shares, simplex_grid
from analytics_platform.fans.thresholds import segment_thresholds
from analytics_platform_tests.fans.worlds import World, joining_world, planted_world

FloatArray = NDArray[np.float64]


@pytest.fixture(scope="module")
def world() -> World:
    return planted_world(500, seed=21)


@pytest.fixture(scope="module")
def counts(world: World) -> NDArray[np.int64]:
    """(A, 1, 60)."""
    return world.counts[:, None, :]


@pytest.fixture(scope="module")
def fit(counts: NDArray[np.int64]) -> Fit:
    return fit_mixture(counts, 3)


@pytest.fixture(scope="module")
def two() -> Mixture:
    """Two segments on two exposure classes, in which the second segment is rarer later on."""
    late, early = np.exp(-level_middles() / 4), np.exp(-level_middles() / 30)
    profiles = np.stack([[late, late**1.5], [early, early**1.5]])
    profiles /= profiles.sum(axis=2, keepdims=True)
    return Mixture(profiles, np.array([[1.0, 1.6], [1.0, 0.4]]), np.array([2.0, 0.8]))


def test_a_planted_world_is_found(world: World, counts: NDArray[np.int64], fit: Fit) -> None:
    assert fit.converged
    profiles = fit.mixture.profiles[:, 0]
    assert profile_distance(profiles, world.profiles) < 0.10
    assert max(threshold_errors(segment_thresholds(profiles), world.thresholds)) < np.log(1.15)
    mine = posterior_shares(counts, fit.mixture).mean
    errors = share_errors(mine, world.shares, world.listeners)
    dummy = share_errors(np.tile(world.shares.mean(axis=0), (500, 1)), world.shares, world.listeners)
    assert errors.all < 0.035 < dummy.all / 2
    assert errors.small < 0.06 < dummy.small
    assert errors.big < 0.03


def test_shares_are_nearer_than_those_of_the_lda(world: World, counts: NDArray[np.int64]) -> None:
    mine = posterior_shares(counts[:150], fit_mixture(counts[:150], 3).mixture).mean
    theirs = fit_fan_lda(world.counts[:150]).shares
    mine, theirs = (share_errors(one, world.shares[:150], world.listeners[:150]).all for one in (mine, theirs))
    assert mine < 0.8 * theirs


def test_distributions_add_up(counts: NDArray[np.int64], fit: Fit) -> None:
    assert fit.mixture.profiles.shape == (3, 1, LEVELS)
    assert fit.mixture.profiles.sum(axis=2) == pytest.approx(np.ones((3, 1)))
    assert fit.mixture.profiles.min() > 0
    assert fit.shares.sum(axis=1) == pytest.approx(np.ones(len(counts)))
    assert predict_levels(fit.shares, fit.mixture).sum(axis=2) == pytest.approx(np.ones((len(counts), 1)))


def test_the_likelihood_is_that_of_the_shares_and_profiles(counts: NDArray[np.int64], fit: Fit) -> None:
    nats = (counts * np.log(predict_levels(fit.shares, fit.mixture))).sum() / counts.sum()
    assert fit.log_likelihood == pytest.approx(nats, abs=1e-8)


@pytest.mark.parametrize("classes", [1, 5])
def test_more_iterations_are_never_worse(classes: int) -> None:
    """Below ``PRIOR_LISTENERS`` the prior stays as it is, so there is one objective from first to last."""
    data = joining_world(300, seed=3).counts
    data = data[data.sum(axis=(1, 2)) < module.PRIOR_LISTENERS]
    data = data if classes == 5 else data.sum(axis=1, keepdims=True)
    reached = []
    for iterations in (3, 6, 9, 15, 30, 60, 120, 240, 480):
        fit = fit_mixture(data, 3, max_iterations=iterations)
        assert fit.mixture.prior.tolist() == [1, 1, 1]
        smoothing = (module._pooled(data.astype(float)) * np.log(fit.mixture.profiles)).sum()
        likelihood = (data * np.log(predict_levels(fit.shares, fit.mixture))).sum()
        reached.append(likelihood + np.log(fit.shares).sum() + smoothing)
    # The arrivals' own prior listener is not in this sum.
    assert np.diff(reached).min() > (-1e-6 if classes == 1 else -0.1)
    assert reached[-1] > reached[0] + 10


def test_a_fit_is_deterministic_and_blind_to_the_order_of_artists(counts: NDArray[np.int64], fit: Fit) -> None:
    again = fit_mixture(counts, 3)
    assert np.array_equal(again.mixture.profiles, fit.mixture.profiles)
    assert np.array_equal(again.shares, fit.shares)
    turned = fit_mixture(counts[::-1], 3)
    assert turned.mixture.profiles == pytest.approx(fit.mixture.profiles, abs=1e-6)
    assert turned.shares[::-1] == pytest.approx(fit.shares, abs=1e-4)


def test_fixed_profiles_stay(counts: NDArray[np.int64], fit: Fit) -> None:
    later = fit_mixture(counts[:200], 3, start=fit.mixture, profiles_fixed=True)
    assert later.converged
    assert np.array_equal(later.mixture.profiles, fit.mixture.profiles)
    assert later.shares == pytest.approx(fit.shares[:200], abs=0.05)


def test_too_few_iterations_are_reported(counts: NDArray[np.int64]) -> None:
    fit = fit_mixture(counts[:50], 3, max_iterations=9)
    assert fit.converged is False
    assert 9 <= fit.iterations <= 12


def test_weighted_listeners_are_allowed(counts: NDArray[np.int64]) -> None:
    whole, halves = (fit_mixture(data, 2, max_iterations=30) for data in (counts[:50], counts[:50] * 1.0))
    assert np.array_equal(whole.shares, halves.shares)
    assert np.isfinite(fit_mixture(counts[:50] * 0.5, 2, max_iterations=30).log_likelihood)


@pytest.mark.parametrize(
    "data", [np.ones((20, LEVELS)), -np.ones((20, 1, LEVELS)), np.zeros((20, 1, LEVELS)), np.ones((0, 1, LEVELS))]
)
def test_impossible_counts_are_refused(data: FloatArray) -> None:
    with pytest.raises(ValueError, match=r"counts must be|at least one listener"):
        fit_mixture(data, 2)


def test_a_prior_is_learnt_from_shares() -> None:
    rng = np.random.default_rng(5)
    planted = np.array([2.8, 0.88, 0.32])
    listeners = np.full(3_000, 500.0)[:, None] * rng.dirichlet(planted, 3_000)
    assert learn_prior(listeners, np.ones(3), steps=500) == pytest.approx(planted, rel=0.15)
    # Artists that are all alike would make it endless.
    assert learn_prior(np.tile([60.0, 30.0, 10.0], (500, 1)), np.ones(3), steps=500).sum() == pytest.approx(20)


def test_a_grid_covers_the_simplex_evenly() -> None:
    for segments in (1, 2, 3, 5):
        grid = simplex_grid(segments)
        assert 500 < len(grid) <= 2_000 or segments == 1
        assert grid.min() > 0
        assert grid.sum(axis=1) == pytest.approx(np.ones(len(grid)))
        assert grid.mean(axis=0) == pytest.approx(np.full(segments, 1 / segments))


def integrated(counts: FloatArray, mixture: Mixture, prior: FloatArray) -> tuple[float, float]:
    """Mean and deviation of the second of two segments' share, over 20,000 midpoints."""
    second = (np.arange(20_000) + 0.5) / 20_000
    shares = np.column_stack([1 - second, second])
    odds = shares[:, None, :] * mixture.arrivals.T
    within = odds / odds.sum(axis=2, keepdims=True)
    log_chance = (np.log(np.einsum("gek,kel->gel", within, mixture.profiles)) * counts).sum(axis=(1, 2))
    log_chance += np.log(shares) @ (prior - 1)
    chance = np.exp(log_chance - log_chance.max())
    weight = counts.sum(axis=1) / counts.sum()
    share = within[:, :, 1] @ weight
    mean = np.average(share, weights=chance)
    return float(mean), float(np.sqrt(np.average((share - mean) ** 2, weights=chance)))


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("listeners", [3, 40, 900])
def test_the_posterior_is_the_integral(two: Mixture, classes: int, listeners: int) -> None:
    mixture = Mixture(two.profiles[:, :classes], two.arrivals[:, :classes], two.prior)
    rng = np.random.default_rng(listeners)
    levels = predict_levels(np.array([[0.7, 0.3]]), mixture)[0]
    counts = rng.multinomial(listeners, levels / levels.sum(axis=1, keepdims=True))
    shares = posterior_shares(counts[None], mixture)
    mean, sd = integrated(counts, mixture, mixture.prior)
    assert shares.mean[0] == pytest.approx([1 - mean, mean], abs=2e-3)
    assert shares.sd[0] == pytest.approx([sd, sd], abs=2e-3)


def test_an_artist_without_listeners_gets_the_prior(fit: Fit) -> None:
    shares = posterior_shares(np.zeros((1, 1, LEVELS), dtype=int), fit.mixture)
    prior = fit.mixture.prior
    assert shares.mean[0] == pytest.approx(prior / prior.sum(), abs=0.02)
    spread = np.sqrt(shares.mean[0] * (1 - shares.mean[0]) / (prior.sum() + 1))
    assert shares.sd[0] == pytest.approx(spread, abs=0.02)


def test_many_listeners_leave_nothing_to_the_prior(fit: Fit) -> None:
    """The grid's cells are 1.6 points wide: that near the mean of a narrow posterior can be told."""
    planted = np.random.default_rng(1).dirichlet((3, 1, 1), 50)
    counts = np.rint(50_000 * predict_levels(planted, fit.mixture)).astype(int)
    shares = posterior_shares(counts, fit.mixture)
    assert shares.mean == pytest.approx(probable_shares(counts, fit.mixture), abs=0.012)
    assert shares.mean == pytest.approx(planted, abs=0.02)
    assert shares.sd.max() < 0.02


@pytest.mark.parametrize("segments", [1, 3])
def test_shares_of_listeners_in_several_classes_add_up_to_one(segments: int) -> None:
    """Sums in single precision gave shares of 1.0000001, which the tables refuse."""
    data = joining_world(60, seed=3).counts
    mean = posterior_shares(data, fit_mixture(data, segments, tolerance=1e-4).mixture).mean
    assert mean.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-12)
    assert mean.min() >= 0
    assert mean.max() <= 1


def test_rows_may_have_priors_of_their_own(counts: NDArray[np.int64], fit: Fit) -> None:
    some = counts[np.argsort(counts.sum(axis=(1, 2)))[:20]]
    priors = np.random.default_rng(2).uniform(0.5, 30, (20, 3))
    together = posterior_shares(some, fit.mixture, prior=priors)
    for row in range(20):
        mixture = Mixture(fit.mixture.profiles, fit.mixture.arrivals, priors[row])
        alone = posterior_shares(some[row : row + 1], mixture)
        assert together.mean[row] == pytest.approx(alone.mean[0], abs=1e-4)
        assert together.sd[row] == pytest.approx(alone.sd[0], abs=1e-4)


@pytest.mark.parametrize("own", [False, True])
def test_order_and_chunks_do_not_matter(
    counts: NDArray[np.int64], fit: Fit, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    some = counts[:60]
    prior = np.random.default_rng(3).uniform(0.5, 30, (60, 3)) if own else None
    whole = posterior_shares(some, fit.mixture, prior=prior)
    monkeypatch.setattr("analytics_platform.fans.shares.CHUNK", 7)
    order = np.random.default_rng(4).permutation(60)
    parts = posterior_shares(some[order], fit.mixture, prior=None if prior is None else prior[order])
    assert parts.mean == pytest.approx(whole.mean[order], abs=1e-3)
    assert parts.sd == pytest.approx(whole.sd[order], abs=1e-3)


def test_intervals_hold_the_mean_and_widen_where_less_is_known(fit: Fit) -> None:
    planted = np.array([[0.6, 0.3, 0.1]])
    levels = predict_levels(planted, fit.mixture)
    counts = np.concatenate([n * levels for n in (30, 100, 300, 1_000, 10_000)])
    shares = posterior_shares(counts, fit.mixture)
    low, high = shares.interval(np.full(3, 0.012))
    assert ((low >= 0) & (low <= shares.mean) & (shares.mean <= high) & (high <= 1)).all()
    assert (np.diff(high - low, axis=0) < 0).all()
    wider_low, wider_high = shares.interval(np.full(3, 0.05))
    assert (wider_high - wider_low > high - low).all()
    half_low, half_high = shares.interval(np.full(3, 0.012), mass=0.5)
    assert (half_high - half_low < high - low).all()


def test_an_interval_of_a_certain_share_is_a_point() -> None:
    shares = Shares(np.array([[1.0, 0.0, 0.5]]), np.full((1, 3), 1e-6))
    low, high = shares.interval(np.zeros(3))
    assert low[0] == pytest.approx([1, 0, 0.5], abs=1e-4)
    assert high[0] == pytest.approx([1, 0, 0.5], abs=1e-4)


def test_one_segment_has_all_listeners(counts: NDArray[np.int64]) -> None:
    fit = fit_mixture(counts[:40], 1)
    assert fit.converged
    assert posterior_shares(counts[:40], fit.mixture).mean == pytest.approx(np.ones((40, 1)))
