"""A clip for each recording: the label's own masters, else previews of the sources that are switched on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from analytics_platform.catalogue import deezer, itunes, tables
from analytics_platform.catalogue.crawl import code_of
from analytics_platform.catalogue.download import PREVIEW_HOSTS, Downloaded, DownloadFailure, clear_parts, download
from analytics_platform.catalogue.gathered import Gathered
from analytics_platform.catalogue.journal import Journal
from analytics_platform.catalogue.limiter import Limiter, Limits
from analytics_platform.catalogue.masters import index_masters
from analytics_platform.catalogue.matching import Recording
from analytics_platform.catalogue.previews import gather_previews
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.rights import Rights
from analytics_platform.lakehouse.frames import timestamp
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings

WAIT_S = 65.0
"""The longest that a step sleeps for a source in one go: a little over Apple's window. For more the run ends, and the
sensor comes back."""
CALLS_PER_RUN = 2_000
"""To sources of previews together, before the tables are written."""
REFRESH_S = 30 * 86_400.0
"""After this, what a source said is asked again: what it lacked may be there now, previews come and go."""
LIMITS = {"deezer": Limits(45, 5.0), "itunes": Limits(18, 60.0)}
"""Deezer allows 50 calls in 5 s, Apple about 20 a minute."""
CLIPS_PER_WRITE = 200
Say = Callable[[str], None]


def preview_limiters(journal: Journal) -> dict[str, Limiter]:
    """The pace at which each source of previews is asked."""
    return {source: Limiter(journal, source, limits, WAIT_S, time.time) for source, limits in LIMITS.items()}


def find_clips(
    lake: Lake, settings: Settings, journal: Journal, wanted: dict[str, Recording], gathered: Gathered, say: Say
) -> None:
    """Bring ``catalogue.clips`` up to date: own masters first, then previews as far as sources may be asked."""
    if settings.masters is None:
        Path(settings.masters_root).mkdir(parents=True, exist_ok=True)
    masters = index_masters(settings.masters_root, lake.read(tables.MASTER_FILES))
    gathered.write(lake, tables.MASTER_FILES, masters.index)
    problems = masters.problems.with_columns(pl.col("detail").fill_null("")).unique(maintain_order=True)
    gathered.write(lake, tables.REJECTED_MASTERS, problems)
    # A recording that no vendor has reported yet counts as well: it may be about to be released.
    recordings = wanted | {isrc: Recording("", "") for isrc in masters.candidates["isrc"] if isrc not in wanted}
    overrides = {
        source: Rights("analyse" in uses, "train" in uses, "display" in uses)
        for source, uses in settings.usage_rights.items()
    }
    with PreviewSources(settings, journal, gathered) as sources:

        def find(some: dict[str, Recording], stored: pl.DataFrame, outside: tuple[str, ...]) -> pl.DataFrame:
            return gather_previews(
                some,
                masters.candidates,
                stored,
                settings.audio_root,
                sources=outside,
                ask=sources.ask,
                take_address=sources.take_address,
                fetch=sources.fetch,
                now=lambda: timestamp(time.time()),
                overrides=overrides,
            )

        before = lake.read(tables.CLIPS)
        clips = _dated(find(recordings, before, ()), before)
        missing = clips.filter(pl.col("source") == "missing")["isrc"].to_list() if settings.preview_sources else []
        if missing:
            clips = clips.with_columns(
                missing_reason=pl.when(pl.col("source") == "missing").then(pl.lit("not asked yet"))
            )
        # The table is written now and then, so that a run that is killed need not download all again.
        for some in _pieces(missing, CLIPS_PER_WRITE):
            gathered.write(lake, tables.CLIPS, clips)
            new = find({isrc: recordings[isrc] for isrc in some}, clips, settings.preview_sources)
            clips = pl.concat([clips.filter(~pl.col("isrc").is_in(new["isrc"].implode())), new])
            say(f"previews: {sources.calls} calls, {sources.fetched} files")
        for source in settings.preview_sources:
            # Or the sensor would start run after run for what has a clip by now.
            if source in LIMITS:
                journal.leave(source, sources.needed)
    gathered.write(lake, tables.CLIPS, clips.sort("isrc"))


class PreviewSources:
    """Clients of previews behind the journal and their limiters."""

    def __init__(self, settings: Settings, journal: Journal, gathered: Gathered) -> None:
        clear_parts(settings.audio_root)
        self._root, self._journal, self._gathered = settings.audio_root, journal, gathered
        self._limiters = preview_limiters(journal)
        self._deezer = deezer.Deezer(deezer.API)
        self._itunes = itunes.ITunes(settings.spotify_market, itunes.API)
        self._addresses: dict[Request, str] = {}
        self.needed = set[Request]()
        """What this run would have answered, now or in a later run."""
        self.calls = 0
        self.fetched = 0

    def __enter__(self) -> PreviewSources:
        return self

    def __exit__(self, *_: object) -> None:
        self._deezer.close()
        self._itunes.close()

    def ask(self, source: str, request: Request) -> Answer:
        """Ask, if it is due and the limits allow; else say what is known."""
        if source == "spotify":
            return self._known_to_spotify(request)
        self.needed.add(request)
        self._journal.add([request])
        known = self._journal.known(request)
        if known is not None and known.due_at is not None and known.due_at > time.time() and _suffices(known.answer):
            return known.answer
        if self.calls >= CALLS_PER_RUN:
            self._gathered.go_on(time.time())
            return Answer("throttled", reason="left to the next run")
        limiter = self._limiters[source]
        free_at = limiter.wait([request])
        if free_at is not None:
            self._gathered.go_on(free_at)
            return Answer("throttled", reason=f"not before {timestamp(free_at):%Y-%m-%d %H:%M} UTC")
        self.calls += 1
        answer = (self._deezer if source == "deezer" else self._itunes).ask(request.subject)
        with self._journal.transaction():
            limiter.note(answer)
            self._journal.record(request, answer, time.time(), ask_again_at=time.time() + REFRESH_S)
        self._gathered.asked[f"{source} {answer.outcome}"] += 1
        if answer.outcome == "throttled":
            self._gathered.go_on(limiter.free_at(time.time()))
        return answer

    def _known_to_spotify(self, request: Request) -> Answer:
        """What Spotify has said of the recording already: its previews have lasting addresses, where it gives any."""
        known = self._journal.known(Request("spotify", "isrc", request.subject))
        if known is None:
            return Answer("throttled", reason="not asked yet")
        if known.answer.outcome != "ok":
            return known.answer
        items = ((known.answer.payload or {}).get("tracks") or {}).get("items") or []
        for item in items:
            if item.get("preview_url") and code_of(item) == request.subject:
                self._addresses[request] = str(item["preview_url"])
                return Answer("ok", payload={"id": item["id"], "has_preview": True})
        return Answer("ok", payload={"id": "", "has_preview": False})

    def take_address(self, request: Request) -> str | None:
        """Address of a preview that a source has just given, once."""
        if request.source == "deezer":
            return self._deezer.take_address(request.subject)
        return self._addresses.pop(request, None)

    def fetch(self, source: str, address: str) -> Downloaded | DownloadFailure:
        """Download a preview."""
        self.fetched += 1
        return download(address, self._root, PREVIEW_HOSTS[source])


def _suffices(answer: Answer) -> bool:
    """Whether a stored answer will do: one with a preview at Deezer won't, since its address is not stored."""
    return answer.outcome != "ok" or not (answer.payload or {}).get("has_preview", False)


def _dated(clips: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """A clip that was there before keeps the time at which it was found."""
    known = before.select("isrc", "clip_id", found_at="fetched_at")
    return clips.join(known, on=["isrc", "clip_id"], how="left").select(
        pl.coalesce("found_at", "fetched_at").alias("fetched_at") if name == "fetched_at" else name
        for name in clips.columns
    )


def _pieces(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
