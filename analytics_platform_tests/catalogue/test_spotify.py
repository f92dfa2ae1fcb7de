"""Every way in which Spotify can answer is one outcome, after one call, and no secret gets out."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics_platform.catalogue.requests import Answer
from analytics_platform.catalogue.spotify import QUOTA_PAUSE_S, CredentialsError, SpotifyClient, retry_after_s
from analytics_platform_tests.catalogue.spotify_server import (
    BASIC,
    CLIENT_ID,
    CLIENT_SECRET,
    Reply,
    SpotifyServer,
    refused,
    said,
    throttled,
)
from analytics_platform_tests.catalogue.spotify_world import World, album_id, artist_id, isrc_of, replaced_id, track_id
from analytics_platform_tests.catalogue.tools import client_of


@pytest.fixture
def server() -> Iterator[SpotifyServer]:
    with SpotifyServer(World(700)) as running:
        yield running


@pytest.fixture
def client(server: SpotifyServer) -> Iterator[SpotifyClient]:
    running = client_of(server, timeout_s=5.0)
    yield running
    running.close()


def test_every_call_reaches_what_it_names(client: SpotifyClient, server: SpotifyServer) -> None:
    assert client.track(track_id(3)).payload == server.world.track(3)
    assert client.tracks([track_id(3), track_id(699), track_id(700)]).payload == {
        "tracks": [server.world.track(3), server.world.track(699), None]
    }
    assert client.artist(artist_id(0)).payload == server.world.artist(0)
    assert client.artist_albums(artist_id(0), limit=2, offset=4).payload == server.world.artist_albums(0, 2, 4)
    assert client.album(album_id(3)).payload == server.world.album(3)
    assert client.album_tracks(album_id(3), limit=50, offset=50).payload == server.world.album_tracks(3, 50, 50)
    assert client.playlist_items("P1", limit=50, offset=50).payload == server.world.playlist_items("P1", 50, 50)
    found = client.search(f"isrc:{isrc_of(5)}", limit=10)
    assert found.outcome == "ok" and found.status == 200 and found.payload is not None
    assert found.payload["tracks"]["items"][0]["external_ids"]["isrc"] == isrc_of(5)
    relinked = client.track(replaced_id(9)).payload
    assert relinked is not None and relinked["id"] == track_id(9)


@pytest.mark.parametrize(
    ("reply", "outcome", "status", "wait"),
    [
        (refused(400, "Invalid limit"), "error", 400, None),
        (Reply(400), "error", 400, None),
        (refused(403, "Forbidden"), "forbidden", 403, None),
        (refused(404, "Resource not found"), "absent", 404, None),
        (throttled("7"), "throttled", 429, 7),
        (throttled("74214", "QUOTA_EXCEEDED"), "throttled", 429, 74_214),
        (throttled(), "throttled", 429, None),
        (throttled(reason="QUOTA_EXCEEDED"), "throttled", 429, QUOTA_PAUSE_S),
        (throttled("soon"), "throttled", 429, None),
        (throttled("-5"), "throttled", 429, 0),
        (Reply(429, b"<html>slow down</html>"), "throttled", 429, None),
        (Reply(429, b'["odd"]', {"Retry-After": "9"}), "throttled", 429, 9),
        (said({"error": "text"}, 429), "throttled", 429, None),
        (said({"error": "text"}, 404), "error", 404, None),
        (refused(404, "Service not found"), "error", 404, None),
        (Reply(404, b"<html>no such site</html>"), "error", 404, None),
        (Reply(403, b"blocked by the firewall"), "error", 403, None),
        (Reply(200, b'{"id": "T1"', {"Content-Length": "99"}), "error", None, None),
        (refused(500, "Oops"), "error", 500, None),
        (refused(503, "Down", None, **{"Retry-After": "20"}), "error", 503, 20),
        (Reply(502, b"<html>Bad gateway</html>"), "error", 502, None),
        (Reply(200, b'{"id": "T0'), "error", 200, None),
        (Reply(200, b""), "error", 200, None),
        (Reply(200, b"[1, 2]"), "error", 200, None),
        (Reply(drop=True), "error", None, None),
        (Reply(hang_s=30), "error", None, None),
    ],
)
def test_one_call_one_typed_answer(
    server: SpotifyServer, reply: Reply, outcome: str, status: int | None, wait: float | None
) -> None:
    client = client_of(server, timeout_s=0.2 if reply.hang_s else 5.0)
    server.planned.append(reply)
    answer = client.track(track_id(1))
    assert (answer.outcome, answer.status, answer.retry_after_s) == (outcome, status, wait)
    assert answer.payload is None and answer.reason
    assert len(server.served) == 1
    assert client.track(track_id(1)).outcome == "ok"
    client.close()


def test_the_reason_says_when_the_quota_is_used_up(client: SpotifyClient, server: SpotifyServer) -> None:
    server.planned.append(throttled(reason="QUOTA_EXCEEDED"))
    assert client.track(track_id(1)).reason == "Too many requests (QUOTA_EXCEEDED)"


def test_nobody_listens(server: SpotifyServer) -> None:
    client = SpotifyClient("a", "b", api_url="http://127.0.0.1:1/v1/", token_url=server.token_url)
    server.planned_tokens.append(said({"access_token": "x", "token_type": "Bearer", "expires_in": 3600}))
    assert client.track(track_id(1)) == Answer("error", None, "ConnectionError")


def test_an_id_that_no_track_can_have_is_an_error_without_a_call(client: SpotifyClient, server: SpotifyServer) -> None:
    assert client.track("no/such?id").status == 400
    assert server.served == []


def test_a_token_that_ends_before_its_time_is_fetched_anew_once(client: SpotifyClient, server: SpotifyServer) -> None:
    assert client.track(track_id(1)).outcome == "ok"
    server.expire_tokens()
    refusal = client.track(track_id(1))
    assert (refusal.outcome, refusal.status, refusal.retry_after_s) == ("error", 401, 0)
    assert client.track(track_id(1)).outcome == "ok"
    assert server.tokens == 2
    server.expire_tokens()
    assert [client.track(track_id(1)).outcome for _ in range(2)] == ["error", "ok"]


def test_new_tokens_that_are_refused_too_end_the_run(client: SpotifyClient, server: SpotifyServer) -> None:
    server.valid_from = 100
    assert client.track(track_id(1)).status == 401
    with pytest.raises(CredentialsError):
        client.track(track_id(1))


def test_a_token_that_lives_a_minute_is_not_asked_for_in_vain(client: SpotifyClient, server: SpotifyServer) -> None:
    server.token_life_s = 30
    assert [client.track(track_id(1)).outcome for _ in range(2)] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(503, b"<html></html>"), "error"),
        (Reply(404, b"<html></html>"), "error"),
        (refused(404, "Not found"), "error"),
        (Reply(429, b"", {"Retry-After": "4"}), "throttled"),
        (Reply(200, b"no json"), "error"),
        (said({"token_type": "Bearer"}), "error"),
        (said(["odd"]), "error"),
        (said({"access_token": None, "expires_in": None}), "error"),
        (Reply(drop=True), "error"),
        (Reply(hang_s=30), "error"),
    ],
)
def test_trouble_at_the_token_endpoint_is_trouble_and_no_answer(
    server: SpotifyServer, reply: Reply, outcome: str
) -> None:
    client = client_of(server, timeout_s=0.2 if reply.hang_s else 5.0)
    server.planned_tokens.append(reply)
    answer = client.track(track_id(1))
    assert answer.outcome == outcome
    assert answer.reason is not None and answer.reason.startswith("token")
    assert answer.retry_after_s == (4 if outcome == "throttled" else None)
    assert client.track(track_id(1)).outcome == "ok"


class Everything(logging.Handler):
    """Keeps what is logged, as it would be written, with the traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {self.format(record)} {record.args} {record.exc_text}")


