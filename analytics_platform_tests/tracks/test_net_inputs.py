"""Batches hold the sound of their rows and nothing else: crops lie within it, masks say where it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.modelling.feeding import Loader
from analytics_platform.tracks.families import FAMILIES, FORWARD, PUBLISHED, InputKind, InputSize
from analytics_platform.tracks.net_inputs import (
    TOGETHER,
    Heard,
    fit_inputs,
    fixed_part,
    ranking_part,
    shared_cells,
    training_part,
)
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.track_data import TrackData
from analytics_platform_tests.tracks.worlds import CLIPS, SMALL, TEST, TRAIN, VALIDATION

EVERY_KIND = pytest.mark.parametrize("kind", FORWARD)
SPECTROGRAMS: dict[InputKind, str] = {"log-mel": "log_mel", "log-mel crops": "crops"}


@EVERY_KIND
def test_batches_have_what_forward_takes_and_the_labels_of_their_rows(data: TrackData, kind: InputKind) -> None:
    inputs = fit_inputs(data.sound, TRAIN, kind, SMALL)
    labels = {"target": data.outcome, "cell": data.cells}
    rows = np.array([7, 3, 150])
    for part in (fixed_part(inputs, data.sound, rows, labels), training_part(inputs, data.sound, rows, labels)):
        batch = part.make(rows, np.random.default_rng(0))
        assert tuple(batch) == (*FORWARD[kind], "target", "cell")
        assert {len(array) for array in batch.values()} == {3}
        np.testing.assert_array_equal(batch["target"], data.outcome[rows])
        assert batch.get(SPECTROGRAMS.get(kind, ""), np.empty(0, np.float16)).dtype == np.float16


@pytest.mark.parametrize("kind", SPECTROGRAMS)
@pytest.mark.parametrize("hop", [512, 1024])
@settings(max_examples=15, deadline=None)
@given(
    frames=st.integers(1, 646),
    rows=st.lists(st.integers(0, CLIPS - 1), min_size=1, max_size=4),
    seed=st.integers(0, 2**31),
)
def test_crops_are_parts_of_the_clip_and_full_of_sound_where_there_is_enough(
    data: TrackData, kind: InputKind, hop: int, frames: int, rows: list[int], seed: int
) -> None:
    inputs = fit_inputs(data.sound, TRAIN, kind, replace(SMALL, frames=frames, hop=hop))
    some = np.array(rows)
    whole = data.sound.spectrograms.full(some).values[:, :: inputs.hop // 512]
    sounding = -(-data.sound.spectrograms.frames[some] * 512 // inputs.hop)
    for batch, crops in (
        (inputs.random(data.sound, some, np.random.default_rng(seed)), 1),
        (inputs.fixed(data.sound, some), inputs.crops),
    ):
        values, mask = batch.values()
        assert values.shape == (len(some), crops, inputs.frames, 128)
        assert mask.shape == values.shape[:3]
        np.testing.assert_array_equal(mask.sum(2), np.minimum(sounding, inputs.frames)[:, None].repeat(crops, 1))
        assert (mask[:, :, 1:] <= mask[:, :, :-1]).all()
        assert (values[~mask] == -100).all()
        for clip, own in zip(whole, values, strict=True):
            starts = range(len(clip) - inputs.frames + 1)
            for crop in own:
                assert any(np.array_equal(crop, clip[start : start + inputs.frames]) for start in starts)


def test_fixed_crops_are_spread_over_the_clip_and_random_ones_vary(data: TrackData) -> None:
    inputs = fit_inputs(data.sound, TRAIN, "log-mel", SMALL)
    # The longest clip has 130 frames at a hop of 1024: three crops of 64, from 0, 33 and 66.
    assert (inputs.frames, inputs.crops) == (64, 3)
    clip = data.sound.spectrograms.hop_1024(np.array([0])).values[0]
    fixed = inputs.fixed(data.sound, np.array([0]))["log_mel"][0]
    for crop, start in zip(fixed, (0, 33, 66), strict=True):
        np.testing.assert_array_equal(crop, clip[start : start + 64])
    drawn = {
        inputs.random(data.sound, np.array([0]), np.random.default_rng(seed))["log_mel"].tobytes() for seed in range(20)
    }
    assert len(drawn) > 10


def test_at_the_published_size_a_clip_is_heard_whole_and_once(data: TrackData) -> None:
    inputs = fit_inputs(data.sound, TRAIN, "log-mel", PUBLISHED)
    batch = inputs.fixed(data.sound, TEST[:3])
    full = data.sound.spectrograms.full(TEST[:3])
    np.testing.assert_array_equal(batch["log_mel"][:, 0], full.values)
    np.testing.assert_array_equal(batch["mask"][:, 0], full.mask)


def test_crops_are_no_longer_than_the_clips(data: TrackData) -> None:
    assert fit_inputs(data.sound, TRAIN, "log-mel crops", PUBLISHED).frames == 130
    shorter = TRAIN[data.sound.spectrograms.frames[TRAIN] < 100]
    assert fit_inputs(data.sound, shorter, "log-mel crops", PUBLISHED).frames <= 50


def test_missing_features_become_the_median_of_the_training_part(data: TrackData) -> None:
    features = data.sound.low_level.copy()
    features[:, 5] = np.nan
    sound = replace(data.sound, low_level=features)
    inputs = fit_inputs(sound, TRAIN, "features", SMALL)
    given = inputs.fixed(sound, np.arange(CLIPS))["features"]
    missing = np.isnan(features)
    assert missing[TRAIN].any() and missing[TEST].any()
    np.testing.assert_array_equal(given[~missing], features[~missing].astype(np.float32))
    rows, columns = np.nonzero(missing)
    expected = [0 if column == 5 else np.nanmedian(features[TRAIN, column]) for column in columns]
    np.testing.assert_allclose(given[rows, columns], expected, rtol=1e-6)


def test_scales_are_fitted_on_all_of_each_clip(data: TrackData) -> None:
    inputs = fit_inputs(data.sound, TRAIN, "log-mel", SMALL)
    heard = Heard(inputs, data.sound, TRAIN)
    for _ in range(2):
        frames = sum(int(mask.sum()) for _, mask in heard)
        assert frames == (-(-data.sound.spectrograms.frames[TRAIN] // 2)).sum()


def test_batches_of_the_ranking_loss_hold_several_tracks_of_a_cell(data: TrackData) -> None:
    inputs = fit_inputs(data.sound, TRAIN, "features", SMALL)
    cells = np.arange(CLIPS) % 40
    part = ranking_part(inputs, data.sound, TRAIN, {"cell": cells, "row": np.arange(CLIPS)})
    seen: list[int] = []
    with Loader(part, 20, "cpu", seed=0, shuffle=True, epochs=range(1, 9)) as loader:
        for _ in range(8):
            for batch in loader.epoch():
                assert len(batch["row"]) == 20
                assert len(set(batch["cell"].tolist())) <= 20 // TOGETHER
                np.testing.assert_array_equal(cells[batch["row"]], batch["cell"])
                seen += batch["row"].tolist()
    assert set(seen) <= set(TRAIN.tolist())
    assert len(set(seen)) > 0.99 * len(TRAIN)


def test_tracks_without_another_in_their_cell_are_not_ordered() -> None:
    cells = np.array([5, 1, 5, 2, 1, 3])
    np.testing.assert_array_equal(shared_cells(np.arange(6), cells), [1, 4, 0, 2])
    np.testing.assert_array_equal(shared_cells(np.array([0, 1, 2]), cells), [0, 2])
    with pytest.raises(ValueError, match="nothing to order"):
        shared_cells(np.array([0, 1, 3]), cells)


@EVERY_KIND
def test_what_the_clips_lack_is_named(data: TrackData, kind: InputKind) -> None:
    with pytest.raises(ValueError, match="the clips have none"):
        fit_inputs(Sound(data.ids), TRAIN, kind, SMALL)
    with pytest.raises(ValueError, match="no rows"):
        fit_inputs(data.sound, TRAIN[:0], kind, SMALL)


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("log-mel", InputSize(frames=1293), "1293 frames at a hop of 512: a clip has at most 1292"),
        ("log-mel", InputSize(frames=647, hop=1024), "at most 646"),
        ("log-mel", InputSize(frames=64, hop=256), "a hop of 512 or 1024"),
        ("features", InputSize(features=207), "features have 24 numbers, not 207"),
        ("embeddings", InputSize(dim=200), "embeddings have 12 numbers, not 200"),
        ("features and embeddings", InputSize(features=24, dim=200), "embeddings have 12 numbers, not 200"),
    ],
)
def test_another_size_than_there_is_is_refused(data: TrackData, kind: InputKind, size: InputSize, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_inputs(data.sound, TRAIN, kind, size)


def test_every_kind_that_a_family_hears_is_tested() -> None:
    assert {family.input_kind for family in FAMILIES.values()} == set(FORWARD)
    assert not set(TRAIN) & set(VALIDATION) and not set(VALIDATION) & set(TEST)
