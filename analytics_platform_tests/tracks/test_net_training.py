"""Every family trains on tracks, from the training part alone; killed and resumed, it is the same net."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics_platform.audio.shards import ShardWriter, Spectrograms
from analytics_platform.modelling.model_store import save_model
from analytics_platform.modelling.training_plan import computes_bfloat16
from analytics_platform.tracks.families import FAMILIES, Family
from analytics_platform.tracks.fitted_net import FittedNet, restore_net
from analytics_platform.tracks.grid import configuration
from analytics_platform.tracks.lossnet import fit_lossnet, unseen_errors
from analytics_platform.tracks.net_plans import How
from analytics_platform.tracks.net_training import fit_net
from analytics_platform.tracks.tasks import Task
from analytics_platform.tracks.track_data import TrackData
from analytics_platform_tests.tracks.inputs import CASES
from analytics_platform_tests.tracks.worlds import SMALL, TEST, TRAIN, VALIDATION, auc, with_wild

HEARD = [(family, task) for family, task in CASES if family.from_sound_alone]
NAMES = [f"{family.name}-{task}" for family, task in HEARD]


def trained(
    data: TrackData,
    name: str,
    task: Task,
    folder: Path,
    *,
    epochs: int = 2,
    train: np.ndarray = TRAIN,
    validation: np.ndarray = VALIDATION,
    say: Callable[[str], None] = lambda line: None,
    seed: int = 0,
    **more: Any,
) -> FittedNet:
    # The CRNN takes any number of frames, and most of the time.
    size = replace(SMALL, frames=32) if name == "hiphop_crnn" else SMALL
    given = {"seed": seed, "size": size, "folder": folder, "say": say, "epochs": epochs, **more}
    return fit_net(data, train, validation, FAMILIES[name], task, **given)


@pytest.mark.parametrize(("family", "task"), HEARD, ids=NAMES)
def test_every_family_trains_answers_in_range_and_is_stored(
    data: TrackData, family: Family, task: Task, tmp_path: Path
) -> None:
    fitted = trained(data, family.name, task, tmp_path, epochs=1, train=TRAIN[:24], validation=VALIDATION[:8])
    rows = TEST[:6]
    said = fitted.predict(data.sound, rows)
    assert said.shape == ((6, 3) if task == "three-class" else (6,))
    assert ((said >= 0) & (said <= 1)).all()
    assert list(fitted.histories) == list(fitted.plans) == (["autoencoders", "net"] if family.two_stages else ["net"])
    stored = save_model(tmp_path, family.name, "1", *fitted.save_state())
    again = restore_net(stored.arrays, stored.info)
    np.testing.assert_array_equal(again.predict(data.sound, rows), said)
    assert (again.plans, again.histories, again.departures) == (fitted.plans, fitted.histories, fitted.departures)
    np.testing.assert_allclose(fitted.predict(data.sound, rows[::-1]), said[::-1], atol=1e-5)
    assert len(fitted.predict(data.sound, rows[:0])) == 0


@pytest.mark.parametrize(
    ("name", "task", "epochs", "more"),
    [
        ("hitmusicnet_auto_b", "regression", 30, {}),
        ("crop_net", "regression", 4, {}),
        ("crop_net", "regression", 4, {"loss": "ranking"}),
        pytest.param("hiphop_cnn1", "binary", 5, {}, marks=pytest.mark.slow),
        pytest.param("recurrent", "regression", 12, {}, marks=pytest.mark.slow),
    ],
)
def test_what_is_planted_in_the_sound_is_found_in_unseen_tracks(
    data: TrackData, name: str, task: Task, epochs: int, more: dict[str, Any], tmp_path: Path
) -> None:
    fitted = trained(data, name, task, tmp_path, epochs=epochs, **more)
    assert auc(data.outcome[TEST], fitted.predict(data.sound, TEST)) > 0.75


def test_the_ranking_loss_asks_only_for_the_order_within_cells(data: TrackData, tmp_path: Path) -> None:
    """Within each cell the order is kept; across cells it is turned upside down."""
    worse = (data.sound.low_level[:, 0] > np.nanmedian(data.sound.low_level[:, 0])).astype(np.int64)
    within = replace(data, outcome=0.5 * data.outcome + 0.5 * (1 - worse), cells=worse)
    fitted = trained(within, "crop_net", "regression", tmp_path, epochs=4, loss="ranking")
    said = fitted.predict(data.sound, TEST)
    assert min(auc(data.outcome[TEST][cell], said[cell]) for cell in (worse[TEST] == 0, worse[TEST] == 1)) > 0.75
    with pytest.raises(ValueError, match="not for three-class"):
        trained(data, "crop_net", "three-class", tmp_path, loss="ranking")


def test_the_same_seed_gives_the_same_net_and_another_seed_another(data: TrackData, tmp_path: Path) -> None:
    """To the last bit on one machine with one number of threads; 1e-4 leaves room for others."""
    small: dict[str, Any] = {"epochs": 1, "train": TRAIN[:32], "validation": VALIDATION[:8]}
    for name, task in (("autoenchorder_7", "regression"), ("crop_net", "binary"), ("hiphop_cnn1", "binary")):
        one, same, other = (
            trained(data, name, task, tmp_path / f"{name} {place}", seed=seed, **small).predict(data.sound, TEST[:20])
            for place, seed in enumerate((1, 1, 2))
        )
        np.testing.assert_allclose(one, same, rtol=0, atol=1e-4)
        assert np.abs(one - other).max() > 1e-3


class Kill(Exception):
    pass


@pytest.mark.parametrize(
    ("name", "task", "stages", "more"),
    [
        ("autoenchorder_9", "regression", ("autoencoders", "net"), {}),
        ("hitmusicnet_high_a", "three-class", ("autoencoders", "net"), {}),
        ("crop_net", "regression", ("net",), {"loss": "ranking"}),
        ("hiphop_mlp", "binary", ("net",), {}),
    ],
)
def test_killed_in_either_stage_and_resumed_it_is_the_same_net(
    data: TrackData, name: str, task: Task, stages: tuple[str, ...], more: dict[str, Any], tmp_path: Path
) -> None:
    straight = trained(data, name, task, tmp_path / "straight", epochs=3, **more)
    for stage in stages:

        def say(line: str, stage: str = stage) -> None:
            if f"{stage}: epoch 2 of 3" in line:
                raise Kill

        with pytest.raises(Kill):
            trained(data, name, task, tmp_path / "killed", epochs=3, say=say, **more)
    lines: list[str] = []
    resumed = trained(data, name, task, tmp_path / "killed", epochs=3, say=lines.append, **more)
    assert [line for line in lines if "goes on" in line][-1] == f"{name}, net: goes on after epoch 2"
    assert sum("epoch 3 of 3" in line for line in lines) == 1
    (arrays, _), (expected, _) = resumed.save_state(), straight.save_state()
    assert arrays.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_array_equal(arrays[key], array, err_msg=key)


def test_nets_that_share_autoencoders_train_them_once_and_other_tracks_train_anew(
    data: TrackData, tmp_path: Path
) -> None:
    trained(data, "hitmusicnet_auto_a", "regression", tmp_path, epochs=1)

    def lines_of(changed: TrackData, task: Task) -> list[str]:
        lines: list[str] = []
        trained(changed, "hitmusicnet_auto_c", task, tmp_path, epochs=1, say=lines.append)
        return ["goes on" in line for line in lines]

    assert lines_of(data, "three-class") == [True, False]
    assert lines_of(data, "three-class") == [True, True]
    assert lines_of(replace(data, outcome=1 - data.outcome), "three-class") == [False, False]


@pytest.mark.parametrize(
    ("name", "task"),
    [("hiphop_mlp", "binary"), ("crop_net", "binary"), ("autoenchorder_7", "regression"), ("recurrent", "regression")],
)
def test_scales_see_no_row_of_validation_or_test(data: TrackData, name: str, task: Task, tmp_path: Path) -> None:
    wild = with_wild(data, data_folder(data), np.concatenate([VALIDATION, TEST]))
    one, other = (
        trained(tracks, name, task, tmp_path / str(place), epochs=1) for place, tracks in enumerate((data, wild))
    )
    scales = dict(one.net.named_buffers())
    assert scales
    for key, value in other.net.named_buffers():
        np.testing.assert_array_equal(value, scales[key], err_msg=key)
    assert np.array_equal(one.inputs.medians, other.inputs.medians) if one.inputs.medians is not None else True
    assert replace(one.inputs, medians=None) == replace(other.inputs, medians=None)
    # The wild rows were heard: else this test would say nothing.
    assert one.histories["net"].epochs[0].watched != other.histories["net"].epochs[0].watched


def data_folder(data: TrackData) -> Path:
    """Where the shards of the fixture lie."""
    return Path(data.sound.spectrograms._maps[0].base.filename).parent


SPECTROGRAM_NETS = [name for name, family in FAMILIES.items() if family.input_kind.startswith("log-mel")]


@pytest.mark.parametrize("name", SPECTROGRAM_NETS)
def test_what_follows_a_short_clip_changes_nothing(data: TrackData, name: str, tmp_path: Path) -> None:
    fitted = trained(data, name, "binary", tmp_path, epochs=1, train=TRAIN[:16], validation=VALIDATION[:8])
    rng = np.random.default_rng(0)
    lengths = np.array([20, 30, 44, 61])
    sounds = [rng.normal(-50, 10, (length, 128)) for length in lengths]
    heard = []
    for place, padding in enumerate((-100, 40)):
        with ShardWriter(tmp_path / f"{place}.npy") as writer:
            for sound in sounds:
                clip = np.full((1292, 128), padding, dtype=np.float16)
                clip[: len(sound)] = sound
                writer.append(np.stack([clip[::2], clip[1::2]]))
        spectrograms = Spectrograms(tmp_path, [f"{place}.npy"] * 4, np.arange(4), lengths)
        heard.append(replace(data.sound, spectrograms=spectrograms))
    rows = np.arange(4)
    said = fitted.predict(heard[0], rows)
    np.testing.assert_allclose(fitted.predict(heard[1], rows), said, rtol=0, atol=1e-6)
    if name in ("hiphop_crnn", "crop_net"):
        # These hear each clip to its own end; the others have a fixed number of inputs.
        longer = replace(fitted, inputs=replace(fitted.inputs, frames=2 * fitted.inputs.frames))
        np.testing.assert_allclose(longer.predict(heard[1], rows), said, rtol=0, atol=1e-5)


def test_departures_from_the_source_are_said_in_words(data: TrackData, tmp_path: Path) -> None:
    said = trained(data, "hiphop_cnn1", "binary", tmp_path, epochs=1, train=TRAIN[:16]).departures
    assert said == (
        "input 128 × 64 (3.0 s at hop 1024), not 128 × 1292 at hop 512",
        "at most 1 epochs, not 60",
        "batches of 8, not 100",
        "ends after 10 epochs without a better validation score; the source names no such end",
    )
    assert trained(data, "crop_net", "binary", tmp_path, epochs=1, train=TRAIN[:16]).departures == ()


def test_a_net_that_needs_more_than_the_sound_is_refused(data: TrackData, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs lyrics, markets, followers"):
        trained(data, "hitmusicnet_published", "regression", tmp_path)
    with pytest.raises(ValueError, match="needs errors of a trained HitMusicNet: see fit_lossnet"):
        trained(data, "lossnet", "regression", tmp_path)
    with pytest.raises(ValueError, match="is for binary, not for regression"):
        trained(data, "hiphop_mlp", "regression", tmp_path)
    with pytest.raises(ValueError, match="is for regression, not for three-class"):
        trained(data, "hitmusicnet_auto_d", "three-class", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_configuration_is_for_autoenchorder_of_its_layers(data: TrackData, tmp_path: Path) -> None:
    chosen = configuration(1)
    assert chosen.layers == 9
    for name in ("autoenchorder_7", "hitmusicnet_auto_a"):
        with pytest.raises(ValueError, match="is for autoenchorder_9"):
            trained(data, name, "regression", tmp_path, configuration=chosen)


def test_the_errors_that_lossnet_learns_are_those_of_nets_that_have_not_seen_the_artist(
    data: TrackData, tmp_path: Path
) -> None:
    """Whatever an artist's tracks had brought, the net that predicts them says the same."""
    train, validation = TRAIN[:40], VALIDATION[:12]
    own = train[data.groups[train] == 3]
    outcomes = data.outcome.copy()
    outcomes[own] = 1 - outcomes[own] / 2
    found = [
        unseen_errors(changed, train, validation, How(0, epochs=1), SMALL, tmp_path, lambda line: None)
        for changed in (data, replace(data, outcome=outcomes))
    ]
    seen = np.concatenate([train, validation])
    assert all(((errors[seen] >= 0) & (errors[seen] <= 1)).all() for errors in found)
    assert np.isnan(np.delete(found[0], seen)).all()
    # (said − a)² − (said − b)² = a² − b² − 2 · said · (a − b)
    a, b = data.outcome[own], outcomes[own]
    said = (a**2 - b**2 - found[0][own] + found[1][own]) / (2 * (a - b))
    np.testing.assert_allclose((said - a) ** 2, found[0][own], atol=1e-5)
    assert not np.allclose(found[0][train], found[1][train])


