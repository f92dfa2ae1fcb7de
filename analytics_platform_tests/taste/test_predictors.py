"""Every family learns planted factors under one contract, from the training part alone, and is stored to the bit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics_platform.modelling.model_store import save_model
from analytics_platform.taste.factors import unit
from analytics_platform.taste.families import FAMILIES
from analytics_platform.taste.predictors import FittedTaste, fit_taste, restore_taste
from analytics_platform_tests.taste.sounds import DIM, TEST, TRAIN, VALIDATION, Heard, cosines

LARGE = [name for name, family in FAMILIES.items() if family.architecture == "dieleman"]
REST = [name for name in FAMILIES if name not in LARGE]


def learnt(heard: Heard, name: str, folder: Path, **more: Any) -> FittedTaste:
    given: dict[str, Any] = {"seed": 0, "device": "cpu", "epochs": 1, "folder": folder, "say": lambda line: None}
    given = {"train": TRAIN, "validation": VALIDATION, "sound": heard.sound, "aims": heard.aims} | given | more
    return fit_taste(FAMILIES[name], **given)


def test_the_families_are_those_of_the_sources_and_ours() -> None:
    assert {name: family.document for name, family in FAMILIES.items()} == {
        **dict.fromkeys(("bow_linear", "bow_mlp", "convnet_mse", "convnet_wpe"), "003 paper"),
        "convnet_2014": "003 post",
        **{f"convnet_2014_{each}": "003 post" for each in ("maxout", "stretch", "unit", "sets")},
        **dict.fromkeys(("embedding_linear", "sound_linear", "sound_cosine", "sound_contrastive"), "ours"),
    }
    assert {name for name, family in FAMILIES.items() if not family.unit} == {
        "bow_linear",
        "bow_mlp",
        "convnet_mse",
        "convnet_wpe",
    }
    nesterov = {name for name, family in FAMILIES.items() if family.recipe and family.recipe.optimiser == "nesterov"}
    assert nesterov == set(LARGE)


def assert_it_answers_and_is_stored(heard: Heard, fitted: FittedTaste, folder: Path) -> None:
    rows = TEST[:4]
    said = fitted.predict(heard.sound, rows)
    assert said.shape == (4, DIM) and said.dtype == np.float32 and np.isfinite(said).all()
    np.testing.assert_allclose(fitted.predict(heard.sound, rows[::-1]), said[::-1], rtol=1e-4, atol=1e-4)
    assert fitted.predict(heard.sound, rows[:0]).shape == (0, DIM)
    arrays, info = fitted.save_state()
    stored = save_model(folder, "taste", "1", arrays, info)
    again = restore_taste(stored.arrays, stored.info)
    np.testing.assert_array_equal(again.predict(heard.sound, rows), said)
    assert (again.family, again.departures, again.histories) == (fitted.family, fitted.departures, fitted.histories)
    json.dumps(info)


@pytest.mark.parametrize(("name", "epochs"), [(name, 8 if "contrastive" in name else 5) for name in REST])
def test_planted_factors_of_unseen_tracks_are_found(heard: Heard, name: str, epochs: int, tmp_path: Path) -> None:
    fitted = learnt(heard, name, tmp_path, epochs=epochs)
    truth = heard.aims.factors[TEST]
    said = fitted.predict(heard.sound, TEST)
    # Factors are those of three styles: the mean of all has a cosine of about 0.58 to each. Those that predict plays
    # best are others, but tell the styles apart as well.
    assert cosines(said, truth).mean() > 0.8 or name == "convnet_wpe"
    assert (said[:, [0, 2, 4]].argmax(axis=1) == heard.styles[TEST]).mean() > 0.8
    if not FAMILIES[name].unit and name != "convnet_wpe":
        assert np.linalg.norm(said, axis=1).mean() == pytest.approx(2, rel=0.2), "raw factors have a norm"
    assert_it_answers_and_is_stored(heard, fitted, tmp_path)


@pytest.mark.parametrize("name", LARGE)
def test_the_nets_of_2014_train_answer_and_are_stored(heard: Heard, name: str, tmp_path: Path) -> None:
    # The plain one for longer: the others differ from it in one thing.
    epochs, rows = (3, 40) if name == "convnet_2014" else (1, 8)
    fitted = learnt(heard, name, tmp_path, epochs=epochs, train=TRAIN[:rows], validation=VALIDATION[:4])
    assert_it_answers_and_is_stored(heard, fitted, tmp_path)
    assert fitted.model.outputs == (DIM + 3 if name.endswith("sets") else DIM)
    assert fitted.departures[-1] == f"{3 * 5 if epochs == 3 else 1} updates, not 750,000"
    assert fitted.departures[0].endswith("at once, not 599")
    if epochs == 3:
        said = fitted.predict(heard.sound, TEST)
        assert (said[:, [0, 2, 4]].argmax(axis=1) == heard.styles[TEST]).mean() > 0.8


@pytest.mark.parametrize("name", ["convnet_wpe", "bow_mlp"])
def test_the_same_seed_gives_the_same_bits_and_killed_and_resumed_too(heard: Heard, name: str, tmp_path: Path) -> None:
    class Kill(Exception):
        pass

    def say(line: str) -> None:
        if "epoch 2 of 3" in line:
            raise Kill

    straight = learnt(heard, name, tmp_path / "straight", epochs=3, seed=5)
    with pytest.raises(Kill):
        learnt(heard, name, tmp_path / "killed", epochs=3, seed=5, say=say)
    lines: list[str] = []
    resumed = learnt(heard, name, tmp_path / "killed", epochs=3, seed=5, say=lines.append)
    assert f"{name}: goes on after epoch 2" in lines
    (arrays, _), (expected, _) = resumed.save_state(), straight.save_state()
    assert arrays.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_array_equal(arrays[key], array, err_msg=key)
    other = learnt(heard, name, tmp_path / "other", epochs=3, seed=6)
    assert np.abs(other.predict(heard.sound, TEST) - resumed.predict(heard.sound, TEST)).max() > 1e-3


def test_other_factors_or_plays_do_not_go_on_with_a_training(heard: Heard, tmp_path: Path) -> None:
    learnt(heard, "convnet_wpe", tmp_path)
    less = heard.aims.plays.copy()
    less.data = less.data + 1

    def goes_on(**changed: Any) -> bool:
        lines: list[str] = []
        learnt(heard, "convnet_wpe", tmp_path, say=lines.append, aims=replace(heard.aims, **changed))
        return any("goes on" in line for line in lines)

    assert goes_on()
    assert not goes_on(plays=less)
    assert not goes_on(listeners=2 * heard.aims.listeners)


@pytest.mark.parametrize("name", ["sound_linear", "bow_linear", "sound_cosine"])
def test_tracks_without_factors_and_those_of_the_test_part_teach_nothing(
    heard: Heard, name: str, tmp_path: Path
) -> None:
    """Whatever their factors were."""
    gaps = heard.aims.factors.copy()
    gaps[TRAIN[::4]] = np.nan
    wild = gaps.copy()
    wild[TEST] = 1e6
    one = learnt(heard, name, tmp_path / "one", aims=replace(heard.aims, factors=gaps))
    other = learnt(heard, name, tmp_path / "other", aims=replace(heard.aims, factors=wild))
    fewer = learnt(heard, name, tmp_path / "fewer", train=np.delete(TRAIN, np.arange(0, len(TRAIN), 4)))
    said = one.predict(heard.sound, TEST)
    assert np.isfinite(said).all()
    np.testing.assert_array_equal(other.predict(heard.sound, TEST), said)
    np.testing.assert_array_equal(fewer.predict(heard.sound, TEST), said)


def test_families_with_unit_directions_do_not_hear_how_popular_a_track_is(heard: Heard, tmp_path: Path) -> None:
    louder = heard.aims.factors * np.linspace(1, 40, len(heard.aims.factors))[:, None].astype(np.float32)
    for name in ("sound_linear", "sound_cosine"):
        one, other = (
            learnt(heard, name, tmp_path / str(place), aims=replace(heard.aims, factors=factors))
            for place, factors in enumerate((heard.aims.factors, louder))
        )
        np.testing.assert_allclose(
            unit(one.predict(heard.sound, TEST)), unit(other.predict(heard.sound, TEST)), atol=1e-3
        )


def test_the_linear_one_goes_without_embeddings_and_fills_what_is_missing(heard: Heard, tmp_path: Path) -> None:
    bare = replace(heard.sound, pooled=None)
    with pytest.raises(ValueError, match="no embeddings"):
        learnt(heard, "embedding_linear", tmp_path, sound=bare)
    holes = heard.sound.moving.copy()
    holes[::3, 2] = np.nan
    holes[:, 5] = np.nan
    fitted = learnt(heard, "sound_linear", tmp_path, sound=replace(bare, moving=holes))
    said = fitted.predict(replace(bare, moving=holes), TEST)
    assert cosines(said, heard.aims.factors[TEST]).mean() > 0.8
    assert fitted.departures == () and not fitted.histories


def test_what_a_family_lacks_is_said(heard: Heard, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="convnet_wpe needs plays and the factors of listeners"):
        learnt(heard, "convnet_wpe", tmp_path, aims=replace(heard.aims, listeners=None))
    with pytest.raises(ValueError, match="convnet_2014_sets needs further sets of factors"):
        learnt(heard, "convnet_2014_sets", tmp_path, aims=replace(heard.aims, further=()))
    with pytest.raises(ValueError, match="the clips have none"):
        learnt(heard, "convnet_mse", tmp_path, sound=replace(heard.sound, spectrograms=None))
    unknown = np.full_like(heard.aims.factors, np.nan)
    with pytest.raises(ValueError, match="no track of the part has factors"):
        learnt(heard, "sound_linear", tmp_path, aims=replace(heard.aims, factors=unknown))


def test_departures_are_said_in_words(heard: Heard, tmp_path: Path) -> None:
    assert learnt(heard, "bow_linear", tmp_path).departures == (
        "spectrum windows of 2048 samples, not 1024",
        "hop 1024, not 512",
        "at most 56 words, as many as tracks, not 4000",
    )
    assert learnt(heard, "convnet_mse", tmp_path, hop=512).departures == ("spectrum windows of 2048 samples, not 1024",)
    assert learnt(heard, "sound_cosine", tmp_path).departures == ()


def test_loading_the_families_imports_no_torch() -> None:
    code = (
        "import sys; from analytics_platform.taste import families, predictors, semi_cold, units;"
        "print({'torch', 'sklearn', 'dagster', 'scipy.stats'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
