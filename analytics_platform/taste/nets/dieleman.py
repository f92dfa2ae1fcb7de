"""The net of Dieleman's post of 2014: convolutions over time, global pooling, two dense layers, 40 factors.

Source: https://sander.ai/2014/08/05/spotify-cnns.html, its figure for the sizes. Not said there, and ours: the rate
of dropout, the first weights, that the spectrogram is scaled to mean 0 and deviation 1 in each band. The L2 norm over
time is taken over the root of the steps too, which the weights after it make up for: so clips may differ in length.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from analytics_platform.tracks.nets.parts import Standard, initialise, silent_after

MELS = 128
FRAMES = 599
KERNEL = 4
LAYERS = ((256, 4), (256, 2), (512, 2), (512, 1))
"""Filters, and frames that become one after them."""
DENSE = 2048
FACTORS = 40
FEWEST_FRAMES = 103
"""Of which one step is left."""
DROPOUT = 0.5
SETTLING = 16
"""Clips that the first weights are scaled by."""
FIRST_OUTPUT = 0.05
PIECES = 2
"""Linear pieces of a maxout unit."""


class Dieleman(nn.Module):
    """Four convolutions over time, valid, of length 4; mean, maximum and L2 norm over time; two dense layers.

    9 393 704 weights with 40 outputs. Bands are channels. Takes crops (B, C, frames, 128) in decibels, with a mask
    (B, C, frames) of where there is sound, which begins at the first frame, and gives the mean over the crops that
    have any. Padding changes nothing: convolutions are valid, so each step is of sound alone or is not pooled. The L2
    norm over fewer than 32 steps is taken as if the clip went on alike to the full length. Fewer than 103 frames are
    heard as if 103 long, with the mean spectrum after them.

    Args:
        outputs: factors.
        maxout: units that take the larger of two linear pieces (Goodfellow et al. 2013), of the same number; else
            rectified linear ones.
        unit_output: the output has norm 1.
    """

    def __init__(self, outputs: int = FACTORS, *, maxout: bool = False, unit_output: bool = False) -> None:
        super().__init__()
        self.pieces = PIECES if maxout else 1
        self.unit_output = unit_output
        self.scale = Standard(MELS)
        widths = (MELS, *(filters for filters, _ in LAYERS))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, self.pieces * after, KERNEL) for before, (after, _) in zip(widths, LAYERS, strict=False)
        )
        self.dense = nn.ModuleList(nn.Linear(before, self.pieces * DENSE) for before in (3 * LAYERS[-1][0], DENSE))
        self.output = nn.Linear(DENSE, outputs)
        self.dropout = nn.Dropout(DROPOUT)
        initialise(self, "he normal")

    def fit_scales(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take mean and deviation of each band in the training part; a batch is what ``forward`` takes.

        From the first clips the first weights are scaled, too, see ``settle``.
        """
        self.scale.fit(crops[mask] for crops, mask in batches)
        for crops, mask in batches:
            self.settle(crops[:SETTLING], mask[:SETTLING])
            break

    @torch.no_grad()
    def settle(self, crops: Tensor, mask: Tensor) -> None:
        """Scale and shift the weights so that each unit has mean 0 and deviation 1 on these clips, before it rectifies.

        After Krähenbühl et al. (2016). Pools of rectified units are all positive and grow from layer to layer: with
        common first weights, momentum makes the first steps diverge at any rate worth having.
        """

        def scale(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
            del given
            assert isinstance(layer, (nn.Conv1d, nn.Linear)) and layer.bias is not None
            units = out.transpose(0, 1).flatten(1)
            mean, deviation = units.mean(1), units.std(1, correction=0)
            deviation = torch.where(deviation > 1e-3, deviation, 1)
            layer.weight.div_(deviation.reshape(-1, *[1] * (layer.weight.dim() - 1)))
            layer.bias.sub_(mean).div_(deviation)
            return ((units - mean[:, None]) / deviation[:, None]).reshape(out.transpose(0, 1).shape).transpose(0, 1)

        # What it says at first is small: errors then begin at the norm of the factors.
        self.output.weight.mul_(FIRST_OUTPUT)
        hooks = [layer.register_forward_hook(scale) for layer in (*self.convolutions, *self.dense)]
        was = self.training
        self.eval()(crops, mask)
        self.train(was)
        for hook in hooks:
            hook.remove()

    def forward(self, crops: Tensor, mask: Tensor) -> Tensor:
        """(B, C, frames, 128), (B, C, frames) → (B, outputs), mean over crops."""
        batch, count = crops.shape[:2]
        frames = mask.flatten(0, 1).sum(1)
        values, steps = self._convolve(crops.flatten(0, 1), frames)[-1]
        said = self.output(self._dense(pooled(values, steps))[-1]).unflatten(0, (batch, count))
        sounds = (frames > 0).reshape(batch, count, 1)
        mean = (said * sounds).sum(1) / sounds.sum(1).clamp(min=1)
        return functional.normalize(mean.float(), dim=1) if self.unit_output else mean

    @torch.no_grad()
    def activations(self, crops: Tensor, mask: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """What each layer's units say: maximum and mean (B, units) over the time of all crops.

        Layers are ``conv1`` to ``conv4``, before their pooling, and ``dense1`` and ``dense2``, one value a crop.
        """
        batch, count = crops.shape[:2]
        frames = mask.flatten(0, 1).sum(1)
        layers = self._convolve(crops.flatten(0, 1), frames)
        found = {f"conv{number}": over_time(*layer) for number, layer in enumerate(layers, 1)}
        for number, values in enumerate(self._dense(pooled(*layers[-1])), 1):
            found[f"dense{number}"] = values, values
        return {
            name: (high.unflatten(0, (batch, count)).amax(1), mean.unflatten(0, (batch, count)).mean(1))
            for name, (high, mean) in found.items()
        }

    def _convolve(self, values: Tensor, frames: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(N, frames, 128), (N,) → of each layer (N, filters, time) and how many steps (N,) are of sound alone."""
        values = silent_after(self.scale(values).transpose(1, 2), frames)
        values = functional.pad(values, (0, max(FEWEST_FRAMES - values.shape[2], 0)))
        steps = frames.clamp(min=FEWEST_FRAMES)
        layers: list[tuple[Tensor, Tensor]] = []
        for convolution, (_, pool) in zip(self.convolutions, LAYERS, strict=True):
            values, steps = self._unit(convolution(values)), steps - (KERNEL - 1)
            layers.append((values, steps))
            values, steps = functional.max_pool1d(values, pool), steps // pool
        return layers

    def _dense(self, values: Tensor) -> list[Tensor]:
        """(N, 1536) → of each dense layer (N, 2048)."""
        found: list[Tensor] = []
        for dense in self.dense:
            values = self._unit(dense(values))
            found.append(values)
            values = self.dropout(values)
        return [found[0], values]

    def _unit(self, values: Tensor) -> Tensor:
        """Rectified linear, or the larger of two pieces: (N, pieces · units, …) → (N, units, …)."""
        return functional.relu(values) if self.pieces == 1 else values.unflatten(1, (-1, PIECES)).amax(2)


def over_time(values: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Maximum and mean (N, units) over the first ``steps`` (N,) of values (N, units, time)."""
    time = torch.arange(values.shape[2], device=values.device)
    sounds = (time < steps[:, None])[:, None]
    values = values.float()
    return (
        values.masked_fill(~sounds, -torch.inf).amax(2),
        values.masked_fill(~sounds, 0).sum(2) / steps[:, None],
    )


def pooled(values: Tensor, steps: Tensor) -> Tensor:
    """(N, 512, time), (N,) → (N, 1536): mean, maximum and root mean square over the first steps."""
    high, mean = over_time(values, steps)
    square = silent_after(values.float(), steps).square().sum(2) / steps[:, None]
    # The root has no slope at 0.
    return torch.cat((mean, high, (square + 1e-6).sqrt()), dim=1)
