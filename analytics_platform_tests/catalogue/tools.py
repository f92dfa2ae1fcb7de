"""A clock that jumps when somebody sleeps, and what the tests of the room share."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from analytics_platform.catalogue.requests import Request
from analytics_platform.catalogue.spotify import SpotifyClient
from analytics_platform_tests.catalogue.spotify_server import CLIENT_ID, CLIENT_SECRET, SpotifyServer

START = 1_767_225_600.0
"""2026-01-01, midnight UTC."""


class Clock:
    """Stands still but for sleeping, which takes no time."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


class SharedClock:
    """Runs as time does, and jumps ahead when somebody sleeps, for all processes that share the file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        self._file = os.open(path, os.O_RDWR)

    def _ahead(self) -> float:
        (ahead,) = struct.unpack("d", os.pread(self._file, 8, 0))
        return ahead

    def __call__(self) -> float:
        return time.time() + self._ahead()

    def sleep(self, seconds: float) -> None:
        os.pwrite(self._file, struct.pack("d", self._ahead() + max(seconds, 0.0)), 0)


def client_of(server: SpotifyServer, **options: object) -> SpotifyClient:
    return SpotifyClient(
        CLIENT_ID,
        CLIENT_SECRET,
        api_url=server.api_url,
        token_url=server.token_url,
        **options,  # pyright: ignore[reportArgumentType]
    )


def asks(kind: str, *subjects: str) -> list[Request]:
    return [Request("spotify", kind, subject) for subject in subjects]


def most_in_a_window(times: Sequence[float], seconds: float) -> int:
    """The most of the sorted times within any window."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def most_in_a_day(times: Sequence[float]) -> int:
    days = [at // 86_400 for at in times]
    return max((days.count(day) for day in set(days)), default=0)
