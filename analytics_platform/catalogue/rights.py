"""What may be done with a clip, by where it is from; and the one gate to training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Rights:
    """Uses that are allowed."""

    analyse: bool = False
    """Features may be computed from it."""
    train: bool = False
    """Models may be trained on it."""
    display: bool = False
    """It may be played to users."""

    @property
    def any(self) -> bool:
        """True if there is anything at all that it may be used for."""
        return self.analyse or self.train or self.display


DEFAULT_RIGHTS: Mapping[str, Rights] = {
    # The label's own recordings.
    "master": Rights(analyse=True, train=True, display=True),
    # Deezer's API is for non-commercial use; nothing in its terms grants analysis.
    "deezer": Rights(display=True),
    # Apple: previews only to promote what the store sells, "not for entertainment".
    "itunes": Rights(display=True),
    # Spotify's developer policy: III.14 no training or ingestion by models, III.13 no analysis for new metrics.
    "spotify": Rights(display=True),
    "missing": Rights(),
}
"""Without a licence of the label's own. A licence is given as an override, see ``rights_of``."""


class TrainingRightsError(PermissionError):
    """A training set was asked for with clips that no model may be trained on."""


def rights_of(source: str, overrides: Mapping[str, Rights] | None = None) -> Rights:
    """Rights in clips of a source of ``catalogue.clips``.

    Args:
        source: as in ``catalogue.tables.CLIP_SOURCES``.
        overrides: rights by source that replace the default whole: what a label's licence says.

    Raises:
        ValueError: source, or a source in ``overrides``, is unknown; a misspelt licence must not go unseen.
    """
    overrides = overrides or {}
    if unknown := sorted({source, *overrides} - set(DEFAULT_RIGHTS)):
        raise ValueError(f"unknown source of clips: {', '.join(unknown)}; known: {', '.join(DEFAULT_RIGHTS)}")
    if overrides.get("missing", Rights()).any:
        raise ValueError("there can be no right in a clip that is missing")
    return overrides.get(source, DEFAULT_RIGHTS[source])


def trainable(clips: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``catalogue.clips`` that models may be trained on: the gate that every training set goes through.

    A clip that stands for several recordings needs the right in every one of its rows.
    """
    import polars as pl

    refused = clips.filter(~pl.col("may_train").fill_null(False)).get_column("clip_id").drop_nulls()
    return clips.filter(pl.col("clip_id").is_not_null() & ~pl.col("clip_id").is_in(refused.implode()))


def require_training_rights(clips: pl.DataFrame, clip_ids: Iterable[str]) -> None:
    """Check that models may be trained on each of these clips.

    Args:
        clips: rows of ``catalogue.clips``.
        clip_ids: the clips that a training set holds.

    Raises:
        TrainingRightsError: one of them lacks the right, or is not among ``clips``; names a few and the sources.
    """
    import polars as pl

    allowed = set(trainable(clips).get_column("clip_id"))
    refused = sorted(set(clip_ids) - allowed)
    if not refused:
        return
    found = clips.filter(pl.col("clip_id").is_in(refused)).unique("clip_id")
    counts = found.group_by("source").len().sort("source")
    sources = [f"{count} from {source}" for source, count in counts.iter_rows()]
    if unknown := len(refused) - found.height:
        sources.append(f"{unknown} unknown")
    raise TrainingRightsError(
        f"{len(refused)} clips may not be trained on ({', '.join(sources)}), like {', '.join(refused[:3])}. "
        "Only clips with may_train go into a training set; a licence is set in the usage rights by source."
    )
