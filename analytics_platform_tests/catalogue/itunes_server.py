"""Apple's iTunes Search API: songs for a search text, as text/javascript, 403 when it is asked too often."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from analytics_platform_tests.catalogue.servers import Handler, serving


def song(track_id: int, title: str, artist: str, **changes: object) -> dict[str, object]:
    """A song with the fields that Apple sends."""
    return {
        "wrapperType": "track",
        "kind": "song",
        "artistId": 909253,
        "trackId": track_id,
        "artistName": artist,
        "collectionName": "In Between Dreams",
        "trackName": title,
        "previewUrl": f"https://audio-ssl.itunes.apple.com/itunes-assets/AudioPreview/{track_id}.plus.aac.p.m4a",
        "trackTimeMillis": 207_679,
        "country": "DEU",
        **changes,
    }


class ITunesServer:
    def __init__(self) -> None:
        self.songs: list[object] = []
        self.raw: tuple[int, bytes, dict[str, str]] | None = None
        self.queries: list[dict[str, list[str]]] = []
        self.base_url = ""

    def respond(self, handler: Handler) -> None:
        parts = urlsplit(handler.path)
        assert parts.path == "/search"
        self.queries.append(parse_qs(parts.query))
        if self.raw:
            status, body, headers = self.raw
            handler.answer(status, body, **headers)
        else:
            body = json.dumps({"resultCount": len(self.songs), "results": self.songs}).encode()
            handler.answer(200, b"\n\n\n" + body, Content_Type="text/javascript; charset=utf-8")


@contextmanager
def itunes_server() -> Generator[ITunesServer]:
    server = ITunesServer()
    with serving(server.respond) as port:
        server.base_url = f"http://127.0.0.1:{port}"
        yield server
