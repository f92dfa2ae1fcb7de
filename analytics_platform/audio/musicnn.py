"""MusiCNN, trained on the Million Song Dataset: 50 tags and 200 numbers for every three seconds.

Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging" (2019);
weights and network as in the package ``musicnn`` 0.1.0, see :mod:`.musicnn_weights`. Two faults of the
package are not repeated. It takes the logarithm in float16, where 10 000 times a loud band is infinite
(mel power above 6.55, in most music), and then gives the same tags to everything; here it is float32, as
the net's own statistics of its input show that it was trained. And its vectors of all windows are
those of the first.

Nearly all the work is in five convolutions of which only the largest value over all bands counts. The
two over time and frequency are computed in the Fourier domain of the bands: with the bands' 49
frequencies instead of 38 or 67 weights, there is a quarter to multiply. Around the middle of the valid
positions the inverse transform is an even part E and an odd part O, and the larger of two mirrored
values is E + |O|: half of the inverse is never computed. Results are those of the direct sum within
rounding. Chunks of frames keep what would be hundreds of megabytes in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.embeddings import Embedded, FloatArray, sound_of, whole_windows
from analytics_platform.audio.musicnn_weights import weights_sha256

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE = 16_000
N_FFT = 512
HOP = 256
BANDS = 96
BINS = BANDS // 2 + 1
TAPS = 7
"""Frames that the kernels over time and frequency cover."""
FRAMES = 187
"""Of a window: 2.992 s."""
DIM = 200
EPSILON = 1e-3
"""Of the batch normalisations: TensorFlow's default."""
LANES = 16
"""Numbers in a vector register: products with whole ones are so much faster that kernels get empty filters."""
TIMBRE_CHUNK = 32
TEMPO_CHUNK = 2
"""Frames, and windows, that are computed at once on a CPU: the operands stay in a cache of 1 MiB."""

TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock"),
    *("jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow"),
    *("electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock"),
    *("ambient", "acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb"),
    *("indie pop", "sad", "House", "happy"),
)


