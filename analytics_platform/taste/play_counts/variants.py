"""The document's two nets, its deeper one, and what it names as future work, as declarations. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

LossName = Literal["mse", "mae", "huber"]
Activation = Literal["linear", "relu", "sigmoid"]


@dataclass(frozen=True, slots=True)
class Variant:
    """A net from pieces of sound to a play count, and how it is trained."""

    name: str
    lstm: tuple[int, ...]
    """Units of the LSTM layers, first to last."""
    dense: tuple[int, ...] = ()
    """Units of dense layers between the last LSTM and the output."""
    dense_activation: Activation = "relu"
    output_activation: Activation = "linear"
    dropout: float = 0.0
    """Before each dense layer and between LSTM layers."""
    loss: LossName = "mse"
    code: int | None = None
    """Numbers that an autoencoder makes of a piece before the LSTM hears it; None: it hears the piece."""
    members: int = 1
    """Nets of different seeds whose outputs are averaged."""


ONE_LAYER = Variant("lstm_1", (100,))
TWO_LAYERS = Variant("lstm_2", (100, 100))
PUBLISHED = {1: ONE_LAYER, 2: TWO_LAYERS}
"""By number of layers."""
VARIANTS = {
    variant.name: variant
    for variant in (
        ONE_LAYER,
        TWO_LAYERS,
        # In the document's code, never run. Its sigmoid cannot say a target outside 0 to 1.
        Variant("lstm_deep", (100, 50, 25, 12), (12,), "sigmoid", "sigmoid"),
        replace(TWO_LAYERS, name="lstm_2_dropout", dropout=0.3),
        Variant("lstm_cascade", (100, 50, 25)),
        replace(TWO_LAYERS, name="lstm_2_dense", dense=(50, 25)),
        replace(TWO_LAYERS, name="lstm_2_mae", loss="mae"),
        replace(TWO_LAYERS, name="lstm_2_huber", loss="huber"),
        replace(TWO_LAYERS, name="lstm_2_coded", code=32),
        replace(ONE_LAYER, name="lstm_1_averaged", members=5),
    )
}
"""By name: the published two, and their future work."""
EPOCHS, BATCH_SIZE, LEARNING_RATE = 100, 32, 1e-3
"""The document's; RMSprop with the constants of Keras."""
