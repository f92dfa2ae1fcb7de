"""Five devoted listeners: who hears most of a small label, and plays what sounds as each likes it.

The label's ordinary listeners follow five artists or so, and no five of them share enough songs for a study of play
counts as document 002 has it. These share nearly all, and how much of their plays lies in the sound is known. What such
a study shows is that all parts work, and how near the sound lets a model come; never what real listeners are like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from analytics_platform.sample_label.catalogue import Catalogue
from analytics_platform.sample_label.sound import APPEAL_WEIGHTS, QUALITIES
from analytics_platform.sample_label.spec import LabelSpec, Purpose

SCALE = 0.09
"""Of a label with some 300 songs of 60 artists."""
SECONDS = 120.0
"""Length of a rendered song: 24 pieces of 5 s. A song costs some 0.2 s of one core and 2 MB."""
MEDIAN_PLAYS = (24.0, 15.0, 10.0, 6.0, 3.0)
"""Of each listener, about; that of the last is mostly a few plays, as the document's fourth."""
SPREAD = 0.8
"""Standard deviation of the logarithm of a listener's rates."""
SOUND_SHARE, ARTIST_SHARE = 0.5, 0.2
"""Of that variance: what the sound's qualities make, and a liking of the artist. The rest is the song's own, per
listener; and plays are Poisson around the rate."""
OWN_TASTE = 0.35
"""Standard deviation of a listener's weights of qualities around those of everybody (0.25 to 0.5)."""
HEARD_SHARE = 0.6
MOST_PLAYS = 200


@dataclass(frozen=True, slots=True)
class Devoted:
    """Plays of the label's songs (T) by five listeners, and what is planted."""

    isrcs: list[str]
    plays: np.ndarray
    """(5, T) int64; 0 where a listener never heard the song."""
    rates: np.ndarray
    """(5, T) plays that are expected beyond the first."""
    tastes: np.ndarray
    """(5, 5) weights of ``sound.QUALITIES``; their product with the qualities has variance 1."""
    qualities: np.ndarray
    """(T, 5) of the songs, mean 0."""

    def frame(self) -> pl.DataFrame:
        """Rows of listener, song and plays, those heard."""
        listeners, songs = np.nonzero(self.plays)
        return pl.DataFrame(
            {
                "listener": [f"listener {listener}" for listener in listeners.tolist()],
                "song": pl.Series(self.isrcs).gather(songs),
                "plays": self.plays[listeners, songs],
            }
        )


def draw_devoted(spec: LabelSpec, catalogue: Catalogue) -> Devoted:
    """Draw five listeners of a label; a listener hears six songs of ten, and each of those is played at least once."""
    random = spec.random(Purpose.DEVOTED)
    songs, count = len(catalogue.isrcs), len(MEDIAN_PLAYS)
    qualities = catalogue.sounds.qualities - catalogue.sounds.qualities.mean(axis=0)
    tastes = np.array(APPEAL_WEIGHTS) + random.normal(0, OWN_TASTE, (count, len(QUALITIES)))
    tastes /= (tastes @ qualities.T).std(axis=1, keepdims=True)
    artists = random.normal(0, 1, (count, len(catalogue.artist_names)))[:, catalogue.track_artists]
    own = random.normal(0, 1, (count, songs))
    rest = 1 - SOUND_SHARE - ARTIST_SHARE
    liking = np.sqrt(SOUND_SHARE) * tastes @ qualities.T + np.sqrt(ARTIST_SHARE) * artists + np.sqrt(rest) * own
    rates = (np.array(MEDIAN_PLAYS)[:, None] - 1) * np.exp(SPREAD * liking)
    plays = np.minimum(1 + random.poisson(rates), MOST_PLAYS)
    plays[random.random((count, songs)) >= HEARD_SHARE] = 0
    return Devoted(list(catalogue.isrcs), plays, rates, tastes, qualities)
