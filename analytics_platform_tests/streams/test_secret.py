"""Listener keys: the same as Python's, none without a secret, and the secret is shown nowhere."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from analytics_platform.settings import MissingSecretError, Settings
from analytics_platform.streams.ingest import ingest
from analytics_platform.streams.privacy import key_sql, listener_key, set_secret
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


def test_without_a_secret_nothing_is_ingested_and_the_message_says_what_to_do(home: Home) -> None:
    home.put(SPOTIFY, gz(ndjson([stream(1)])))
    (home.settings.home / "secrets" / "listener_secret").unlink()
    with pytest.raises(MissingSecretError, match="ANALYTICS_LISTENER_SECRET to at least 32 random characters"):
        home.take()
    assert set(home.versions().values()) == {None}
    assert home.files() == [SPOTIFY]
    home.settings.create_secret()
    assert home.take()[SPOTIFY].status == "loaded"


def test_a_short_secret_is_refused(home: Home, tmp_path: Path) -> None:
    short = Settings(home=tmp_path / "short", listener_secret=SecretStr("x" * 31))
    with pytest.raises(MissingSecretError, match="at least 32 characters") as refused:
        ingest(short, home.lake, [])
    assert "xxx" not in str(refused.value)
    assert Settings(home=tmp_path, listener_secret=SecretStr("x" * 32)).secret() == b"x" * 32


def test_a_made_secret_belongs_to_its_owner_alone_and_stays(home: Home) -> None:
    path = home.settings.home / "secrets" / "listener_secret"
    secret = home.settings.secret()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(secret) >= 32
    home.settings.create_secret()
    assert home.settings.secret() == secret


def test_every_feed_gives_the_keys_that_python_gives(home: Home) -> None:
    ids = ["user1", "Jörg 🎧", "a|b", "\\x41", "o'neil", "x" * 200, "12345"]
    home.put(SPOTIFY, gz(ndjson(stream(i, user_id=name) for i, name in enumerate(ids))))
    home.put(USERS, gz(ndjson({"user_id": name} for name in ids)))
    home.put(APPLE, gz(tsv([apple_stream(i, **{"Anonymized Person ID": n}) for i, n in enumerate(ids)], APPLE_COLUMNS)))
    home.put(FUGA, gz(fuga(*(trend(i, user_id=name) for i, name in enumerate(ids)))))
    listens = [
        {"user_name": n, "listened_at": 1773658987 + i, "track_metadata": {"artist_name": "A", "track_name": "T"}}
        for i, n in enumerate(ids)
    ]
    home.put("listenbrainz/2026-03-16.jsonl", ndjson(listens))
    home.put("user_artists.dat", "".join(["userID\tartistID\tweight\n", *(f"{n}\t1\t2\n" for n in ids)]).encode())
    home.put("train_triplets.txt", "".join(f"{n}\tSO1\t2\n" for n in ids).encode())
    assert {outcome.good_rows for outcome in home.take().values()} == {len(ids)}
    secret = home.settings.secret()
    expected = {
        ("plays", "spotify"): [listener_key(secret, "spotify", "acme", n) for n in ids],
        ("listeners", "spotify"): [listener_key(secret, "spotify", "acme", n) for n in ids],
        ("plays", "apple"): [listener_key(secret, "apple", "93824149", n) for n in ids],
        ("plays", "fuga"): [listener_key(secret, "fuga", "4711", f"spo:{n}") for n in ids],
        ("listeners", "fuga"): [listener_key(secret, "fuga", "4711", f"spo:{n}") for n in ids],
        ("plays", "listenbrainz"): [listener_key(secret, "listenbrainz", "-", n) for n in ids],
        ("play_counts", "lastfm_hetrec2011"): [listener_key(secret, "lastfm_hetrec2011", "-", n) for n in ids],
        ("play_counts", "taste_profile"): [listener_key(secret, "taste_profile", "-", n) for n in ids],
    }
    for (table, vendor), keys in expected.items():
        query = f"select listener_key from streams.{table} where vendor = '{vendor}' order by line"
        assert [key for (key,) in home.rows(query)] == keys, (table, vendor)


@with_settings(max_examples=100, deadline=None)
@given(secret=st.binary(min_size=32, max_size=200), listener=st.text(max_size=50).filter(lambda t: "\0" not in t))
def test_sql_and_python_give_the_same_key(secret: bytes, listener: str) -> None:
    with duckdb.connect() as connection:
        set_secret(connection, secret)
        key = key_sql("'v|l|' || ?")
        found = connection.execute(f"select {key}", [listener]).fetchone()
    assert found == (listener_key(secret, "v", "l", listener),)


def test_the_version_of_the_secret_is_in_every_row(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", key_version=3)
    home.put(SPOTIFY, gz(ndjson([stream(1)])))
    home.put(USERS, gz(ndjson([{"user_id": "user1"}])))
    home.take()
    query = "select key_version from streams.plays union all select key_version from streams.listeners"
    assert home.rows(query) == [(3,), (3,)]


def test_an_error_of_duckdb_shows_neither_the_secret_nor_what_is_made_of_it(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = home.settings.secret()
    made_of_it = [bytes(b ^ pad for b in secret.ljust(64, b"\0")) for pad in (0x36, 0x5C)]
    shown = repr(home.settings)
    with duckdb.connect() as connection:
        set_secret(connection, secret)
        key = key_sql("'spotify|acme|' || id")
        for broken in ("'text'::integer", "error('stop')", "no_such_column", "make_timestamp(9223372036854775807)"):
            with pytest.raises(duckdb.Error) as failed:
                connection.execute(f"select {key}, {broken} from (select 'VERYPRIVATE' as id)")
            shown += f"{failed.value!r}{failed.getrepr()}"
        profile = connection.execute(f"explain analyze select {key} from (select 'x' as id)").fetchall()
    shown += f"{profile}{caplog.text}"
    for text in (secret, secret.hex().encode(), *(m.hex().encode() for m in made_of_it)):
        assert text.decode() not in shown.lower() and text.decode() not in shown


def test_a_run_logs_no_listener_and_no_secret(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    home.put(SPOTIFY, gz(ndjson([stream(1, user_id="VERYPRIVATE"), stream(2, user_id="VERYPRIVATE", timestamp="x")])))
    home.put(FUGA, gz(fuga(trend(1, user_id="VERYPRIVATE"), "VERYPRIVATE\tbroken line")))
    home.take()
    assert len(home.rejected()) == 2
    shown = caplog.text + repr(home.content())
    assert "VERYPRIVATE" not in shown and home.settings.secret().decode() not in shown
