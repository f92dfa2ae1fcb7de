"""The page in Debian's Chromium, against a real server: what a reader sees and clicks."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from analytics_platform.dashboard.navigation import PAGES
from analytics_platform.dashboard.parts import BOM
from analytics_platform_tests.dashboard.browsing import (
    CHROMIUM,
    PATIENCE_MS,
    PHONE,
    guarded,
    heading,
    settle,
    start_browser,
    visit,
)
from analytics_platform_tests.dashboard.serving import Server, serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt install chromium")
expect.set_options(timeout=PATIENCE_MS)

ODD = "ac/dc & friends"
"""An id that has to be escaped in an address."""
ARTIST = "nina simone"
TITLES = {
    **PAGES,
    "label": "What moved at the label",
    "artist": "Nina Simone",
    "report": "Nina Simone: September 2026",
}
ERROR_WORDS = ("could not be made", "One moment", "Nothing to show yet", "Traceback", "NaN", "undefined")


@pytest.fixture(scope="module")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(home, tmp_path_factory.mktemp("server") / "log") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = start_browser(playwright)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with guarded(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def database(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(home / "analytics.duckdb"), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("name", PAGES)
def test_page_on_a_desk(page: Page, server: Server, name: str) -> None:
    visit(page, server.url, name, artist=ARTIST)

    assert_sound(page, name)
    # Marks in a chart are no controls: beside each chart stand a sentence and a table. A table's cells are painted
    # on a canvas; the copy of them for screen readers is the grid's own.
    found = Axe().run(page, {"exclude": [[".vega-embed svg"], ["[data-testid='stDataFrame'] canvas"]]})
    serious = [fault for fault in found.response["violations"] if fault["impact"] in ("serious", "critical")]
    assert not serious, [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in serious]


@pytest.mark.parametrize("name", PAGES)
def test_page_on_a_phone(browser: Browser, server: Server, name: str) -> None:
    with guarded(browser, PHONE) as page:
        visit(page, server.url, name, artist=ARTIST)

        assert_sound(page, name)


def assert_sound(page: Page, name: str) -> None:
    """The page's own heading, no word of an error, and nothing to the right of the screen."""
    assert heading(page) == TITLES[name]
    text = page.get_by_test_id("stMain").inner_text()
    assert "Data as of" in text
    assert not [word for word in ERROR_WORDS if word in text]
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= screen


def test_click_on_a_similar_artist_goes_there(page: Page, server: Server, database: duckdb.DuckDBPyConnection) -> None:
    nearest_id, nearest = database.sql(
        "select similar_artist_id, similar_artist_name from marts.similar_artists where artist_id = $artist"
        " order by neighbour_rank",
        params={"artist": ARTIST},
    ).fetchall()[0]
    visit(page, server.url, "artist", artist=ARTIST, days=28)

    page.locator(f".vega-embed path[aria-label*='{nearest}']").first.click(force=True)

    expect(page.get_by_test_id("stHeading").first).to_have_text(nearest)
    assert address(page) == ("/artist", {"artist": nearest_id, "days": "28"})


def test_click_on_a_country_of_the_map_tells_about_it(page: Page, server: Server) -> None:
    visit(page, server.url, "artist", artist=ARTIST)

    page.locator(".vega-embed path[aria-label*='Country: Spain']").first.click(force=True)

    expect(page.get_by_test_id("stMain")).to_contain_text("Spain: Nina Simone has")


def test_csv_is_what_the_database_and_the_table_say(
    page: Page, server: Server, database: duckdb.DuckDBPyConnection
) -> None:
    truth = database.sql(
        "select country_name, round(gap_plays) from marts.potential_streams where artist_id = $artist"
        " and market_rank <= 5 order by market_rank",
        params={"artist": ARTIST},
    ).fetchall()
    visit(page, server.url, "artist", artist=ARTIST)
    table = page.get_by_test_id("stDataFrame").filter(has_text="Potential streams").first
    table.scroll_into_view_if_needed()
    shown = table.locator("canvas tr").filter(has_text=truth[0][0])
    expect(shown).to_contain_text(f"{truth[0][1]:.0f}")

    with page.expect_download() as download:
        table.locator("xpath=following::*[@data-testid='stDownloadButton'][1]//button").first.click()

    content = Path(download.value.path()).read_bytes()
    assert content.startswith(BOM)
    frame = pl.read_csv(io.BytesIO(content.removeprefix(BOM)))
    assert download.value.suggested_filename.startswith("nina-simone_")
    assert frame.head(5).select("country_name", pl.col("gap_plays").round()).rows() == truth


def test_an_address_with_an_odd_id_and_window_holds_on_the_way(page: Page, server: Server) -> None:
    visit(page, server.url, "artist", artist=ODD, days=28)
    assert heading(page) == "AC/DC & Friends"
    expect(page.get_by_role("radio", name="28 days")).to_be_checked()

    page.get_by_test_id("stSidebar").get_by_role("link", name="Sounds").click()
    expect(page.get_by_test_id("stHeading").first).to_have_text("Sounds")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Artist").click()

    expect(page.get_by_test_id("stHeading").first).to_have_text("AC/DC & Friends")
    assert address(page) == ("/artist", {"artist": ODD, "days": "28"})


def test_an_unknown_artist_is_said_calmly(page: Page, server: Server) -> None:
    visit(page, server.url, "artist", artist="nobody <b>at</b> all")

    expect(page.get_by_role("status").first).to_contain_text("There is no artist “nobody <b>at</b> all”")
    assert "Data as of" in page.get_by_test_id("stMain").inner_text()


def test_links_can_be_reached_and_followed_by_keyboard(page: Page, server: Server) -> None:
    visit(page, server.url)
    focused = "document.activeElement.closest('[data-testid=stPageLink]')?.innerText ?? ''"

    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(focused).strip() == "Models":
            break
    page.keyboard.press("Enter")

    expect(page.get_by_test_id("stHeading").first).to_have_text("Models")


def test_missing_garbled_and_locked_files_get_a_calm_word(browser: Browser, home: Path, tmp_path: Path) -> None:
    link = tmp_path / "analytics.duckdb"
    copy = tmp_path / "copy.duckdb"
    with serving(tmp_path, tmp_path / "log") as server, guarded(browser) as page:
        visit(page, server.url)
        assert heading(page) == "Nothing to show yet"

        garbled = tmp_path / "garbled.duckdb"
        garbled.write_bytes(os.urandom(100_000))
        link.symlink_to(garbled)
        page.reload()
        settle(page)
        expect(page.get_by_role("status")).to_contain_text("Data is being refreshed. Try again in a minute.")

        copy.write_bytes((home / "analytics.duckdb").read_bytes())
        link.unlink()
        link.symlink_to(copy)
        with duckdb.connect(str(copy)):
            page.reload()
            settle(page)
            expect(page.get_by_role("status")).to_contain_text("Data is being refreshed. Try again in a minute.")

        page.reload()
        settle(page)
        assert heading(page) == TITLES["label"]


def address(page: Page) -> tuple[str, dict[str, str]]:
    """Path and parameters of the address."""
    parts = urlsplit(page.url)
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
