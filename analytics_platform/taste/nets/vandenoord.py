"""The nets of van den Oord, Dieleman and Schrauwen (NIPS 2013), and their weighted prediction error.

Source: "Deep content-based music recommendation". It gives the windows (3 s), two convolutions and two dense layers,
rectified linear units, mean over windows, and the MLP's 1,000 units. Numbers of filters, their lengths and the pools
are not given: ours are modest.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from analytics_platform.tracks.nets.parts import Standard, initialise, silent_after

MELS = 128
SECONDS = 3
KERNEL, POOL = 4, 4
FILTERS = (128, 256)
DENSE = 512
FIRST_OUTPUT = 0.05
HIDDEN = 1000
"""Units of the MLP on bags of words."""


class Factors(nn.Module):
    """A dense layer whose output begins at the factors' mean, with their spread: the first steps are not lost on that.

    Args:
        inputs: numbers (B, inputs) that it takes.
        outputs: factors (B, outputs) that it gives, float32.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.register_buffer("centre", torch.zeros(outputs))
        self.register_buffer("spread", torch.ones(()))

    @torch.no_grad()
    def fit(self, factors: Tensor) -> None:
        """Take the mean of each factor (n, outputs) of the training part, one deviation of all, and small weights."""
        self.linear.weight.mul_(FIRST_OUTPUT)
        self.centre.copy_(factors.mean(0))
        self.spread.copy_((factors - self.centre).square().mean().sqrt().clamp(min=1e-12))

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs) → (B, outputs)."""
        return self.centre + self.spread * self.linear(values).float()


class VanDenOord(nn.Module):
    """Two convolutions over time and two dense layers, the last of which gives the factors; hears one window.

    Takes (B, frames, 128) decibels with a mask (B, frames) of where there is sound, which begins at the first frame;
    what the mask excludes is 0 before each layer. 1 140 658 weights with 130 frames and 50 outputs.

    Args:
        frames: of a window.
        outputs: factors.
    """

    def __init__(self, frames: int, outputs: int) -> None:
        super().__init__()
        self.scale = Standard(MELS)
        widths = (MELS, *FILTERS)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL) for before, after in zip(widths, FILTERS, strict=False)
        )
        steps = frames
        for _ in FILTERS:
            steps = (steps - KERNEL + 1) // POOL
        if steps < 1:
            raise ValueError(f"a window of {frames} frames is too short: nothing is left after two poolings")
        self.dense = nn.Linear(FILTERS[-1] * steps, DENSE)
        self.output = Factors(DENSE, outputs)
        initialise(self, "he normal")

    def fit_scales(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take mean and deviation of each band in the training part; a batch is what ``forward`` takes."""
        self.scale.fit(values[mask] for values, mask in batches)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B, frames, 128), (B, frames) → (B, outputs)."""
        layers = self._convolve(values, mask.sum(1))
        hidden = functional.relu(self.dense(self._flat(*layers[-1])))
        return self.output(hidden)

    @torch.no_grad()
    def activations(self, crops: Tensor, mask: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """What each layer's units say: maximum and mean (B, units) over windows (B, C, frames, 128) and their time.

        Layers are ``conv1`` and ``conv2``, before their pooling, and ``dense1``, one value a window.
        """
        batch, count = crops.shape[:2]
        layers = self._convolve(crops.flatten(0, 1), mask.flatten(0, 1).sum(1))
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for number, (values, steps) in enumerate(layers, 1):
            # The units are rectified: zeros of the padding are never the largest.
            sounding = silent_after(values, steps)
            found[f"conv{number}"] = sounding.amax(2), sounding.sum(2) / steps.clamp(min=1)[:, None]
        hidden = functional.relu(self.dense(self._flat(*layers[-1])))
        found["dense1"] = hidden, hidden
        return {
            name: (high.unflatten(0, (batch, count)).amax(1), mean.unflatten(0, (batch, count)).mean(1))
            for name, (high, mean) in found.items()
        }

    def _convolve(self, values: Tensor, frames: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(N, frames, 128), (N,) → of each layer (N, filters, time) and how many steps (N,) are of sound alone."""
        values = silent_after(self.scale(values).transpose(1, 2), frames)
        steps = frames
        layers: list[tuple[Tensor, Tensor]] = []
        for convolution in self.convolutions:
            if layers:
                values, steps = functional.max_pool1d(values, POOL), steps // POOL
            steps = (steps - KERNEL + 1).clamp(min=0)
            values = silent_after(functional.relu(convolution(values)), steps)
            layers.append((values, steps))
        return layers

    def _flat(self, values: Tensor, steps: Tensor) -> Tensor:
        return silent_after(functional.max_pool1d(values, POOL), steps // POOL).flatten(1)


class WordsMLP(nn.Module):
    """One hidden layer of 1,000 rectified linear units on what the principal components keep of a bag of words."""

    def __init__(self, columns: int, outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(columns, HIDDEN)
        self.output = Factors(HIDDEN, outputs)
        initialise(self, "he normal")

    def forward(self, values: Tensor) -> Tensor:
        """(B, columns) → (B, outputs)."""
        return self.output(functional.relu(self.hidden(values)))


def squared_error(said: Tensor, factors: Tensor) -> Tensor:
    """Squared distance (B, d), (B, d) of predicted and true factors, mean over the tracks."""
    return (said.float() - factors).square().sum(1).mean()


def weighted_prediction_error(said: Tensor, squares: Tensor, pulls: Tensor, constants: Tensor) -> Tensor:
    """How wrongly the predicted factors predict who plays: Σᵤ cᵤᵢ (pᵤᵢ − xᵤ·yᵢ)², mean over the tracks i.

    With p = 1 and confidence c where there are plays, p = 0 and c = 1 elsewhere, the sum over all listeners is
    yᵀ (XᵀX + Σ (c − 1) x xᵀ) y − 2 yᵀ Σ c x + Σ c, with the sums over those who played: d² numbers for each track
    instead of one for each listener. ``weighted_terms`` makes them.

    Args:
        said: (B, d) predicted factors y.
        squares: (B, d, d) XᵀX + Σ (c − 1) x xᵀ.
        pulls: (B, d) Σ c x.
        constants: (B,) Σ c.
    """
    said = said.float()
    quadratic = torch.einsum("bi,bij,bj->b", said, squares, said)
    return (quadratic - 2 * (pulls * said).sum(1) + constants).mean()
