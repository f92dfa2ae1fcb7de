"""Our net from sound to factors, and its losses on directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from analytics_platform.tracks.nets.ours import LAYERS, CropNet
from analytics_platform.tracks.nets.parts import initialise

HIDDEN = 256
TEMPERATURE = 0.1
"""Of the contrastive loss."""


class SoundNet(CropNet):
    """The convolutions and the pooling of ``CropNet``, and dense layers to factors; see there.

    Args:
        outputs: factors.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        width = 3 * LAYERS[-1][0]
        self.dense = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(width, HIDDEN), nn.ReLU(), nn.Dropout(0.3), nn.Linear(HIDDEN, outputs)
        )
        initialise(self, "he normal")

    def forward(self, crops: Tensor, mask: Tensor) -> Tensor:
        """(B, C, frames, 128), (B, C, frames) → (B, outputs) of norm 1: the direction of the mean over crops."""
        batch, count = crops.shape[:2]
        frames = mask.flatten(0, 1).sum(1)
        said = self.dense(self.pooled(crops.flatten(0, 1), frames)).unflatten(0, (batch, count))
        return functional.normalize((said * (frames > 0).reshape(batch, count, 1)).sum(1).float(), dim=1)


def cosine_error(said: Tensor, factors: Tensor) -> Tensor:
    """1 − the cosine between predicted and true factors (B, d), mean over the tracks."""
    return (1 - functional.cosine_similarity(said.float(), factors, dim=1)).mean()


def contrastive_error(said: Tensor, factors: Tensor) -> Tensor:
    """How hard it is to tell which sound of a batch has which factors: InfoNCE, both ways, on cosines.

    After Oord, Li and Vinyals (2018). The factors are as they are, so that what is said lies in their space. With one
    track there is nothing to tell: 0.

    Args:
        said: (B, d).
        factors: (B, d).
    """
    likeness = functional.normalize(said.float(), dim=1) @ functional.normalize(factors, dim=1).T / TEMPERATURE
    own = torch.arange(len(said), device=said.device)
    return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2
