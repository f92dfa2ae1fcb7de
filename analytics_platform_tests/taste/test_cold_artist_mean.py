"""The artist's mean as a baseline: as strong as what is known of the artist makes it."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from analytics_platform.modelling.splits import Split
from analytics_platform.taste import cold
from analytics_platform.taste.cold import ColdFold, dummies
from analytics_platform.taste.factors import Wmf
from analytics_platform.taste.reading import TasteData
from analytics_platform.taste.track_plays import TrackPlays
from analytics_platform.tracks.sound import Sound


def test_a_new_track_is_scored_as_the_artists_known_ones_are_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    artists = np.array(["a", "a", "a", "b", "b", "c"])
    plays = csr_array(rng.integers(0, 3, (8, 6)).astype(np.float32))
    names = np.array([f"track {row}" for row in range(6)])
    sound = Sound(names, durations_s=np.full(6, 30.0))
    data = TasteData(TrackPlays(names, artists, plays), np.arange(6), sound, np.arange(6), np.arange(6))
    train, validation, test = np.array([0, 3]), np.array([1]), np.array([2, 4, 5])
    # One of the artist's known tracks is played far more than the other.
    factors = rng.normal(size=(6, 2)).astype(np.float32) * np.array([[9], [1], [1], [3], [1], [1]], dtype=np.float32)
    factors[test] = np.nan
    listeners = rng.normal(size=(8, 2)).astype(np.float32)
    hidden = plays[:, test]
    fold = ColdFold("new tracks", 0, Split("rows", 0, train, validation, test, 0), factors, listeners, hidden, hidden)
    said = dummies(data, fold, Wmf(factors=2))[cold.ARTIST_MEAN](np.arange(8))
    liked = listeners @ factors.T
    np.testing.assert_allclose(said[:, 0], liked[:, :2].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(said[:, 1], liked[:, 3], rtol=1e-5)
    np.testing.assert_allclose(said[:, 2], liked[:, [0, 1, 3]].mean(axis=1), rtol=1e-5, err_msg="c has no known track")
