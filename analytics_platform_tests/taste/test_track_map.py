"""Near tastes lie near each other on the map, the same each time; units are told by the genre that they select."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from analytics_platform.taste import unit_genres as genre_module
from analytics_platform.taste.product_tables import TRACK_MAP, UNIT_GENRES
from analytics_platform.taste.track_map import sampled, track_map
from analytics_platform.taste.unit_genres import unit_genres


def catalogue(tracks: int) -> tuple[NDArray[np.float64], NDArray[np.str_], pl.DataFrame]:
    """Three tastes, a genre each."""
    rng = np.random.default_rng(0)
    taste = np.arange(tracks) % 3
    factors = rng.normal(size=(3, 8))[taste] * 3 + rng.normal(size=(tracks, 8))
    isrcs = np.array([f"QZTST26{number:05d}" for number in range(tracks)], dtype=np.str_)
    names = pl.DataFrame(
        {"isrc": isrcs, "title": isrcs, "artist_name": isrcs, "genre": np.array(["folk", "jazz", "pop"])[taste]},
        schema=dict.fromkeys(("isrc", "title", "artist_name", "genre"), pl.String()),
    )
    return factors, isrcs, names


def test_a_taste_is_a_place_and_the_map_is_the_same_each_time() -> None:
    factors, isrcs, names = catalogue(60)
    found = track_map(factors, isrcs, names, "v1")
    assert found.columns == [column.name for column in TRACK_MAP]
    places = found.select("x", "y").to_numpy()
    assert np.abs(places).max() == pytest.approx(1)
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(apart, np.inf)
    genres = found["genre"].to_numpy()
    assert (genres[apart.argmin(axis=1)] == genres).mean() > 0.95
    order = np.random.default_rng(1).permutation(60)
    assert track_map(factors[order] * 4, isrcs[order], names, "v1").equals(found)


@pytest.mark.parametrize("tracks", [0, 1, 4, 7])
def test_hardly_any_tracks(tracks: int) -> None:
    found = track_map(*catalogue(tracks), "v1")
    assert len(found) == tracks
    assert found.select(pl.col("x", "y").is_between(-1, 1)).to_numpy().all()


def test_tracks_without_any_taste_lie_in_the_middle() -> None:
    _, isrcs, names = catalogue(20)
    found = track_map(np.zeros((20, 3)), isrcs, names, "v1")
    assert found["x"].to_list() == [0.0] * 20


def test_the_sample_hardly_changes_as_the_catalogue_grows() -> None:
    isrcs = catalogue(4_000)[1]
    before, after = isrcs[:3_900][sampled(isrcs[:3_900], 500)], isrcs[sampled(isrcs, 500)]
    assert len(before) == len(after) == 500
    assert len(set(before) & set(after)) > 450
    assert (np.diff(sampled(isrcs, 500)) > 0).all()


def genre_world(tracks: int = 600) -> tuple[NDArray[np.float64], NDArray[np.str_], NDArray[np.str_]]:
    """Unit 0 answers to jazz, unit 1 to everything but pop, the rest to artists at random."""
    rng = np.random.default_rng(4)
    artist = np.arange(tracks) // 6
    genres = np.array(["folk", "jazz", "pop", "rock"])[artist % 4]
    answers = rng.normal(size=(artist.max() + 1, 12))[artist] + rng.normal(size=(tracks, 12))
    answers[:, 0] += 4 * (genres == "jazz")
    answers[:, 1] -= 4 * (genres == "pop")
    return answers, genres, np.array([f"artist {one}" for one in artist])


def test_a_unit_that_selects_a_genre_is_told_from_chance() -> None:
    found = unit_genres(*genre_world(), "dense1", "v1")
    assert found.columns == [column.name for column in UNIT_GENRES]
    jazz = found.row(0, named=True)
    assert (jazz["genre"], jazz["tracks"]) == ("jazz", 150)
    assert 0.9 < jazz["auc_low"] < jazz["auc"] < jazz["auc_high"] <= 1
    above = found.filter(pl.col("auc") > pl.col("auc_by_chance"))
    assert above["unit"].to_list() == [0, 1], "what avoids one genre selects the others"
    assert found.filter(pl.col("unit") > 1)["auc_by_chance"].min() > 0.55


def test_the_area_is_the_share_of_pairs_and_a_monotone_change_of_answers_is_none() -> None:
    answers, genres, artists = genre_world(240)
    answers = np.round(answers)
    found = unit_genres(answers, genres, artists, "dense1", "v1")
    for row in found.iter_rows(named=True):
        inside, outside = (answers[(genres == row["genre"]) == side, row["unit"]] for side in (True, False))
        pairs = inside[:, None] - outside
        assert row["auc"] == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert unit_genres(np.exp(answers / 5), genres, artists, "dense1", "v1").equals(found)


def test_intervals_hold_when_artists_are_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ranges of 90 % about nine in ten hold the truth; with tracks as units of chance it would be far fewer."""
    monkeypatch.setattr(genre_module, "DEALS", 1)
    rng = np.random.default_rng(0)
    held = []
    for _ in range(150):
        artist = np.arange(240) // 6
        genres = np.array(["folk", "jazz"])[artist % 2]
        answers = (rng.normal(size=40)[artist] + 0.5 * rng.normal(size=240))[:, None]
        row = unit_genres(np.hstack([answers, -answers]), genres, artist.astype(str), "d", "v").row(0, named=True)
        held.append(row["auc_low"] <= 0.5 <= row["auc_high"])
    assert 0.8 <= np.mean(held) <= 0.97


@pytest.mark.parametrize("genres", [[], ["jazz"], ["jazz", ""], ["jazz"] * 30])
def test_without_two_genres_nothing_is_said(genres: list[str]) -> None:
    artists = np.array([f"a{number}" for number in range(len(genres))], dtype=np.str_)
    assert len(unit_genres(np.ones((len(genres), 2)), np.array(genres, dtype=np.str_), artists, "d", "v")) == 0
