"""The model store: what is saved comes back, a version never changes, half a version is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import SafetensorError

from analytics_platform.modelling.model_store import load_model, save_model

INFO = {"data_set": "label", "window_days": 90, "scores": [{"metric": "error", "value": 0.25}], "drift": None}


def arrays() -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(1)
    # A transposed view is not contiguous: its memory is not in the order of its rows.
    return {"profiles": rng.random((3, 5, 60)), "prior": rng.random(3), "turned": rng.integers(0, 9, (4, 2)).T}


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    saved = save_model(tmp_path, "fan_profiles", "v1", arrays(), INFO)
    loaded = load_model(tmp_path, "fan_profiles", "v1")
    for model in (saved, loaded):
        assert model.version == "v1"
        assert model.info == {"model": "fan_profiles", "version": "v1", **INFO}
        assert set(model.arrays) == set(arrays())
        for name, array in arrays().items():
            assert model.arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(model.arrays[name], array)


def test_a_person_can_read_the_description(tmp_path: Path) -> None:
    save_model(tmp_path, "fan_profiles", "v1", arrays(), INFO)
    text = (tmp_path / "fan_profiles" / "v1" / "model.json").read_text()
    assert json.loads(text)["scores"] == INFO["scores"]
    assert '\n "data_set": "label",\n' in text


def test_a_version_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    first = save_model(tmp_path, "fan_profiles", "v1", arrays(), INFO)
    files = {path: path.read_bytes() for path in (tmp_path / "fan_profiles" / "v1").iterdir()}
    second = save_model(tmp_path, "fan_profiles", "v1", {"prior": np.zeros(3)}, {"data_set": "another"})
    assert second.info == first.info
    assert {path: path.read_bytes() for path in (tmp_path / "fan_profiles" / "v1").iterdir()} == files


def test_versions_lie_side_by_side(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        save_model(tmp_path, "fan_profiles", version, arrays(), {"name": version})
    assert [load_model(tmp_path, "fan_profiles", version).info["name"] for version in ("v1", "v2")] == ["v1", "v2"]


def test_an_error_half_way_leaves_no_version(tmp_path: Path) -> None:
    """The arrays are written, then the description cannot be."""
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(tmp_path, "fan_profiles", "v1", arrays(), {"window_end": object()})
    assert list((tmp_path / "fan_profiles").iterdir()) == []
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path, "fan_profiles", "v1")
    assert save_model(tmp_path, "fan_profiles", "v1", arrays(), INFO).info["window_days"] == 90


def test_what_a_kill_leaves_is_not_taken_for_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, a process cleans nothing up: the half-written folder stays, under a name that nobody asks for."""
    monkeypatch.setattr("analytics_platform.modelling.model_store.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(TypeError):
        save_model(tmp_path, "fan_profiles", "v1", arrays(), {"window_end": object()})
    (left,) = (tmp_path / "fan_profiles").iterdir()
    assert left.name.startswith(".v1.")
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path, "fan_profiles", "v1")
    monkeypatch.undo()
    save_model(tmp_path, "fan_profiles", "v1", arrays(), INFO)
    assert load_model(tmp_path, "fan_profiles", "v1").info["window_days"] == 90


def test_a_missing_version_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        load_model(tmp_path / "models", "fan_profiles", "label-90d-20260331")
    for part in ("fan_profiles", "label-90d-20260331", str(tmp_path / "models"), "was the folder removed?"):
        assert part in str(error.value)


def test_nothing_in_a_version_is_pickled(tmp_path: Path) -> None:
    """Opening a model runs no code of whoever wrote it: a pickle begins with its protocol, safetensors with a size."""
    save_model(tmp_path, "fan_profiles", "v1", arrays(), INFO)
    folder = tmp_path / "fan_profiles" / "v1"
    assert {path.name for path in folder.iterdir()} == {"arrays", "model.json"}
    body = (folder / "arrays").read_bytes()
    header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
    assert set(header) == set(arrays())
    with pytest.raises(SafetensorError, match="object"):
        save_model(tmp_path, "fan_profiles", "v2", {"objects": np.array([object()])}, {})
