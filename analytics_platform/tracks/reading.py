"""The label's own tracks from the lake: outcomes, sound, and only clips that models may be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.catalogue.rights import require_training_rights, trainable
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.modelling.splits import find_groups
from analytics_platform.tracks.sound import Sound, read_sound
from analytics_platform.tracks.tables import OUTCOMES, OWN_TARGETS
from analytics_platform.tracks.track_data import TrackData

if TYPE_CHECKING:
    import polars as pl

READS: tuple[Table, ...] = (OUTCOMES, CLIPS, SPECTROGRAMS, LOW_LEVEL_FEATURES, DESCRIPTORS, EMBEDDINGS)
"""Tables whose versions say what a training has seen."""
ENOUGH = 300
"""Tracks that make a target worth more than the next: the first days after release, if so many were followed."""
LEAST_COMPARED = 5
"""A place among fewer tracks says little."""
EMBEDDED_SHARE = 0.98
"""Embeddings count once nearly all tracks have one: a model that lacks half of them would be compared on others."""
UNKNOWN_ARTIST = "(unknown)"


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to train on, and what was refused."""

    data: TrackData
    refused: Sequence[tuple[str, str, str]]
    """(ISRC, source of the clip, reason) of tracks with an outcome and a clip that may not be trained on."""
    unheard: int
    """Tracks with an outcome whose clip is missing, or not analysed or embedded yet."""


def read_tracks(lake: Lake, spectrograms_root: Path, embeddings_root: Path, target: str | None = None) -> Known:
    """The tracks of the label with an outcome, a clip that was analysed and the right to train on it.

    Args:
        lake: with outcomes, clips and what was heard of them.
        spectrograms_root: where shards of spectrograms lie.
        embeddings_root: where shards of embeddings lie.
        target: as in ``tracks.outcomes``; None: see ``choose_target``.

    Raises:
        ValueError: no track has that outcome.
    """
    import polars as pl

    outcomes = lake.read(OUTCOMES).filter(pl.col("compared_tracks") >= LEAST_COMPARED)
    target = target or choose_target(outcomes.join(_usable(lake, may_train=True), on="isrc", how="semi"))
    known = outcomes.filter(pl.col("target") == target)
    if not len(known):
        raise ValueError(f"no track has the outcome {target}: release dates or days of plays are missing")
    heard = read_heard(lake, spectrograms_root, embeddings_root, known)
    rows = heard.rows
    # Tracks of unknown artists are not by one artist.
    alone = pl.concat_str(pl.lit(f"{UNKNOWN_ARTIST} "), "isrc")
    artist = pl.when(pl.col("artist_id") == UNKNOWN_ARTIST).then(alone).otherwise("artist_id")
    rows = rows.with_columns(artist.alias("artist_id"))
    artists, recordings = (rows[name].to_numpy().astype(np.str_) for name in ("artist_id", "sha256"))
    return Known(
        TrackData(
            data_set=LABEL,
            target=target,
            window_days=_days_of(target),
            ids=rows["isrc"].to_numpy().astype(np.str_),
            outcome=rows["percentile"].to_numpy().astype(np.float64),
            artists=artists,
            groups=find_groups(artists, recordings),
            genres=rows["genre"].to_numpy().astype(np.str_),
            cells=np.unique(rows["comparison"].to_numpy().astype(np.str_), return_inverse=True)[1].astype(np.int64),
            released=rows["release_date"].to_numpy().astype("datetime64[D]"),
            sound=heard.sound,
        ),
        [(isrc, source, "no right to train") for isrc, source in heard.refused.select("isrc", "source").iter_rows()],
        len(known) - len(heard.refused) - len(rows),
    )


@dataclass(frozen=True, slots=True)
class HeardTracks:
    """Tracks with a clip that was analysed and that models may be trained on."""

    rows: pl.DataFrame
    """The rows that were asked for, by ISRC, with clip_id, sha256, source and offset_s."""
    sound: Sound
    """Of each of them."""
    refused: pl.DataFrame
    """The same columns, of tracks whose clip may not be trained on."""


def read_heard(lake: Lake, spectrograms_root: Path, embeddings_root: Path, wanted: pl.DataFrame) -> HeardTracks:
    """What was heard of some tracks, as far as models may be trained on it.

    Args:
        lake: with clips and what was heard of them.
        spectrograms_root: where shards of spectrograms lie.
        embeddings_root: where shards of embeddings lie.
        wanted: frame with a column ``isrc`` that names no track twice.
    """
    import polars as pl

    joined = wanted.join(_usable(lake), on="isrc").sort("isrc")
    may = _usable(lake, may_train=True)
    refused = joined.join(may, on="isrc", how="anti")
    rows = joined.join(may, on="isrc", how="semi")
    ids = rows["clip_id"].unique().sort().to_list()
    require_training_rights(lake.read(CLIPS), ids)
    embeddings = lake.read(EMBEDDINGS)
    model = _complete_model(embeddings, ids)
    if model is not None:
        embedded = embeddings.filter((pl.col("model") == model) & pl.col("clip_id").is_in(ids))
        ids = embedded["clip_id"].unique().sort().to_list()
        rows = rows.filter(pl.col("clip_id").is_in(ids))
    # One clip may stand for several ISRCs: each is a row, and they are one recording.
    order = {clip: row for row, clip in enumerate(ids)}
    sound = read_sound(lake, spectrograms_root, embeddings_root, ids, model)
    return HeardTracks(
        rows, sound.take(np.array([order[clip] for clip in rows["clip_id"].to_list()], dtype=np.int64)), refused
    )


def _usable(lake: Lake, *, may_train: bool = False) -> pl.DataFrame:
    """Clips that were analysed, of which models may be trained on all or some."""
    import polars as pl

    clips = lake.read(CLIPS).filter(pl.col("clip_id").is_not_null())
    heard = lake.read(DESCRIPTORS).select("clip_id").unique()
    usable = (trainable(clips) if may_train else clips).join(heard, on="clip_id", how="semi")
    return usable.select("isrc", "clip_id", "sha256", "source", "offset_s")


def choose_target(outcomes: pl.DataFrame) -> str:
    """Plays in the first 28 days after release if enough tracks were followed so long; else in the first or last 90.

    Args:
        outcomes: frame with a column ``target``, of the tracks that could be trained on.
    """
    counts = dict(outcomes.group_by("target").len().iter_rows())
    wanted = [target for target in OWN_TARGETS if target.startswith("plays")]
    enough = [target for target in wanted if counts.get(target, 0) >= ENOUGH]
    return enough[0] if enough else max(wanted, key=lambda target: counts.get(target, 0))


def _days_of(target: str) -> int:
    return int(target.split("_")[-2]) if target in OWN_TARGETS else 0


def _complete_model(embeddings: pl.DataFrame, clip_ids: Sequence[str]) -> str | None:
    """The pretrained model that has heard nearly all of these clips; None if none has."""
    import polars as pl

    heard = embeddings.filter(pl.col("clip_id").is_in(clip_ids)).group_by("model").len().sort("model")
    complete = [model for model, clips in heard.iter_rows() if clips >= EMBEDDED_SHARE * len(clip_ids)]
    return complete[0] if complete else None
