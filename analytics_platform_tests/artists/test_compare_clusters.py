"""The comparison ranks a partition that tells something above those that do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from analytics_platform.artists import compare_clusters as module
from analytics_platform.artists import document_clusters as document
from analytics_platform.artists.compare_clusters import compare_clusters, list_overlap
from analytics_platform.artists.document_clusters import document_clusters
from analytics_platform.artists.graph import top_links
from analytics_platform.modelling.evaluation import Score
from analytics_platform_tests.artists.worlds import planted_groups, plays_of


@pytest.fixture(scope="module")
def scores() -> dict[tuple[str, str], Score]:
    plays, _ = planted_groups(800, 80, 4)
    return {(score.model, score.metric): score for score in compare_clusters(plays, resamples=3)}


def test_planted_groups_come_again(scores: dict[tuple[str, str], Score]) -> None:
    assert {model for model, _ in scores} == {
        "leiden_broad", "leiden_fine", "document_clusters", "popularity_deciles",
    }  # fmt: skip
    assert scores["leiden_broad", "ari_bootstrap"].value > 0.8
    assert scores["leiden_broad", "artists_kept_in_bootstrap"].value > 0.8
    assert scores["leiden_broad", "ari_halves"].value > 0.8
    assert all(score.low <= score.value <= score.high for score in scores.values())
    assert {model for (model, _), score in scores.items() if score.is_baseline} == {
        "document_clusters", "popularity_deciles",
    }  # fmt: skip


def test_a_partition_by_size_tells_nothing_of_unseen_listeners(scores: dict[tuple[str, str], Score]) -> None:
    assert scores["popularity_deciles", "modularity_of_unseen"].value < 0.1
    assert scores["leiden_broad", "modularity_of_unseen"].value > 0.4


def test_many_listeners_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTENERS", 300)
    seen: list[int] = []
    monkeypatch.setattr(module, "repeats", lambda plays, *_, **__: seen.append(plays.shape[0]) or {})
    assert compare_clusters(planted_groups(400, 20, 2)[0]) == []
    assert seen == [300, 300]


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (5, 0)])
def test_nothing_to_compare_is_said(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        compare_clusters(sparse.csr_array(shape, dtype=np.float32))


def test_artists_without_links_score_nothing() -> None:
    plays = sparse.csr_array(np.eye(20, 12, dtype=np.float32))
    scores = {(score.model, score.metric): score.value for score in compare_clusters(plays, resamples=2)}
    assert scores["leiden_broad", "ari_bootstrap"] == 0


def test_the_documents_clusters_find_planted_groups() -> None:
    plays, group = planted_groups(1_500, 150, 4, faithful=0.9)
    label = document_clusters(plays)
    assert label.min() >= 0
    assert adjusted_rand_score(group, label) > 0.3
    np.testing.assert_array_equal(label, document_clusters(plays))


def test_the_documents_clusters_take_the_most_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_ARTISTS", 40)
    plays, _ = planted_groups(500, 60, 3)
    label = document_clusters(plays)
    heard = np.bincount(plays.indices, minlength=60)
    assert (label >= 0).sum() == 40
    assert heard[label >= 0].min() >= heard[label < 0].max()


def test_the_documents_clusters_of_too_little_are_none() -> None:
    once = sparse.csr_array(np.ones((20, 12), dtype=np.float32))
    for plays in (plays_of(*[(0, 1)] * 20, artists=9), plays_of((0, 1), artists=12), once, sparse.csr_array((0, 0))):
        assert (document_clusters(plays) == -1).all()


def test_overlap_of_lists() -> None:
    three = top_links(plays_of(*[(0, 1, 2)] * 5, artists=4), 5)
    two = top_links(plays_of(*[(0, 1)] * 5, artists=4), 5)
    assert list_overlap(three, three) == 1
    assert list_overlap(three, two) == 0.5
    assert list_overlap(three, top_links(sparse.csr_array((2, 4)), 5)) == 0


def test_the_documents_neighbours_are_the_nearest_of_the_own_cluster() -> None:
    rng = np.random.default_rng(3)
    kinds = np.repeat([0, 1, 2], 20)
    heard = rng.random((600, 60)) < np.where(np.arange(600)[:, None] % 3 == kinds, 0.4, 0.02)
    plays = sparse.csr_array((heard * rng.integers(2, 30, heard.shape)).astype(np.float32))
    rows, similarity = document.document_neighbours(plays, 5)
    label = document_clusters(plays)
    there = rows >= 0
    assert there.mean() > 0.9
    assert (label[rows] == label[:, None])[there].all()
    assert not (rows == np.arange(60)[:, None]).any()
    assert (kinds[rows] == kinds[:, None])[there].mean() > 0.9
    assert ((similarity >= 0) & (similarity <= 1)).all()
    assert (np.diff(similarity, axis=1) <= 1e-12).all()
    alone, nothing = document.document_neighbours(plays[:, :4], 5)
    assert (alone == -1).all()
    assert (nothing == 0).all()
