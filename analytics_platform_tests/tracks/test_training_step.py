"""Training on a label's lake: what sorts unknown artists' tracks goes into use, and nothing else does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.orchestration.build import build_defs
from analytics_platform.orchestration.metadata import asset_key
from analytics_platform.orchestration.resources import Platform
from analytics_platform.settings import Settings
from analytics_platform.tracks.assets import train_track_models
from analytics_platform.tracks.predictors import NUMBERS, Fitted
from analytics_platform.tracks.reading import read_tracks
from analytics_platform.tracks.shipped import Shipped
from analytics_platform.tracks.tables import MODEL_SCORES, OUTCOMES, SHIPPED_MODELS, TRAINED, TRAINING_REFUSALS
from analytics_platform.tracks.track_data import TrackData
from analytics_platform.tracks.training import make_shipped
from analytics_platform.tracks.training_step import Trained, model_in_use, train_tracks
from analytics_platform_tests.orchestration.homes import make_settings
from analytics_platform_tests.tracks.trained_homes import (
    ARTISTS,
    TARGET,
    TRACKS,
    clip_row,
    isrc,
    lake_at,
    make_home,
    planted_outcome,
    write_clips,
    write_embeddings,
    write_outcomes,
)

NOISE = 0.6


def train(settings: Settings, said: list[str] | None = None, **fields: str) -> Trained:
    return train_tracks(lake_at(settings), settings, say=(said if said is not None else []).append, **fields)


def tables(settings: Settings) -> dict[str, pl.DataFrame]:
    return {table.full_name: lake_at(settings).read(table) for table in TRAINED}


def data_of(settings: Settings) -> TrackData:
    return read_tracks(lake_at(settings), settings.spectrograms_root, settings.embeddings_root).data


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Trained]:
    """A home whose models were trained once; copy it to change it."""
    settings = make_home(tmp_path_factory.mktemp("trained") / "home", noise=NOISE)
    return settings, train(settings)


def copied(settings: Settings, home: Path) -> Settings:
    shutil.copytree(settings.home, home)
    return make_settings(home, threads=1)


def test_the_best_model_goes_into_use(trained: tuple[Settings, Trained]) -> None:
    settings, done = trained
    assert set(done.commits) == {table.full_name for table in TRAINED}
    row = lake_at(settings).read(SHIPPED_MODELS).row(0, named=True)
    assert (row["release_no"], row["status"], row["model"]) == (1, "released", done.winner)
    assert (row["target"], row["tracks"], row["artists"], row["has_embeddings"]) == (TARGET, TRACKS, ARTISTS, False)
    assert 0.5 < row["auc_low"] <= row["auc"] <= row["auc_high"] <= 1
    assert str(done.note).startswith(f"{done.winner} was released as {row['version']}: AUC {row['auc']:.3f}")
    shipped = model_in_use(lake_at(settings), settings)
    assert (shipped.version, shipped.model) == (row["version"], done.winner)
    assert shipped.info["scores"]["auc"] == [row["auc"], row["auc_low"], row["auc_high"]]
    assert shipped.info["inputs"]["catalogue.clips"] == lake_at(settings).version(CLIPS)
    assert sum(tracks for _, _, tracks in done.curve) == 5 * TRACKS, "each track once a seed"


def test_all_models_stand_beside_their_dummies(trained: tuple[Settings, Trained]) -> None:
    scores = lake_at(trained[0]).read(MODEL_SCORES)
    assert set(scores["split"]) == {"artists", "artists, first fold", "rows", "time"}
    assert set(scores["task"]) == {"track_success", "track_percentile", "track_class", "track_order"}
    auc = scores.filter(task="track_success", split="artists", seed=-1, metric="auc")
    known = {name for name, model in NUMBERS.items() if not model.needs_embeddings}
    assert set(auc["model"]) == {*known, "majority", "genre_mean", "artist_mean_leaky"}
    values = dict(auc.select("model", "value").iter_rows())
    assert values["majority"] == 0.5 and values["descriptor_ridge"] > 0.75
    assert 0.4 < values["loudness_duration"] < 0.6
    assert scores["model_version"].n_unique() == 1
    assert scores["value"].is_finite().all()


def test_the_same_again_trains_nothing(trained: tuple[Settings, Trained]) -> None:
    settings, _ = trained
    before, said = tables(settings), []
    again = train(settings, said)
    assert not said and again.judgement is None
    assert "stays: tracks and outcomes are the same" in str(again.note)
    for name, frame in tables(settings).items():
        assert_frame_equal(frame, before[name])


def test_what_is_loaded_says_the_same_to_the_bit(trained: tuple[Settings, Trained]) -> None:
    settings, done = trained
    data, rows = data_of(settings), np.arange(TRACKS)
    loaded = model_in_use(lake_at(settings), settings)
    made = make_shipped(data, done.judgement, loaded.version, {})
    ours, theirs = made.score(data.sound, rows), loaded.score(data.sound, rows)
    for name in ("percentile", "low", "high", "raw"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    for mine, other in zip(made.similar(data.sound, rows), loaded.similar(data.sound, rows), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert (ours.low <= ours.percentile).all() and (ours.percentile <= ours.high).all()
    assert loaded.similar(data.sound, rows, 1)[0][:, 0].tolist() == rows.tolist(), "each is most like itself"
    assert set(loaded.reference.isrcs) == set(data.ids)
    with pytest.raises(FileNotFoundError):
        Shipped.load(settings.models_root, "track_popularity-none")


@pytest.mark.parametrize("name", [name for name, model in NUMBERS.items() if not model.is_baseline])
def test_every_model_is_the_same_after_it_was_stored(trained: tuple[Settings, Trained], name: str) -> None:
    data = data_of(trained[0])
    data = replace(data, sound=replace(data.sound, pooled=data.sound.mended[:, :9].astype(np.float32)))
    rows = np.arange(TRACKS)
    fitted = NUMBERS[name].fit(data, rows[:100], rows[100:], seed=0)
    np.testing.assert_array_equal(
        fitted.predict(data.sound, rows), Fitted.load(fitted.save()).predict(data.sound, rows)
    )


def test_references_are_what_fits_say_of_artists_that_they_had_not_heard(trained: tuple[Settings, Trained]) -> None:
    settings, done = trained
    shipped, data = model_in_use(lake_at(settings), settings), data_of(settings)
    folds = [one for one in done.judgement.judged["artists"][done.winner] if one.seed == 0]
    assert len(shipped.fits) == len(folds) == 5
    said = dict(zip(shipped.reference.isrcs, shipped.reference.predicted, strict=True))
    for (fitted, line), fold in zip(shipped.fits, folds, strict=True):
        expected = line.of(fitted.predict(data.sound, fold.rows))
        # Sums of a matrix of other rows are rounded otherwise.
        np.testing.assert_allclose([said[name] for name in data.ids[fold.rows]], expected, rtol=1e-9)


def test_noise_is_refused_and_what_was_in_use_stays_and_can_be_the_newest_again(
    trained: tuple[Settings, Trained], tmp_path: Path
) -> None:
    settings = copied(trained[0], tmp_path / "home")
    lake = lake_at(settings)
    first = tables(settings)
    old = model_in_use(lake, settings)
    write_outcomes(lake, planted_outcome(np.inf))
    write_embeddings(settings)
    done = train(settings)
    assert "was refused" in str(done.note)
    rows = lake.read(SHIPPED_MODELS).sort("release_no")
    assert rows["status"].to_list() == ["released", "refused"]
    assert rows["auc_low"][1] <= 0.5
    assert rows["has_embeddings"].to_list() == [False, True] and set(lake.read(MODEL_SCORES)["model"]) > set(NUMBERS)
    assert model_in_use(lake, settings).version == old.version
    write_outcomes(lake, planted_outcome(NOISE))
    lake.write_frame(EMBEDDINGS, frame_of(EMBEDDINGS, []))
    train(settings)
    rows = lake.read(SHIPPED_MODELS).sort("release_no")
    assert rows["release_no"].to_list() == [2, 3]
    assert (rows["status"][1], rows["version"][1]) == ("released", old.version)
    assert_frame_equal(tables(settings)[MODEL_SCORES.full_name], first[MODEL_SCORES.full_name], check_row_order=False)


def test_too_few_tracks_leave_all_as_it_is(trained: tuple[Settings, Trained], tmp_path: Path) -> None:
    settings = copied(trained[0], tmp_path / "home")
    lake = lake_at(settings)
    before = tables(settings)
    write_outcomes(lake, planted_outcome(NOISE)[:99])
    done = train(settings)
    assert "99 tracks of 30 artists" in str(done.note) and "models need 100 of 20" in str(done.note)
    after = tables(settings)
    for table in (MODEL_SCORES, SHIPPED_MODELS):
        assert_frame_equal(after[table.full_name], before[table.full_name])
    refused = clip_row(0, source="deezer", may_train=False)
    write_clips(lake, [refused] + [clip_row(number, clip_id=None, may_train=False) for number in range(1, TRACKS)])
    assert "No model was trained: 0 tracks of 0 artists" in str(train(settings).note)
    assert lake.read(TRAINING_REFUSALS).rows() == [(isrc(0), "deezer", "no right to train")]
    assert "no track has the outcome deezer_rank" in str(train(settings, target="deezer_rank").note)
    assert model_in_use(lake, settings) is not None


def test_a_new_home_has_no_model_and_says_what_is_missing(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    done = train(settings)
    assert "no track has the outcome plays_first_28_days: release dates or days of plays are missing" in str(done.note)
    assert not done.commits
    assert model_in_use(lake_at(settings), settings) is None


def materialise(settings: Settings) -> dict[str, dg.MaterializeResult]:
    """Metadata by table."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([train_track_models], instance=instance, resources={"platform": Platform(settings)})
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    events = result.get_asset_materialization_events()
    return {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata for event in events
    }


