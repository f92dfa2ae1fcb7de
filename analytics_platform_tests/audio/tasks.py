"""What workers are asked to do in the tests: decoding, and all that a decoder may do instead."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from analytics_platform.audio.decode import RejectedError, decode_file
from analytics_platform.audio.workers import run_clips


class Panic(BaseException):
    """As PyO3's, which no ``except Exception`` catches."""


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far. (getrusage counts the parent's in, from before exec.)"""
    return (
        int(
            next(row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM")).split()[
                1
            ]
        )
        / 1024
    )


def clip(location: str) -> tuple[int, float]:
    """Length and peak of a decoded file; for the word ``memory``: the worker's peak so far, in MB."""
    if location == "memory":
        return 0, peak_rss_mb()
    (decoded,) = decode_file(location)
    assert decoded.samples.shape == (661_500,)
    assert np.isfinite(decoded.samples).all()
    return decoded.length, float(np.abs(decoded.samples).max())


def act(name: str) -> object:
    """Do what the name says; otherwise give it back."""
    match name.partition(" ")[0]:
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "leave":
            sys.exit(4)
        case "panic":
            raise Panic("unwrap on None at https://storage/clip?signature=secret")
        case "hang":
            time.sleep(600)
        case "hang_in_c":
            # With the lock of the interpreter held: no thread of this process could end it.
            ctypes.PyDLL(None).sleep(600)
        case "eat":
            return np.ones(2**30, dtype=np.uint8).sum()
        case "eat_slowly":
            held = []
            while True:
                held.append(np.ones(2**24, dtype=np.uint8))
        case "eat_and_tell":
            held = []
            with suppress(MemoryError):
                while True:
                    held.append(np.ones(2**24, dtype=np.uint8))
            held.clear()
            return peak_rss_mb()
        case "reject":
            raise RejectedError("too short", "0.30 s of sound")
        case "fault":
            raise ValueError("shapes (3,) and (4,)")
        case "unpicklable":
            return threading.Lock()
        case "large":
            return np.full((1292, 128), 7, dtype=np.float16)
        case "print":
            os.write(2, b"[mpg123] noise")
            print("noise")
        case "process":
            return os.getpid()
        case "threads":
            import torch

            return [os.environ["OMP_NUM_THREADS"], str(torch.get_num_threads())]
        case "none":
            return None
        case _:
            pass
    return name


def storage_fails(name: str) -> None:
    raise PermissionError(13, "Permission denied", f"s3://bucket/{name}?signature=secret")


def note_process(folder: str) -> None:
    """Leave this process's id in the folder, then take a second."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(1)


def import_torch() -> None:
    import torch  # noqa: F401


def cannot_prepare() -> None:
    raise RuntimeError("no weights here")


def pool_within(connection: Connection) -> None:
    """Run a pool in a thread of this process, and send what came of it."""

    def run() -> None:
        connection.send(sorted(run_clips(["a", "segfault", "b"], act, workers=2), key=lambda pair: pair[0]))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
