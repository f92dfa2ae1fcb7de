"""Loudness, tempo and key of sounds whose loudness, tempo and key are known."""

from __future__ import annotations

import numpy as np
import pytest

from analytics_platform.audio import descriptors
from analytics_platform.audio.chroma import chroma
from analytics_platform.audio.spectrum import CLIP_SAMPLES, frames_of, log_mel
from analytics_platform_tests.audio import sounds


def tempo_of(sound: np.ndarray) -> descriptors.Tempo | None:
    samples, length = sounds.clip(sound)
    return descriptors.tempo(log_mel(samples, length)[: frames_of(length)])


def key_of(sound: np.ndarray) -> descriptors.Key | None:
    return descriptors.key(chroma(*sounds.clip(sound)))


@pytest.mark.parametrize("sound", [sounds.mixture(), sounds.mixture(7.77), sounds.clicks(60, 10)])
@pytest.mark.parametrize("gain", [1, 0.01])
def test_loudness_agrees_with_pyloudnorm(sound: np.ndarray, gain: float) -> None:
    import pyloudnorm

    samples, length = sounds.clip(sound * gain)
    # DeMan: the filters of the standard, which pyloudnorm's own only come near.
    expected = pyloudnorm.Meter(sounds.RATE, filter_class="DeMan").integrated_loudness(samples[:length])
    assert descriptors.loudness(samples, length) == pytest.approx(expected, abs=0.1)


def test_loudness_of_real_music_agrees_with_pyloudnorm() -> None:
    import pyloudnorm

    meter = pyloudnorm.Meter(sounds.RATE, filter_class="DeMan")
    for path in sounds.games(8):
        samples, length = sounds.read(path)
        expected = meter.integrated_loudness(samples[:length])
        assert descriptors.loudness(samples, length) == pytest.approx(expected, abs=0.1), path.name


def test_a_full_scale_sine_of_1_khz_has_minus_3_lufs_as_the_standard_says() -> None:
    samples, length = sounds.clip(np.sin(2 * np.pi * 997 * sounds.time(30)))
    assert descriptors.loudness(samples, length) == pytest.approx(-3.01, abs=0.05)
    assert descriptors.peak(samples, length) == pytest.approx(0, abs=0.01)


def test_half_the_amplitude_is_6_decibels_less_and_pauses_do_not_count() -> None:
    sound = sounds.mixture(10)
    loud, soft, paused = (sounds.clip(s) for s in (sound, sound / 2, np.concatenate([sound, np.zeros(5 * 22_050)])))
    assert descriptors.loudness(*loud) - descriptors.loudness(*soft) == pytest.approx(6.02, abs=0.01)
    assert descriptors.peak(*loud) - descriptors.peak(*soft) == pytest.approx(6.02, abs=0.01)
    assert descriptors.loudness(*paused) == pytest.approx(descriptors.loudness(*loud), abs=0.2)


def test_silence_has_nothing() -> None:
    samples = np.zeros(CLIP_SAMPLES, dtype=np.float32)
    for length in (1, 100_000, CLIP_SAMPLES):
        assert descriptors.loudness(samples, length) is None
        assert descriptors.peak(samples, length) is None
        assert descriptors.key(chroma(samples, length)) is None
        assert descriptors.tempo(log_mel(samples, length)[: frames_of(length)]) is None


@pytest.mark.parametrize("bpm", [70, 73.3, 80, 88, 97, 105, 110, 120, 128, 135, 140, 152, 163, 170, 174, 180])
def test_tempo_of_a_metronome_up_to_an_octave(bpm: float) -> None:
    found = tempo_of(sounds.clicks(bpm))
    assert found is not None
    octaves = np.log2(found.bpm / bpm)
    assert abs(octaves) < 1.1
    assert 2 ** abs(octaves - round(octaves)) < 1.02
    assert 0.7 < found.strength <= 1


def test_tempo_of_a_mixture_and_of_a_short_one() -> None:
    for seconds in (30, 9, 5):
        found = tempo_of(sounds.mixture(seconds))
        assert found is not None
        assert found.bpm == pytest.approx(125, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_pulse(seed: int) -> None:
    assert tempo_of(np.random.default_rng(seed).standard_normal(CLIP_SAMPLES) * 0.1) is None


def test_a_steady_tone_and_three_seconds_have_no_pulse() -> None:
    assert tempo_of(sounds.clicks(120, 3)) is None
    assert tempo_of(sounds.tone(60, 30) * 0 + np.sin(2 * np.pi * 440 * sounds.time(30))) is None


def test_tempo_of_real_music_is_mostly_librosas() -> None:
    import librosa

    same = []
    for path in sounds.games(12):
        samples, length = sounds.read(path)
        found = descriptors.tempo(log_mel(samples, length)[: frames_of(length)])
        expected = librosa.feature.tempo(y=samples[:length], sr=sounds.RATE)[0]
        # librosa's steps are whole frames: 3 % at 120.
        same.append(found is not None and abs(found.bpm / expected - 1) < 0.04)
    assert np.mean(same) >= 0.8


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("mode", ["major", "minor"])
def test_key_of_a_cadence(tonic: int, mode: str) -> None:
    found = key_of(sounds.chords(sounds.cadence(tonic, mode) * 2, 0.6))
    assert found is not None
    assert (found.pitch, found.mode) == (sounds.PITCHES[tonic], mode)
    assert 0.6 < found.strength <= 1


@pytest.mark.parametrize("tonic", [0, 5, 10])
def test_key_of_a_scale_that_ends_on_its_chord(tonic: int) -> None:
    scale = [[60 + tonic + step] for step in (0, 2, 4, 5, 7, 9, 11, 12)]
    triad = [[60 + tonic, 64 + tonic, 67 + tonic]] * 4
    found = key_of(sounds.chords(scale + triad, 0.4))
    assert found is not None
    assert (found.pitch, found.mode) == (sounds.PITCHES[tonic], "major")
