"""The 207 features are those that librosa gives, one call after another; the mended ones mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from analytics_platform.audio.chroma import chroma, mean_tonal_centroids
from analytics_platform.audio.features import analyse
from analytics_platform.audio.low_level import energy_entropy, rms, source_entropy, zero_crossing_rate
from analytics_platform.audio.names import FEATURE_NAMES
from analytics_platform_tests.audio import sounds
from analytics_platform_tests.audio.low_level_by_librosa import naive_features

NAMES = list(FEATURE_NAMES)
TOLERANCES = {
    # Relative, absolute.
    "MFCC": (1e-4, 1e-4),
    "Chroma": (0, 2e-3),
    "MEL": (1e-4, 1e-9),
    "ZCR": (1e-6, 0),
    "Tonnetz": (0, 2e-3),
    "spectral_centroid": (1e-4, 0),
    "Spectral_contrast": (1e-3, 1e-3),
    "spectral_rollOff_min": (1e-4, 0),
    "spectral_rollOff_max": (1e-4, 0),
    "spectral_bandwith": (1e-4, 0),
    "entropy_energy": (1e-4, 0),
}


def by_name(values: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, values.tolist(), strict=True))


def check(samples: sounds.Samples, length: int, **looser: tuple[float, float]) -> None:
    own = analyse(samples, length).features
    naive, centroid = naive_features(samples[:length], chroma_hop=2048, tuning=0.0, again=False)
    source, mended, expected = by_name(own["hitmusicnet"]), by_name(own["hitmusicnet_mended"]), by_name(naive)
    for name in NAMES:
        group = name if name in TOLERANCES else name.rpartition("_")[0]
        relative, absolute = looser.get(group, TOLERANCES[group])
        assert source[name] == pytest.approx(expected[name], rel=relative, abs=absolute), name
        if name not in ("spectral_centroid", "entropy_energy"):
            assert mended[name] == source[name]
    assert mended["spectral_centroid"] == pytest.approx(centroid, rel=1e-4)
    assert 0 <= mended["entropy_energy"] <= 1


def hissing(sound: np.ndarray) -> np.ndarray:
    """With a little noise: a pure tone's quiet bins hold nothing but what either transform rounds off."""
    return sound + 1e-3 * np.random.default_rng(1).standard_normal(len(sound))


@pytest.mark.parametrize(
    "sound",
    [
        sounds.mixture(),
        sounds.mixture(12.345, seed=3),
        np.random.default_rng(0).standard_normal(sounds.CLIP) * 0.1,
        hissing(sounds.chords(sounds.cadence(6, "major"), 7.5)),
        sounds.mixture(20) * 10 ** (-sounds.time(20) * 120 / 20 / 20),
    ],
    ids=["mixture", "short mixture", "noise", "chords", "fading by 120 dB"],
)
def test_as_librosa_has_them(sound: np.ndarray) -> None:
    check(*sounds.clip(sound))


@pytest.mark.parametrize("frequency", [440, 9000])
def test_of_a_sine_up_to_what_leaks_from_it(frequency: float) -> None:
    sound = hissing(np.sin(2 * np.pi * frequency * sounds.time(10)) * 0.5)
    # librosa drops the smallest parts of its filters, which is most of what they let through here.
    check(*sounds.clip(sound), Chroma=(0, 0.005), Tonnetz=(0, 0.01))


def test_of_real_music_too() -> None:
    for path in sounds.games(4):
        # Above the codec's low-pass there is next to nothing, and librosa computes that in double precision.
        check(*sounds.read(path), Spectral_contrast=(0.03, 0))


def test_chroma_every_2048_samples_means_the_same_as_every_512_with_its_tuning_fixed() -> None:
    samples, length = sounds.clip(sounds.mixture())
    naive, _ = naive_features(samples[:length], chroma_hop=512, tuning=0.0, again=False)
    own = analyse(samples, length).features["hitmusicnet"]
    wanted = [i for i, name in enumerate(NAMES) if name.startswith(("Chroma", "Tonnetz"))]
    np.testing.assert_allclose(own[wanted], naive[wanted], atol=0.01)


@pytest.mark.parametrize("midi", [29, 48, 62, 75, 93, 107])
def test_a_note_is_its_pitch_class_in_every_octave(midi: int) -> None:
    samples, length = sounds.clip(np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * sounds.time(10)))
    mean = chroma(samples, length)[5:-5].mean(axis=0)
    assert mean.argmax() == midi % 12
    assert mean[midi % 12] == pytest.approx(1)
    assert np.delete(mean, midi % 12).max() < 0.3


def test_tonal_centroids_of_a_fifth_lie_together_and_of_a_tritone_apart() -> None:
    def centroids(*pitches: int) -> np.ndarray:
        one = np.zeros((3, 12), dtype=np.float32)
        one[:, list(pitches)] = 1
        return mean_tonal_centroids(one)

    root, fifth, tritone = centroids(0), centroids(7), centroids(6)
    assert np.linalg.norm(root - fifth) < np.linalg.norm(root - tritone)
    np.testing.assert_allclose(centroids(0, 7), (root + fifth) / 2)
    np.testing.assert_array_equal(mean_tonal_centroids(np.zeros((4, 12), dtype=np.float32)), np.zeros(6))


def test_the_sources_centroid_is_that_of_the_first_frame_only() -> None:
    low, high = (np.sin(2 * np.pi * f * sounds.time(15)) * 0.5 for f in (300, 3000))
    features = analyse(*sounds.clip(hissing(np.concatenate([low, high])))).features
    source, mended = (by_name(features[name])["spectral_centroid"] for name in ("hitmusicnet", "hitmusicnet_mended"))
    assert source < 1000
    assert 1500 < mended < 3000


def test_the_sources_entropy_by_hand() -> None:
    # Mean 0.3; 0.2, 0.1 and 0.3 away from it.
    found = source_entropy(np.array([0.1, 0.2, 0.6], dtype=np.float32))
    assert found == pytest.approx(0.2 * np.log10(0.2) + 0.1 * np.log10(0.1) + 0.3 * np.log10(0.3), rel=1e-5)
    assert np.isnan(source_entropy(np.array([0.25, 0.5, 0.75], dtype=np.float32)))


def test_the_mended_entropy_is_one_if_steady_and_zero_if_all_is_in_one_frame() -> None:
    steady, alone = np.full(9, 0.3, dtype=np.float32), np.eye(9, dtype=np.float32)[4]
    assert energy_entropy(steady) == pytest.approx(1)
    assert energy_entropy(alone) == 0
    assert energy_entropy(np.array([1, 1, 0, 0], dtype=np.float32)) == pytest.approx(0.5)
    assert np.isnan(energy_entropy(np.zeros(9, dtype=np.float32)))
    assert np.isnan(energy_entropy(steady[:1]))


@pytest.mark.parametrize("length", [1, 2, 511, 512, 513, 1024, 2048, 5000, 661_499, 661_500])
def test_rms_and_zero_crossings_at_any_length(length: int) -> None:
    import librosa

    samples, _ = sounds.clip(np.random.default_rng(length).standard_normal(length))
    samples[: length // 2 : 3] = 0
    crossings = librosa.feature.zero_crossing_rate(samples[:length])
    assert zero_crossing_rate(samples, length) == pytest.approx(crossings.mean(), rel=1e-6)
    np.testing.assert_allclose(rms(samples, length), librosa.feature.rms(y=samples[:length])[0], rtol=1e-5)
