"""Dummies are fits of the training rows, and the one that is not says so."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from analytics_platform.modelling.baselines import fit_group_means, fit_mean, fit_ridge, mean_of_others
from analytics_platform.modelling.scoring import score_classes, score_values
from analytics_platform.modelling.splits import make_folds


def test_the_mean_of_values_and_the_majority_of_classes() -> None:
    np.testing.assert_array_equal(fit_mean(np.array([1.0, 2.0, 6.0])).predict(2), [3, 3])
    shares = fit_mean(np.eye(3)[[0, 2, 2, 1, 2]]).predict(4)
    np.testing.assert_allclose(shares, [[0.2, 0.2, 0.6]] * 4)
    truth = np.array([2, 2, 0, 1])
    scores = score_classes({"majority": shares}, truth, np.arange(4), baselines=["majority"])
    assert {score.metric: score.value for score in scores}["accuracy"] == 0.5


def test_a_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        fit_mean(np.empty(0))


def groups_that_differ(seed: int, between: float, sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    own = rng.normal(0, between, 400)
    codes = np.arange(400).repeat(rng.choice(sizes, 400))
    return own, codes, own[codes] + rng.normal(size=len(codes))


@pytest.mark.parametrize("between", [0.5, 2.0])
def test_group_means_are_nearer_to_the_groups_than_plain_means_and_than_the_mean(between: float) -> None:
    own, codes, target = groups_that_differ(0, between, (1, 2, 5))
    found = fit_group_means(target, codes).predict(np.arange(400))
    plain = np.bincount(codes, target) / np.bincount(codes)
    error = ((found - own) ** 2).mean()
    assert error < ((plain - own) ** 2).mean()
    assert error < ((target.mean() - own) ** 2).mean()
    # As near as with the variances known.
    sizes = np.bincount(codes)
    best = plain * sizes / (sizes + 1 / between**2)
    assert error < 1.05 * ((best - own) ** 2).mean()


def test_a_group_that_was_not_trained_on_gets_the_mean_of_all() -> None:
    names = np.array(["rock", "rock", "hip hop", "hip hop"])
    fit = fit_group_means(np.array([1.0, 1.1, 5.0, 5.1]), names)
    rock, unknown, last = fit.predict(np.array(["rock", "jazz", "zydeco"])).tolist()
    assert unknown == last == pytest.approx(3.05)
    assert rock == pytest.approx(1.05, abs=0.01)


def test_group_means_of_classes_are_shares_of_classes() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, 400)
    label = np.where(rng.random(400) < 0.7, codes % 3, rng.integers(0, 3, 400))
    found = fit_group_means(np.eye(3)[label], codes).predict(np.arange(6))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[:4].argmax(axis=1).tolist() == [0, 1, 2, 0]
    np.testing.assert_allclose(found[4:], np.tile(np.eye(3)[label].mean(axis=0), (2, 1)))


@pytest.mark.parametrize("names", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 1, 0, 1]])
def test_groups_that_say_nothing_give_the_mean(names: list[int]) -> None:
    target = np.array([0.0, 0.0, 1.0, 1.0])
    found = fit_group_means(target, np.array(names)).predict(np.array(names))
    np.testing.assert_allclose(found, 0.5)


def test_the_artist_mean_knows_the_truth_of_the_others_and_not_the_rows_own() -> None:
    """It beats any honest model on new artists; changing a row's truth changes the others' predictions, not its own."""
    _, codes, target = groups_that_differ(2, 2.0, (2, 5))
    split = make_folds(codes)[0]
    leaky = mean_of_others(target, codes, split.train)
    honest = fit_group_means(target[split.train], codes[split.train]).predict(codes)
    scores = score_values(
        {"artist_mean_leaky": leaky[split.test], "artist_mean": honest[split.test]},
        target[split.test], codes[split.test], unit="x", baselines=["artist_mean_leaky", "artist_mean"],
    )  # fmt: skip
    r2 = {score.model: score.value for score in scores if score.metric == "r2"}
    assert r2["artist_mean_leaky"] > 0.5
    assert r2["artist_mean"] <= 0
    row = int(split.test[0])
    changed = target.copy()
    changed[row] += 1
    moved = mean_of_others(changed, codes, split.train) - leaky
    assert abs(moved[row]) < 0.01
    sisters = np.flatnonzero((codes == codes[row]) & (np.arange(len(codes)) != row))
    assert (moved[sisters] > 0.1).all()


def test_an_artist_of_one_row_gets_the_mean_of_the_training_rows() -> None:
    target = np.array([0.0, 0.2, 4.0, 4.2, 9.0])
    found = mean_of_others(target, np.array([1, 1, 2, 2, 3]), np.arange(4))
    assert found[4] == pytest.approx(2.1)


def columns(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal([-9, 200, 0], [3, 40, 1], (rows, 3))
    return x, 0.5 + 0.05 * (x[:, 0] + 9) - 0.002 * (x[:, 1] - 200) + rng.normal(0, 0.1, rows)


NAMES = ("loudness_lufs", "duration_s", "noise")


def test_the_ridge_is_that_of_scikit_learn() -> None:
    (x, y), (vx, vy) = columns(300, 0), columns(100, 1)
    fit = fit_ridge(NAMES, x, y, (vx, vy), penalties=[0.3])
    scaled, other = (x - x.mean(axis=0)) / x.std(axis=0), (vx - x.mean(axis=0)) / x.std(axis=0)
    expected = SklearnRidge(alpha=0.3 * 300).fit(scaled, y).predict(other)
    np.testing.assert_allclose(fit.predict(vx), np.clip(expected, y.min(), y.max()))


def test_the_penalty_is_the_best_of_the_validation_rows() -> None:
    rng = np.random.default_rng(0)
    x, vx = rng.normal(size=(60, 50)), rng.normal(size=(200, 50))
    weights = rng.normal(0, 0.1, 50)
    y, vy = x @ weights + rng.normal(size=60), vx @ weights + rng.normal(size=200)
    penalties = (1e-4, 0.1, 1.0, 10.0, 1e4)
    fit = fit_ridge([f"c{i}" for i in range(50)], x, y, (vx, vy), penalties=penalties)
    errors = {
        penalty: ((fit_ridge(fit.columns, x, y, (vx, vy), penalties=[penalty]).predict(vx) - vy) ** 2).sum()
        for penalty in penalties
    }
    assert fit.penalty == min(errors, key=lambda penalty: errors[penalty])
    assert 1e-4 < fit.penalty < 1e4


def test_missing_and_constant_features_do_no_harm() -> None:
    (x, y), (vx, vy) = columns(300, 0), columns(100, 1)
    clean = fit_ridge(NAMES, x, y, (vx, vy), penalties=[0.01])
    odd, odd_v = (np.column_stack((a, np.full(len(a), 0.1), np.full(len(a), np.nan))) for a in (x, vx))
    fit = fit_ridge([*NAMES, "constant", "missing"], odd, y, (odd_v, vy), penalties=[0.01])
    np.testing.assert_allclose(fit.predict(odd_v), clean.predict(vx))
    holes = vx.copy()
    holes[:, 0] = np.nan
    holes[0, 1] = np.nan
    filled = vx.copy()
    filled[:, 0] = np.median(x[:, 0])
    filled[0, 1] = np.median(x[:, 1])
    np.testing.assert_allclose(clean.predict(holes), clean.predict(filled))


def test_a_ridge_on_hits_gives_probabilities() -> None:
    (x, y), (vx, vy) = columns(300, 0), columns(100, 1)
    fit = fit_ridge(NAMES, x, (y > 0.5).astype(float), (vx, (vy > 0.5).astype(float)))
    far = fit.predict(np.array([[60.0, 0.0, 0.0], [-90.0, 900.0, 0.0]]))
    np.testing.assert_array_equal(far, [1, 0])


@pytest.mark.parametrize(("rows", "validation", "value"), [(0, 5, 0.0), (5, 0, 0.0), (5, 5, np.inf)])
def test_what_a_ridge_cannot_be_fitted_to_is_refused(rows: int, validation: int, value: float) -> None:
    x = np.full((rows, 1), value)
    with pytest.raises(ValueError, match="training rows"):
        fit_ridge(["c"], x, np.zeros(rows), (np.zeros((validation, 1)), np.zeros(validation)))
