"""The page's server as a process, as ``make page`` starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.dashboard.launch import ADDRESS

PATIENCE_S = 60
COMMAND = "from analytics_platform.cli.app import app; app()"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address, its process and the file with all it has said."""

    url: str
    pid: int
    log: Path

    def resident_mb(self) -> float:
        """Memory of the process, MiB (Linux)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def serving(home: Path, log: Path) -> Iterator[Server]:
    """Serve the published file of ``home`` on a free port until the block ends.

    Raises:
        RuntimeError: it does not answer.
    """
    port = _free_port()
    command = [sys.executable, "-c", COMMAND, "page", "--port", str(port)]
    with log.open("w") as written:
        process = subprocess.Popen(
            command,
            env={**os.environ, "ANALYTICS_HOME": str(home)},
            stdout=written,
            stderr=subprocess.STDOUT,
            # A group of its own: whatever it starts ends with it.
            start_new_session=True,
        )
    try:
        url = f"http://{ADDRESS}:{port}"
        _await(url, process, log)
        yield Server(url, process.pid, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((ADDRESS, 0))
        return int(found.getsockname()[1])


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"The page's server ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"The page's server did not answer in {PATIENCE_S} s: {log.read_text()[-2000:]}")
