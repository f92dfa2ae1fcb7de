"""What makes a row bad, what doesn't, and when a whole file is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import Phase, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from analytics_platform_tests.streams.world import (
    APPLE,
    APPLE_COLUMNS,
    FUGA,
    SPOTIFY,
    USERS,
    Home,
    apple_stream,
    fuga,
    gz,
    ndjson,
    stream,
    trend,
    tsv,
)

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each example is a run: a failing one is shown as found, rather than a smaller one after minutes."""
DURATION = "duration is negative or over a day"
UNREADABLE = "time is missing or unreadable"
TOO_OLD = "played before 2002-10-01"
TOO_NEW = "played after the delivery"
DUPLICATE = "exact duplicate of an earlier row"


def test_every_bad_row_is_named_with_its_line_column_and_reason(home: Home) -> None:
    bad_json = [
        ({"user_id": None}, "user_id", "no listener"),
        ({"user_id": ""}, "user_id", "no listener"),
        ({"user_id": "  "}, "user_id", "no listener"),
        ({"user_id": ...}, "user_id", "no listener"),
        ({"track_id": None}, "track_id", "no track"),
        ({"stream_length": -5}, "stream_length", DURATION),
        ({"stream_length": 999_999}, "stream_length", DURATION),
        ({"stream_length": "nan"}, "stream_length", DURATION),
        ({"stream_length": "inf"}, "stream_length", DURATION),
        ({"stream_length": "long"}, "stream_length", DURATION),
        ({"timestamp": "2099-01-01T00:00:00Z"}, "timestamp", TOO_NEW),
        ({"timestamp": "1867-01-01T00:00:00Z"}, "timestamp", TOO_OLD),
        ({"timestamp": "infinity"}, "timestamp", TOO_NEW),
        ({"timestamp": None}, "timestamp", UNREADABLE),
        ({"timestamp": "yesterday"}, "timestamp", UNREADABLE),
        ({"timestamp": 0}, "timestamp", UNREADABLE),
        ({"timestamp": "1e00000018"}, "timestamp", UNREADABLE),
    ]
    rows = [stream(number, **changes) for number, (changes, _, _) in enumerate(bad_json)]
    good = [stream(number) for number in range(100, 500)]
    home.put(SPOTIFY, gz(ndjson([*rows, *good])))
    bad_tsv = [
        ({"asset_id": ""}, "asset_id", "no track"),
        ({"date": "2099-01-01"}, "date", TOO_NEW),
        ({"date": "1867-01-01"}, "date", TOO_OLD),
        ({"date": ""}, "date", UNREADABLE),
        ({"number_of_streams": "-3"}, "number_of_streams", "play count is no number"),
        ({"number_of_streams": ""}, "number_of_streams", "play count is no number"),
        ({"number_of_streams": "5000000000"}, "number_of_streams", "play count is no number"),
        ({"stream_length": "-1"}, "stream_length", DURATION),
        ({"stream_length": "86401"}, "stream_length", DURATION),
    ]
    home.put(FUGA, gz(fuga(*(trend(number, **changes) for number, (changes, _, _) in enumerate(bad_tsv)))))
    delivered = home.take()
    assert delivered[SPOTIFY].counts == (417, 400, 17) and delivered[FUGA].counts == (9, 0, 9)
    query = "select line, column_name, reason from streams.rejected_rows where vendor = '{}' order by line"
    assert home.rows(query.format("spotify")) == [(i, *rest) for i, (_, *rest) in enumerate(bad_json, start=1)]
    assert home.rows(query.format("fuga")) == [(i, *rest) for i, (_, *rest) in enumerate(bad_tsv, start=2)]


def test_rows_at_the_edge_are_good(home: Home) -> None:
    rows = [
        stream(1, stream_length=0),
        stream(2, stream_length=29.9),
        stream(3, stream_length=30),
        stream(4, stream_length=86_400),
        stream(5, stream_length=...),
        stream(6, timestamp="2002-10-01T00:00:00Z"),
        stream(7, timestamp="2026-03-17T23:59:59Z"),  # a day is the territory's, so it may end later than ours
    ]
    assert home.deliver(SPOTIFY, gz(ndjson(rows))).counts == (7, 7, 0)
    assert home.rows("select list(plays order by line) from streams.plays") == [([0, 0, 1, 1, 1, 1, 1],)]


def test_a_vendor_clock_of_any_unit_gives_the_same_moment(home: Home) -> None:
    forms = [
        1773658987, "1773658987", 1773658987000, 1773658987000000, "2026-03-16T11:03:07Z", "2026-03-16 11:03:07",
        "2026-03-16T11:03:07+00:00", "2026-03-16T13:03:07+02:00", "2026-03-16T06:03:07-05:00",
        "2026-03-16 11:03:07 UTC", "2026-03-16T11:03:07.000", "20260316T11:03:07", "20260316T110307",
        "20260316T110307Z", "20260316110307",
    ]  # fmt: skip
    assert (
        home.deliver(SPOTIFY, gz(ndjson(stream(i, timestamp=form) for i, form in enumerate(forms)))).status == "loaded"
    )
    moments = home.rows("select line, played_at, play_date::varchar from streams.plays order by line")
    moment = datetime(2026, 3, 16, 11, 3, 7)
    assert moments == [(line, moment, "2026-03-16") for line in range(1, len(forms) + 1)]


