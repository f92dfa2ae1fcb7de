"""Tracks of the catalogue that are most similar to a file that is in no catalogue, by what its sound predicts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.workers import Rejected
from analytics_platform.taste.similar import PLACES, nearest, unit_length
from analytics_platform.tracks.hearing import Ears, Heard, NewClip, hear_all, sound_of
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.unreleased import open_track

if TYPE_CHECKING:
    import polars as pl


class Predictor(Protocol):
    """What places sounds among tracks."""

    def predict(self, sound: Sound, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """(k, d) factors of these rows of the sound."""
        ...


class NotHeardError(ValueError):
    """A file can't be heard; the message says why."""


def hear_file(path: Path, ears: Ears) -> Heard:
    """Decode and analyse one file, in a worker: a file that makes a decoder crash costs nothing else.

    Raises:
        NotHeardError: it is no audio, silent, too short, broken …
        OSError: it is not there, or can't be read.
        NetError: the weights of the net are missing.
    """
    track = open_track(path.parent, path.name)
    results = hear_all([NewClip(track.clip_id, str(path), track.offset_s, ears.net)], ears, 1)
    with closing(results):
        _, heard = next(results)
    if isinstance(heard, Rejected):
        raise NotHeardError(f"{path.name}: {heard.reason}" + (f" ({heard.detail})" if heard.detail else ""))
    return heard


def similar_to_file(
    heard: Heard,
    predictor: Predictor,
    factors: NDArray[np.floating],
    isrcs: NDArray[np.str_],
    names: pl.DataFrame,
    most: int = PLACES,
) -> pl.DataFrame:
    """place, isrc, title, artist_name, genre and similarity of the catalogue's most similar tracks.

    Args:
        heard: the file, as ``hear_file`` heard it.
        predictor: fitted to these factors.
        factors: (n, d) of the catalogue's tracks.
        isrcs: (n,) whose they are.
        names: isrc, title, artist_name, genre; one row per isrc.
        most: tracks, fewer if the catalogue has fewer.
    """
    import polars as pl

    predicted = predictor.predict(sound_of([heard]), np.zeros(1, dtype=np.int64))
    rows, cosines = nearest(unit_length(factors), predicted, most)
    return (
        pl.DataFrame(
            {"isrc": isrcs[rows[0]], "similarity": cosines[0].astype(np.float64)},
            schema={"isrc": pl.String(), "similarity": pl.Float64()},
        )
        .join(names.select("isrc", "title", "artist_name", "genre"), on="isrc", how="left", maintain_order="left")
        .with_row_index("place", offset=1)
        .select("place", "isrc", "title", "artist_name", "genre", "similarity")
    )
