"""Every way from sound to factors by name: where it is from, what it hears, and what it needs to learn from.

No torch here: a definition may list the families.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analytics_platform.modelling.training_plan import OptimiserName

Document = Literal["003 paper", "003 post", "ours"]
"""Van den Oord, Dieleman and Schrauwen (NIPS 2013); Dieleman's post of 2014; neither."""
Kind = Literal["words", "columns", "net"]
"""Bag of words; numbers of whole clips; a net on spectrograms."""
Objective = Literal["squares", "weighted prediction error", "cosine", "contrastive"]
Architecture = Literal["vandenoord", "dieleman", "ours"]
Needs = Literal["embeddings", "plays", "further"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a net is trained. Neither source gives a rate, a size of batches or when to stop: those are ours."""

    optimiser: OptimiserName = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 64
    epochs: int = 60
    """At most."""
    patience: int = 8
    clip_norm: float | None = None


ADAM = Recipe()
NESTEROV = Recipe("nesterov", 0.001, clip_norm=5.0)
"""The post names the momentum only."""


@dataclass(frozen=True, slots=True)
class TasteFamily:
    """A way from sound to factors."""

    name: str
    document: Document
    hears: str
    """One line."""
    kind: Kind
    unit: bool
    """Learns directions: the factors of a track over their norm, and so nothing of how popular it is."""
    objective: Objective = "squares"
    architecture: Architecture | None = None
    """Of nets on spectrograms."""
    recipe: Recipe | None = None
    """Of what is trained step by step."""
    maxout: bool = False
    unit_output: bool = False
    stretch: bool = False
    """Spectrograms are stretched and compressed in time while it learns."""
    needs: tuple[Needs, ...] = ()
    """Beyond spectrograms, features and factors."""


_WINDOWS = "windows of 3 s of the log-mel spectrogram"
_CROPS = "599 frames of the log-mel spectrogram"


def _families() -> tuple[TasteFamily, ...]:
    words = "how often each of up to 4,000 sounds (MFCC with differences) occurs"
    ours = "599 frames of the log-mel spectrogram, a small net"

    def post(
        name: str,
        more: str = "",
        *,
        maxout: bool = False,
        unit_output: bool = False,
        stretch: bool = False,
        needs: tuple[Needs, ...] = (),
    ) -> TasteFamily:
        return TasteFamily(
            name,
            "003 post",
            _CROPS + more,
            "net",
            unit=True,
            architecture="dieleman",
            recipe=NESTEROV,
            maxout=maxout,
            unit_output=unit_output,
            stretch=stretch,
            needs=needs,
        )

    return (
        TasteFamily("bow_linear", "003 paper", words, "words", unit=False),
        TasteFamily("bow_mlp", "003 paper", words, "words", unit=False, recipe=ADAM),
        TasteFamily("convnet_mse", "003 paper", _WINDOWS, "net", unit=False, architecture="vandenoord", recipe=ADAM),
        TasteFamily(
            "convnet_wpe",
            "003 paper",
            f"{_WINDOWS}; learns whose plays it predicts wrongly",
            "net",
            unit=False,
            objective="weighted prediction error",
            architecture="vandenoord",
            recipe=ADAM,
            needs=("plays",),
        ),
        post("convnet_2014"),
        post("convnet_2014_maxout", ", with maxout units", maxout=True),
        post("convnet_2014_stretch", ", stretched and compressed in time while it learns", stretch=True),
        post("convnet_2014_unit", ", with an output of norm 1", unit_output=True),
        post("convnet_2014_sets", ", with several sets of factors to predict", needs=("further",)),
        TasteFamily(
            "embedding_linear",
            "ours",
            "mean MusiCNN embedding, 207 features and movement of the whole clip",
            "columns",
            unit=True,
            needs=("embeddings",),
        ),
        TasteFamily("sound_linear", "ours", "207 features and movement of the whole clip", "columns", unit=True),
        TasteFamily(
            "sound_cosine", "ours", ours, "net", unit=True, objective="cosine", architecture="ours", recipe=ADAM
        ),
        TasteFamily(
            "sound_contrastive",
            "ours",
            f"{ours}; tells a track's factors from those of others in the batch",
            "net",
            unit=True,
            objective="contrastive",
            architecture="ours",
            recipe=ADAM,
        ),
    )


FAMILIES: dict[str, TasteFamily] = {family.name: family for family in _families()}
NETS = tuple(name for name, family in FAMILIES.items() if family.kind != "columns")
"""What takes long: a person starts them, a partition of the step each."""
