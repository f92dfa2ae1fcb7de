"""The pages and their addresses, and links that keep what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import streamlit as st

from analytics_platform.dashboard.kept import kept

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

PAGES = {
    "label": "Label",
    "artist": "Artist",
    "where-to-go": "Where to go",
    "unreleased": "Unreleased",
    "sounds": "Sounds",
    "models": "Models",
    "data-dictionary": "Data dictionary",
    "report": "Monthly report",
}
"""Title by address."""
FIRST = "label"


def page(name: str) -> Page:
    """The page at address ``name``."""
    # No icon: the browser would fetch one by name from outside, and not every machine has a font with emoji.
    return st.Page(_show(name), title=PAGES[name], url_path=name, default=name == FIRST)


def link(name: str, label: str, *, help: str | None = None, **changes: Any) -> None:
    """A link to a page with what was chosen, and ``changes``."""
    st.page_link(page(name), label=label, help=help, query_params=kept(**changes))


def go(name: str, **changes: Any) -> None:
    """Go to a page at once: what a click on a chart or a row does."""
    st.switch_page(page(name), query_params=kept(**changes))


def _show(name: str) -> Callable[[], None]:
    def show() -> None:
        # A page is loaded when it is first looked at.
        import_module(f"analytics_platform.dashboard.pages.{name.replace('-', '_')}").show()

    return show
