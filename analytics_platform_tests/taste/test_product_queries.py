"""The worked queries on products answer, and are quiet where there are none yet."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.taste.outliers import track_outliers
from analytics_platform.taste.playlist_tables import similar_playlists, unit_playlists
from analytics_platform.taste.product_tables import PRODUCTS
from analytics_platform.taste.similar import similar_tracks
from analytics_platform.taste.unit_genres import unit_genres
from analytics_platform.tracks.tables import RELEASES

QUERIES = sorted((Path(__file__).parents[2] / "sql" / "queries").glob("4[0-5]_*.sql"))


def filled() -> dict[str, pl.DataFrame]:
    """All products of a small label."""
    rng = np.random.default_rng(0)
    artist = np.arange(120) // 4
    genre = np.array(["folk", "jazz", "pop"])[artist % 3]
    isrcs = np.array([f"QZTST26{number:05d}" for number in range(120)])
    frame = pl.DataFrame(
        {
            "isrc": isrcs,
            "title": ["Rain (Remix)", *[f"Song {number}" for number in range(119)]],
            "artist_id": [f"artist {one}" for one in artist],
            "artist_name": [f"Artist {one}" for one in artist],
            "genre": genre,
            "album": [None] * 120,
            "duration_s": [200.0] * 120,
        },
        schema_overrides={"album": pl.String()},
    )
    factors = rng.normal(size=(30, 6))[artist] + rng.normal(size=(120, 6))
    similar = similar_tracks(factors, np.arange(120) % 5 > 0, isrcs, frame, "v1")
    answers = factors + 3 * (genre == "jazz")[:, None]
    playlists = [
        similar_playlists(similar, isrcs[:2].tolist()),
        unit_playlists(answers, isrcs, frame, "dense1", "mean", "v1", units=[0, 1]),
    ]
    places = frame.select("isrc", "title", "artist_name", "genre").with_columns(
        pl.Series("x", rng.uniform(-1, 1, 120)), pl.Series("y", rng.uniform(-1, 1, 120)), model_version=pl.lit("v1")
    )
    return {
        "marts.similar_tracks": similar,
        "marts.track_outliers": track_outliers(frame.drop("genre"), factors, "test"),
        "taste.playlist_tracks": pl.concat(playlists),
        "marts.track_map": places,
        "taste.unit_genres": unit_genres(answers, genre, frame["artist_id"].to_numpy().astype(np.str_), "dense1", "v1"),
        "tracks.releases": frame.select("isrc", "artist_id", "genre"),
    }


def rows_of(query: Path, frames: dict[str, pl.DataFrame]) -> list[dict[str, object]]:
    with duckdb.connect() as connection:
        connection.execute("create schema marts; create schema taste; create schema tracks")
        for name, frame in frames.items():
            connection.register("rows", frame.to_arrow())
            connection.execute(f"create table {name} as from rows")
        return connection.sql(query.read_text()).pl().to_dicts()


@pytest.fixture(scope="module")
def products() -> dict[str, pl.DataFrame]:
    return filled()


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_queries_answer(query: Path, products: dict[str, pl.DataFrame]) -> None:
    assert len(QUERIES) == 6
    assert rows_of(query, products)
    assert rows_of(query, {table.full_name: frame_of(table, []) for table in (*PRODUCTS, RELEASES)}) == []


def test_products_are_as_their_tables_declare(products: dict[str, pl.DataFrame]) -> None:
    for table in PRODUCTS:
        frame = products[table.full_name]
        assert frame_of(table, []).schema.keys() == set(frame.columns), table.full_name
        assert frame.select(table.key).is_duplicated().sum() == 0, table.full_name
        for column in table:
            values = frame[column.name]
            assert column.nullable or values.null_count() == 0, f"{table.full_name}.{column.name}"
            assert not column.values or set(values.drop_nulls()) <= set(column.values)
            if column.minimum is not None:
                assert (values.drop_nulls() >= column.minimum).all(), f"{table.full_name}.{column.name}"
            if column.maximum is not None:
                assert (values.drop_nulls() <= column.maximum).all(), f"{table.full_name}.{column.name}"
