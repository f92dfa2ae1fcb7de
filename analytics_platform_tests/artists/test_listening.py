"""The matrix of plays is what a plain group-by counts, however the listeners are divided."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.artists import listening
from analytics_platform.artists.listening import MOST_ARTISTS, Listening, read_listening
from analytics_platform.fans.levels import KEY_ALPHABET
from analytics_platform.fans.segments import UNKNOWN_ARTIST

Row = tuple[str, str, int]
SCHEMA = {"listener_key": pl.String, "artist_id": pl.String, "plays": pl.Int64}


def read(rows: Sequence[Row] | pl.DataFrame, least_listeners: int = 1) -> Listening:
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with duckdb.connect() as connection:
        connection.register("given", frame)
        return read_listening(connection, "given", least_listeners)


def lines(found: Listening) -> list[list[tuple[str, int]]]:
    """Artists and plays of each listener; who they are is not kept, so in the order of what they play."""
    plays = found.plays
    return sorted(
        [
            (str(found.artist_ids[plays.indices[at]]), int(plays.data[at]))
            for at in range(plays.indptr[row], plays.indptr[row + 1])
        ]
        for row in range(len(plays.indptr) - 1)
    )


def naive(rows: Sequence[Row], least: int) -> tuple[list[list[tuple[str, int]]], dict[str, int]]:
    """The same by SQL: lines, and artists with too few listeners."""
    with duckdb.connect() as connection:
        connection.register("given", pl.DataFrame(rows, schema=SCHEMA, orient="row"))
        connection.execute(
            "create table pairs as select listener_key, artist_id, sum(plays) as plays from given"
            f" where artist_id <> '{UNKNOWN_ARTIST}' group by all having sum(plays) <> 0"
        )
        counts = dict(
            connection.execute(
                "select artist_id, count(pairs.listener_key) from (select distinct artist_id from given) as every"
                f" left join pairs using (artist_id) where artist_id <> '{UNKNOWN_ARTIST}' group by artist_id"
            ).fetchall()
        )
        grouped: dict[str, list[tuple[str, int]]] = {}
        for listener, artist, plays in connection.execute("select * from pairs order by all").fetchall():
            if counts[artist] >= least:
                grouped.setdefault(listener, []).append((artist, int(plays)))
    return sorted(grouped.values()), {artist: n for artist, n in counts.items() if n < least}


def some_rows(count: int, seed: int) -> list[Row]:
    """Rows of 40 listeners and 12 artists, some unknown, with pairs in several rows."""
    rng = np.random.default_rng(seed)
    keys = [f"{KEY_ALPHABET[int(rng.integers(64))]}{n:02}" for n in range(40)]
    artists = [*(f"artist {n}" for n in range(11)), UNKNOWN_ARTIST]
    return [(str(rng.choice(keys)), str(rng.choice(artists)), int(rng.integers(1, 9))) for _ in range(count)]


@pytest.mark.parametrize("bucket_rows", [1, 13, 60, 10_000])
@pytest.mark.parametrize("least", [1, 15])
def test_plays_are_those_of_a_group_by(monkeypatch: pytest.MonkeyPatch, bucket_rows: int, least: int) -> None:
    """In 64, 16, 4 and one part."""
    monkeypatch.setattr(listening, "BUCKET_ROWS", bucket_rows)
    rows = some_rows(200, 3)
    found = read(rows, least)
    expected, small = naive(rows, least)
    assert lines(found) == expected
    assert found.too_small == small
    if least == 1:
        assert len(found.artist_ids) == 11
    else:
        assert 0 < len(small) < 11, "some have enough"
    assert found.artist_ids.tolist() == sorted(found.artist_ids.tolist())
    assert found.listeners.tolist() == [sum(a == i for line in expected for a, _ in line) for i in found.artist_ids]


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("ABaz09-_"), st.sampled_from("xyz"), st.integers(-2, 3)), max_size=25),
    least=st.integers(1, 4),
    bucket_rows=st.sampled_from([4, 100]),
)
def test_changes_add_up_and_pairs_of_nothing_are_gone(rows: list[Row], least: int, bucket_rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listening, "BUCKET_ROWS", bucket_rows)
        found = read(rows, least)
    expected, small = naive(rows, least)
    assert lines(found) == expected
    assert found.too_small == small


def test_a_pair_that_left_the_window_is_no_listener() -> None:
    base = [("A", "x", 3), ("B", "x", 2), ("B", "y", 1), ("C", "y", 4)]
    found = read([*base, ("A", "x", -3), ("B", "x", 5), ("C", "y", -4), ("C", "y", 0)])
    assert lines(found) == [[("x", 7), ("y", 1)]]
    assert found.listeners.tolist() == [1, 1]


def test_an_artist_who_lost_all_listeners_is_told_with_none() -> None:
    found = read([("A", "x", 3), ("A", "x", -3), ("A", "y", 1)])
    assert found.artist_ids.tolist() == ["y"]
    assert found.too_small == {"x": 0}


def test_unknown_artists_are_nobody() -> None:
    found = read([("A", UNKNOWN_ARTIST, 900), ("B", UNKNOWN_ARTIST, 1), ("B", "x", 1)])
    assert found.artist_ids.tolist() == ["x"]
    assert found.too_small == {}
    assert found.plays.toarray().tolist() == [[1]]


def test_artists_with_too_few_listeners_are_told_and_listeners_of_nobody_else_left_out() -> None:
    rows = [("A", "x", 1), ("B", "x", 1), ("C", "y", 1), ("A", "y", 1), ("D", "z", 7)]
    found = read(rows, 2)
    assert found.artist_ids.tolist() == ["x", "y"]
    assert found.too_small == {"z": 1}
    assert found.plays.shape == (3, 2)


def test_a_listener_counts_for_the_most_played_300_artists_only() -> None:
    """Equal plays go by the artist's id: which of them are kept does not depend on the order of rows."""
    assert MOST_ARTISTS == 300
    many = [("A", f"artist {n:03}", 2 if n % 2 else 1) for n in range(400)]
    exactly = [("B", f"artist {n:03}", 1) for n in range(300)]
    found = read([*many, *exactly])
    by_listener = {sum(plays for _, plays in line): line for line in lines(found)}
    kept = dict(by_listener[2 * 200 + 100])
    assert {artist for artist, plays in kept.items() if plays == 2} == {f"artist {n:03}" for n in range(1, 400, 2)}
    assert {artist for artist, plays in kept.items() if plays == 1} == {f"artist {n:03}" for n in range(0, 200, 2)}
    assert len(by_listener[300]) == 300
    assert found.too_small == dict.fromkeys([f"artist {n:03}" for n in range(300, 400, 2)], 0)


