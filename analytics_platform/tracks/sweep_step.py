"""The step that trains part of Autoen-chorder's grid on the label's tracks; killed, it goes on where it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.settings import Settings
from analytics_platform.tracks.families import FAMILIES
from analytics_platform.tracks.grid import SIZE
from analytics_platform.tracks.net_step import Effort, Say, size_of
from analytics_platform.tracks.protocol import make_splits
from analytics_platform.tracks.reading import read_tracks
from analytics_platform.tracks.tables import GRID_SCORES
from analytics_platform.tracks.training import version_of

if TYPE_CHECKING:
    import polars as pl

PART = 270
"""Configurations of a part: an hour or so of two cores with a thousand tracks."""
PARTS = tuple(f"{first:05d}-{min(first + PART, SIZE) - 1:05d}" for first in range(0, SIZE, PART))


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a part."""

    note: str | None = None
    rows: pl.DataFrame | None = None
    commit: Commit | None = None


def sweep_part(
    lake: Lake, settings: Settings, part: str, *, every: int, epochs: int | None, device: str, say: Say
) -> Swept:
    """Train the configurations of a part by the first fold of artists, and write how they did on its validation rows.

    Args:
        lake: with outcomes and sound.
        settings: folders.
        part: of PARTS.
        every: 1 for all configurations of the part, 10 for a tenth of them …
        epochs: at most; None: until nothing improves.
        device: ``cpu``, ``cuda`` …
        say: told of each configuration.
    """
    import polars as pl

    from analytics_platform.tracks.sweep import run_sweep

    first, last = map(int, part.split("-"))
    try:
        data = read_tracks(lake, settings.spectrograms_root, settings.embeddings_root).data
        size = size_of(data, FAMILIES["autoenchorder_7"], Effort())
        split = make_splits(data, "artists", 0)[0]
    except ValueError as error:
        return Swept(f"The grid was not trained: {error}.")
    version = version_of(data)
    rows = run_sweep(
        data,
        split.train,
        split.validation,
        range(first, last + 1, every),
        size=size,
        folder=settings.checkpoints_root / version / "grid",
        say=say,
        epochs=epochs,
        device=device,
    ).with_columns(part=pl.lit(part), data_version=pl.lit(version))
    types = {"number": pl.Int32, "batch_size": pl.Int32, "layers": pl.Int16, "best_epoch": pl.Int32}
    rows = rows.with_columns(pl.col(name).cast(kind) for name, kind in types.items())
    rows = rows.select([column.name for column in GRID_SCORES])
    return Swept(None, rows, lake.write_frame(GRID_SCORES, rows, partition={"part": part}))
