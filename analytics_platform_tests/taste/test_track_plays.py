"""The matrix of plays is what a plain count of the delivered rows gives, by recording, without the listeners' names."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.artists import listening
from analytics_platform.fans.levels import KEY_ALPHABET
from analytics_platform.taste import track_plays
from analytics_platform.taste.factors import Wmf, fit_factors
from analytics_platform.taste.track_plays import TrackPlays, read_later_plays, read_track_plays

LAST = date(2026, 3, 31)
CATALOGUE = [
    ("spotify", "s1", "ISRC1", "One", "ann"),
    ("spotify", "s2", "ISRC2", "Two", "ann"),
    ("spotify", "s3", "ISRC3", "Three", "bob"),
    ("spotify", "s4", None, "No code", "bob"),
    ("spotify", "s5", "ISRC5", "Whose", "(unknown)"),
    ("apple", "1", "ISRC1", "One", "ann"),
    ("apple", "2", "ISRC2", None, "apple artist 7"),
]
PLAYS_SCHEMA = {
    "vendor": pl.String, "track_id": pl.String, "isrc": pl.String, "listener_key": pl.String, "play_date": pl.Date,
    "plays": pl.Int64,
}  # fmt: skip
Row = tuple[str, str, str | None, str | None, date, int]


def lake_of(rows: list[Row]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema streams")
    given_rows = pl.DataFrame(rows, schema=PLAYS_SCHEMA, orient="row")
    names = ("vendor", "track_id", "isrc", "title", "artist_id")
    given_tracks = pl.DataFrame(CATALOGUE, schema=dict.fromkeys(names, pl.String), orient="row")
    connection.register("given_rows", given_rows)
    connection.register("given_tracks", given_tracks)
    connection.execute("create table streams.plays as from given_rows")
    connection.execute("create table streams.track_artists as from given_tracks")
    return connection


def lines(found: TrackPlays, plays=None) -> list[dict[str, float]]:
    dense = (found.plays if plays is None else plays).toarray()
    return [{str(found.isrcs[t]): float(row[t]) for t in np.flatnonzero(row)} for row in dense]


def slowly(rows: list[Row], after: date, until: date = LAST) -> dict[str, Counter[str]]:
    """Plays of recordings of known artists by listener."""
    codes = {(vendor, track): isrc for vendor, track, isrc, _, _ in CATALOGUE}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for vendor, track, isrc, who, day, plays in rows:
        code = isrc or codes.get((vendor, track))
        if who and plays and after < day <= until and code in {"ISRC1", "ISRC2", "ISRC3"}:
            found[who][code] += plays
    return found


def enough(found: dict[str, Counter[str]], listeners: int, tracks: int) -> dict[str, Counter[str]]:
    """Without tracks of few listeners and listeners of few tracks, until there are none."""
    while True:
        counts = Counter(track for played in found.values() for track in played)
        kept = {
            who: Counter({track: n for track, n in played.items() if counts[track] >= listeners})
            for who, played in found.items()
        }
        kept = {who: played for who, played in kept.items() if len(played) >= tracks}
        if kept == found:
            return kept
        found = kept


ROWS = st.lists(
    st.tuples(
        st.sampled_from([("spotify", "s1"), ("spotify", "s2"), ("spotify", "s3"), ("apple", "1"), ("apple", "2")]),
        st.sampled_from("ABaz09-_"),
        st.integers(0, 40),
        st.integers(0, 3),
    ),
    max_size=60,
)


def rows_of(drawn: list[tuple[tuple[str, str], str, int, int]]) -> list[Row]:
    """Rows of these tracks and listeners, so many days before the last; one keeps the last day where it is."""
    rows = [(*track, None, who, LAST - timedelta(days=ago), plays) for track, who, ago, plays in drawn]
    return [*rows, ("spotify", "s5", None, "zz", LAST, 1)]


@settings(max_examples=12, deadline=None)
@given(drawn=ROWS, days=st.sampled_from([1, 20, 365]), bucket_rows=st.sampled_from([4, 1_000]))
def test_plays_are_a_plain_count(drawn, days, bucket_rows):
    rows = rows_of(drawn)
    with pytest.MonkeyPatch.context() as patch, lake_of(rows) as connection:
        patch.setattr(listening, "BUCKET_ROWS", bucket_rows)
        found = read_track_plays(connection, days=days)
    expected = enough(slowly(rows, LAST - timedelta(days=days)), 3, 2)
    assert sorted(lines(found), key=str) == sorted((dict(sorted(line.items())) for line in expected.values()), key=str)
    assert found.isrcs.tolist() == sorted({track for played in expected.values() for track in played})
    assert found.artist_ids.tolist() == [{"ISRC3": "bob"}.get(isrc, "ann") for isrc in found.isrcs.tolist()]
    assert found.plays.dtype == np.float32


@settings(max_examples=12, deadline=None)
@given(drawn=ROWS)
def test_later_plays_are_of_pairs_that_were_not_heard_before(drawn):
    rows = rows_of(drawn)
    with lake_of(rows) as connection:
        before, later = read_later_plays(connection, later_days=15, days=30)
    since = LAST - timedelta(days=15)
    old = enough(slowly(rows, LAST - timedelta(days=30), since), 3, 2)
    new = slowly(rows, since)
    tracks = {track for played in old.values() for track in played}
    expected = [
        (
            dict(sorted(old[who].items())),
            {t: float(n) for t, n in sorted(new[who].items()) if t in tracks - set(old[who])},
        )
        for who in old
    ]
    found = list(zip(lines(before), lines(before, later), strict=True))
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_codes_come_from_the_row_or_the_catalogue_and_unknown_artists_are_left_out():
    rows: list[Row] = []
    for who in "ABCD":
        rows += [("fuga", "f9", "ISRC1", who, LAST, 2), ("spotify", "s2", None, who, LAST, 1)]
        rows += [("spotify", "s5", None, who, LAST, 1), ("spotify", "s4", None, who, LAST, 1)]
        rows += [("fuga", "f7", "ISRC9", who, LAST, 1), ("spotify", "s1", None, None, LAST, 50)]
    with lake_of(rows) as connection:
        found = read_track_plays(connection)
    assert lines(found) == [{"ISRC1": 2, "ISRC2": 1}] * 4
    assert found.artist_ids.tolist() == ["ann", "ann"]


def test_who_plays_everything_counts_with_the_most_played_only(monkeypatch):
    monkeypatch.setattr(track_plays, "MOST_TRACKS", 2)
    many = [("spotify", f"s{track}", None, who, LAST, track) for who in "ABC" for track in (1, 2, 3)]
    with lake_of(many) as connection:
        assert lines(read_track_plays(connection)) == [{"ISRC2": 2, "ISRC3": 3}] * 3


@pytest.mark.parametrize(
    "rows", [[], [("spotify", "s1", None, "A", LAST, 1)], [("spotify", "s1", None, None, LAST, 1)]]
)
def test_a_lake_without_listening_gives_no_tracks(rows):
    with lake_of(rows) as connection:
        assert read_track_plays(connection).plays.shape == (0, 0)
        before, later = read_later_plays(connection)
    assert before.plays.shape == later.shape == (0, 0)
    assert len(before.isrcs) == len(before.artist_ids) == 0


def test_tracks_are_taken_in_the_order_asked_for():
    rows = [("spotify", f"s{track}", None, who, LAST, track) for who in "ABC" for track in (1, 2, 3)]
    with lake_of(rows) as connection:
        some = read_track_plays(connection).take_tracks(np.array([2, 0]))
    assert some.isrcs.tolist() == ["ISRC3", "ISRC1"]
    assert some.artist_ids.tolist() == ["bob", "ann"]
    assert some.plays.toarray().tolist() == [[3, 1]] * 3


def test_an_erased_listener_leaves_no_trace_in_factors_learnt_again():
    """Tracks' factors are all that is stored, and those are of a world where the listener never was."""
    rng = np.random.default_rng(0)
    rows: list[Row] = [
        ("spotify", f"s{track}", None, f"{KEY_ALPHABET[who]}0", LAST, int(rng.integers(1, 9)))
        for who in range(40)
        for track in rng.permutation(3)[: rng.integers(2, 4)] + 1
    ]
    how = Wmf(factors=2, regularisation=1.0)
    with lake_of(rows) as connection, lake_of([row for row in rows if row[3] != "h0"]) as other:
        before = read_track_plays(connection)
        connection.execute("delete from streams.plays where listener_key = 'h0'")
        after, never = read_track_plays(connection), read_track_plays(other)
    assert (before.plays.shape[0], after.plays.shape[0]) == (40, 39)
    assert fit_factors(after.plays, how).tracks.tobytes() == fit_factors(never.plays, how).tracks.tobytes()
    assert fit_factors(after.plays, how).tracks.tobytes() != fit_factors(before.plays, how).tracks.tobytes()
    assert "h0" not in repr(after)