@pytest.mark.parametrize("bucket_rows", [20, 10_000])
def test_the_order_of_rows_does_not_matter(monkeypatch: pytest.MonkeyPatch, bucket_rows: int) -> None:
    """The version of a model is named by the matrix: the same plays must give the same bytes."""
    monkeypatch.setattr(listening, "BUCKET_ROWS", bucket_rows)
    rows = pl.DataFrame(some_rows(300, 5), schema=SCHEMA, orient="row")
    one = read(rows, 2)
    for seed in range(3):
        other = read(rows.sample(fraction=1, shuffle=True, seed=seed), 2)
        for name in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(one.plays, name), getattr(other.plays, name))
        assert one.artist_ids.tolist() == other.artist_ids.tolist()


def test_the_number_of_parts_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners are in the order of their keys in one part, and by parts of the alphabet else."""
    rows = some_rows(300, 6)
    one = read(rows, 2)
    monkeypatch.setattr(listening, "BUCKET_ROWS", 40)
    assert lines(read(rows, 2)) == lines(one)


@pytest.mark.parametrize(
    ("rows", "small"), [([], {}), ([("A", UNKNOWN_ARTIST, 1)], {}), ([("A", "x", 1), ("B", "y", 1)], {"x": 1, "y": 1})]
)
def test_nothing_is_a_matrix_of_nothing(rows: list[Row], small: dict[str, int]) -> None:
    found = read(rows, 2)
    assert found.artist_ids.tolist() == []
    assert found.plays.shape == (0, 0)
    assert found.too_small == small
    assert found.listeners.tolist() == []
