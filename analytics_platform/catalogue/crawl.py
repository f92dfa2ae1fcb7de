"""The crawl of Spotify: what the journal holds as due is asked, and what follows from the answers is queued.

    isrc            a search for the recording code; complete, nothing follows
    track           one track
    artist          one artist → the artist's albums
    artist_albums   a page of them → the albums, the next page
    album           an album with its first tracks → the tracks, the next page of them
    album_tracks    a page of an album's tracks → the tracks, the next page
    playlist_items  a page of a playlist; its tracks are complete → the next page
    search          a page of a search's tracks, complete → the next page, to offset 1,000

The tracks of an album carry no recording code: each is asked for, 50 in one call where that is allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analytics_platform.catalogue.limiter import Limiter
from analytics_platform.catalogue.probe import SMALL_PAGE, Capabilities
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.spotify import SpotifyClient

SOURCE = "spotify"
KINDS = ("isrc", "track", "artist", "artist_albums", "album", "album_tracks", "playlist_items", "search")
LISTS = ("artist_albums", "album_tracks", "playlist_items", "search")
PAGE = 50
"""Items of a page of an album's tracks or of a playlist, in every mode."""
BATCH = 50
SEARCH_END = 1000
"""No search answers beyond this many items."""


@dataclass(frozen=True, slots=True)
class Crawled:
    """How far a crawl came."""

    calls: int
    """Calls sent."""
    outcomes: dict[str, int]
    """Answers recorded, by outcome; a batch is as many answers as it has tracks."""
    resume_at: float | None
    """Seconds since 1970: nothing can be asked before; None if nothing is to be asked, or ``max_calls`` were sent."""
    left: int
    """Requests without an answer, or due again by now."""
    finished: bool
    """True if nothing is left."""


def crawl(
    client: SpotifyClient,
    limiter: Limiter,
    capabilities: Capabilities,
    *,
    follow: Collection[str] = KINDS,
    ask_again_after_s: float | None = None,
    max_calls: int | None = None,
    progress: Callable[[Request, Answer], None] | None = None,
) -> Crawled:
    """Ask what is due in the limiter's journal until nothing is, or until the next call is further off than it waits.

    Args:
        client: asks Spotify.
        limiter: paces the calls, for the source ``spotify``.
        capabilities: page sizes and whether batches work; both are given up for the run where Spotify refuses them.
        follow: kinds that may be queued because of an answer.
        ask_again_after_s: when a final answer is to be asked again; None for never.
        max_calls: end after so many calls.
        progress: told every recorded answer.

    Raises:
        CredentialsError: Spotify refuses the credentials; nothing is recorded of the request under way.
    """
    journal, clock = limiter.journal, limiter.clock
    outcomes: Counter[str] = Counter()
    calls = 0
    resume_at: float | None = None
    batch = capabilities.batch is True
    alone: set[Request] = set()
    while max_calls is None or calls < max_calls:
        due = journal.due(SOURCE, clock())
        if not due:
            due_at = journal.next_due_at(SOURCE)
            if due_at is None:
                break
            if due_at > clock() + limiter.max_wait_s:
                resume_at = max(due_at, limiter.free_at(clock()))
                break
            limiter.sleep(max(due_at - clock(), 0.0))
            continue
        if batch and due[0].kind == "track" and due[0] not in alone:
            due = [r for r in journal.due(SOURCE, clock(), limit=BATCH, kind="track") if r not in alone]
        resume_at = limiter.wait(due)
        if resume_at is not None:
            break
        calls += 1
        if len(due) == 1:
            answers = [(due[0], _ask(client, capabilities, due[0]))]
            whole = answers[0][1]
            if due[0].kind in ("isrc", "search", "artist_albums") and whole.status == 400:
                # The limit was cut since the probe. Small pages from now on; the answer stands if they are small.
                small = replace(capabilities, search_limit=SMALL_PAGE, albums_limit=SMALL_PAGE)
                if small != capabilities:
                    capabilities = small
                    limiter.note(whole)
                    continue
        else:
            whole = client.tracks([request.subject for request in due])
            # One bad id spoils a batch: each for itself.
            spoilt = whole.outcome in ("absent", "error") and whole.status in range(400, 500) and whole.status != 401
            if whole.outcome == "forbidden" or spoilt:
                batch = batch and spoilt
                alone.update(due)
                limiter.note(whole)
                continue
            answers = _split(due, whole)
        with journal.transaction():
            now = clock()
            limiter.note(whole)
            for request, answer in answers:
                again = None if ask_again_after_s is None else now + ask_again_after_s
                new = [f for f in follow_ups(request, answer) if f.kind in follow]
                journal.record(request, answer, now, follow_ups=new, ask_again_at=again)
        for request, answer in answers:
            outcomes[answer.outcome] += 1
            if progress is not None:
                progress(request, answer)
    left = journal.left(SOURCE, clock())
    return Crawled(calls, dict(sorted(outcomes.items())), resume_at, left, left == 0)


