"""Learning taste on a label's lake: what places unknown artists' tracks goes into use, and nothing else does."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.orchestration.checks import check_declared
from analytics_platform.orchestration.resources import Platform
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import PLAYS
from analytics_platform.taste.assets import train_taste as train_asset
from analytics_platform.taste.reading import TasteData, read_taste
from analytics_platform.taste.shipped import FAMILY, Taste, released_version, taste_in_use, worth
from analytics_platform.taste.tables import COLD_SCORES, FACTOR_SCORES, RELEASES, TRAINED
from analytics_platform.taste.training import How, judge_families, make_taste, version_of
from analytics_platform.taste.training_step import Learnt, train_taste_net
from analytics_platform_tests.orchestration.homes import make_settings
from analytics_platform_tests.taste import taste_homes
from analytics_platform_tests.taste.taste_homes import ARTISTS, LISTENERS, TRACKS, copied, loved, train, write_plays
from analytics_platform_tests.tracks.trained_homes import clip_row, isrc, lake_at, write_clips


def tables(settings: Settings) -> dict[str, pl.DataFrame]:
    return {table.full_name: lake_at(settings).read(table) for table in TRAINED}


def assert_same(settings: Settings, before: dict[str, pl.DataFrame]) -> None:
    for name, frame in tables(settings).items():
        assert_frame_equal(frame, before[name], check_row_order=False)


def data_of(settings: Settings) -> TasteData:
    return read_taste(lake_at(settings), settings.spectrograms_root, settings.embeddings_root)


def test_what_hears_taste_goes_into_use_and_the_tables_are_as_declared(trained: tuple[Settings, Learnt]) -> None:
    settings, done = trained
    lake = lake_at(settings)
    assert set(done.commits) == {table.full_name for table in TRAINED}
    assert all(check_declared(lake, table).passed for table in TRAINED)
    row = lake.read(RELEASES).row(0, named=True)
    assert row == done.row
    assert (row["release_no"], row["status"], row["model"], row["factors"]) == (1, "released", "sound_linear", 40)
    assert (row["tracks"], row["heard_tracks"], row["artists"]) == (TRACKS, TRACKS - 1, ARTISTS), "one has no clip"
    assert row["listeners"] == LISTENERS
    assert row["random_recall_at_20_high"] < row["recall_at_20_low"] <= row["recall_at_20"] <= row["recall_at_20_high"]
    assert str(done.note).startswith(f"sound_linear was released as {row['version']}: ")
    taste = taste_in_use(lake, settings)
    assert taste.version == row["version"] == released_version(lake)
    assert taste.info["inputs"]["catalogue.clips"] == lake.version(CLIPS)
    found = f"{row['recall_at_20']:.0%} ({row['recall_at_20_low']:.0%} to {row['recall_at_20_high']:.0%})"
    assert f"the model in use put {found} among each listener's first 20" in worth(taste)
    # What it says of tracks that it has not heard points to their style.
    styles = np.array([taste_homes.style_of(number) for number in range(TRACKS)])[taste.rows]
    centres = np.stack([taste.units[taste.rows][styles == style].mean(axis=0) for style in range(3)])
    for said in (taste.by_artists, taste.by_tracks):
        np.testing.assert_allclose(np.linalg.norm(said, axis=1), 1, rtol=1e-5)
        assert (np.argmax(said @ centres.T, axis=1) == styles).mean() > 0.95


def test_scores_of_all_ways_to_hide_stand_beside_their_baselines(trained: tuple[Settings, Learnt]) -> None:
    lake = lake_at(trained[0])
    cold, factors = lake.read(COLD_SCORES), lake.read(FACTOR_SCORES)
    assert set(cold["split"]) == {"artists", "new tracks"} and set(factors["split"]) == {"pairs", "time"}
    assert {"wmf", "wmf_document", "ease", "item_cosine", "popularity", "random"} == set(factors["model"])
    new = cold.filter(split="new tracks")
    assert {"sound_linear", "sound_linear_with_artist", "artist_mean", "artist_popularity"} < set(new["model"])
    assert cold["model_version"].n_unique() == factors["model_version"].n_unique() == 1
    for frame in (cold, factors):
        assert frame["value"].is_finite().all()
        values = dict(frame.filter(metric="auc").group_by("model").agg(pl.col("value").min()).iter_rows())
        assert 0.45 < values["random"] < 0.55
        assert values.get("wmf", 1) > 0.65 and values.get("sound_linear", 1) > 0.65


def test_the_same_plays_and_sounds_teach_nothing_new(trained: tuple[Settings, Learnt]) -> None:
    settings, _ = trained
    lake = lake_at(settings)
    before, versions, said = tables(settings), [lake.version(table) for table in TRAINED], []
    again = train(settings, said)
    assert not said and not again.commits and not again.row
    assert "stays: plays and sounds are the same" in str(again.note)
    assert [lake.version(table) for table in TRAINED] == versions
    assert_same(settings, before)


def test_killed_before_the_version_is_named_a_run_does_the_same_again_and_dagster_shows_it(
    trained: tuple[Settings, Learnt], tmp_path: Path
) -> None:
    settings = copied(trained[0], tmp_path / "home")
    lake, before = lake_at(settings), tables(trained[0])
    shutil.rmtree(lake.uri(RELEASES))
    shutil.rmtree(settings.models_root)
    assert taste_in_use(lake, settings) is None
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([train_asset], instance=instance, resources={"platform": Platform(settings)})
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert_same(settings, before)
    version = str(released_version(lake))
    arrays = [each.models_root / FAMILY / version / "arrays" for each in (settings, trained[0])]
    assert arrays[0].read_bytes() == arrays[1].read_bytes(), "to the last bit"
    shown = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert version in shown["taste/releases"]["note"].value
    assert shown["taste/releases"]["recall_at_20"].value > shown["taste/releases"]["random_recall_at_20"].value
    assert any("split by artists" in name for name in shown["taste/cold_scores"])
    assert any("split by time" in name for name in shown["taste/factor_scores"])


def test_plays_that_no_sound_explains_are_refused_and_what_was_in_use_stays(
    trained: tuple[Settings, Learnt], tmp_path: Path
) -> None:
    settings = copied(trained[0], tmp_path / "home")
    lake = lake_at(settings)
    plays, old = lake.read(PLAYS), released_version(lake)
    write_plays(settings, loved(seed=1, planted=False))
    done = train(settings)
    assert "was refused as" in str(done.note)
    rows = lake.read(RELEASES).sort("release_no")
    assert rows["status"].to_list() == ["released", "refused"]
    assert rows["recall_at_20_low"][1] <= rows["random_recall_at_20_high"][1]
    assert set(lake.read(COLD_SCORES)["model_version"]) == {rows["version"][1]}, "why it was refused can be read"
    assert taste_in_use(lake, settings).version == old
    assert [path.name for path in (settings.models_root / FAMILY).iterdir()] == [old]
    lake.write_frame(PLAYS, plays)
    train(settings)
    rows = lake.read(RELEASES).sort("release_no")
    assert rows.select("release_no", "status", "version").rows()[1] == (3, "released", old)
    assert_frame_equal(tables(settings)["taste.cold_scores"], tables(trained[0])["taste.cold_scores"])


def test_too_few_tracks_leave_all_as_it_is(trained: tuple[Settings, Learnt], tmp_path: Path) -> None:
    settings = copied(trained[0], tmp_path / "home")
    before = tables(settings)
    write_clips(lake_at(settings), [clip_row(number, may_train=number < 60) for number in range(TRACKS)])
    done = train(settings)
    assert "No taste was learnt: 60 tracks of 30 artists have plays and sound" in str(done.note)
    assert not done.commits
    assert_same(settings, before)
    assert taste_in_use(lake_at(settings), settings) is not None


def test_a_new_home_says_what_is_missing(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    assert "0 tracks of 0 artists have plays and sound: at least 100 of 20" in str(train(settings).note)
    assert taste_in_use(lake_at(settings), settings) is None
    learnt = train_taste_net(
        lake_at(settings), settings, "convnet_mse", folds=1, seeds=1, epochs=1, device="cpu", say=print
    )
    assert "convnet_mse was not trained: 0 tracks of 0 artists" in str(learnt.note)


def test_a_version_is_read_as_it_was_saved(trained: tuple[Settings, Learnt], tmp_path: Path) -> None:
    settings, _ = trained
    data, how = data_of(settings), How(folds=1)
    judgement = judge_families(data, ["sound_linear"], how, tmp_path, print)
    taste = make_taste(data, judgement, how, version_of(data), {"streams.plays": 1}, print)
    taste.save(tmp_path)
    again = Taste.load(tmp_path, taste.version)
    for name in ("isrcs", "artist_ids", "factors", "rows", "by_artists", "by_tracks", "units"):
        np.testing.assert_array_equal(getattr(again, name), getattr(taste, name), strict=True)
    every = np.arange(len(data.rows))
    assert again.predictor.predict(data.sound, every).tobytes() == taste.predictor.predict(data.sound, every).tobytes()
    assert {name: again.info[name] for name in taste.info} == taste.info
    with pytest.raises(FileNotFoundError, match="taste-of-nothing"):
        Taste.load(tmp_path, "taste-of-nothing")


def test_a_clip_that_is_found_to_be_another_tracks_gives_another_version(
    trained: tuple[Settings, Learnt], tmp_path: Path
) -> None:
    settings = copied(trained[0], tmp_path / "home")
    version = version_of(data_of(settings))
    clips = lake_at(settings).read(CLIPS)
    codes = pl.col("isrc").replace({isrc(TRACKS - 2): isrc(TRACKS - 1)})
    lake_at(settings).write_frame(CLIPS, clips.with_columns(codes))
    assert version_of(data_of(settings)) != version
