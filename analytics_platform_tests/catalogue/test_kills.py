"""A crawl that is killed three times ends as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics_platform.catalogue.limiter import Limits
from analytics_platform_tests.catalogue.kills import crawl_with_kills


@pytest.mark.parametrize("development", [False, True], ids=["extended", "development"])
def test_three_kills_lose_nothing_repeat_nothing_and_keep_the_budget(tmp_path: Path, development: bool) -> None:
    limits = Limits(20, 30, 90)
    tracks = 324
    # In batches of 50 there are far fewer calls than tracks.
    kill_at = [30, 160, 290] if development else [8, 25, 45]
    found = crawl_with_kills(tmp_path, tracks, limits, kill_at=kill_at, fault_share=0.03, development=development)
    assert (found.tracks, found.lost, found.queued_twice, found.wrong) == (tracks, 0, 0, 0)
    assert found.outcomes.keys() == {"ok"}
    assert found.most_in_a_window <= limits.calls and found.most_in_a_day <= 90 and found.beyond_quota == 0
    assert found.days >= (5 if development else 1)
    assert found.served <= found.calls <= found.served + 3
    assert found.answered_twice <= 3
