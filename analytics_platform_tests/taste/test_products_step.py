"""What the model in use is good for: similar tracks, the map, playlists, and what the units of a net select."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.tables import Table
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.orchestration.resources import Platform
from analytics_platform.settings import Settings
from analytics_platform.taste.product_assets import use_taste
from analytics_platform.taste.product_tables import (
    PLAYLIST_TRACKS,
    PRODUCTS,
    SIMILAR_TRACKS,
    TRACK_MAP,
    TRACK_OUTLIERS,
    UNIT_GENRES,
)
from analytics_platform.taste.products_step import Products, make_products
from analytics_platform.taste.shipped import NO_MODEL, taste_in_use
from analytics_platform.taste.training_step import Learnt
from analytics_platform_tests.orchestration.homes import make_settings
from analytics_platform_tests.taste import taste_homes
from analytics_platform_tests.taste.taste_homes import REMIX, SHORT, STYLES, TRACKS, UNPLAYED, copied, style_of
from analytics_platform_tests.tracks.trained_homes import isrc, lake_at


@pytest.fixture(scope="module")
def made(trained: tuple[Settings, Learnt]) -> tuple[Settings, Products]:
    """A home with a model in use, and what it gives."""
    settings, _ = trained
    return settings, make_products(lake_at(settings), settings, taste_in_use(lake_at(settings), settings))


def styles_of(codes: Sequence[str]) -> list[int]:
    return [style_of(int(code[-5:])) for code in codes]


def violations(settings: Settings, table: Table, frame: pl.DataFrame) -> list[object]:
    with lake_at(settings).duckdb() as connection:
        connection.register("found", frame)
        return list(find_violations(connection, table, "found"))


def test_similar_tracks_are_of_the_style_and_say_what_they_rest_on(made: tuple[Settings, Products]) -> None:
    settings, products = made
    similar = products.frames[SIMILAR_TRACKS]
    assert all(violations(settings, table, products.frames[table]) == [] for table in PRODUCTS)
    assert similar.group_by("isrc").len()["len"].to_list() == [20] * (TRACKS + 1)
    same = np.array(styles_of(similar["isrc"])) == np.array(styles_of(similar["similar_isrc"]))
    assert same.mean() > 0.95
    unplayed = isrc(UNPLAYED)
    has_unplayed = (pl.col("isrc") == unplayed) | (pl.col("similar_isrc") == unplayed)
    assert set(similar.filter(has_unplayed)["basis"]) == {"sound"}
    assert set(similar.filter(~has_unplayed)["basis"]) == {"plays"}, "with a clip or without one"
    own = similar.filter(isrc=unplayed)
    assert np.mean(np.array(styles_of(own["similar_isrc"])) == style_of(UNPLAYED)) > 0.9, "placed by its sound"
    assert similar["title"].null_count() == similar["similar_artist_name"].null_count() == 0


def test_what_is_left_out_is_never_recommended_but_has_similar_tracks(made: tuple[Settings, Products]) -> None:
    frames = made[1].frames
    outliers = frames[TRACK_OUTLIERS]
    assert len(outliers) == TRACKS, "all with a clip"
    kinds = dict(outliers.select("isrc", "kind").iter_rows())
    assert (kinds[isrc(REMIX)], kinds[isrc(SHORT)], kinds[isrc(8)]) == ("remix", "short", "none")
    left_out = outliers.filter("is_left_out")["isrc"].to_list()
    assert isrc(SHORT) in left_out and isrc(8) not in left_out
    assert not set(left_out) & set(frames[SIMILAR_TRACKS]["similar_isrc"])
    assert set(left_out) <= set(frames[SIMILAR_TRACKS]["isrc"])


def test_the_map_has_all_tracks_and_keeps_styles_together(made: tuple[Settings, Products]) -> None:
    places = made[1].frames[TRACK_MAP]
    assert set(places["isrc"]) == {isrc(number) for number in range(TRACKS + 1)}
    assert places["genre"].to_list() == [STYLES[style] for style in styles_of(places["isrc"])]
    points, styles = places.select("x", "y").to_numpy(), np.array(styles_of(places["isrc"]))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (styles[distances.argmin(axis=1)] == styles).mean() > 0.95


def test_playlists_begin_with_their_track_and_go_on_with_its_like(made: tuple[Settings, Products]) -> None:
    _, products = made
    playlists = products.frames[PLAYLIST_TRACKS]
    assert set(playlists["kind"]) == {"similar"} and playlists["playlist_id"].n_unique() > 50
    for part in playlists.partition_by("playlist_id")[:5]:
        assert part["playlist_id"][0] == f"similar:{part['isrc'][0]}"
        assert part["place"].to_list() == list(range(1, 22))
    assert products.net is None and products.filters is None and not len(products.frames[UNIT_GENRES])
    assert "no net of document 003 was trained" in products.notes[0]


def materialise(settings: Settings) -> dict[str, dict[str, dg.MetadataValue]]:
    """Metadata by table."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([use_taste], instance=instance, resources={"platform": Platform(settings)})
    assert all(check.passed for check in result.get_asset_check_evaluations())
    return {
        event.asset_key.to_user_string(): dict(event.step_materialization_data.materialization.metadata)
        for event in result.get_asset_materialization_events()
    }


def test_without_a_model_or_without_clips_the_tables_are_there(made: tuple[Settings, Products], tmp_path: Path) -> None:
    empty = make_settings(tmp_path / "empty")
    assert {metadata["note"].value for metadata in materialise(empty).values()} == {NO_MODEL}
    assert all(not len(lake_at(empty).read(table)) for table in PRODUCTS)
    settings = copied(made[0], tmp_path / "home")
    lake = lake_at(settings)
    taste_homes.write_clips(lake, [])
    frames = make_products(lake, settings, taste_in_use(lake, settings)).frames
    assert set(frames[SIMILAR_TRACKS]["basis"]) == {"plays"} and frames[SIMILAR_TRACKS]["isrc"].n_unique() == TRACKS
    assert len(frames[TRACK_MAP]) == TRACKS and not len(frames[TRACK_OUTLIERS])


def test_tracks_whose_embeddings_are_missing_wait(made: tuple[Settings, Products]) -> None:
    """The model in use learnt from embeddings, and new clips have come that no net has heard: nothing fails."""
    settings, _ = made
    lake = lake_at(settings)
    taste = taste_in_use(lake, settings)
    needs = replace(taste.predictor, family=replace(taste.predictor.family, needs=("embeddings",)))
    embedded = replace(taste, predictor=needs, info={**taste.info, "embeddings": "musicnn_msd"})
    products = make_products(lake, settings, embedded)
    assert "1 tracks without plays wait for embeddings" in products.notes[0]
    assert isrc(UNPLAYED) not in set(products.frames[SIMILAR_TRACKS]["isrc"])
    assert frame_of(SIMILAR_TRACKS, []).columns == products.frames[SIMILAR_TRACKS].columns