def _ask(client: SpotifyClient, capabilities: Capabilities, request: Request) -> Answer:
    subject, offset = request.subject, request.offset
    match request.kind:
        case "isrc":
            return _only_that_code(client.search(f"isrc:{subject}", limit=capabilities.search_limit), subject)
        case "track":
            return client.track(subject)
        case "artist":
            return client.artist(subject)
        case "artist_albums":
            return client.artist_albums(subject, limit=capabilities.albums_limit, offset=offset)
        case "album":
            return client.album(subject)
        case "album_tracks":
            return client.album_tracks(subject, limit=PAGE, offset=offset)
        case "playlist_items":
            return client.playlist_items(subject, limit=PAGE, offset=offset)
        case "search":
            limit = min(capabilities.search_limit, SEARCH_END - offset)
            return client.search(subject, limit=limit, offset=offset)
        case kind:
            raise ValueError(f"spotify has no kind of request {kind!r}")


def _only_that_code(answer: Answer, isrc: str) -> Answer:
    """``absent`` if the search found only recordings of other codes; a search is not exact."""
    if answer.outcome != "ok":
        return answer
    page = (answer.payload or {}).get("tracks")
    items = _dicts(page.get("items")) if isinstance(page, dict) else None
    if items is None or not isinstance(page, dict) or not isinstance(page.get("items"), list):
        return Answer("error", answer.status, "the answer holds no list of tracks")
    if any(code_of(item) in (None, isrc) for item in items):
        return answer
    reason = f"{len(items)} tracks found, none with this code" if items else "nothing found"
    return Answer("absent", answer.status, reason)


def code_of(track: dict[str, Any]) -> str | None:
    """The track's ISRC, upper case without hyphens; None if it is not given."""
    ids = track.get("external_ids")
    isrc = ids.get("isrc") if isinstance(ids, dict) else None
    return isrc.replace("-", "").replace(" ", "").upper() or None if isinstance(isrc, str) else None


def _split(requests: Sequence[Request], whole: Answer) -> list[tuple[Request, Answer]]:
    """The answers of a batch, one by one; Spotify gives them in the order asked, null for an unknown id."""
    if whole.outcome != "ok":
        return [(request, whole) for request in requests]
    tracks = (whole.payload or {}).get("tracks")
    if not isinstance(tracks, list) or len(tracks) != len(requests):
        wrong = Answer("error", whole.status, "the batch has not as many tracks as were asked for")
        return [(request, wrong) for request in requests]
    absent = Answer("absent", whole.status, "unknown id")
    return [
        (request, Answer("ok", whole.status, payload=track) if isinstance(track, dict) else absent)
        for request, track in zip(requests, tracks, strict=True)
    ]


def follow_ups(request: Request, answer: Answer) -> list[Request]:
    """What is to be asked because of this answer."""
    payload = answer.payload
    if answer.outcome != "ok" or payload is None:
        return []
    kind, subject = request.kind, request.subject
    found: list[Request] = []
    page: Any = payload
    if kind == "artist":
        return [Request(SOURCE, "artist_albums", subject)]
    if kind == "artist_albums":
        found += [Request(SOURCE, "album", i) for i in _ids(payload.get("items"))]
    elif kind == "album":
        kind, page = "album_tracks", payload.get("tracks")
        found += [Request(SOURCE, "track", i) for i in _ids(page.get("items") if isinstance(page, dict) else None)]
    elif kind == "album_tracks":
        found += [Request(SOURCE, "track", i) for i in _ids(payload.get("items"))]
    elif kind == "search":
        page = payload.get("tracks")
    if kind in LISTS and isinstance(page, dict):
        found += _next_page(Request(SOURCE, kind, subject, request.offset), page)
    return found


def _next_page(request: Request, page: dict[str, Any]) -> Iterator[Request]:
    """The page after this one, if there is one; it begins after the items that this one was asked for."""
    items, limit = page.get("items"), page.get("limit")
    if not page.get("next") or not isinstance(items, list):
        return
    # Lists skip what is not available: a page may hold fewer items than its limit, and still be followed.
    step = limit if isinstance(limit, int) and limit > 0 else len(items)
    offset = request.offset + step
    if step > 0 and not (request.kind == "search" and offset >= SEARCH_END):
        yield replace(request, offset=offset)


def _ids(items: Any) -> list[str]:
    return [i for item in _dicts(items) if isinstance(i := item.get("id"), str) and i]


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
