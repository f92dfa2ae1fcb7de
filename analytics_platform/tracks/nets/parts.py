"""What several nets are made of: scaling by the training part, masks, heads and losses, and Keras's defaults.

The source nets are written in Keras 2.2 and 2.7; where its defaults differ from torch's, it is Keras's
that count: Glorot-uniform kernels, orthogonal recurrent kernels, biases of 0, epsilons of 1e-7.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional, init

from analytics_platform.tracks.tasks import OUTPUTS, Task

Initialiser = Literal["glorot uniform", "he normal"]

TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of a standard normal distribution that is cut at ±2."""


class MinMax(nn.Module):
    """Scales to 0..1 by the smallest and the largest value of the training part.

    The two are buffers and so are stored with the weights. Values beyond them become 0 or 1: the sources
    scaled over all rows and so never met any. A column without spread becomes 0. Before ``fit`` it gives NaN,
    lest a net be trained on what was never scaled.

    Args:
        columns: numbers per row, each with its own range (the last dimension); None: one range for all.
    """

    low: Tensor
    high: Tensor

    def __init__(self, columns: int | None = None) -> None:
        super().__init__()
        shape = () if columns is None else (columns,)
        self.register_buffer("low", torch.full(shape, math.nan))
        self.register_buffer("high", torch.full(shape, math.nan))

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> Self:
        """Take the range of the training part, any number of values (…, columns) a batch, without padding.

        Raises:
            ValueError: there is no value, or one is not finite.
        """
        low, high = torch.full_like(self.low, math.inf), torch.full_like(self.high, -math.inf)
        for batch in batches:
            rows = batch.to(low).reshape(-1, *low.shape)
            if len(rows):
                low, high = torch.minimum(low, rows.amin(0)), torch.maximum(high, rows.amax(0))
        if not (low.isfinite() & high.isfinite()).all():
            raise ValueError("the range of the training part is not finite: no values, or missing ones among them")
        self.low.copy_(low)
        self.high.copy_(high)
        return self

    def forward(self, values: Tensor) -> Tensor:
        """Same shape, 0 to 1, float32: alone, a number of half precision would stay so."""
        values = values.to(self.low.dtype)
        span = self.high - self.low
        return ((values - self.low) / torch.where(span > 0, span, 1) * (span > 0)).clamp(0, 1)


class Standard(nn.Module):
    """Scales every column to mean 0 and standard deviation 1 of the training part; gives NaN before ``fit``."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((columns,), math.nan))
        self.register_buffer("deviation", torch.full((columns,), math.nan))

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> Self:
        """Take mean and deviation of the training part, batches of (…, columns) without padding.

        Raises:
            ValueError: there is no value, or one is not finite.
        """
        # On the CPU: there are no float64 on Apple's GPUs.
        total = torch.zeros((2, len(self.mean)), dtype=torch.float64)
        count = 0
        for batch in batches:
            rows = batch.cpu().double().reshape(-1, len(self.mean))
            total += torch.stack((rows.sum(0), rows.square().sum(0)))
            count += len(rows)
        mean, square = total / max(count, 1)
        if not count or not (mean.isfinite() & square.isfinite()).all():
            raise ValueError("the mean of the training part is not finite: no values, or missing ones among them")
        deviation = (square - mean.square()).clamp(min=0).sqrt()
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, 1))
        return self

    def forward(self, values: Tensor) -> Tensor:
        """Same shape, float32."""
        return (values - self.mean) / self.deviation


def silent_after(values: Tensor, frames: Tensor) -> Tensor:
    """Values (B, …, T) with 0 from each row's number of frames (B,) on."""
    time = torch.arange(values.shape[-1], device=values.device)
    sounds = (time < frames[:, None]).reshape(len(frames), *[1] * (values.dim() - 2), -1)
    return values.masked_fill(~sounds, 0)


def sounding(sequences: Tensor, windows: Tensor) -> Tensor:
    """The first ``windows`` (B,) of each sequence (B, W, D), one after the other: (sum of windows, D)."""
    return sequences[torch.arange(sequences.shape[1], device=sequences.device) < windows[:, None]]


def mean_of_windows(sequences: Tensor, windows: Tensor) -> Tensor:
    """Mean (B, D) over the first ``windows`` (B,) of each sequence (B, W, D)."""
    return silent_after(sequences.transpose(1, 2), windows).sum(2) / windows[:, None]


def head(values: Tensor) -> Tensor:
    """(B, 1) → (B,); (B, 3) stays."""
    return values.squeeze(1) if values.shape[1] == 1 else values


def outputs(raw: Tensor, task: Task) -> Tensor:
    """What the net says: sigmoid of (B,), or softmax of (B, 3) over low, medium and high.

    Nets give the values before that function: losses are exact, and safe in half precision, from there.
    """
    return raw.softmax(1) if OUTPUTS[task] > 1 else raw.sigmoid()


def task_loss(raw: Tensor, targets: Tensor, task: Task, weights: Tensor | None = None) -> Tensor:
    """The published loss: binary or categorical cross-entropy, or mean squared error of the sigmoid.

    Args:
        raw: (B,) or (B, 3), as the net gives it.
        targets: (B,): 0 or 1; 0 to 1; or the class 0, 1, 2.
        task: which of these.
        weights: (B,) factors of the tracks' losses, before the mean over B.
    """
    raw = raw.float()
    if task == "binary":
        each = functional.binary_cross_entropy_with_logits(raw, targets.float(), reduction="none")
    elif task == "regression":
        each = (raw.sigmoid() - targets).square()
    else:
        each = functional.cross_entropy(raw, targets.long(), reduction="none")
    return (each if weights is None else each * weights).mean()


def initialise(net: nn.Module, kernels: Initialiser = "glorot uniform") -> None:
    """Start as in Keras: the weights of all dense, convolutional and GRU layers within ``net``, anew."""
    for layer in net.modules():
        if isinstance(layer, nn.GRU):
            for name, weight in layer.named_parameters():
                if name.startswith("weight_ih"):
                    init.xavier_uniform_(weight)
                elif name.startswith("weight_hh"):
                    init.orthogonal_(weight)
                else:
                    init.zeros_(weight)
        elif isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            if kernels == "glorot uniform":
                init.xavier_uniform_(layer.weight)
            else:
                # Keras cuts the normal distribution at two deviations and widens it, to keep the variance.
                deviation = math.sqrt(2 / layer.weight[0].numel()) / TRUNCATED_STD
                init.trunc_normal_(layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
            if layer.bias is not None:
                init.zeros_(layer.bias)
