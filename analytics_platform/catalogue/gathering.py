"""Bring the catalogue tables up to date: own masters, what outside catalogues say, a clip per recording, popularity."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from analytics_platform.catalogue import deezer, itunes, tables
from analytics_platform.catalogue.clips import isrc_of
from analytics_platform.catalogue.crawl import code_of, crawl
from analytics_platform.catalogue.download import PREVIEW_HOSTS, Downloaded, DownloadFailure, clear_parts, download
from analytics_platform.catalogue.journal import Journal
from analytics_platform.catalogue.limiter import Limiter, Limits
from analytics_platform.catalogue.masters import index_masters
from analytics_platform.catalogue.matching import Recording
from analytics_platform.catalogue.popularity import own_popularity, with_percentiles
from analytics_platform.catalogue.previews import gather_previews
from analytics_platform.catalogue.probe import probe
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.rights import Rights
from analytics_platform.catalogue.spotify_frames import spotify_frames
from analytics_platform.lakehouse.frames import timestamp
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import TRACK_ARTISTS

if TYPE_CHECKING:
    from analytics_platform.catalogue.spotify import SpotifyClient

WAIT_S = 30.0
"""The longest that a step sleeps for a source in one go; for more it ends, and the sensor comes back."""
CALLS_PER_RUN = 2_000
"""To Spotify, and to all others together, before the tables are written: about half an hour of each."""
REFRESH_S = 30 * 86_400.0
"""After this, what a source said is asked again: what it lacked may be there now, previews come and go."""
SNAPSHOT_S = 20 * 3_600.0
"""A track whose popularity can be had in a batch is asked again in the next day's run."""
SPOTIFY_WINDOW = (30, 30.0)
"""Calls in seconds. Spotify's own limit is over 30 s and not told; one call a second was never refused."""
LIMITS = {"deezer": Limits(45, 5.0), "itunes": Limits(18, 60.0)}
"""Deezer allows 50 calls in 5 s, Apple about 20 a minute."""
CLIPS_PER_WRITE = 200
Say = Callable[[str], None]


@dataclass(slots=True)
class Gathered:
    """What a run did."""

    commits: dict[str, Commit] = field(default_factory=dict)
    clips: Counter[str] = field(default_factory=Counter)
    """Recordings by source of their clip."""
    asked: Counter[str] = field(default_factory=Counter)
    """Answers of this run, as ``source outcome``."""
    unread: Counter[str] = field(default_factory=Counter)
    """Answers of sources of which a part could not be read, by reason."""
    resume_at: datetime | None = None
    """When the first source may be asked for what is left, UTC; None if nothing is."""

    def go_on(self, at: float) -> None:
        """Something is left that may be asked for then, seconds since 1970."""
        self.resume_at = min(timestamp(at), self.resume_at or timestamp(at))

    def write(self, lake: Lake, table: Table, frame: pl.DataFrame) -> None:
        """Replace a table by the frame."""
        self.commits[table.full_name] = lake.write_frame(table, frame) if len(frame) else lake.commit(table, [])


def spotify_client(settings: Settings) -> SpotifyClient | None:
    """A client for the app of the settings, None if they name none."""
    from analytics_platform.catalogue import spotify

    if settings.spotify_client_id is None or settings.spotify_client_secret is None:
        return None
    return spotify.SpotifyClient(
        settings.spotify_client_id,
        settings.spotify_client_secret.get_secret_value(),
        market=settings.spotify_market,
        api_url=spotify.API_URL,
        token_url=spotify.TOKEN_URL,
    )


def spotify_limiter(settings: Settings, journal: Journal) -> Limiter:
    """The pace at which Spotify is asked."""
    return Limiter(journal, "spotify", Limits(*SPOTIFY_WINDOW, settings.spotify_daily_requests), WAIT_S, time.time)


def next_work_at(settings: Settings) -> float | None:
    """When outside sources may be asked for what is left, seconds since 1970; None if nothing is."""
    if not settings.catalogue_journal.exists():
        return None
    switched_on = [*settings.preview_sources, *(["spotify"] if settings.spotify_client_id else [])]
    with Journal(settings.catalogue_journal) as journal:
        limiters = [spotify_limiter(settings, journal), *_limiters(journal).values()]
        due = {limiter: journal.next_due_at(limiter.source) for limiter in limiters if limiter.source in switched_on}
        free = [max(at, limiter.free_at(time.time())) for limiter, at in due.items() if at is not None]
    return min(free, default=None)


def _limiters(journal: Journal) -> dict[str, Limiter]:
    return {source: Limiter(journal, source, limits, WAIT_S, time.time) for source, limits in LIMITS.items()}


