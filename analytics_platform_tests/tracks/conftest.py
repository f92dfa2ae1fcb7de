"""Tracks that several files train on; their shards are written once."""

from __future__ import annotations

import pytest

from analytics_platform.tracks.track_data import TrackData
from analytics_platform_tests.tracks import worlds


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrackData:
    return worlds.tracks(tmp_path_factory.mktemp("sound"))
