"""Fan profiles are released, kept for a quarter, and not replaced by others without anybody's word."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.fans.assets import PROFILES_HOLD, TRAINED, ReleaseConfig, train_fan_profiles
from analytics_platform.fans.fan_profiles import MAX_DRIFT, fit_fan_profiles
from analytics_platform.fans.mixture import Mixture
from analytics_platform.fans.releases import RELEASE_DAYS, propose
from analytics_platform.fans.tables import FAN_PROFILES, FAN_SCORES, FAN_THRESHOLDS
from analytics_platform.fans.training import Trained, read_histograms, released_models, subjects, train
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.modelling.tables import RELEASES
from analytics_platform.orchestration.metadata import asset_key
from analytics_platform.orchestration.resources import Platform
from analytics_platform_tests.fans.lakes import END, planted_pairs, read, write_pairs
from analytics_platform_tests.orchestration.homes import make_settings

NAME = "label, 90 days"
SUBJECT = ("label", 90)
THRICE = pl.col("plays") * 3


def pairs(seed: int = 2) -> pl.DataFrame:
    """Three kinds of listeners that can be told apart."""
    return planted_pairs(artists=80, listeners=150, seed=seed)


def a_day(number: int = 1) -> pl.DataFrame:
    """Plays of one more day: a play each of some who are known, and of a few who are new."""
    known = pairs().gather_every(50).with_columns(pl.lit(1).alias("plays"))
    new = known.head(60).with_columns(
        pl.lit(END + timedelta(number)).alias("first_play_date"), listener_key=pl.lit("new-") + pl.col("listener_key")
    )
    return pl.concat([known, new])


def run(lake: Lake, *, release: bool = False, accept_drift: bool = False) -> Trained:
    models = models_of(lake)
    return train(lake, models, min_listeners=20, release=release, accept_drift=accept_drift, say=lambda _: None)


def models_of(lake: Lake) -> Path:
    """Where the settings have them."""
    return Path(lake.root) / "models"


def releases(lake: Lake) -> pl.DataFrame:
    return read(lake, RELEASES).sort("release_no")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after its first training."""
    home = tmp_path_factory.mktemp("trained")
    lake = Lake(home / "lake", threads=2)
    write_pairs(lake, pairs())
    run(lake)
    return home


@pytest.fixture
def lake(trained: Path, tmp_path: Path) -> Lake:
    """The lake of a copy of it."""
    shutil.copytree(trained, tmp_path / "home")
    return Lake(tmp_path / "home" / "lake", threads=2)


def test_the_first_training_releases_profiles(lake: Lake) -> None:
    (row,) = releases(lake).rows(named=True)
    assert (row["status"], row["release_no"], row["drift"], row["reason"]) == ("released", 1, None, "first release")
    assert row["window_end"] == END
    profiles = read(lake, FAN_PROFILES)
    assert profiles["segment"].unique(maintain_order=True).sort().to_list() == ["casual", "diehard", "passive"]
    assert set(profiles["model_version"]) == {row["version"]}
    added = profiles.group_by("segment").agg(pl.col("probability").sum())["probability"]
    assert added.to_list() == pytest.approx([1, 1, 1])
    cuts = read(lake, FAN_THRESHOLDS).filter(model="fan_profiles").sort("threshold_plays")
    assert cuts["segment_to"].to_list() == ["casual", "diehard"]
    assert (models_of(lake) / "fan_profiles" / row["version"] / "model.json").exists()


def test_a_release_does_not_move_when_a_day_is_added(lake: Lake) -> None:
    """Else a segment would mean something else every morning."""
    before = {table: read(lake, table) for table in TRAINED}
    write_pairs(lake, a_day(), end=END + timedelta(1), change_no=1)
    result = run(lake)
    for table in TRAINED:
        assert_frame_equal(read(lake, table), before[table], check_exact=True)
    assert result.refused == {}
    assert result.drifts[NAME] < 0.05


def test_listeners_of_the_new_day_are_in_the_histograms(lake: Lake) -> None:
    before = read_histograms(lake, subjects(lake)[0], 20)
    write_pairs(lake, a_day(), end=END + timedelta(1), change_no=1)
    after = read_histograms(lake, subjects(lake)[0], 20)
    assert after.listeners.sum() == before.listeners.sum() + 60
    assert after.plays.sum() == before.plays.sum() + len(a_day())


