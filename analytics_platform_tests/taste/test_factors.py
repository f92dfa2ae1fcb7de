"""Factors tell what was planted, the same ones each time, and give new listeners and tracks their place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from analytics_platform.taste.factors import (
    SOURCE,
    Factors,
    Wmf,
    confidence,
    fit_factors,
    fold_in_listeners,
    fold_in_tracks,
    unit,
)
from analytics_platform_tests.taste.worlds import planted_taste

HOW = Wmf(factors=8, regularisation=1.0)


@pytest.fixture(scope="module")
def fitted() -> tuple[sparse.csr_array, np.ndarray, Factors]:
    plays, chance = planted_taste()
    return plays, chance, fit_factors(plays, HOW)


def test_planted_taste_is_found_where_nothing_was_played(fitted):
    """Of the tracks that a listener did not play, those are ranked high that it would have."""
    plays, chance, factors = fitted
    scores = factors.listeners @ factors.tracks.T
    unplayed = plays.toarray() == 0
    agreement = [np.corrcoef(scores[row][new], chance[row][new])[0, 1] for row, new in enumerate(unplayed)]
    popular = np.diff(plays.tocsc().indptr)
    dummy = [np.corrcoef(popular[new], chance[row][new])[0, 1] for row, new in enumerate(unplayed)]
    assert np.mean(agreement) > 0.6
    assert np.mean(agreement) > np.mean(dummy) + 0.3


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(fitted):
    plays, _, factors = fitted
    for threads in (1, 2):
        again = fit_factors(plays, HOW, threads=threads)
        assert again.tracks.tobytes() == factors.tracks.tobytes()
        assert again.listeners.tobytes() == factors.listeners.tobytes()
    assert fit_factors(plays, HOW, seed=1).tracks.tobytes() != factors.tracks.tobytes()


@pytest.mark.parametrize("how", [HOW, replace(HOW, confidence="linear", alpha=5.0), replace(SOURCE, factors=6)])
def test_folding_in_solves_the_least_squares_of_the_paper(how):
    """By the definition: confidence 1 and preference 0 where nothing was played."""
    plays, _ = planted_taste(60, 40)
    tracks = np.random.default_rng(0).normal(size=(40, how.factors)).astype(np.float32)
    dense = plays.toarray().astype(np.float64)
    grown = np.log(1 + dense / how.epsilon) if how.confidence == "log" else dense
    weights = 1 + how.alpha * grown
    expected = [
        np.linalg.solve(
            tracks.T @ (row[:, None] * tracks) + how.regularisation * np.eye(how.factors),
            tracks.T @ (row * (heard > 0)),
        )
        for row, heard in zip(weights, dense, strict=True)
    ]
    np.testing.assert_allclose(fold_in_listeners(plays, tracks, how), expected, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(fold_in_tracks(plays.T.tocsr(), tracks, how), expected, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(confidence(plays, how).toarray(), np.where(dense > 0, weights, 0), rtol=1e-5)


def test_a_folded_in_listener_ranks_as_the_fitted_one_did(fitted):
    plays, _, factors = fitted
    folded = fold_in_listeners(plays, factors.tracks, HOW, threads=2)
    played = np.diff(plays.indptr) > 0
    first = [np.argsort(-who @ factors.tracks.T, axis=1)[played, :10] for who in (factors.listeners, folded)]
    same = np.mean([len(np.intersect1d(*lists)) for lists in zip(*first, strict=True)])
    assert same > 9


def test_a_new_listener_and_a_new_track_find_their_place():
    plays, chance = planted_taste(1_000, 130)
    known = fit_factors(plays[:800][:, :100], HOW)
    listeners = fold_in_listeners(plays[800:][:, :100], known.tracks, HOW)
    tracks = fold_in_tracks(plays[:800][:, 100:], known.listeners, HOW)
    # New listeners and new tracks, of which no pair was ever seen.
    scores = listeners @ tracks.T
    has_plays = np.diff(plays[800:][:, :100].tocsr().indptr) > 2
    agreement = [np.corrcoef(one, other)[0, 1] for one, other in zip(scores, chance[800:, 100:], strict=True)]
    assert np.mean(np.array(agreement)[has_plays]) > 0.6


def test_rows_are_solved_alone_so_one_more_listener_changes_no_other(fitted):
    plays, _, factors = fitted
    some, more = (fold_in_listeners(plays[:rows], factors.tracks, HOW) for rows in (5, 6))
    np.testing.assert_array_equal(some, more[:5])


def test_who_played_nothing_and_what_nobody_played_is_zero():
    plays, _ = planted_taste(100, 30)
    dense = plays.toarray()
    dense[7], dense[:, 4] = 0, 0
    plays = sparse.csr_array(dense)
    factors = fit_factors(plays, HOW)
    assert not factors.listeners[7].any()
    assert not factors.tracks[4].any()
    assert not fold_in_listeners(plays, factors.tracks, HOW)[7].any()
    assert not fold_in_tracks(plays, factors.listeners, HOW)[4].any()
    assert factors.tracks[5].any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (3, 3)])
def test_no_plays_are_factors_of_zero(shape):
    nothing = sparse.csr_array(shape, dtype=np.float32)
    factors = fit_factors(nothing, HOW)
    assert (factors.listeners.shape, factors.tracks.shape) == ((shape[0], 8), (shape[1], 8))
    assert not factors.listeners.any() and not factors.tracks.any()
    assert fold_in_listeners(nothing, factors.tracks, HOW).shape == (shape[0], 8)
    assert fold_in_tracks(nothing, factors.listeners, HOW).shape == (shape[1], 8)


def test_wide_row_numbers_are_taken_too(fitted):
    """Pairs that came from 64-bit numbers, as slices and joins give them."""
    plays, _, factors = fitted
    wide = sparse.csr_array((plays.data, plays.indices.astype(np.int64), plays.indptr.astype(np.int64)), plays.shape)
    assert wide.indices.dtype == np.int64
    assert fit_factors(wide, HOW).tracks.tobytes() == factors.tracks.tobytes()
    folded = [fold_in_listeners(some, factors.tracks, HOW) for some in (plays, wide)]
    np.testing.assert_array_equal(*folded)


def test_more_factors_than_tracks_are_no_error():
    plays, _ = planted_taste(50, 12)
    factors = fit_factors(plays, replace(SOURCE, factors=40))
    assert np.isfinite(factors.tracks).all()
    assert np.isfinite(fold_in_listeners(plays, factors.tracks, SOURCE)).all()


def test_unit_rows_have_length_one_and_rows_of_zeros_stay():
    rows = unit(np.array([[3, 4], [0, 0], [1e-12, 0]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)
    assert rows.dtype == np.float32
