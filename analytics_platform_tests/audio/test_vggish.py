"""VGGish computes what front end and network are by definition; weights are given, and checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics_platform.audio.embeddings import WeightsError, available_embedders
from analytics_platform.audio.vggish import SHAPES, VGGish, load_vggish, vggish_weights
from analytics_platform_tests.audio.nets import convolved, relu, song

Weights = dict[str, NDArray[np.float32]]
CHANNELS = {"features.0": 3, "features.3": 4, "features.6": 5, "features.8": 5, "features.11": 6, "features.13": 6}
DENSE = {"embeddings.0": 9, "embeddings.2": 8, "embeddings.4": 7}
LAYERS = ("features.0", "P", "features.3", "P", "features.6", "features.8", "P", "features.11", "features.13", "P")


def small_weights(seed: int = 0) -> Weights:
    """Of a net that is narrower than the published one."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    before = 1
    for name, size in (CHANNELS | DENSE).items():
        before = before * 24 if name == "embeddings.0" else before
        shape = (size, before, 3, 3) if name in CHANNELS else (size, before)
        spread = np.sqrt(2 / np.prod(shape[1:]))
        weights[f"{name}.weight"] = (spread * rng.standard_normal(shape)).astype(np.float32)
        weights[f"{name}.bias"] = (0.1 * rng.standard_normal(size)).astype(np.float32)
        before = size
    weights["pproc.pca_eigen_vectors"] = rng.standard_normal((7, 7)).astype(np.float32)
    weights["pproc.pca_means"] = rng.standard_normal((7, 1)).astype(np.float32)
    return weights


def by_definition(weights: Weights, patch: NDArray[np.float64]) -> NDArray[np.float64]:
    """One patch (96, 64), with everything in the order of TensorFlow: height, width, channel."""
    image = patch[:, :, None]
    for layer in LAYERS:
        if layer == "P":
            high, wide, channels = image.shape
            image = image.reshape(high // 2, 2, wide // 2, 2, channels).max(axis=(1, 3))
        else:
            kernel = weights[f"{layer}.weight"].transpose(2, 3, 1, 0)
            same = np.pad(image, ((1, 1), (1, 1), (0, 0)))
            image = relu(convolved(same, kernel) + weights[f"{layer}.bias"])
    vector = image.ravel()
    for layer in DENSE:
        vector = vector @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        vector = vector if layer == "embeddings.4" else relu(vector)
    return vector


def heard(net: VGGish, patches: NDArray[np.float64]) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        return net.hear(torch.from_numpy(patches.astype(np.float32))).numpy()


def test_the_net_is_that_of_the_definition() -> None:
    weights, patches = small_weights(), np.random.default_rng(1).standard_normal((3, 96, 64))
    found = heard(VGGish(weights, "0" * 64), patches)
    expected = np.stack([by_definition(weights, patch) for patch in patches])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert (found < 0).any()
    older = heard(VGGish(weights, "0" * 64, relu=True), patches)
    np.testing.assert_allclose(older, relu(expected), rtol=1e-4, atol=1e-5)


def test_in_bfloat16_it_hears_nearly_the_same() -> None:
    weights, patches = small_weights(), np.random.default_rng(1).standard_normal((8, 96, 64))
    exact, fast = (heard(VGGish(weights, "0" * 64, bfloat16=on), patches) for on in (False, True))
    assert not np.array_equal(exact, fast)
    cosines = (exact * fast).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(fast, axis=1)
    assert cosines.min() > 0.999


def test_principal_components_in_eight_bits() -> None:
    weights, patches = small_weights(), np.random.default_rng(1).standard_normal((3, 96, 64))
    found = heard(VGGish(weights, "0" * 64, components=True), patches)
    turned = [
        weights["pproc.pca_eigen_vectors"] @ (by_definition(weights, patch) - weights["pproc.pca_means"][:, 0])
        for patch in patches
    ]
    expected = ((np.clip(turned, -2, 2) + 2) * 255 / 4).astype(np.uint8)
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 3


def test_the_front_end_is_that_of_the_definition() -> None:
    """Frame by frame: the sums of the Fourier transform written out, and triangles over HTK's mels."""
    import torch

    sound = song(0.3)
    found = VGGish(small_weights(), "0" * 64).log_mel(torch.from_numpy(sound)).numpy()
    assert len(found) == 1 + (len(sound) - 400) // 160
    n, k = np.arange(400), np.arange(257)
    waves = np.exp(-2j * np.pi * np.outer(k, n) / 512)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 400)
    mels = 1127 * np.log(1 + k * 16_000 / 512 / 700)
    lowest, highest = (1127 * np.log(1 + hz / 700) for hz in (125, 7500))
    step = (highest - lowest) / 65
    for i, row in enumerate(found):
        magnitude = np.abs(waves @ (sound[160 * i : 160 * i + 400] * window))
        bands = [
            (magnitude * np.maximum(0, 1 - np.abs(mels - lowest - (band + 1) * step) / step))[1:].sum()
            for band in range(64)
        ]
        np.testing.assert_allclose(row, np.log(np.array(bands) + 0.01), atol=2e-4)


