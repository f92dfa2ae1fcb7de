"""No group is on both sides of a split, and who leaks is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics_platform.modelling.splits import Split, find_groups, make_folds, time_split

ID = st.one_of(st.none(), st.integers(-1, 8).map(lambda number: "" if number < 0 else f"id {number}"))
ROWS = st.lists(st.tuples(ID, ID, ID), max_size=25)


def by_spreading(rows: list[tuple[str | None, str | None, str | None]]) -> list[int]:
    """Groups by the definition: relabel rows that share an id until nothing changes. The first two are artists."""
    labels = list(range(len(rows)))
    shared = [
        ({"artist " + a for a in (one, two) if a} | {"recording " + r for r in (song,) if r}) for one, two, song in rows
    ]
    changed = True
    while changed:
        changed = False
        for i in range(len(rows)):
            for j in range(i):
                if shared[i] & shared[j] and labels[i] != labels[j]:
                    labels[i] = labels[j] = min(labels[i], labels[j])
                    changed = True
    order = sorted(set(labels), key=labels.index)
    return [order.index(label) for label in labels]


@given(ROWS)
def test_rows_that_share_an_id_through_any_chain_are_one_group(
    rows: list[tuple[str | None, str | None, str | None]],
) -> None:
    artists = np.array([row[:2] for row in rows], dtype=object).reshape(len(rows), 2)
    recordings = np.array([row[2] for row in rows], dtype=object)
    assert find_groups(artists, recordings).tolist() == by_spreading(rows)


@pytest.mark.parametrize(
    "ids",
    [
        np.array([4, -1, 4, -1]),
        np.array([4.0, np.nan, 4.0, np.nan]),
        np.array(["a", "", "a", ""]),
        np.array(["a", None, "a", np.nan], dtype=object),
        np.array([7, None, 7, -1], dtype=object),
    ],
)
def test_a_missing_id_joins_nothing(ids: NDArray[np.generic]) -> None:
    assert find_groups(ids).tolist() == [0, 1, 0, 2]


def test_an_artist_and_a_recording_of_the_same_number_are_not_the_same() -> None:
    assert find_groups(np.array([1, 2]), np.array([2, 1])).tolist() == [0, 1]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        find_groups(np.arange(2), np.arange(3))


GROUPS = st.lists(st.integers(0, 30), min_size=5, max_size=120).map(np.array).filter(lambda g: len(np.unique(g)) >= 5)


@given(GROUPS, st.integers(3, 5), st.integers(0, 3), st.sampled_from(["groups", "rows"]))
def test_every_row_is_tested_once_and_chosen_by_once(groups: NDArray[np.int64], folds: int, seed: int, by: str) -> None:
    splits = make_folds(groups, folds, seed=seed, by=by)
    every = np.arange(len(groups))
    np.testing.assert_array_equal(np.sort(np.concatenate([split.test for split in splits])), every)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.validation for split in splits])), every)
    for split in splits:
        np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.validation, split.test])), every)
    sizes = [len(split.test) for split in splits]
    largest = int(np.unique(groups, return_counts=True)[1].max()) if by == "groups" else 1
    assert max(sizes) - min(sizes) <= largest
    assert min(sizes) > 0


@given(GROUPS, st.integers(3, 5), st.integers(0, 3))
def test_no_group_is_on_two_sides(groups: NDArray[np.int64], folds: int, seed: int) -> None:
    for split in make_folds(groups, folds, seed=seed):
        parts = [set(groups[part].tolist()) for part in (split.train, split.validation, split.test)]
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert split.known == 0


def parts_of(splits: list[Split]) -> list[list[int]]:
    return [part.tolist() for split in splits for part in (split.train, split.validation, split.test)]


def test_the_same_seed_gives_the_same_folds_and_another_gives_others() -> None:
    groups = np.random.default_rng(0).integers(0, 40, 200)
    for by in ("groups", "rows"):
        assert parts_of(make_folds(groups, seed=3, by=by)) == parts_of(make_folds(groups, seed=3, by=by))
        assert parts_of(make_folds(groups, seed=3, by=by)) != parts_of(make_folds(groups, seed=4, by=by))


def test_the_numbers_of_the_groups_do_not_matter_only_who_is_together() -> None:
    groups = np.array([3, 3, 900, 900, 900, -5, 7, 7, 8, 9])
    same = np.unique(groups, return_inverse=True)[1]
    assert parts_of(make_folds(groups, 3)) == parts_of(make_folds(same, 3))


def test_the_row_split_says_how_many_of_its_test_rows_have_a_known_group() -> None:
    """40 artists with 5 rows each: nearly all of a row split's test rows have a sister among the others."""
    groups = np.arange(40).repeat(5)
    for split in make_folds(groups, by="rows"):
        others = set(groups[np.concatenate([split.train, split.validation])].tolist())
        assert split.known == sum(group in others for group in groups[split.test].tolist())
        assert split.known > 0.9 * len(split.test)


@pytest.mark.parametrize(("groups", "folds"), [([], 3), ([1, 1, 1, 1], 3), ([1, 2, 3], 2)])
def test_too_few_groups_or_folds_are_refused(groups: list[int], folds: int) -> None:
    with pytest.raises(ValueError, match="folds"):
        make_folds(np.array(groups, dtype=np.int64), folds)


DAYS = np.datetime64("2025-01-01") + np.arange(100)


@given(st.integers(0, 5), st.integers(20, 80), st.booleans())
def test_the_past_is_trained_on_and_the_future_is_tested(seed: int, at: int, unknown_only: bool) -> None:
    rng = np.random.default_rng(seed)
    released = rng.choice(DAYS, 300)
    groups = rng.integers(0, 250, 300)
    day = DAYS[at]
    split = time_split(released, day, groups, unknown_only=unknown_only)
    assert released[split.train].max() < released[split.validation].min()
    assert released[split.validation].max() < day <= released[split.test].min()
    earlier = set(groups[released < day].tolist())
    late = np.flatnonzero(released >= day)
    known = [row for row in late.tolist() if groups[row] in earlier]
    assert split.known == len(known)
    assert len(known) > 0
    assert split.test.tolist() == [row for row in late.tolist() if not (unknown_only and row in known)]
    if unknown_only:
        assert not set(groups[split.validation].tolist()) & set(groups[split.train].tolist())
    else:
        assert len(split.train) + len(split.validation) + len(split.test) == 300


def test_the_validation_part_is_the_latest_fifth_of_the_past() -> None:
    split = time_split(DAYS, DAYS[50], np.arange(100))
    assert (len(split.train), len(split.validation), len(split.test)) == (40, 10, 50)


def test_rows_without_a_date_and_empty_parts_are_refused() -> None:
    groups = np.arange(100)
    with pytest.raises(ValueError, match="2 rows have no date"):
        time_split(np.append(DAYS, [np.datetime64("NaT")] * 2), DAYS[50], np.arange(102))
    with pytest.raises(ValueError, match="before 2025-01-01"):
        time_split(DAYS, DAYS[0], groups)
    with pytest.raises(ValueError, match="test part"):
        time_split(DAYS, DAYS[-1] + 1, groups)
    with pytest.raises(ValueError, match="training part"):
        time_split(np.full(100, DAYS[0]), DAYS[1], groups)
