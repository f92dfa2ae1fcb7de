"""Apple's iTunes Search API, by artist and title: it answers without ISRC, so every match has a score."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics_platform.catalogue.deezer import seconds
from analytics_platform.catalogue.http_logs import redact_http_logs
from analytics_platform.catalogue.matching import Recording, match_score
from analytics_platform.catalogue.requests import Answer

API = "https://itunes.apple.com"
TIMEOUT_S = 10.0
RESULTS = 25
MAX_ANSWER_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Match:
    """The likeliest of the songs found, however likely."""

    track_id: str
    score: float
    """0 to 1, as of ``match_score``."""
    address: str | None
    """Of the preview; None if it has none."""


class ITunes:
    """A client for the store of one country."""

    def __init__(self, country: str, base_url: str = API, *, timeout_s: float = TIMEOUT_S) -> None:
        """Country by its ISO 3166 code of two letters; ``ValueError`` for anything else."""
        import httpx

        if not re.fullmatch("[A-Za-z]{2}", country):
            raise ValueError("the country is a code of two letters, like DE")
        redact_http_logs()
        self._country = country.upper()
        self._client = httpx.Client(base_url=base_url, timeout=timeout_s, follow_redirects=False)

    def ask(self, text: str) -> Answer:
        """Songs for a search text; ``payload`` holds ``results``.

        Apple asks for about 20 calls a minute at most and answers more of them with 403 as well as with 429.
        There is no account that could lack a permission, so both are ``throttled``.
        """
        import httpx

        query: dict[str, str | int] = {
            "term": text,
            "media": "music",
            "entity": "song",
            "limit": RESULTS,
            "country": self._country,
        }
        try:
            with self._client.stream("GET", "/search", params=query) as response:
                status = response.status_code
                if status in {403, 429}:
                    wait = seconds(response.headers)
                    return Answer("throttled", status, f"Apple answered {status}: too many requests", None, wait)
                if status != 200:
                    return Answer("error", status, f"Apple answered {status}", None, seconds(response.headers))
                body = bytearray()
                for chunk in response.iter_bytes(65536):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        return Answer("error", status, "Apple's answer is too large")
        except httpx.TimeoutException:
            return Answer("error", reason="Apple took too long")
        except httpx.HTTPError as error:
            return Answer("error", reason=f"the connection to Apple failed: {type(error).__name__}")
        try:
            found = json.loads(body)["results"]
            results = [kept for song in found if (kept := _kept(song))]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return Answer("error", status, f"Apple's answer can't be read: {type(error).__name__}")
        if not results:
            return Answer("absent", status, "Apple finds no such song")
        return Answer("ok", status, payload={"results": results})

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def search_text(wanted: Recording) -> str:
    """What is searched for. Additions in brackets stay: they tell the versions apart."""
    return " ".join(f"{wanted.artist} {wanted.title}".split())[:200]


def best_match(wanted: Recording, payload: Mapping[str, Any]) -> Match | None:
    """The likeliest of the results, one with a preview first; None if there are none."""
    matches = [
        Match(str(song["trackId"]), match_score(wanted, _recording(song)), song["previewUrl"])
        for song in payload["results"]
    ]
    return max(matches, key=lambda match: (match.score, match.address is not None), default=None)


def _recording(song: Mapping[str, Any]) -> Recording:
    length = song["trackTimeMillis"]
    return Recording(song["trackName"], song["artistName"], length and length / 1000, song["collectionName"] or "")


def _kept(song: Any) -> dict[str, Any] | None:
    """The fields that are used, if it is a song with an id, a title and an artist.

    Apple's previews have plain addresses for everybody, so they can stay in an answer that is stored. One with a
    query might be signed: it is left out.
    """
    if not isinstance(song, dict) or song.get("kind", "song") != "song":
        return None
    track_id, title, artist = song.get("trackId"), song.get("trackName"), song.get("artistName")
    if isinstance(track_id, bool) or not isinstance(track_id, int):
        return None
    if not isinstance(title, str) or not isinstance(artist, str):
        return None
    length, address, collection = song.get("trackTimeMillis"), song.get("previewUrl"), song.get("collectionName")
    timed = isinstance(length, int | float) and not isinstance(length, bool) and 0 < length < 1e9
    return {
        "trackId": track_id,
        "trackName": title,
        "artistName": artist,
        "collectionName": collection if isinstance(collection, str) else None,
        "trackTimeMillis": length if timed else None,
        "previewUrl": address if isinstance(address, str) and address and not {"?", "#"} & set(address) else None,
    }