@pytest.mark.parametrize(("samples", "windows"), [(1, 1), (500, 1), (15_600, 1), (30_960, 2), (480_000, 31)])
def test_windows_of_a_clip(samples: int, windows: int) -> None:
    found = VGGish(small_weights(), "0" * 64).embed(song(30)[:samples])
    assert found.sequence.shape == (windows, 7)
    assert found.tags is None
    np.testing.assert_allclose(found.pooled, found.sequence.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_silence_is_heard_as_the_same_in_every_window() -> None:
    found = VGGish(small_weights(), "0" * 64).embed(np.zeros(48_000, dtype=np.float32)).sequence
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape), rtol=1e-5, atol=1e-6)


def test_the_published_net_has_72_million_weights() -> None:
    assert sum(int(np.prod(shape)) for shape in SHAPES.values()) == 72_141_184


def test_other_weights_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    with pytest.raises(WeightsError, match=r"features.0.weight is \(3, 1, 3, 3\), not \(64, 1, 3, 3\)"):
        vggish_weights(small_weights())
    with pytest.raises(WeightsError, match=r"there is no features.0.weight"):
        vggish_weights({})
    with pytest.raises(WeightsError, match="holds no pca_eigen_vectors"):
        VGGish({}, "0" * 64, components=True)
    path = tmp_path / "vggish.safetensors"
    save_file(small_weights(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(WeightsError, match="not the weights of VGGish"):
        load_vggish(path, sha256)
    with pytest.raises(WeightsError, match=f"have the SHA-256 {sha256}, not {'0' * 64}"):
        load_vggish(path, "0" * 64)
    with pytest.raises(WeightsError, match="none was given"):
        available_embedders(tmp_path, vggish=path)
    path.write_bytes(b"PK")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_vggish(path, hashlib.sha256(b"PK").hexdigest())


def test_weights_of_the_published_size_with_the_names_of_tensorflow(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    names = ["conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2"]
    names += ["fc1/fc1_1", "fc1/fc1_2", "fc2"]
    tensors = {"pca_eigen_vectors": np.eye(128, dtype=np.float32), "pca_means": np.zeros(128, dtype=np.float32)}
    for name, ours in zip(names, CHANNELS | DENSE, strict=True):
        *around, before, size = (
            SHAPES[f"{ours}.weight"][::-1] if ours in DENSE else (3, 3, *SHAPES[f"{ours}.weight"][1::-1])
        )
        filters = np.arange(size, dtype=np.float32)
        rows = np.arange(3, dtype=np.float32)[:, None, None, None] / 10 if around else 0
        tensors[f"vggish/{name}/weights"] = np.broadcast_to(filters + rows, (*around, before, size))
        tensors[f"vggish/{name}/biases"] = filters
    weights = vggish_weights(tensors)
    for ours in DENSE:
        kernel = weights[f"{ours}.weight"]
        assert kernel.shape == SHAPES[f"{ours}.weight"]
        np.testing.assert_array_equal(kernel[:, [0, -1]], np.repeat(np.arange(len(kernel))[:, None], 2, axis=1))
    kernel = weights["features.13.weight"]
    assert kernel.shape == (512, 512, 3, 3)
    np.testing.assert_allclose(kernel[7, 5], [[7, 7, 7], [7.1, 7.1, 7.1], [7.2, 7.2, 7.2]], rtol=1e-6)

    path = tmp_path / "vggish.safetensors"
    save_file(weights, path)
    del weights, kernel
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    (net,) = available_embedders(tmp_path, vggish=path, vggish_sha256=sha256.upper())
    path.unlink()
    assert (net.name, net.weights, net.dim, net.tags) == ("vggish", sha256[:16], 128, ())
    assert net.embed(song(1)).sequence.shape == (1, 128)
