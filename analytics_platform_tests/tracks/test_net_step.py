"""Nets on a label's lake: scores, weights and what they lack; the grid; Dagster and the command line."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import polars as pl
import pytest
from click.testing import Result
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from analytics_platform.cli import app
from analytics_platform.modelling.model_store import load_model
from analytics_platform.orchestration.resources import Platform
from analytics_platform.settings import Settings
from analytics_platform.tracks.families import FAMILIES
from analytics_platform.tracks.fitted_net import restore_net
from analytics_platform.tracks.net_assets import train_track_nets
from analytics_platform.tracks.net_step import NETS, Effort, Learnt, train_net
from analytics_platform.tracks.protocol import make_splits
from analytics_platform.tracks.reading import read_tracks
from analytics_platform.tracks.sweep_step import PARTS, Swept, sweep_part
from analytics_platform.tracks.tables import GRID_SCORES, NET_SCORES
from analytics_platform_tests.orchestration.homes import SECRET
from analytics_platform_tests.tracks.trained_homes import (
    lake_at,
    make_home,
    planted_outcome,
    write_outcomes,
)

FIRST_FOLD = "artists, first fold"
BRIEFLY = Effort(epochs=1)


def learn(settings: Settings, name: str, effort: Effort = BRIEFLY, said: list[str] | None = None) -> Learnt:
    say = (said if said is not None else []).append
    return train_net(lake_at(settings), settings, NETS[name], effort, device="cpu", say=say)


def scores(settings: Settings, name: str) -> pl.DataFrame:
    return lake_at(settings).read(NET_SCORES).filter(model=name)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with embeddings, on which tests train nets of their own."""
    return make_home(tmp_path_factory.mktemp("nets") / "home", embeddings=True)


