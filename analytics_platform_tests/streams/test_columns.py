"""Columns by name: renamed, missing, more, in another order, and what is never kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from analytics_platform.streams.contract import ContractError, is_never_kept, resolve_columns
from analytics_platform.streams.feeds import RESOURCES
from analytics_platform.streams.tables import TABLES
from analytics_platform_tests.streams.world import (
    DAY,
    FUGA,
    FUGA_COLUMNS,
    SPOTIFY,
    USERS,
    Home,
    fuga,
    gz,
    ndjson,
    stream,
    trend,
)


def test_a_renamed_column_is_found_by_its_known_names(home: Home) -> None:
    renamed = {
        "streams_user_id": "user1",
        "streams_track_id": "track1",
        "log_time": "20260316T12:15:00",
        "country_code": "DE",
        "length": 120,
        "stream_source": "search",
    }
    assert home.deliver(SPOTIFY, gz(ndjson([renamed]))).counts == (1, 1, 0)
    query = "select track_id, played_at::varchar, country, duration_s, source from streams.plays"
    assert home.rows(query) == [("track1", "2026-03-16 12:15:00", "DE", 120.0, "search")]


def test_a_missing_column_stops_the_file_and_is_named(home: Home) -> None:
    columns = [c for c in FUGA_COLUMNS if c != "number_of_streams"]
    delivered = home.deliver(FUGA, gz(fuga(trend(1), columns=columns)))
    assert delivered.status == "refused"
    assert delivered.reason == (
        "fuga trends needs the column number_of_streams, but the file has: label_id, asset_id, date, territory, "
        "reporting_organization_id, user_id, user_gender, user_birth_year, stream_length, isrc"
    )
    home.put(SPOTIFY, gz(ndjson([stream(1, user_id=..., timestamp=...)])))
    assert home.take()[SPOTIFY].reason == (
        "spotify streams needs the column user_id or streams_user_id or customer_id; timestamp or streams_timestamp "
        "or log_time, but the file has: country, stream_length, track_id"
    )
    assert home.rows("select count(*) from streams.plays") == [(0,)]


def test_a_wrong_delimiter_stops_the_file(home: Home) -> None:
    for number, delimiter in enumerate([b",", b";", b"|"]):
        home.put(f"FUGA_Trends_{number}_20260316.tsv", fuga(trend(1), trend(2)).replace(b"\t", delimiter))
    for outcome in home.take().values():
        assert outcome.status == "refused"
        assert outcome.reason == (
            "none of the columns of fuga trends is there: no header, another delimiter, or another kind of file"
        )


def test_a_file_without_header_is_refused_and_its_first_row_is_shown_nowhere(home: Home) -> None:
    content = fuga(trend(1, user_id="person-4711"), trend(2)).split(b"\n", 1)[1]
    assert home.deliver(FUGA, gz(content)).status == "refused"
    assert "person-4711" not in repr(home.content())
    assert home.deliver(FUGA, gz(content.replace(b"DE", b"1"))).status == "refused"  # a value twice: not shown either
    assert "person-4711" not in repr(home.content())


def test_a_column_named_twice_stops_the_file(home: Home) -> None:
    delivered = home.deliver(FUGA, gz(fuga(trend(1), columns=[*FUGA_COLUMNS, "isrc"])))
    assert delivered.status == "refused" and str(delivered.reason).startswith("the header names a column twice: label")


def test_order_case_and_quotes_of_the_header_do_not_matter(home: Home) -> None:
    columns = [*reversed(FUGA_COLUMNS)]
    body = fuga(trend(1), columns=columns).split(b"\n", 1)[1]
    header = "\t".join(f'" {name.upper()} "' for name in columns).encode()
    assert home.deliver(FUGA, gz(header + b"\n" + body)).counts == (1, 1, 0)
    assert home.rows("select track_id, isrc from streams.plays") == [("asset1", "DEA012600001")]


def test_an_unknown_column_is_kept_as_json(home: Home) -> None:
    home.put(FUGA, gz(fuga(trend(1, mood="happy", score="7"), columns=[*FUGA_COLUMNS, "mood", "score"])))
    home.put(SPOTIFY, gz(ndjson([stream(1, mood="calm", tags=["a", "b"], deep={"x": {"y": 1}}), stream(2)])))
    home.take()
    extras = home.rows("select vendor, line, extras from streams.plays order by 1, 2")
    assert [(vendor, line, json.loads(text)) for vendor, line, text in extras] == [
        ("fuga", 2, {"mood": "happy", "score": "7"}),
        ("spotify", 1, {"mood": "calm", "tags": ["a", "b"], "deep": {"x": {"y": 1}}}),
        ("spotify", 2, {"mood": None, "tags": None, "deep": None}),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "postal_code", "Postal Code", "POSTALCODE", "zip", "zip code", "ZipCode", "post-code", "email", "e_mail",
        "E-Mail Address", "ip", "IP Address", "client_ip", "ipAddress", "ip-address", "birth_year", "dateOfBirth",
        "dob", "phone", "Street", "customer_name", "Customer Name", "first_name", "lastName", "user_agent", "latitude",
        "lon", "device_id", "advertisingId", "person_hash", "spotify_user_id", "listenerKey", "username", "user_uri",
    ],
)  # fmt: skip
def test_a_column_that_identifies_a_person_is_never_kept(name: str) -> None:
    assert is_never_kept(name)


@pytest.mark.parametrize(
    "name",
    ["mood", "Audio Format", "description", "shipping", "zipper", "longest", "album_uri", "artist_name", "platform",
     "track_id", "playlist_name", "recipient", "relation", "device_type", "latest"],
)  # fmt: skip
def test_an_innocent_column_is_kept(name: str) -> None:
    assert not is_never_kept(name)


def test_personal_data_reaches_no_table_however_it_comes(home: Home) -> None:
    personal = {
        "postal_code": "XSECRET1",
        "Email": "XSECRET2",
        "customer_id": "XSECRET3",  # another name of user_id: an id in clear
        "account": {"home": {"eMail": "XSECRET4"}},
        "devices": [{"client_ip": "XSECRET5"}],
        "birth_year": "XSECRET6",
    }
    home.put(SPOTIFY, gz(ndjson([stream(1, user_id="XSECRET7", kept="yes", **personal)])))
    users = [{"user_id": "XSECRET7", "birth_year": 1990, "country": "DE", "postal_code": "XSECRET1"}]
    home.put(USERS, gz(ndjson(users)))
    columns = [*FUGA_COLUMNS, "Zip Code", "kept"]
    home.put(
        FUGA, gz(fuga(trend(1, **{"user_id": "XSECRET8", "Zip Code": "XSECRET1", "kept": "yes"}), columns=columns))
    )
    assert {outcome.counts for outcome in home.take().values()} == {(1, 1, 0)}
    assert home.rows("select extras ->> 'kept' from streams.plays") == [("yes",), ("yes",)]
    assert "XSECRET" not in repr(home.content())
    columns_of_all = {column.name for table in TABLES for column in table}
    assert not columns_of_all & {"birth_year", "postal_code", "user_id"}


def test_data_in_the_place_of_names_is_refused(home: Home) -> None:
    delivered = home.deliver(SPOTIFY, gz(ndjson(stream(i, **{f"key {i}": 1}) for i in range(300))))
    assert delivered.status == "refused"
    assert delivered.reason == "the file has 300 columns that we don't know, more than 200"


KEYS = st.lists(st.text(max_size=12).filter(lambda n: not is_never_kept(n)), max_size=8, unique=True)


@with_settings(max_examples=3, deadline=None)
@given(files=st.lists(KEYS, min_size=1, max_size=10))
def test_any_json_key_is_kept_under_its_name(files: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.mktemp("keys"))
    known = {alias.name for source in RESOURCES[0].sources for alias in source.aliases} | set(RESOURCES[0].unlisted)
    expected = [
        {
            name: f"value {i}"
            for i, name in enumerate(names)
            if name.strip().casefold() not in known and "\0" not in name
        }
        for names in files
    ]
    for number, extras in enumerate(expected):
        content = json.dumps(stream(number) | extras).encode()
        home.put(f"spotify/acme{number}/streams/2026/03/16/DE.gz", gz(content))
    home.take()
    kept = home.rows("select extras from streams.plays order by track_id[6:]::integer")
    assert [json.loads(extras or "{}") for (extras,) in kept] == expected


@given(data=st.data())
@with_settings(max_examples=200, deadline=None)
def test_aliases_resolve_in_any_order_case_and_company(data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from(RESOURCES), label="resource")
    used = {
        s.name: data.draw(st.sampled_from([a for a in s.aliases if a.is_valid(DAY)])).name for s in resource.sources
    }
    left_out = data.draw(st.sets(st.sampled_from([s.name for s in resource.sources])), label="left out")
    change = data.draw(st.sampled_from([str.upper, str.lower, str.title, lambda name: f" {name} "]))
    present = {source: change(name) for source, name in used.items() if source not in left_out}
    order = data.draw(st.permutations([*present.values(), "something new"]))
    missing = [s for s in resource.sources if s.required and s.name in left_out]
    if missing or not present:
        with pytest.raises(ContractError) as refused:
            resolve_columns(resource, order, DAY)
        assert not present or all(missed.aliases[0].name in str(refused.value) for missed in missing)
    else:
        found = resolve_columns(resource, order, DAY)
        assert found.by_source == present
        assert found.unknown == ("something new",)


def test_a_name_counts_only_while_the_vendor_used_it(home: Home) -> None:
    from analytics_platform_tests.streams.world import APPLE_COLUMNS, apple_stream, tsv

    columns = [c.replace("Membership", "Subscription") for c in APPLE_COLUMNS]
    row = {name.replace("Membership", "Subscription"): value for name, value in apple_stream(1).items()}
    early = row | {"Datestamp": "2020-03-16", "Stream Timestamp": "2020-03-16 10:00:00"}
    name = "AppleMusic_Streams_93824149_20200316_V1_2.txt.gz"
    assert "needs the column Membership Type, but" in str(home.deliver(name, gz(tsv([early], columns))).reason)
    name = "AppleMusic_Streams_93824149_20260316_V1_2.txt.gz"
    assert home.deliver(name, gz(tsv([row], columns))).status == "loaded"
