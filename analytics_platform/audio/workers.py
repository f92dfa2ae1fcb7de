"""A pool of processes for work on files of others: whatever a decoder does there costs one clip.

Not ``multiprocessing.Pool`` or ``ProcessPoolExecutor``: a worker that dies breaks the one and hangs the other,
neither can end a task that hangs, and both run the user's script again or fork a process with threads. Here a
worker is a new interpreter that speaks pickle over a socket of its own, so it can be started from a script, from
a thread and from a child of ``multiprocessing`` alike. It guards against broken files; it is no jail for attackers.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar, cast

Task = TypeVar("Task")
Result = TypeVar("Result")

MEMORY_MB = 600
SECONDS = 30.0
START_SECONDS = 300.0
"""For a worker's imports, and what ``prepare`` does: numba may compile there."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ENVIRONMENT = dict.fromkeys(_THREADS, "1") | {"MALLOC_ARENA_MAX": "2"}
"""Of a worker, beside the parent's."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a task has no result."""

    reason: str
    """One of ``audio.names.REASONS``."""
    detail: str | None = None


class WorkerStartError(RuntimeError):
    """The workers cannot run the function at all; no clip is to blame."""


def run_clips(
    tasks: Iterable[Task],
    function: Callable[[Task], Result],
    *,
    workers: int,
    memory_mb: int = MEMORY_MB,
    seconds: float = SECONDS,
    prepare: Callable[[], object] | None = None,
) -> Generator[tuple[Task, Result | Rejected]]:
    """Run the function on every task, and yield each task once with what came of it, as they end.

    A ``RejectedError`` of the function, and its crash, hang, exit or lack of memory, is the ``Rejected`` of its
    task. An ``OSError`` is raised here: storage that fails is no property of a clip. A task is taken from
    ``tasks`` when a worker is free for it; a worker whose result nobody takes waits, so at most one result per
    worker is held, in the worker. The workers end with the iterator, or with this process.

    Args:
        tasks: what can be pickled.
        function: of a module, not of the script that runs: workers import it, and never run a script again.
        workers: processes, each with one thread.
        memory_mb: resident memory of a worker, at most (Linux; elsewhere there is no bound).
        seconds: wall clock of a task, at most.
        prepare: run once in each worker before its memory is bounded: heavy imports and compilation belong there,
            which would otherwise count as the first task's memory and time.

    Raises:
        WorkerStartError: the function cannot be imported, or ``prepare`` failed.
        OSError: as the function raised it.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers")
    for called in (function, prepare):
        if getattr(called, "__module__", None) == "__main__":
            raise ValueError("a function of the running script cannot be imported by a worker: move it to a module")
    start = pickle.dumps((function, prepare, memory_mb, seconds), protocol=5)
    waiting = iter(tasks)
    live: list[_Worker[Task]] = []

    def go_on(worker: _Worker[Task] | None) -> None:
        """Give the next task to the worker, or to a new one; without a task none is needed."""
        for task in waiting:
            if worker is None or not worker.take(task, seconds):
                if worker is not None:
                    drop(worker)
                live.append(_Worker(start, task))
            return
        if worker is not None:
            drop(worker)

    def drop(worker: _Worker[Task]) -> None:
        live.remove(worker)
        worker.end()

    try:
        for _ in range(workers):
            go_on(None)
        while live:
            left = min(worker.deadline for worker in live) - monotonic()
            reported = wait([worker.connection for worker in live], timeout=max(left, 0))
            now = monotonic()
            # Decided before anything is yielded: a slow consumer makes no worker late.
            late = [worker for worker in live if worker.connection not in reported and worker.deadline <= now]
            for worker in [worker for worker in live if worker.connection in reported] + late:
                task = worker.task
                outcome = _timed_out(worker, seconds) if worker in late else _outcome(worker, seconds)
                if isinstance(outcome, _Ready):
                    continue
                # A worker is not trusted after it ran out of memory: its heap may be in pieces.
                if worker.lost or (isinstance(outcome, Rejected) and outcome.reason == "out of memory"):
                    drop(worker)
                    go_on(None)
                else:
                    go_on(worker)
                yield task, cast("Result | Rejected", outcome)
    finally:
        for worker in live:
            worker.end()


class _Ready:
    """Said by a worker that is about to begin its first task."""


READY = _Ready()


class _Worker(Generic[Task]):
    """A process, and the task that it has."""

    def __init__(self, start: bytes, task: Task) -> None:
        self.connection, theirs = Pipe()
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        try:
            # -P: the working directory is no place to import from, unless it was one here.
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "analytics_platform.audio.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=os.environ | ENVIRONMENT | {"PYTHONPATH": path},
            )
        finally:
            theirs.close()
        self.task = task
        self.ready = False
        self.lost = False
        self.deadline = monotonic() + START_SECONDS
        try:
            self.connection.send_bytes(start)
            self.connection.send_bytes(pickle.dumps(task, protocol=5))
        except OSError:
            pass  # it died at once, which its connection will say
        except BaseException:
            self.end()
            raise

    def take(self, task: Task, seconds: float) -> bool:
        """Begin the task; false if the worker is gone."""
        payload = pickle.dumps(task, protocol=5)
        self.task = task
        self.deadline = monotonic() + seconds
        try:
            self.connection.send_bytes(payload)
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Kill the process: it has nothing to save."""
        self.connection.close()
        self.process.kill()
        self.process.wait()

    def status(self) -> int | None:
        """How the process, which has closed its connection, ended; None if it had to be killed."""
        try:
            return self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return None


def _outcome(worker: _Worker[Task], seconds: float) -> object:
    """What the worker says: it is ready, a result or a rejection; or that it is gone."""
    try:
        kind, said = worker.connection.recv()
    except (EOFError, OSError, pickle.UnpicklingError):
        worker.lost = True
        status = worker.status()
        how = f"exit code {status}" if status is None or status >= 0 else signal.Signals(-status).name
        if not worker.ready:
            raise WorkerStartError(f"a worker ended before its first task: {how}") from None
        if status == -signal.SIGALRM:
            return _timed_out(worker, seconds)
        return Rejected("decoder crashed", how)
    if kind == "ready":
        worker.ready = True
        worker.deadline = monotonic() + seconds
        return READY
    if kind == "not started":
        raise WorkerStartError(said)
    if kind == "storage":
        raise OSError(*said)
    return Rejected(*said) if kind == "rejected" else said


def _timed_out(worker: _Worker[Task], seconds: float) -> Rejected:
    worker.lost = True
    if not worker.ready:
        raise WorkerStartError(f"a worker took more than {START_SECONDS:.0f} s to start")
    return Rejected("timed out", f"more than {seconds:g} s")
