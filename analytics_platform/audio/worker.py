"""One process of ``audio.workers``: ``python -m analytics_platform.audio.worker SOCKET``."""

from __future__ import annotations

import errno
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from analytics_platform.audio.decode import RejectedError

LEAST_MB = 64
"""Left to a task by any bound on memory."""
GRACE_S = 2
"""After its time, a task that the parent has not ended ends itself: the parent is gone."""


def main() -> None:
    """Run tasks until nobody sends any more."""
    # The parent decides when to stop. An alarm kills even a call into C that never returns.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    connection = Connection(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):
        _serve(connection)
    # Whatever libraries would do at exit can only hang or crash.
    os._exit(0)


def _serve(connection: Connection) -> None:
    try:
        function, prepare, memory_mb, seconds = pickle.loads(connection.recv_bytes())
        if prepare is not None:
            prepare()
        _bound(memory_mb)
    except EOFError:
        raise
    except BaseException:
        connection.send(("not started", traceback.format_exc()))
        return
    connection.send(("ready", None))
    while True:
        task = connection.recv_bytes()
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_S)
        said = _run(function, task)
        # From here on it may wait for a slow consumer.
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send_bytes(said)


def _bound(memory_mb: int) -> None:
    """One thread, bounded memory, no core files, and nothing of what decoders print."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # Address space is what can be bounded, and libraries reserve much that they never use: the bound is on
        # what a task adds.
        page = os.sysconf("SC_PAGE_SIZE")
        reserved, resident = (int(pages) * page for pages in Path("/proc/self/statm").read_text().split()[:2])
        limit = reserved + max(memory_mb * 1024**2 - resident, LEAST_MB * 1024**2)
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY or limit < most:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _run(function: Callable[[object], object], task: bytes) -> bytes:
    """What to say of the task; pickling that may take more memory than there is, too."""
    said: tuple[str, object]
    try:
        return pickle.dumps(("done", function(pickle.loads(task))), protocol=5)
    except RejectedError as error:
        said = ("rejected", (error.reason, error.detail))
    except MemoryError:
        said = ("rejected", ("out of memory", None))
    except OSError as error:
        if error.errno == errno.ENOMEM:
            said = ("rejected", ("out of memory", None))
        else:
            said = ("storage", (error.errno, error.strerror) if error.errno else (_words(error),))
    except BaseException as error:
        # Of Rust's panics too, which are no Exception.
        said = ("rejected", ("decoder crashed", _words(error)))
    return pickle.dumps(said, protocol=5)


def _words(error: BaseException) -> str:
    """Class, place and text of an error; not a text with an address in it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    text = str(error).partition("\n")[0][:200]
    return f"{type(error).__name__}{place}" + (f": {text}" if text and "://" not in text else "")


if __name__ == "__main__":
    main()
