"""Spotify's Web API on the loopback: a real HTTP server that real spotipy talks to."""

from __future__ import annotations

import base64
import json
import random
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from analytics_platform_tests.catalogue.spotify_world import World

CLIENT_ID, CLIENT_SECRET = "client-of-the-tests", "s3cret-of-the-tests"
BASIC = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


@dataclass(frozen=True)
class Reply:
    """One answer; ``hang_s`` waits first, ``drop`` closes the connection instead of answering."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    drop: bool = False


def said(payload: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(payload).encode(), {"Content-Type": "application/json", **headers})


def refused(status: int, message: str, reason: str | None = None, **headers: str) -> Reply:
    error: dict[str, Any] = {"status": status, "message": message}
    if reason is not None:
        error["reason"] = reason
    return said({"error": error}, status, **headers)


def throttled(after: str | None = None, reason: str | None = None) -> Reply:
    return refused(429, "Too many requests", reason, **({} if after is None else {"Retry-After": after}))


FAULTS = (
    refused(500, "Internal server error"),
    refused(503, "Service unavailable"),
    throttled("3"),
    throttled(),
    Reply(200, b'{"tracks": {"items": [{"id": "T000', {"Content-Type": "application/json"}),
    Reply(drop=True),
)


@dataclass(frozen=True)
class Served:
    """One call as it came in. ``target`` is the path with its query."""

    at: float
    target: str
    status: int
    whole: bool
    """True if it was answered with what was asked for."""


class SpotifyServer:
    """Serves a world. Use as a context manager; ``api_url`` and ``token_url`` are for the client.

    ``planned`` answers come first, one per call of the API (``planned_tokens`` for the token endpoint);
    then ``fault_share`` of the calls fail, by a seeded draw. ``quota``: calls per window of so many
    seconds, and per day; beyond it 429. ``limits`` are the page limits of search and artists' albums.
    """

    def __init__(
        self,
        world: World,
        *,
        fault_share: float = 0.0,
        seed: int = 0,
        quota: tuple[int, float, int] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.world = world
        self.limits = 10 if world.development else 50
        self.fault_share, self.quota, self.clock = fault_share, quota, clock
        self.planned: deque[Reply] = deque()
        self.planned_tokens: deque[Reply] = deque()
        self.served: list[Served] = []
        self.beyond_quota = 0
        self.tokens = 0
        self.valid_from = 1
        self.token_life_s = 3600
        self._per_day: Counter[float] = Counter()
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self._server.server_port}"
        self.api_url, self.token_url = f"{self.host}/v1/", f"{self.host}/api/token"
        world.host = self.host
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> SpotifyServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def expire_tokens(self) -> None:
        """Tokens given so far are refused from now on."""
        self.valid_from = self.tokens + 1

    def targets(self, start: str = "") -> list[str]:
        """What was asked of the API, in order."""
        return [call.target for call in self.served if call.target.startswith(start)]

    def token(self, authorization: str) -> Reply:
        with self._lock:
            if self.planned_tokens:
                return self.planned_tokens.popleft()
            if authorization != f"Basic {BASIC}":
                return said({"error": "invalid_client", "error_description": "Invalid client secret"}, 400)
            self.tokens += 1
            token = {"access_token": f"BQ-token-{self.tokens:04d}_x", "token_type": "Bearer"}
            return said({**token, "expires_in": self.token_life_s})

    def answer(self, target: str, authorization: str) -> Reply:
        with self._lock:
            now = self.clock()
            reply = self._answer(target, authorization, now)
            self.served.append(Served(now, target, reply.status, reply.status == 200 and reply not in FAULTS))
            self._per_day[now // 86_400] += 1
        if reply.hang_s:
            self._closing.wait(reply.hang_s)
        return reply

    def _answer(self, target: str, authorization: str, now: float) -> Reply:
        if self.planned:
            return self.planned.popleft()
        if self.quota is not None:
            calls, seconds, per_day = self.quota
            recent = 0
            for call in reversed(self.served):
                if call.at <= now - seconds or recent >= calls:
                    break
                recent += 1
            if recent >= calls:
                self.beyond_quota += 1
                return throttled(str(int(seconds)))
            day = now // 86_400
            if self._per_day[day] >= per_day:
                self.beyond_quota += 1
                return throttled(str(int((day + 1) * 86_400 - now) + 1), "QUOTA_EXCEEDED")
        if self.fault_share and self._draw.random() < self.fault_share:
            return self._draw.choice(FAULTS)
        number = authorization.removeprefix("Bearer BQ-token-").removesuffix("_x")
        if not number.isdigit() or int(number) < self.valid_from:
            return refused(401, "The access token expired")
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        return self._found([part for part in url.path.split("/") if part][1:], query)

    def _found(self, path: list[str], query: dict[str, str]) -> Reply:
        world = self.world
        limit, offset = int(query.get("limit", 5)), int(query.get("offset", 0))
        own_limit = path[0] == "search" or path[2:] == ["albums"]
        if not 1 <= limit <= (self.limits if own_limit else 50):
            return refused(400, "Invalid limit")
        match path:
            case ["search"]:
                if offset + limit > 1000:
                    return refused(400, "Invalid offset")
                return said(world.search(query["q"], limit, offset))
            case ["tracks"]:
                if world.development:
                    return refused(403, "Forbidden")
                ids = query["ids"].split(",")
                if len(ids) > 50:
                    return refused(400, "Too many ids requested")
                if not all(identity.isalnum() and len(identity) == 22 for identity in ids):
                    return refused(400, "Invalid base62 id")
                numbers = [(world.number("track", identity), identity) for identity in ids]
                return said({"tracks": [None if n is None else world.track(n, asked) for n, asked in numbers]})
            case ["playlists", playlist, "items"]:
                return said(world.playlist_items(playlist, limit, offset))
            case [("tracks" | "albums" | "artists") as kind, identity, *rest]:
                number = world.number(kind[:-1], identity)
                if len(identity) != 22:
                    return refused(400, "Invalid base62 id")
                if number is None:
                    return refused(404, "Resource not found")
                match kind, rest:
                    case "tracks", []:
                        return said(world.track(number, identity))
                    case "artists", []:
                        return said(world.artist(number))
                    case "albums", []:
                        return said(world.album(number))
                    case "artists", ["albums"]:
                        return said(world.artist_albums(number, limit, offset))
                    case "albums", ["tracks"]:
                        return said(world.album_tracks(number, limit, offset))
                    case _:
                        return refused(404, "Service not found")
            case _:
                return refused(404, "Service not found")


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that was killed
            super().handle_error(request, client_address)


def _handler(server: SpotifyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._send(server.token(self.headers.get("Authorization", "")))

        def do_GET(self) -> None:
            self._send(server.answer(self.path, self.headers.get("Authorization", "")))

        def _send(self, reply: Reply) -> None:
            if reply.drop or server._closing.is_set():
                self.close_connection = True
                return
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
                self.close_connection = "Content-Length" in reply.headers  # too long: the end never comes
            except OSError:  # the client has gone: timed out, or killed
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
