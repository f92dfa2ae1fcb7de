"""Every net by name: where it is from, what it hears, what it can be asked, and how its source trained it.

No torch here: a definition may list the families. ``Family.build`` imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analytics_platform.tracks.tasks import Task

if TYPE_CHECKING:
    from torch.nn import Module

    from analytics_platform.tracks.nets.hitmusicnet import Compression
    from analytics_platform.tracks.nets.parts import Initialiser

InputKind = Literal["log-mel", "log-mel crops", "features", "features and embeddings", "embeddings"]
"""Spectrograms of whole clips; crops of 599 frames at a hop of 1024; the 207 features; embeddings of each window."""
FORWARD: dict[InputKind, tuple[str, ...]] = {
    "log-mel": ("log_mel", "mask"),
    "log-mel crops": ("crops", "mask"),
    "features": ("features",),
    "features and embeddings": ("features", "embeddings", "windows"),
    "embeddings": ("embeddings", "windows"),
}
"""The arguments of ``forward`` in order; batches for ``fit_scales`` and ``fit_codes`` are tuples of the same."""

HipHop = Literal["mlp", "cnn1", "cnn1_summary", "cnn2", "cnn3", "crnn"]
Attempt = Literal["single_autoencoder", "recurrent", "hitmusicnet_vggish"]
Document = Literal["001", "004", "ours"]
"""HipHopPopularity; Autoen-chorder and HitMusicNet; neither."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """How much a net hears; the defaults are what we have of each clip."""

    frames: int = 1292
    """Of the spectrogram of a whole clip: 30 s at a hop of 512."""
    hop: int = 512
    """Samples, at 22 050 Hz."""
    features: int = 207
    dim: int = 200
    """Numbers per window of the embeddings: MusiCNN's."""


PUBLISHED = InputSize(dim=128)
"""With VGGish's embeddings."""
FIVE_SECONDS = InputSize(frames=216)
FIVE_SECONDS_COARSE = InputSize(frames=108, hop=1024)
"""Sizes that a CPU can train the dear nets at."""


