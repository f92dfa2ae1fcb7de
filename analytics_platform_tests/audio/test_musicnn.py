"""MusiCNN computes what the network is by definition, whatever its weights are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics_platform.audio.musicnn import EPSILON, MusiCNN, mel_basis
from analytics_platform_tests.audio.nets import convolved, relu, song

Weights = dict[str, NDArray[np.float32]]


def small_weights(seed: int) -> Weights:
    """Of a net that is narrower than the published one, with kernels of the same sizes; half of the scales negative."""
    rng = np.random.default_rng(seed)
    timbral, temporal, middle = 4, 3, 5
    wide = 2 * timbral + 3 * temporal
    every = wide + 3 * middle
    kernels = [(7, 38, 1, timbral), (7, 67, 1, timbral), *((n, 1, 1, temporal) for n in (128, 64, 32))]
    kernels += [(7, wide, 1, middle), (7, middle, 1, middle), (7, middle, 1, middle)]
    weights: Weights = {}

    def draw(name: str, shape: tuple[int, ...], scale: float = 1.0) -> None:
        weights[name] = (scale * rng.standard_normal(shape)).astype(np.float32)

    norms = [1, *(shape[-1] for shape in kernels), 2 * every, 6]
    for i, size in enumerate(norms):
        name = f"batch_normalization_{i}" if i else "batch_normalization"
        for part in ("beta", "gamma", "moving_mean"):
            draw(f"{name}/{part}", (size,))
        weights[f"{name}/moving_variance"] = rng.uniform(0.5, 2, size).astype(np.float32)
    for i, shape in enumerate(kernels):
        name = f"conv2d_{i}" if i else "conv2d"
        draw(f"{name}/kernel", shape, 1 / np.sqrt(np.prod(shape[:3])))
        draw(f"{name}/bias", shape[-1:])
    for name, shape in (("dense", (2 * every, 6)), ("dense_1", (6, 2))):
        draw(f"{name}/kernel", shape, 1 / np.sqrt(shape[0]))
        draw(f"{name}/bias", shape[-1:])
    return weights


def by_definition(weights: Weights, patch: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One patch (187, 96), layer after layer as the paper and the package have them."""

    def named(name: str, number: int) -> str:
        return f"{name}_{number}" if number else name

    def norm(values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        beta, gamma, mean, variance = (
            weights[f"{named('batch_normalization', number)}/{part}"]
            for part in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        return (values - mean) / np.sqrt(variance + EPSILON) * gamma + beta

    def conv(image: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        name = named("conv2d", number)
        return norm(relu(convolved(image, weights[f"{name}/kernel"]) + weights[f"{name}/bias"]), number + 1)

    image = norm(patch[:, :, None], 0)
    padded = np.pad(image, ((3, 3), (0, 0), (0, 0)))
    heard = [conv(padded, 0).max(axis=1), conv(padded, 1).max(axis=1)]
    for number, size in ((2, 128), (3, 64), (4, 32)):
        same = np.pad(image, (((size - 1) // 2, size // 2), (0, 0), (0, 0)))
        heard.append(conv(same, number).max(axis=1))
    levels = [np.concatenate(heard, axis=1)]
    for number in (5, 6, 7):
        found = conv(np.pad(levels[-1], ((3, 3), (0, 0)))[:, :, None], number)[:, 0]
        levels.append(found if number == 5 else found + levels[-1])
    every = np.concatenate(levels, axis=1)
    flat = norm(np.stack((every.max(axis=0), every.mean(axis=0)), axis=1).ravel(), 9)
    last = norm(relu(flat @ weights["dense/kernel"] + weights["dense/bias"]), 10)
    return last, 1 / (1 + np.exp(-(last @ weights["dense_1/kernel"] + weights["dense_1/bias"])))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_net_is_that_of_the_definition(seed: int) -> None:
    import torch

    weights = small_weights(seed)
    patches = np.random.default_rng(seed).uniform(0, 5, (3, 187, 96))
    with torch.inference_mode():
        last, tags = MusiCNN(weights).hear(torch.from_numpy(patches.astype(np.float32)))
    for i, patch in enumerate(patches):
        expected_last, expected_tags = by_definition(weights, patch)
        np.testing.assert_allclose(last[i], expected_last, rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(tags[i], expected_tags, atol=2e-5)


def test_the_front_end_is_that_of_librosa() -> None:
    import librosa
    import torch

    sound = song(2)
    expected = librosa.feature.melspectrogram(y=sound, sr=16_000, n_fft=512, hop_length=256, n_mels=96).T
    found = MusiCNN(small_weights(0)).log_mel(torch.from_numpy(sound))
    np.testing.assert_allclose(found, np.log10(10_000 * expected + 1), atol=1e-4)
    np.testing.assert_allclose(mel_basis(), librosa.filters.mel(sr=16_000, n_fft=512, n_mels=96), atol=1e-8)


def test_loud_music_is_heard_as_finite() -> None:
    """The published code overflows here: its logarithm is taken in float16."""
    heard = MusiCNN(small_weights(0)).embed(song(3) * 5)
    assert np.isfinite(heard.sequence).all()


@pytest.mark.parametrize(
    ("samples", "windows"), [(1, 1), (300, 1), (47_000, 1), (47_616, 1), (95_488, 2), (480_000, 10)]
)
def test_windows_of_a_clip(samples: int, windows: int) -> None:
    heard = MusiCNN(small_weights(0)).embed(song(30)[:samples])
    assert heard.sequence.shape == (windows, 6)
    assert heard.tags is not None
    assert heard.tags.shape == (2,)
    np.testing.assert_allclose(heard.pooled, heard.sequence.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_padding_is_not_heard() -> None:
    net, sound = MusiCNN(small_weights(0)), song(6.5)
    padded = np.concatenate((sound, np.zeros(100_000, dtype=np.float32)))
    np.testing.assert_array_equal(net.embed(padded, len(sound)).sequence, net.embed(sound).sequence)


def test_silence_is_heard_as_the_same_in_every_window() -> None:
    heard = MusiCNN(small_weights(0)).embed(np.zeros(16_000 * 9, dtype=np.float32))
    assert len(heard.sequence) == 3
    np.testing.assert_allclose(heard.sequence, np.broadcast_to(heard.sequence[0], (3, 6)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros((2, 5)), np.array([0.1, np.nan]), np.array([np.inf])])
def test_what_is_no_sound_is_refused(samples: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"mono sound|finite"):
        MusiCNN(small_weights(0)).embed(samples.astype(np.float32))
