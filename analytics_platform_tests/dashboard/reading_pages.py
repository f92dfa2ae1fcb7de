"""A page of the dashboard run in-process, as its server would for one reader."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from analytics_platform.dashboard.launch import APP
from analytics_platform.dashboard.navigation import FIRST, PAGES

LOG = logging.getLogger("analytics_platform.dashboard")


def open_page(home: Path, name: str, **params: Any) -> AppTest:
    """Open the page at address ``name`` on the published file of ``home``, with parameters of the address.

    ``run_page`` runs it again after a change, like ``at.selectbox[0].select("x")``.

    Raises:
        Exception: what the page raised. A reader would see "This page could not be made".
    """
    if name not in PAGES:
        raise ValueError(f"No page {name}: {', '.join(PAGES)}")
    # As the server is started: else the frame's docstrings would be shown.
    config.set_option("runner.magicEnabled", False)
    at = AppTest.from_file(str(APP), default_timeout=30)
    # There is no way in AppTest to open a page that is a function by its address.
    at._page_hash = calc_hash("" if name == FIRST else name)
    for key, value in params.items():
        at.query_params[key] = str(value)
    return run_page(at, home)


def run_page(at: AppTest, home: Path) -> AppTest:
    """Run the page again, after widgets were set; raises what it raised."""
    failures: list[BaseException] = []

    class Catch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1]:
                failures.append(record.exc_info[1])

    catch = Catch()
    LOG.addHandler(catch)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ANALYTICS_HOME", str(home))
            at.run(timeout=30)
    finally:
        LOG.removeHandler(catch)
    if failures:
        raise failures[0]
    if at.exception:
        raise AssertionError(f"The frame failed: {at.exception[0].message}")
    return at
