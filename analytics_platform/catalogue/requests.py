"""What is asked of an outside catalogue, and how it can answer: the words that all clients of the room share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["ok", "absent", "forbidden", "throttled", "error"]
"""``absent``: the source says there is none. ``throttled``: it did not say; never to be taken for absent."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask: a track, or one page of a list. Equal requests are the same request."""

    source: str
    """``spotify``, ``deezer`` or ``itunes``."""
    kind: str
    """What is asked for, like ``isrc``, ``artist_albums``."""
    subject: str
    """Of what: an ISRC, the source's id, or a search text."""
    offset: int = 0
    """First item of the page, for lists."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How the source answered one request."""

    outcome: Outcome
    status: int | None = None
    """HTTP status; None if no answer came."""
    reason: str | None = None
    """Why it is not ``ok``, in words; holds no secret and no address with a signature."""
    payload: dict[str, Any] | None = None
    """The JSON answer, if ``ok``."""
    retry_after_s: float | None = None
    """Seconds to wait before asking again, if the source said so."""
