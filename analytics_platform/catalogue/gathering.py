"""Bring the catalogue tables up to date: own masters, what outside catalogues say, a clip per recording, popularity."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from analytics_platform.catalogue import deezer, tables
from analytics_platform.catalogue.clip_finding import REFRESH_S, WAIT_S, Say, find_clips, preview_limiters
from analytics_platform.catalogue.clips import isrc_of
from analytics_platform.catalogue.crawl import crawl
from analytics_platform.catalogue.gathered import Gathered
from analytics_platform.catalogue.journal import Journal, Pause
from analytics_platform.catalogue.limiter import Limiter, Limits
from analytics_platform.catalogue.matching import Recording
from analytics_platform.catalogue.popularity import own_popularity, with_percentiles
from analytics_platform.catalogue.probe import probe
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.spotify_frames import spotify_frames
from analytics_platform.lakehouse.frames import timestamp
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import TRACK_ARTISTS

if TYPE_CHECKING:
    from analytics_platform.catalogue.spotify import SpotifyClient

CALLS_PER_RUN = 2_000
"""To Spotify, before the tables are written: about half an hour."""
SNAPSHOT_S = 20 * 3_600.0
"""A track whose popularity can be had in a batch is asked again in the next day's run."""
SPOTIFY_WINDOW = (30, 30.0)
"""Calls in seconds. Spotify's own limit is over 30 s and not told; one call a second was never refused."""
REFUSED_S = 3_600.0
"""A pause after Spotify has refused the credentials: they are not mended by asking."""


def spotify_client(settings: Settings) -> SpotifyClient | None:
    """A client for the app of the settings, None if they name none."""
    from analytics_platform.catalogue import spotify

    if not settings.spotify_client_id or not settings.spotify_client_secret:
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
        limiters = [spotify_limiter(settings, journal), *preview_limiters(journal).values()]
        due = {limiter: journal.next_due_at(limiter.source) for limiter in limiters if limiter.source in switched_on}
        free = [max(at, limiter.free_at(time.time())) for limiter, at in due.items() if at is not None]
    return min(free, default=None)


def gather(lake: Lake, settings: Settings, *, say: Say) -> Gathered:
    """Ask what may be asked, find a clip for each recording, and write the tables of the room.

    Killed at any moment and run again, it goes on where it was: answers are in the journal, files in the store.
    """
    gathered = Gathered()
    wanted = _wanted(lake)
    with Journal(settings.catalogue_journal) as journal:
        _ask_spotify(settings, journal, wanted, gathered, say)
        find_clips(lake, settings, journal, wanted, gathered, say)
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
        journal.set_pause("spotify", Pause(time.time() + REFUSED_S, str(error)))
    finally:
        client.close()


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
