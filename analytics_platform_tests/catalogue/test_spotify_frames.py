"""Answers become rows of the declared tables, whatever fields are missing."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.catalogue.crawl import KINDS, crawl
from analytics_platform.catalogue.journal import Journal
from analytics_platform.catalogue.limiter import Limiter, Limits
from analytics_platform.catalogue.probe import Capabilities
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.spotify_frames import SpotifyFrames, spotify_frames
from analytics_platform.catalogue.tables import ALBUMS, ARTISTS, POPULARITY_SNAPSHOTS, TRACKS
from analytics_platform.lakehouse.tables import Table
from analytics_platform_tests.catalogue.spotify_server import SpotifyServer
from analytics_platform_tests.catalogue.spotify_world import World, album_id, artist_id, isrc_of, replaced_id, track_id
from analytics_platform_tests.catalogue.test_journal import JSON
from analytics_platform_tests.catalogue.tools import START, Clock, asks, client_of


def check(frame: pl.DataFrame, table: Table) -> None:
    """What the blocking check of the table would find."""
    assert frame.columns == [column.name for column in table]
    assert not frame.select(pl.struct(table.key).is_duplicated().any()).item()
    for column in table:
        values = frame[column.name]
        if column.name == "percentile":
            continue  # filled in among all the day's rows
        assert column.nullable or values.null_count() == 0, column.name
        if column.values:
            assert values.drop_nulls().is_in(column.values).all()
        if column.minimum is not None:
            assert (values.drop_nulls() >= column.minimum).all()


def checked(frames: SpotifyFrames) -> SpotifyFrames:
    check(frames.tracks, TRACKS)
    check(frames.artists, ARTISTS)
    check(frames.albums, ALBUMS)
    check(frames.outside_popularity, POPULARITY_SNAPSHOTS)
    return frames


def answered(path: Path, *answers: tuple[Request, dict[str, Any]]) -> SpotifyFrames:
    with Journal(path / "j.sqlite") as journal:
        journal.add(request for request, _ in answers)
        for at, (request, payload) in enumerate(answers):
            journal.record(request, Answer("ok", 200, payload=payload), START + at)
        return checked(spotify_frames(journal))


def the(frame: pl.DataFrame, **values: object) -> dict[str, Any]:
    found = frame.filter(*[pl.col(name) == value for name, value in values.items()])
    assert len(found) == 1
    return found.row(0, named=True)


@pytest.mark.parametrize("development", [False, True], ids=["extended", "development"])
def test_a_whole_crawl(tmp_path: Path, development: bool) -> None:
    clock, world = Clock(), World(108, development=development)
    mode = Capabilities("unknown", not development)
    with SpotifyServer(world) as server, Journal(tmp_path / "j.sqlite") as journal:
        journal.add([*asks("artist", artist_id(0)), *asks("isrc", isrc_of(0)), *asks("track", replaced_id(9))])
        journal.add(asks("playlist_items", "P1"))
        limiter = Limiter(journal, "spotify", Limits(10_000, 1), 0.0, clock, clock.sleep)
        client = client_of(server)
        assert crawl(client, limiter, mode).finished
        client.close()
        frames = checked(spotify_frames(journal))
    assert frames.refused == {
        "playlist_items: an episode or a local file": 6,
        "playlist_items: no track": 6,
    }
    assert frames.tracks["source_track_id"].to_list() == [track_id(n) for n in range(108)]
    assert frames.tracks["isrc"].to_list() == [isrc_of(n) for n in range(108)]
    assert the(frames.tracks, source_track_id=track_id(10)) == {
        "source": "spotify",
        "source_track_id": track_id(10),
        "requested_id": track_id(10),
        "isrc": isrc_of(10),
        "title": "Track 10",
        "source_artist_id": artist_id(0),
        "artist_name": "Artist 0",
        "other_artists": None,
        "source_album_id": album_id(2),
        "duration_s": 120.01,
        "is_explicit": False,
        "release_date": date(2021, 1, 1),
        "has_preview": None if development else False,
        "fetched_at": datetime(2026, 1, 1),
    }
    assert len(frames.albums) == len(world.albums)
    assert the(frames.albums, source_album_id=album_id(1))["release_date"] == date(2021, 3, 1)
    assert the(frames.albums, source_album_id=album_id(2)) == {
        "source": "spotify",
        "source_album_id": album_id(2),
        "title": "Album 2",
        "source_artist_id": artist_id(0),
        "artist_name": "Artist 0",
        "album_type": "compilation",
        "release_date": date(2021, 1, 1),
        "tracks": 4,
        "upc": "000000000002",
        "fetched_at": datetime(2026, 1, 1),
    }
    assert the(frames.artists, source_artist_id=artist_id(0))["followers"] == (None if development else 1000)
    measured = frames.outside_popularity
    if development:
        assert measured.is_empty()
    else:
        assert len(measured.filter(subject="track")) == 108
        popularity = the(measured, source_id=track_id(107))
        assert (popularity["value"], popularity["scale_maximum"], popularity["isrc"]) == (6, 100, isrc_of(107))
        assert popularity["observed_on"] == date(2026, 1, 1)
        followers = the(measured, source_id=artist_id(0), measure="followers")
        assert (followers["value"], followers["scale_maximum"]) == (1000, None)


def test_asked_for_by_code_replaced_and_met_by_the_way(tmp_path: Path) -> None:
    world = World(700)
    frames = answered(
        tmp_path,
        (asks("track", replaced_id(20))[0], world.track(20, replaced_id(20))),
        (asks("isrc", isrc_of(456))[0], world.search(f"isrc:{isrc_of(456)}", 10, 0)),
        (asks("album", album_id(0))[0], world.album(0)),
        (asks("search", "x")[0], world.search("x", 10, 400)),
    )
    requested = dict(frames.tracks.select("source_track_id", "requested_id").iter_rows())
    assert requested[track_id(20)] == replaced_id(20)
    assert requested[track_id(456)] == requested[track_id(457)] == isrc_of(456)
    assert requested[track_id(506)] is None and requested[track_id(403)] is None
    listed = the(frames.tracks, source_track_id=track_id(3))
    assert (listed["isrc"], listed["source_album_id"]) == (None, album_id(0))


def test_the_newest_of_equal_standing_wins_and_full_before_listed(tmp_path: Path) -> None:
    world = World(30)
    old, new = world.track(1), {**world.track(1), "name": "New name", "popularity": 99}
    frames = answered(
        tmp_path,
        (asks("search", "a")[0], {"tracks": {"items": [old]}}),
        (asks("search", "b")[0], {"tracks": {"items": [new]}}),
        (asks("album_tracks", album_id(0))[0], world.album_tracks(0, 50, 0)),
    )
    row = the(frames.tracks, source_track_id=track_id(1))
    assert (row["title"], row["isrc"]) == ("New name", isrc_of(1))
    assert the(frames.outside_popularity, source_id=track_id(1))["value"] == 99


def test_what_makes_no_row_is_counted_with_the_reason(tmp_path: Path) -> None:
    track = World(30).track(1)
    odd = {
        "name": "Odd",
        "id": "X1",
        "duration_ms": "long",
        "explicit": "yes",
        "popularity": 101,
        "external_ids": {"isrc": "nonsense"},
        "album": {**track["album"], "release_date": "2021-13-45", "total_tracks": -1},
        "artists": [{"id": "A"}, {"id": 7, "name": "Known"}],
    }
    items = [{"id": "X0"}, {**track, "id": None}, odd, None, {"id": "X2", "name": "Bare"}]
    frames = answered(
        tmp_path,
        (asks("search", "a")[0], {"tracks": {"items": items}}),
        (asks("search", "b")[0], {"error": "odd"}),
        (asks("artist", "A2")[0], {"id": "A2", "name": "A", "followers": {"total": None}, "genres": None}),
    )
    assert frames.refused == {
        "album: release_date is no date": 2,
        "album: total_tracks is no number from 0": 1,
        "artist: id is no text": 1,
        "artist: no name": 1,
        "search: an item that is no object": 1,
        "search: no list of items": 1,
        "track: duration_ms is no number from 0": 1,
        "track: explicit is not true or false": 1,
        "track: external_ids.isrc is no ISRC": 1,
        "track: no id": 1,
        "track: no name": 1,
        "track: popularity above 100": 1,
    }
    assert frames.tracks["source_track_id"].to_list() == ["X1", "X2"]
    row = the(frames.tracks, source_track_id="X1")
    assert (row["duration_s"], row["is_explicit"], row["isrc"], row["artist_name"]) == (None, None, None, "Known")


def test_a_journal_with_nothing_in_it_gives_empty_tables(tmp_path: Path) -> None:
    frames = answered(tmp_path)
    assert len(frames.tracks) + len(frames.artists) + len(frames.albums) + len(frames.outside_popularity) == 0


FIELDS = st.sampled_from(
    [
        "id",
        "name",
        "artists",
        "album",
        "tracks",
        "items",
        "external_ids",
        "isrc",
        "upc",
        "popularity",
        "followers",
        "total",
        "genres",
        "release_date",
        "duration_ms",
        "explicit",
        "preview_url",
        "item",
        "track",
        "total_tracks",
        "album_type",
    ]
)
LEAVES = JSON | st.sampled_from(["2021", "2021-00", "0000", "9999-12-31", "QZT002400001", 2**70, -1, 1e308, True])
PAYLOADS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=8), max_leaves=40
)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), payload=st.dictionaries(FIELDS, PAYLOADS, max_size=10))
def test_no_payload_breaks_it(tmp_path_factory: pytest.TempPathFactory, kind: str, payload: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "wild.sqlite"
    request = Request("spotify", kind, "S")
    with Journal(path) as journal:
        journal.add([request])
        journal.record(request, Answer("ok", 200, payload=payload), START)
        checked(spotify_frames(journal))
