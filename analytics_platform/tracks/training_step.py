"""The step that trains models on numbers: reads the lake, judges, releases or refuses, and writes its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.modelling.model_store import forget_models
from analytics_platform.settings import Settings
from analytics_platform.tracks.protocol import TooFewTracksError
from analytics_platform.tracks.reading import READS, Known, read_tracks
from analytics_platform.tracks.shipped import FAMILY, Shipped
from analytics_platform.tracks.tables import MODEL_SCORES, SHIPPED_MODELS, TRAINING_REFUSALS
from analytics_platform.tracks.training import Judgement, Say, curve_of, judge_numbers, make_shipped, version_of

if TYPE_CHECKING:
    import polars as pl

KEPT = 5
"""Versions whose weights stay on disk: outcomes change with every day of plays."""
CHANCE = 0.5
"""An AUC whose interval reaches down to this is no evidence."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What the step did."""

    commits: dict[str, Commit] = field(default_factory=dict)
    note: str | None = None
    """Why nothing was trained, or what became of the new version."""
    judgement: Judgement | None = None
    winner: str | None = None
    curve: Sequence[tuple[float, float, int]] = ()
    known: Known | None = None


def train_tracks(lake: Lake, settings: Settings, *, target: str | None = None, say: Say) -> Trained:
    """Judge all models on numbers, and release the best if it sorts unknown artists' tracks better than chance.

    On the same tracks and outcomes as the newest version nothing is trained. With too few tracks the tables stay as
    they are and the note says what is missing.

    Args:
        lake: with outcomes and sound.
        settings: folders.
        target: as in ``tracks.outcomes``; None: see ``reading.choose_target``.
        say: told of progress.
    """
    reads = {table.full_name: lake.version(table) for table in READS}
    try:
        known = read_tracks(lake, settings.spectrograms_root, settings.embeddings_root, target)
    except ValueError as error:
        return Trained(note=f"No model was trained: {error}.")
    refusals = [{"isrc": isrc, "source": source, "reason": why} for isrc, source, why in known.refused]
    commits = {TRAINING_REFUSALS.full_name: lake.write_frame(TRAINING_REFUSALS, frame_of(TRAINING_REFUSALS, refusals))}
    data = known.data
    version = version_of(data)
    versions = lake.read(SHIPPED_MODELS).sort("release_no")
    if version in versions["version"].tail(1):
        return Trained(commits, f"{version} stays: tracks and outcomes are the same.", known=known)
    try:
        judgement = judge_numbers(data, threads=lake.threads, say=say)
    except TooFewTracksError as error:
        return Trained(commits, f"No model was trained: {error}.", known=known)
    shipped = make_shipped(data, judgement, version, reads)
    # Tracks and outcomes that are back as they were before the newest version make an old version the newest again.
    others = versions.filter(versions["version"] != version)
    row = _row(shipped, max(versions["release_no"], default=0) + 1)
    if row["status"] == "released":
        shipped.save(settings.models_root)
    commits[MODEL_SCORES.full_name] = lake.write_frame(MODEL_SCORES, judgement.frame(data, version))
    # Last, as it names the version: a kill before it only means that the same is done again.
    added: pl.DataFrame = others.vstack(frame_of(SHIPPED_MODELS, [row]))
    commits[SHIPPED_MODELS.full_name] = lake.write_frame(SHIPPED_MODELS, added)
    released = added.filter(added["status"] == "released").sort("release_no")["version"]
    forget_models(settings.models_root, FAMILY, set(released.tail(KEPT).to_list()))
    auc = f"AUC {row['auc']:.3f} ({row['auc_low']:.3f} to {row['auc_high']:.3f}) on artists that it had not heard"
    note = f"{shipped.model} was {row['status']} as {version}: {auc}."
    return Trained(commits, note, judgement, shipped.model, curve_of(judgement, shipped.model), known)


def _row(shipped: Shipped, release_no: int) -> dict[str, object]:
    info = shipped.info
    scores: dict[str, object] = {}
    for metric, (value, low, high) in info["scores"].items():
        scores |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
    return {
        "version": shipped.version,
        "release_no": release_no,
        "status": "released" if info["scores"]["auc"][1] > CHANCE else "refused",
        "model": shipped.model,
        "target": info["target"],
        "tracks": info["tracks"],
        "artists": info["artists"],
        "has_embeddings": info["has_embeddings"],
        **scores,
    }


def model_in_use(lake: Lake, settings: Settings) -> Shipped | None:
    """The newest released version; None if there is none yet."""
    import polars as pl

    released = lake.read(SHIPPED_MODELS).filter(pl.col("status") == "released").sort("release_no")
    return Shipped.load(settings.models_root, released["version"][-1]) if len(released) else None
