"""Every recording gets the best clip that there is, or a reason that says what each source said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from datetime import datetime
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from analytics_platform.catalogue.deezer import Deezer
from analytics_platform.catalogue.download import download
from analytics_platform.catalogue.itunes import ITunes
from analytics_platform.catalogue.masters import index_masters
from analytics_platform.catalogue.matching import Recording
from analytics_platform.catalogue.previews import Found, NotFound, choose, gather_previews
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.rights import Rights, trainable
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform_tests.catalogue.deezer_server import DeezerServer, deezer_server, error, track
from analytics_platform_tests.catalogue.itunes_server import ITunesServer, itunes_server, song
from analytics_platform_tests.catalogue.preview_server import PreviewServer, preview_server
from analytics_platform_tests.catalogue.sounds import tone, write_tone

A, B = "USRC17607839", "GBDUW0000059"
TOGETHER = Recording("Better Together", "Jack Johnson", 207)
AT = datetime(2026, 11, 21, 12)
TONE = tone("mp3", 2)
NO_RIGHTS = Rights()


class World:
    """Deezer, iTunes and a host of previews on the loopback, and the real clients that ask them."""

    def __init__(self, deezer: DeezerServer, itunes: ITunesServer, host: PreviewServer, root: Path) -> None:
        self.deezer, self.itunes, self.host = deezer, itunes, host
        self.root = root / "audio"
        self.masters = root / "masters"
        self.masters.mkdir()
        self.deezer_client, self.itunes_client = Deezer(deezer.base_url), ITunes("DE", itunes.base_url)
        self.asked: list[Request] = []
        self.spotify: tuple[Answer, str | None] = (Answer("absent", 404), None)

    def ask(self, source: str, request: Request) -> Answer:
        assert request.source == source
        self.asked.append(request)
        if source == "deezer":
            return self.deezer_client.ask(request.subject)
        return self.itunes_client.ask(request.subject) if source == "itunes" else self.spotify[0]

    def take_address(self, request: Request) -> str | None:
        return self.deezer_client.take_address(request.subject) if request.source == "deezer" else self.spotify[1]

    def gather(self, wanted=None, stored: pl.DataFrame | None = None, **changes) -> pl.DataFrame:
        self.asked.clear()
        options = {"sources": ("deezer", "itunes"), "now": lambda: AT} | changes
        frame = gather_previews(
            wanted or {A: TOGETHER},
            index_masters(str(self.masters)).candidates,
            stored,
            self.root,
            ask=self.ask,
            take_address=self.take_address,
            fetch=lambda source, address: download(
                address, self.root, self.host.hosts, trusted=self.host.trusted, sleep=lambda seconds: None
            ),
            **options,
        )
        assert frame.schema == frame_of(CLIPS, []).schema
        for column in CLIPS:
            assert column.nullable or frame[column.name].null_count() == 0
            assert not column.values or set(frame[column.name].drop_nulls()) <= set(column.values)
        return frame


@pytest.fixture(scope="module")
def host() -> Generator[PreviewServer]:
    with preview_server({"tone.mp3": TONE, "page.mp3": b"<html>" * 100}) as server:
        yield server


@pytest.fixture
def world(host: PreviewServer, tmp_path: Path) -> Generator[World]:
    with deezer_server() as deezer, itunes_server() as itunes:
        host.seen.clear()
        yield World(deezer, itunes, host, tmp_path)


def offers_deezer(world: World, name: str = "tone.mp3") -> None:
    world.deezer.tracks[A] = track(A)
    world.deezer.preview = lambda isrc: world.host.sign(name)


def offers_itunes(world: World, title: str = "Better Together", path: str = "plain/tone.mp3") -> None:
    world.itunes.songs = [song(5, title, "Jack Johnson", previewUrl=world.host.url(path))]


def reason(frame: pl.DataFrame) -> str:
    assert frame["source"].to_list() == ["missing"]
    assert frame["clip_id"].null_count() == 1
    return frame["missing_reason"][0]


def test_the_own_recording_comes_first_and_nobody_is_asked(world: World) -> None:
    offers_deezer(world)
    path = write_tone(world.masters / f"{A}.wav")
    row = world.gather().row(0, named=True)
    assert (row["source"], row["location"], row["match_method"]) == ("master", str(path), "file name")
    assert (row["may_analyse"], row["may_train"], row["may_display"]) == (True, True, True)
    assert row["fetched_at"] == AT
    assert world.asked == []


def test_a_preview_of_deezer_by_isrc(world: World) -> None:
    offers_deezer(world)
    frame = world.gather()
    row = frame.row(0, named=True)
    assert (row["source"], row["source_track_id"], row["match_method"], row["match_score"]) == (
        "deezer", "3135556", "isrc", 1.0,
    )  # fmt: skip
    assert (world.root / row["location"]).read_bytes() == TONE
    assert row["sha256"] == hashlib.sha256(TONE).hexdigest()
    assert row["duration_s"] == pytest.approx(2, abs=0.2)
    assert (row["may_analyse"], row["may_train"], row["may_display"]) == (False, False, True)
    assert trainable(frame).height == 0
    assert "hmac" not in frame.write_json()


def test_a_stored_preview_is_not_fetched_again(world: World) -> None:
    offers_deezer(world)
    stored = world.gather()
    world.host.seen.clear()
    again = world.gather(stored=stored)
    assert again.equals(stored)
    assert (world.asked, world.host.seen) == ([], [])


@pytest.mark.parametrize(
    "harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x")], ids=["gone", "changed"]
)
def test_a_stored_preview_that_is_not_there_is_fetched_again(world: World, harm) -> None:
    offers_deezer(world)
    stored = world.gather()
    path = world.root / stored["location"][0]
    harm(path)
    assert world.gather(stored=stored)["source"].to_list() == ["deezer"]
    assert path.read_bytes() == TONE


def test_a_location_outside_the_store_is_not_believed(world: World) -> None:
    offers_deezer(world)
    stored = world.gather().with_columns(location=pl.lit("../masters/x.wav"))
    write_tone(world.masters / "x.wav")
    world.deezer.tracks.clear()
    assert "stored: the row is not complete" in reason(world.gather(stored=stored))


def test_an_address_that_expired_meanwhile_is_asked_for_once_more(world: World) -> None:
    offers_deezer(world)
    old = world.host.sign("tone.mp3")
    world.host.expire()
    addresses = [old, world.host.sign("tone.mp3")]
    world.deezer.preview = lambda isrc: addresses.pop(0)
    assert world.gather()["source"].to_list() == ["deezer"]
    assert [request.kind for request in world.asked] == ["preview", "preview"]
    world.root.joinpath("unused").mkdir()
    addresses.extend([old] * 5)
    assert "preview forbidden: localhost answered 403" in reason(world.gather(sources=["deezer"]))
    assert len(world.asked) == 2


def test_itunes_is_asked_if_deezer_has_none_and_must_match(world: World) -> None:
    offers_itunes(world)
    row = world.gather().row(0, named=True)
    assert (row["source"], row["source_track_id"], row["match_method"], row["match_score"]) == (
        "itunes", "5", "name", 1.0,
    )  # fmt: skip
    assert [request.source for request in world.asked] == ["deezer", "itunes"]
    offers_itunes(world, title="Better Together (Live)")
    assert "itunes: below the threshold: best match 0.00, needed 0.85" in reason(world.gather())


def test_spotify_comes_last_and_only_with_an_address(world: World) -> None:
    sources = ("deezer", "itunes", "spotify")
    world.spotify = (Answer("ok", 200, payload={"id": "4uLU6hMCjMI75M1A2tKUQC", "has_preview": False}), None)
    assert reason(world.gather(sources=sources)).endswith("spotify: no preview")
    world.spotify = (world.spotify[0], world.host.sign("tone.mp3"))
    row = world.gather(sources=sources).row(0, named=True)
    assert (row["source"], row["source_track_id"]) == ("spotify", "4uLU6hMCjMI75M1A2tKUQC")
    assert [request.source for request in world.asked] == list(sources)


def test_the_reason_says_what_each_source_said(world: World) -> None:
    assert reason(world.gather()) == (
        "master: no usable file; deezer: absent (Deezer: no such track (code 800)); "
        "itunes: absent (Apple finds no such song); spotify: switched off"
    )
    world.deezer.raw[A] = (200, json.dumps(error(4)).encode(), {})
    world.itunes.raw = (403, b"", {})
    said = reason(world.gather())
    assert "deezer: throttled, not known yet" in said
    assert "itunes: throttled, not known yet" in said
    assert "absent" not in said
    world.deezer.raw[A] = (200, json.dumps(error(200)).encode(), {})
    assert "deezer: forbidden" in reason(world.gather(sources=["deezer"]))
    world.deezer.raw.clear()
    world.deezer.tracks[A] = track(A)
    assert "deezer: no preview" in reason(world.gather(sources=["deezer"]))
    offers_deezer(world, "page.mp3")
    assert "deezer: preview not audio" in reason(world.gather(sources=["deezer"]))


def test_a_source_without_any_right_is_neither_asked_nor_kept(world: World) -> None:
    offers_deezer(world)
    stored = world.gather()
    frame = world.gather(stored=stored, sources=["deezer"], overrides={"deezer": NO_RIGHTS})
    assert reason(frame) == (
        "master: no usable file; stored: no right to use it; deezer: no right to use it; "
        "itunes: switched off; spotify: switched off"
    )
    assert world.asked == []


def test_a_licence_makes_stored_previews_trainable(world: World) -> None:
    offers_deezer(world)
    stored = world.gather()
    licensed = world.gather(stored=stored, overrides={"deezer": Rights(analyse=True, train=True, display=True)})
    assert trainable(licensed)["isrc"].to_list() == [A]


def test_one_row_per_recording_in_the_order_asked(world: World) -> None:
    offers_deezer(world)
    write_tone(world.masters / f"{B}.wav")
    frame = world.gather({B: TOGETHER, "FRZ039800212": Recording("", ""), A: TOGETHER})
    assert frame.select("isrc", "source").rows() == [(B, "master"), ("FRZ039800212", "missing"), (A, "deezer")]
    assert "itunes: neither title nor artist" in frame["missing_reason"][1]


def test_precedence_does_not_depend_on_the_order_of_the_facts() -> None:
    def clip(source: str, *, score: float = 1.0, stored: bool = False) -> Found:
        return Found(source, "1", "x", "mp3", 0.0, 30.0, 9, "0" * 64, "isrc", score, AT, stored)

    facts = [
        NotFound("master", "no usable file"),
        clip("itunes", stored=True, score=0.2),
        clip("deezer"),
        clip("itunes", score=0.99),
        clip("spotify"),
    ]
    for order in permutations(facts):
        assert choose(A, order)["source"] == "deezer"
    assert choose(A, [clip("spotify"), clip("itunes", stored=True)])["source"] == "itunes"
    assert choose(A, [clip("deezer", stored=True), clip("master")])["source"] == "master"
    assert choose(A, [])["missing_reason"] == "nobody was asked"