def test_no_secret_in_any_log_or_error(server: SpotifyServer) -> None:
    everything = Everything()
    root = logging.getLogger()
    level = root.level
    root.addHandler(everything)
    root.setLevel(logging.DEBUG)
    texts: list[str] = []
    try:
        client = client_of(server)
        for reply in [
            None,
            refused(404, "no"),
            throttled("1"),
            refused(500, f"Bearer BQ-token-0001_x and {BASIC} and {CLIENT_SECRET}"),
            Reply(500, f"Authorization: Basic {BASIC}".encode()),
            Reply(drop=True),
        ]:
            if reply is not None:
                server.planned.append(reply)
            texts.append(repr(client.search("year:2021", limit=5)))
        server.expire_tokens()
        texts += [repr(client.track(track_id(1))) for _ in range(2)]
        server.planned_tokens.append(
            said({"error": f"{CLIENT_SECRET} is wrong", "error_description": f"Basic {BASIC}"}, 400)
        )
        other = SpotifyClient(CLIENT_ID, CLIENT_SECRET, api_url=server.api_url, token_url=server.token_url)
        try:
            other.track(track_id(1))
        except CredentialsError as error:
            texts += ["".join(traceback.format_exception(error)), repr(error), repr(error.__context__)]
        texts += [repr(client), repr(other)]
    finally:
        root.removeHandler(everything)
        root.setLevel(level)
    logged = "\n".join(everything.lines)
    # The libraries did log what they send, so that there was something to hide.
    assert "Sending GET" in logged and "Sending POST" in logged and "connectionpool" in logged
    for text in (logged, *texts):
        for secret in (CLIENT_SECRET, BASIC, "BQ-token-"):
            assert secret not in text
    assert any("CredentialsError" in text for text in texts)


def test_an_absent_track_is_no_error_in_the_log(
    client: SpotifyClient, caplog: pytest.LogCaptureFixture, server: SpotifyServer
) -> None:
    with caplog.at_level(logging.INFO):
        server.planned.append(refused(404, "no"))
        client.track(track_id(1))
    assert [r for r in caplog.records if r.levelno >= logging.INFO] == []


def test_nothing_is_written_beside_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: SpotifyServer
) -> None:
    monkeypatch.chdir(tmp_path)
    client = client_of(server)
    assert client.track(track_id(1)).outcome == "ok"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("12", 12),
        (" 1.5 ", 1.5),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thu, 01 Jan 2020 00:01:00 GMT", 0),
        ("inf", None),
        ("nan", None),
        ("", None),
        ("tomorrow", None),
    ],
)
def test_retry_after_in_its_shapes(header: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": header}, datetime(2026, 1, 1, tzinfo=UTC)) == seconds
    assert retry_after_s({}) is None