def test_a_second_release_takes_the_place_of_the_first(lake: Lake) -> None:
    write_pairs(lake, pairs(seed=102))
    result = run(lake, release=True)
    first, second = releases(lake).rows(named=True)
    assert (second["status"], second["release_no"]) == ("released", 2)
    assert 0 < second["drift"] <= MAX_DRIFT
    assert f"{second['drift']:.3f}" in second["reason"]
    assert first["version"] != second["version"]
    for table in (FAN_PROFILES, FAN_THRESHOLDS, FAN_SCORES):
        assert set(read(lake, table)["model_version"]) == {second["version"]}, table.full_name
    assert result.drifts[NAME] < 0.01, "today's profiles lie where they have just been released"


def test_the_same_data_released_again_are_a_version_of_their_own(lake: Lake) -> None:
    run(lake, release=True)
    first, second = releases(lake).rows(named=True)
    assert second["drift"] == pytest.approx(0, abs=1e-6)
    assert first["version"] != second["version"]


def test_changed_behaviour_is_refused_until_a_person_accepts_it(lake: Lake) -> None:
    before = {table: read(lake, table) for table in (FAN_PROFILES, FAN_THRESHOLDS, FAN_SCORES)}
    write_pairs(lake, pairs().with_columns(THRICE))
    result = run(lake, release=True)
    row = releases(lake).row(-1, named=True)
    assert row["status"] == "refused"
    assert row["drift"] > 0.5
    assert f"{row['drift']:.3f} in total variation, more than {MAX_DRIFT}" in row["reason"]
    assert result.refused == {NAME: row["reason"]}
    for table, frame in before.items():
        assert_frame_equal(read(lake, table), frame, check_exact=True)
    assert released_models(lake, models_of(lake))[SUBJECT].stored.version != row["version"]

    assert run(lake).refused == {NAME: row["reason"]}, "it is told every day"
    assert len(releases(lake)) == 2, "and not tried again every day"

    assert run(lake, release=True, accept_drift=True).refused == {}
    accepted = releases(lake).row(-1, named=True)
    assert (accepted["status"], accepted["release_no"]) == ("released", 3)
    assert accepted["drift"] == pytest.approx(row["drift"], abs=1e-6)
    assert set(read(lake, FAN_PROFILES)["model_version"]) == {accepted["version"]}


def test_another_number_of_segments_is_refused(lake: Lake) -> None:
    """All artists have the same mixture: nothing tells one kind of listener from another."""
    same = pairs().with_columns(artist_id=pl.lit("artist-") + (pl.int_range(pl.len()) % 80).cast(pl.String))
    write_pairs(lake, same.with_columns(pl.int_range(pl.len()).cast(pl.String).alias("listener_key")))
    reason = run(lake, release=True).refused[NAME]
    assert reason == "1 segments instead of 3"
    assert releases(lake).row(-1, named=True)["drift"] is None


@pytest.mark.parametrize(("days", "released"), [(RELEASE_DAYS - 1, 1), (RELEASE_DAYS, 2)])
def test_profiles_are_due_after_a_quarter_of_data(lake: Lake, days: int, released: int) -> None:
    end = END + timedelta(days)
    write_pairs(lake, pairs().with_columns(pl.col("first_play_date") + timedelta(days)), end=end)
    run(lake)
    assert len(releases(lake)) == released
    assert releases(lake).row(-1, named=True)["window_end"] == (end if released == 2 else END)


