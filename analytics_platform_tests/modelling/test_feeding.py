"""Every row comes once an epoch, in an order that a resume repeats, and the thread ends."""

from __future__ import annotations

import threading
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics_platform.modelling.feeding import AHEAD, Arrays, Loader, Part


def numbered(rows: NDArray[np.int64], rng: np.random.Generator) -> Arrays:
    return {"row": rows.copy(), "chance": rng.random(len(rows))}


def loader(rows: NDArray[np.int64], size: int, epochs: range, *, seed: int = 0, shuffle: bool = True) -> Loader:
    return Loader(Part(rows, numbered), size, "cpu", seed=seed, shuffle=shuffle, epochs=epochs)


def run(feed: Loader, epochs: int) -> list[list[tuple[list[int], list[float]]]]:
    with feed:
        return [[(batch["row"].tolist(), batch["chance"].tolist()) for batch in feed.epoch()] for _ in range(epochs)]


@given(st.integers(1, 60), st.integers(1, 70), st.booleans())
def test_every_row_comes_once_an_epoch_in_batches_of_the_size(rows: int, size: int, shuffle: bool) -> None:
    numbers = np.arange(rows) * 10
    for epoch in run(loader(numbers, size, range(1, 3), shuffle=shuffle), 2):
        batches = [batch for batch, _ in epoch]
        came = list(chain.from_iterable(batches))
        assert sorted(came) == numbers.tolist()
        if not shuffle:
            assert came == numbers.tolist()
        sizes = [len(batch) for batch in batches]
        assert all(found == size for found in sizes[:-1])
        # A batch of one cannot be normalised: it joins the one before.
        assert sizes[-1] <= size + 1
        if size > 1 and len(sizes) > 1:
            assert sizes[-1] > 1


def test_a_loader_that_begins_later_goes_on_as_the_first_would_have() -> None:
    rows = np.arange(50)
    whole = run(loader(rows, 8, range(1, 6)), 5)
    assert run(loader(rows, 8, range(4, 6)), 2) == whole[3:]
    assert len({tuple(row for batch, _ in epoch for row in batch) for epoch in whole}) == 5
    chances = [value for epoch in whole for _, batch in epoch for value in batch]
    assert len(set(chances)) == len(chances)
    assert run(loader(rows, 8, range(1, 2), seed=1), 1) != whole[:1]


def test_without_shuffling_every_epoch_is_the_same_also_by_chance() -> None:
    first, second, third = run(loader(np.arange(20), 6, range(2, 5), shuffle=False), 3)
    assert first == second == third


def test_tensors_come_as_they_are_and_arrays_that_are_read_only_or_reversed_too() -> None:
    fixed = np.arange(12.0).reshape(6, 2)
    fixed.flags.writeable = False

    def make(rows: NDArray[np.int64], rng: np.random.Generator) -> Arrays:
        return {"tensor": torch.arange(3), "fixed": fixed, "reversed": rows[::-1], "half": np.zeros(2, np.float16)}

    with Loader(Part(np.arange(3), make), 3, "cpu", seed=0, shuffle=False, epochs=range(1)) as feed:
        (batch,) = feed.epoch()
    assert batch["tensor"].tolist() == [0, 1, 2]
    assert batch["fixed"].tolist() == fixed.tolist()
    assert batch["reversed"].tolist() == [2, 1, 0]
    assert batch["half"].dtype == torch.float16


def batch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_an_error_in_a_batch_comes_out_where_it_is_used_and_ends_the_thread() -> None:
    def make(rows: NDArray[np.int64], rng: np.random.Generator) -> Arrays:
        if 5 in rows:
            raise OSError("the shard is gone")
        return numbered(rows, rng)

    part = Part(np.arange(8), make)
    used = 0
    with (
        pytest.raises(OSError, match="the shard is gone"),
        Loader(part, 2, "cpu", seed=0, shuffle=False, epochs=range(1)) as feed,
    ):
        for _ in feed.epoch():
            used += 1
    assert used == 2
    assert not batch_threads()


def test_only_so_many_batches_are_made_ahead_and_none_after_the_end() -> None:
    made: list[int] = []
    far = threading.Event()

    def make(rows: NDArray[np.int64], rng: np.random.Generator) -> Arrays:
        made.append(len(rows))
        if len(made) == 3 + AHEAD:
            far.set()
        return numbered(rows, rng)

    with Loader(Part(np.arange(1000), make), 2, "cpu", seed=0, shuffle=True, epochs=range(1, 100)) as feed:
        batches = feed.epoch()
        for _ in range(3):
            next(batches)
        # Made while nobody asks for more.
        assert far.wait(60)
        assert feed.waited_s > 0
    assert len(made) == 3 + AHEAD
    assert not batch_threads()


def test_a_part_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="without rows"):
        loader(np.arange(0), 4, range(1))
