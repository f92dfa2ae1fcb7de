"""A crawl in a process of its own that is killed again and again, and what is found afterwards.

Time jumps when the crawl sleeps or must come back another day: a week passes in a minute, but every limit
is that of a real one, for the crawl and for the server.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.catalogue.crawl import crawl
from analytics_platform.catalogue.journal import Journal
from analytics_platform.catalogue.limiter import Limiter, Limits
from analytics_platform.catalogue.probe import probe
from analytics_platform.catalogue.requests import Request
from analytics_platform.catalogue.spotify import SpotifyClient
from analytics_platform_tests.catalogue.spotify_server import CLIENT_ID, CLIENT_SECRET, SpotifyServer
from analytics_platform_tests.catalogue.spotify_world import World, artist_id, isrc_of, track_id
from analytics_platform_tests.catalogue.tools import SharedClock, most_in_a_day, most_in_a_window


@dataclass(frozen=True)
class Found:
    """What is left of a crawl with kills."""

    tracks: int
    tracks_in_world: int
    lost: int
    queued_twice: int
    wrong: int
    """Tracks whose payload is that of another, or whose code is wrong."""
    outcomes: dict[str, int]
    calls: int
    """Attempts in the journal."""
    served: int
    """Calls that the server saw."""
    answered_twice: int
    """Single tracks that were answered and asked for again, because a kill lost the answer."""
    most_in_a_window: int
    most_in_a_day: int
    beyond_quota: int
    """Calls that came to the server when its quota was used up."""
    days: int
    seconds: float


def crawl_with_kills(
    folder: Path, tracks: int, limits: Limits, *, kill_at: Sequence[int], fault_share: float, development: bool = True
) -> Found:
    """Crawl a whole world from its artists; ``kill_at``: calls served when the crawl is killed.

    The server refuses what goes beyond the same limits, counted from when a call reaches it.
    """
    start = time.perf_counter()
    clock = SharedClock(folder / "clock")
    path = folder / "requests.sqlite"
    world = World(tracks, development=development)
    assert limits.calls_per_day is not None
    quota = limits.calls, limits.seconds, limits.calls_per_day
    with SpotifyServer(world, fault_share=fault_share, seed=3, quota=quota, clock=clock) as server:
        with Journal(path) as journal:
            journal.add(Request("spotify", "artist", artist_id(n)) for n in range(world.artists))
        command = [sys.executable, "-m", __name__, str(path), str(folder / "clock"), server.api_url, server.token_url]
        command += [str(value) for value in quota]
        for served_then in kill_at:
            child = subprocess.Popen(command, cwd=Path(__file__).parents[2])
            while child.poll() is None and len(server.served) < served_then:
                time.sleep(0.001)
            assert child.poll() is None, "the crawl ended before it was killed"
            child.kill()
            child.wait()
        subprocess.run(command, cwd=Path(__file__).parents[2], check=True, timeout=600)
        served = list(server.served)
    with Journal(path) as journal:
        stored = {s.request.subject: s.payload for s in journal.payloads("spotify", "track")}
        right = {track_id(n): isrc_of(n) for n in range(tracks)}
        frame = journal.requests_frame()
        times = journal.attempt_times("spotify")
        # Every start begins with the probe, which asks what others ask too: only tracks are counted.
        answered = Counter(call.target for call in served if call.whole and call.target.startswith("/v1/tracks/T"))
        return Found(
            tracks=len(stored),
            tracks_in_world=tracks,
            lost=len(right.keys() - stored.keys()),
            queued_twice=len(frame) - len(frame.unique(["source", "kind", "subject", "page_offset"])),
            wrong=sum(payload["external_ids"]["isrc"] != right.get(i) for i, payload in stored.items())
            + sum(payload["id"] != i for i, payload in stored.items()),
            outcomes=journal.outcomes("spotify"),
            calls=len(times),
            served=len(served),
            answered_twice=sum(count - 1 for count in answered.values()),
            most_in_a_window=most_in_a_window(times, limits.seconds),
            most_in_a_day=most_in_a_day(times),
            beyond_quota=server.beyond_quota,
            days=len({at // 86_400 for at in times}),
            seconds=time.perf_counter() - start,
        )


def main(path: str, clock_path: str, api_url: str, token_url: str, calls: str, seconds: str, per_day: str) -> None:
    """What the step does, again and again until nothing is left; coming back later is a jump of the clock."""
    clock = SharedClock(Path(clock_path))
    client = SpotifyClient(CLIENT_ID, CLIENT_SECRET, api_url=api_url, token_url=token_url)
    with Journal(Path(path)) as journal:
        limits = Limits(int(calls), float(seconds), int(per_day))
        limiter = Limiter(journal, "spotify", limits, 30.0, clock, clock.sleep)
        while True:
            resume_at = None
            capabilities = probe(client, limiter)
            if capabilities.mode == "unknown":
                resume_at = capabilities.resume_at
            else:
                done = crawl(client, limiter, capabilities)
                if done.finished:
                    return
                resume_at = done.resume_at
            if resume_at is not None:
                clock.sleep(resume_at - clock())


if __name__ == "__main__":
    main(*sys.argv[1:])
