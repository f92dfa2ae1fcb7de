"""The nearest artists are those that looking at all pairs finds, and their stability tells chance from likeness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from analytics_platform.artists import neighbours
from analytics_platform.artists.neighbours import contains, find_neighbours, nearest, shared_listeners
from analytics_platform_tests.artists.worlds import planted_groups, plays_of

FloatArray = NDArray[np.float32]


def units(count: int, seed: int, *, grid: bool) -> FloatArray:
    """Unit vectors in eight dimensions; from a grid of few directions, so that many cosines are exactly equal."""
    rng = np.random.default_rng(seed)
    if grid:
        return np.eye(8, dtype=np.float32)[rng.integers(0, 8, count)]
    vectors = rng.standard_normal((count, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def brute_force(vectors: FloatArray, k: int) -> list[list[int]]:
    """Rows by falling cosine, equal ones by number, without oneself and without cosines of 0 or less."""
    cosine = np.minimum(vectors @ vectors.T, 1)
    lists: list[list[int]] = []
    for row, values in enumerate(cosine):
        order = np.argsort(-values, kind="stable")
        lists.append([int(other) for other in order if other != row and values[other] > 1e-6][:k])
    return lists


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 150),
    k=st.integers(1, 60),
    seed=st.integers(0, 999),
    grid=st.booleans(),
    groups=st.integers(1, 64),
)
def test_the_nearest_are_those_of_brute_force(count: int, k: int, seed: int, grid: bool, groups: int) -> None:
    """Also of one artist, of two, and where more are asked for than there are."""
    vectors = units(count, seed, grid=grid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "GROUPS", groups)
        patch.setattr(neighbours, "CELLS", 999)  # several blocks of rows
        rows, scores = nearest(vectors, k)
    assert rows.shape == scores.shape == (count, k)
    expected = brute_force(vectors, k)
    for row, wanted in enumerate(expected):
        found = rows[row][rows[row] >= 0].tolist()
        if grid:
            assert found == wanted
        else:  # another order of summing changes the last digit
            assert len(found) == len(wanted)
            np.testing.assert_allclose(vectors[found] @ vectors[row], vectors[wanted] @ vectors[row], atol=1e-6)
        assert (rows[row, len(found) :] == -1).all()
        assert (scores[row, len(found) :] == 0).all()
        assert (scores[row, : len(found)] > 0).all()
        np.testing.assert_allclose(scores[row, : len(found)], vectors[found] @ vectors[row], atol=1e-6)


def test_more_artists_than_groups_are_all_looked_at() -> None:
    vectors = units(2500, 3, grid=False)
    rows, scores = nearest(vectors, 50, threads=2)
    for row in (0, 1, 1023, 1024, 2499):
        cosine = vectors @ vectors[row]
        np.testing.assert_allclose(scores[row], cosine[rows[row]], atol=1e-6)
        cosine[row] = -1
        np.testing.assert_allclose(scores[row], np.sort(cosine)[::-1][:50], atol=1e-6)


def test_scores_of_identical_artists_are_one_at_most() -> None:
    """Rounding gave cosines of 1.0000001, which a column of 0 to 1 does not take."""
    vectors = np.repeat(units(1, 5, grid=False), 40, axis=0) * np.float32(1.0000003)
    assert (vectors[0] @ vectors[1]) > 1
    rows, scores = nearest(vectors, 10)
    assert scores.max() <= 1
    np.testing.assert_allclose(scores, 1, atol=1e-6)
    assert rows[0].tolist() == list(range(1, 11))
    assert rows[39].tolist() == list(range(10))


def test_contains_asks_row_by_row() -> None:
    lists = np.array([[1, 2, -1], [0, -1, -1], [-1, -1, -1]], dtype=np.int32)
    asked = np.array([[2, 0], [0, -1], [1, -1]], dtype=np.int32)
    assert contains(lists, asked).tolist() == [[True, False], [True, False], [False, False]]
    nobody = np.full((3, 2), -1, dtype=np.int32)
    assert not contains(nobody, asked).any()
    assert contains(np.zeros((0, 3), np.int32), np.zeros((0, 2), np.int32)).shape == (0, 2)


@pytest.mark.parametrize("cells", [1 << 23, 60])
def test_shared_listeners_are_counted_one_by_one(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(neighbours, "CELLS", cells)
    plays, _ = planted_groups(80, 25, 3, seed=4)
    rows = np.random.default_rng(1).integers(-1, 25, (25, 6)).astype(np.int32)
    found = shared_listeners(plays, rows, threads=2)
    heard = plays.toarray() > 0
    for artist, place in np.ndindex(rows.shape):
        other = rows[artist, place]
        naive = int((heard[:, artist] & heard[:, other]).sum()) if other >= 0 else 0
        assert found[artist, place] == naive


def test_neighbours_are_of_the_planted_group_and_stable() -> None:
    """Groups without a common listener: whoever is drawn, nobody else can be a neighbour."""
    plays, group = planted_groups(300, 60, 4, faithful=1.0)
    _, found = find_neighbours(plays, 14)
    assert (found.rows >= 0).all()
    assert (group[found.rows] == group[:, None]).all()
    np.testing.assert_array_equal(found.stability, 1)


def test_stability_is_a_share_and_low_for_neighbours_by_chance() -> None:
    rng = np.random.default_rng(0)
    plays = sparse.csr_array((rng.random((60, 80)) < 0.1).astype(np.float32))
    _, found = find_neighbours(plays, 5, bootstraps=4)
    assert found.stability.min() >= 0
    assert found.stability.max() <= 1
    assert set(np.unique(found.stability)) <= {0, 0.25, 0.5, 0.75, 1}
    assert found.stability[found.rows >= 0].mean() < 0.7


def test_the_same_plays_give_the_same_neighbours_whatever_the_threads() -> None:
    plays, _ = planted_groups(200, 30, 3)
    (one, first), (two, second) = (find_neighbours(plays, 8, bootstraps=3, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    for name in ("rows", "score", "stability"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_one_and_two_artists() -> None:
    _, alone = find_neighbours(plays_of((0,), (0,), artists=1), 50, bootstraps=2)
    assert alone.rows.tolist() == [[-1] * 50]
    assert not alone.stability.any()
    _, both = find_neighbours(plays_of((0, 1), (0, 1), (0, 1), artists=2), 50, bootstraps=2)
    assert both.rows[:, 0].tolist() == [1, 0]
    assert (both.rows[:, 1:] == -1).all()
    np.testing.assert_allclose(both.score[:, 0], 1, atol=1e-6)


def test_an_artist_without_listeners_is_nobodys_neighbour() -> None:
    _, found = find_neighbours(plays_of((0, 1), (0, 1), (0, 1, 3), (3,), artists=4), 3, bootstraps=2)
    assert found.rows[2].tolist() == [-1, -1, -1]
    assert not (found.rows == 2).any()


def test_progress_tells_of_every_bootstrap() -> None:
    said: list[str] = []
    find_neighbours(plays_of((0, 1), (0, 1), artists=2), 1, bootstraps=3, progress=said.append)
    assert said == [f"neighbours: bootstrap {number} of 3" for number in (1, 2, 3)]
