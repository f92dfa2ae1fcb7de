"""The label's roster: genres, excluded territories, release dates, of which the newest file alone counts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analytics_platform.lakehouse.sql_models import load_sql_models
from analytics_platform.orchestration.build import SQL_ROOT, TABLES
from analytics_platform_tests.streams.world import Home, gz, zipped

MODELS = {model.table.full_name: model for model in load_sql_models(SQL_ROOT, TABLES)}
GENRES, TERRITORIES = "Roster_Genres_acme_20260316.tsv", "Roster_Territories_acme_20260316.tsv"
RELEASES = "Roster_Releases_acme_20260316.tsv"
LATER = "Roster_Territories_acme_20260415.tsv"
LAST = "Roster_Territories_acme_20260515.tsv"


def genres(*lines: str, header: str = "artist\tgenre\tposition") -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def territories(*lines: str) -> bytes:
    return "\n".join(["artist\texcluded_territory", *lines, ""]).encode()


def releases(*lines: str, header: str = "isrc\trelease_date") -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def made(home: Home, table: str) -> list[tuple[Any, ...]]:
    """What the SQL model makes of the home's tables."""
    model = MODELS[table]
    with home.lake.connect(*model.depends_on) as connection:
        return connection.execute(f"select * from ({model.sql}) order by all").fetchall()


def closed(home: Home) -> list[tuple[Any, ...]]:
    return made(home, "streams.closed_markets")


def test_genres_by_artist_and_rank(home: Home) -> None:
    rows = ("Sigur Rós\tPost-Rock \t2", "Sigur Rós\tAmbient\t1", "AC/DC\tHard Rock\t", "AC-DC\thard rock\t3")
    assert home.deliver(GENRES, genres(*rows)).counts == (4, 4, 0)
    assert home.rows("select artist_name, genre, position from streams.roster_genres order by line") == [
        ("Sigur Rós", "Post-Rock ", 2), ("Sigur Rós", "Ambient", 1),
        ("AC/DC", "Hard Rock", 1), ("AC-DC", "hard rock", 3),
    ]  # fmt: skip
    assert made(home, "streams.artist_genres") == [
        ("ac dc", "hard rock", 1), ("sigur rós", "ambient", 1), ("sigur rós", "post-rock", 2)
    ]  # fmt: skip
    assert home.undeclared() == []


def test_without_positions_genres_rank_by_name(home: Home) -> None:
    assert home.deliver(GENRES, genres("A\tRock", "A\tJazz", header="artist\tgenre")).counts == (2, 2, 0)
    assert made(home, "streams.artist_genres") == [("a", "jazz", 1), ("a", "rock", 2)]


def test_artists_have_the_ids_of_the_catalogues(home: Home) -> None:
    """The roster finds its artists only if all models make ids by one expression."""
    spellings = ["Sigur Rós", "AC/DC", "!!!", "  Coast & Sons ", "BEYONCÉ", "P!nk", "Röyksopp feat. Robyn"]
    home.put(GENRES, genres(*(f"{name}\tRock\t1" for name in spellings)))
    home.put(TERRITORIES, territories(*(f"{name}\tCN" for name in spellings)))
    content = "\n".join(["Apple Identifier\tISRC\tArtist", *(f"{i}\t\t{n}" for i, n in enumerate(spellings)), ""])
    home.put("AppleMusic_Content_93824149_20260316_V1_2.txt", content.encode())
    home.take()
    ids = {row[4] for row in made(home, "streams.track_artists")}
    assert len(ids) == len(spellings)
    assert {row[0] for row in made(home, "streams.artist_genres")} == ids
    assert {row[0] for row in closed(home)} == ids


@pytest.mark.parametrize("pack", [gz, lambda content: zipped(("Roster.tsv", content))], ids=["gzip", "zip"])
def test_packed_files_are_read(home: Home, pack: Any) -> None:
    assert home.deliver(f"from the label/{TERRITORIES}.gz", pack(territories("A\tuk", "A\tde "))).counts == (2, 2, 0)
    assert closed(home) == [("a", "DE"), ("a", "GB")]


def test_bad_rows_are_rejected_with_reasons(home: Home) -> None:
    bad = (
        "\tRock\t1",
        "  \tRock\t1",
        "A\t\t1",
        "A\tRock\t0",
        "A\tRock\tfirst",
        "A\tPop\t1\tx",
        "A\tJazz\t2",
        "A\tJazz\t3",
    )
    assert home.deliver(GENRES, genres(*bad)).counts == (8, 1, 7)
    assert home.rejected() == [
        (2, "no artist"), (3, "no artist"), (4, "no genre"), (5, "position is no positive number"),
        (6, "position is no positive number"), (7, "too many columns"), (9, "exact duplicate of an earlier row"),
    ]  # fmt: skip
    rows = ("\tDE", "A\t", "A\tXX", "A\tGermany", "A\tQQ", "A", "A\tNA", "A\tna")
    assert home.deliver(TERRITORIES, territories(*rows)).counts == (8, 1, 7)
    unknown = "country is missing or unknown"
    assert home.rows("select line, reason from streams.rejected_rows where file_name like '%Terr%' order by 1") == [
        (2, "no artist"), (3, unknown), (4, unknown), (5, unknown), (6, unknown), (7, "too few columns"),
        (9, "exact duplicate of an earlier row"),
    ]  # fmt: skip
    assert closed(home) == [("a", "NA")], "Namibia, not a missing value"


