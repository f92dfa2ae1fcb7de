"""Feeds 4 and 5: play-count data sets, real where they are at hand, and ListenBrainz listens."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from analytics_platform_tests.streams.world import Home, gz, ndjson

DATA = Path(__file__).parents[2].parent / "shared" / "data"
HETREC = DATA / "lastfm_hetrec2011"
TASTE = DATA / "taste_profile_top5" / "top_5_user_records"


@pytest.mark.skipif(not HETREC.is_dir(), reason=f"NO REAL DATA: {HETREC} is absent, so HetRec is not tested")
def test_hetrec_goes_in_whole(home: Home) -> None:
    folder = home.inbox / "lastfm_hetrec2011"
    folder.mkdir()
    for name in ("user_artists.dat", "artists.dat"):
        shutil.copy(HETREC / name, folder)
    delivered = home.take()
    assert delivered["lastfm_hetrec2011/user_artists.dat"].counts == (92_834, 92_834, 0)
    assert delivered["lastfm_hetrec2011/artists.dat"].counts == (17_632, 17_632, 0)
    assert home.rows(
        "select vendor, sum(plays), count(distinct listener_key), count(distinct vendor_artist_id)"
        " from streams.play_counts group by 1"
    ) == [("lastfm_hetrec2011", 69_183_975, 1892, 17_632)]
    # The best known lines, with their true names and letters beyond ASCII.
    query = "select artist_name from streams.artists where vendor_artist_id in ('1', '289') order by 1"
    assert home.rows(query) == [("Britney Spears",), ("MALICE MIZER",)]
    assert home.rows("select count(*) from streams.artists where artist_name = 'Röyksopp'") == [(1,)]
    query = "select count(*) from streams.play_counts anti join streams.artists using (vendor, vendor_artist_id)"
    assert home.rows(query) == [(0,)]


@pytest.mark.skipif(not TASTE.is_dir(), reason=f"NO REAL DATA: {TASTE} is absent, so Taste Profile is not tested")
def test_taste_profile_users_go_in_whole(home: Home) -> None:
    shutil.copytree(TASTE, home.inbox / "taste_profile_top5")
    delivered = home.take()
    assert sum(d.good_rows for d in delivered.values()) == 3952 and len(delivered) == 5
    assert sum(d.rejected_rows for d in delivered.values()) == 0
    query = "select count(*), count(distinct listener_key), count(distinct track_id) > 0 from streams.play_counts"
    assert home.rows(query) == [(3952, 5, True)]


def test_triplets_and_song_names(home: Home) -> None:
    users = ["b80344d063b5ccb3212f76538f3d9e43d87dca9e", "85c1f87fea955d09b4bec2e36aee110927aedf9a"]
    lines = [
        f"{users[0]}\tSOAKIMP12A8C130995\t1",
        f"{users[0]}\tSOAPDEY12A81C210A9\t12",
        f"{users[1]}\tSOAKIMP12A8C130995\t3",
        f"{users[1]}\tSOAKIMP12A8C130995\t3",  # the same pair twice
        f"{users[1]}\tSOBAD\t0",
        f"{users[1]}\tSOBAD\tmany",
        f"{users[1]}\t\t5",
        f"{users[1]},SOBAD,5",
    ]
    home.put("train_triplets.txt", "\n".join(lines).encode())
    songs = [
        "TRMMMYQ128F932D901<SEP>SOAKIMP12A8C130995<SEP>Jack Johnson<SEP>The Cove",
        "TRMMMKD128F425225D<SEP>SOAPDEY12A81C210A9<SEP>Beyoncé<SEP>a < b > c",
        "TRMMMRX128F93187D9<SEP>SOGTUKN12AB017F4F1<SEP>Hudson Mohawke<SEP>",
        "TRMMMXX128F93187D9<SEP>SOGTUKN12AB017F4F1<SEP>Hudson Mohawke<SEP>Again",  # a song with a second track
        "TRMMMCH128F425532C<SEP><SEP>Yerba Brava<SEP>Si Vos Querés",
        "TRMMMWA128F426B589<SEP>SOBNYVR12A8C13558C",
        "TRMMMXN128F42936A5<SEP>>SO><SEP>>>Artist<SEP>>Title",
    ]
    home.put("unique_tracks.txt", "\n".join(songs).encode())
    delivered = home.take()
    assert delivered["train_triplets.txt"].counts == (8, 3, 5)
    assert delivered["unique_tracks.txt"].counts == (7, 5, 2)
    rejected = "select line, reason from streams.rejected_rows where file_name = '{}' order by 1"
    assert home.rows(rejected.format("train_triplets.txt")) == [
        (4, "exact duplicate of an earlier row"), (5, "play count is no positive number"),
        (6, "play count is no positive number"), (7, "no track"), (8, "too few columns"),
    ]  # fmt: skip
    assert home.rows(rejected.format("unique_tracks.txt")) == [
        (5, "no track"), (6, "too few columns"),
    ]  # fmt: skip
    assert home.rows("select line, track_id, plays from streams.play_counts order by line") == [
        (1, "SOAKIMP12A8C130995", 1), (2, "SOAPDEY12A81C210A9", 12), (3, "SOAKIMP12A8C130995", 3),
    ]  # fmt: skip
    assert home.rows("select track_id, artist_name, title from streams.tracks order by line") == [
        ("SOAKIMP12A8C130995", "Jack Johnson", "The Cove"),
        ("SOAPDEY12A81C210A9", "Beyoncé", "a < b > c"),
        ("SOGTUKN12AB017F4F1", "Hudson Mohawke", None),
        (">SO>", ">>Artist", ">Title"),
    ]


def test_a_newer_file_of_a_data_set_replaces_the_old_one_whole(home: Home) -> None:
    home.deliver("train_triplets.txt", b"u1\tSO1\t1\nu2\tSO2\t2\n")
    home.deliver("train_triplets.txt", b"u1\tSO1\t5\n")
    assert home.rows("select track_id, plays from streams.play_counts") == [("SO1", 5)]
    home.deliver("unique_tracks.txt", b"TR1<SEP>SO1<SEP>A<SEP>T\n")
    assert home.rows("select track_id, plays from streams.play_counts") == [("SO1", 5)]
    versions = home.versions()
    home.put("train_triplets.txt", b"u1\tSO1\t5\n")
    home.take(changed_only=True)
    assert home.versions() == versions


def listen(number: int, at: object = None, **info: object) -> dict[str, object]:
    return {
        "user_name": f"listener{number}",
        "listened_at": 1773658987 + number if at is None else at,
        "track_metadata": {"artist_name": "Sigur Rós", "track_name": f"Track {number}", "additional_info": info},
    }


def test_listens_with_and_without_ids(home: Home) -> None:
    mbid, mapped = "4e0d8649-1f89-44ce-91af-14d1ca1c2a73", "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
    with_mapping = listen(2)
    with_mapping["track_metadata"] |= {"mbid_mapping": {"recording_mbid": mapped}}  # type: ignore[operator]
    rows = [
        listen(1, recording_mbid=mbid, isrc="is-a01-25-00001", duration_ms=215_000, submission_client="navidrome"),
        with_mapping,
        listen(3) | {"recording_msid": "some-msid"},
        listen(4),
        listen(5, at="1773658987"),
        listen(1, recording_mbid=mbid),  # the same listen from a second client
        {"user_name": "x", "listened_at": 1773658987},
        listen(7) | {"user_name": None},
        listen(8, at=None) | {"listened_at": None},
        listen(9, at=4_000_000_000),
        {"user_name": "x", "listened_at": 1, "track_metadata": "text"},
    ]
    name = "listenbrainz/2026-03-16.listens.gz"
    assert home.deliver("listenbrainz/export/2026-03-16.jsonl.gz", gz(ndjson(rows))).counts == (11, 5, 6)
    assert name not in home.deliveries()
    assert home.rejected() == [
        (6, "exact duplicate of an earlier row"), (7, "no artist"), (8, "no listener"),
        (9, "time is missing or unreadable"), (10, "played after the delivery"), (11, "no artist"),
    ]  # fmt: skip
    plays = home.rows("select track_id, isrc, play_date, played_at, plays, country from streams.plays order by line")
    assert [row[0] for row in plays[:3]] == [mbid, mapped, "some-msid"]
    assert plays[0][1:] == ("ISA012500001", date(2026, 3, 16), datetime(2026, 3, 16, 11, 3, 8), 1, None)
    assert len({row[0] for row in plays}) == 5
    assert home.rows("select artist_name, title, duration_s from streams.tracks order by line limit 2") == [
        ("Sigur Rós", "Track 1", 215.0), ("Sigur Rós", "Track 2", None),
    ]  # fmt: skip


def test_the_newer_and_the_older_form_of_a_dump(home: Home) -> None:
    """Dumps say ``user_id`` and ``timestamp`` where exports say ``user_name`` and ``listened_at``."""
    row = listen(1)
    dumped = {
        "user_id": 17,
        "timestamp": row["listened_at"],
        "track_metadata": row["track_metadata"],
        "recording_msid": "m",
    }
    home.deliver("listenbrainz/2026-03-16.listens", ndjson([dumped]))
    assert home.rows("select track_id, played_at from streams.plays") == [("m", datetime(2026, 3, 16, 11, 3, 8))]
