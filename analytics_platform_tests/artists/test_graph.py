"""The graph holds the links that the formula gives, however it is computed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from analytics_platform.artists import graph as module
from analytics_platform.artists.graph import knn_graph, top_links
from analytics_platform_tests.artists.worlds import planted_groups, plays_of


def by_the_formula(
    plays: sparse.csr_array, weights: NDArray[np.int64] | None = None, least_shared: int = 3
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All scores and all shared listeners, (A, A) each."""
    heard = (plays.toarray() > 0).astype(float)
    weights = np.ones(len(heard), dtype=np.int64) if weights is None else weights
    shared = heard.T @ (heard * weights[:, None])
    sizes = np.maximum(np.diag(shared), 1)
    score = shared / (shared + 10) * shared / np.sqrt(np.outer(sizes, sizes))
    score[shared < least_shared] = 0
    np.fill_diagonal(score, 0)
    return score, shared


@pytest.mark.parametrize("block", [1, 90, 4_000_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_strongest_links_of_the_formula(monkeypatch: pytest.MonkeyPatch, block: int, weighted: bool) -> None:
    monkeypatch.setattr(module, "BLOCK_ENTRIES", block)
    plays, _ = planted_groups(300, 40, 3)
    weights = np.random.default_rng(1).poisson(1, 300) if weighted else None
    score, shared = by_the_formula(plays, weights)
    links = top_links(plays, 7, weights=weights)
    np.testing.assert_allclose(links.score, -np.sort(-score, axis=1)[:, :7], rtol=1e-5)
    rows, columns = np.nonzero(links.neighbours >= 0)
    found = links.neighbours[rows, columns]
    np.testing.assert_allclose(links.score[rows, columns], score[rows, found], rtol=1e-5)
    np.testing.assert_array_equal(links.shared[rows, columns], shared[rows, found])
    assert (links.score[links.neighbours < 0] == 0).all()
    assert (links.shared[links.neighbours < 0] == 0).all()


def test_how_often_somebody_played_does_not_count() -> None:
    plays, _ = planted_groups(200, 30, 2)
    once = plays.copy()
    once.data[:] = 1
    np.testing.assert_array_equal(top_links(plays, 5).neighbours, top_links(once, 5).neighbours)


def test_weights_of_one_change_nothing_and_of_two_are_listeners_twice() -> None:
    plays, _ = planted_groups(150, 25, 2)
    drawn = np.random.default_rng(0).integers(0, 150, 150)
    weights = np.bincount(drawn, minlength=150)
    one, other = top_links(plays, 6, weights=weights), top_links(plays[drawn], 6)
    np.testing.assert_array_equal(one.neighbours, other.neighbours)
    np.testing.assert_array_equal(one.shared, other.shared)
    np.testing.assert_array_equal(
        top_links(plays, 6, weights=np.ones(150, dtype=int)).neighbours, top_links(plays, 6).neighbours
    )


def test_two_shared_listeners_are_no_link() -> None:
    two, three = plays_of(*[(0, 1)] * 2, artists=2), plays_of(*[(0, 1)] * 3, artists=2)
    assert (top_links(two, 5).neighbours == -1).all()
    np.testing.assert_array_equal(top_links(two, 1, least_shared=2).neighbours, [[1], [0]])
    links = top_links(three, 5)
    np.testing.assert_array_equal(links.neighbours, [[1, -1, -1, -1, -1], [0, -1, -1, -1, -1]])
    np.testing.assert_allclose(links.score[:, 0], 3 / 13)


def test_identical_artists_are_each_others_strongest_and_ties_go_to_the_lower_row() -> None:
    plays = plays_of(*[(0, 1, 2, 3)] * 5, *[(3,)] * 5, artists=4)
    np.testing.assert_array_equal(top_links(plays, 2).neighbours, [[1, 2], [0, 2], [0, 1], [0, 1]])


def test_the_order_of_artists_does_not_matter() -> None:
    plays, _ = planted_groups(400, 50, 3, seed=4)
    order = np.random.default_rng(0).permutation(50)
    straight, mixed = top_links(plays, 7), top_links(plays[:, order].tocsr(), 7)
    np.testing.assert_array_equal(mixed.score, straight.score[order])
    clear = (np.diff(mixed.score, axis=1) < 0).all(axis=1)
    assert clear.sum() > 20
    np.testing.assert_array_equal(order[mixed.neighbours[clear, :6]], straight.neighbours[order][clear, :6])


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (5, 5), (1, 1)])
def test_nothing_played_is_no_links(shape: tuple[int, int]) -> None:
    links = top_links(sparse.csr_array(shape, dtype=np.float32), 4)
    assert links.neighbours.shape == (shape[1], 4)
    assert (links.neighbours == -1).all()
    assert knn_graph(links).shape == (shape[1], shape[1])


def test_the_graph_has_a_link_that_either_artist_names() -> None:
    plays, _ = planted_groups(400, 50, 3)
    score, _ = by_the_formula(plays)
    links = top_links(plays, 20)
    graph = knn_graph(links, 4).toarray()
    named = np.zeros((50, 50), dtype=bool)
    for artist, row in enumerate(links.neighbours[:, :4]):
        named[artist, row[row >= 0]] = True
    np.testing.assert_allclose(graph, np.where(named | named.T, score, 0), rtol=1e-5)
    np.testing.assert_array_equal(graph, graph.T)
