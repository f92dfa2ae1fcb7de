"""HitMusicNet (Martín-Gutiérrez et al., IEEE Access 8, 2020): an autoencoder, and a small net on its codes.

Read in the authors' public code (Keras 2.2.4). The published net also takes six numbers of the lyrics,
three of artist and markets and twelve of Spotify's (228 in all); a track that is not released has none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from analytics_platform.tracks.nets.parts import Initialiser, MinMax, head, initialise
from analytics_platform.tracks.tasks import OUTPUTS, Task

AUDIO_FEATURES = 207
PUBLISHED_FEATURES = 228
Compression = Literal["auto", "high", "small"]
DIVISORS: dict[Compression, int] = {"auto": 5, "high": 7, "small": 4}
"""Features per number of the code: of 228 features, 45, 32 and 57."""
DROPOUT = 0.25
CODE_STEPS = 1000


def code_size(features: int, compression: Compression) -> int:
    """Length of the code, rounded down."""
    return features // DIVISORS[compression]


class Autoencoder(nn.Module):
    """n → n/2 → n/3 → code → n/3 → n/2 → n, rounded down; ReLU, and a sigmoid at the end.

    Takes features that are scaled to 0..1. Trained with the mean squared error and Adam, at most 50
    epochs, until the training loss has not fallen for two.
    """

    def __init__(self, features: int, code: int) -> None:
        super().__init__()
        widths = (features, features // 2, features // 3, code)
        self.encoder = nn.Sequential(*_dense(widths))
        self.decoder = nn.Sequential(*_dense(widths[:0:-1]), nn.Linear(widths[1], features), nn.Sigmoid())
        initialise(self)

    def forward(self, scaled: Tensor) -> Tensor:
        """(B, n) → (B, n), 0 to 1."""
        return self.decoder(self.encoder(scaled))


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    """Dense layers, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers


class Compressor(nn.Module):
    """An autoencoder with the scales before and after it: features (B, n) as they are → codes (B, code), 0 to 1."""

    def __init__(self, features: int, code: int) -> None:
        super().__init__()
        self.scale = MinMax(features)
        self.autoencoder = Autoencoder(features, code)
        self.code_scale = MinMax(code)

    def reconstruction_loss(self, features: Tensor) -> Tensor:
        """Mean squared error of the autoencoder."""
        scaled = self.scale(features)
        return functional.mse_loss(self.autoencoder(scaled), scaled)

    def fit_codes(self, batches: Iterable[Tensor]) -> None:
        """Take the range of the codes of the training part, once the autoencoder is trained."""
        with torch.no_grad():
            self.code_scale.fit(self.autoencoder.encoder(self.scale(features)) for features in batches)

    def forward(self, features: Tensor) -> Tensor:
        """(B, n) → (B, code): to three decimals, as the authors stored them, and without gradient."""
        with torch.no_grad():
            scaled = self.code_scale(self.autoencoder.encoder(self.scale(features)).float())
            return (scaled * CODE_STEPS).round() / CODE_STEPS


class Network(nn.Module):
    """n → n → n/2 → n/3 → 1 or 3: ReLU, and a dropout of .25 after the first two layers.

    Widths are rounded to the nearest, halves to even, as in the source (45-45-22-15-1). The initialiser is
    that of the hidden layers; the last one always starts Glorot-uniform.
    """

    def __init__(self, inputs: int, task: Task, initialiser: Initialiser = "glorot uniform") -> None:
        super().__init__()
        half, third = round(inputs / 2), round(inputs / 3)
        first, second, rest = (inputs, inputs), (inputs, half), (half, third)
        self.hidden = nn.Sequential(
            *_dense(first), nn.Dropout(DROPOUT), *_dense(second), nn.Dropout(DROPOUT), *_dense(rest)
        )
        self.last = nn.Linear(third, OUTPUTS[task])
        initialise(self.hidden, initialiser)
        initialise(self.last)

    def forward(self, codes: Tensor) -> Tensor:
        """(B, n) → (B,) before the sigmoid, or (B, 3) before the softmax."""
        return head(self.last(self.hidden(codes)))


class HitMusicNet(nn.Module):
    """The autoencoder, and the network on its codes.

    With 207 features it hears the sound alone, and is the one that is compared. The published one takes
    228, with lyrics, markets and the artist's followers and popularity: an unreleased track has none of
    them, and the artist's popularity is nearly the target itself.

    In order: ``fit_scales``; train the autoencoder with ``reconstruction_loss``; ``fit_codes``; train the
    network with the task's loss, which does not reach the autoencoder.

    Args:
        features: numbers per track.
        compression: length of the code: auto, high or small.
        task: regression (mean squared error) or three-class (low below 25 of 100, medium, high from 65).
        initialiser: of the network; variants A and B start Glorot-uniform, C and D He-normal.
    """

    def __init__(
        self,
        features: int = AUDIO_FEATURES,
        compression: Compression = "auto",
        task: Task = "regression",
        initialiser: Initialiser = "glorot uniform",
    ) -> None:
        super().__init__()
        code = code_size(features, compression)
        self.compressor = Compressor(features, code)
        self.network = Network(code, task, initialiser)

    def fit_scales(self, batches: Iterable[tuple[Tensor]]) -> None:
        """Take the range of every feature of the training part; a batch is what ``forward`` takes."""
        self.compressor.scale.fit(features for (features,) in batches)

    def reconstruction_loss(self, features: Tensor) -> Tensor:
        """Mean squared error of the autoencoder on (B, n)."""
        return self.compressor.reconstruction_loss(features)

    def fit_codes(self, batches: Iterable[tuple[Tensor]]) -> None:
        """Take the range of the codes of the training part."""
        self.compressor.fit_codes(features for (features,) in batches)

    def forward(self, features: Tensor) -> Tensor:
        """(B, n) → (B,) before the sigmoid, or (B, 3) before the softmax."""
        return self.network(self.compressor(features))
