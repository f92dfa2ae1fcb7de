"""The sweep trains each configuration once, over kills, and as ``fit_net`` would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.tracks.families import FAMILIES
from analytics_platform.tracks.grid import SIZE, configuration
from analytics_platform.tracks.net_training import fit_net
from analytics_platform.tracks.sweep import append, read_finished, run_sweep
from analytics_platform.tracks.track_data import TrackData
from analytics_platform_tests.tracks.worlds import SMALL, TRAIN, VALIDATION

NUMBERS = (SIZE - 1, 0, 7_001, 100)
"""With 12, 7, 12 and 9 layers."""


def swept(
    data: TrackData, folder: Path, numbers: tuple[int, ...] = NUMBERS, say: Callable[[str], None] = lambda line: None
) -> pl.DataFrame:
    given: dict[str, Any] = {"size": SMALL, "folder": folder, "say": say, "epochs": 2}
    return run_sweep(data, TRAIN, VALIDATION, numbers, **given)


@pytest.fixture(scope="module")
def folder(data: TrackData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    swept(data, folder)
    return folder


def test_a_row_for_each_number_in_order_with_its_parameters(data: TrackData, folder: Path) -> None:
    found = swept(data, folder)
    assert found["number"].to_list() == list(NUMBERS)
    for row in found.iter_rows(named=True):
        chosen = configuration(row["number"])
        assert {name: row[name] for name in ("learning_rate", "batch_size", "mean", "layers")} == {
            name: getattr(chosen, name) for name in ("learning_rate", "batch_size", "mean", "layers")
        }
        assert 0 < row["validation_mse"] < 1 and row["best_epoch"] in (1, 2) and row["seconds"] > 0
    with pytest.raises(IndexError, match="no 17280"):
        swept(data, folder, (SIZE,))


@pytest.mark.parametrize("number", [0, 100])
def test_a_configuration_comes_out_as_fit_net_trains_it(data: TrackData, folder: Path, number: int) -> None:
    chosen = configuration(number)
    lines: list[str] = []
    fitted = fit_net(
        data,
        TRAIN,
        VALIDATION,
        FAMILIES[f"autoenchorder_{chosen.layers}"],
        "regression",
        seed=0,
        size=SMALL,
        folder=folder,
        say=lines.append,
        epochs=2,
        configuration=chosen,
    )
    assert lines[0] == "autoenchorder_7, autoencoders: goes on after epoch 2"
    history = fitted.histories["net"]
    found = swept(data, folder).row(NUMBERS.index(number), named=True)
    assert found["best_epoch"] == history.best_epoch
    assert found["validation_mse"] == pytest.approx(history.epochs[history.best_epoch - 1].watched, rel=1e-4)


class Kill(Exception):
    pass


def test_a_killed_sweep_goes_on_and_a_line_that_was_cut_off_is_redone(
    data: TrackData, folder: Path, tmp_path: Path
) -> None:
    def kill(line: str) -> None:
        if line.startswith("configuration 0:"):
            raise Kill

    with pytest.raises(Kill):
        swept(data, tmp_path, say=kill)
    (results,) = tmp_path.glob("*.jsonl")
    assert list(read_finished(results)) == [SIZE - 1, 0]
    results.write_bytes(results.read_bytes()[:-9])
    lines: list[str] = []
    found = swept(data, tmp_path, say=lines.append)
    assert lines[0] == "1 of 4 configurations are finished"
    assert [line.split(":")[0] for line in lines if line.startswith("configuration")] == [
        f"configuration {number}" for number in (0, 7_001, 100)
    ]
    assert_frame_equal(found.drop("seconds"), swept(data, folder).drop("seconds"))
    assert len(results.read_text().splitlines()) == 4
    lines.clear()
    swept(data, tmp_path, NUMBERS[::-1], lines.append)
    assert not lines


@pytest.mark.parametrize("end", [b'{"number": 3, "valid', b'{"number": 3, "valid\n', b"\xff\xfe\n", b"[1]\n", b"\n"])
def test_a_damaged_last_line_is_taken_away(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "results.jsonl"
    append(path, {"number": 1})
    append(path, {"number": 2})
    whole = path.read_bytes()
    path.write_bytes(whole + end)
    assert list(read_finished(path)) == [1, 2]
    assert path.read_bytes() == whole
    path.write_bytes(end + b"\n" + whole)
    with pytest.raises(ValueError, match=r"line 1 of results.jsonl is damaged"):
        read_finished(path)


def test_other_tracks_have_other_results(data: TrackData, tmp_path: Path) -> None:
    swept(data, tmp_path, (0,))
    run_sweep(data, TRAIN[1:], VALIDATION, (0,), size=SMALL, folder=tmp_path, say=lambda line: None, epochs=2)
    files = sorted(tmp_path.glob("*.jsonl"))
    assert len(files) == 2
    errors = {json.loads(path.read_text())["validation_mse"] for path in files}
    assert len(errors) == 2 and np.isfinite(list(errors)).all()
