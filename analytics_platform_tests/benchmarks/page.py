"""The page: how long a reader waits, and what its server takes, with 20 and with 20,000 artists.

``python -m analytics_platform_tests.benchmarks.page [artists]`` prints the tables. Times are those of a reader in
Debian's Chromium on the same machine: from the click to the last figure of the page.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, expect, sync_playwright

from analytics_platform_tests.dashboard.browsing import DONE, guarded, settle, start_browser, visit
from analytics_platform_tests.dashboard.made_up import publish_made_up
from analytics_platform_tests.dashboard.readers import reading
from analytics_platform_tests.dashboard.serving import Server, serving

TITLE = "The page"
SIZES = (20, 20_000)
FIRST_LIMIT_S, LIMIT_S, LIMIT_MB = 3, 1, 400
TIMES = 5
SESSIONS = 20
ARTISTS = (("nina simone", "Nina Simone"), ("sigur rós", "Sigur Rós"))
LONG_MS = 60_000


def section() -> list[str]:
    """Lines for the page of benchmarks."""
    lines: list[str] = []
    for artists in SIZES:
        lines += [*measured(artists), ""]
    return lines


def measured(artists: int) -> Iterator[str]:
    """The table of one size."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        publish_made_up(home, artists)
        with serving(home, home / "log") as server:
            browser = start_browser(playwright)
            yield f"{artists:,} artists, made up. Median and worst of {TIMES}; a page counts until its last figure."
            yield ""
            yield "| what a reader does | median, s | worst, s | limit, s |"
            yield "|---|---|---|---|"
            with guarded(browser) as page:
                page.set_default_timeout(LONG_MS)
                expect.set_options(timeout=LONG_MS)
                visit(page, server.url)
                yield row("opens the first page, the server warm", first_page(browser, server), FIRST_LIMIT_S)
                for what, once in interactions(page, server).items():
                    yield row(what, [once(number) for number in range(TIMES)], LIMIT_S)
            browser.close()
            yield ""
            alone = server.resident_mb()
            yield (
                f"Memory of the server (RSS): {alone:.0f} MB after one reader did all this, {crowd(server):.0f} MB "
                f"with {SESSIONS} readers at once who looked at every page; limit {LIMIT_MB} MB."
            )


def row(what: str, seconds: list[float], limit: float) -> str:
    """A line of the table."""
    return f"| {what} | {median(seconds):.2f} | {max(seconds):.2f} | {limit} |"


def first_page(browser: Browser, server: Server) -> list[float]:
    """Seconds from an empty tab to the foot of the first page, each in a browser that knows nothing of it."""
    seconds = []
    for _ in range(TIMES):
        with guarded(browser) as page:
            seconds.append(timed(page, lambda page=page: page.goto(server.url), "What moved at the label"))
    return seconds


def timed(page: Page, action: Callable[[], object], title: str) -> float:
    """Seconds until the page with that heading stands there to its foot."""
    start = time.perf_counter()
    action()
    expect(page.get_by_test_id("stHeading").first).to_have_text(title)
    expect(page.get_by_text("Data as of").first).to_be_attached()
    page.wait_for_function(DONE)
    return time.perf_counter() - start


def interactions(page: Page, server: Server) -> dict[str, Callable[[int], float]]:
    """What a reader does, by a sentence. Each is called with the number of the try."""

    def at(name: str, **params: object) -> None:
        visit(page, server.url, name, **params)
        # The browser draws the charts after the server is done.
        page.wait_for_timeout(1500)

    def switch(name: str) -> Callable[[int], float]:
        def once(_: int) -> float:
            at("models" if name != "Models" else "label")
            link = page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True)
            return timed(page, link.click, name)

        return once

    def choose_artist(number: int) -> float:
        at("artist", artist=ARTISTS[number % 2][0])
        other = ARTISTS[(number + 1) % 2][1]
        field = page.get_by_role("combobox", name="Artist").first
        field.click()
        field.fill(other)
        option = page.get_by_role("option", name=other, exact=True).first
        option.wait_for()
        return timed(page, option.click, other)

    def choose_window(_: int) -> float:
        at("artist", artist=ARTISTS[0][0], days=28)
        start = time.perf_counter()
        page.get_by_role("radio", name="90 days").click()
        expect(page.get_by_test_id("stMain")).to_contain_text("the last 90 days")
        page.wait_for_function(DONE)
        return time.perf_counter() - start

    def click_country(number: int) -> float:
        at("artist", artist=ARTISTS[0][0])
        country = ("Spain", "Germany")[number % 2]
        mark = page.locator(f".vega-embed path[aria-label*='Country: {country}']").first
        start = time.perf_counter()
        mark.click(force=True)
        expect(page.get_by_test_id("stMain")).to_contain_text(f"{country}: {ARTISTS[0][1]} has")
        page.wait_for_function(DONE)
        return time.perf_counter() - start

    def click_neighbour(_: int) -> float:
        at("artist", artist=ARTISTS[0][0])
        mark = page.locator(f".vega-embed path[aria-label*='{ARTISTS[1][1]}']").first
        return timed(page, lambda: mark.click(force=True), ARTISTS[1][1])

    def choose_genre(_: int) -> float:
        at("where-to-go")
        page.get_by_role("combobox", name="Genre").click()
        option = page.get_by_role("option", name="jazz", exact=True)
        option.wait_for()
        start = time.perf_counter()
        option.click()
        page.wait_for_url("**genre=jazz**")
        settle(page)
        return time.perf_counter() - start

    def take_csv(_: int) -> float:
        at("where-to-go")
        button = page.get_by_test_id("stDownloadButton").first.get_by_role("button")
        start = time.perf_counter()
        with page.expect_download() as download:
            button.click()
        Path(download.value.path()).stat()
        return time.perf_counter() - start

    pages = {f"goes to the page {name}": switch(name) for name in ("Where to go", "Unreleased", "Sounds", "Models")}
    return {
        **pages,
        "chooses another artist": choose_artist,
        "chooses another window": choose_window,
        "clicks a country of the map": click_country,
        "clicks a similar artist": click_neighbour,
        "filters all artists and countries by genre": choose_genre,
        "takes a CSV of all artists and countries": take_csv,
    }


def crowd(server: Server) -> float:
    """Memory with many readers who have a tab open each and have looked at every page."""
    with ExitStack() as tabs:
        readers = [tabs.enter_context(reading(server.url)) for _ in range(SESSIONS)]
        for name in ("label", "artist", "where-to-go", "unreleased", "sounds", "models", "data-dictionary"):
            for number, reader in enumerate(readers):
                reader.open(name, artist=ARTISTS[number % 2][0])
        return server.resident_mb()


if __name__ == "__main__":
    for line in measured(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[0]):
        print(line, flush=True)
