"""The label's own tracks from the lake, as this room sees them: who plays them, and how they sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.modelling.splits import IntArray, find_groups
from analytics_platform.streams.feeds import LABEL_VENDORS
from analytics_platform.streams.tables import PLAYS, TRACK_ARTISTS
from analytics_platform.taste.track_plays import TrackPlays, read_later_plays, read_track_plays
from analytics_platform.taste.warm import HeldOut, hold_out_pairs
from analytics_platform.tracks.reading import read_heard
from analytics_platform.tracks.sound import Sound

READS: tuple[Table, ...] = (PLAYS, TRACK_ARTISTS, CLIPS, SPECTROGRAMS, LOW_LEVEL_FEATURES, DESCRIPTORS, EMBEDDINGS)
"""Tables whose versions say what a training has seen."""
OWN = {"vendor": LABEL_VENDORS}
"""Listeners of open data sets are not the label's, and play anything."""


@dataclass(frozen=True, slots=True)
class TasteData:
    """Tracks (T) with their plays, and the sound of those (n) that models may learn from."""

    plays: TrackPlays
    rows: IntArray
    """(n,) which of the tracks have sound, rising."""
    sound: Sound
    """(n)."""
    groups: IntArray
    """(n,) tracks of one artist, or of one recording, are a group."""
    recordings: IntArray
    """(n,) the recording of each: one may have several ISRCs."""

    @property
    def heard(self) -> TrackPlays:
        """The plays of the tracks with sound (n)."""
        return self.plays.take_tracks(self.rows)

    @property
    def artists(self) -> NDArray[np.str_]:
        """(n,) of the tracks with sound."""
        return self.plays.artist_ids[self.rows]


def read_taste(lake: Lake, spectrograms_root: Path, embeddings_root: Path) -> TasteData:
    """Tracks with enough listeners, and the sound of those whose clip was analysed and may be trained on."""
    import polars as pl

    with lake.connect(PLAYS, TRACK_ARTISTS, only=OWN) as connection:
        plays = read_track_plays(connection)
    wanted = pl.DataFrame({"isrc": plays.isrcs, "place": np.arange(len(plays.isrcs))})
    heard = read_heard(lake, spectrograms_root, embeddings_root, wanted)
    places: IntArray = heard.rows["place"].to_numpy().astype(np.int64)
    order = np.argsort(places, kind="stable")
    recordings = heard.rows["sha256"].to_numpy().astype(np.str_)[order]
    rows = places[order]
    groups = find_groups(plays.artist_ids[rows], recordings)
    return TasteData(plays, rows, heard.sound.take(order), groups, find_groups(recordings))


def read_held_out(lake: Lake) -> dict[str, Iterable[HeldOut]]:
    """Plays hidden in two ways: a fifth of each listener's tracks, and what was heard first in the last 28 days."""
    with lake.connect(PLAYS, TRACK_ARTISTS, only=OWN) as connection:
        plays = read_track_plays(connection).plays
        before, later = read_later_plays(connection)
    by_time = [HeldOut(before.plays, later)] if later.nnz else []
    return {"pairs": [hold_out_pairs(plays, 0)] if plays.nnz else [], "time": by_time}
