"""New tracks of known artists: the more tracks are known, the more the artist's history counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.taste.factors import unit
from analytics_platform.taste.semi_cold import ArtistHistory, SemiCold, fit_semi_cold, history_of
from analytics_platform_tests.taste.sounds import cosines

DIM = 12


def world(artist_share: float, error: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Factors, artists, predictions, and which tracks are known: artists have 1 to 8 tracks, the last is new."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 9, 300)
    artists = np.repeat(np.arange(300), counts)
    own = rng.normal(size=(300, DIM))[artists]
    factors = artist_share * own + (1 - artist_share) * rng.normal(size=(len(artists), DIM))
    predicted = unit(factors) + error * rng.normal(size=factors.shape)
    known = np.flatnonzero(np.append(artists[1:] == artists[:-1], False))
    return factors.astype(np.float32), artists.astype(np.str_), predicted.astype(np.float32), known


@pytest.mark.parametrize(("share", "error"), [(0.7, 0.2), (0.6, 0.3), (0.5, 0.15)])
def test_the_mix_is_better_than_either_alone(share: float, error: float) -> None:
    factors, artists, predicted, known = world(share, error)
    new = np.setdiff1d(np.arange(len(factors)), known)
    history = history_of(factors, artists, known, new)
    validation, test = np.flatnonzero(np.arange(len(new)) % 2 == 0), np.flatnonzero(np.arange(len(new)) % 2)
    fitted = fit_semi_cold(predicted[new[validation]], history.take(validation), factors[new[validation]])
    rest = history.take(test)
    mixed = fitted.mix(predicted[new[test]], rest)
    has = rest.counts > 0
    truth = factors[new[test]][has]
    alone = cosines(predicted[new[test]][has], truth).mean()
    assert cosines(mixed[has], truth).mean() > max(alone, cosines(rest.means[has], truth).mean()) + 0.005
    np.testing.assert_allclose(mixed[~has], unit(predicted[new[test]][~has]), rtol=1e-6)


def test_the_worse_the_prediction_the_more_history_counts() -> None:
    strengths = []
    for error in (0.05, 0.3, 1.0):
        factors, artists, predicted, known = world(0.6, error)
        new = np.setdiff1d(np.arange(len(factors)), known)
        history = history_of(factors, artists, known, new)
        strengths.append(fit_semi_cold(predicted[new], history, factors[new]).strength)
    assert strengths[0] > strengths[1] > strengths[2]


def test_history_of_no_worth_is_left_alone() -> None:
    factors, artists, _, known = world(0.0, 0.0)
    new = np.setdiff1d(np.arange(len(factors)), known)
    history = history_of(factors, artists, known, new)
    assert fit_semi_cold(factors[new], history, factors[new]).weights(np.array([8])).item() < 0.02


@settings(max_examples=50, deadline=None)
@given(strength=st.floats(0, 1e6) | st.just(np.inf), seed=st.integers(0, 99))
def test_more_known_tracks_never_count_less_and_every_mix_has_norm_1(strength: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = np.arange(30)
    model = SemiCold(strength)
    weights = model.weights(counts)
    assert weights[0] == 0 and (np.diff(weights) >= -1e-12).all() and ((weights >= 0) & (weights <= 1)).all()
    means = np.where(counts[:, None] > 0, rng.normal(size=(30, DIM)) / 9, 0).astype(np.float32)
    mixed = model.mix(rng.normal(size=(30, DIM)).astype(np.float32), ArtistHistory(means, counts, np.ones(30)))
    np.testing.assert_allclose(np.linalg.norm(mixed, axis=1), 1, rtol=1e-5)


def test_a_track_is_not_its_own_history_and_unknown_ones_are_none() -> None:
    factors = np.array([[1, 0], [0, 2], [3, 0], [np.nan, np.nan], [0, 5]], dtype=np.float32)
    artists = np.array(["a", "a", "a", "b", "c"])
    found = history_of(factors, artists, np.array([0, 1, 2, 3, 4]), np.array([0, 3, 4, 1]))
    np.testing.assert_array_equal(found.counts, [2, 0, 0, 2])
    np.testing.assert_allclose(found.means, [[0.5, 0.5], [0, 0], [0, 0], [1, 0]])
    np.testing.assert_array_equal(history_of(factors, artists, np.array([1]), np.array([1]), alone=False).counts, [1])
    np.testing.assert_allclose(found.lengths, [2.5, 2.75, 2.75, 2], err_msg="without history that of all known tracks")


def test_where_each_artist_has_one_track_the_prediction_is_left_alone() -> None:
    factors = np.eye(4, dtype=np.float32)
    history = history_of(factors, np.array(["a", "b", "c", "d"]), np.array([0, 1]), np.array([2, 3]))
    fitted = fit_semi_cold(factors[2:], history, factors[2:])
    np.testing.assert_allclose(fitted.mix(factors[2:], history), factors[2:])
