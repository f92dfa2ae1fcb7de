"""Clusters are the planted groups, come in a steady order, and say how sure they are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from analytics_platform.artists import clusters as module
from analytics_platform.artists.clusters import (
    Clusters,
    find_clusters,
    matched,
    modularity,
    overlap,
    partition,
    same_cluster,
)
from analytics_platform.artists.graph import knn_graph, top_links
from analytics_platform_tests.artists.worlds import planted_groups, plays_of


def clusters_of(plays: sparse.csr_array) -> dict[str, Clusters]:
    return find_clusters(plays, top_links(plays, 15))


def from_edges(artists: int, edges: dict[tuple[int, int], float]) -> sparse.csr_array:
    dense = np.zeros((artists, artists))
    for (one, other), weight in edges.items():
        dense[one, other] = dense[other, one] = weight
    return sparse.csr_array(dense)


@pytest.fixture(scope="module")
def found() -> tuple[dict[str, Clusters], np.ndarray]:
    plays, group = planted_groups(1_200, 120, 4)
    return clusters_of(plays), group


def test_planted_groups_are_found(found: tuple[dict[str, Clusters], np.ndarray]) -> None:
    clusters, group = found
    broad = clusters["broad"]
    inside = broad.label >= 0
    assert inside.mean() > 0.9
    assert adjusted_rand_score(group[inside], broad.label[inside]) > 0.9
    assert broad.modularity > 0.5
    assert clusters["fine"].label.max() >= broad.label.max()
    assert np.nanmean(broad.membership) > 0.9


def test_labels_go_by_size(found: tuple[dict[str, Clusters], np.ndarray]) -> None:
    for clusters in found[0].values():
        size = np.bincount(clusters.label[clusters.label >= 0])
        assert (np.diff(size) <= 0).all()
        assert size.min() >= module.LEAST_ARTISTS


def test_an_artist_between_two_groups_has_little_membership() -> None:
    # Twelve artists in two groups; the last one is heard by both alike.
    rng = np.random.default_rng(0)
    heard = [(*rng.choice(6, 4, replace=False), 12) for _ in range(60)]
    heard += [(*rng.choice(np.arange(6, 12), 4, replace=False), 12) for _ in range(60)]
    broad = clusters_of(plays_of(*heard, artists=13))["broad"]
    assert broad.membership[12] < broad.membership[:12].min()
    assert broad.between_groups[12]
    assert not broad.between_groups[:12].any()


def test_the_same_input_gives_the_same_output() -> None:
    plays, _ = planted_groups(500, 60, 3, faithful=0.6)
    one, other = clusters_of(plays), clusters_of(plays)
    for name in one:
        np.testing.assert_array_equal(one[name].label, other[name].label)
        np.testing.assert_array_equal(one[name].membership, other[name].membership)


def test_the_order_of_artists_changes_nothing_where_no_scores_are_equal() -> None:
    rng = np.random.default_rng(0)
    dense = np.triu(rng.random((60, 60)) * (rng.random((60, 60)) < 0.2), 1)
    graph = sparse.csr_array(dense + dense.T)
    order = rng.permutation(60)
    one, other = partition(graph, 1.0)[order], partition(graph[order][:, order].tocsr(), 1.0)
    assert adjusted_rand_score(one, other) == 1


def test_a_start_is_kept_where_it_is_as_good_and_left_where_it_is_not() -> None:
    plays, group = planted_groups(1_000, 90, 3, faithful=0.5)
    graph = knn_graph(top_links(plays, 15))
    fresh = [partition(graph, 2.0, seed=seed) for seed in range(5)]
    again = [partition(graph, 2.0, start=fresh[0], seed=seed) for seed in range(1, 5)]
    assert min(adjusted_rand_score(fresh[0], label) for label in again) >= min(
        adjusted_rand_score(fresh[0], label) for label in fresh[1:]
    )
    bad = np.random.default_rng(0).integers(0, 2, 90)
    clear, _ = planted_groups(1_000, 90, 3, faithful=0.95)
    label = partition(knn_graph(top_links(clear, 15)), 1.0, start=bad)
    inside = label >= 0
    assert adjusted_rand_score(group[inside], label[inside]) > 0.9


def test_a_start_may_know_nothing_of_some_artists() -> None:
    plays, _ = planted_groups(600, 60, 3)
    graph = knn_graph(top_links(plays, 15))
    label = partition(graph, 1.0)
    start = np.where(np.arange(60) % 5 == 0, -1, label)
    assert adjusted_rand_score(partition(graph, 1.0, start=start), label) > 0.95
    assert adjusted_rand_score(partition(graph, 1.0, start=np.full(60, -1)), label) > 0.9


def test_modularity_of_a_worked_example() -> None:
    # Two pairs and a link between them, all of weight 1: 4 of 6 ends inside, degrees 3 and 3 of 6.
    graph = from_edges(4, {(0, 1): 1, (2, 3): 1, (1, 2): 1})
    assert modularity(graph, np.array([0, 0, 1, 1])) == pytest.approx(4 / 6 - 0.5)
    assert modularity(graph, np.array([0, 0, 0, 0])) == pytest.approx(0)
    assert modularity(graph, np.full(4, -1)) == pytest.approx(-(1 + 4 + 4 + 1) / 36)
    assert modularity(sparse.csr_array((4, 4)), np.full(4, -1)) == 0


def test_matching_pairs_the_clusters_that_share_most() -> None:
    one, other = np.array([0, 0, 0, 1, 1, -1, 2]), np.array([1, 1, 0, 0, 0, 0, -1])
    np.testing.assert_array_equal(overlap(one, other), [[1, 2], [2, 0], [0, 0]])
    np.testing.assert_array_equal(matched(one, other), [1, 0, -1])
    np.testing.assert_array_equal(same_cluster(one, other), [True, True, False, True, True, False, False])
    assert not same_cluster(np.full(3, -1), np.zeros(3, dtype=int)).any()


def test_three_alike_are_a_cluster_and_two_are_none() -> None:
    three = clusters_of(plays_of(*[(0, 1, 2)] * 20, *[(3, 4)] * 20, (5,), artists=6))["broad"]
    np.testing.assert_array_equal(three.label, [0, 0, 0, -1, -1, -1])
    np.testing.assert_array_equal(three.membership[:3], 1)
    assert np.isnan(three.membership[3:]).all()
    assert list(three.reason) == ["", "", "", module.TOO_FEW, module.TOO_FEW, module.NO_LINKS]
    assert not three.between_groups.any()


def test_identical_artists_are_one_cluster() -> None:
    broad = clusters_of(plays_of(*[tuple(range(8))] * 30, artists=8))["broad"]
    np.testing.assert_array_equal(broad.label, 0)


def test_two_artists_in_all_are_in_no_cluster() -> None:
    for clusters in clusters_of(plays_of(*[(0, 1)] * 20, artists=2)).values():
        np.testing.assert_array_equal(clusters.label, -1)
        assert set(clusters.reason) == {module.TOO_FEW}


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (5, 5), (1, 1)])
def test_nothing_played_is_no_clusters(shape: tuple[int, int]) -> None:
    for clusters in clusters_of(sparse.csr_array(shape, dtype=np.float32)).values():
        assert clusters.label.shape == (shape[1],)
        assert (clusters.label == -1).all()
        assert (clusters.reason == module.NO_LINKS).all()
        assert clusters.modularity == 0


def test_progress_is_told() -> None:
    told: list[str] = []
    plays = plays_of(*[(0, 1, 2)] * 20, artists=3)
    find_clusters(plays, top_links(plays, 15), progress=told.append)
    assert told[0] == "broad clusters"
    assert told[-1] == "bootstrap 10 of 10"
