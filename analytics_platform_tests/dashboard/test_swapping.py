"""New publications while readers click: nobody sees an error, and after a reload nobody sees an older figure."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest

from analytics_platform.dashboard.navigation import PAGES
from analytics_platform_tests.dashboard.made_up import LAST_DAY, artist_id, artist_names, publish_made_up
from analytics_platform_tests.dashboard.readers import Reader, reading
from analytics_platform_tests.dashboard.serving import serving

ARTISTS = 6
CLICKS = 3
"""Pages that a reader looks at between two reloads."""


class Crowd:
    """Readers who click until they are told to stop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.newest: date = LAST_DAY
        """Last day of the newest finished publication."""
        self.stop = threading.Event()
        self.pages = 0
        self.faults: list[str] = []

    def read(self, number: int) -> None:
        """One reader: reload, click a few times, reload."""
        chance = random.Random(number)
        artists = [artist_id(name) for name in artist_names(ARTISTS)]
        while not self.stop.is_set():
            try:
                with reading(self.url) as reader:
                    for _ in range(CLICKS):
                        self._look(reader, chance.choice(list(PAGES)), chance.choice(artists))
                        # People read what they have clicked for.
                        self.stop.wait(chance.uniform(0.2, 3))
            except (OSError, TimeoutError) as error:
                self.faults.append(f"no answer: {error!r}")

    def _look(self, reader: Reader, name: str, artist: str) -> None:
        for attempt in (1, 2, 3):
            published = self.newest
            seen = reader.open(name, artist=artist)
            self.pages += 1
            if seen.heading != "One moment" or attempt == 3:
                break
            # A calm word is right for a moment, not for longer.
            time.sleep(1)
        shown = seen.as_of()
        if shown is None:
            self.faults.append(f"{name}: {seen.heading}: {seen.texts}")
        elif shown < published:
            self.faults.append(f"{name}: as of {shown}, after {published} had been published")


def swap(home: Path, swaps: int, readers: int) -> Crowd:
    """Publish so many times while so many readers click."""
    publish_made_up(home, ARTISTS)
    with serving(home, home / "log") as server, ThreadPoolExecutor(readers) as pool:
        crowd = Crowd(server.url)
        runs = [pool.submit(crowd.read, number) for number in range(readers)]
        try:
            for number in range(1, swaps + 1):
                day = LAST_DAY + timedelta(days=number)
                publish_made_up(home, ARTISTS, seed=number, last_day=day)
                crowd.newest = day
        finally:
            crowd.stop.set()
        for done in runs:
            done.result()
    return crowd


def test_five_publications_while_four_readers_click(tmp_path: Path) -> None:
    crowd = swap(tmp_path, swaps=5, readers=4)

    assert not crowd.faults
    assert crowd.pages >= 12


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_fifty_publications_while_twenty_readers_click(tmp_path: Path) -> None:
    crowd = swap(tmp_path, swaps=50, readers=20)

    assert not crowd.faults
    assert crowd.pages >= 200
