"""The map of artists: groups lie apart, equal data give equal maps, and who cannot be placed is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analytics_platform.artists import mapping
from analytics_platform.artists.features import artist_vectors
from analytics_platform.artists.mapping import artist_map
from analytics_platform_tests.artists.worlds import planted_groups

FloatArray = NDArray[np.float32]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices: threads would wait for each other and for those of other tests."""
    import sklearn.manifold  # noqa: F401  # only what is loaded is limited

    with threadpool_limits(1):
        yield


def of_length_one(vectors: NDArray[np.floating]) -> FloatArray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def some(count: int, dimensions: int = 6, seed: int = 0) -> FloatArray:
    return of_length_one(np.random.default_rng(seed).standard_normal((count, dimensions)))


def listeners(count: int) -> NDArray[np.int64]:
    return np.full(count, 10, dtype=np.int64)


def test_planted_groups_lie_apart() -> None:
    plays, group = planted_groups(400, 60, 3, faithful=0.95)
    places = artist_map(artist_vectors(plays, dimensions=8), listeners(60))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argsort(axis=1)[:, :5]
    assert (group[nearest] == group[:, None]).mean() > 0.9


@pytest.mark.parametrize("count", [5, 6, 30])
def test_places_fill_the_square_and_are_the_same_each_time(count: int) -> None:
    vectors = some(count)
    places = artist_map(vectors, listeners(count))
    assert np.isfinite(places).all()
    assert np.abs(places).max() == pytest.approx(1)
    np.testing.assert_allclose(places.max(axis=0) + places.min(axis=0), 0, atol=1e-9)
    np.testing.assert_array_equal(places, artist_map(vectors, listeners(count)))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_fewer_than_five_artists_have_no_map(count: int) -> None:
    places = artist_map(some(count), listeners(count))
    assert places.shape == (count, 2)
    assert np.isnan(places).all()


def test_artists_without_a_vector_are_left_out() -> None:
    vectors = some(20)
    vectors[[3, 7]] = 0
    places = artist_map(vectors, listeners(20))
    assert np.flatnonzero(np.isnan(places).any(axis=1)).tolist() == [3, 7]
    vectors[4:] = 0
    assert np.isnan(artist_map(vectors, listeners(20))).all(), "three are left"


def test_the_most_heard_are_placed_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "MOST_ARTISTS", 8)
    heard = np.arange(20, dtype=np.int64)[::-1].copy()
    places = artist_map(some(20), heard)
    assert np.flatnonzero(np.isfinite(places).all(axis=1)).tolist() == list(range(8))


def test_identical_artists_have_finite_places_if_others_are_unlike_them() -> None:
    vectors = np.repeat(some(2), 10, axis=0)
    places = artist_map(vectors, listeners(20))
    assert np.isfinite(places).all()
    assert np.abs(places).max() <= 1
    assert np.isnan(artist_map(np.repeat(some(1), 10, axis=0), listeners(10))).all(), "a map of one point tells nothing"
