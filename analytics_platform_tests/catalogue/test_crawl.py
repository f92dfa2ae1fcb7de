"""The crawl asks what is due, follows what it finds, and gives way when it must not ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analytics_platform.catalogue.crawl import Crawled, crawl
from analytics_platform.catalogue.journal import MAX_FAILURES, Journal
from analytics_platform.catalogue.limiter import Limiter, Limits
from analytics_platform.catalogue.probe import Capabilities
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.spotify import CredentialsError
from analytics_platform_tests.catalogue.spotify_server import FAULTS, Reply, SpotifyServer, refused, said, throttled
from analytics_platform_tests.catalogue.spotify_world import (
    ALBUMS_PER_ARTIST,
    World,
    album_id,
    artist_id,
    isrc_of,
    replaced_id,
    track_id,
)
from analytics_platform_tests.catalogue.tools import START, Clock, asks, client_of

EXTENDED = Capabilities("extended", True, True, True, 50, 50)
DEVELOPMENT = Capabilities("development", False, False, False, 10, 10)
WIDE = Limits(1_000_000, 1)


class Setting:
    """A server, a journal and a clock that jumps."""

    def __init__(self, server: SpotifyServer, path: Path, limits: Limits = WIDE) -> None:
        self.server, self.clock = server, Clock()
        self.journal = Journal(path / "j.sqlite")
        self.limiter = Limiter(self.journal, "spotify", limits, 30.0, self.clock, self.clock.sleep)
        self.client = client_of(server)

    def crawl(self, capabilities: Capabilities | None = None, **options: object) -> Crawled:
        mode = capabilities or (DEVELOPMENT if self.server.world.development else EXTENDED)
        return crawl(self.client, self.limiter, mode, **options)  # pyright: ignore[reportArgumentType]

    def found(self, kind: str) -> list[str]:
        return sorted(stored.request.subject for stored in self.journal.payloads("spotify", kind))


Start = Callable[..., Setting]


@pytest.fixture(params=[False, True], ids=["extended", "development"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    running: list[Setting] = []

    def started(tracks: int = 700, limits: Limits = WIDE) -> Setting:
        server = SpotifyServer(World(tracks, development=request.param))
        server.__enter__()
        running.append(Setting(server, tmp_path, limits))
        return running[-1]

    yield started
    for setting in running:
        setting.client.close()
        setting.server.__exit__()


def test_an_artist_gives_all_albums_and_all_tracks_with_their_codes(start: Start) -> None:
    setting = start(220)
    world = setting.server.world
    setting.journal.add(asks("artist", artist_id(0), artist_id(1)))
    done = setting.crawl()
    assert done.finished and done.left == 0 and done.resume_at is None
    assert set(done.outcomes) == {"ok"}
    assert setting.found("album") == sorted(album_id(n) for n in range(2 * ALBUMS_PER_ARTIST))
    tracks = {s.request.subject: s.payload for s in setting.journal.payloads("spotify", "track")}
    last = world.albums[2 * ALBUMS_PER_ARTIST - 1].stop
    assert sorted(tracks) == [track_id(n) for n in range(last)]
    assert all(tracks[track_id(n)]["external_ids"]["isrc"] == isrc_of(n) for n in range(last))
    assert len(setting.server.targets("/v1/tracks/?ids=")) == (0 if world.development else -(-last // 50))
    assert len(setting.server.served) == done.calls == len(setting.journal.attempt_times("spotify"))
    targets = setting.server.targets()
    assert len(targets) == len(set(targets))
    before = done.calls
    assert setting.crawl().calls == 0 and len(setting.server.served) == before


def test_pages_of_artists_albums_are_as_large_as_allowed(start: Start) -> None:
    setting = start(700)
    setting.journal.add(asks("artist_albums", artist_id(0)))
    setting.crawl(follow=["artist_albums"])
    pages = [s.request.offset for s in setting.journal.payloads("spotify", "artist_albums")]
    assert pages == ([0, 10] if setting.server.world.development else [0])


def test_only_what_is_to_be_followed_is_queued(start: Start) -> None:
    setting = start(700)
    setting.journal.add([*asks("artist", artist_id(0)), *asks("album", album_id(3))])
    assert setting.crawl(follow=()).calls == 2


def test_codes_are_found_with_all_their_tracks_and_others_are_absent(start: Start) -> None:
    setting = start(700)
    many = [isrc_of(n) for n in (0, 5, 6, 456)]
    setting.journal.add(asks("isrc", *many, "QZT992499999"))
    server = setting.server
    strangers = said({"tracks": {"items": [server.world.track(9)], "limit": 10, "offset": 0, "total": 1}})
    setting.journal.add(asks("isrc", "QZT992499998"))
    done = setting.crawl(max_calls=5)
    server.planned.append(strangers)
    setting.crawl()
    assert done.outcomes == {"absent": 1, "ok": 4}
    assert setting.found("isrc") == sorted(many)
    items = {s.request.subject: s.payload["tracks"]["items"] for s in setting.journal.payloads("spotify", "isrc")}
    assert [i["id"] for i in items[isrc_of(456)]] == [track_id(456), track_id(457), track_id(506)]
    frame = setting.journal.requests_frame()
    reasons = dict(frame.select("subject", "reason").iter_rows())
    assert reasons["QZT992499999"] == "nothing found"
    assert reasons["QZT992499998"] == "1 tracks found, none with this code"


def test_a_replaced_track_keeps_both_ids(start: Start) -> None:
    setting = start(700)
    setting.journal.add(asks("track", replaced_id(7), track_id(9)))
    setting.crawl()
    stored = {s.request.subject: s.payload["id"] for s in setting.journal.payloads("spotify", "track")}
    assert stored == {replaced_id(7): track_id(7), track_id(9): track_id(9)}


def test_a_search_is_followed_to_its_end_and_no_further(start: Start) -> None:
    setting = start(1100)
    setting.journal.add(asks("search", "genre:hip-hop year:2019-2021 track:%a%"))
    done = setting.crawl()
    assert done.outcomes == {"ok": 20 if not setting.server.world.development else 100}
    items = [i["id"] for s in setting.journal.payloads("spotify", "search") for i in s.payload["tracks"]["items"]]
    assert items == [track_id(n) for n in range(1000)]


def test_a_playlist_is_read_to_its_end(start: Start) -> None:
    setting = start(130)
    setting.journal.add(asks("playlist_items", "P1"))
    assert setting.crawl().outcomes == {"ok": 3}


def test_unknown_forbidden_and_impossible_ids_in_a_batch(start: Start) -> None:
    """One bad id must not take the other 49 with it."""
    setting = start(100)
    good = [track_id(n) for n in range(60)]
    setting.journal.add(asks("track", *good[:30], "short", track_id(100), *good[30:]))
    done = setting.crawl()
    assert setting.found("track") == good
    outcomes = dict(setting.journal.requests_frame().select("subject", "outcome").iter_rows())
    assert (outcomes[track_id(100)], outcomes["short"]) == ("absent", "error")
    assert done.finished and done.outcomes == {"absent": 1, "error": 2, "ok": 60}


def test_refused_batches_and_pages_are_given_up_in_the_midst(tmp_path: Path) -> None:
    """The application was cut to development mode since the probe."""
    with SpotifyServer(World(700, development=True)) as server:
        setting = Setting(server, tmp_path)
        setting.journal.add([*asks("artist", artist_id(0)), *asks("isrc", isrc_of(690))])
        done = setting.crawl(EXTENDED)
        assert done.finished and set(done.outcomes) == {"ok"}
        refusals = [call for call in server.served if call.status in (400, 403)]
        assert len(refusals) == 2
        assert setting.found("isrc") == [isrc_of(690)]


def test_throttled_is_waited_out_and_asked_again(start: Start) -> None:
    setting = start(100)
    setting.journal.add(asks("isrc", *[isrc_of(n) for n in range(5)]))
    found = said(setting.server.world.search(f"isrc:{isrc_of(1)}", 10, 0))
    setting.server.planned.extend([throttled("20"), found, throttled()])
    done = setting.crawl()
    assert done.finished
    assert done.outcomes == {"ok": 5, "throttled": 2}
    assert setting.clock.slept == [20, 30]


def test_a_long_pause_ends_the_crawl_and_a_restart_honours_it(start: Start, tmp_path: Path) -> None:
    setting = start(100)
    setting.journal.add(asks("isrc", *[isrc_of(n) for n in range(5)]))
    setting.server.planned.append(throttled("74214", "QUOTA_EXCEEDED"))
    done = setting.crawl()
    assert (done.calls, done.resume_at, done.left, done.finished) == (1, START + 74_214, 5, False)
    assert setting.clock.slept == []
    again = Setting(setting.server, tmp_path)
    assert again.crawl() == Crawled(0, {}, START + 74_214, 5, False)
    again.clock.now = START + 74_214
    assert again.crawl().finished


def test_the_budget_of_the_day_ends_the_crawl(start: Start) -> None:
    setting = start(100, Limits(1000, 30, 3))
    setting.journal.add(asks("isrc", *[isrc_of(n) for n in range(8)]))
    days = []
    while not (done := setting.crawl()).finished:
        assert done.resume_at is not None
        days.append((done.calls, done.resume_at - START))
        setting.clock.now = done.resume_at
    assert days == [(3, 86_400), (3, 172_800)]
    assert done.calls == 2


def test_every_fault_passes_and_nothing_is_lost_or_twice(start: Start) -> None:
    setting = start(120)
    setting.journal.add(asks("artist", artist_id(0)))
    setting.server.planned.extend(FAULTS)
    setting.server.fault_share = 0.05
    while not (done := setting.crawl()).finished:
        assert done.resume_at is not None and done.resume_at > setting.clock.now
        setting.clock.now = done.resume_at
    world = setting.server.world
    last = world.albums[min(ALBUMS_PER_ARTIST, len(world.albums)) - 1].stop
    assert setting.found("track") == [track_id(n) for n in range(last)]
    assert setting.journal.outcomes("spotify").keys() == {"ok"}


def test_a_request_that_always_fails_is_given_up_and_stays_visible(tmp_path: Path) -> None:
    with SpotifyServer(World(50)) as server:
        setting = Setting(server, tmp_path)
        setting.journal.add(asks("isrc", isrc_of(1)))
        server.planned.extend([refused(500, "Oops")] * 20)
        calls = 0
        while not (done := setting.crawl()).finished:
            calls += done.calls
            assert done.resume_at is not None
            setting.clock.now = done.resume_at
        assert calls + done.calls == MAX_FAILURES
        assert setting.journal.outcomes("spotify") == {"error": 1}


def test_an_hour_without_spotify_costs_few_calls_and_loses_nothing(tmp_path: Path) -> None:
    with SpotifyServer(World(50)) as server:
        setting = Setting(server, tmp_path)
        setting.journal.add(asks("isrc", *[isrc_of(n) for n in range(40)]))
        server.planned.extend([refused(503, "Down")] * 500)
        while setting.clock.now < START + 3600:
            done = setting.crawl()
            assert done.resume_at is not None
            setting.clock.now = done.resume_at
        asked = 500 - len(server.planned)
        assert asked < 15
        server.planned.clear()
        while not setting.crawl().finished:
            setting.clock.now += 600
        assert setting.journal.outcomes("spotify") == {"ok": 40}


def test_a_token_that_ends_in_the_midst_costs_one_call(start: Start) -> None:
    setting = start(100)
    setting.journal.add(asks("isrc", *[isrc_of(n) for n in range(6)]))
    setting.crawl(max_calls=3)
    setting.server.expire_tokens()
    assert setting.crawl().outcomes == {"error": 1, "ok": 3}
    assert setting.server.tokens == 2


def test_refused_credentials_end_the_crawl_and_spoil_nothing(start: Start) -> None:
    setting = start(100)
    setting.journal.add(asks("isrc", isrc_of(1)))
    setting.server.planned_tokens.append(said({"error": "invalid_client"}, 400))
    with pytest.raises(CredentialsError):
        setting.crawl()
    assert setting.journal.outcomes("spotify") == {"waiting": 1}


def test_final_answers_come_again_when_told_and_progress_is_told(start: Start) -> None:
    setting = start(100)
    setting.journal.add(asks("isrc", isrc_of(1), "QZT992499999"))
    seen: list[tuple[Request, Answer]] = []
    done = setting.crawl(ask_again_after_s=86_400.0, progress=lambda *told: seen.append(told))
    assert [(request.subject, answer.outcome) for request, answer in seen] == [
        (isrc_of(1), "ok"),
        ("QZT992499999", "absent"),
    ]
    assert (done.calls, done.left, done.finished, done.resume_at) == (2, 0, True, START + 86_400)
    setting.clock.now += 86_400
    assert setting.crawl().outcomes == {"absent": 1, "ok": 1}


def test_a_proxy_that_says_not_found_to_everything_makes_nothing_absent(start: Start) -> None:
    setting = start(100)
    setting.journal.add(asks("isrc", *[isrc_of(n) for n in range(20)]))
    setting.server.planned.extend([Reply(404, b"<html>who are you looking for?</html>")] * 500)
    done = setting.crawl()
    assert done.outcomes.keys() == {"error"} and done.left == 20 and done.calls < 8
    setting.server.planned.clear()
    assert done.resume_at is not None
    setting.clock.now = done.resume_at
    assert setting.crawl().finished
    assert setting.journal.outcomes("spotify") == {"ok": 20}
