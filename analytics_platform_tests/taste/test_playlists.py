"""Playlists keep to their formats whatever the names; files are whole, and keep their names."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.taste.playlist_tables import export_playlists, similar_playlists, unit_playlists
from analytics_platform.taste.playlists import (
    LONGEST_S,
    NOT_TEXT,
    Playlist,
    PlaylistTrack,
    file_name,
    jspf,
    playlist_csv,
    uri_of,
    write_playlists,
    xspf,
)
from analytics_platform.taste.product_tables import PLAYLIST_TRACKS
from analytics_platform.taste.similar import similar_tracks

NS = "{http://xspf.org/ns/0/}"
HEAD = ["title", "creator", "annotation", "info", "location", "identifier", "image", "date", "license"]
TRACK = ["location", "identifier", "title", "creator", "annotation", "info", "image", "album", "trackNum", "duration"]
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")

texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=()), max_size=20))
tracks = st.builds(
    PlaylistTrack,
    isrc=st.text(st.characters(exclude_categories=()), min_size=1, max_size=14),
    title=texts,
    artist_name=texts,
    duration_s=st.one_of(st.none(), st.floats(-1)),
    location=st.one_of(st.none(), st.text(max_size=15).map(lambda name: f"/masters/{name}"), st.text(max_size=15)),
    value=st.one_of(st.none(), st.floats(-1, 1)),
)
playlists = st.builds(
    Playlist,
    playlist_id=st.text(min_size=1, max_size=20),
    title=st.text(st.characters(exclude_categories=()), max_size=80),
    tracks=st.lists(tracks, max_size=4),
    annotation=st.text(st.characters(exclude_categories=()), max_size=20),
)


def said(text: str | None) -> str | None:
    """What a format can hold of a text."""
    return NOT_TEXT.sub("", text or "").strip() or None


def in_order(names: list[str], allowed: list[str]) -> bool:
    """Only what the specification has, each once, in its order."""
    return [name for name in allowed if name in names] == names


def check_xspf(content: bytes) -> ElementTree.Element:
    """The rules of https://www.xspf.org/spec, version 1, and the errata's advice on order."""
    root = ElementTree.fromstring(content)
    assert root.tag == f"{NS}playlist"
    assert dict(root.attrib) == {"version": "1"}
    assert content.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    assert in_order([child.tag.removeprefix(NS) for child in root], [*HEAD, "trackList"])
    for element in root.iter():
        assert element.tag.startswith(NS)
        assert element is root or not element.attrib
    (listed,) = root.findall(f"{NS}trackList")
    for track in listed:
        assert track.tag == f"{NS}track"
        assert in_order([child.tag.removeprefix(NS) for child in track], TRACK)
        for child in track:
            assert len(child) == 0
            name = child.tag.removeprefix(NS)
            if name in ("location", "identifier"):
                assert URI.fullmatch(child.text or ""), child.text
            if name in ("trackNum", "duration"):
                assert re.fullmatch(r"\d+", child.text or "")
    return root