@with_settings(max_examples=3, deadline=None)
@given(
    moments=st.lists(
        st.datetimes(datetime(2003, 1, 1), datetime(2026, 3, 15)).map(lambda t: t.replace(tzinfo=UTC)),
        min_size=1,
        max_size=40,
    ),
    hours=st.integers(-12, 14),
)
def test_any_moment_survives_every_form(
    moments: list[datetime], hours: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = Home(tmp_path_factory.mktemp("moments"))
    zone = timezone(timedelta(hours=hours, minutes=30 if hours == 5 else 0))
    forms: list[tuple[Callable[[datetime], object], int]] = [
        (lambda t: int(t.timestamp()), 1_000_000),
        (lambda t: (t - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1), 1000),
        (lambda t: (t - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), 1),
        (lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), 1),
        (lambda t: t.astimezone(zone).isoformat(), 1),
        (lambda t: t.strftime("%Y%m%dT%H:%M:%S"), 1_000_000),
    ]
    rows = [stream(i, timestamp=form(t)) for i, t in enumerate(moments) for form, _ in forms]
    # A name for every row: two forms of a moment must not look like a duplicate.
    rows = [row | {"user_id": f"user{i}"} for i, row in enumerate(rows)]
    home.deliver(SPOTIFY, gz(ndjson(rows)))
    expected = [
        t.replace(tzinfo=None, microsecond=t.microsecond // unit * unit if unit < 1_000_000 else 0)
        for t in moments
        for _, unit in forms
    ]
    assert [t for (t,) in home.rows("select played_at from streams.plays order by line")] == expected


def test_exact_duplicates_are_rejected_and_the_first_one_counts(home: Home) -> None:
    rows = [stream(1), stream(2), stream(1), stream(1), stream(1, stream_length=121), stream(2, country="FR")]
    assert home.deliver(SPOTIFY, gz(ndjson(rows))).counts == (6, 3, 3)
    assert home.rejected() == [(3, DUPLICATE), (4, DUPLICATE), (6, DUPLICATE)]
    assert home.rows("select line, track_id from streams.plays order by line") == [
        (1, "track1"), (2, "track2"), (5, "track1"),
    ]  # fmt: skip


def test_a_bad_row_is_no_duplicate_and_makes_none(home: Home) -> None:
    rows = [stream(1, stream_length=-1), stream(1, stream_length=-1), stream(2)]
    home.deliver(SPOTIFY, gz(ndjson(rows)))
    assert home.rejected() == [(1, DURATION), (2, DURATION)]


@pytest.mark.parametrize("vendor", ["spotify", "apple"])
def test_equal_rows_of_a_quarter_hour_clock_are_true(home: Home, vendor: str) -> None:
    """A short track, looped: Spotify's old clock says 12:15 for each of its plays."""

    def put(moments: list[str]) -> None:
        if vendor == "spotify":
            home.put(SPOTIFY, gz(ndjson(stream(1, timestamp=moment) for moment in moments)))
        else:
            rows = [apple_stream(1, **{"Stream Timestamp": moment}) for moment in moments]
            home.put(APPLE, gz(tsv(rows, APPLE_COLUMNS)))

    coarse = ["2026-03-16 12:15:00", "2026-03-16 12:15:00", "2026-03-16 12:30:00", "2026-03-16 12:15:00"]
    put(coarse)
    home.take()
    assert home.rows("select count(*), sum(plays) from streams.plays") == [(4, 4)] and home.rejected() == []
    for finer in ("2026-03-16 12:15:01", "2026-03-16 12:16:00"):
        put([*coarse, finer])
        home.take()
        assert home.rows("select count(*), sum(plays) from streams.plays") == [(3, 3)]
        assert [reason for _, reason in home.rejected()] == [DUPLICATE, DUPLICATE]


def test_equal_rows_of_a_feed_without_clock_are_true(home: Home) -> None:
    assert home.deliver(FUGA, gz(fuga(trend(1), trend(1), trend(1)))).counts == (3, 3, 0)


def test_aggregated_rows_without_listener_count_their_plays(home: Home) -> None:
    home.deliver(FUGA, gz(fuga(trend(1, user_id="", number_of_streams="40"), trend(2))))
    assert home.rows("select listener_key is null, plays from streams.plays order by line") == [(True, 40), (False, 1)]
    assert home.rows("select count(*) from streams.listeners") == [(1,)]


@pytest.mark.parametrize("year", ["1867", "0", "-5", "2150", "2020", "soon", "", "99999999999", None])
def test_an_implausible_birth_year_is_no_age(year: str | None) -> None:
    import duckdb

    from analytics_platform.streams.privacy import age_band_sql

    found = (
        duckdb.connect().execute(f"select {age_band_sql('y', '2026')} from (select ?::varchar as y)", [year]).fetchone()
    )
    assert found == (None,)


def test_age_bands_are_those_of_the_delivery_year(home: Home) -> None:
    users = [{"user_id": f"u{year}", "birth_year": year, "country": "DE"} for year in (1867, 1955, 1990, 2010, 2016)]
    home.deliver(USERS, gz(ndjson(users)))
    assert home.rows("select line, age_band from streams.listeners order by line") == [
        (1, None), (2, "65+"), (3, "35-44"), (4, "under 18"), (5, None),
    ]  # fmt: skip


def test_a_file_with_too_many_bad_rows_is_quarantined_whole_and_the_day_goes_on(home: Home) -> None:
    home.put(SPOTIFY, gz(ndjson(stream(i, user_id=None if i < 12 else "u") for i in range(100))))
    home.put("spotify/acme/streams/2026/03/16/FR.gz", gz(ndjson(stream(i) for i in range(100))))
    home.put(FUGA, gz(fuga(trend(1))))
    delivered = home.take()
    assert delivered[SPOTIFY].status == "quarantined"
    assert delivered[SPOTIFY].reason == "12.0% of its rows are bad, more than 5.0%"
    assert delivered[SPOTIFY].counts == (100, 88, 12)
    query = "select file_name, loaded_rows from streams.deliveries order by 1"
    assert home.rows(query) == [(FUGA, 1), (SPOTIFY, 0), ("spotify/acme/streams/2026/03/16/FR.gz", 100)]
    assert home.rows("select vendor, count(*) from streams.plays group by 1 order by 1") == [
        ("fuga", 1),
        ("spotify", 100),
    ]
    assert len(home.rejected()) == 12  # what is wrong with it is still to be seen
    assert home.files() == []


def test_few_bad_rows_never_quarantine(home: Home) -> None:
    rows = [stream(i, user_id=None if i < 9 else "u") for i in range(10)]
    assert home.deliver(SPOTIFY, gz(ndjson(rows))).counts == (10, 1, 9)
    assert home.deliveries()[SPOTIFY].status == "loaded"


def test_the_share_of_bad_rows_is_a_setting(make_home: Callable[..., Home]) -> None:
    home = make_home(max_bad_row_share=0.5)
    assert (
        home.deliver(SPOTIFY, gz(ndjson(stream(i, user_id=None if i < 40 else "u") for i in range(100)))).status
        == "loaded"
    )
    worse = gz(ndjson(stream(i, user_id=None if i < 60 else "u") for i in range(100)))
    assert home.deliver(SPOTIFY, worse).status == "quarantined"


WILD = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["1e18", "9" * 16, "-" + "9" * 15, "1e00000018", "0x10", "infinity", "-infinity", "nan", "epoch",
                     "now", "294247-01-10", "0000-00-00", "2026-02-31", "24:00:00", "2147483648",
                     "9223372036854775808", "\\N", "1.5e308",
                     "'", '"', "{}", "null", "%", "9999-12-31", "2026-03-16T10:00:00+99:00"]),
    st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@with_settings(max_examples=5, deadline=None, phases=NO_SHRINKING)
