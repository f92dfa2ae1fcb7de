"""A browser on the page, with a guard: nothing may go to another machine, and nothing may fail unseen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

from analytics_platform.dashboard.launch import ADDRESS
from analytics_platform.dashboard.navigation import FIRST

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 30_000
# On a deep link Streamlit's client asks for its server below the page's own address first.
LOOKING_FOR_SERVER = re.compile(r"/[\w-]+/_stcore/(health|host-config)$")
# Grey bones stand for charts and tables whose code has not come yet.
DONE = (
    "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
    " && !document.querySelector('[data-testid=stSkeleton]')"
)


@dataclass
class Guard:
    """What a page must not do, as far as it did."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect requests to other hosts, errors in the console and errors of the page."""
        page.on("request", lambda request: self._look(request.url))
        page.on("websocket", lambda socket: self._look(socket.url))
        page.on("pageerror", lambda error: self.found.append(f"error in the page: {error}"))
        page.on("console", self._hear)

    def _look(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != ADDRESS:
            self.found.append(f"request to another machine: {url}")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not LOOKING_FOR_SERVER.search(message.location["url"]):
            self.found.append(f"error in the console: {message.text} ({message.location['url']})")


def start_browser(playwright: Playwright) -> Browser:
    """Debian's Chromium. It knows no other host's address, so that nothing can get out before a guard sees it."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {ADDRESS}"],
    )


@contextmanager
def guarded(browser: Browser, size: Any = DESKTOP) -> Iterator[Page]:
    """A page that must be faultless until the block ends."""
    guard = Guard()
    with browser.new_context(viewport=size, accept_downloads=True) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        guard.watch(page)
        yield page
    assert not guard.found, guard.found


def visit(page: Page, url: str, name: str = FIRST, **params: object) -> None:
    """Open the page at address ``name`` and wait until all of it is there."""
    query = f"?{urlencode(params)}" if params else ""
    page.goto(f"{url}/{'' if name == FIRST else name}{query}")
    settle(page)


def settle(page: Page) -> None:
    """Wait until the server has run the page to its end and the browser shows all of it."""
    page.get_by_test_id("stHeading").first.wait_for()
    page.wait_for_function(DONE)


def heading(page: Page) -> str:
    """The title of the page."""
    return page.get_by_test_id("stHeading").first.inner_text().strip()
