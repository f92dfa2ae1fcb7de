"""What this application may do at Spotify: found out by asking, since Spotify does not tell.

Development mode lost the batch calls, popularity and previews in 2026, and pages of search and of an
artist's albums hold 10 items instead of 50. A limit may also be changed for one application alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from analytics_platform.catalogue.limiter import Limiter
from analytics_platform.catalogue.requests import Answer
from analytics_platform.catalogue.spotify import SpotifyClient

Mode = Literal["extended", "development", "unknown"]
LARGE_PAGE, SMALL_PAGE = 50, 10
PROBE_SEARCH = "year:2020-2024"
"""Finds tracks whatever the country."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the application may do; None where it could not be found out."""

    mode: Mode = "unknown"
    """By the batch call: extended if it answers, development if it is forbidden."""
    batch: bool | None = None
    """Whether 50 tracks can be asked for in one call."""
    popularity: bool | None = None
    """Whether tracks carry their popularity."""
    previews: bool | None = None
    """Whether any of the first tracks found has a preview."""
    search_limit: int = SMALL_PAGE
    """Largest page of a search that is accepted."""
    albums_limit: int = SMALL_PAGE
    """Largest page of an artist's albums that is accepted."""
    calls: int = 0
    """Calls that the probe took."""
    reason: str | None = None
    """Why something could not be found out."""
    resume_at: float | None = None
    """When it is worth trying again, seconds since 1970; None if the probe was not held up."""

    def rows(self) -> list[tuple[str, str]]:
        """What was found out, as pairs to print."""

        def said(value: bool | None) -> str:
            return "not found out" if value is None else "yes" if value else "no"

        return [
            ("Mode", self.mode),
            ("Batches of 50 tracks", said(self.batch)),
            ("Popularity", said(self.popularity)),
            ("Previews", said(self.previews)),
            ("Search page", f"{self.search_limit} tracks"),
            ("Page of an artist's albums", f"{self.albums_limit} albums"),
            ("Calls", str(self.calls)),
            *([("Held up by", self.reason)] if self.reason else []),
        ]


def probe(client: SpotifyClient, limiter: Limiter) -> Capabilities:
    """Ask what the application may do, in three calls.

    A call that is throttled or fails ends the probe: what is not known stays unknown, with the small limits
    that every application accepts. The calls count in the limiter's budget.

    Raises:
        CredentialsError: Spotify refuses the credentials.
    """
    found: dict[str, Any] = {"calls": 0}

    def ask(call: Callable[[], Answer]) -> Answer | None:
        """The answer if it decides something; None, with the reason noted, if it does not."""
        resume_at = limiter.wait()
        if resume_at is not None:
            found.update(resume_at=resume_at, reason="the limits of calls, or a pause that Spotify demanded")
            return None
        answer = call()
        limiter.note(answer)
        found["calls"] += 1
        if answer.outcome in ("ok", "forbidden") or answer.status == 400:
            return answer
        found["reason"] = f"{answer.outcome}: {answer.reason}"
        if answer.outcome == "throttled":
            found["resume_at"] = limiter.free_at(limiter.clock())
        return None

    def search(limit: int) -> Answer | None:
        return ask(lambda: client.search(PROBE_SEARCH, limit=limit))

    answer = search(LARGE_PAGE)
    if answer is not None and answer.outcome == "ok":
        found["search_limit"] = LARGE_PAGE
    elif answer is not None and answer.status == 400:
        answer = search(SMALL_PAGE)
    items = _tracks(answer)
    if items:
        found["popularity"] = any("popularity" in item for item in items)
        found["previews"] = any(item.get("preview_url") for item in items)
        ids = [item["id"] for item in items if isinstance(item.get("id"), str)][:2]
        answer = ask(lambda: client.tracks(ids)) if ids else None
        if answer is not None and answer.outcome in ("ok", "forbidden"):
            found["batch"] = answer.outcome == "ok"
            found["mode"] = "extended" if found["batch"] else "development"
        artist = next((a for item in items for a in _artist_ids(item)), None)
        # The two limits were cut on the same day: where one is small, the other is not worth a call.
        if answer is not None and artist is not None and found.get("search_limit") == LARGE_PAGE:
            answer = ask(lambda: client.artist_albums(artist, limit=LARGE_PAGE))
            if answer is not None and answer.outcome == "ok":
                found["albums_limit"] = LARGE_PAGE
    elif answer is not None:
        found["reason"] = answer.reason or "the search found nothing"
    return Capabilities(**found)


def _tracks(answer: Answer | None) -> list[dict[str, Any]]:
    page = (answer.payload or {}).get("tracks") if answer else None
    items = page.get("items") if isinstance(page, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _artist_ids(track: dict[str, Any]) -> list[str]:
    artists = track.get("artists")
    ids = [a.get("id") for a in artists if isinstance(a, dict)] if isinstance(artists, list) else []
    return [i for i in ids if isinstance(i, str)]
