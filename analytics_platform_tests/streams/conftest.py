from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analytics_platform_tests.streams.world import Home


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANALYTICS_LISTENER_SECRET", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def make_home(tmp_path: Path) -> Callable[..., Home]:
    """A home with other settings."""

    def made(**options: Any) -> Home:
        return Home(tmp_path / "other", **options)

    return made