Factory = Callable[[InputSize, Task], "Module"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the source trained a net, as far as it says; null where it does not."""

    optimizer: Literal["adam", "adadelta"]
    learning_rate: float
    """The default of the library that the source used, where it names none."""
    batch_size: int | None
    epochs: int | None
    """At most."""
    patience: int | None = None
    """Epochs without a better validation score after which training ended; null: it never did."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of net."""

    name: str
    title: str
    document: Document
    input_kind: InputKind
    tasks: tuple[Task, ...]
    recipe: Recipe
    factory: Factory
    needs: tuple[str, ...] = ()
    """What it takes beyond spectrograms, features and embeddings of the clip."""
    two_stages: bool = False
    """It has autoencoders, to be trained first: ``reconstruction_loss`` and then ``fit_codes``."""

    @property
    def from_sound_alone(self) -> bool:
        """Whether an unreleased track has all that the net needs: only such nets are compared."""
        return not self.needs

    def build(self, size: InputSize, task: Task) -> Module:
        """A new net; seed torch before.

        Raises:
            ValueError: the net is not for this task.
        """
        if task not in self.tasks:
            raise ValueError(f"{self.name} is for {', '.join(self.tasks)}, not for {task}")
        return self.factory(size, task)

    def departures(self, size: InputSize) -> tuple[str, ...]:
        """In which ways what the net hears is not what its source's heard, in words; empty: as published."""
        if self.document == "ours":
            return ()
        found: list[str] = []
        if self.input_kind == "log-mel" and (size.frames, size.hop) != (PUBLISHED.frames, PUBLISHED.hop):
            seconds = size.frames * size.hop / 22_050
            found.append(f"input 128 × {size.frames} ({seconds:.1f} s at hop {size.hop}), not 128 × 1292 at hop 512")
        if "embeddings" in self.input_kind and size.dim != PUBLISHED.dim:
            found.append(f"embeddings of {size.dim} numbers, not VGGish's 128")
        if self.name.startswith("hitmusicnet") and self.from_sound_alone:
            found.append(f"{size.features} features of the sound, not 228 with lyrics, markets and artist")
        return tuple(found)


def _hiphop(name: HipHop) -> Factory:
    def build(size: InputSize, task: Task) -> Module:
        from analytics_platform.tracks.nets import hiphop

        del task
        if name == "crnn":
            return hiphop.CRNN()
        if name == "cnn1_summary":
            return hiphop.cnn1(size.frames, "summary")
        makers = {"mlp": hiphop.MLP, "cnn1": hiphop.cnn1, "cnn2": hiphop.cnn2, "cnn3": hiphop.cnn3}
        return makers[name](size.frames)

    return build


def _hitmusicnet(compression: Compression, initialiser: Initialiser) -> Factory:
    def build(size: InputSize, task: Task) -> Module:
        from analytics_platform.tracks.nets.hitmusicnet import HitMusicNet

        return HitMusicNet(size.features, compression, task, initialiser)

    return build


def _hitmusicnet_published(size: InputSize, task: Task) -> Module:
    from analytics_platform.tracks.nets import hitmusicnet

    del size
    return hitmusicnet.HitMusicNet(hitmusicnet.PUBLISHED_FEATURES, task=task)


def _attempt(name: Attempt) -> Factory:
    def build(size: InputSize, task: Task) -> Module:
        from analytics_platform.tracks.nets import attempts

        makers = {
            "single_autoencoder": attempts.SingleAutoencoder,
            "recurrent": attempts.RecurrentVariant,
            "hitmusicnet_vggish": attempts.HitMusicNetVGGish,
        }
        del task
        return makers[name](size.features, size.dim)

    return build


def _lossnet(size: InputSize, task: Task) -> Module:
    from analytics_platform.tracks.nets.attempts import LossNet

    del task
    return LossNet(size.dim)


def _autoenchorder(layers: int) -> Factory:
    def build(size: InputSize, task: Task) -> Module:
        from analytics_platform.tracks.nets.autoenchorder import AutoenChorder

        del task
        return AutoenChorder(size.features, size.dim, layers)

    return build


def _crop_net(size: InputSize, task: Task) -> Module:
    from analytics_platform.tracks.nets.ours import CropNet

    del size
    return CropNet(task)


def _families() -> tuple[Family, ...]:
    binary: tuple[Task, ...] = ("binary",)
    regression: tuple[Task, ...] = ("regression",)
    published: tuple[Task, ...] = ("regression", "three-class")
    nets: tuple[tuple[HipHop, str, int, int | None], ...] = (
        ("mlp", "Multilayer perceptron", 30, 60),
        ("cnn1", "CNN 1", 100, 60),
        ("cnn1_summary", "CNN 1 as in its saved summary", 100, 60),
        ("cnn2", "CNN 2", 100, None),
        ("cnn3", "CNN 3", 100, 120),
        ("crnn", "CRNN", 100, 100),
    )
    hiphop = tuple(
        Family(f"hiphop_{net}", title, "001", "log-mel", binary, Recipe("adam", 1e-3, batch, epochs), _hiphop(net))
        for net, title, batch, epochs in nets
    )
    variants: tuple[tuple[str, Recipe, Initialiser], ...] = (
        ("a", Recipe("adadelta", 1.0, 256, 100, 5), "glorot uniform"),
        ("b", Recipe("adam", 1e-3, 256, 100, 5), "glorot uniform"),
        ("c", Recipe("adadelta", 1.0, 256, 100, 5), "he normal"),
        ("d", Recipe("adam", 1e-3, 256, 100, 5), "he normal"),
    )
    sizes: tuple[Compression, ...] = ("auto", "high", "small")
    hitmusicnet = tuple(
        Family(
            f"hitmusicnet_{size}_{letter}",
            f"HitMusicNet, code {size}, variant {letter.upper()}",
            "004",
            "features",
            # The authors ran no classification with variant D.
            published if letter != "d" else regression,
            recipe,
            _hitmusicnet(size, initialiser),
            two_stages=True,
        )
        for size in sizes
        for letter, recipe, initialiser in variants
    )
    with_lyrics = Family(
        "hitmusicnet_published",
        "HitMusicNet as published",
        "004",
        "features",
        published,
        Recipe("adadelta", 1.0, 256, 100, 5),
        _hitmusicnet_published,
        ("lyrics", "markets", "followers and popularity of the artist", "Spotify's audio features"),
        two_stages=True,
    )
    # Optimizer and epochs of these are not in the blog.
    unsaid = Recipe("adam", 1e-3, None, None)
    joined: InputKind = "features and embeddings"
    titles: dict[Attempt, str] = {
        "single_autoencoder": "Single autoencoder",
        "recurrent": "Recurrent variant",
        "hitmusicnet_vggish": "HitMusicNet + VGGish",
    }
    attempts = tuple(
        Family(name, title, "004", joined, regression, unsaid, _attempt(name), two_stages=True)
        for name, title in titles.items()
    )
    errors = ("errors of a trained HitMusicNet",)
    lossnet = Family("lossnet", "LossNet", "004", "embeddings", regression, unsaid, _lossnet, errors)
    final = tuple(
        Family(
            f"autoenchorder_{layers}",
            f"Autoen-chorder, {layers} layers",
            "004",
            joined,
            regression,
            Recipe("adam", 1e-3, 200, None),
            _autoenchorder(layers),
            two_stages=True,
        )
        for layers in (7, 9, 12)
    )
    crop_net = Family(
        "crop_net",
        "Convolutional net on crops",
        "ours",
        "log-mel crops",
        ("binary", "regression", "three-class"),
        Recipe("adam", 1e-3, 64, 60, 8),
        _crop_net,
    )
    return (*hiphop, *hitmusicnet, with_lyrics, *attempts, lossnet, *final, crop_net)


FAMILIES: dict[str, Family] = {family.name: family for family in _families()}