def test_killed_before_the_version_is_named_a_run_does_the_same_again_and_dagster_shows_it(
    trained: tuple[Settings, Trained], tmp_path: Path
) -> None:
    """A recording without the right to train has come, of which models know nothing."""
    settings = copied(trained[0], tmp_path / "home")
    lake = lake_at(settings)
    before = tables(settings)
    shutil.rmtree(lake.uri(SHIPPED_MODELS))
    assert model_in_use(lake, settings) is None
    refused = clip_row(TRACKS, source="deezer", may_train=False, clip_id="its own")
    write_clips(lake, [*(clip_row(number) for number in range(TRACKS)), refused])
    descriptors = lake.read(DESCRIPTORS)
    its_own = descriptors.head(1).with_columns(clip_id=pl.lit("its own"))
    lake.write_frame(DESCRIPTORS, pl.concat([descriptors, its_own]))
    outcomes = lake.read(OUTCOMES)
    lake.write_frame(OUTCOMES, pl.concat([outcomes, outcomes.head(1).with_columns(isrc=pl.lit(isrc(TRACKS)))]))
    shown = materialise(settings)
    for table in (MODEL_SCORES, SHIPPED_MODELS):
        assert_frame_equal(lake.read(table), before[table.full_name], check_row_order=False)
    row = lake.read(SHIPPED_MODELS).row(0, named=True)
    assert model_in_use(lake, settings).version == row["version"]
    scores = shown["tracks/model_scores"]
    names = [name for name in scores if "is better" in name]
    assert any(name.startswith("auc, split by artists") for name in names)
    assert any(name.startswith("auc, split by rows") for name in names)
    models = {record.data["model"] for record in scores[names[0]].value.records}
    assert "descriptor_ridge" in models and any(model.endswith("(baseline)") for model in models)
    calibration = shown["tracks/shipped_models"]["calibration"].value
    assert calibration.startswith("![Chance of ending above the median")
    assert f"was released as {row['version']}" in shown["tracks/shipped_models"]["note"].value
    (record,) = shown["tracks/training_refusals"]["refused"].value.records
    assert record.data == {"isrc": isrc(TRACKS), "source": "deezer", "reason": "no right to train"}
    shown = materialise(settings)
    assert "stays" in shown["tracks/model_scores"]["note"].value
    assert "calibration" not in shown["tracks/shipped_models"]


def test_jobs_for_models_nets_and_the_grid(tmp_path: Path) -> None:
    definitions = build_defs(make_settings(tmp_path))
    keys = {
        name: {key.to_user_string() for key in definitions.resolve_job_def(name).asset_layer.selected_asset_keys}
        for name in ("tracks", "nets", "grid")
    }
    assert keys["tracks"] == {
        "tracks/releases",
        "tracks/outcomes",
        *(asset_key(table).to_user_string() for table in TRAINED),
    }
    assert (keys["nets"], keys["grid"]) == ({"tracks/net_scores"}, {"tracks/grid_scores"})
