"""Deezer by ISRC, through deezer-python: what it says of a track, and where its preview lies for the next minutes.

The address of a preview is signed and expires after about 15 minutes. It is never part of an answer: ``ask``
keeps it in memory until ``take_address`` hands it out, once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from analytics_platform.catalogue.clips import isrc_of
from analytics_platform.catalogue.http_logs import redact_http_logs
from analytics_platform.catalogue.requests import Answer, Outcome
from analytics_platform.catalogue.tables import POPULARITY_SNAPSHOTS, TRACKS
from analytics_platform.lakehouse.frames import frame_of

if TYPE_CHECKING:
    import polars as pl

API = "https://api.deezer.com"
TIMEOUT_S = 10.0
MAX_ADDRESSES = 1000
ADDRESS_LIFE_S = 600.0
"""An address is not handed out when older; Deezer's last about 900 s."""

_CODES: Mapping[int, tuple[Outcome, str]] = {
    4: ("throttled", "quota of requests used up"),
    200: ("forbidden", "no permission"),
    300: ("forbidden", "token not valid"),
    800: ("absent", "no such track"),
}
"""Deezer's own error codes, which come with HTTP status 200; every other code is an error."""


class Deezer:
    """A client. Safe to share between threads."""

    def __init__(
        self, base_url: str = API, *, timeout_s: float = TIMEOUT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        import deezer

        redact_http_logs()
        self._client: Any = deezer.Client()
        self._client.base_url = base_url
        self._client.timeout = timeout_s
        self._clock = clock
        self._addresses: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def ask(self, isrc: str) -> Answer:
        """What Deezer says of a recording; ``payload`` holds ``has_preview``, never the address.

        ``take_address`` has the address afterwards, if there is one.

        Raises:
            ValueError: that is no ISRC.
        """
        if isrc_of(isrc) != isrc:
            raise ValueError("not an ISRC of 12 characters")
        import httpx
        from deezer.exceptions import DeezerErrorResponse, DeezerHTTPError

        with self._lock:
            self._addresses.pop(isrc, None)
        try:
            track = self._client.get_track(f"isrc:{isrc}")
            found: dict[str, Any] = track.as_dict()
        except DeezerErrorResponse as error:
            return _refusal(error.json_data)
        except DeezerHTTPError as error:
            return _http_failure(error.__cause__)
        except httpx.TimeoutException:
            return Answer("error", reason="Deezer took too long")
        except httpx.HTTPError as error:
            return Answer("error", reason=f"the connection to Deezer failed: {type(error).__name__}")
        except Exception as error:
            # No JSON, or JSON of a shape that the client trips over: it checks nothing, so anything can come.
            return Answer("error", 200, f"Deezer's answer can't be read: {type(error).__name__}")
        payload = _kept(found)
        if payload is None:
            return Answer("error", 200, "Deezer's answer lacks the id or the title")
        if payload["isrc"] not in {None, isrc}:
            return Answer("error", 200, "Deezer answered with another recording")
        if payload["has_preview"]:
            with self._lock:
                self._addresses[isrc] = (str(found["preview"]), self._clock())
                if len(self._addresses) > MAX_ADDRESSES:
                    # Nobody came for the oldest.
                    del self._addresses[next(iter(self._addresses))]
        return Answer("ok", 200, payload=payload)

    def take_address(self, isrc: str) -> str | None:
        """Address of the preview from the last ``ask``, once; None if there was none or it is old by now."""
        with self._lock:
            address, at = self._addresses.pop(isrc, (None, 0.0))
        return address if self._clock() - at < ADDRESS_LIFE_S else None

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _refusal(body: Mapping[str, Any]) -> Answer:
    """An error that came as JSON."""
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, bool) or not isinstance(code, int):
        return Answer("error", 200, "Deezer reports an error without a code")
    outcome, words = _CODES.get(code, ("error", "error"))
    return Answer(outcome, 200, f"Deezer: {words} (code {code})")


def _http_failure(error: BaseException | None) -> Answer:
    """An error by HTTP status. A 404 is no word on the track: Deezer says that with code 800."""
    import httpx

    if not isinstance(error, httpx.HTTPStatusError):
        return Answer("error", reason="Deezer's answer can't be read")
    status = error.response.status_code
    outcome: Outcome = "throttled" if status == 429 else "forbidden" if status in {401, 403} else "error"
    return Answer(outcome, status, f"Deezer answered {status}", retry_after_s=seconds(error.response.headers))


