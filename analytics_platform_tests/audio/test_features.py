"""One call reads all of a clip, whatever the clip is, in a process that stays small."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.audio import features
from analytics_platform.audio.features import analyse
from analytics_platform.audio.names import DESCRIPTOR_COLUMNS, FEATURE_NAMES, FEATURE_SETS
from analytics_platform.audio.spectrum import CLIP_SAMPLES, frames_of, log_mel
from analytics_platform_tests.audio import sounds

RANGES = {column.name: (column.minimum, column.maximum) for column in DESCRIPTOR_COLUMNS}


def test_all_of_a_mixture() -> None:
    samples, length = sounds.clip(sounds.mixture(20.5))
    before = samples.copy()
    found = analyse(samples, length)
    np.testing.assert_array_equal(samples, before)
    whole = log_mel(samples, length)
    np.testing.assert_allclose(found.log_mel[0], whole[::2], atol=0.04)
    np.testing.assert_allclose(found.log_mel[1], whole[1::2], atol=0.04)
    assert found.log_mel.dtype == np.float16
    assert found.frames == 1 + length // 512
    assert set(found.features) == set(FEATURE_SETS)
    assert all(values.shape == (len(FEATURE_NAMES),) == (207,) for values in found.features.values())
    assert found.descriptors.duration_s == pytest.approx(20.5)
    assert (found.descriptors.key, found.descriptors.mode) in {("A", "minor"), ("C", "major")}
    assert found.descriptors.tempo_bpm == pytest.approx(125, rel=0.02)


def test_the_same_clip_gives_the_same_figures() -> None:
    samples, length = sounds.clip(sounds.mixture())
    one, other = analyse(samples, length), analyse(samples.copy(), length)
    np.testing.assert_array_equal(one.log_mel, other.log_mel)
    for name in FEATURE_SETS:
        np.testing.assert_array_equal(one.features[name], other.features[name])
    assert one.descriptors == other.descriptors


def test_descriptors_have_the_names_of_the_table() -> None:
    of_the_file = {"sample_rate", "channels"}
    assert set(features.Descriptors.__dataclass_fields__) == set(RANGES) - of_the_file


@settings(max_examples=40, deadline=None)
@given(
    length=st.one_of(st.integers(1, 3000), st.integers(1, CLIP_SAMPLES)),
    kind=st.sampled_from(["noise", "silence", "constant", "impulse", "square", "half silence"]),
    gain=st.sampled_from([1e-12, 1e-4, 1.0, 4.0]),
    seed=st.integers(0, 9),
)
@pytest.mark.filterwarnings("error")
def test_any_sound_gives_figures_in_range(length: int, kind: str, gain: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sound = {
        "noise": lambda: rng.standard_normal(length).clip(-1, 1),
        "silence": lambda: np.zeros(length),
        "constant": lambda: np.ones(length),
        "impulse": lambda: np.eye(1, length, rng.integers(length))[0],
        "square": lambda: np.sign(np.sin(np.arange(length) / rng.integers(1, 100))),
        "half silence": lambda: np.where(np.arange(length) < length // 2, 0, rng.random(length)),
    }[kind]() * gain
    found = analyse(*sounds.clip(sound))
    assert found.frames == frames_of(length)
    assert found.log_mel.min() >= -100
    assert np.isfinite(found.log_mel).all()
    for values in found.features.values():
        assert np.isfinite(values[:-1]).all()
        assert (values[48:60] >= 0).all() and (values[48:60] <= 1).all()
    assert not found.features["hitmusicnet_mended"][-1] > 1
    for name, (minimum, maximum) in RANGES.items():
        value = getattr(found.descriptors, name, None)
        if isinstance(value, float):
            assert np.isfinite(value)
            assert minimum is None or value >= minimum
            assert maximum is None or value <= maximum
    if kind == "silence":
        assert {field for field in RANGES if getattr(found.descriptors, field, None) is not None} == {"duration_s"}


def test_a_worker_imports_neither_librosa_nor_torch_nor_numba() -> None:
    code = """
import sys, numpy
from analytics_platform.audio.features import analyse
analyse(numpy.ones(661500, dtype=numpy.float32), 661500)
print(*{"librosa", "numba", "torch", "sklearn", "polars", "duckdb"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
