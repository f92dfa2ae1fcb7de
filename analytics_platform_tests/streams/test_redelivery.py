"""The same file again, a revised one, and one that goes back: tables hold the newest revision, once."""

from __future__ import annotations

from datetime import date

from analytics_platform_tests.streams.world import FUGA, SPOTIFY, USERS, Home, fuga, gz, ndjson, stream, trend

FIRST = gz(ndjson([stream(1), stream(2), stream(3)]))
REVISED = gz(ndjson([stream(1), stream(2, stream_length=10), stream(4), stream(5)]))
OTHER_COUNTRY = gz(ndjson([stream(7, country="FR")]))
FRANCE = "spotify/acme/streams/2026/03/16/FR.gz"


def plays(home: Home) -> list[tuple[str, int]]:
    return home.rows("select track_id, plays from streams.plays order by all")


def history(home: Home) -> list[tuple[object, ...]]:
    return home.rows("select revision, is_current, status, loaded_rows from streams.deliveries order by revision")


def test_the_same_bytes_again_change_no_row_and_no_version(home: Home) -> None:
    home.put(SPOTIFY, FIRST)
    home.put(FUGA, gz(fuga(trend(1))))
    home.take()
    content, versions = home.content(), home.versions()
    for name in (SPOTIFY, "again/" + SPOTIFY, "spotify/acme/streams/2026/03/16/DE.json.gz"):
        home.put(name, FIRST)
        home.take(changed_only=True)
        assert home.versions() == versions and home.content() == content and home.files() == []
    home.put(SPOTIFY, FIRST)
    home.take()  # by hand, as a run of the day: written anew, with the same rows
    assert home.content() == content


def test_the_same_bytes_under_another_report_count_once(home: Home) -> None:
    home.put(SPOTIFY, FIRST)
    home.put(FRANCE, FIRST)
    home.take()
    assert len(plays(home)) == 3 and len(home.deliveries()) == 1


def test_a_revised_file_replaces_its_rows_and_no_others(home: Home) -> None:
    home.put(SPOTIFY, FIRST)
    home.put(FRANCE, OTHER_COUNTRY)
    home.put(USERS, gz(ndjson([{"user_id": "user1", "country": "DE"}])))
    home.take()
    assert plays(home) == [("track1", 1), ("track2", 1), ("track3", 1), ("track7", 1)]
    home.put(SPOTIFY, REVISED)
    home.take(changed_only=True)
    assert plays(home) == [("track1", 1), ("track2", 0), ("track4", 1), ("track5", 1), ("track7", 1)]
    query = "select revision, status, reason, is_current, loaded_rows from streams.deliveries where file_name = '{}'"
    assert home.rows(query.format(SPOTIFY) + " order by revision") == [
        (1, "superseded", "a later revision of the same report has replaced it", False, 0),
        (2, "loaded", None, True, 4),
    ]
    assert home.rows("select count(*) from streams.listeners") == [(1,)]


def test_going_back_to_the_first_bytes_revives_them(home: Home) -> None:
    home.deliver(SPOTIFY, FIRST)
    home.deliver(SPOTIFY, REVISED)
    home.deliver(SPOTIFY, FIRST)
    assert plays(home) == [("track1", 1), ("track2", 1), ("track3", 1)]
    assert history(home) == [(2, False, "superseded", 0), (3, True, "loaded", 3)]
    home.deliver(SPOTIFY, REVISED)
    assert plays(home) == [("track1", 1), ("track2", 0), ("track4", 1), ("track5", 1)]
    assert len(home.rows("select * from streams.deliveries")) == 2


def test_a_revision_without_bad_rows_clears_the_rejected_ones(home: Home) -> None:
    home.deliver(SPOTIFY, gz(ndjson([stream(1), stream(2, user_id=None)])))
    assert len(home.rejected()) == 1
    home.deliver(SPOTIFY, FIRST)
    assert home.rejected() == [] and len(plays(home)) == 3


def test_another_version_of_the_report_is_the_same_report(home: Home) -> None:
    """Apple delivers V1_1 and V1_2 side by side for weeks; their plays count once."""
    from analytics_platform_tests.streams.world import APPLE_COLUMNS, apple_stream, tsv

    rows = [apple_stream(1), apple_stream(2)]
    for version, columns in (("V1_1", APPLE_COLUMNS), ("V1_2", (*APPLE_COLUMNS, "Audio Format"))):
        home.put(f"AppleMusic_Streams_93824149_20260316_{version}.txt.gz", gz(tsv(rows, columns)))
    home.take()
    assert home.rows("select sum(plays) from streams.plays") == [(2,)]


def test_late_rows_land_on_the_day_of_the_play(home: Home) -> None:
    home.deliver(SPOTIFY, gz(ndjson([stream(1), stream(2, timestamp="2026-03-09T23:59:59Z")])))
    assert home.rows("select ingest_date, play_date from streams.plays order by line") == [
        (date(2026, 3, 16), date(2026, 3, 16)),
        (date(2026, 3, 16), date(2026, 3, 9)),
    ]
    # A delivery of that earlier day does not touch them.
    home.deliver("spotify/acme/streams/2026/03/09/DE.gz", gz(ndjson([stream(3, timestamp="2026-03-09T10:00:00Z")])))
    query = "select track_id from streams.plays where play_date = '2026-03-09' order by 1"
    assert home.rows(query) == [("track2",), ("track3",)]


def test_a_revision_that_cannot_be_used_replaces_nothing(home: Home) -> None:
    home.put(SPOTIFY, FIRST)
    home.put(FRANCE, OTHER_COUNTRY)
    home.take()
    assert home.deliver(SPOTIFY, REVISED[:70]).status == "refused"
    assert plays(home) == [("track1", 1), ("track2", 1), ("track3", 1), ("track7", 1)]
    mostly_bad = gz(ndjson(stream(i, user_id=None if i % 2 else "u") for i in range(40)))
    assert home.deliver(SPOTIFY, mostly_bad).status == "quarantined"
    assert plays(home) == [("track1", 1), ("track2", 1), ("track3", 1), ("track7", 1)]
    query = f"select revision, is_current, status, loaded_rows from streams.deliveries where file_name = '{SPOTIFY}'"
    assert home.rows(query + " order by 1") == [
        (1, True, "loaded", 3), (2, True, "refused", 0), (3, True, "quarantined", 0),
    ]  # fmt: skip
    assert home.deliver(SPOTIFY, REVISED).status == "loaded"
    assert home.rows(query + " and is_current") == [(4, True, "loaded", 4)]


def test_a_file_that_stops_being_refused_goes_in(home: Home) -> None:
    """Half a file, then the whole: the usual end of an interrupted upload."""
    assert home.deliver(SPOTIFY, FIRST[:60]).status == "refused"
    assert home.deliver(SPOTIFY, FIRST).status == "loaded"
    assert history(home) == [(1, False, "superseded", 0), (2, True, "loaded", 3)]
