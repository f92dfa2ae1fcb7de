"""Devoted listeners share songs, and half of what they like is sound."""

from __future__ import annotations

import numpy as np
import pytest

from analytics_platform.sample_label.catalogue import build_catalogue
from analytics_platform.sample_label.devoted import (
    ARTIST_SHARE,
    MOST_PLAYS,
    SCALE,
    SOUND_SHARE,
    SPREAD,
    Devoted,
    draw_devoted,
)
from analytics_platform.sample_label.spec import LabelSpec


def drawn(seed: int, scale: float = SCALE) -> Devoted:
    spec = LabelSpec(seed=seed, scale=scale)
    return draw_devoted(spec, build_catalogue(spec))


def test_they_share_most_songs_and_the_same_seed_plays_the_same() -> None:
    devoted = drawn(7)
    assert devoted.plays.shape == (5, 298)
    assert ((devoted.plays > 0).sum(axis=0) >= 2).mean() > 0.85
    assert devoted.plays.max() <= MOST_PLAYS
    assert (np.diff(devoted.plays.sum(axis=1)) < 0).all()
    np.testing.assert_array_equal(devoted.plays, drawn(7).plays)
    assert not np.array_equal(devoted.plays, drawn(8).plays[:, : devoted.plays.shape[1]])
    frame = devoted.frame()
    assert len(frame) == (devoted.plays > 0).sum() and frame["plays"].sum() == devoted.plays.sum()


def test_half_of_the_variance_of_rates_is_the_sounds() -> None:
    """Over labels of several seeds."""
    shares, artists = [], []
    for seed in range(6):
        devoted = drawn(seed, 0.5)
        liking = np.log(devoted.rates) / SPREAD
        liked = devoted.tastes @ devoted.qualities.T
        shares += [np.corrcoef(*pair)[0, 1] ** 2 for pair in zip(liking, liked, strict=True)]
        artists += (liking - np.sqrt(SOUND_SHARE) * liked).var(axis=1).tolist()
    assert np.mean(shares) == pytest.approx(SOUND_SHARE, abs=0.05)
    assert np.mean(artists) == pytest.approx(1 - SOUND_SHARE, abs=0.05)
    assert SOUND_SHARE + ARTIST_SHARE < 1
