"""Deezer's API for tracks by ISRC, as it answers: errors with status 200, signed previews, release dates 0000-00-00."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from analytics_platform_tests.catalogue.servers import Handler, serving


def track(isrc: str, **changes: object) -> dict[str, object]:
    """A track with the fields that Deezer sends."""
    return {
        "id": 3135556,
        "readable": True,
        "title": "Harder, Better, Faster, Stronger",
        "title_short": "Harder, Better, Faster, Stronger",
        "isrc": isrc,
        "duration": 226,
        "rank": 793212,
        "release_date": "2001-03-07",
        "explicit_lyrics": False,
        "bpm": 123.4,
        "gain": -12.4,
        "preview": "",
        "contributors": [
            {"id": 27, "name": "Daft Punk", "type": "artist", "role": "Main", "tracklist": "https://x/artist/27/top"},
            {"id": 28, "name": "Edwin Birdsong", "type": "artist", "role": "Featured"},
        ],
        "artist": {"id": 27, "name": "Daft Punk", "type": "artist"},
        "album": {"id": 302127, "title": "Discovery", "type": "album", "release_date": "2001-03-07"},
        "type": "track",
        **changes,
    }


def error(code: object) -> dict[str, object]:
    return {"error": {"type": "Exception", "message": "something", "code": code}}


class DeezerServer:
    def __init__(self) -> None:
        self.tracks: dict[str, dict[str, object]] = {}
        self.raw: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        """ISRC → status, body, headers: to answer whatever one likes."""
        self.preview: Callable[[str], str] = lambda isrc: ""
        """ISRC → address that is put into the track, anew on every request."""
        self.asked = Counter[str]()
        self.base_url = ""

    def respond(self, handler: Handler) -> None:
        isrc = handler.path.removeprefix("/track/isrc:")
        self.asked[isrc] += 1
        if isrc in self.raw:
            status, body, headers = self.raw[isrc]
            handler.answer(status, body, **headers)
        else:
            found = self.tracks.get(isrc)
            answer = error(800) if found is None else {**found, "preview": self.preview(isrc) or found["preview"]}
            handler.answer(200, json.dumps(answer).encode(), Content_Type="application/json; charset=utf-8")


@contextmanager
def deezer_server() -> Generator[DeezerServer]:
    server = DeezerServer()
    with serving(server.respond) as port:
        server.base_url = f"http://127.0.0.1:{port}"
        yield server
