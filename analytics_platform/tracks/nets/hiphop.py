"""The spectrogram classifiers of HipHopPopularity (Indorf 2021): a perceptron, convolutional nets, and the CRNN.

All take log-mel spectrograms in decibels (B, frames, 128) with a mask (B, frames) of where there is
sound, which begins at the first frame, and give (B,) before the sigmoid. They are scaled to 0..1 by the
range of the training part, and what the mask excludes becomes 0, the lowest value; the source instead
cut and repeated the flat array to 128 × 1292, which shifts the rows of any clip of another length.
Perceptron and convolutional nets have a fixed number of inputs, so a shorter clip is followed by
silence, with a mask no trace of what was there. The CRNN hears each clip to its own last frame.

Weights are counted and layers read in the author's draft notebook (Keras 2.7); images are mel × time ×
channel there, so torch's flattened values have another order, which a dense layer does not notice. What
Keras does and is done here: ``same`` padding of a kernel of even length adds the odd row after the last
one; pooling drops what does not fill a window; a GRU has two bias vectors (``reset_after``) and its
``dropout`` drops inputs, each at each step on its own. Rectifiers are applied after pooling: they do not
change which value is largest, and there is an eighth to compute. There is no batch normalisation.

Trained with binary cross-entropy and Adam at .001; batches of 30 (perceptron) or 100; 60 epochs, 120
(CNN3) or 100 (CRNN). The final notebook, behind the published scores, may differ from the draft.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from analytics_platform.tracks.nets.parts import MinMax, head, initialise, silent_after

MELS = 128
FRAMES = 1292
"""30 s at 22 050 Hz and a hop of 512."""
POOLS = ((2, 4), (2, 4), (2, 2), (2, 2))
"""Mel bands and frames that become one after each convolution of CNN1 to CNN3."""
Layer = tuple[int, tuple[int, int]]
"""Filters, and mel bands × frames of the kernel."""


class _Spectrograms(nn.Module):
    """A net that hears spectrograms."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = MinMax()

    def fit_scales(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take the range of the decibels of the training part; a batch is what ``forward`` takes."""
        self.scale.fit(log_mel[mask] for log_mel, mask in batches)

    def image(self, log_mel: Tensor, mask: Tensor) -> Tensor:
        """(B, frames, 128) dB → (B, 1, 128, frames), 0 to 1, and 0 where there is no sound."""
        return self.scale(log_mel).masked_fill(~mask[:, :, None], 0).transpose(1, 2)[:, None]


class _FixedLength(_Spectrograms):
    """A net with dense layers on all frames."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def image(self, log_mel: Tensor, mask: Tensor) -> Tensor:
        """As above.

        Raises:
            ValueError: there are more or fewer frames than the net was made for.
        """
        if log_mel.shape[1] != self.frames:
            raise ValueError(f"the net hears {self.frames} frames, not {log_mel.shape[1]}: pad them, with a mask")
        return super().image(log_mel, mask)


class MLP(_FixedLength):
    """The multilayer perceptron: 165 376 → 128 → 64 → 1, 21 176 577 weights; another size with fewer frames."""

    def __init__(self, frames: int = FRAMES) -> None:
        super().__init__(frames)
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(MELS * frames, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        initialise(self)

    def forward(self, log_mel: Tensor, mask: Tensor) -> Tensor:
        """(B, frames, 128), (B, frames) → (B,)."""
        return head(self.layers(self.image(log_mel, mask)))


class CNN(_FixedLength):
    """Four convolutions with ReLU, each pooled, and dense layers: see ``cnn1``, ``cnn2`` and ``cnn3``.

    Args:
        layers: the four convolutions.
        hidden: widths of the dense layers before the last.
        dropout: share dropped after each of them.
        frames: 64 or more; the number of the dense layer's inputs follows.
    """

    def __init__(self, layers: tuple[Layer, ...], hidden: tuple[int, ...], dropout: float, frames: int) -> None:
        super().__init__(frames)
        convolutions: list[nn.Module] = []
        channels, size = 1, (MELS, frames)
        for (filters, (high, wide)), pool in zip(layers, POOLS, strict=True):
            convolutions += [
                nn.ZeroPad2d(((wide - 1) // 2, wide // 2, (high - 1) // 2, high // 2)),
                nn.Conv2d(channels, filters, (high, wide)),
                nn.MaxPool2d(pool),
                nn.ReLU(),
            ]
            channels, size = filters, (size[0] // pool[0], size[1] // pool[1])
        self.convolutions = nn.Sequential(*convolutions)
        dense: list[nn.Module] = [nn.Flatten()]
        width = channels * size[0] * size[1]
        for units in hidden:
            dense += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
            width = units
        self.dense = nn.Sequential(*dense, nn.Linear(width, 1))
        initialise(self)

    def forward(self, log_mel: Tensor, mask: Tensor) -> Tensor:
        """(B, frames, 128), (B, frames) → (B,)."""
        return head(self.dense(self.convolutions(self.image(log_mel, mask))))


def cnn1(frames: int = FRAMES, head_of: Literal["source", "summary"] = "source") -> CNN:
    """The first convolutional net: 16, 32, 64, 128 filters of 3 × 3, 20 480 values, then one of two heads.

    The code says 128, 64 and 1 with a dropout of .3 after the first two (2 727 041 weights); the summary
    that was saved with it shows 128 and 1 (2 718 849 weights) and no dropout.
    """
    layers = ((16, (3, 3)), (32, (3, 3)), (64, (3, 3)), (128, (3, 3)))
    return CNN(layers, (128, 64), 0.3, frames) if head_of == "source" else CNN(layers, (128,), 0, frames)


CNN2_LAYERS: tuple[Layer, ...] = ((32, (2, 3)), (64, (2, 3)), (128, (2, 3)), (128, (3, 3)))


def cnn2(frames: int = FRAMES) -> CNN:
    """The second: kernels of two bands and three frames, a dense layer of 128; 2 831 137 weights."""
    return CNN(CNN2_LAYERS, (128,), 0, frames)


def cnn3(frames: int = FRAMES) -> CNN:
    """The second with a dense layer of 64 more, and a dropout of .3 after each; 2 839 329 weights."""
    return CNN(CNN2_LAYERS, (128, 64), 0.3, frames)


class CRNN(_Spectrograms):
    """The convolutional-recurrent net: four convolutions, then two GRUs of 32 over time; 391 585 weights.

    Takes any number of frames. What the mask excludes is set to 0 again after each pooling, as if the
    spectrogram ended there, and the last step that holds only sound is the one that is read: padding
    changes nothing. Fewer than 16 frames are not one step; such a clip is heard as if 16 long, with silence.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = (1, 64, 128, 128, 128)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(channels)
        )
        self.pools = ((2, 2), (4, 2), (4, 2), (4, 2))
        self.gru1 = nn.GRU(128, 32, batch_first=True)
        self.gru2 = nn.GRU(32, 32, batch_first=True)
        self.last = nn.Linear(32, 1)
        initialise(self)

    def steps(self, log_mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What the GRUs read: (B, frames // 16, 128), and how many steps of each are sound (B,)."""
        values, frames = self.image(log_mel, mask), mask.sum(1)
        values = functional.pad(values, (0, max(16 - values.shape[3], 0)))
        for convolution, pool in zip(self.convolutions, self.pools, strict=True):
            values = functional.elu(functional.max_pool2d(convolution(values), pool))
            frames = (frames // 2).clamp(min=1)
            values = silent_after(functional.dropout(values, 0.1, self.training), frames)
        return values.squeeze(2).transpose(1, 2), frames

    def forward(self, log_mel: Tensor, mask: Tensor) -> Tensor:
        """(B, frames, 128), (B, frames) → (B,)."""
        values, count = self.steps(log_mel, mask)
        for gru in (self.gru1, self.gru2):
            values, _ = gru(functional.dropout(values, 0.3, self.training))
        rows = torch.arange(len(values), device=values.device)
        return head(self.last(values[rows, count - 1]))
