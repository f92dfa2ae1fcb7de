"""LSTMs from pieces of sound to a play count, after Salitrik and Takasawa (2018), and an autoencoder of pieces.

Keras has one bias per gate and torch two, which are only ever added: the second is fixed at 0 and takes no part, so
the numbers of weights are those of Keras. Keras 2.1.4 computes gates by a hard sigmoid, which torch has not in its
LSTM: they are sigmoids here, as in Keras since 2.3.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional, init

from analytics_platform.taste.play_counts.pieces import FULL_SCALE, PADDED
from analytics_platform.taste.play_counts.variants import Activation, LossName, Variant
from analytics_platform.tracks.nets.parts import Standard, initialise

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {"linear": nn.Identity, "relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def keras_lstm(inputs: int, units: int) -> nn.LSTM:
    """An LSTM of 4 · units · (inputs + units + 1) trained weights that starts as in Keras.

    Glorot-uniform and orthogonal kernels; biases of 0, of 1 for the gate that forgets.
    """
    layer = nn.LSTM(inputs, units, batch_first=True)
    kernel, recurrent, bias, second_bias = layer.parameters()
    init.xavier_uniform_(kernel)
    init.orthogonal_(recurrent)
    init.zeros_(bias)
    # Torch's order of gates: input, forget, cell, output.
    init.ones_(bias[units : 2 * units])
    init.zeros_(second_bias).requires_grad_(False)
    return layer


class PieceCoder(nn.Module):
    """An autoencoder of pieces: one hidden layer, ReLU; the decoder is linear."""

    def __init__(self, inputs: int, code: int, *, scales: bool) -> None:
        super().__init__()
        self.scale = Standard(inputs) if scales else None
        self.encode = nn.Sequential(nn.Linear(inputs, code), nn.ReLU())
        self.decode = nn.Linear(code, inputs)
        initialise(self)

    def forward(self, pieces: Tensor) -> Tensor:
        """(…, inputs) → (…, code)."""
        return self.encode(_scaled(pieces, self.scale))

    def reconstruction_loss(self, pieces: Tensor) -> Tensor:
        """Mean squared error of what comes back, a number."""
        values = _scaled(pieces, self.scale)
        return functional.mse_loss(self.decode(self.encode(values)), values)


def _scaled(pieces: Tensor, scale: Standard | None) -> Tensor:
    """Raw pieces (…, 110,250) int16 become −1 to 1, with zeros to 111,168; others are standardised."""
    if pieces.dtype == torch.int16:
        return functional.pad(pieces.float() / FULL_SCALE, (0, PADDED - pieces.shape[-1]))
    return pieces if scale is None else scale(pieces)


class PlayCountNet(nn.Module):
    """LSTM layers over pieces, and dense ones on the last step.

    Args:
        inputs: numbers of a piece: 111,168 raw samples, or 256 of its spectrum.
        variant: sizes, activations and so on.
        scales: whether each number of a piece is standardised first; raw samples are not.
        coder: what scales and compresses pieces first. It is not trained further.
    """

    def __init__(self, inputs: int, variant: Variant, *, scales: bool, coder: PieceCoder | None = None) -> None:
        super().__init__()
        self.scale = Standard(inputs) if scales and coder is None else None
        self.coder = None if coder is None else coder.requires_grad_(False)
        widths = (inputs if coder is None else variant.code or inputs, *variant.lstm)
        self.lstm = nn.ModuleList(keras_lstm(*pair) for pair in zip(widths, variant.lstm, strict=False))
        self.dropout = nn.Dropout(variant.dropout)
        dense: list[nn.Module] = []
        before = variant.lstm[-1]
        for units in variant.dense:
            dense += [nn.Dropout(variant.dropout), nn.Linear(before, units), _ACTIVATIONS[variant.dense_activation]()]
            before = units
        dense += [nn.Dropout(variant.dropout), nn.Linear(before, 1), _ACTIVATIONS[variant.output_activation]()]
        self.dense = nn.Sequential(*dense)
        initialise(self.dense)

    def forward(self, pieces: Tensor) -> Tensor:
        """(B, steps, inputs), or raw pieces as they are stored → (B,), in the scale of the target."""
        values = _scaled(pieces, self.scale) if self.coder is None else self.coder(pieces)
        for number, layer in enumerate(self.lstm):
            values = cast("Tensor", layer(self.dropout(values) if number else values)[0])
        return self.dense(values[:, -1]).squeeze(1)


def trained_weights(net: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(weight.numel() for weight in net.parameters() if weight.requires_grad)


def count_loss(predicted: Tensor, target: Tensor, name: LossName) -> Tensor:
    """The mean loss of a batch; Huber's turns linear one width of the scale away."""
    match name:
        case "mse":
            return functional.mse_loss(predicted, target)
        case "mae":
            return functional.l1_loss(predicted, target)
        case "huber":
            return functional.huber_loss(predicted, target)
