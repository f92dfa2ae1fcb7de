"""The folder of unreleased tracks: what counts as a track, what it is called, which part of it is heard."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.catalogue.clips import Header
from analytics_platform.catalogue.masters import index_masters
from analytics_platform.tracks.unreleased import copy_tracks, list_unreleased, names_of, open_track
from analytics_platform_tests.audio.broken_files import good


def put(folder: Path, file: str, content: bytes = b"sound") -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_hidden_unfinished_and_accompanying_files_are_passed_over_and_all_others_are_listed(tmp_path: Path) -> None:
    passed_over = (
        ".DS_Store", "._song.wav", ".hidden/song.wav", "song.wav.part", "song.mp3.crdownload", "cover.JPG",
        "Artist/front.png", "README.txt", "readme", "Thumbs.db",
    )  # fmt: skip
    for file in (*passed_over, "song.wav", "Artist/Song.flac", "Artist/Album/Song.mp3", "notes.pdf", "no extension"):
        put(tmp_path, file)
    listed = list_unreleased(tmp_path)
    assert [dropped.file for dropped in listed] == [
        "Artist/Album/Song.mp3", "Artist/Song.flac", "no extension", "notes.pdf", "song.wav",
    ]  # fmt: skip
    assert all(dropped.problem is None for dropped in listed)


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list_unreleased(tmp_path / "nowhere") == []


def test_links_and_names_that_no_table_can_hold_are_listed_with_their_problem(tmp_path: Path) -> None:
    folder = tmp_path / "unreleased"
    outside = put(tmp_path, "secret.wav")
    put(folder, "bell\x07.wav")
    (folder / "link.wav").symlink_to(outside)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert {dropped.file: dropped.problem for dropped in list_unreleased(folder)} == {
        "bell\\x07.wav": "name can't be shown",
        "link.wav": "not a plain file",
        "loop": "not a plain file",
    }


@pytest.mark.parametrize(
    ("file", "artist", "title"),
    [
        ("Nora Vale/Glass Harbour.wav", "Nora Vale", "Glass Harbour"),
        ("Nora Vale/Album/02 - Glass Harbour.wav", "Nora Vale", "Glass Harbour"),
        ("Nora Vale/Nora Vale - Glass Harbour.wav", "Nora Vale", "Glass Harbour"),
        ("Nora Vale/Glass - Harbour.wav", "Nora Vale", "Glass - Harbour"),
        ("Nora Vale - Glass Harbour.mp3", "Nora Vale", "Glass Harbour"),
        ("03. Nora Vale - Glass Harbour.mp3", "Nora Vale", "Glass Harbour"),
        ("Glass Harbour.mp3", None, "Glass Harbour"),
        ("99 Problems.mp3", None, "99 Problems"),
        ("01-.mp3", None, "01-"),
    ],
)
def test_folder_and_file_name_say_whose_a_track_is(file: str, artist: str | None, title: str) -> None:
    assert names_of(file, Header()) == (artist, title)


def test_tags_count_before_names() -> None:
    tagged = Header(title="True Title", artist="True Artist")
    assert names_of("Folder/Some - Name.wav", tagged) == ("True Artist", "True Title")
    assert names_of("Folder/Name.wav", Header(title="True Title")) == ("Folder", "True Title")


@given(st.lists(st.text(st.characters(exclude_characters="/\x00"), min_size=1), min_size=1, max_size=3))
def test_every_file_has_a_title(parts: list[str]) -> None:
    if set(parts) & {".", ".."}:
        return
    assert names_of("/".join(parts), Header())[1]


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg"])
def test_tags_are_read_from_the_file(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, f"a name.{kind}", good(kind))
    tagged = mutagen.File(path, easy=True)
    tagged["title"], tagged["artist"] = "Tagged  Title\n", ["First Artist", "Second Artist"]
    tagged.save()
    track = open_track(tmp_path, path.name)
    assert (track.title, track.artist_name) == ("Tagged Title", "First Artist")


def test_the_excerpt_is_the_one_that_a_master_would_have(tmp_path: Path) -> None:
    put(tmp_path, "QZTST2600001.wav", good("wav", 43))
    (master,) = index_masters(str(tmp_path)).candidates.iter_rows(named=True)
    track = open_track(tmp_path, "QZTST2600001.wav")
    assert (track.clip_id, track.offset_s, track.sha256) == (master["clip_id"], 6.5, master["sha256"])


def test_copying_keeps_an_artists_folder_and_opens_a_folder_of_artists(tmp_path: Path) -> None:
    artist, artists = tmp_path / "Nora Vale", tmp_path / "batch"
    put(artist, "Glass Harbour.wav")
    put(artist, "cover.jpg")
    put(artists, "Old Pines/Slow.flac")
    put(artists, "README.md")
    put(artists, "Velvet Row/Album/Fast.flac")
    single = put(tmp_path, "Someone - Song.mp3")
    folder = tmp_path / "unreleased"
    besides = copy_tracks([artist, artists, single], folder)
    assert sorted(besides) == ["Nora Vale/cover.jpg", "README.md"]
    assert [dropped.file for dropped in list_unreleased(folder)] == [
        "Nora Vale/Glass Harbour.wav", "Old Pines/Slow.flac", "Someone - Song.mp3", "Velvet Row/Album/Fast.flac",
    ]  # fmt: skip
    assert copy_tracks([folder], folder) == [], "what is there is not copied onto itself"
