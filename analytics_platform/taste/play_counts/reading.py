"""The study of the label's own plays: its five most devoted listeners, and the songs of which a net may hear a clip."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from analytics_platform.audio.tables import DESCRIPTORS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.catalogue.rights import require_training_rights, trainable
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import PLAYS, TRACK_ARTISTS
from analytics_platform.taste.play_counts.baselines import Evidence
from analytics_platform.taste.play_counts.grid import Hears
from analytics_platform.taste.play_counts.pieces import read_songs
from analytics_platform.taste.play_counts.selection import OWN_PLAYS, select_plays, shared_plays
from analytics_platform.taste.play_counts.study_data import CountStudy
from analytics_platform.taste.reading import OWN
from analytics_platform.taste.track_plays import RECORDING_ARTISTS

READS = (PLAYS, TRACK_ARTISTS, CLIPS, DESCRIPTORS, LOW_LEVEL_FEATURES, SPECTROGRAMS)
LEAST_SONGS = 20
"""Shared songs with a clip: with fewer, nothing is left to test on."""


def read_label_study(
    lake: Lake, settings: Settings, *, hears: Iterable[Hears] = (), folder: Path | None = None
) -> CountStudy:
    """The label's plays, selected as the document's, with the sound of clips that models may be trained on.

    Who the listeners are is not kept: their places are by plays.

    Args:
        lake: with plays, clips and what was heard of them.
        settings: folders.
        hears: as what nets are to hear the songs: up to two minutes from the beginning of their files.
        folder: for raw pieces.

    Raises:
        ValueError: fewer than 20 songs of two of the five listeners have a clip.
    """
    import polars as pl

    with lake.connect(PLAYS, TRACK_ARTISTS, only=OWN) as connection:
        counts = shared_plays(select_plays(connection, OWN_PLAYS))
    clips = lake.read(CLIPS)
    wanted = pl.DataFrame({"isrc": counts.songs}, schema={"isrc": pl.String()})
    usable = trainable(clips).filter(pl.col("location").is_not_null()).unique("isrc", keep="first")
    found = wanted.join(usable, on="isrc", how="inner").sort("isrc")
    if len(found) < LEAST_SONGS:
        raise ValueError(
            f"the five listeners of most plays share {len(counts.songs)} songs, {len(found)} of them with a clip that"
            f" may be trained on: at least {LEAST_SONGS} are needed"
        )
    require_training_rights(clips, found["clip_id"])
    counts = counts.take_songs(np.searchsorted(counts.songs, found["isrc"].to_numpy().astype(np.str_)))
    with lake.connect(TRACK_ARTISTS) as connection:
        artists = connection.sql(RECORDING_ARTISTS).pl()
    names = found.join(artists, on="isrc", how="left", maintain_order="left")["artist_id"].fill_null(found["isrc"])
    sound = _read_sound(lake, settings, found["clip_id"].to_list())
    locations = [
        place if "://" in place or Path(place).is_absolute() else str(settings.audio_root / place)
        for place in found["location"].to_list()
    ]
    wanted_inputs = tuple(hears)
    return CountStudy(
        LABEL,
        counts,
        read_songs(locations, folder, hears=wanted_inputs) if wanted_inputs else {},
        Evidence(np.unique(names.to_numpy().astype(np.str_), return_inverse=True)[1].astype(np.int64), sound),
    )


def _read_sound(lake: Lake, settings: Settings, clip_ids: list[str]) -> dict[str, np.ndarray]:
    """Features and movement of the clips; nothing if some were not analysed."""
    from analytics_platform.tracks.sound import read_sound

    ids = sorted(set(clip_ids))
    analysed = set(lake.read(DESCRIPTORS)["clip_id"])
    if not analysed.issuperset(ids):
        return {}
    sound = read_sound(lake, settings.spectrograms_root, settings.embeddings_root, ids)
    sound = sound.take(np.searchsorted(np.array(ids), np.array(clip_ids)))
    given = {"features": sound.mended, "movement": sound.moving}
    return {name: values for name, values in given.items() if values is not None}
