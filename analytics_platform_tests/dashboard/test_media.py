"""Files that the page hands out: what tables name and nothing else, wherever links and dots lead."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from analytics_platform.dashboard import media
from analytics_platform.dashboard.published import live
from analytics_platform.taste.playlists import Playlist, file_name

SOUND = b"RIFF made up"
TABLES = duckdb.connect()
"""Of the test that runs."""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with empty tables, as the page's queries would see them."""
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path))
    monkeypatch.delenv("ANALYTICS_MASTERS", raising=False)
    for folder in ("unreleased", "masters", "lake/audio", "lake/explanations", "exports/playlists", "secrets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "secrets" / "key.wav").write_bytes(SOUND)
    (tmp_path / "analytics.duckdb").touch()
    monkeypatch.setattr(media, "pinned", lambda: live(tmp_path / "analytics.duckdb"))
    tables = duckdb.connect()
    tables.execute("create schema marts; create schema taste")
    tables.execute("create table marts.track_scores (file varchar)")
    tables.execute("create table marts.track_explanations (file varchar, picture varchar)")
    tables.execute(
        "create table marts.track_audio (isrc varchar, location varchar, clip_source varchar, may_display boolean)"
    )
    tables.execute("create table taste.playlist_tracks (playlist_id varchar, playlist_title varchar)")

    def facts(sql: str, **parameters: object) -> dict[str, object]:
        found = tables.sql(sql, params=parameters).pl()
        return found.row(0, named=True) if found.height else {}

    monkeypatch.setattr(media, "facts", facts)
    monkeypatch.setitem(globals(), "TABLES", tables)
    return tmp_path


def tell(table: str, *row: object) -> None:
    """Make a table say one thing."""
    TABLES.execute(f"delete from {table}")
    TABLES.execute(f"insert into {table} values ({', '.join('?' * len(row))})", list(row))


def scored(file: str) -> media.Found:
    tell("marts.track_scores", file)
    return media.unreleased_sound(file)


def heard(location: str | None, source: str = "master", may_display: bool | None = True) -> media.Found:
    tell("marts.track_audio", "A", location, source, may_display)
    return media.recording_sound("A")


@pytest.mark.parametrize("name", ["a & b/Q? #1%.wav", "فيروز/أغنية.WAV", "..wav", " .wav", "~root.wav", "a\\b.wav"])
def test_odd_names_are_found(base: Path, name: str) -> None:
    file = base / "unreleased" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(SOUND)
    found = scored(name)
    assert found.path == file
    assert found.kind == "audio/wav"


@pytest.mark.parametrize(
    "name", ["../secrets/key.wav", "a/../../secrets/key.wav", "{base}/secrets/key.wav", "..", "", "\0"]
)
def test_nothing_outside_the_folder_is_handed_out_even_if_a_table_names_it(base: Path, name: str) -> None:
    name = name.format(base=base)
    found = [scored(name), heard(name or None), heard(name or None, "deezer")]
    assert [item.path for item in found] == [None] * 3
    assert all(item.why for item in found)


def test_links_out_of_the_folder_are_not_followed(base: Path) -> None:
    (base / "unreleased" / "out.wav").symlink_to(base / "secrets" / "key.wav")
    (base / "unreleased" / "folder").symlink_to(base / "secrets")
    (base / "unreleased" / "circle.wav").symlink_to("circle.wav")
    for name in ("out.wav", "folder/key.wav", "circle.wav"):
        assert scored(name).path is None


def test_a_file_that_no_table_names_is_not_handed_out(base: Path) -> None:
    (base / "unreleased" / "a.wav").write_bytes(SOUND)
    assert "no scored track" in media.unreleased_sound("a.wav").why


def test_a_recording_needs_the_right_to_be_played(base: Path) -> None:
    (base / "masters" / "a.flac").write_bytes(SOUND)
    assert heard(str(base / "masters" / "a.flac"), may_display=False).path is None
    assert "no right" in media.recording_sound("A").why


def test_masters_and_previews_lie_in_their_own_folders(base: Path) -> None:
    for folder in ("masters", "lake/audio"):
        (base / folder / "a.flac").write_bytes(SOUND)
    assert heard(str(base / "masters" / "a.flac")).path == base / "masters" / "a.flac"


def test_a_preview_is_found_by_its_path_below_the_lake(base: Path) -> None:
    (base / "lake" / "audio" / "a.mp3").write_bytes(SOUND)
    assert heard("a.mp3", "deezer").kind == "audio/mpeg"


def test_a_recording_on_another_machine_is_not_fetched_and_its_secrets_are_not_shown(base: Path) -> None:
    why = heard("https://user:word@cdn.example/a.mp3?signature=s3cret").why
    assert "not on this machine" in why
    assert "word" not in why
    assert "s3cret" not in why
    assert "cdn" in why


@pytest.mark.parametrize(("name", "said"), [("a.aiff", "AIFF"), ("gone.wav", "no longer"), ("a", "unknown kind")])
def test_what_cannot_be_played_is_said(base: Path, name: str, said: str) -> None:
    if name != "gone.wav":
        (base / "unreleased" / name).write_bytes(SOUND)
    found = scored(name)
    assert found.path is None
    assert said in found.why


def test_a_large_file_is_not_loaded(base: Path) -> None:
    with (base / "unreleased" / "long.wav").open("wb") as file:
        file.truncate(media.MOST_BYTES + 1)
    assert "too large" in scored("long.wav").why


def test_pictures_are_pngs_of_their_own_folder(base: Path) -> None:
    (base / "lake" / "explanations" / "good.png").write_bytes(media.PNG + b"more")
    (base / "lake" / "explanations" / "bad.png").write_bytes(b"<svg>")
    (base / "secrets" / "other.png").write_bytes(media.PNG)
    found = {}
    for name in ("lake/explanations/good.png", "lake/explanations/bad.png", "secrets/other.png"):
        tell("marts.track_explanations", name, name)
        found[name] = media.reasons_picture(name).path
    assert list(found.values()) == [base / "lake" / "explanations" / "good.png", None, None]


@pytest.mark.parametrize("title", ["Like Été by Nora", "椎名林檎", "../../secrets/key", "x" * 200])
def test_playlists_are_found_under_the_names_that_publishing_gives_them(base: Path, title: str) -> None:
    name = file_name(Playlist("similar:A", title, []))
    (base / "exports" / "playlists" / f"{name}.xspf").write_bytes(b"<playlist/>")
    tell("taste.playlist_tracks", "similar:A", title)
    assert media.playlist_file("similar:A", ".xspf").path == base / "exports" / "playlists" / f"{name}.xspf"
    assert "publish" in media.playlist_file("similar:A", ".csv").why
    assert media.playlist_file("similar:A", ".xspf/../../../secrets/key.wav").path is None
    assert media.playlist_file("similar:B", ".xspf").path is None
