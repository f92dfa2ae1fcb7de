"""The taste model in use: factors of tracks from plays, and what says from a sound where a new track would lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.modelling.model_store import load_model, save_model, text_array, text_of
from analytics_platform.settings import Settings
from analytics_platform.taste.factors import unit
from analytics_platform.taste.tables import RELEASES

if TYPE_CHECKING:
    from analytics_platform.taste.predictors import FittedTaste

FAMILY = "taste"
"""Its name in the model store."""
_PREDICTOR = "predictor."
NO_MODEL = (
    "There is no model of listeners' taste yet. It needs plays of at least 100 tracks of 20 artists whose clips were"
    " analysed and may be trained on: `analytics-platform status` shows what is there."
)


@dataclass(frozen=True, slots=True)
class Taste:
    """A version of the model. Tracks (T) have factors from plays; of those with sound (n) it knows what sound says."""

    version: str
    isrcs: NDArray[np.str_]
    """(T,)."""
    artist_ids: NDArray[np.str_]
    """(T,)."""
    factors: NDArray[np.float32]
    """(T, d) from plays."""
    rows: NDArray[np.int64]
    """(n,) which of the tracks have sound."""
    by_artists: NDArray[np.float32]
    """(n, d) what a predictor that had not heard the artist says of each."""
    by_tracks: NDArray[np.float32]
    """(n, d) the same, when other tracks of the artist were known to it."""
    predictor: FittedTaste
    info: Mapping[str, Any]

    @property
    def units(self) -> NDArray[np.float32]:
        """(T, d) the factors from plays, of length 1."""
        return unit(self.factors)

    @property
    def needs_embeddings(self) -> bool:
        """Whether tracks need embeddings to be placed by their sound."""
        return "embeddings" in self.predictor.family.needs

    def save(self, root: Path) -> None:
        """Into the model store; a version that is there stays as it is."""
        arrays, about = self.predictor.save_state()
        own = {
            "isrcs": text_array(self.isrcs),
            "artist_ids": text_array(self.artist_ids),
            "factors": self.factors,
            "rows": self.rows,
            "by_artists": self.by_artists,
            "by_tracks": self.by_tracks,
        }
        named = {f"{_PREDICTOR}{name}": array for name, array in arrays.items()}
        save_model(root, FAMILY, self.version, {**own, **named}, {**self.info, "predictor": about})

    @classmethod
    def load(cls, root: Path, version: str) -> Taste:
        """A version of the model store.

        Raises:
            FileNotFoundError: there is no such version.
        """
        from analytics_platform.taste.predictors import restore_taste

        stored = load_model(root, FAMILY, version)
        arrays = stored.arrays
        parts = {name.removeprefix(_PREDICTOR): array for name, array in arrays.items() if name.startswith(_PREDICTOR)}
        return cls(
            version,
            text_of(arrays["isrcs"]),
            text_of(arrays["artist_ids"]),
            arrays["factors"],
            arrays["rows"],
            arrays["by_artists"],
            arrays["by_tracks"],
            restore_taste(parts, stored.info["predictor"]),
            stored.info,
        )


def released_version(lake: Lake) -> str | None:
    """The version in use; None if none was ever released."""
    import polars as pl

    found = lake.read(RELEASES).filter(pl.col("status") == "released").sort("release_no")
    return found["version"][-1] if len(found) else None


def taste_in_use(lake: Lake, settings: Settings) -> Taste | None:
    """The newest released version; None if there is none yet."""
    version = released_version(lake)
    return None if version is None else Taste.load(settings.models_root, version)


def worth(taste: Taste) -> str:
    """How sure placing by sound is, in a sentence."""
    (recall, low, high), (chance, _, _) = taste.info["recall_at_20"], taste.info["random_recall_at_20"]
    return (
        f"Of listeners' plays of tracks by artists that it had not heard, the model in use put {recall:.0%} "
        f"({low:.0%} to {high:.0%}) among each listener's first 20; by chance it is {chance:.0%}. Listen before you "
        "decide."
    )
