"""Pictures are PNG files small enough for the UI, whatever they show."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from analytics_platform.taste.track_pictures import draw_filters, draw_map, filter_order

LIMIT = 100_000


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    assert picture.format == "PNG"
    assert len(content) <= LIMIT
    assert min(picture.size) >= 250
    return picture


def test_the_picture_of_256_filters_of_noise_is_small() -> None:
    opened(draw_filters(np.random.default_rng(0).normal(size=(256, 128, 4)), "Filters of $x"))


@pytest.mark.parametrize("shape", [(1, 128, 4), (32, 128, 8), (100, 40, 3)])
def test_other_nets_have_other_filters(shape: tuple[int, int, int]) -> None:
    filters = np.random.default_rng(0).normal(size=shape)
    filters[0] = 0
    opened(draw_filters(filters, "Filters"))


def test_filters_go_from_low_to_high() -> None:
    bands = np.random.default_rng(0).permutation(40) * 3
    filters = np.zeros((40, 128, 4))
    filters[np.arange(40), bands] = 1
    order, centres, narrow = filter_order(filters)
    assert (np.diff(bands[order]) > 0).all()
    np.testing.assert_array_equal(centres, bands)
    assert narrow.all()
    assert not filter_order(np.ones((1, 128, 4)))[2].any()


def places(tracks: int, genres: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    genre = np.arange(tracks) % max(genres, 1)
    return pl.DataFrame(
        {
            "isrc": [f"QZTST26{number:05d}" for number in range(tracks)],
            "artist_name": [
                None if number == 0 else f"Artist ${number % 40} with a name_of_{number % 7}"
                for number in range(tracks)
            ],
            "genre": [f"genre {one}" if genres else None for one in genre],
            "x": rng.uniform(-1, 1, tracks),
            "y": rng.uniform(-1, 1, tracks),
        },
        schema={
            "isrc": pl.String(),
            "artist_name": pl.String(),
            "genre": pl.String(),
            "x": pl.Float64(),
            "y": pl.Float64(),
        },
    )


@pytest.mark.parametrize(("tracks", "genres"), [(0, 0), (1, 1), (50, 0), (3_000, 12)])
def test_maps_of_few_and_many_tracks(tracks: int, genres: int) -> None:
    opened(draw_map(places(tracks, genres), "Tracks"))


def test_the_same_map_is_the_same_picture_and_genres_have_colours() -> None:
    frame = places(400, 3)
    first = draw_map(frame, "Tracks")
    assert draw_map(frame, "Tracks") == first
    colours = {colour for _, colour in opened(first).convert("RGB").getcolors(1 << 24)}
    assert len(colours) > 10
    assert first != draw_map(frame.with_columns(pl.lit("one").alias("genre")), "Tracks")
