"""How genres play, and all that is needed to play a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics_platform.sample_label.catalogue import Catalogue
from analytics_platform.sample_label.sound import Sounds
from analytics_platform.sample_label.spec import LabelSpec, Purpose
from analytics_platform.sample_label.words import GENRES

_STYLES, _PLAYERS, _NOTES = 1, 2, 3
Seed = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Style:
    """What a genre plays."""

    kick: str
    snare: str
    bass: str
    """16 steps of a bar: x a stroke, a dot none."""
    swing: float
    """Share of a sixteenth by which every second one is late."""
    drums: float
    drive: float
    """Distortion, 0 to 1."""
    sustain: float
    """How long notes of the chords ring, 0 plucked to 1 held."""
    sevenths: float
    """Chance that chords have a seventh."""
    rolloff: float
    """Partial k has the amplitude k to the power of minus this."""
    is_hollow: bool
    """Odd partials only."""
    echo: float


STYLES = (
    Style("x...x...x...x...", "....x.......x...", "..x...x...x...x.", 0.00, 1.0, 0.15, 0.5, 0.3, 1.0, False, 0.35),
    Style("x......x..x.....", "....x.......x..x", "x.....x...x.....", 0.16, 1.1, 0.20, 0.6, 0.5, 1.6, False, 0.20),
    Style("x.....x.x.x.....", "....x.......x...", "x.x.x.x.x.x.x.x.", 0.00, 0.9, 0.55, 0.4, 0.0, 1.0, False, 0.20),
    Style("x...x...x...x.x.", "....x.......x...", "x..x..x.x..x..x.", 0.00, 0.9, 0.10, 0.6, 0.2, 1.2, True, 0.30),
    Style("x.......x.......", "............x...", "x.......x.......", 0.06, 0.4, 0.00, 0.2, 0.1, 1.5, False, 0.30),
    Style("x.........x.....", "......x......x..", "x...x...x...x...", 0.28, 0.5, 0.00, 0.3, 0.9, 1.8, True, 0.35),
    Style("x...x...x...x...", "...x..x....x..x.", "x..x....x..x....", 0.00, 1.0, 0.10, 0.2, 0.2, 1.3, True, 0.20),
    Style("x.xxx.xxx.xxx.xx", "....x.......x...", "x.xxx.xxx.xxx.xx", 0.00, 0.9, 0.90, 0.3, 0.0, 0.8, False, 0.15),
)
"""One for each genre, in the order of ``words.GENRES``."""
OWN_STYLE = 0.75
"""Chance that an artist plays what its genre plays; else that of any genre."""


@dataclass(frozen=True, slots=True)
class Clip:
    """All that is needed to play a track; small, so that it travels to another process."""

    style: Style
    step: int
    key: int
    is_minor: bool
    qualities: tuple[float, ...]
    artist_seed: Seed
    track_seed: Seed


def clips_of(spec: LabelSpec, catalogue: Catalogue) -> list[Clip]:
    """The clips of all tracks, in their order."""
    return clips_with(spec, catalogue.genres, catalogue.track_artists, catalogue.sounds, Purpose.SOUND)


def clips_with(
    spec: LabelSpec, genres: Sequence[str], track_artists: np.ndarray, sounds: Sounds, purpose: Purpose
) -> list[Clip]:
    """Clips of tracks (T), of the label or beyond.

    Args:
        spec: the label.
        genres: of its artists, and after them of newcomers.
        track_artists: artists of the tracks, (T,).
        sounds: of the tracks.
        purpose: tells the notes of these tracks from those of others.
    """
    styles: list[Style] = []
    for genre in genres:
        own = [name for name, _ in GENRES].index(genre)
        random = spec.random(Purpose.SOUND, _STYLES, len(styles))
        styles.append(STYLES[own if random.random() < OWN_STYLE else random.integers(len(STYLES))])
    return [
        Clip(
            style=styles[artist],
            step=step,
            key=key,
            is_minor=is_minor,
            qualities=tuple(qualities),
            artist_seed=(spec.seed, int(Purpose.SOUND), _PLAYERS, artist),
            track_seed=(spec.seed, int(purpose), _NOTES, track),
        )
        for track, (artist, step, key, is_minor, qualities) in enumerate(
            zip(
                track_artists.tolist(), sounds.steps.tolist(), sounds.keys.tolist(),
                sounds.is_minor.tolist(), sounds.qualities.tolist(), strict=True,
            )
        )
    ]  # fmt: skip
