"""Ids of clusters stay where the clusters stay, and are never given twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.artists.identity import Identities, keep_ids

partitions = st.lists(st.integers(-1, 4), min_size=1, max_size=25)


def named(count: int) -> list[str]:
    return [f"artist {number}" for number in range(count)]


def ids_of(found: Identities, artists: list[str]) -> dict[str, int]:
    return dict(zip(artists, found.cluster_id.tolist(), strict=True))


def run(labels: list[int], previous: dict[str, int] | None = None, next_id: int = 1) -> Identities:
    return keep_ids(named(len(labels)), np.array(labels), previous or {}, next_id)


def test_the_first_run_numbers_clusters_by_size() -> None:
    found = run([7, 7, 3, 3, 3, -1])
    np.testing.assert_array_equal(found.cluster_id, [2, 2, 1, 1, 1, 0])
    assert [(change.cluster_id, change.status, change.artists) for change in found.changes] == [
        (1, "first", 3),
        (2, "first", 2),
    ]
    assert found.churn is None
    assert found.next_id == 3


def test_a_split_keeps_the_id_of_the_larger_part_and_names_the_parent_of_the_other() -> None:
    before = dict.fromkeys(named(10), 4)
    found = run([0] * 7 + [1] * 3, before, next_id=9)
    np.testing.assert_array_equal(found.cluster_id, [4] * 7 + [9] * 3)
    kept, new = found.changes
    assert (kept.status, kept.jaccard) == ("kept", 0.7)
    assert (new.status, new.parent) == ("new", 4)
    assert found.churn == pytest.approx(0.3)


def test_a_merger_keeps_at_most_one_id_and_the_other_is_gone() -> None:
    before = dict(zip(named(10), [1] * 6 + [2] * 4, strict=True))
    found = run([0] * 10, before, next_id=3)
    assert [(change.cluster_id, change.status) for change in found.changes] == [(1, "kept"), (2, "gone")]


def test_who_left_all_clusters_has_moved() -> None:
    found = run([0] * 6 + [-1] * 2, dict.fromkeys(named(8), 1), next_id=2)
    np.testing.assert_array_equal(found.cluster_id, [1] * 6 + [0] * 2)
    assert found.churn == pytest.approx(2 / 8)


def test_artists_of_one_run_only_do_not_count_for_likeness() -> None:
    before = {"gone 1": 1, "gone 2": 1, "gone 3": 1, "artist 0": 1, "artist 1": 1, "artist 2": 2}
    found = run([0, 0, 1, 0, 0, 0, 0], before, next_id=3)
    np.testing.assert_array_equal(found.cluster_id, [1, 1, 2, 1, 1, 1, 1])
    assert found.churn == 0


def test_two_weak_pairs_do_not_prevent_a_good_one() -> None:
    # Cluster 0 is .5 like 1 and .4 like 2; cluster 1 is .4 like 1: the two weak pairs sum to more than .5.
    before = dict(zip(named(20), [1] * 10 + [2] * 6 + [3] * 4, strict=True))
    found = run([0] * 6 + [1] * 4 + [0] * 2 + [2] * 8, before, next_id=4)
    assert found.cluster_id[0] == 1


def test_a_cluster_of_artists_that_were_in_none_has_no_parent() -> None:
    found = run([0, 0, 0], dict.fromkeys(named(3), 0), next_id=5)
    assert (found.changes[0].status, found.changes[0].parent, found.churn) == ("new", None, 1.0)


def test_an_id_that_was_used_is_refused() -> None:
    with pytest.raises(ValueError, match="used already"):
        run([0, 0], {"artist 0": 3}, next_id=3)


@given(partitions, partitions, st.permutations(range(5)), st.randoms())
def test_other_labels_or_another_order_give_the_same_ids(
    old: list[int], new: list[int], names: list[int], random: object
) -> None:
    first = run(old)
    before = ids_of(first, named(len(old)))
    found = run(new, before, first.next_id)
    renamed = run([names[label] if label >= 0 else -1 for label in new], before, first.next_id)
    np.testing.assert_array_equal(found.cluster_id, renamed.cluster_id)
    assert found.changes == renamed.changes
    order = list(range(len(new)))
    random.shuffle(order)  # pyright: ignore
    mixed = keep_ids(
        [named(len(new))[place] for place in order], np.array([new[place] for place in order]), before, first.next_id
    )
    np.testing.assert_array_equal(mixed.cluster_id, found.cluster_id[order])


@given(partitions)
def test_the_same_partition_keeps_every_id(labels: list[int]) -> None:
    first = run(labels)
    again = run(labels, ids_of(first, named(len(labels))), first.next_id)
    np.testing.assert_array_equal(again.cluster_id, first.cluster_id)
    assert {change.status for change in again.changes} <= ({"kept"} if any(i >= 0 for i in labels) else {"gone"})
    assert again.churn == 0
    assert again.next_id == first.next_id


@given(st.lists(partitions, min_size=2, max_size=6))
def test_ids_are_never_given_twice(runs: list[list[int]]) -> None:
    previous: dict[str, int] = {}
    next_id, ever = 1, set[int]()
    for labels in runs:
        found = run(labels, previous, next_id)
        now = [change.cluster_id for change in found.changes if change.status != "gone"]
        assert len(now) == len(set(now))
        for change in found.changes:
            if change.status in ("new", "first"):
                assert change.cluster_id not in ever
                assert change.cluster_id >= next_id
            else:
                assert change.cluster_id in previous.values()
        ever |= set(now)
        # Who is together has one id, who is apart has two.
        together = np.equal.outer(np.array(labels), np.array(labels))[
            np.ix_(np.array(labels) >= 0, np.array(labels) >= 0)
        ]
        ids = found.cluster_id[np.array(labels) >= 0]
        np.testing.assert_array_equal(np.equal.outer(ids, ids), together)
        previous, next_id = ids_of(found, named(len(labels))), found.next_id
    assert next_id > max(ever, default=0)


@given(partitions, partitions)
def test_every_previous_cluster_is_kept_once_or_gone(old: list[int], new: list[int]) -> None:
    first = run(old)
    found = run(new, ids_of(first, named(len(old))), first.next_id)
    known = [change.cluster_id for change in found.changes if change.status in ("kept", "gone")]
    assert sorted(known) == sorted({change.cluster_id for change in first.changes})
    assert found.churn is None or 0 <= found.churn <= 1
