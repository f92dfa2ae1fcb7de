"""Our net: a few convolutions over time on crops of a clip, pooled three ways; and a loss on pairs of tracks."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from analytics_platform.tracks.nets.parts import Standard, head, initialise, silent_after
from analytics_platform.tracks.tasks import OUTPUTS, Task

MELS = 128
CROP_FRAMES = 599
"""27.8 s at 22 050 Hz and a hop of 1024, as in the net of seed 003."""
LAYERS = ((64, 5, 4), (64, 3, 2), (128, 3, 2), (128, 3, 1))
"""Filters, frames of the kernel, and frames that become one after it."""


class CropNet(nn.Module):
    """Four convolutions over time; mean, largest value and root mean square over time; two dense layers.

    A small relative of the net of Dieleman (2014): bands are channels, so a filter is a spectrum that
    moves in time. No batch normalisation, whose statistics padding would enter. 176 769 weights with one output.

    Takes crops (B, C, frames, 128) in decibels at a hop of 1024 samples, with a mask (B, C, frames) of where
    there is sound, which begins at the first frame, and gives the mean over the crops that have any. Train
    with one random crop per clip, predict with several. Padding changes nothing: what the mask excludes
    is 0 before each convolution and is not pooled. Fewer than 16 frames are heard as if 16 long, with silence.
    """

    def __init__(self, task: Task = "regression") -> None:
        super().__init__()
        self.scale = Standard(MELS)
        widths = (MELS, *(filters for filters, _, _ in LAYERS))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, kernel, padding=kernel // 2)
            for before, (after, kernel, _) in zip(widths, LAYERS, strict=False)
        )
        self.dense = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(3 * widths[-1], 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, OUTPUTS[task])
        )
        initialise(self, "he normal")

    def fit_scales(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take mean and deviation of each band in the training part; a batch is what ``forward`` takes."""
        self.scale.fit(crops[mask] for crops, mask in batches)

    def forward(self, crops: Tensor, mask: Tensor) -> Tensor:
        """(B, C, frames, 128), (B, C, frames) → (B,), or (B, 3): before the sigmoid or softmax, mean over crops."""
        batch, count = crops.shape[:2]
        frames = mask.flatten(0, 1).sum(1)
        heard = self.dense(self.pooled(crops.flatten(0, 1), frames)).unflatten(0, (batch, count))
        sounds = (frames > 0).reshape(batch, count, 1)
        return head((heard * sounds).sum(1) / sounds.sum(1).clamp(min=1))

    def pooled(self, crops: Tensor, frames: Tensor) -> Tensor:
        """(N, frames, 128), (N,) → (N, 384): mean, largest and root mean square of 128 filters over time."""
        values = silent_after(self.scale(crops).transpose(1, 2), frames)
        values = functional.pad(values, (0, max(16 - values.shape[2], 0)))
        for convolution, (_, _, pool) in zip(self.convolutions, LAYERS, strict=True):
            values = functional.relu(functional.max_pool1d(convolution(values), pool))
            frames = (frames // pool).clamp(min=1)
            values = silent_after(values, frames)
        steps = frames[:, None]
        # ReLU leaves nothing below 0, so the zeros of the padding are never the largest. The root has no
        # slope at 0.
        mean, square = values.sum(2) / steps, values.square().sum(2) / steps
        return torch.cat((mean, values.amax(2), (square + 1e-6).sqrt()), dim=1)


def pairwise_ranking_loss(raw: Tensor, targets: Tensor, groups: Tensor) -> Tensor:
    """How wrongly pairs of one group are ordered: mean of log(1 + exp(lower one's score − higher one's)).

    With groups of one month and genre, what differs between months and genres teaches nothing; with
    artists as groups it is the question "which of these five demos". 0, with gradient 0, if no two tracks
    of a group differ. After RankNet (Burges et al. 2005).

    Args:
        raw: (B,) scores before the sigmoid.
        targets: (B,) what they are to be ordered by; equal ones are no pair.
        groups: (B,) whole numbers, the same for tracks of the same group.
    """
    pairs = (groups[:, None] == groups) & (targets[:, None] > targets)
    higher, lower = pairs.nonzero(as_tuple=True)
    return functional.softplus((raw[lower] - raw[higher]).float()).sum() / max(len(higher), 1)
