"""Who is trained on, who is chosen by and who is tested on: by group, by time, and by row to see what that flatters.

Rows of one group are alike for reasons that a new row will not share: the same artist, the same recording. A model that
has seen some of them knows the others, and a score on those says nothing about an unknown artist. Choose models on
``validation``; look at ``test`` once.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

FOLDS = 5
VALIDATION_SHARE = 0.2
"""Of the rows before the day of a time split: the latest."""


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of the three parts, rising; no row is in two of them."""

    name: str
    """groups, rows or time."""
    fold: int
    train: IntArray
    validation: IntArray
    test: IntArray
    known: int
    """Rows to be tested of which training or validation holds another row of the group: 0 by groups. In a time split
    without ``unknown_only``, and by rows, they are in ``test``."""


def find_groups(*columns: NDArray[Any]) -> IntArray:
    """The group of each row (n,): rows that share an id, directly or through other rows, are in one group.

    Groups are numbered 0, 1 … by their first row. One id that many rows share ("Various Artists") makes one group of
    them all: treat it as missing.

    Args:
        columns: ids, (n,) or, where a row has several of a kind (all artists of a track), (n, k). Ids of different
            columns never match. Missing are None, NaN, "" and negative numbers; a row without any id is its own group.

    Raises:
        ValueError: the columns differ in length.
    """
    from scipy import sparse

    lengths = {len(column) for column in columns}
    if len(lengths) != 1:
        raise ValueError(f"columns of ids have {sorted(lengths)} rows")
    rows = lengths.pop()
    ends: list[IntArray] = []
    starts: list[IntArray] = []
    nodes = rows
    for column in columns:
        owners = np.arange(rows).repeat(column.size // max(rows, 1))
        ids = column.reshape(-1)
        there = _present(ids)
        names, codes = np.unique(ids[there], return_inverse=True)
        starts.append(owners[there])
        ends.append(codes.reshape(-1) + nodes)
        nodes += len(names)
    start, end = np.concatenate(starts), np.concatenate(ends)
    graph = sparse.coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(nodes, nodes))
    _, labels = sparse.csgraph.connected_components(graph, directed=False)
    # scipy promises no order of its labels.
    _, first, groups = np.unique(labels[:rows], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[groups.reshape(-1)].astype(np.int64)


def _present(ids: NDArray[Any]) -> NDArray[np.bool_]:
    if ids.dtype.kind == "O":
        return np.array([_is_id(value) for value in ids.tolist()], dtype=np.bool_)
    return ids != "" if ids.dtype.kind == "U" else ids >= 0


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return value != ""
    return isinstance(value, (int, float)) and value >= 0


def make_folds(
    groups: IntArray, folds: int = FOLDS, *, seed: int = 0, by: Literal["groups", "rows"] = "groups"
) -> list[Split]:
    """Every row is in the test part of one fold, in the validation part of another, and else trained on.

    Folds differ by no more rows than the largest group has. ``by="rows"`` takes no notice of groups, as most published
    scores do: what it reports beyond ``by="groups"`` is recognition of the group.

    Args:
        groups: (n,) the group of each row.
        folds: test and validation are 1/folds of the rows each; 3 or more.
        seed: of the draw.
        by: what is kept together.

    Raises:
        ValueError: fewer groups than folds, or fewer folds than 3.
    """
    units = np.unique(groups, return_inverse=True)[1].reshape(-1) if by == "groups" else np.arange(len(groups))
    count = int(units.max()) + 1 if len(units) else 0
    if folds < 3 or count < folds:
        raise ValueError(f"{folds} folds of {count} {by}: at least 3 folds, and a group for each")
    fold_of = _deal(np.bincount(units), folds, np.random.default_rng(seed))[units]
    splits: list[Split] = []
    for fold in range(folds):
        tested, chosen = fold_of == fold, fold_of == (fold + 1) % folds
        train, validation, test = (np.flatnonzero(part) for part in (~tested & ~chosen, chosen, tested))
        known = int(np.isin(groups[test], groups[~tested]).sum())
        splits.append(Split(by, fold, train, validation, test, known))
    return splits


def _deal(sizes: NDArray[np.integer], folds: int, rng: np.random.Generator) -> IntArray:
    """The fold (G,) of each group: the largest first, each to the fold that has the fewest rows."""
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.empty(len(sizes), dtype=np.int64)
    heap = [(0, int(fold)) for fold in rng.permutation(folds)]
    heapq.heapify(heap)
    for group in order.tolist():
        rows, fold = heap[0]
        fold_of[group] = fold
        heapq.heapreplace(heap, (rows + int(sizes[group]), fold))
    return fold_of


def time_split(
    released: NDArray[np.datetime64], day: np.datetime64, groups: IntArray, *, unknown_only: bool = False
) -> Split:
    """Train on what came out before a day, test on what came out on it or later.

    The latest fifth of the rows before the day is ``validation``; rows of one date are never on both sides.

    Args:
        released: (n,) dates.
        day: the first date of the test part.
        groups: (n,) the group of each row.
        unknown_only: leave out of ``test`` the rows of groups that training or validation knows, and of ``validation``
            those that training knows: new artists only. ``known`` says how many the test part has lost.

    Raises:
        ValueError: a row without a date, or a part without rows.
    """
    if np.isnat(released).any():
        raise ValueError(f"{int(np.isnat(released).sum())} rows have no date: leave them out, or split by groups")
    before = released < day
    if not before.any():
        raise ValueError(f"no row is from before {day}")
    past = np.sort(released[before])
    turn = past[int(len(past) * (1 - VALIDATION_SHARE))]
    train, validation, test = released < turn, before & (released >= turn), ~before
    known = test & np.isin(groups, groups[before])
    if unknown_only:
        test &= ~known
        validation &= ~np.isin(groups, groups[train])
    for name, part in (("training", train), ("validation", validation), ("test", test)):
        if not part.any():
            raise ValueError(f"the {name} part of the split at {day} has no rows; validation begins on {turn}")
    return Split("time", 0, np.flatnonzero(train), np.flatnonzero(validation), np.flatnonzero(test), int(known.sum()))
