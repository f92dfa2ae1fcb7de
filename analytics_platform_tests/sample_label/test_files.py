"""Delivered files: bytes, formats, faults, restatements."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from analytics_platform.sample_label import LabelSpec, generate, write_day
from analytics_platform.sample_label.files import hex_ids
from analytics_platform.sample_label.spec import Incidents
from analytics_platform_tests.sample_label.reading import lines, read, read_releases, unpack


def names(text: str, separator: str) -> list[str]:
    return text.split(separator)


SMALL = LabelSpec(scale=0.01, days=8)
PLAY_FEEDS = ("spotify/streams", "apple/streams", "fuga/trends")
LISTS_WITH_HEADER = ("apple/content", "roster/genres", "roster/territories", "roster/releases")
APPLE_V1_1 = names(
    "Datestamp | Ingest Datestamp | Ingest Timestamp | Apple Identifier | Storefront Name | Anonymized Person ID | "
    "Membership Type | Membership Mode | Membership Partner | Postal Code | Device Type | Operating System | "
    "Action Type | End Reason Type | Offline | Source of Stream | Container Type | Container Sub-Type | "
    "Container ID | Container Name | Stream Timestamp | Stream Start Position | Stream Duration",
    separator=" | ",
)
APPLE_CONTENT = names(
    "Apple Identifier, ISRC, Title, Artist, Artist ID, Item Type, Media Type, Media Duration, Vendor Identifier, "
    "Label/Studio/Network, Grid",
    separator=", ",
)
FUGA = names(
    "label_id, product_id, asset_id, date, territory, number_of_downloads, number_of_streams, number_of_listeners, "
    "number_of_saves, reporting_organization_id, asset_duration, stream_device_type, stream_device_os, "
    "stream_length, stream_source, stream_source_uri, user_id, user_region, user_region_detail, user_gender, "
    "user_birth_year, user_age_group, user_country, user_access_type, user_account_type, track_id, "
    "primary_artist_ids, isrc, upc, shuffle, repeat, cached, completion, apple_container_type, "
    "apple_container_sub_type, apple_source_of_stream, youtube_channel_id, video_id, youtube_claimed_status, "
    "subscribed_status, asset_type, discovery_flag, current_membership_week, first_trial_membership_week, "
    "first_trial_membership, first_paid_membership_week, first_paid_membership, total_user_streams, "
    "youtube_uploader_type, audio_format, dsp_data",
    separator=", ",
)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_same_bytes_and_another_seed_others(write):
    first, second, other = write(SMALL), write(SMALL), write(replace(SMALL, seed=8))
    assert digests(first.folder) == digests(second.folder)
    shared = digests(first.folder).items() & digests(other.folder).items()
    # The law does not depend on the seed.
    assert {name for name, _ in shared} == {"truth/profiles.parquet", "truth/thresholds.parquet"}


def test_no_two_deliveries_have_the_same_content(label):
    found = digests(label.folder / "deliveries")
    assert len(set(found.values())) == len(found) == label.summary.files


def test_gzip_headers_hold_no_time_and_no_name(label):
    for path in (label.folder / "deliveries" / "2026-01-02").rglob("*.gz"):
        assert path.read_bytes()[3:8] == bytes(5)


def test_every_file_has_the_rows_and_faults_that_the_truth_says(label):
    on_disk = {path for path in (label.folder / "deliveries").rglob("*") if path.is_file()}
    assert on_disk == {label.path(entry) for entry in label.faults["files"]}
    totals: dict[str, Counter[str]] = {feed: Counter() for feed in label.faults["totals"]}
    for entry in label.faults["files"]:
        path, feed = label.path(entry), entry["feed"]
        if feed in PLAY_FEEDS:
            rows, faults = read(path, feed)
            assert dict(faults) == entry["faults"], path
            assert (len(rows), len(rows) + faults.total()) == (entry["good_rows"], entry["rows"])
            totals[feed] += faults
            continue
        assert len(lines(path)) - (feed in LISTS_WITH_HEADER) == entry["rows"]
        if feed == "roster/releases":
            dates, faults = read_releases(path)
            assert dict(faults) == entry["faults"] == dict.fromkeys(("duplicate", "null_isrc", "unreadable_date"), 1)
            assert len(dates) == entry["good_rows"]
            totals[feed] += faults
        else:
            assert entry["rows"] == entry["good_rows"]
    assert {feed: dict(counts) for feed, counts in totals.items()} == label.faults["totals"]
    assert label.summary.rows == sum(entry["rows"] for entry in label.faults["files"])
    assert label.summary.faults == sum(counts.total() for counts in totals.values())


def test_every_kind_of_fault_occurs_at_full_scale_rates(write):
    written = write(LabelSpec(scale=0.6, days=6))
    found = {kind for counts in written.faults["totals"].values() for kind in counts}
    assert found == set(written.faults["kinds"])
    plays = [entry for entry in written.faults["files"] if entry["feed"] in PLAY_FEEDS]
    rows = sum(entry["rows"] for entry in plays)
    assert 0.001 < written.summary.faults / rows < 0.002


def test_junk_birth_years_are_counted_in_good_rows_only(write):
    written = write(LabelSpec(scale=0.6, days=3))
    total = 0
    for entry in written.faults["files"]:
        path, junk = written.path(entry), entry["junk_birth_years"]
        if entry["feed"] == "spotify/users":
            assert sum('"birth_year":1867' in line or '"birth_year":2035' in line for line in lines(path)) == junk
        elif entry["feed"] == "fuga/trends":
            assert sum(row["user_birth_year"] in {"1867", "2035"} for row in read(path, entry["feed"])[0]) == junk
        else:
            assert junk == 0
        total += junk
    assert total > 0


def test_headers_are_the_vendors_and_change_in_the_middle(label):
    change = label.spec.day(Incidents.of(label.spec).schema_change)
    assert change == label.spec.start + timedelta(days=45)
    headers = {"apple/streams": set(), "apple/content": set(), "fuga/trends": set()}
    for entry in label.faults["files"]:
        if entry["feed"] in headers:
            is_new = entry["data_date"] >= change.isoformat()
            headers[entry["feed"]].add((is_new, tuple(lines(label.path(entry))[0].split("\t"))))
            if entry["feed"] == "apple/streams":
                assert ("V1_2" if is_new else "V1_1") in entry["path"]
    assert headers["fuga/trends"] == {(False, tuple(FUGA)), (True, tuple(FUGA))}
    assert headers["apple/content"] == {(False, tuple(APPLE_CONTENT)), (True, tuple(APPLE_CONTENT))}
    (old,) = (names for is_new, names in headers["apple/streams"] if not is_new)
    (new,) = (names for is_new, names in headers["apple/streams"] if is_new)
    assert list(old) == APPLE_V1_1
    renamed = {name.replace("Membership", "Subscription") for name in APPLE_V1_1} - {"Postal Code"} | {"Audio Format"}
    assert set(new) == renamed
    assert [name for name in new if name in old] != [name for name in old if name in new]


def test_zip_and_zip_in_zip(label):
    content, streams = sorted((label.folder / "deliveries").rglob("*.zip"), key=lambda path: path.name)
    assert "Content" in content.name
    assert "Streams" in streams.name
    with zipfile.ZipFile(content) as archive:
        assert archive.namelist() == [f"{content.stem}.txt"]
        assert archive.read(f"{content.stem}.txt").startswith(b"Apple Identifier\t")
    with zipfile.ZipFile(streams) as archive:
        inner = archive.read(f"{streams.stem}.txt")
    with zipfile.ZipFile(io.BytesIO(inner)) as archive:
        assert archive.read(f"{streams.stem}.txt").startswith(b"Datestamp\t")


def test_a_restated_day_arrives_twice_at_the_same_path(label):
    restated = [entry for entry in label.faults["files"] if entry["is_superseded"]]
    assert sorted(entry["feed"] for entry in restated) == sorted(PLAY_FEEDS)
    for entry in restated:
        first, second = (other for other in label.faults["files"] if other["path"] == entry["path"])
        assert first == entry
        assert first["arrival_date"] < second["arrival_date"]
        assert first["faults"] == second["faults"]
        assert 0 < second["rows"] - first["rows"] < 0.25 * second["rows"]
        before, after = Counter(lines(label.path(first))), Counter(lines(label.path(second)))
        assert before < after


def test_one_more_day_is_the_day_of_a_longer_period(label, tmp_path):
    longer = replace(label.spec, days=97)
    for spec, folder in ((label.spec, tmp_path / "short"), (longer, tmp_path / "long")):
        for day in (60, 90, 96):
            write_day(spec, day, folder)
    assert digests(tmp_path / "short") == digests(tmp_path / "long")
    day_60 = digests(tmp_path / "short" / "deliveries" / "2026-03-03")
    assert day_60.items() <= digests(label.folder / "deliveries" / "2026-03-03").items()
    assert len(list((tmp_path / "long" / "deliveries" / "2026-04-02").rglob("*.gz"))) > 10


def test_the_roster_comes_whole_every_thirty_days(label):
    artists = label.truth("artists")
    genres = {
        f"{row['artist_name']}\t{genre}\t{place}"
        for row in artists.iter_rows(named=True)
        for place, genre in ((1, row["genre"]), (2, row["style"]))
    }
    closed = {
        f"{row['artist_name']}\t{country}" for row in artists.iter_rows(named=True) for country in row["closed_markets"]
    }
    assert closed
    expected = {
        "roster/genres": ("artist\tgenre\tposition", genres, "Roster_Genres_acme_{}.tsv"),
        "roster/territories": ("artist\texcluded_territory", closed, "Roster_Territories_acme_{}.tsv"),
    }
    for feed, (header, rows, path) in expected.items():
        entries = [entry for entry in label.faults["files"] if entry["feed"] == feed]
        assert [entry["path"] for entry in entries] == [
            path.format(day) for day in ("20260101", "20260131", "20260302")
        ]
        for entry in entries:
            first, *rest = lines(label.path(entry))
            assert first == header
            assert set(rest) == rows
            assert len(rest) == len(rows)


def test_the_roster_has_the_release_date_of_every_recording(label):
    tracks = label.truth("tracks")
    planted = {isrc: day.isoformat() for isrc, day in tracks.select("isrc", "release_date").iter_rows()}
    entries = [entry for entry in label.faults["files"] if entry["feed"] == "roster/releases"]
    assert [entry["path"] for entry in entries] == [
        f"Roster_Releases_acme_{day}.tsv" for day in ("20260101", "20260131", "20260302")
    ]
    for entry in entries:
        assert read_releases(label.path(entry))[0] == planted


def test_a_folder_holds_one_label(tmp_path):
    spec = LabelSpec(scale=0.001, days=1)
    seen = []
    generate(spec, tmp_path, progress=lambda done, total: seen.append((done, total)))
    generate(spec, tmp_path)
    assert seen == [(1, 1)]
    with pytest.raises(FileExistsError, match="another sample label"):
        generate(replace(spec, seed=1), tmp_path)


def test_ids_are_distinct_and_look_random():
    ids = hex_ids(7, 1, np.arange(20_000))
    assert ids.n_unique() == 20_000
    assert set(ids.str.len_chars()) == {32}
    # Row 1 once had a lower half of zeros: its two rounds cancelled out.
    assert not ids.str.contains("0{10}").any()


def test_late_rows_come_in_a_later_file_with_their_true_time(label):
    for feed, column in (("spotify/streams", "timestamp"), ("apple/streams", "Datestamp"), ("fuga/trends", "date")):
        late = total = 0
        for entry in label.faults["files"]:
            if entry["feed"] == feed and not entry["is_superseded"]:
                rows, _ = read(label.path(entry), feed)
                days = [str(row[column])[:10] for row in rows]
                assert all(day <= entry["data_date"] for day in days)
                late += sum(day < entry["data_date"] for day in days)
                total += len(days)
        assert 0.01 < late / total < 0.03


def test_unpack_agrees_with_gzip(label):
    path = next((label.folder / "deliveries").rglob("*.gz"))
    assert unpack(path.read_bytes()) == gzip.decompress(path.read_bytes())