class MusiCNN:
    """The net with its front end: an :class:`~analytics_platform.audio.embeddings.Embedder`."""

    name = "musicnn_msd"
    sample_rate = SAMPLE_RATE
    dim = DIM
    window_s = FRAMES * HOP / SAMPLE_RATE
    tags = TAGS

    def __init__(self, weights: Mapping[str, NDArray[Any]], device: str = "cpu") -> None:
        """Make the net of the tensors of the checkpoint, as :func:`.musicnn_weights.load_musicnn` gives them."""
        import torch

        self.weights = weights_sha256(weights)[:16]
        self.device = device

        def tensor(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

        def norm(number: int) -> tuple[NDArray[Any], NDArray[Any]]:
            """Scale and shift of a batch normalisation, in inference."""
            name = f"batch_normalization_{number}" if number else "batch_normalization"
            beta, gamma, mean, variance = (
                weights[f"{name}/{part}"].astype(np.float64)
                for part in ("beta", "gamma", "moving_mean", "moving_variance")
            )
            scale = gamma / np.sqrt(variance + EPSILON)
            return scale, beta - mean * scale

        def conv(number: int) -> tuple[NDArray[Any], NDArray[Any]]:
            """Kernel (time, frequency, filters) and bias."""
            name = f"conv2d_{number}" if number else "conv2d"
            return weights[f"{name}/kernel"][:, :, 0], weights[f"{name}/bias"]

        def rest(number: int) -> tuple[_Rest, NDArray[Any]]:
            """What follows the convolution, and its kernel with the signs that :class:`_Rest` speaks of."""
            kernel, bias = conv(number)
            scale, shift = norm(number + 1)
            sign = np.where(scale < 0, -1.0, 1.0)
            spare = np.zeros((*kernel.shape[:2], -kernel.shape[2] % LANES))
            return _Rest(*map(tensor, (sign, bias, scale, shift))), np.concatenate((kernel * sign, spare), axis=2)

        def timbral(number: int) -> _Timbre:
            after, kernel = rest(number)
            spectrum, cosines, sines = spectrum_of(kernel)
            re, im = np.real(spectrum), np.imag(spectrum)
            parts = (np.concatenate(pair, axis=1) for pair in ((re, -im), (im, re)))
            real, imaginary, cosines, sines = map(tensor, (*parts, cosines, sines))
            return _Timbre(real, imaginary, cosines, sines, after)

        def temporal(number: int) -> _Tempo:
            after, kernel = rest(number)
            return _Tempo(tensor(kernel[:, 0]), after)

        def plain(number: int) -> _Layer:
            kernel, bias = conv(number)
            return _Layer(*map(tensor, (kernel.reshape(-1, kernel.shape[2]), bias, *norm(number + 1))))

        self._input = tuple(float(value[0]) for value in norm(0))
        self._timbral = [timbral(number) for number in (0, 1)]
        self._temporal = [temporal(number) for number in (2, 3, 4)]
        self._middle = [plain(number) for number in (5, 6, 7)]
        # The normalisation before a dense layer is a part of it.
        scale, shift = norm(9)
        kernel = weights["dense/kernel"]
        bias = weights["dense/bias"] + shift @ kernel
        self._dense = _Layer(*map(tensor, (kernel * scale[:, None], bias, *norm(10))))
        self._tags = tensor(weights["dense_1/kernel"]), tensor(weights["dense_1/bias"])
        self._mel = tensor(mel_basis().T)
        self._hann = torch.hann_window(N_FFT, device=device)

    def embed(self, samples: FloatArray, length: int | None = None) -> Embedded:
        """Hear a clip; see the interface. What is shorter than a window is repeated until it fills one."""
        import torch

        with torch.inference_mode():
            frames = self.log_mel(torch.from_numpy(sound_of(samples, length)).to(self.device))
            sequence, scores = self.hear(whole_windows(frames, FRAMES))
            heard = (sequence, sequence.mean(dim=0), scores.mean(dim=0))
            return Embedded(*(tensor.cpu().numpy() for tensor in heard))

    def log_mel(self, sound: Tensor) -> Tensor:
        """(n,) samples → (1 + n // 256, 96): log10 of 10 000 times the power in each mel band, plus 1."""
        import torch
        from torch.nn import functional

        framed = functional.pad(sound, (N_FFT // 2, N_FFT // 2)).unfold(0, N_FFT, HOP)
        power = torch.fft.rfft(framed * self._hann).abs().square_()
        return torch.log10((power @ self._mel).mul_(1e4).add_(1))

    def hear(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """(windows, 187, 96) → (windows, 200) and (windows, 50): the last layer but one, and the tags' scores."""
        import torch
        from torch.nn import functional

        scale, shift = self._input
        patches = patches * scale + shift
        features = torch.cat([self._hear_timbre(patches), *self._hear_tempo(patches)], dim=2)
        levels = [features]
        for i, layer in enumerate(self._middle):
            padded = functional.pad(levels[-1], (0, 0, 3, 3))
            taps = padded.unfold(1, TAPS, 1).transpose(2, 3).flatten(2)
            heard = (taps @ layer.kernel + layer.bias).relu_() * layer.scale + layer.shift
            levels.append(heard + levels[-1] if i else heard)
        every = torch.cat(levels, dim=2)
        # Largest and mean of each feature stand side by side.
        flat = torch.stack((every.amax(dim=1), every.mean(dim=1)), dim=2).flatten(1)
        dense = self._dense
        last = (flat @ dense.kernel + dense.bias).relu_() * dense.scale + dense.shift
        return last, torch.sigmoid(last @ self._tags[0] + self._tags[1])

    def _hear_timbre(self, patches: Tensor) -> Tensor:
        """(windows, 187, 96) → (windows, 187, 408)."""
        import torch
        from torch.nn import functional

        spectra = torch.view_as_real(torch.fft.rfft(functional.pad(patches, (0, 0, 3, 3)), dim=2))
        taps = spectra.unfold(1, TAPS, 1).permute(2, 0, 1, 3, 4).reshape(BINS, -1, 2 * TAPS)
        chunks: list[Tensor] = []
        for frames in taps.split(TIMBRE_CHUNK if self.device == "cpu" else taps.shape[1], dim=1):
            heard: list[Tensor] = []
            for layer in self._timbral:
                even = layer.cosines @ torch.bmm(frames, layer.real).flatten(1)
                odd = layer.sines @ torch.bmm(frames, layer.imaginary).flatten(1)
                largest = even.add_(odd.abs_()).amax(dim=0)
                heard.append(layer.after.of(largest.reshape(frames.shape[1], -1)))
            chunks.append(torch.cat(heard, dim=1))
        return torch.cat(chunks).reshape(*patches.shape[:2], -1)

    def _hear_tempo(self, patches: Tensor) -> list[Tensor]:
        """(windows, 187, 96) → three of (windows, 187, 51)."""
        import torch
        from torch.nn import functional

        longest = len(self._temporal[0].kernel)
        bands = functional.pad(patches.permute(2, 0, 1), ((longest - 1) // 2, longest // 2)).contiguous()
        step = TEMPO_CHUNK if self.device == "cpu" else len(patches)
        heard: list[list[Tensor]] = [[] for _ in self._temporal]
        for windows in bands.split(step, dim=1):
            best: list[Tensor | None] = [None] * len(self._temporal)
            for band in windows:
                taps = band.unfold(1, longest, 1).reshape(-1, longest)
                for i, layer in enumerate(self._temporal):
                    size = len(layer.kernel)
                    # Padding for SAME: one less before than after, as the lengths are even.
                    first = (longest - 1) // 2 - (size - 1) // 2
                    found = taps[:, first : first + size] @ layer.kernel
                    known = best[i]
                    best[i] = found if known is None else torch.maximum(known, found, out=known)
            for i, layer in enumerate(self._temporal):
                found = best[i]
                assert found is not None
                heard[i].append(layer.after.of(found))
        return [torch.cat(chunks).reshape(*patches.shape[:2], -1) for chunks in heard]


class _Layer(NamedTuple):
    """A layer with ReLU and batch normalisation."""

    kernel: Tensor
    bias: Tensor
    scale: Tensor
    shift: Tensor


class _Rest(NamedTuple):
    """Bias, ReLU and batch normalisation, done to the largest value over the bands only.

    All of them keep the order of values, except a normalisation with a negative scale, which turns it
    round: there the smallest value is wanted, and kernel and sign are negative.
    """

    sign: Tensor
    bias: Tensor
    scale: Tensor
    shift: Tensor

    def of(self, largest: Tensor) -> Tensor:
        """(rows, filters and spare ones) → (rows, filters)."""
        return largest[:, : len(self.bias)].mul(self.sign).add_(self.bias).relu_().mul_(self.scale).add_(self.shift)


class _Timbre(NamedTuple):
    """A convolution over 7 frames and many bands, see :func:`spectrum_of`."""

    real: Tensor
    """(49, 14, filters): real parts of the products, from seven real parts and seven imaginary ones."""
    imaginary: Tensor
    cosines: Tensor
    sines: Tensor
    after: _Rest


class _Tempo(NamedTuple):
    """A convolution over many frames in each band."""

    kernel: Tensor
    """(frames, filters)."""
    after: _Rest


def spectrum_of(kernel: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """A kernel over frames and bands in the Fourier domain of the bands.

    Args:
        kernel: (7, bands, filters).

    Returns:
        (49, 7, filters) complex, to be multiplied with the spectra of frames and summed over the 7; then
        (m, 49) cosines and sines: ``cosines @ real ± sines @ imaginary`` are the sums of products at the m
        positions above, and below, the middle of those where the kernel lies within the bands.
    """
    middle = (BANDS - kernel.shape[1]) / 2
    angle = 2 * np.pi / BANDS * np.arange(BINS)
    # A real signal's spectrum is mirrored: all but the first and the last frequency count twice.
    twice = np.where(np.arange(BINS) % (BINS - 1) == 0, 1, 2) / BANDS
    spectrum = np.fft.rfft(kernel.astype(np.float64), BANDS, axis=1).conj().transpose(1, 0, 2)
    spectrum *= (twice * np.exp(1j * angle * middle))[:, None, None]
    away = np.arange(middle % 1, middle + 0.25)
    return spectrum, np.cos(np.outer(away, angle)), np.sin(np.outer(away, angle))


@cache
def mel_basis() -> FloatArray:
    """(96, 257): Slaney's mel bands from 0 to 8000 Hz, each of area 1, as librosa has them."""
    top = 15 + np.log(SAMPLE_RATE / 2 / 1000) / (np.log(6.4) / 27)
    mels = np.linspace(0, top, BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    bins = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return weights.astype(np.float32)