def seconds(headers: Mapping[str, str]) -> float | None:
    """The header Retry-After in seconds; None if it is missing or a date."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _kept(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is kept of an answer: named fields of the right type, so that no address slips through."""
    track_id, title = found.get("id"), _text(found.get("title"))
    if isinstance(track_id, bool) or not isinstance(track_id, int) or title is None:
        return None
    artist, album = _mapping(found.get("artist")), _mapping(found.get("album"))
    contributors = found.get("contributors")
    others = [_mapping(other) for other in contributors] if isinstance(contributors, list) else []
    released = found.get("release_date") or album.get("release_date")
    return {
        "id": track_id,
        "title": title,
        "isrc": isrc_of(_text(found.get("isrc")) or ""),
        "duration": _number(found.get("duration")),
        "rank": _number(found.get("rank")),
        "bpm": _number(found.get("bpm")),
        "gain": _number(found.get("gain"), lowest=-200.0),
        "release_date": _text(released),
        "explicit_lyrics": explicit if isinstance(explicit := found.get("explicit_lyrics"), bool) else None,
        "has_preview": bool(_text(found.get("preview"))),
        "artist": {"id": artist.get("id"), "name": _text(artist.get("name"))},
        "contributors": [{"id": other.get("id"), "name": _text(other.get("name"))} for other in others],
        "album": {"id": album.get("id"), "title": _text(album.get("title"))},
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _number(value: Any, lowest: float = 0.0) -> float | None:
    """A finite number from ``lowest`` up."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value < 1e15:
        return None
    return float(value)


def _id(value: Any) -> str | None:
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None


def _date(text: str | None) -> date | None:
    """The day; None if there is none, or none that exists (Deezer writes 0000-00-00)."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def tracks_of(answers: Iterable[tuple[str, Mapping[str, Any], datetime]]) -> pl.DataFrame:
    """Rows of ``catalogue.tracks``, one per track.

    Args:
        answers: what was asked for (ISRC), the payload of an ``ok`` answer, and when it came (UTC), in order of time.
    """
    rows: dict[str, dict[str, object]] = {}
    for isrc, payload, fetched_at in answers:
        artist = payload["artist"]
        first = artist["name"]
        others = dict.fromkeys(other["name"] for other in payload["contributors"] if other["name"])
        rows[str(payload["id"])] = {
            "source": "deezer",
            "source_track_id": str(payload["id"]),
            "requested_id": isrc,
            "isrc": payload["isrc"] or isrc,
            "title": payload["title"],
            "source_artist_id": _id(artist["id"]),
            "artist_name": first,
            "other_artists": "; ".join(name for name in others if name != first) or None,
            "source_album_id": _id(payload["album"]["id"]),
            "duration_s": payload["duration"],
            "is_explicit": payload["explicit_lyrics"],
            "release_date": _date(payload["release_date"]),
            "has_preview": payload["has_preview"],
            "fetched_at": fetched_at,
        }
    return frame_of(TRACKS, rows.values())


def popularity_of(answers: Iterable[tuple[str, Mapping[str, Any], datetime]]) -> pl.DataFrame:
    """Rows of ``catalogue.popularity_snapshots``: the rank of each track, the last of each day.

    Deezer names no largest rank. Values up to about a million are seen, but that is no promise: the scale's
    maximum stays null, and the rank is read as a percentile among the ranks of the day.
    """
    rows: dict[tuple[date, str], dict[str, object]] = {}
    for isrc, payload, observed_at in answers:
        if payload["rank"] is None:
            continue
        track = str(payload["id"])
        rows[observed_at.date(), track] = {
            "observed_on": observed_at.date(),
            "source": "deezer",
            "measure": "rank",
            "subject": "track",
            "source_id": track,
            "isrc": payload["isrc"] or isrc,
            "value": payload["rank"],
            "scale_maximum": None,
            "observed_at": observed_at,
        }
    return frame_of(POPULARITY_SNAPSHOTS, rows.values())
