"""VGGish: 128 numbers for every 0.96 seconds, trained on YouTube's sounds.

Hershey et al., "CNN architectures for large-scale audio classification" (2017); front end and network as in
``tensorflow/models`` ``research/audioset/vggish`` (``vggish_params.py``, ``vggish_slim.py``). The weights are
not part of this package and can't be had from a package index: they are read from a file of the user's.

A file of weights is made once, where there is a network, in either way; the names are understood as they are:

- of torchvggish: ``save_file(torch.load("vggish-10086976.pth"), "vggish.safetensors")``, with ``save_file`` of
  ``safetensors.torch``, and the tensors of ``vggish_pca_params-970ea276.pth`` beside them if wanted;
- of TensorFlow: each variable of ``vggish_model.ckpt`` under its name, like ``vggish/conv1/weights``, and
  ``pca_eigen_vectors`` and ``pca_means`` of ``vggish_pca_params.npz``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.embeddings import Embedded, FloatArray, WeightsError, sound_of, whole_windows

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE = 16_000
FRAME = 400
"""Samples of a frame: 25 ms."""
HOP = 160
N_FFT = 512
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
LOG_OFFSET = 0.01
FRAMES = 96
"""Of a window: 0.96 s."""
DIM = 128
QUANTISED = 2.0
"""Largest absolute value after the principal components that the eight bits can say."""

_CONVOLUTIONS = (
    ("features.0", "vggish/conv1", (64, 1, 3, 3)),
    ("features.3", "vggish/conv2", (128, 64, 3, 3)),
    ("features.6", "vggish/conv3/conv3_1", (256, 128, 3, 3)),
    ("features.8", "vggish/conv3/conv3_2", (256, 256, 3, 3)),
    ("features.11", "vggish/conv4/conv4_1", (512, 256, 3, 3)),
    ("features.13", "vggish/conv4/conv4_2", (512, 512, 3, 3)),
)
_DENSE = (
    ("embeddings.0", "vggish/fc1/fc1_1", (4096, 6 * 4 * 512)),
    ("embeddings.2", "vggish/fc1/fc1_2", (4096, 4096)),
    ("embeddings.4", "vggish/fc2", (DIM, 4096)),
)
_POOL_AFTER = ("features.0", "features.3", "features.8", "features.13")

SHAPES: dict[str, tuple[int, ...]] = {
    f"{name}.{part}": shape if part == "weight" else shape[:1]
    for name, _, shape in (*_CONVOLUTIONS, *_DENSE)
    for part in ("weight", "bias")
}
"""Names (as in torchvggish) and shapes of the weights; 72 141 184 numbers."""
COMPONENTS = {"pproc.pca_eigen_vectors": (DIM, DIM), "pproc.pca_means": (DIM, 1)}


def load_vggish(
    path: Path,
    sha256: str,
    *,
    relu: bool = False,
    components: bool = False,
    bfloat16: bool = False,
    device: str = "cpu",
) -> VGGish:
    """Make the net of a file of weights.

    Args:
        path: safetensors, with the names of torchvggish or of TensorFlow, see above.
        sha256: of the file, 64 hex digits: vectors of other weights mean something else.
        relu: see :class:`VGGish`.
        components: see :class:`VGGish`.
        bfloat16: see :class:`VGGish`.
        device: ``cpu``, ``cuda`` …

    Raises:
        WeightsError: the file is missing, is another one, or does not hold the weights of VGGish.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        raise WeightsError(f"no weights of VGGish at {path}: the module analytics_platform.audio.vggish says how")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise WeightsError(f"the weights at {path} have the SHA-256 {found}, not {sha256 or '(none was given)'}")
    try:
        weights = vggish_weights(load_file(path))
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a safetensors file: {error}") from None
    return VGGish(weights, found, relu=relu, components=components, bfloat16=bfloat16, device=device)


def vggish_weights(tensors: Mapping[str, NDArray[Any]]) -> dict[str, FloatArray]:
    """Weights as published, under the names and in the layout of torchvggish.

    Raises:
        WeightsError: one is missing or has another shape.
    """
    known = dict(tensors)
    for name, of_tensorflow, shape in (*_CONVOLUTIONS, *_DENSE):
        if f"{of_tensorflow}/weights" in known:
            kernel = known[f"{of_tensorflow}/weights"]
            axes = (3, 2, 0, 1) if len(shape) == 4 else (1, 0)
            known[f"{name}.weight"] = kernel.transpose(axes) if kernel.ndim == len(axes) else kernel
            known[f"{name}.bias"] = known.get(f"{of_tensorflow}/biases", np.zeros(0))
    for name in COMPONENTS:
        plain = name.removeprefix("pproc.")
        if plain in known:
            known[name] = known[plain].reshape(DIM, -1)
    wanted = SHAPES | {name: shape for name, shape in COMPONENTS.items() if name in known}
    for name, shape in wanted.items():
        if name not in known:
            raise WeightsError(f"these are not the weights of VGGish: there is no {name}")
        if known[name].shape != shape:
            raise WeightsError(f"these are not the weights of VGGish: {name} is {known[name].shape}, not {shape}")
    return {name: np.ascontiguousarray(known[name], dtype=np.float32) for name in wanted}


