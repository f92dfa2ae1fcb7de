"""Artists' vectors are those of the formulas: BM25 by hand, singular vectors as numpy has them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from analytics_platform.artists import features
from analytics_platform.artists.features import artist_vectors, bm25, gram, singular_vectors, unit_vectors
from analytics_platform_tests.artists.worlds import planted_groups

FloatArray = NDArray[np.float32]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices: threads would wait for each other and for those of other tests."""
    with threadpool_limits(1):
        yield


def matrix(rows: list[list[float]]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, dtype=np.float32))


def random_matrix(listeners: int, artists: int, density: float, seed: int) -> sparse.csr_array:
    """Values from a normal distribution, each there with a chance of ``density``."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((listeners, artists)) * (rng.random((listeners, artists)) < density)
    return sparse.csr_array(dense.astype(np.float32))


def test_bm25_by_hand() -> None:
    """Three listeners with 4, 2 and 0 plays: the mean is over the two who played anything."""
    found = bm25(matrix([[3, 1], [2, 0], [0, 0]])).toarray()
    average = (4 + 2) / 2
    rarity = np.log(1 + (3 - np.array([2, 1]) + 0.5) / (np.array([2, 1]) + 0.5))

    def saturated(plays: float, total: float) -> float:
        return plays * 2.2 / (plays + 1.2 * (0.25 + 0.75 * total / average))

    expected = np.array([[saturated(3, 4), saturated(1, 4)], [saturated(2, 2), 0], [0, 0]]) * rarity
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_more_plays_weigh_more_with_a_bound_and_artists_whom_all_play_weigh_less() -> None:
    one, many = (bm25(matrix([[plays, 1], [1, 0], [1, 0]])).toarray() for plays in (1, 100_000))
    assert one[0, 0] < many[0, 0] < 2.2 * np.log(1 + 0.5 / 3.5)
    assert one[0, 1] > one[0, 0] > 0


def test_bm25_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    plays, _ = planted_groups(100, 30, 3)
    whole = bm25(plays)
    monkeypatch.setattr(features, "BLOCK_ROWS", 7)
    np.testing.assert_array_equal(bm25(plays).toarray(), whole.toarray())
    monkeypatch.setattr(features, "BLOCK_ROWS", 100)
    np.testing.assert_array_equal(bm25(plays).toarray(), whole.toarray())


@settings(max_examples=40, deadline=None)
@given(
    listeners=st.integers(0, 120),
    artists=st.integers(1, 120),
    dimensions=st.integers(1, 70),
    density=st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    seed=st.integers(0, 1000),
)
def test_singular_vectors_are_those_of_numpy(
    listeners: int, artists: int, dimensions: int, density: float, seed: int
) -> None:
    """Also with fewer artists than vectors asked for, fewer listeners than artists, and nothing played at all."""
    weights = random_matrix(listeners, artists, density, seed)
    vectors, values = singular_vectors(gram(weights), artists, dimensions)
    count = min(dimensions, artists)
    assert vectors.shape == (artists, count)
    assert values.shape == (count,)
    dense = weights.toarray().astype(np.float64)
    true = np.zeros(artists)
    exact = np.linalg.svd(dense, compute_uv=False)
    true[: min(len(exact), artists)] = exact[:artists]
    largest = max(float(true[0]), 1.0)
    assert (np.diff(values) <= 0).all()
    there = (values > 0).astype(float)
    np.testing.assert_allclose(vectors.T @ vectors, np.diag(there), atol=1e-4)
    # Up to 80 artists the subspace is everything. Beyond, the last vectors of a random matrix, whose values hardly
    # fall, are blends of their surroundings.
    is_whole = artists <= 80
    # Values are roots of those of the Gram matrix in float32: what is 0 has an error of sqrt(1e-7).
    np.testing.assert_allclose(values, true[:count], atol=(2e-3 if is_whole else 5e-2) * largest)
    # As much of the matrix as the best subspace of that size holds.
    held = np.linalg.norm(dense @ vectors) ** 2
    assert held == pytest.approx((true[:count] ** 2).sum(), rel=1e-3 if is_whole else 1e-2, abs=1e-6)


@pytest.mark.parametrize(("artists", "rank"), [(40, 3), (79, 1), (80, 20), (81, 1), (300, 1), (300, 20)])
def test_matrices_of_low_rank_have_no_more_values_than_their_rank(artists: int, rank: int) -> None:
    """The basis was filled up with directions that it had already, and vectors had lengths up to 1.3."""
    rng = np.random.default_rng(artists + rank)
    dense = (rng.standard_normal((200, rank)) @ rng.standard_normal((rank, artists))).astype(np.float32)
    vectors, values = singular_vectors(gram(sparse.csr_array(dense)), artists)
    true = np.linalg.svd(dense, compute_uv=False)
    np.testing.assert_allclose(values[:rank], true[:rank], rtol=1e-3)
    np.testing.assert_array_equal(values[rank:], 0)
    np.testing.assert_array_equal(vectors[:, rank:], 0)
    np.testing.assert_allclose(vectors[:, :rank].T @ vectors[:, :rank], np.eye(rank), atol=1e-4)
    np.testing.assert_allclose(dense @ vectors[:, :rank] @ vectors[:, :rank].T, dense, atol=1e-2)


def test_block_matrices_have_each_value_as_often_as_it_is() -> None:
    """Equal groups without anything in common: every singular value comes several times."""
    dense = np.kron(np.eye(6), np.ones((5, 4))).astype(np.float32)
    _, values = singular_vectors(gram(sparse.csr_array(dense)), 24, 10)
    np.testing.assert_allclose(values[:6], np.sqrt(20), rtol=1e-4)
    assert (values[6:] < 0.01).all()


def test_the_leading_subspace_is_that_of_numpy() -> None:
    plays, _ = planted_groups(600, 150, 5)
    weights = bm25(plays)
    vectors, values = singular_vectors(gram(weights), 150, 5)
    _, true, rows = np.linalg.svd(weights.toarray().astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(values, true[:5], rtol=1e-3)
    cosines = np.linalg.svd(rows[:5] @ vectors, compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-3)


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plays, _ = planted_groups(300, 60, 3)
    monkeypatch.setattr(features, "BLOCK_ROWS", 37)
    one, two = (artist_vectors(plays, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    monkeypatch.setattr(features, "BLOCK_ROWS", 1 << 16)
    np.testing.assert_allclose(artist_vectors(plays) @ one.T, one @ one.T, atol=1e-3)


def test_listeners_of_weight_two_count_as_two_and_of_weight_zero_as_none() -> None:
    weights = random_matrix(50, 20, 0.3, 1)
    counts = np.arange(50) % 3
    q = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    again = weights[np.repeat(np.arange(50), counts)]
    np.testing.assert_allclose(gram(weights, counts.astype(np.float32))(q), gram(again)(q), rtol=1e-4, atol=1e-4)


def test_a_start_leads_to_the_same_vectors() -> None:
    plays, _ = planted_groups(400, 60, 4)
    weights = bm25(plays)
    found, values = singular_vectors(gram(weights), 60, 4)
    again, same = singular_vectors(gram(weights), 60, 4, start=found, applications=2)
    np.testing.assert_allclose(same, values, rtol=1e-3)
    np.testing.assert_allclose(
        unit_vectors(again, same) @ unit_vectors(again, same).T,
        unit_vectors(found, values) @ unit_vectors(found, values).T,
        atol=0.02,
    )


def test_vectors_have_length_one_and_artists_without_listeners_none() -> None:
    """Rounding errors were scaled to length 1: who had no listeners had neighbours by chance."""
    plays, _ = planted_groups(200, 30, 3)
    dense = plays.toarray()
    dense[:, [4, 29]] = 0
    vectors = artist_vectors(sparse.csr_array(dense))
    lengths = np.linalg.norm(vectors, axis=1)
    heard = dense.any(axis=0)
    assert heard.sum() == 28
    np.testing.assert_allclose(lengths[heard], 1, atol=1e-5)
    np.testing.assert_array_equal(vectors[~heard], 0)


def test_identical_artists_have_cosine_one_and_those_without_common_listeners_none() -> None:
    dense = np.zeros((60, 5), dtype=np.float32)
    dense[:30, [0, 1]] = np.random.default_rng(0).integers(1, 20, (30, 1))
    dense[30:, 2] = np.arange(30) + 1
    dense[:45, 3] = 2
    dense[50:, 4] = 3
    vectors = artist_vectors(sparse.csr_array(dense))
    cosine = vectors @ vectors.T
    assert cosine[0, 1] == pytest.approx(1, abs=1e-5)
    assert cosine[0, 2] == pytest.approx(0, abs=1e-3)
    assert 0 < cosine[0, 3] < 1


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (3, 3), (1, 1)])
def test_nothing_played_has_vectors_of_nothing(shape: tuple[int, int]) -> None:
    vectors = artist_vectors(sparse.csr_array(shape, dtype=np.float32))
    assert vectors.shape[0] == shape[1]
    assert not vectors.any()
