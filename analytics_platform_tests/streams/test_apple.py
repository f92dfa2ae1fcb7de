"""Apple's report through its generations: other names, other order, more and fewer columns, the same plays."""

from __future__ import annotations

import random
from datetime import date, datetime

from analytics_platform_tests.streams.world import (
    APPLE_COLUMNS,
    CONTENT,
    Home,
    apple_stream,
    gz,
    tsv,
    zipped,
)

V1_0 = (
    "Datestamp", "UTC Offset", "Apple Identifier", "Storefront Name", "Anonymized Person ID", "Membership Type",
    "Membership Mode", "Membership Partner", "Postal Code", "Device Type", "Operating System", "Action Type",
    "End Reason Type", "Offline", "Source of Stream", "Media Duration", "Playlist Type", "Playlist ID",
    "Playlist Name", "Stream Timestamp", "Stream Start Position", "Stream Duration",
)  # fmt: skip
V1_2 = tuple(name.replace("Membership", "Subscription") for name in APPLE_COLUMNS if name != "Postal Code")
V1_2_MORE = (*V1_2, "Audio Format")


def rows(day: str, **more: str) -> list[dict[str, str]]:
    made = [
        apple_stream(i, **{"Datestamp": day, "Stream Timestamp": f"{day} 1{i}:00:01", "Offline": str(i % 2)})
        for i in range(4)
    ]
    renamed = [{name.replace("Membership", "Subscription"): value for name, value in row.items()} for row in made]
    return [a | b | more for a, b in zip(made, renamed, strict=True)]


def expected(day: date) -> list[tuple[object, ...]]:
    return [
        (f"{1_000_000 + i}", day, datetime(day.year, day.month, day.day, 10 + i, 0, 1), "US", 1, "library", "mobile",
         "ios", bool(i % 2), 61.0)
        for i in range(4)
    ]  # fmt: skip


QUERY = (
    "select track_id, play_date, played_at, country, plays, source, device, os, is_offline, duration_s"
    " from streams.plays where ingest_date = '{}' order by line"
)


def test_every_generation_gives_the_same_plays(home: Home) -> None:
    generations = {
        "20170301_V1_0": V1_0,
        "20180301_V1_1": APPLE_COLUMNS,
        "20240301_V1_2": V1_2,
        "20240302_V1_2": V1_2_MORE,
    }
    for stem, columns in generations.items():
        shuffled = random.Random(stem).sample(columns, len(columns))
        day = f"{stem[:4]}-{stem[4:6]}-{stem[6:8]}"
        more = {"Playlist Name": "Mix", "UTC Offset": "-7", "Media Duration": "200", "Audio Format": "Lossless"}
        name = f"AppleMusic_Streams_93824149_{stem}"
        home.put(f"{name}.zip", zipped((f"{name}.txt", gz(tsv(rows(day, **more), shuffled)))))
    assert {outcome.counts for outcome in home.take().values()} == {(4, 4, 0)}
    for stem in generations:
        day = date(int(stem[:4]), int(stem[4:6]), int(stem[6:8]))
        assert home.rows(QUERY.format(day)) == expected(day), stem
    query = "select ingest_date, extras from streams.plays where extras is not null group by all"
    assert home.rows(query) == [(date(2024, 3, 2), '{"Audio Format":"Lossless"}')]


def test_content_gives_tracks_with_their_codes(home: Home) -> None:
    columns = ("Apple Identifier", "ISRC", "Title", "Artist", "Artist ID", "Media Duration", "Label/Studio/Network")
    values = [
        ("1", "DE-A01-26-00001", "Öl", "Die Ärzte", "77", "215000", "Acme"),
        ("2", "no code", "Two", "B", "78", "", "Acme"),
        ("2", "DEA012600002", "Two again", "B", "78", "", "Acme"),
        ("", "DEA012600003", "Three", "C", "79", "", "Acme"),
    ]
    content = tsv([dict(zip(columns, row, strict=True)) for row in values], columns)
    assert home.deliver(CONTENT, gz(content)).counts == (4, 2, 2)
    assert home.rows("select * exclude (vendor, ingest_date, delivery_id) from streams.tracks order by line") == [
        (2, "1", "DEA012600001", "Öl", "77", "Die Ärzte", 215.0),
        (3, "2", None, "Two", "78", "B", None),
    ]
    assert home.rejected() == [(4, "exact duplicate of an earlier row"), (5, "no track")]