class VGGish:
    """The net with its front end: an :class:`~analytics_platform.audio.embeddings.Embedder`.

    Its name says what was done to the vectors: they are comparable only with those of the same name.
    """

    sample_rate = SAMPLE_RATE
    dim = DIM
    window_s = FRAMES * HOP / SAMPLE_RATE
    tags: tuple[str, ...] = ()

    def __init__(
        self,
        weights: Mapping[str, FloatArray],
        sha256: str,
        *,
        relu: bool = False,
        components: bool = False,
        bfloat16: bool = False,
        device: str = "cpu",
    ) -> None:
        """Make the net.

        Args:
            weights: as :func:`vggish_weights` gives them.
            sha256: of the file that they are from.
            relu: cut negative values off, as torchvggish does and the systems built on it expect; TensorFlow's
                current code does not.
            components: turn the vectors to principal components, whole numbers from 0 to 255, as in the
                published AudioSet features.
            bfloat16: multiply in bfloat16, in half the time where the processor can; vectors differ by less than
                a thousandth of their length, so the name stays.
            device: ``cpu``, ``cuda`` …

        Raises:
            WeightsError: components are wanted, and the weights hold none.
        """
        import torch

        if components and not COMPONENTS.keys() <= weights.keys():
            raise WeightsError("the file of weights holds no pca_eigen_vectors and pca_means")
        self.name = "vggish" + "_relu" * relu + "_pca" * components
        self.weights = sha256[:16]
        self.device = device
        self.relu = relu
        self._type = torch.bfloat16 if bfloat16 else torch.float32
        self._weights = {name: torch.from_numpy(array).to(device, self._type) for name, array in weights.items()}
        self._components = [torch.from_numpy(weights[name]).to(device) for name in COMPONENTS if components]
        for name, _, _ in _CONVOLUTIONS:
            kernel = self._weights[f"{name}.weight"]
            self._weights[f"{name}.weight"] = kernel.contiguous(memory_format=torch.channels_last)
        self._mel = torch.from_numpy(mel_basis()).to(device)
        self._hann = torch.hann_window(FRAME, device=device)

    def embed(self, samples: FloatArray, length: int | None = None) -> Embedded:
        """Hear a clip; see the interface. What is shorter than a window is repeated until it fills one."""
        import torch

        with torch.inference_mode():
            frames = self.log_mel(torch.from_numpy(sound_of(samples, length)).to(self.device))
            sequence = self.hear(whole_windows(frames, FRAMES))
            return Embedded(sequence.cpu().numpy(), sequence.mean(dim=0).cpu().numpy())

    def log_mel(self, sound: Tensor) -> Tensor:
        """(n,) samples → (frames, 64): the logarithm of the magnitude in each mel band, plus 0.01."""
        import torch
        from torch.nn import functional

        sound = functional.pad(sound, (0, max(FRAME - len(sound), 0)))
        magnitude = torch.fft.rfft(sound.unfold(0, FRAME, HOP) * self._hann, n=N_FFT).abs()
        return torch.log((magnitude @ self._mel).add_(LOG_OFFSET))

    def hear(self, patches: Tensor) -> Tensor:
        """(windows, 96, 64) → (windows, 128)."""
        from torch.nn import functional

        weights = self._weights
        heard = patches[:, None].to(self._type)
        for name, _, _ in _CONVOLUTIONS:
            heard = functional.conv2d(heard, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1).relu_()
            if name in _POOL_AFTER:
                heard = functional.max_pool2d(heard, 2)
        # TensorFlow's order, which the dense weights expect: time, band, channel.
        heard = heard.permute(0, 2, 3, 1).flatten(1)
        for name, _, _ in _DENSE:
            heard = functional.linear(heard, weights[f"{name}.weight"], weights[f"{name}.bias"])
            if name != _DENSE[-1][0] or self.relu:
                heard = heard.relu_()
        heard = heard.float()
        if not self._components:
            return heard
        vectors, means = self._components
        turned = (heard - means[:, 0]) @ vectors.T
        return ((turned.clamp(-QUANTISED, QUANTISED) + QUANTISED) * (255 / (2 * QUANTISED))).floor()


@cache
def mel_basis() -> FloatArray:
    """(257, 64): HTK's mel bands, triangles over mels with height 1; nothing of the constant part."""

    def mel(hz: Any) -> NDArray[np.float64]:
        return 1127 * np.log1p(np.asarray(hz) / 700)

    edges = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), BANDS + 2)
    bins = mel(np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return weights.astype(np.float32)
