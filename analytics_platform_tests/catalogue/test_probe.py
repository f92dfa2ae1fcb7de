"""What an application may do is found out in three calls, and never guessed from a refusal to answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics_platform.catalogue.journal import Journal
from analytics_platform.catalogue.limiter import Limiter, Limits
from analytics_platform.catalogue.probe import Capabilities, probe
from analytics_platform_tests.catalogue.spotify_server import Reply, SpotifyServer, refused, said, throttled
from analytics_platform_tests.catalogue.spotify_world import World
from analytics_platform_tests.catalogue.tools import START, Clock, client_of


def probed(server: SpotifyServer, path: Path, per_day: int = 100) -> Capabilities:
    clock = Clock()
    limiter = Limiter(Journal(path / "j.sqlite"), "spotify", Limits(100, 30, per_day), 0.0, clock, clock.sleep)
    client = client_of(server)
    found = probe(client, limiter)
    client.close()
    assert len(limiter.journal.attempt_times("spotify")) == len(server.served) == found.calls
    assert all(len(pair) == 2 and all(pair) for pair in found.rows())
    return found


def test_the_two_modes(tmp_path: Path) -> None:
    with SpotifyServer(World(700)) as server:
        assert probed(server, tmp_path) == Capabilities("extended", True, True, True, 50, 50, calls=3)
    with SpotifyServer(World(700, development=True)) as server:
        assert probed(server, tmp_path / "other") == Capabilities("development", False, False, False, 10, 10, calls=3)


def test_an_application_that_is_neither(tmp_path: Path) -> None:
    with SpotifyServer(World(700)) as server:
        server.limits = 10
        found = probed(server, tmp_path)
    assert (found.mode, found.batch, found.popularity, found.search_limit) == ("extended", True, True, 10)


@pytest.mark.parametrize("answered", [0, 1, 2])
@pytest.mark.parametrize("development", [False, True])
@pytest.mark.parametrize(
    "trouble", [throttled("600"), throttled("600", "QUOTA_EXCEEDED"), refused(500, "Oops"), Reply(drop=True)]
)
def test_who_did_not_answer_did_not_say_development(
    tmp_path: Path, answered: int, development: bool, trouble: Reply
) -> None:
    """However far the probe came before."""
    world = World(700, development=development)
    with SpotifyServer(world) as server:
        first = [refused(400, "Invalid limit"), said(world.search("x", 10, 0))] if development else []
        first += [] if development else [said(world.search("x", 50, 0)), said({"tracks": [None]})]
        server.planned.extend([*first[:answered], trouble])
        found = probed(server, tmp_path)
    assert found.mode == ("extended" if answered == 2 and not development else "unknown")
    assert found.batch is (True if found.mode == "extended" else None)
    assert found.albums_limit == 10
    assert found.reason
    assert found.resume_at == (START + 600 if trouble.status == 429 else None)


def test_no_call_beyond_the_budget(tmp_path: Path) -> None:
    with SpotifyServer(World(700)) as server:
        found = probed(server, tmp_path, per_day=1)
    assert (found.mode, found.popularity, found.calls) == ("unknown", True, 1)
    assert found.resume_at == START + 86_400


@pytest.mark.parametrize("payload", [{}, {"tracks": None}, {"tracks": {"items": [None, 3, {}]}}, {"tracks": []}])
def test_odd_answers_leave_it_unknown(tmp_path: Path, payload: object) -> None:
    with SpotifyServer(World(700)) as server:
        server.planned.append(said(payload))
        assert probed(server, tmp_path).mode == "unknown"
