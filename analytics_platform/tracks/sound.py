"""What models hear of clips, read from the lake's tables and shards: features, embeddings and spectrograms as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.embeddings import EmbeddingShard, ShardRow
from analytics_platform.audio.names import FEATURE_NAMES
from analytics_platform.audio.shards import PARAMETERS, Spectrograms
from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.tracks.movement import movements

if TYPE_CHECKING:
    import polars as pl

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HEARD = ("loudness_lufs", "peak_dbfs", "tempo_bpm", "tempo_strength", "key_strength")
"""Descriptors that models take as they are; the key and mode are a column each, 1 or 0."""
DESCRIBED = (*HEARD, "is_minor")
PUBLISHED_SET, MENDED_SET = "hitmusicnet", "hitmusicnet_mended"


class Sequences:
    """Embeddings of clips, one vector per window, read by row number from memory-mapped shards.

    Args:
        shards: (n,) the open shard of each row.
        places: (n,) where the clip lies in it.
    """

    def __init__(self, shards: Sequence[EmbeddingShard], places: Sequence[ShardRow]) -> None:
        self._shards = list(shards)
        self._places = list(places)

    def __len__(self) -> int:
        return len(self._places)

    def take(self, rows: IntArray) -> Sequences:
        """Those of these rows, in this order."""
        return Sequences([self._shards[row] for row in rows.tolist()], [self._places[row] for row in rows.tolist()])

    def padded(self, rows: IntArray) -> tuple[NDArray[np.float32], IntArray]:
        """(k, W, dim) vectors, zeros after each clip's last window, and (k,) how many windows each has."""
        parts = [self._shards[row].sequence(self._places[row]) for row in rows.tolist()]
        windows = np.array([len(part) for part in parts], dtype=np.int64)
        values = np.zeros((len(parts), int(windows.max()), parts[0].shape[1]), dtype=np.float32)
        for value, part in zip(values, parts, strict=True):
            value[: len(part)] = part
        return values, windows


@dataclass(frozen=True, slots=True)
class Sound:
    """Clips (n) as models hear them. What is missing as a whole is None; a missing number is NaN."""

    clip_ids: NDArray[np.str_]
    low_level: FloatArray | None = None
    """(n, p) features as their authors computed them; p is 207 for ours."""
    mended: FloatArray | None = None
    """(n, p) the same with two faults mended, see docs/audio.md."""
    described: FloatArray | None = None
    """(n, q) loudness, tempo and so on."""
    described_names: tuple[str, ...] = DESCRIBED
    moving: FloatArray | None = None
    """(n, 156) how the spectrum moves, see ``movement``."""
    pooled: NDArray[np.float32] | None = None
    """(n, dim) the mean embedding of each clip."""
    net: str | None = None
    """The pretrained net that made the embeddings."""
    sequences: Sequences | None = None
    spectrograms: Spectrograms | None = None
    durations_s: FloatArray = field(default_factory=lambda: np.empty(0))
    """(n,) seconds of sound that were heard."""

    def __len__(self) -> int:
        return len(self.clip_ids)

    def take(self, rows: IntArray) -> Sound:
        """The clips of these rows, in this order; a row may come twice."""
        return Sound(
            self.clip_ids[rows],
            None if self.low_level is None else self.low_level[rows],
            None if self.mended is None else self.mended[rows],
            None if self.described is None else self.described[rows],
            self.described_names,
            None if self.moving is None else self.moving[rows],
            None if self.pooled is None else self.pooled[rows],
            self.net,
            None if self.sequences is None else self.sequences.take(rows),
            None if self.spectrograms is None else self.spectrograms.take(rows),
            self.durations_s[rows],
        )


def read_sound(
    lake: Lake, spectrograms_root: Path, embeddings_root: Path, clip_ids: Sequence[str], model: str | None = None
) -> Sound:
    """Read what is known of some clips.

    Args:
        lake: with the tables of the room ``audio``.
        spectrograms_root: where shards of spectrograms lie.
        embeddings_root: where shards of embeddings lie.
        clip_ids: clips that were analysed, each once; they are the rows of what is returned.
        model: the pretrained model whose embeddings are read; None: no embeddings.

    Raises:
        ValueError: a clip was not analysed, or has no embedding by that model.
    """
    import polars as pl

    wanted = pl.DataFrame({"clip_id": list(clip_ids)}, schema={"clip_id": pl.String()})

    def rows_of(table: pl.DataFrame, name: str) -> pl.DataFrame:
        found = wanted.join(table.unique("clip_id", keep="first"), on="clip_id", how="left", maintain_order="left")
        missing = found[found.columns[1]].is_null()
        if missing.any():
            lacks = found.filter(missing)["clip_id"]
            raise ValueError(f"{len(lacks)} of {len(wanted)} clips have no row in {name}, like {lacks[0]}")
        return found

    names = list(FEATURE_NAMES)
    features = lake.read(LOW_LEVEL_FEATURES).select("clip_id", "feature_set", *names)
    sets = {
        name: rows_of(features.filter(pl.col("feature_set") == name), f"audio.low_level_features ({name})")
        .select(names)
        .to_numpy()
        for name in (PUBLISHED_SET, MENDED_SET)
    }
    described = rows_of(lake.read(DESCRIPTORS), "audio.descriptors")
    places = rows_of(
        lake.read(SPECTROGRAMS)
        .filter(pl.col("parameters") == PARAMETERS)
        .select("clip_id", "shard", "shard_row", "frames"),
        "audio.spectrograms",
    )
    pooled, sequences = (None, None) if model is None else _read_embeddings(lake, embeddings_root, rows_of, model)
    spectrograms = Spectrograms(
        spectrograms_root, places["shard"].to_list(), places["shard_row"].to_numpy(), places["frames"].to_numpy()
    )
    return Sound(
        clip_ids=np.array(list(clip_ids), dtype=np.str_),
        low_level=sets[PUBLISHED_SET].astype(np.float64),
        mended=sets[MENDED_SET].astype(np.float64),
        described=described_columns(described),
        moving=movements(spectrograms, np.arange(len(wanted))),
        pooled=pooled,
        net=model,
        sequences=sequences,
        spectrograms=spectrograms,
        durations_s=described["duration_s"].to_numpy().astype(np.float64),
    )


def described_columns(described: pl.DataFrame) -> FloatArray:
    """(n, 6) the columns ``DESCRIBED`` of rows of ``audio.descriptors``; null is NaN."""
    import polars as pl

    is_minor = (pl.col("mode") == "minor").cast(pl.Float64)
    return described.select(*(pl.col(name).cast(pl.Float64) for name in HEARD), is_minor).to_numpy().astype(np.float64)


def _read_embeddings(
    lake: Lake, root: Path, rows_of: Callable[[pl.DataFrame, str], pl.DataFrame], model: str
) -> tuple[NDArray[np.float32], Sequences]:
    import polars as pl

    places = rows_of(
        lake.read(EMBEDDINGS)
        .filter(pl.col("model") == model)
        .select("clip_id", "shard", "shard_row", "first_window", "windows"),
        f"audio.embeddings ({model})",
    )
    opened = {name: EmbeddingShard(root / name) for name in places["shard"].unique().to_list()}
    shards = [opened[name] for name in places["shard"].to_list()]
    rows = [ShardRow(*row) for row in places.select("shard_row", "first_window", "windows").iter_rows()]
    pooled = np.stack([shard.pooled[row.shard_row] for shard, row in zip(shards, rows, strict=True)])
    return pooled, Sequences(shards, rows)
