"""What the authors of Autoen-chorder tried before its final form: four models that did worse than HitMusicNet.

Inputs, outputs, marks and stages as in :mod:`.autoenchorder`. The feed-forward nets are HitMusicNet's
network [inferred: the blog says "similar to the one used in HMN" of the first].
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from analytics_platform.tracks.nets.autoenchorder import CODE, VGGISH, Batch, LSTMEncoder, WithEmbeddings
from analytics_platform.tracks.nets.hitmusicnet import AUDIO_FEATURES, Compressor, Network, code_size
from analytics_platform.tracks.nets.parts import MinMax, mean_of_windows, sounding


class SingleAutoencoder(nn.Module):
    """One autoencoder on everything.

    [inferred] The embeddings' mean over time is joined to the features (the blog: no way was found that
    keeps time), and 335 numbers compressed to a fifth: 335 → 167 → 111 → 67.
    """

    def __init__(self, features: int = AUDIO_FEATURES, dim: int = VGGISH) -> None:
        super().__init__()
        code = code_size(features + dim, "auto")
        self.compressor = Compressor(features + dim, code)
        self.network = Network(code, "regression")

    def fit_scales(self, batches: Iterable[Batch]) -> None:
        """Take the ranges of the training part; a batch is what ``forward`` takes."""
        self.compressor.scale.fit(_joined(*batch) for batch in batches)

    def reconstruction_loss(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """Mean squared error of the autoencoder."""
        return self.compressor.reconstruction_loss(_joined(features, embeddings, windows))

    def fit_codes(self, batches: Iterable[Batch]) -> None:
        """Take the range of the codes of the training part."""
        self.compressor.fit_codes(_joined(*batch) for batch in batches)

    def forward(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """(B, n), (B, W, D), (B,) → (B,) before the sigmoid."""
        return self.network(self.compressor(_joined(features, embeddings, windows)))


def _joined(features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
    """(B, n + D)."""
    return torch.cat((features, mean_of_windows(embeddings, windows)), dim=1)


class RecurrentVariant(WithEmbeddings):
    """The features through HitMusicNet's autoencoder (207 → 41), the embeddings through an LSTM to 20 numbers.

    The two are joined [inferred] and go through the network; an LSTM of 20 units whose last state is
    taken, trained together with the network [inferred].
    """

    def __init__(self, features: int = AUDIO_FEATURES, dim: int = VGGISH) -> None:
        code = code_size(features, "auto")
        super().__init__(features, dim, code)
        self.reader = LSTMEncoder(dim, CODE)
        self.network = Network(code + CODE, "regression")

    def forward(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """(B, n), (B, W, D), (B,) → (B,) before the sigmoid."""
        heard = self.reader(self.sequence_scale(embeddings), windows)
        return self.network(torch.cat((self.compressor(features), heard), dim=1))


class HitMusicNetVGGish(WithEmbeddings):
    """HitMusicNet's codes and the embeddings' mean over time, joined [inferred: both], through its network.

    The published one takes all 228 features, lyrics and the artist's popularity among them, which an
    unreleased track has not; with 207 it hears the sound alone and is the one that is compared.
    """

    def __init__(self, features: int = AUDIO_FEATURES, dim: int = VGGISH) -> None:
        code = code_size(features, "auto")
        super().__init__(features, dim, code)
        self.network = Network(code + dim, "regression")

    def forward(self, features: Tensor, embeddings: Tensor, windows: Tensor) -> Tensor:
        """(B, n), (B, W, D), (B,) → (B,) before the sigmoid."""
        heard = mean_of_windows(self.sequence_scale(embeddings), windows)
        return self.network(torch.cat((self.compressor(features), heard), dim=1))


class LossNet(nn.Module):
    """Says from the embeddings how far a trained HitMusicNet will be off: its squared error for each track.

    [inferred] An LSTM to 20 numbers as in ``RecurrentVariant``, the network, and a sigmoid: squared errors
    of numbers from 0 to 1 are from 0 to 1 too. It scores no track by itself. The errors that it learns
    from must be those of tracks that HitMusicNet was not trained on, or it learns what was memorised.
    """

    def __init__(self, dim: int = VGGISH) -> None:
        super().__init__()
        self.sequence_scale = MinMax(dim)
        self.reader = LSTMEncoder(dim, CODE)
        self.network = Network(CODE, "regression")

    def fit_scales(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take the range of the embeddings of the training part; a batch is what ``forward`` takes."""
        self.sequence_scale.fit(sounding(embeddings, windows) for embeddings, windows in batches)

    def forward(self, embeddings: Tensor, windows: Tensor) -> Tensor:
        """(B, W, D), (B,) → (B,) before the sigmoid."""
        return self.network(self.reader(self.sequence_scale(embeddings), windows))
