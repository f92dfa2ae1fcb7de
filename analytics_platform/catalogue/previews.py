"""One clip per recording: the label's own file, else what is stored, else a preview, else the reason why not.

Sources are asked in order of precedence, and only until one has the recording. Addresses of previews are used
the moment they come; expired ones are asked for once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from analytics_platform.catalogue.clips import CLIP_SECONDS, clip_id, read_header
from analytics_platform.catalogue.download import Downloaded, DownloadFailure
from analytics_platform.catalogue.itunes import best_match, search_text
from analytics_platform.catalogue.matching import LEAST_SCORE, Recording
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.rights import Rights, rights_of
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.frames import frame_of

if TYPE_CHECKING:
    import polars as pl

ORDER = ("master", "stored", "deezer", "itunes", "spotify")
"""Whose word comes first. ``stored``: a preview that was fetched before."""
OUTSIDE = ("deezer", "itunes", "spotify")

_BY_OUTCOME = {
    "absent": "absent",
    "throttled": "throttled, not known yet",
    "forbidden": "forbidden",
    "error": "error, not known yet",
}

Ask = Callable[[str, Request], Answer]
"""(source, request) → answer: a client, or a journal and a limiter around it. An ``ok`` answer to a request of kind
``preview`` must come from the source itself, not from a store: the address behind it lives for minutes."""
TakeAddress = Callable[[Request], str | None]
"""Address of the preview that the last answer to the request came with, once."""
Fetch = Callable[[str, str], Downloaded | DownloadFailure]
"""(source, address) → file in the store: ``download`` with root and hosts."""


@dataclass(frozen=True, slots=True)
class Found:
    """A clip that a source has for a recording: the columns of ``catalogue.clips``."""

    source: str
    source_track_id: str
    location: str
    codec: str
    offset_s: float
    duration_s: float | None
    size_bytes: int
    sha256: str
    match_method: str
    match_score: float
    fetched_at: datetime
    stored: bool = False
    """True if it was fetched before."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """What a source said, if it has no clip for a recording."""

    source: str
    reason: str


Fact = Found | NotFound


def choose(isrc: str, facts: Iterable[Fact], overrides: Mapping[str, Rights] | None = None) -> dict[str, object]:
    """The row of ``catalogue.clips`` for one recording, from what the sources said.

    The first in ``ORDER`` wins, of those that may be used for anything at all and match surely enough. If there
    is none, ``missing_reason`` says what each source said.
    """
    refusals: list[NotFound] = []
    for fact in sorted(facts, key=lambda fact: ORDER.index(_rank_name(fact))):
        if isinstance(fact, NotFound):
            refusals.append(fact)
        elif refusal := _refusal(fact, overrides):
            refusals.append(NotFound(_rank_name(fact), refusal))
        else:
            rights = rights_of(fact.source, overrides)
            return {
                "isrc": isrc,
                "clip_id": clip_id(fact.sha256, fact.offset_s),
                **{column.name: getattr(fact, column.name) for column in CLIPS if column.name in Found.__slots__},
                "may_analyse": rights.analyse,
                "may_train": rights.train,
                "may_display": rights.display,
            }
    return {
        "isrc": isrc,
        "source": "missing",
        "may_analyse": False,
        "may_train": False,
        "may_display": False,
        "missing_reason": "; ".join(f"{refusal.source}: {refusal.reason}" for refusal in refusals)
        or "nobody was asked",
    }


def _rank_name(fact: Fact) -> str:
    return "stored" if isinstance(fact, Found) and fact.stored else fact.source


def _refusal(found: Found, overrides: Mapping[str, Rights] | None) -> str | None:
    """Why a clip that is there is not taken."""
    if not rights_of(found.source, overrides).any:
        return "no right to use it"
    if found.match_score < LEAST_SCORE:
        return f"below the threshold: best match {found.match_score:.2f}, needed {LEAST_SCORE}"
    return None


def gather_previews(
    wanted: Mapping[str, Recording],
    masters: pl.DataFrame,
    stored: pl.DataFrame | None,
    root: Path,
    *,
    sources: Collection[str],
    ask: Ask,
    take_address: TakeAddress,
    fetch: Fetch,
    now: Callable[[], datetime],
    overrides: Mapping[str, Rights] | None = None,
) -> pl.DataFrame:
    """Clips for recordings, fetching what is not there yet.

    Args:
        wanted: ISRC → title, artist and length.
        masters: candidates of ``index_masters``.
        stored: ``catalogue.clips`` of an earlier run.
        root: folder of the store of clips, which locations are relative to.
        sources: outside sources that are switched on.
        ask: asks a source; Deezer and Spotify for kind ``preview`` by ISRC, iTunes for kind ``search`` by text.
        take_address: see ``TakeAddress``.
        fetch: see ``Fetch``.
        now: the time, UTC without zone.
        overrides: rights by source, as for ``rights_of``.

    Returns:
        One row per ISRC in the order of ``wanted``, with the columns of ``catalogue.clips``.
    """
    own = {row["isrc"]: row for row in masters.iter_rows(named=True)}
    before = {row["isrc"]: row for row in stored.iter_rows(named=True)} if stored is not None else {}
    rows: list[dict[str, object]] = []
    for isrc, recording in wanted.items():
        facts: list[Fact] = [_own(own.get(isrc), now())]
        if isrc in before and before[isrc]["source"] in OUTSIDE:
            facts.append(_stored(before[isrc], root))
        for source in OUTSIDE:
            if any(isinstance(fact, Found) and not _refusal(fact, overrides) for fact in facts):
                break
            if source not in sources:
                facts.append(NotFound(source, "switched off"))
            elif not rights_of(source, overrides).any:
                facts.append(NotFound(source, "no right to use it"))
            elif source == "itunes":
                facts.append(_from_itunes(recording, root, ask, fetch, now))
            else:
                facts.append(_by_isrc(source, isrc, root, ask, take_address, fetch, now))
        rows.append(choose(isrc, facts, overrides))
    return frame_of(CLIPS, rows)


def _own(row: Mapping[str, Any] | None, at: datetime) -> Fact:
    if row is None:
        return NotFound("master", "no usable file")
    return Found(**{name: row[name] for name in Found.__slots__ if name in row}, fetched_at=at)


def _stored(row: Mapping[str, Any], root: Path) -> Fact:
    """A clip of an earlier run, if its file is still what it was."""
    path = PurePosixPath(row["location"] or "")
    if not row["sha256"] or not path.name or path.is_absolute() or ".." in path.parts:
        return NotFound("stored", "the row is not complete")
    try:
        size = (root / path).stat().st_size
    except OSError:
        return NotFound("stored", "the file is gone")
    if size != row["size_bytes"]:
        return NotFound("stored", "the file has changed")
    return Found(**{name: row[name] for name in Found.__slots__ if name in row}, stored=True)


def _by_isrc(
    source: str,
    isrc: str,
    root: Path,
    ask: Ask,
    take_address: TakeAddress,
    fetch: Fetch,
    now: Callable[[], datetime],
) -> Fact:
    """From a source that knows ISRCs and gives addresses that expire."""
    request = Request(source, "preview", isrc)
    for is_last in (False, True):
        answer = ask(source, request)
        if answer.outcome != "ok" or answer.payload is None:
            return NotFound(source, _said(answer))
        address = take_address(request)
        if address is None:
            known = answer.payload.get("has_preview")
            return NotFound(source, "error, not known yet (no address at hand)" if known else "no preview")
        got = fetch(source, address)
        if isinstance(got, Downloaded):
            return _found(source, str(answer.payload["id"]), got, root, "isrc", 1.0, now())
        if got.kind != "forbidden" or is_last:
            return NotFound(source, f"preview {got.kind}: {got.reason}")
    raise AssertionError("unreachable")


def _from_itunes(recording: Recording, root: Path, ask: Ask, fetch: Fetch, now: Callable[[], datetime]) -> Fact:
    """From iTunes, if a song that it finds is surely the recording."""
    request = Request("itunes", "search", search_text(recording))
    if not request.subject:
        return NotFound("itunes", "neither title nor artist to search for")
    for is_last in (False, True):
        answer = ask("itunes", request)
        if answer.outcome != "ok" or answer.payload is None:
            return NotFound("itunes", _said(answer))
        match = best_match(recording, answer.payload)
        if match is None:
            return NotFound("itunes", "absent")
        if match.score < LEAST_SCORE:
            return NotFound("itunes", f"below the threshold: best match {match.score:.2f}, needed {LEAST_SCORE}")
        if match.address is None:
            return NotFound("itunes", "no preview")
        got = fetch("itunes", match.address)
        if isinstance(got, Downloaded):
            return _found("itunes", match.track_id, got, root, "name", match.score, now())
        if got.kind != "forbidden" or is_last:
            return NotFound("itunes", f"preview {got.kind}: {got.reason}")
    raise AssertionError("unreachable")


def _said(answer: Answer) -> str:
    words = _BY_OUTCOME.get(answer.outcome, answer.outcome)
    return f"{words} ({answer.reason})" if answer.reason else words


def _found(source: str, track_id: str, got: Downloaded, root: Path, method: str, score: float, at: datetime) -> Found:
    """A preview that has just been stored."""
    with (root / got.location).open("rb") as file:
        length = read_header(file, got.codec).duration_s
    return Found(
        source=source,
        source_track_id=track_id,
        location=got.location,
        codec=got.codec,
        offset_s=0.0,
        duration_s=None if length is None else min(length, CLIP_SECONDS),
        size_bytes=got.size_bytes,
        sha256=got.sha256,
        match_method=method,
        match_score=score,
        fetched_at=at,
    )
