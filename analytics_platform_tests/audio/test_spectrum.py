"""The log-mel spectrogram is the one that librosa gives by default."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.audio import spectrum
from analytics_platform.audio.spectrum import CLIP_SAMPLES, FRAMES, frames_of, log_mel, mel_basis, split_phases
from analytics_platform_tests.audio import sounds


def of_librosa(samples: sounds.Samples) -> sounds.Samples:
    import librosa

    return librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=22_050), top_db=None).T


def check(samples: sounds.Samples, length: int) -> None:
    own, reference = log_mel(samples, length), of_librosa(samples)
    assert own.shape == reference.shape == (FRAMES, 128)
    off, audible = np.abs(own - reference), reference > -60
    assert audible.any()
    # Single precision, beside a loud tone: librosa transforms in double. A step of float16 is 0.03 there.
    assert off[audible].max() < 5e-3
    assert off[audible & (reference > reference.max() - 80)].max() < 1e-3


def test_the_mel_bands_are_slaneys() -> None:
    import librosa

    np.testing.assert_allclose(mel_basis(), librosa.filters.mel(sr=22_050, n_fft=2048), atol=1e-8)


@pytest.mark.parametrize(
    "sound",
    [
        sounds.mixture(),
        np.random.default_rng(0).standard_normal(CLIP_SAMPLES) * 0.1,
        sounds.chords([sounds.cadence(3, "minor")[0]], 11.3),
        np.sin(2 * np.pi * 440 * sounds.time(30)),
        sounds.clicks(97),
        np.ones(1),
    ],
    ids=["mixture", "noise", "short chord", "sine", "clicks", "one sample"],
)
def test_within_a_thousandth_of_a_decibel_of_librosa_over_80_decibels(sound: np.ndarray) -> None:
    samples, length = sounds.clip(sound)
    check(samples, length)


def test_of_real_music_too() -> None:
    for path in sounds.games(5):
        samples, length = sounds.read(path)
        check(samples, length)


def test_padding_is_minus_100_decibels_and_frames_say_where_it_begins() -> None:
    samples, length = sounds.clip(np.random.default_rng(0).standard_normal(100_000))
    own, frames = log_mel(samples, length), frames_of(length)
    assert frames == 1 + 100_000 // 512
    assert (own[:frames] > -60).all()
    # Two more frames reach back into the sound.
    np.testing.assert_allclose(own[frames + 2 :], -100, rtol=1e-6)


@pytest.mark.parametrize("chunk", [1, 7, 1292])
def test_how_many_frames_are_worked_on_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    samples, length = sounds.clip(sounds.mixture(20.01))
    whole = log_mel(samples, length)
    monkeypatch.setattr(spectrum, "CHUNK", chunk)
    np.testing.assert_allclose(log_mel(samples, length), whole, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, CLIP_SAMPLES), seed=st.integers(0, 100))
def test_any_length(length: int, seed: int) -> None:
    samples, _ = sounds.clip(np.random.default_rng(seed).standard_normal(length))
    own = log_mel(samples, length)
    assert np.isfinite(own).all()
    assert (own[: frames_of(length)].max(axis=1) > -100).all()
    np.testing.assert_array_equal(own, log_mel(samples, CLIP_SAMPLES))


def test_even_frames_are_the_spectrogram_at_twice_the_hop() -> None:
    import librosa

    samples, length = sounds.clip(sounds.mixture())
    half = librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=22_050, hop_length=1024), top_db=None).T
    own = split_phases(log_mel(samples, length))
    assert own.dtype == np.float16
    assert np.abs(own[0] - half)[half > -60].max() < 0.02


@pytest.mark.parametrize(
    ("samples", "length"),
    [
        (np.zeros(CLIP_SAMPLES - 1, dtype=np.float32), 5),
        (np.zeros(CLIP_SAMPLES), 5),
        (np.zeros((CLIP_SAMPLES, 1), dtype=np.float32), 5),
        (np.zeros(CLIP_SAMPLES, dtype=np.float32), 0),
        (np.zeros(CLIP_SAMPLES, dtype=np.float32), CLIP_SAMPLES + 1),
    ],
)
def test_what_is_no_clip_is_refused(samples: np.ndarray, length: int) -> None:
    with pytest.raises(ValueError, match=r"clip is|length is"):
        log_mel(samples, length)