@given(data=st.data())
def test_no_value_breaks_a_run(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any value in any column is good or rejected, and what is good keeps the declared ranges."""
    home = Home(tmp_path_factory.mktemp("wild"), max_bad_row_share=1)
    changes = st.dictionaries(st.sampled_from(sorted(stream(1))), WILD, max_size=3)
    rows = [stream(i, **change) for i, change in enumerate(data.draw(st.lists(changes, max_size=40)))]
    users = [
        {"user_id": f"u{i}", "birth_year": year, "gender": gender, "country": country}
        for i, (year, gender, country) in enumerate(data.draw(st.lists(st.tuples(WILD, WILD, WILD), max_size=20)))
    ]
    text = st.text(st.characters(exclude_characters="\t\r\n\0", codec="utf-8"), max_size=12) | st.sampled_from(
        ["1e18", "infinity", "nan", "-1", "2147483648", "0000-00-00", "now"]
    )
    trends = [
        trend(i, **change)
        for i, change in enumerate(
            data.draw(st.lists(st.dictionaries(st.sampled_from(sorted(trend(1))), text, max_size=3)))
        )
    ]
    streams = [apple_stream(i, **{k: v for k, v in c.items() if k in APPLE_COLUMNS}) for i, c in enumerate(
        data.draw(st.lists(st.dictionaries(st.sampled_from(APPLE_COLUMNS), text, max_size=3))))]  # fmt: skip
    home.put(SPOTIFY, gz(ndjson([stream(999), *rows])))
    home.put(USERS, gz(ndjson([{"user_id": "x", "birth_year": 1990}, *users])))
    home.put(FUGA, gz(fuga(trend(999), *trends)))
    home.put(APPLE, gz(tsv([apple_stream(999), *streams], APPLE_COLUMNS)))
    delivered = home.take()
    assert {name: (d.status, d.good_rows + d.rejected_rows) for name, d in delivered.items()} == {
        SPOTIFY: ("loaded", len(rows) + 1),
        USERS: ("loaded", len(users) + 1),
        FUGA: ("loaded", len(trends) + 1),
        APPLE: ("loaded", len(streams) + 1),
    }
    assert home.undeclared() == []
