"""Published files that tests share; nobody writes to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics_platform_tests.dashboard.made_up import publish_made_up


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with twenty made-up artists published."""
    folder = tmp_path_factory.mktemp("home")
    publish_made_up(folder)
    return folder


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where nothing has been published."""
    return tmp_path_factory.mktemp("empty_home")
