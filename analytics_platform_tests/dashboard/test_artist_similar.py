"""The graph of similar artists is laid out so that it can be read."""

from __future__ import annotations

import numpy as np

from analytics_platform.dashboard.pages.artist_similar import places


def test_similar_artists_are_near_and_linked_ones_side_by_side() -> None:
    scores = [0.9, 0.8, 0.4, 0.3]
    weights = np.zeros((4, 4))
    # Links around the circle 0, 2, 1, 3.
    for one, other in ((0, 2), (2, 1), (1, 3)):
        weights[one, other] = weights[other, one] = 1
    where = places(scores, weights)
    distance = np.hypot(where[:, 0], where[:, 1])
    assert list(np.argsort(distance)) == [0, 1, 2, 3]
    assert distance.max() <= 1.0
    turn = np.arctan2(where[:, 0], where[:, 1]) % (2 * np.pi)
    assert list(np.argsort(turn)) == [0, 2, 1, 3]


def test_one_neighbour_and_none() -> None:
    assert places([0.5], np.zeros((1, 1))).shape == (1, 2)
    assert places([], np.zeros((0, 0))).shape == (0, 2)