def gather(lake: Lake, settings: Settings, *, say: Say) -> Gathered:
    """Ask what may be asked, find a clip for each recording, and write the tables of the room.

    Killed at any moment and run again, it goes on where it was: answers are in the journal, files in the store.
    """
    gathered = Gathered()
    wanted = _wanted(lake)
    with Journal(settings.catalogue_journal) as journal:
        _ask_spotify(settings, journal, wanted, gathered, say)
        _clips(lake, settings, journal, wanted, gathered, say)
        found = spotify_frames(journal)
        gathered.unread.update(found.refused)
        answers = [
            (stored.request.subject, stored.payload, timestamp(stored.fetched_at))
            for stored in journal.payloads("deezer", "preview")
        ]
        popularity = pl.concat(
            [own_popularity(lake), found.outside_popularity, deezer.popularity_of(answers)], how="diagonal_relaxed"
        )
        frames = {
            tables.TRACKS: pl.concat([found.tracks, deezer.tracks_of(answers)]),
            tables.ARTISTS: found.artists,
            tables.ALBUMS: found.albums,
            tables.REQUESTS: journal.requests_frame(),
        }
    for table, frame in frames.items():
        gathered.write(lake, table, frame)
    gathered.commits[tables.POPULARITY_SNAPSHOTS.full_name] = _add_snapshots(lake, popularity)
    return gathered


def _wanted(lake: Lake) -> dict[str, Recording]:
    """The label's recordings by ISRC, from the vendors' own catalogues."""
    with lake.connect(TRACK_ARTISTS) as connection:
        rows = connection.sql(
            "select isrc, coalesce(min(title), ''), coalesce(min(artist_name), '') from streams.track_artists"
            " where isrc is not null group by isrc order by isrc"
        ).fetchall()
    return {isrc: Recording(title, artist) for isrc, title, artist in rows if isrc_of(isrc) == isrc}


def _ask_spotify(
    settings: Settings, journal: Journal, wanted: dict[str, Recording], gathered: Gathered, say: Say
) -> None:
    from analytics_platform.catalogue.spotify import CredentialsError

    client = spotify_client(settings)
    if client is None:
        say("Spotify is not asked: no credentials are set (docs/spotify.md)")
        return
    journal.add(Request("spotify", "isrc", isrc) for isrc in wanted)
    limiter = spotify_limiter(settings, journal)
    try:
        able = probe(client, limiter)
        say(f"Spotify: {able.mode} mode" + (f" ({able.reason})" if able.reason else ""))
        if able.resume_at is not None:
            gathered.go_on(able.resume_at)
            return
        if able.batch and able.popularity:
            # Fifty tracks a call: cheap enough for a snapshot a day.
            tracks = spotify_frames(journal).tracks.filter(pl.col("isrc").is_in(list(wanted)))
            journal.add(Request("spotify", "track", track) for track in tracks["source_track_id"])
            journal.ask_again("spotify", time.time(), kind="track", asked_before=time.time() - SNAPSHOT_S)
        asked = Counter[str]()

        def progress(_request: Request, answer: Answer) -> None:
            asked[answer.outcome] += 1
            if asked.total() % 100 == 0:
                say(f"Spotify: {asked.total()} answers, {journal.left('spotify', time.time())} still to ask")

        crawled = crawl(client, limiter, able, ask_again_after_s=REFRESH_S, max_calls=CALLS_PER_RUN, progress=progress)
        gathered.asked.update({f"spotify {outcome}": count for outcome, count in crawled.outcomes.items()})
        if crawled.left:
            resume_at = crawled.resume_at or time.time()
            gathered.go_on(resume_at)
            say(f"Spotify: {crawled.left} to ask, not before {timestamp(resume_at):%Y-%m-%d %H:%M} UTC")
    except CredentialsError as error:
        # What is at hand is worth having all the same.
        gathered.unread[str(error)] += 1
    finally:
        client.close()


def _clips(
    lake: Lake, settings: Settings, journal: Journal, wanted: dict[str, Recording], gathered: Gathered, say: Say
) -> None:
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
    with _Sources(settings, journal, gathered) as sources:

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

        clips = find(recordings, lake.read(tables.CLIPS), ())
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
    gathered.clips.update(clips["source"].to_list())


class _Sources:
    """Clients of previews behind the journal and their limiters."""

    def __init__(self, settings: Settings, journal: Journal, gathered: Gathered) -> None:
        clear_parts(settings.audio_root)
        self._root, self._journal, self._gathered = settings.audio_root, journal, gathered
        self._limiters = _limiters(journal)
        self._deezer = deezer.Deezer(deezer.API)
        self._itunes = itunes.ITunes(settings.spotify_market, itunes.API)
        self._addresses: dict[Request, str] = {}
        self.needed = set[Request]()
        """What this run would have answered, now or in a later run."""
        self.calls = 0
        self.fetched = 0

    def __enter__(self) -> _Sources:
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


def _add_snapshots(lake: Lake, rows: pl.DataFrame) -> Commit:
    """Put the days that ``rows`` are of in the place of what was known of them; other days stay."""
    table = tables.POPULARITY_SNAPSHOTS
    days = rows["observed_on"].unique().sort().to_list()
    if not days:
        return lake.commit(table, [], replace=None)
    # Of a day that was seen before, what was not asked again stays.
    with lake.connect(table, only={"observed_on": days}) as connection:
        before = connection.sql("select * from catalogue.popularity_snapshots").pl()
    merged = pl.concat([rows, before.select(rows.columns)], how="vertical_relaxed").unique(table.key, keep="first")
    return lake.write_frame(table, with_percentiles(merged), replace=[("observed_on", "in", days)])


def _pieces(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