def test_lossnet_answers_for_tracks_without_an_outcome(data: TrackData, tmp_path: Path) -> None:
    lines: list[str] = []
    unknown = data.outcome.copy()
    unknown[TEST] = np.nan
    fitted = fit_lossnet(
        replace(data, outcome=unknown),
        TRAIN[:40],
        VALIDATION[:12],
        seed=0,
        size=SMALL,
        folder=tmp_path,
        say=lines.append,
        epochs=2,
    )
    assert sum("net: epoch 2 of 2" in line for line in lines if line.startswith("fold")) == 5
    said = fitted.predict(data.sound, TEST)
    assert said.shape == TEST.shape and ((said >= 0) & (said <= 1)).all()


def test_mixed_precision_is_used_where_it_helps_and_the_plan_says_so(data: TrackData, tmp_path: Path) -> None:
    fitted = trained(data, "hiphop_cnn1", "binary", tmp_path, epochs=4, mixed_precision=True)
    assert fitted.plans["net"].mixed_precision == computes_bfloat16("cpu")
    assert {str(weight.dtype) for weight in fitted.net.parameters()} == {"torch.float32"}
    assert auc(data.outcome[TEST], fitted.predict(data.sound, TEST)) > 0.75
    for name in ("hiphop_mlp", "hitmusicnet_auto_a"):
        task: Task = "binary" if name == "hiphop_mlp" else "regression"
        dense = trained(data, name, task, tmp_path, epochs=1, train=TRAIN[:16], mixed_precision=True)
        assert not dense.plans["net"].mixed_precision
    assert not trained(data, "hiphop_cnn1", "binary", tmp_path, epochs=1, train=TRAIN[:16]).plans["net"].mixed_precision


def test_loading_what_trains_nets_imports_no_torch() -> None:
    code = (
        "import sys; from analytics_platform.tracks import lossnet, net_training, sweep;"
        "print({'torch', 'sklearn', 'dagster'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
