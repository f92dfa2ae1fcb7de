"""Autoen-chorder (Ramirez Echavarria and Varma, 2023): features and embeddings, each through an autoencoder.

Known from their blog alone; [inferred] marks what it does not say. Inputs are the 207 low-level features
(B, 207) and the embeddings of each clip's windows (B, W, D) with the number of windows (B,), 1 or more,
the rest being padding: D is 128 for VGGish, as published, and 200 for MusiCNN. The pretrained net that
made them is frozen. All outputs are (B,) before the sigmoid [inferred: as in HitMusicNet]; the blog has
regression only.

Where the blog adds a representation to another the two are joined [inferred: 20 and 20 make 40 there].
Features and embeddings are scaled to 0..1 by the training part [inferred: as in HitMusicNet].
It trains as HitMusicNet does: ``fit_scales``, ``reconstruction_loss``, ``fit_codes``, then the task's loss,
which does not reach the autoencoders [inferred: the best autoencoders were found first]. What the authors
tried before is in ``attempts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.nn.utils import rnn

from analytics_platform.tracks.nets.hitmusicnet import AUDIO_FEATURES, Autoencoder, Compressor
from analytics_platform.tracks.nets.parts import MinMax, head, silent_after, sounding

Batch = tuple[Tensor, Tensor, Tensor]
"""Features (B, 207), embeddings (B, W, D) and windows (B,)."""
CODE = 20
"""Length of each of the two codes."""
VGGISH = 128
BIAS = 0.1


def exponential_weights(targets: Tensor, mean: float, deviation: float, alpha: float, beta: float) -> Tensor:
    """exp(((y − mean) / (alpha · deviation))² / beta): tracks far from the middle count more.

    Args:
        targets: (B,) 0 to 1.
        mean: the middle; a parameter that the authors searched, not the mean of the targets.
        deviation: standard deviation of the targets of the training part.
        alpha: as in the formula.
        beta: as in the formula.

    Returns:
        (B,) 1 or more: the ``weights`` of ``parts.task_loss``.
    """
    return torch.exp(((targets - mean) / (alpha * deviation)).square() / beta)


class LSTMEncoder(nn.Module):
    """The last state (B, units) of an LSTM over the windows of each clip, packed: padding is not read."""

    def __init__(self, dim: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, units, batch_first=True)

    def forward(self, sequences: Tensor, windows: Tensor) -> Tensor:
        """(B, W, D), (B,) → (B, units)."""
        packed = rnn.pack_padded_sequence(sequences, windows.cpu(), batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)
        return last[-1]


class SequenceAutoencoder(nn.Module):
    """The autoencoder of the embeddings: an LSTM, D → D/2 → D/3 → 20, and back, with an LSTM at the end.

    [inferred] One LSTM layer of D units at either end; between them HitMusicNet's autoencoder, what comes
    out of which is repeated for every window.
    """

    def __init__(self, dim: int = VGGISH, code: int = CODE) -> None:
        super().__init__()
        self.reader = LSTMEncoder(dim, dim)
        self.dense = Autoencoder(dim, code)
        self.writer = nn.LSTM(dim, dim, batch_first=True)

    def encode(self, scaled: Tensor, windows: Tensor) -> Tensor:
        """(B, W, D), (B,) → (B, code)."""
        return self.dense.encoder(self.reader(scaled, windows))

    def forward(self, scaled: Tensor, windows: Tensor) -> Tensor:
        """(B, W, D), (B,) → (B, W, D): the reconstruction, −1 to 1, and 0 in the padding."""
        spread = self.dense.decoder(self.encode(scaled, windows))[:, None].expand_as(scaled)
        packed = rnn.pack_padded_sequence(spread, windows.cpu(), batch_first=True, enforce_sorted=False)
        written, _ = rnn.pad_packed_sequence(self.writer(packed)[0], batch_first=True, total_length=scaled.shape[1])
        return written

    def reconstruction_loss(self, scaled: Tensor, windows: Tensor) -> Tensor:
        """Mean squared error over all windows that are no padding."""
        error = (self(scaled, windows) - scaled).square().mean(2)
        return silent_after(error, windows).sum() / windows.sum()


class FeedForward(nn.Module):
    """``layers`` dense layers, 7, 9 or 12 in the published grid.

    [inferred] ReLU; as many layers of n → n as needed, then n/2, n/3 and 1, and a dropout of
    .25 after the first two: with four layers it is HitMusicNet's network.

    Raises:
        ValueError: fewer than four layers.
    """

    def __init__(self, inputs: int, layers: int) -> None:
        super().__init__()
        if layers < 4:
            raise ValueError(f"{layers} layers: there are at least 4")
        widths = [inputs] * (layers - 2) + [round(inputs / 2), round(inputs / 3)]
        parts: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            parts += [nn.Linear(before, after), nn.ReLU()]
            if number < 2:
                parts.append(nn.Dropout(0.25))
        self.layers = nn.Sequential(*parts, nn.Linear(widths[-1], 1))

    def forward(self, codes: Tensor) -> Tensor:
        """(B, n) → (B,) before the sigmoid."""
        return head(self.layers(codes))


class WithEmbeddings(nn.Module):
    """A net that takes features and embeddings."""

    def __init__(self, features: int, dim: int, code: int) -> None:
        super().__init__()
        self.compressor = Compressor(features, code)
        self.sequence_scale = MinMax(dim)

    def fit_scales(self, batches: Iterable[Batch]) -> None:
        """Take the ranges of features and embeddings of the training part; a batch is what ``forward`` takes.

        Batches are gone through twice: a list or a loader, not a generator.
        """
        self.compressor.scale.fit(features for features, _, _ in batches)
        self.sequence_scale.fit(sounding(embeddings, windows) for _, embeddings, windows in batches)

    def reconstruction_loss(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """Mean squared error of the autoencoder of the features."""
        del embeddings, windows
        return self.compressor.reconstruction_loss(features)

    def fit_codes(self, batches: Iterable[Batch]) -> None:
        """Take the range of the codes of the training part, once the autoencoder is trained."""
        self.compressor.fit_codes(features for features, _, _ in batches)


class AutoenChorder(WithEmbeddings):
    """The final model: an autoencoder on the features, one on the embeddings, and a net on both codes.

    207 → 103 → 69 → 20 [inferred: 103 and 69, as in HitMusicNet] and ``SequenceAutoencoder``; 20 and 20
    numbers, each scaled to 0..1 again [inferred: as in HitMusicNet], joined to 40; ``FeedForward``. All
    dense layers start Xavier-uniform with biases of .1, the LSTMs as in torch. Its loss is the squared
    error times ``exponential_weights``; its grid is in ``tracks.grid``.
    """

    def __init__(self, features: int = AUDIO_FEATURES, dim: int = VGGISH, layers: int = 7) -> None:
        super().__init__(features, dim, CODE)
        self.sequence_autoencoder = SequenceAutoencoder(dim)
        self.sequence_code_scale = MinMax(CODE)
        self.network = FeedForward(2 * CODE, layers)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                init.xavier_uniform_(layer.weight)
                init.constant_(layer.bias, BIAS)

    def reconstruction_loss(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """The two autoencoders' mean squared errors, added: neither shares a weight with the other."""
        sequences = self.sequence_autoencoder.reconstruction_loss(self.sequence_scale(embeddings), windows)
        return self.compressor.reconstruction_loss(features) + sequences

    def fit_codes(self, batches: Iterable[Batch]) -> None:
        """Take the ranges of both codes of the training part, once the autoencoders are trained."""
        super().fit_codes(batches)
        with torch.no_grad():
            self.sequence_code_scale.fit(
                self.sequence_autoencoder.encode(self.sequence_scale(embeddings), windows)
                for _, embeddings, windows in batches
            )

    def codes(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """(B, 40), 0 to 1, without gradient: the features' code, then the embeddings'."""
        with torch.no_grad():
            heard = self.sequence_autoencoder.encode(self.sequence_scale(embeddings), windows)
            return torch.cat((self.compressor(features), self.sequence_code_scale(heard.float())), dim=1)

    def forward(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """(B, n), (B, W, D), (B,) → (B,) before the sigmoid."""
        return self.network(self.codes(features, embeddings, windows))
