"""Clips and homes that several files learn from, made once."""

from __future__ import annotations

import pytest

from analytics_platform.settings import Settings
from analytics_platform.taste.training_step import Learnt
from analytics_platform_tests.taste import sounds, taste_homes


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> sounds.Heard:
    return sounds.heard(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Learnt]:
    """A home where taste was learnt once, and what the step did; copy it to change it."""
    settings = taste_homes.make_home(tmp_path_factory.mktemp("taste") / "home")
    return settings, taste_homes.train(settings)