def test_a_file_without_rows_says_that_nothing_is_excluded(home: Home) -> None:
    assert closed(home) == [], "no file at all"
    delivered = home.deliver(TERRITORIES, territories())
    assert (delivered.status, delivered.counts) == ("loaded", (0, 0, 0))
    assert closed(home) == []
    assert home.deliver(LATER, b"").status == "refused", "not even a header"


def test_a_newer_file_replaces_the_older_one_and_reopens_markets(home: Home) -> None:
    home.put(TERRITORIES, territories("A\tDE", "A\tFR", "B\tUS"))
    home.put(LATER, territories("A\tFR", "B\tJP"))
    home.take()
    assert closed(home) == [("a", "FR"), ("b", "JP")]
    home.deliver(LAST, territories())
    assert closed(home) == [], "the newest delivery has no row, and it counts"


def test_what_held_before_can_hold_again(home: Home) -> None:
    """The bytes of an earlier day were once taken for that day's file: the markets stayed as they were between."""
    home.deliver(TERRITORIES, territories())
    home.deliver(LATER, territories("A\tDE"))
    assert closed(home) == [("a", "DE")]
    assert home.deliver(LAST, territories()).status == "loaded"
    assert closed(home) == []


def test_an_older_file_that_comes_late_changes_nothing(home: Home) -> None:
    home.deliver(LATER, territories("A\tFR"))
    home.deliver(TERRITORIES, territories("A\tDE"))
    assert closed(home) == [("a", "FR")]


def test_the_same_file_twice_counts_once_and_a_revised_one_replaces_it(home: Home) -> None:
    home.deliver(TERRITORIES, territories("A\tDE"))
    versions, content = home.versions(), home.content()
    home.put(TERRITORIES, territories("A\tDE"))
    home.take(changed_only=True)
    assert (home.versions(), home.content(), home.files()) == (versions, content, [])
    home.deliver(TERRITORIES, territories("A\tFR"))
    assert closed(home) == [("a", "FR")]
    home.deliver(TERRITORIES, territories("A\tDE"))
    assert closed(home) == [("a", "DE")], "the label has gone back"
    query = "select revision, status from streams.deliveries order by 1"
    assert home.rows(query) == [(2, "superseded"), (3, "loaded")]


@pytest.mark.parametrize(
    "broken",
    [
        territories(*("A\tnowhere" for _ in range(20))),
        b"artist\tcountry\nA\tJP\n",
        b"A\tJP\nB\tJP\n",
        gz(territories("A\tJP"))[:-9],
    ],
    ids=["quarantined", "no such column", "no header", "truncated"],
)
def test_a_broken_file_leaves_what_held_before(home: Home, broken: bytes) -> None:
    home.deliver(TERRITORIES, territories("A\tDE"))
    assert home.deliver(LATER, broken).status in ("quarantined", "refused")
    assert closed(home) == [("a", "DE")]


def test_genres_and_territories_are_replaced_apart(home: Home) -> None:
    home.put(GENRES, genres("A\tRock\t1"))
    home.put(LATER, territories("A\tDE"))
    home.take()
    assert made(home, "streams.artist_genres") == [("a", "rock", 1)]
    assert closed(home) == [("a", "DE")]


def test_release_dates_by_recording(home: Home) -> None:
    rows = (
        "QZACM2600001\t2026-02-20",
        "qz-acm-26-00002\t20190501 ",
        "QZACM2600003\t2026-07-01",
        "QZACM2600001\t2025-11-07",
    )
    assert home.deliver(RELEASES, releases(*rows)).counts == (4, 4, 0)
    assert made(home, "streams.release_dates") == [
        ("QZACM2600001", date(2025, 11, 7)), ("QZACM2600002", date(2019, 5, 1)), ("QZACM2600003", date(2026, 7, 1)),
    ]  # fmt: skip
    assert home.undeclared() == []


def test_bad_releases_are_rejected_with_reasons(home: Home) -> None:
    good = "QZACM2600009\t2020-01-01"
    bad = (
        "\t2026-01-01",
        "not a code\t2026-01-01",
        "QZACM2600001\t",
        "QZACM2600001\tspring",
        "QZACM2600001\t2026-02-30",
        "QZACM2600001\t1826-01-01",
        "QZACM2600001\t2206-01-01",
        "QZACM2600001\tinfinity",
        good,
    )
    assert home.deliver(RELEASES, releases(good, *bad)).counts == (10, 1, 9)
    no_code, no_day = "isrc is missing or unreadable", "release date is missing or unreadable"
    far = "release date is before 1860 or ten years ahead"
    assert home.rejected() == [
        (3, no_code), (4, no_code), (5, no_day), (6, no_day), (7, no_day), (8, far), (9, far), (10, far),
        (11, "exact duplicate of an earlier row"),
    ]  # fmt: skip


def test_the_newest_releases_count_even_if_there_are_none(home: Home) -> None:
    assert made(home, "streams.release_dates") == [], "no file at all"
    home.deliver(RELEASES, releases("QZACM2600001\t2026-02-20", "QZACM2600002\t2026-02-20"))
    home.deliver("Roster_Releases_acme_20260415.tsv", releases("QZACM2600001\t2026-05-01"))
    assert made(home, "streams.release_dates") == [("QZACM2600001", date(2026, 5, 1))], "put off, and one withdrawn"
    home.deliver("Roster_Releases_acme_20260515.tsv", releases())
    assert made(home, "streams.release_dates") == []
