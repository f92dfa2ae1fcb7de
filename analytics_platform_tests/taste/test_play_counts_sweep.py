"""The sweep trains each run once, over kills; the study and its steps write what their tables declare."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake, quoted
from analytics_platform.lakehouse.tables import Table
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.settings import Settings
from analytics_platform.taste.play_counts.grid import runs
from analytics_platform.taste.play_counts.reading import read_label_study
from analytics_platform.taste.play_counts.steps import score_label, sweep_part
from analytics_platform.taste.play_counts.study import NetChoice, study_play_counts
from analytics_platform.taste.play_counts.sweep import best_runs, run_sweep
from analytics_platform.taste.play_counts.tables import PLAY_COUNT_RUNS, PLAY_COUNT_SCORES
from analytics_platform.taste.play_counts.targets import Scale, split_songs
from analytics_platform.taste.play_counts.variants import VARIANTS
from analytics_platform_tests.taste.play_count_worlds import OPEN_PLAYS, label_home, planted_study

STUDY = planted_study()
NUMBERS = [
    each.number
    for each in runs()
    if each.hears == "log-mel" and each.steps in (1, 2) and each.layers == 1 and each.listener in (1, 4)
]


def quiet(line: str) -> None:
    del line


def swept(folder: Path, say: Callable[[str], None] = quiet) -> pl.DataFrame:
    return run_sweep(STUDY, NUMBERS, folder=folder, say=say, epochs=3)


def violations(table: Table, rows: pl.DataFrame) -> list[object]:
    with duckdb.connect() as connection:
        connection.register("rows", rows.to_arrow())
        return list(find_violations(connection, table, "rows"))


class Kill(Exception):
    pass


def test_a_killed_sweep_goes_on_after_the_last_finished_run(tmp_path: Path) -> None:
    def kill(line: str) -> None:
        if line.startswith(f"run {NUMBERS[2]} "):
            raise Kill

    with pytest.raises(Kill):
        swept(tmp_path / "killed", kill)
    (results,) = (tmp_path / "killed").glob("*.jsonl")
    results.write_bytes(results.read_bytes()[:-5])
    lines: list[str] = []
    found = swept(tmp_path / "killed", lines.append)
    assert lines[0] == "2 of 4 runs are finished"
    assert [int(line.split()[1]) for line in lines[1:]] == NUMBERS[2:]
    assert_frame_equal(found.drop("seconds"), swept(tmp_path / "whole").drop("seconds"))
    lines.clear()
    swept(tmp_path / "killed", lines.append)
    assert not lines
    assert found["number"].to_list() == NUMBERS
    assert not violations(PLAY_COUNT_RUNS, found)
    assert found["note"].null_count() == 4 and (found["epochs"] == 3).all()


def test_errors_are_in_the_documents_scale_beside_the_training_songs_mean(tmp_path: Path) -> None:
    row = swept(tmp_path).row(0, named=True)
    plays = STUDY.counts.plays[0]
    split = split_songs(len(plays), 0)
    width = Scale.fit(plays[plays > 0]).width
    learnt, validation, test = (part[plays[part] > 0] for part in (split.train, split.validation, split.test))
    for songs, name in ((validation, "mean_mse"), (test, "test_mean_mse")):
        assert row[name] == pytest.approx(np.mean(((plays[songs] - plays[learnt].mean()) / width) ** 2))
    assert (row["validation_songs"], row["test_songs"]) == (len(validation), len(test))
    assert row["best_mse"] <= min(row["first_mse"], row["last_mse"])
    assert row["weights"] == 142_901
    published = run_sweep(STUDY, NUMBERS[:1], folder=tmp_path, say=quiet, epochs=2, protocol="published")
    assert published["test_mse"].is_null().all() and published["test_songs"][0] == 0
    assert published["validation_songs"][0] == round(0.1 * (plays > 0).sum())


def test_a_run_that_cannot_be_trained_says_why_and_stops_no_other(tmp_path: Path) -> None:
    study = planted_study(listeners=3)
    wanted = [
        each.number
        for each in runs()
        if (each.hears, each.layers) == ("log-mel", 1) and (each.steps, each.listener) in {(1, 5), (20, 1), (1, 1)}
    ]
    rows = run_sweep(study, wanted, folder=tmp_path, say=quiet, epochs=1)
    notes = dict(rows.select("number", "note").iter_rows())
    assert sorted(map(str, notes.values())) == [
        "None", "no song to learn from has 20 pieces", "there are 3 listeners",
    ]  # fmt: skip
    assert not violations(PLAY_COUNT_RUNS, rows)
    with pytest.raises(ValueError, match="no raw pieces"):
        run_sweep(study, [0], folder=tmp_path, say=quiet)


def test_the_best_are_chosen_by_validation_alone() -> None:
    rows = frame_of(
        PLAY_COUNT_RUNS,
        [
            {
                "number": 10 * steps + listener, "hears": "log-mel", "steps": steps, "layers": 1,
                "listener_rank": listener, "best_mse": best, "mean_mse": 1.0, "test_mse": test,
            }
            for steps, listener, best, test in (
                (1, 1, 0.5, 9.0), (1, 2, 0.9, 9.0), (2, 1, 0.8, 0.1), (2, 2, 0.7, 0.1), (3, 1, 0.1, 0.1),
                (4, 2, None, None),
            )
        ],
    )  # fmt: skip
    best, universal = best_runs(rows)
    assert dict(best.select("listener_rank", "steps").iter_rows()) == {1: 3, 2: 2}
    # .5 · .9 is less than .8 · .7; three steps were trained for one listener only.
    assert universal["steps"].to_list() == [1, 1] and universal["listener_rank"].to_list() == [1, 2]


def test_a_net_that_hears_what_is_planted_beats_the_mean() -> None:
    study = planted_study(80, listeners=2, seed=5)
    nets = [NetChoice(VARIANTS["lstm_1"], "log-mel", 2)]
    studied = study_play_counts(study, nets=nets, questions=("new songs",), seeds=2, epochs=25, say=quiet)
    name = "lstm_1 (log-mel, 2 steps)"
    assert [each.verdicts()[name] for each in studied.scores] == ["beats the mean predictor"] * 2
    frame = studied.frame()
    assert not violations(PLAY_COUNT_SCORES, frame)
    assert set(frame["target"]) == {"plays of listener 1", "plays of listener 2"}
    (note,) = frame.filter(pl.col("model") == name)["note"].unique()
    assert note == "songs split in three; the best epoch kept; log-mel numbers, not samples; 25 epochs, not 100"
    with pytest.raises(ValueError, match="no raw pieces"):
        study_play_counts(study, nets=[NetChoice(VARIANTS["lstm_1"], "raw", 2)], say=quiet)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Settings]:
    return label_home(tmp_path_factory.mktemp("label") / "home")


def test_the_labels_most_devoted_listeners_and_their_songs(home: tuple[Lake, Settings]) -> None:
    study = read_label_study(*home, hears=("log-mel",))
    assert study.counts.plays.shape == (5, 30)
    totals = study.counts.plays.sum(axis=1)
    assert (np.diff(totals) <= 0).all()
    assert not (study.counts.plays == OPEN_PLAYS).all(axis=1).any(), "a listener of an open data set"
    assert study.pieces["log-mel"].counts.tolist() == [2] * 30
    assert study.evidence.artists is not None and len(set(study.evidence.artists.tolist())) == 10
    assert not study.evidence.sound


def test_a_part_of_the_grid_is_written_again_the_same(home: tuple[Lake, Settings]) -> None:
    lake, settings = home
    given = {"whole": True, "epochs": 1, "device": "cpu", "say": quiet}
    for part in ("log-mel-01", "log-mel-02", "log-mel-02"):
        done = sweep_part(lake, settings, part, **given)  # type: ignore[arg-type]
        assert done.note is None and done.commit is not None and done.commit.rows == 10
    rows = lake.read(PLAY_COUNT_RUNS)
    assert sorted(rows["part"].value_counts().iter_rows()) == [("log-mel-01", 10), ("log-mel-02", 10)]
    assert rows["best_mse"].null_count() == 0
    with lake.connect(PLAY_COUNT_RUNS) as connection:
        assert not list(find_violations(connection, PLAY_COUNT_RUNS, quoted(PLAY_COUNT_RUNS)))
    assert not list(settings.checkpoints_root.rglob("*.i16"))
    for path in settings.checkpoints_root.rglob("*.jsonl"):
        assert all("listener_key" not in json.loads(line) for line in path.read_text().splitlines())
    nothing = sweep_part(lake, settings, "raw-02", whole=False, epochs=1, device="cpu", say=quiet)
    assert nothing.commit is None and "subset" in str(nothing.note)


def test_scores_of_the_label_and_of_a_label_without_clips(home: tuple[Lake, Settings], tmp_path: Path) -> None:
    lake, settings = home
    scored = score_label(lake, settings, seeds=1, say=quiet)
    assert scored.note is None
    rows = lake.read(PLAY_COUNT_SCORES)
    assert set(rows["split"]) == {"new songs", "known songs"} and set(rows["data_set"]) == {"label"}
    assert "key" not in " ".join(rows["target"])
    empty = Settings(home=tmp_path)
    nothing = score_label(Lake(empty.lake_root), empty, seeds=1, say=quiet)
    assert nothing.note is not None and "share 0 songs" in nothing.note
    swept_nothing = sweep_part(
        Lake(empty.lake_root), empty, "log-mel-01", whole=True, epochs=1, device="cpu", say=quiet
    )
    assert swept_nothing.commit is None and "share 0 songs" in str(swept_nothing.note)


def test_the_steps_run_in_dagster(home: tuple[Lake, Settings]) -> None:
    import dagster as dg

    from analytics_platform.orchestration.resources import Platform
    from analytics_platform.taste.play_counts.assets import score_play_counts, sweep_play_counts

    lake, settings = home
    result = dg.materialize(
        [sweep_play_counts, score_play_counts],
        selection=[sweep_play_counts],
        partition_key="log-mel-01",
        resources={"platform": Platform(settings)},
        run_config={"ops": {"sweep_play_counts": {"config": {"epochs": 1}}}},
    )
    assert result.success
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
    result = dg.materialize(
        [score_play_counts],
        resources={"platform": Platform(settings)},
        run_config={
            "ops": {"score_play_counts": {"config": {"seeds": 1, "nets": ["lstm_1"], "steps": 1, "epochs": 1}}}
        },
    )
    assert result.success
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
    rows = lake.read(PLAY_COUNT_SCORES)
    assert {"lstm_1 (log-mel, 1 steps)", "mean"} <= set(rows["model"]) and len(lake.read(PLAY_COUNT_RUNS))
