"""Batches for a net, made ahead by a thread of their own while the device computes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

IntArray = NDArray[np.int64]
Arrays = Mapping[str, "NDArray[Any] | Tensor"]
Batch = Mapping[str, "Tensor"]
"""Tensors by name (inputs, masks, targets, weights …), the rows of a batch along the first axis of each."""

AHEAD = 4
"""Batches that are ready or being made: so many are in memory beside the one in use."""


@dataclass(frozen=True, slots=True)
class Part:
    """The training, validation or test part of a data set."""

    rows: IntArray
    """(n,) row numbers; what they mean is between the caller and ``make``."""
    make: Callable[[IntArray, np.random.Generator], Arrays]
    """Makes a batch from some of the rows: reads, crops, pads. It runs in another thread, one call at a time. Its
    arrays are new. Chance (crops, noise) comes from the generator alone, which depends on the plan's seed, the epoch
    and the number of the batch, so that a resumed training sees what an uninterrupted one sees."""


class Loader:
    """The batches of a part, epoch after epoch, on the device.

    A context: leaving it, by an error too, stops the thread. The first batches of the next epoch are
    made while something else runs between the epochs.

    Args:
        part: which rows, and how a batch is made of them.
        batch_size: rows of a batch; the last one is smaller, but a single row left over joins the batch before, because
            batch normalisation cannot train on one.
        device: where the tensors go.
        seed: of the order, and of the generators of ``make``.
        shuffle: a new order each epoch. Without, each epoch is the same, the chance in ``make`` included.
        epochs: the numbers of the epochs to come.

    Raises:
        ValueError: the part has no rows.
    """

    def __init__(self, part: Part, batch_size: int, device: str, *, seed: int, shuffle: bool, epochs: range) -> None:
        if not len(part.rows):
            raise ValueError("a part without rows gives no batches")
        self._part = part
        self._device = device
        self._seed = seed
        self._shuffle = shuffle
        ends = list(range(batch_size, len(part.rows), batch_size))
        if ends and ends[-1] == len(part.rows) - 1:
            del ends[-1]
        self._ends = ends
        self._jobs = ((epoch, number) for epoch in epochs for number in range(self.batches))
        self._orders: dict[int, list[IntArray]] = {}
        self._ready: deque[Future[Batch]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self.waited_s = 0.0
        """Seconds that ``epoch`` has waited for batches that were not ready."""

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return len(self._ends) + 1

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        return len(self._part.rows)

    def __enter__(self) -> Self:
        for _ in range(AHEAD):
            self._make_one_more()
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._ready.clear()

    def epoch(self) -> Iterator[Batch]:
        """The batches of the next epoch; an error in ``make`` comes out here."""
        for _ in range(self.batches):
            start = time.perf_counter()
            batch = self._ready.popleft().result()
            self.waited_s += time.perf_counter() - start
            self._make_one_more()
            # Of pinned memory, the copy runs beside the work of the device.
            yield {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.items()}

    def _make_one_more(self) -> None:
        job = next(self._jobs, None)
        if job is not None:
            self._ready.append(self._thread.submit(self._make, *job))

    def _make(self, epoch: int, number: int) -> Batch:
        if not self._shuffle:
            epoch = 0
        if epoch not in self._orders:
            rows = self._part.rows
            if self._shuffle:
                rows = rows[np.random.default_rng([self._seed, epoch]).permutation(len(rows))]
            self._orders = {epoch: np.split(rows, self._ends)}
        # The number is counted from 1: a generator of [seed, epoch, 0] is that of [seed, epoch].
        rng = np.random.default_rng([self._seed, epoch, number + 1])
        made = self._part.make(self._orders[epoch][number], rng)
        return {name: self._tensor(values) for name, values in made.items()}

    def _tensor(self, values: NDArray[Any] | Tensor) -> Tensor:
        import torch

        # Torch shares the memory, and warns of arrays that are read-only.
        tensor = (
            torch.from_numpy(np.require(values, requirements=["C", "W"])) if isinstance(values, np.ndarray) else values
        )
        return tensor.pin_memory() if self._device.startswith("cuda") else tensor