def test_too_few_artists_are_skipped_with_the_reason(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", threads=2)
    write_pairs(lake, planted_pairs(artists=9, listeners=50))
    result = run(lake)
    assert result.skipped == {NAME: "9 artists with at least 20 listeners, 10 are needed"}
    for table in TRAINED:
        assert read(lake, table).is_empty(), table.full_name
    assert released_models(lake, models_of(lake)) == {}


def test_released_profiles_stay_when_a_label_shrinks(lake: Lake) -> None:
    """They stayed in use for the listeners, and vanished from the tables that say what they are."""
    before = {table: read(lake, table) for table in TRAINED}
    write_pairs(lake, pairs().filter(pl.col("artist_id") < "artist-005"))
    result = run(lake)
    assert NAME in result.skipped
    for table in TRAINED:
        assert_frame_equal(read(lake, table), before[table], check_exact=True)


def test_windows_and_data_sets_have_profiles_of_their_own(lake: Lake) -> None:
    small = planted_pairs(artists=30, listeners=60, seed=5)
    write_pairs(lake, small.with_columns(pl.lit(None, pl.Date).alias("first_play_date")),
                end=None, window_days=0, data_set="lastfm_hetrec2011")  # fmt: skip
    assert set(run(lake).drifts) == {NAME, "lastfm_hetrec2011"}
    log = releases(lake)
    assert log["release_no"].to_list() == [1, 1]
    assert set(log["window_end"]) == {END, None}
    assert len(read(lake, FAN_PROFILES)["model_version"].unique()) == 2


def test_a_second_training_writes_the_same(lake: Lake) -> None:
    before = {table: read(lake, table) for table in TRAINED}
    run(lake)
    for table in TRAINED:
        assert_frame_equal(read(lake, table), before[table], check_exact=True)


def test_every_model_is_scored_beside_the_others(lake: Lake) -> None:
    scores = read(lake, FAN_SCORES)
    likelihoods = scores.filter(metric="held_out_log_likelihood")
    assert dict(likelihoods.select("model", "is_baseline").iter_rows()) == {
        "fan_profiles": False,
        "fan_lda": True,
        "percentile_thresholds": True,
        "one_profile_for_all": True,
        "artist_histogram": True,
    }
    assert scores.select(pl.col("value").is_between("value_low", "value_high").all()).item()
    assert (scores["value_low"] < scores["value_high"]).all()
    assert set(likelihoods["groups"]) == {24}, "three artists in ten, none of which a model has seen"
    by_model = dict(likelihoods.select("model", "value").iter_rows())
    assert by_model["fan_profiles"] > max(by_model["one_profile_for_all"], by_model["percentile_thresholds"])
    coverage = scores.filter(metric="split_half_coverage")
    assert coverage["is_baseline"].to_list() == [False]


def test_segments_keep_their_order_from_release_to_release(lake: Lake) -> None:
    """New profiles take the place of the old ones that they match, whatever order they came out in."""
    counts = read_histograms(lake, subjects(lake)[0], 20).listeners
    model = fit_fan_profiles(counts, segments=3)
    order = [2, 0, 1]
    mixture = model.mixture
    turned = Mixture(mixture.profiles[order], mixture.arrivals[order], mixture.prior[order])
    new = propose(counts, replace(model, mixture=turned, share_error=model.share_error[order]), 90, segments=3)
    assert new.drift == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(new.model.mixture.profiles, turned.profiles, atol=1e-6)
    np.testing.assert_allclose(new.model.mixture.prior, turned.prior, atol=1e-4)
    np.testing.assert_allclose(new.model.share_error, model.share_error[order], atol=1e-4)


def check_after(lake: Lake, config: ReleaseConfig) -> dg.AssetCheckEvaluation:
    """Run the asset as Dagster does; the evaluation of ``profiles_hold``."""
    settings = make_settings(Path(lake.root).parent, min_artist_listeners=20)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [train_fan_profiles],
            instance=instance,
            resources={"platform": Platform(settings)},
            run_config=dg.RunConfig({"train_fan_profiles": config}),
        )
    assert result.success
    (found,) = (
        check
        for check in result.get_asset_check_evaluations()
        if (check.asset_key, check.check_name) == (asset_key(FAN_PROFILES), PROFILES_HOLD.name)
    )
    return found


def test_the_check_tells_of_refused_profiles(lake: Lake) -> None:
    found = check_after(lake, ReleaseConfig())
    assert found.passed
    write_pairs(lake, pairs().with_columns(THRICE))
    found = check_after(lake, ReleaseConfig())
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN), "nobody has asked for new ones yet"
    assert f"{NAME}: today's profiles lie 0.7" in str(found.description)
    found = check_after(lake, ReleaseConfig(release=True))
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert f"{NAME}: new profiles were refused: a profile moved by 0.7" in str(found.description)
    assert "train_fan_profiles with release and accept_drift" in str(found.description)
    found = check_after(lake, ReleaseConfig(release=True, accept_drift=True))
    assert found.passed
