"""Deezer's answers mean what they mean: throttled is not absent, and no signed address is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_platform.catalogue import deezer as module
from analytics_platform.catalogue.deezer import Deezer, popularity_of, tracks_of
from analytics_platform.catalogue.tables import POPULARITY_SNAPSHOTS, TRACKS
from analytics_platform_tests.catalogue.deezer_server import DeezerServer, deezer_server, error, track

ISRC = "GBDUW0000059"
SIGNED = "https://cdnt-preview.dzcdn.net/api/1/1/x.mp3?hdnea=exp=1~acl=/x*~hmac=secret"
AT = datetime(2026, 11, 20, 23, 59)


@pytest.fixture(scope="module")
def shared() -> Generator[DeezerServer]:
    with deezer_server() as server:
        yield server


@pytest.fixture
def server(shared: DeezerServer) -> DeezerServer:
    shared.tracks = {ISRC: track(ISRC)}
    shared.raw.clear()
    shared.preview = lambda isrc: SIGNED
    return shared


@pytest.fixture
def deezer(server: DeezerServer) -> Generator[Deezer]:
    client = Deezer(server.base_url)
    yield client
    client.close()


def test_a_track_is_told_without_the_address_of_its_preview(deezer: Deezer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = deezer.ask(ISRC)
    assert (answer.outcome, answer.status) == ("ok", 200)
    assert answer.payload["title"] == "Harder, Better, Faster, Stronger"
    assert answer.payload["has_preview"] is True
    assert "secret" not in json.dumps(answer.payload)
    assert "secret" not in caplog.text


def test_the_address_is_handed_out_once(deezer: Deezer) -> None:
    assert deezer.take_address(ISRC) is None
    deezer.ask(ISRC)
    assert deezer.take_address(ISRC) == SIGNED
    assert deezer.take_address(ISRC) is None


def test_an_address_that_has_lain_too_long_is_not_handed_out(server: DeezerServer) -> None:
    now = [0.0]
    deezer = Deezer(server.base_url, clock=lambda: now[0])
    deezer.ask(ISRC)
    now[0] = 899
    assert deezer.take_address(ISRC) is None


def test_addresses_that_nobody_takes_do_not_pile_up(
    server: DeezerServer, deezer: Deezer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ADDRESSES", 2)
    isrcs = [f"GBDUW000000{i}" for i in range(4)]
    for isrc in isrcs:
        server.tracks[isrc] = track(isrc)
        deezer.ask(isrc)
    assert [deezer.take_address(isrc) for isrc in isrcs] == [None, None, SIGNED, SIGNED]


def test_a_track_whose_preview_has_gone_leaves_no_old_address(server: DeezerServer, deezer: Deezer) -> None:
    deezer.ask(ISRC)
    server.preview = lambda isrc: ""
    answer = deezer.ask(ISRC)
    assert answer.payload["has_preview"] is False
    assert deezer.take_address(ISRC) is None


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(4, "throttled"), (800, "absent"), (200, "forbidden"), (300, "forbidden"), (700, "error"), (500, "error"),
     ("4", "error"), (None, "error"), (True, "error")],
)  # fmt: skip
def test_errors_that_come_with_status_200(server: DeezerServer, deezer: Deezer, code: object, outcome: str) -> None:
    server.raw[ISRC] = (200, json.dumps(error(code)).encode(), {})
    assert deezer.ask(ISRC).outcome == outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(403, "forbidden"), (401, "forbidden"), (429, "throttled"), (404, "error"), (500, "error"), (503, "error"),
     (302, "error")],
)  # fmt: skip
def test_errors_by_status(server: DeezerServer, deezer: Deezer, status: int, outcome: str) -> None:
    headers = {"Retry_After": "17", "Location": f"https://elsewhere.example/?{SIGNED}"}
    server.raw[ISRC] = (status, SIGNED.encode(), headers)
    answer = deezer.ask(ISRC)
    assert (answer.outcome, answer.status, answer.retry_after_s) == (outcome, status, 17.0)
    assert "secret" not in answer.reason


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"true", b"null", b"{}", b'{"id": 1}', b'{"error": "what"}', b'{"data": 3}', b"\xff\xfe",
     b'{"results": true}', b'{"type": "track"}', b'{"type": "album", "id": 2, "contributors": 1, "title": "x"}',
     b'{"type":"track","id":1,"title":"x","release_date":"2020-13-77"}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_track_is_an_error(server: DeezerServer, deezer: Deezer, body: bytes) -> None:
    server.raw[ISRC] = (200, body, {})
    assert deezer.ask(ISRC).outcome == "error"


def test_another_recording_than_asked_for_is_an_error(server: DeezerServer, deezer: Deezer) -> None:
    server.tracks[ISRC] = track("USRC17607839")
    assert deezer.ask(ISRC).outcome == "error"
    assert deezer.take_address(ISRC) is None


def test_a_server_that_is_not_there_or_says_nothing(server: DeezerServer) -> None:
    assert Deezer("http://127.0.0.1:9").ask(ISRC).outcome == "error"


@pytest.mark.parametrize("isrc", ["", "../user/me", "gbduw0000059", "GB-DUW-00-00059"])
def test_only_an_isrc_can_be_asked_for(deezer: Deezer, isrc: str) -> None:
    with pytest.raises(ValueError, match="not an ISRC"):
        deezer.ask(isrc)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.sampled_from([*track(ISRC)]), JSON)
def test_no_field_of_a_wrong_type_gets_through(server: DeezerServer, deezer: Deezer, field: str, value) -> None:
    server.preview = lambda isrc: ""
    server.raw[ISRC] = (200, json.dumps({**track(ISRC), field: value}).encode(), {})
    answer = deezer.ask(ISRC)
    assert answer.outcome in {"ok", "error"}
    if answer.outcome == "ok":
        rows = [(ISRC, json.loads(json.dumps(answer.payload)), AT)]
        for table, frame in ((TRACKS, tracks_of(rows)), (POPULARITY_SNAPSHOTS, popularity_of(rows))):
            for column in table:
                values = frame.get_column(column.name)
                assert column.nullable or column.name == "percentile" or values.null_count() == 0
                if column.minimum is not None and column.type == "DOUBLE":
                    assert (values.drop_nulls() >= column.minimum).all()


def test_rows_of_tracks_and_ranks(server: DeezerServer, deezer: Deezer) -> None:
    undated = "USRC17607839"
    server.tracks[undated] = track(undated, id=7, release_date="0000-00-00", rank=None, contributors=[], album={})
    answers = [(isrc, deezer.ask(isrc).payload, AT) for isrc in (ISRC, undated)]
    tracks, ranks = tracks_of(answers), popularity_of(answers)
    assert tracks.columns == [column.name for column in TRACKS]
    assert ranks.columns == [column.name for column in POPULARITY_SNAPSHOTS]
    assert tracks.row(0, named=True) == {
        "source": "deezer",
        "source_track_id": "3135556",
        "requested_id": ISRC,
        "isrc": ISRC,
        "title": "Harder, Better, Faster, Stronger",
        "source_artist_id": "27",
        "artist_name": "Daft Punk",
        "other_artists": "Edwin Birdsong",
        "source_album_id": "302127",
        "duration_s": 226.0,
        "is_explicit": False,
        "release_date": date(2001, 3, 7),
        "has_preview": True,
        "fetched_at": AT,
    }
    assert tracks.row(1, named=True)["release_date"] is None
    assert ranks.select("observed_on", "measure", "source_id", "value", "scale_maximum").rows() == [
        (date(2026, 11, 20), "rank", "3135556", 793212.0, None)
    ]


def test_no_answers_are_no_rows() -> None:
    assert tracks_of([]).schema["fetched_at"] == pl.Datetime("us")
    assert popularity_of([]).height == 0
