"""What lies in the inbox: only plain, readable files below it are taken, the rest stays and is named."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.streams.deliveries import InboxFile, list_inbox
from analytics_platform_tests.streams.world import DAY, FUGA, SPOTIFY, Home, fuga, gz, ndjson, stream, trend

NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so the platform runs as somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_home(home: Home) -> Home:
    """A home that nobody may use, too."""
    if os.geteuid() == 0:
        for path in [home.settings.home, *home.settings.home.rglob("*")]:
            os.chown(path, NOBODY, -1)
        for parent in home.settings.home.parents:
            if parent.stat().st_mode & 0o005 != 0o005:
                parent.chmod(parent.stat().st_mode | 0o055)
    return home


def problems(home: Home) -> dict[str, str | None]:
    return {file.name: file.problem for file in home.listed()}


def test_a_symbolic_link_is_not_followed(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "secret.tsv").write_bytes(fuga(trend(1)))
    (outside / "folder" / "FUGA_Trends_2_20260316.tsv").write_bytes(fuga(trend(2)))
    (home.inbox / "FUGA_Trends_1_20260316.tsv").symlink_to(outside / "secret.tsv")
    (home.inbox / "folder").symlink_to(outside / "folder", target_is_directory=True)
    (home.inbox / "FUGA_Trends_3_20260316.tsv").symlink_to(tmp_path / "nowhere")
    home.put(FUGA, gz(fuga(trend(4))))
    assert problems(home) == {
        "FUGA_Trends_1_20260316.tsv": "is a symbolic link: not followed",
        "FUGA_Trends_3_20260316.tsv": "is a symbolic link: not followed",
        "folder": "is a symbolic link: not followed",
        FUGA: None,
    }
    home.take()
    assert home.rows("select track_id from streams.plays") == [("asset4",)]
    assert home.files() == ["FUGA_Trends_1_20260316.tsv", "FUGA_Trends_3_20260316.tsv", "folder"]
    assert (outside / "secret.tsv").exists()


def test_a_file_that_became_a_link_after_the_listing_is_not_taken(home: Home, tmp_path: Path) -> None:
    path = home.put(FUGA, gz(fuga(trend(1))))
    files = home.listed()
    (tmp_path / "other").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "other")
    assert home.store.receive(home.inbox, files) == []
    assert home.store.clear(home.inbox, files) == 0
    assert path.is_symlink()


@pytest.mark.parametrize("name", ["../FUGA_Trends_1_20260316.tsv", "a/../../FUGA_Trends_1_20260316.tsv", "absolute"])
def test_a_name_that_climbs_out_of_the_inbox_is_not_taken(home: Home, name: str) -> None:
    outside = home.inbox.parent / "FUGA_Trends_1_20260316.tsv"
    outside.write_bytes(fuga(trend(1)))
    (home.inbox / "a").mkdir()
    file = InboxFile(
        str(outside) if name == "absolute" else name, outside.stat().st_size, outside.stat().st_mtime, "fuga", DAY
    )
    assert home.store.receive(home.inbox, [file]) == []
    assert home.store.clear(home.inbox, [file]) == 0
    assert outside.exists() and home.store.records() == []


def test_special_files_are_not_opened(home: Home) -> None:
    os.mkfifo(home.inbox / "FUGA_Trends_1_20260316.tsv")
    server = socket.socket(socket.AF_UNIX)
    before = Path.cwd()
    os.chdir(home.inbox)  # the name of a socket is short
    try:
        server.bind("FUGA_Trends_2_20260316.tsv")
    finally:
        os.chdir(before)
        server.close()
    home.put(FUGA, gz(fuga(trend(4))))
    assert set(problems(home).values()) == {"is no regular file: not followed", None}
    assert home.take()[FUGA].status == "loaded"
    assert home.files() == ["FUGA_Trends_1_20260316.tsv", "FUGA_Trends_2_20260316.tsv"]


def test_an_unreadable_file_and_folder_stay_and_the_rest_goes_in(open_home: Home) -> None:
    home = open_home
    with as_nobody():
        home.put("FUGA_Trends_1_20260316.tsv", fuga(trend(1))).chmod(0)
        home.put("locked/FUGA_Trends_2_20260316.tsv", fuga(trend(2)))
        home.put(FUGA, gz(fuga(trend(3))))
        (home.inbox / "locked").chmod(0)
        assert problems(home) == {
            "FUGA_Trends_1_20260316.tsv": "can't be read: permission denied",
            "locked": "can't be listed: permission denied",
            FUGA: None,
        }
        assert home.take()[FUGA].status == "loaded"
        (home.inbox / "FUGA_Trends_1_20260316.tsv").chmod(0o600)
        (home.inbox / "locked").chmod(0o700)
        home.take()
    assert home.rows("select track_id from streams.plays order by 1") == [("asset1",), ("asset2",), ("asset3",)]


def test_an_inbox_that_cannot_be_listed_is_not_an_empty_one(open_home: Home) -> None:
    assert list_inbox(open_home.inbox / "not there yet") == []
    with as_nobody():
        open_home.inbox.chmod(0)
        with pytest.raises(PermissionError):
            open_home.listed()
        open_home.inbox.chmod(0o700)
    open_home.inbox.rmdir()
    open_home.inbox.write_text("a file")
    with pytest.raises(NotADirectoryError):
        open_home.listed()


def test_unknown_hidden_and_unfinished_files_stay(home: Home) -> None:
    home.put("notes.txt", b"x")
    home.put(".hidden/FUGA_Trends_1_20260316.tsv", fuga(trend(1)))
    home.put(".FUGA_Trends_1_20260316.tsv", fuga(trend(1)))
    home.put("FUGA_Trends_1_20260316.tsv.part", fuga(trend(1)))
    home.put("FUGA_Trends_1_20260316.tsv.TMP", fuga(trend(1)))
    assert problems(home) == {"notes.txt": "matches no feed: see docs/feeds.md for file names"}
    home.take()
    assert len(home.files()) == 5 and home.store.records() == []


def test_days_that_cannot_be_stay(home: Home) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    home.put("FUGA_Trends_1_20261345.tsv", fuga(trend(1)))
    home.put(f"FUGA_Trends_1_{tomorrow:%Y%m%d}.tsv", fuga(trend(1)))
    home.put("spotify/acme/streams/2026/02/31/DE.gz", b"")
    assert problems(home) == {
        "FUGA_Trends_1_20261345.tsv": "20261345 in its name is no date",
        f"FUGA_Trends_1_{tomorrow:%Y%m%d}.tsv": f"its day {tomorrow} is in the future",
        "spotify/acme/streams/2026/02/31/DE.gz": "2026/02/31 in its name is no date",
    }


def test_a_name_that_no_table_can_hold_stays_and_the_rest_goes_in(home: Home) -> None:
    for folder in (b"bad\xff", b"new\nline"):
        home.put(os.fsdecode(folder) + "/FUGA_Trends_1_20260316.tsv", fuga(trend(1)))
    home.put("Größe, 'quoted' & more/FUGA_Trends_2_20260316.tsv", fuga(trend(2)))
    home.take()
    assert home.rows("select file_name from streams.deliveries") == [
        ("Größe, 'quoted' & more/FUGA_Trends_2_20260316.tsv",)
    ]
    found = problems(home)
    assert set(found.values()) == {"has control characters or no UTF-8 in its name"}
    assert all(name.isascii() and name.isprintable() for name in found)


def test_a_file_that_changes_after_the_listing_stays_for_the_next_run(home: Home) -> None:
    home.put(SPOTIFY, gz(ndjson([stream(1)])))
    files = home.listed()
    home.store.receive(home.inbox, files)
    home.put(SPOTIFY, gz(ndjson([stream(1), stream(2)])))
    assert home.store.clear(home.inbox, files) == 0
    assert home.take()[SPOTIFY].counts == (2, 2, 0)
    assert home.files() == []


def test_a_file_that_goes_away_after_the_listing_is_no_fault(home: Home) -> None:
    path = home.put(SPOTIFY, gz(ndjson([stream(1)])))
    files = home.listed()
    path.unlink()
    assert home.store.receive(home.inbox, files) == []
    assert home.store.clear(home.inbox, files) == 0