@pytest.fixture(scope="module")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home without embeddings."""
    return make_home(tmp_path_factory.mktemp("deaf") / "home")


def test_every_net_that_needs_sound_alone_is_offered() -> None:
    assert len(NETS) == 36
    assert {net.family.name for net in NETS.values()} == {
        family.name for family in FAMILIES.values() if family.from_sound_alone or family.name == "lossnet"
    }
    assert "hitmusicnet_published" not in NETS
    for name, net in NETS.items():
        assert net.name == name and net.task in net.family.tasks
        assert net.is_ranking == (name == "crop_net_ranking")
    classes = {name for name, net in NETS.items() if net.task == "three-class"}
    assert classes == {f"hitmusicnet_{size}_{letter}_classes" for size in ("auto", "high", "small") for letter in "abc"}


@pytest.mark.parametrize(
    ("name", "tasks", "note"),
    [
        ("hitmusicnet_auto_b", {"track_success", "track_percentile", "track_class", "track_order"}, "not 228"),
        ("hitmusicnet_auto_b_classes", {"track_class"}, "not 228"),
        ("crop_net_ranking", {"track_success", "track_percentile", "track_class", "track_order"}, "order tracks"),
        ("autoenchorder_7", {"track_success", "track_percentile", "track_class", "track_order"}, "embeddings of 10"),
        ("lossnet", {"hitmusicnet_error"}, "embeddings of 10"),
    ],
)
def test_a_net_leaves_scores_and_weights(settings: Settings, name: str, tasks: set[str], note: str) -> None:
    learnt = learn(settings, name)
    assert learnt.note is None
    found = scores(settings, name)
    assert set(found["task"]) == tasks and set(found["split"]) == {FIRST_FOLD}
    assert set(found["seed"]) == ({-1} if name == "lossnet" else {-1, 0})
    assert not found["is_baseline"].any() and found["value"].is_finite().all()
    assert found["note"].n_unique() == 1 and note in found["note"][0]
    assert found["note"][0] == "; ".join(learnt.departures)
    if "track_success" in tasks:
        assert {"auc", "auc_above_descriptor_ridge"} <= set(found["metric"])
    assert learnt.commit.rows == len(found) and learnt.scores
    assert all(len(history.epochs) == 1 for history in learnt.histories.values())
    (version,) = (settings.models_root / name).iterdir()
    stored = load_model(settings.models_root, name, version.name)
    assert found["model_version"][0] == f"track_popularity-{version.name.split('-')[0]}"
    data = read_tracks(lake_at(settings), settings.spectrograms_root, settings.embeddings_root).data
    net = restore_net(stored.arrays, stored.info)
    said = net.predict(data.sound, make_splits(data, "artists", 0)[0].test)
    assert said.shape == ((len(said), 3) if name.endswith("_classes") else (len(said),))
    assert np.isfinite(said).all()
    assert not list(settings.checkpoints_root.glob(f"*/{name}")), "checkpoints go when the net is stored"


def test_the_same_seed_gives_the_same_scores_and_more_seeds_and_folds_more_rows(deaf: Settings) -> None:
    name = "hitmusicnet_small_a"
    learn(deaf, name)
    one = scores(deaf, name)
    learn(deaf, name)
    assert_frame_equal(one, scores(deaf, name), check_row_order=False)
    learn(deaf, name, Effort(folds=5, seeds=2, epochs=1))
    many = scores(deaf, name)
    assert set(many["split"]) == {"artists"}, "the scores before are gone"
    assert set(many["seed"]) == {-1, 0, 1}
    assert set(many.filter(task="track_success")["groups"]) == {30}
    versions = {path.name.split("-", 1)[1] for path in (deaf.models_root / name).iterdir()}
    assert versions == {"1x1-1epochs", "5x2-1epochs"}, "weights are those of the scores"


def test_another_effort_has_other_weights(deaf: Settings) -> None:
    name = "hitmusicnet_small_b"
    learn(deaf, name)
    learn(deaf, name, Effort(epochs=2))
    (one, two) = (load_model(deaf.models_root, name, path.name) for path in sorted((deaf.models_root / name).iterdir()))
    assert (one.info["plans"]["net"]["epochs"], two.info["plans"]["net"]["epochs"]) == (1, 2)
    assert any((array != two.arrays[key]).any() for key, array in one.arrays.items())


@pytest.mark.parametrize("name", ["autoenchorder_7", "lossnet", "recurrent"])
def test_a_net_that_lacks_what_it_hears_says_so(deaf: Settings, name: str) -> None:
    learnt = learn(deaf, name)
    assert learnt.note == (f"{name} was not trained: it hears embeddings, which these tracks do not have (yet).")
    assert learnt.commit is None and not learnt.scores
    assert not len(scores(deaf, name))
    assert not (deaf.models_root / name).exists()


def test_too_few_tracks_train_no_net_and_keep_its_scores(tmp_path: Path) -> None:
    settings = make_home(tmp_path)
    learn(settings, "hitmusicnet_small_a")
    before = scores(settings, "hitmusicnet_small_a")
    write_outcomes(lake_at(settings), planted_outcome(1)[:99])
    assert "99 tracks of 30 artists" in str(learn(settings, "hitmusicnet_small_a").note)
    assert_frame_equal(scores(settings, "hitmusicnet_small_a"), before)


def sweep(settings: Settings, part: str, said: list[str]) -> Swept:
    return sweep_part(lake_at(settings), settings, part, every=100, epochs=1, device="cpu", say=said.append)


def test_the_parts_are_the_whole_grid_once() -> None:
    ends = [tuple(map(int, part.split("-"))) for part in PARTS]
    numbers = [number for first, last in ends for number in range(first, last + 1)]
    assert numbers == list(range(17_280))


def test_part_of_the_grid_is_trained_once(settings: Settings) -> None:
    said: list[str] = []
    swept = sweep(settings, PARTS[1], said)
    assert swept.note is None
    found = lake_at(settings).read(GRID_SCORES)
    assert found.sort("number")["number"].to_list() == [270, 370, 470]
    assert set(found["part"]) == {PARTS[1]}
    assert found["validation_mse"].is_between(0, 1).all() and set(found["layers"]) <= {7, 9, 12}
    assert len([line for line in said if line.startswith("configuration")]) == 3
    said.clear()
    again = sweep(settings, PARTS[1], said)
    assert not said, "nothing is trained again"
    assert_frame_equal(again.rows, swept.rows)
    sweep(settings, PARTS[0], said)
    parts = lake_at(settings).read(GRID_SCORES).group_by("part").len()
    assert dict(parts.iter_rows()) == {PARTS[0]: 3, PARTS[1]: 3}, "the other part stays"


def test_the_grid_needs_embeddings(deaf: Settings) -> None:
    swept = sweep(deaf, PARTS[0], [])
    assert "embeddings, which these tracks do not have" in str(swept.note)
    assert swept.rows is None and not len(lake_at(deaf).read(GRID_SCORES))


def test_dagster_shows_curves_and_scores_of_a_net(settings: Settings) -> None:
    config = {"ops": {"train_track_nets": {"config": {"epochs": 2}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [train_track_nets],
            instance=instance,
            partition_key="hitmusicnet_high_b",
            run_config=config,
            resources={"platform": Platform(settings)},
        )
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    (event,) = result.get_asset_materialization_events()
    assert event.partition == "hitmusicnet_high_b"
    shown = event.step_materialization_data.materialization.metadata
    for stage in ("autoencoders", "net"):
        assert shown[f"{stage}: curves"].value.startswith(f"![{stage}: loss in training (blue)")
        assert "2 epochs" in shown[f"{stage}: curves"].value
        assert shown[f"{stage}: examples per second"].value > 0
    assert 0 <= shown["net: share of time waiting for data"].value <= 1
    (record,) = shown["auc, higher is better"].value.records
    assert record.data["model"] == "hitmusicnet_high_b"
    assert "at most 2 epochs, not 100" in shown["not as published"].value
    assert shown["rows_written"].value == len(scores(settings, "hitmusicnet_high_b"))


def call(settings: Settings, *arguments: str) -> Result:
    environment = {
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_LISTENER_SECRET": SECRET,
        "ANALYTICS_EXECUTOR": "in_process",
        "ANALYTICS_THREADS": "1",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "DAGSTER_HOME": "",
    }
    return CliRunner().invoke(app, ["train", *arguments], env=environment)


def test_the_command_line_trains_a_net_and_prints_a_leaderboard(settings: Settings) -> None:
    done = call(settings, "hitmusicnet_auto_b", "--epochs", "1")
    assert done.exit_code == 0, done.output
    assert "plays_first_28_days: unknown artists, first fold" in done.output
    row = next(line for line in done.output.splitlines() if "hitmusicnet_auto_b" in line)
    with duckdb.connect(str(settings.database), read_only=True) as connection:
        value = connection.execute(
            "select value from models.leaderboard where model = 'hitmusicnet_auto_b' and metric = 'auc' and seed = -1"
        ).fetchone()
    assert f"{value[0]:.3f}" in row


def test_an_unknown_net_is_answered_with_the_names_that_there_are(tmp_path: Path) -> None:
    done = call(Settings(home=tmp_path), "hitmusicnet_auto_z", "crop_net")
    assert done.exit_code == 1
    assert "No net is called hitmusicnet_auto_z." in " ".join(done.output.split())
    assert all(name in done.output for name in ("hitmusicnet_auto_b", "lossnet", "crop_net_ranking"))
    assert not (tmp_path / "lake").exists(), "nothing was trained"