@settings(max_examples=60, deadline=None)
@given(playlists)
def test_any_playlist_keeps_to_the_formats_and_says_the_same_in_each(playlist: Playlist) -> None:
    root = check_xspf(xspf(playlist))
    titles = [track.findtext(f"{NS}title") for track in root.iter(f"{NS}track")]
    # A reader of XML gives every line break as a line feed.
    assert titles == [t and re.sub("\r\n?", "\n", t) for t in (said(track.title) for track in playlist.tracks)]
    body = json.loads(jspf(playlist).decode())["playlist"]
    assert [track.get("title") for track in body["track"]] == [said(track.title) for track in playlist.tracks]
    assert [track.get("duration") for track in body["track"]] == [
        round(track.duration_s * 1000) if track.duration_s is not None and 0 <= track.duration_s < LONGEST_S else None
        for track in playlist.tracks
    ]
    for track in body["track"]:
        assert all(URI.fullmatch(uri) for uri in [*track.get("location", []), *track["identifier"]])
    content = playlist_csv(playlist)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert len(rows) == len(playlist.tracks) + 1
    assert {len(row) for row in rows} == {7}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows[1:] for cell in row[1:4])
    assert re.fullmatch(r"[a-z0-9-]{8,}", file_name(playlist))


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_a_files_address_leads_back_to_it(name: str) -> None:
    path = Path("/masters") / name.replace("/", "_")
    uri = uri_of(str(path))
    assert uri is not None
    assert URI.fullmatch(uri)
    assert unquote(urlsplit(uri).path) == str(path)


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        ("/masters/Électric Motel/100% #1?.flac", "file:///masters/%C3%89lectric%20Motel/100%25%20%231%3F.flac"),
        ("s3://bucket/a b.flac", "s3://bucket/a%20b.flac"),
        ("file:///masters/a%20b.flac", "file:///masters/a%20b.flac"),
        ("https://cdn.example/a.mp3?signature=secret", None),
        ("https://user:secret@cdn.example/a.mp3", None),
        ("javascript:alert(1)", None),
        ("masters/a.flac", None),
        ("http://[broken", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses(location: str | None, uri: str | None) -> None:
    assert uri_of(location) == uri


def example() -> Playlist:
    first = PlaylistTrack("QZTST2600001", "Rain & <Snow>", "Électric \x00Motel", 61.2345, "/m/a b.flac", 1.0)
    return Playlist(
        "similar:QZTST2600001", "Like Rain by Électric Motel", [first, PlaylistTrack("QZTST2600002")], "By x"
    )


def test_a_player_finds_the_file_the_title_and_the_length() -> None:
    (first, second) = check_xspf(xspf(example())).iter(f"{NS}track")
    assert {child.tag.removeprefix(NS): child.text for child in first} == {
        "location": "file:///m/a%20b.flac",
        "identifier": "urn:isrc:QZTST2600001",
        "title": "Rain & <Snow>",
        "creator": "Électric Motel",
        "trackNum": "1",
        "duration": "61234",
    }
    assert [child.tag.removeprefix(NS) for child in second] == ["identifier", "trackNum"]


def test_files_are_whole_and_keep_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_playlists(tmp_path / "playlists", [example()])
    stem = "like-rain-by-electric-motel-"
    assert all(path.name.startswith(stem) for path in written)
    assert sorted(path.suffix for path in written) == [".csv", ".jspf", ".xspf"]
    again = write_playlists(tmp_path / "playlists", [example()])
    assert again == written
    assert sorted((tmp_path / "playlists").iterdir()) == sorted(written)
    renamed = Playlist(example().playlist_id, "雨", example().tracks)
    assert file_name(renamed) == file_name(example()).removeprefix(stem)
    before = written[1].read_bytes()

    def full(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        write_playlists(tmp_path / "playlists", [Playlist(example().playlist_id, example().title, [])])
    assert written[1].read_bytes() == before
    assert sorted((tmp_path / "playlists").iterdir()) == sorted(written), "nothing half written is left"


def test_two_playlists_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the id"):
        write_playlists(tmp_path, [example(), example()])


def test_rows_of_similar_tracks_and_of_units() -> None:
    rng = np.random.default_rng(0)
    isrcs = np.array([f"QZTST26{number:05d}" for number in range(30)])
    names = pl.DataFrame({"isrc": isrcs[1:], "title": isrcs[1:], "artist_name": ["A"] * 29})
    similar = similar_tracks(rng.normal(size=(30, 4)), np.ones(30, dtype=bool), isrcs, names, "v1")
    rows = similar_playlists(similar, ["QZTST2600003", "QZTST2600000", "QZTST2600003", "QZTST9999999"])
    assert rows.columns == [column.name for column in PLAYLIST_TRACKS]
    assert rows["playlist_id"].unique(maintain_order=True).to_list() == ["similar:QZTST2600003", "similar:QZTST2600000"]
    assert rows["place"].to_list() == [*range(1, 22)] * 2
    assert rows["isrc"][0] == "QZTST2600003"
    assert rows["playlist_title"][0] == "Like QZTST2600003 by A"
    answers = rng.normal(size=(30, 3))
    answers[:, 2] = 0
    units = unit_playlists(answers, isrcs, names, "conv1", "maximum", "v1", units={1: "jazz", 2: ""}, most=5)
    assert units["playlist_title"].unique(maintain_order=True).to_list() == [
        "conv1, unit 1, maximum: jazz",
        "conv1, unit 2, maximum",
    ]
    best = isrcs[np.argsort(-answers[:, 1])[:5]].tolist()
    assert units["isrc"].to_list() == [*best, *isrcs[:5].tolist()], "equal answers go by ISRC"
    assert unit_playlists(answers, isrcs, names, "c", "mean", "v")["playlist_id"].n_unique() == 3


def test_what_is_published_is_exported_with_the_masters_that_may_be_played(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema taste; create schema marts; create schema streams")
        rows = unit_playlists(
            np.array([[1.0], [2.0], [3.0]]),
            np.array(["QZTST2600001", "QZTST2600002", "QZTST2600003"]),
            pl.DataFrame({"isrc": ["QZTST2600001"], "title": ["One"], "artist_name": ["A"]}),
            "conv1",
            "mean",
            "v1",
        )
        connection.register("listed", rows.to_arrow())
        connection.execute("create table taste.playlist_tracks as from listed")
        connection.execute(
            "create table marts.track_audio as from (values ('QZTST2600001', 'master', true, '/m/one.flac'),"
            " ('QZTST2600002', 'master', false, '/m/two.flac'), ('QZTST2600003', 'deezer', true, 'clips/three.mp3'))"
            " as rows(isrc, clip_source, may_display, location)"
        )
        connection.execute(
            "create table streams.tracks as from (values ('QZTST2600001', 200.0), ('QZTST2600001', 202.0))"
            " as rows(isrc, duration_s)"
        )
        export_playlists(connection, tmp_path)
        connection.execute("delete from taste.playlist_tracks")
        export_playlists(connection, tmp_path / "empty")
    (file,) = (tmp_path / "playlists").glob("*.xspf")
    found = list(check_xspf(file.read_bytes()).iter(f"{NS}track"))
    assert [track.findtext(f"{NS}location") for track in found] == [None, None, "file:///m/one.flac"]
    assert found[2].findtext(f"{NS}duration") == "201000"
    assert list((tmp_path / "empty" / "playlists").iterdir()) == []
