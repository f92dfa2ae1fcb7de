"""What each track sounds like: tempo, key, mode and five audible qualities, and how much of its plays they make.

The sound of a track comes from its cluster, its artist and itself, so that clusters can be told apart by ear
but overlap. Only the way in which an artist's plays are shared among its own tracks depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics_platform.sample_label.spec import LabelSpec, Purpose

BASE_RATE = 22_050
"""Samples a second that tempos are made for: a sixteenth is a whole number of them."""
KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
QUALITIES = ("brightness", "density", "dynamics", "hook", "loudness")
"""Weight of the treble; onsets per bar; contrast of parts; repetition of the motif; level."""
BRIGHTNESS, DENSITY, DYNAMICS, HOOK, LOUDNESS = range(len(QUALITIES))

ARTIST_SHARE, TRACK_SHARE = 0.08, 0.70
"""Variance of a quality between artists of a cluster, and between tracks of an artist; about the rest is the cluster's.
Most is the track's own, since only that can share out an artist's plays."""
TEMPO_ARTIST, TEMPO_TRACK = 0.07, 0.09
"""Standard deviations of the logarithm of the tempo."""
LEAST_BPM, MOST_BPM = 60.0, 180.0

APPEAL_WEIGHTS = (0.50, 0.45, 0.25, 0.40, 0.35)
BRIGHT_AND_DENSE = 0.30
"""What a track gains that is both bright and dense, beyond the two alone."""
MOST_APPEAL = 2.0
EFFECT = 1.65
"""Plays within an artist go with exp(EFFECT · appeal). By plays of the first 28 days, appeal alone then tells tracks
above the median of their genre and release month from those below with an AUC of 0.66; by expected plays once all is
out, and the release year, of 0.70."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a cluster sounds on average."""

    bpm: float
    minor_share: float
    qualities: tuple[float, float, float, float, float]
    """In standard deviations, in the order of ``QUALITIES``."""


PROFILES = (
    Profile(124, 0.65, (0.45, 0.55, -0.15, 0.55, 0.35)),
    Profile(90, 0.80, (-0.35, -0.10, -0.45, 0.50, 0.40)),
    Profile(130, 0.35, (0.45, 0.25, 0.15, -0.20, 0.40)),
    Profile(112, 0.30, (0.50, 0.10, -0.10, 0.70, 0.30)),
    Profile(98, 0.30, (-0.50, -0.45, 0.35, -0.20, -0.75)),
    Profile(108, 0.50, (-0.60, 0.20, 0.65, -0.80, -0.60)),
    Profile(96, 0.55, (0.10, 0.45, -0.30, 0.15, 0.10)),
    Profile(140, 0.90, (0.05, 0.40, 0.10, -0.55, 0.65)),
)
"""One for each cluster, in the order of ``words.GENRES``."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """What tracks (T) sound like."""

    steps: np.ndarray
    """Samples of a sixteenth at BASE_RATE, (T,) int."""
    keys: np.ndarray
    """The tonic, 0 is C, (T,)."""
    is_minor: np.ndarray
    qualities: np.ndarray
    """In standard deviations over a large label, columns as in QUALITIES, (T, 5)."""
    appeal: np.ndarray
    """Mean 0 and standard deviation 1 over the label's tracks, at most MOST_APPEAL to either side, (T,)."""
    artist_qualities: np.ndarray
    """What an artist's qualities vary around, (A, 5)."""
    artist_tempos: np.ndarray
    """What the logarithms of an artist's tempos vary around, (A,)."""

    @property
    def tempos(self) -> np.ndarray:
        """Beats a minute, (T,)."""
        return BASE_RATE * 15.0 / self.steps

    @property
    def effect(self) -> np.ndarray:
        """By what the sound multiplies a track's plays, before the artist's plays are shared out, (T,)."""
        return np.exp(EFFECT * self.appeal)


def draw_sounds(spec: LabelSpec, clusters: np.ndarray, track_artists: np.ndarray) -> Sounds:
    """Draw the sound of every track.

    Args:
        spec: the label.
        clusters: of artists, (A,).
        track_artists: artists of tracks, (T,).
    """
    random = spec.random(Purpose.SOUND)
    artists, tracks = len(clusters), len(track_artists)
    own = _profile_qualities(clusters) + random.normal(0, np.sqrt(ARTIST_SHARE), (artists, len(QUALITIES)))
    qualities = own[track_artists] + random.normal(0, np.sqrt(TRACK_SHARE), (tracks, len(QUALITIES)))
    tempos = _profile_tempos(clusters) + random.normal(0, TEMPO_ARTIST, artists)
    return _sounds(random, clusters, track_artists, (own, tempos), qualities, qualities)


def draw_more_sounds(
    random: np.random.Generator, known: Sounds, clusters: np.ndarray, track_artists: np.ndarray
) -> Sounds:
    """Draw the sound of tracks beyond the label's, by the same law; their appeal is measured by the label's tracks.

    Args:
        random: where the numbers come from.
        known: the sound of the label's tracks.
        clusters: of its artists, and after them of newcomers, (A + newcomers,).
        track_artists: artists of the further tracks, (N,).
    """
    new = clusters[len(known.artist_tempos) :]
    own = _profile_qualities(new) + random.normal(0, np.sqrt(ARTIST_SHARE), (len(new), len(QUALITIES)))
    tempos = _profile_tempos(new) + random.normal(0, TEMPO_ARTIST, len(new))
    means = np.concatenate([known.artist_qualities, own]), np.concatenate([known.artist_tempos, tempos])
    own_part = random.normal(0, np.sqrt(TRACK_SHARE), (len(track_artists), len(QUALITIES)))
    return _sounds(random, clusters, track_artists, means, means[0][track_artists] + own_part, known.qualities)


def _sounds(
    random: np.random.Generator,
    clusters: np.ndarray,
    track_artists: np.ndarray,
    means: tuple[np.ndarray, np.ndarray],
    qualities: np.ndarray,
    among: np.ndarray,
) -> Sounds:
    tracks = len(track_artists)
    tempos = np.exp(means[1][track_artists] + random.normal(0, TEMPO_TRACK, tracks))
    minor = np.array([profile.minor_share for profile in PROFILES])[clusters[track_artists]]
    return Sounds(
        steps=_whole_steps(np.clip(tempos, LEAST_BPM, MOST_BPM)),
        keys=random.integers(0, len(KEYS), tracks).astype(np.int8),
        is_minor=random.random(tracks) < minor,
        qualities=qualities,
        appeal=appeal_of(qualities, among),
        artist_qualities=means[0],
        artist_tempos=means[1],
    )


def appeal_of(qualities: np.ndarray, among: np.ndarray) -> np.ndarray:
    """What listeners like in tracks: the qualities weighed, and one interaction; standardised over other tracks.

    Args:
        qualities: of tracks, (T, 5).
        among: of the tracks over which the mean is 0 and the standard deviation 1.

    Returns:
        Within MOST_APPEAL to either side, (T,).
    """
    score, others = _score(qualities), _score(among)
    return np.clip((score - others.mean()) / others.std(), -MOST_APPEAL, MOST_APPEAL)


def _score(qualities: np.ndarray) -> np.ndarray:
    return qualities @ np.array(APPEAL_WEIGHTS) + BRIGHT_AND_DENSE * qualities[:, BRIGHTNESS] * qualities[:, DENSITY]


def _profile_qualities(clusters: np.ndarray) -> np.ndarray:
    return np.array([profile.qualities for profile in PROFILES])[clusters]


def _profile_tempos(clusters: np.ndarray) -> np.ndarray:
    return np.log([profile.bpm for profile in PROFILES])[clusters]


def _whole_steps(tempos: np.ndarray) -> np.ndarray:
    """Samples of a sixteenth, of small prime factors only: a loop of them is fast to transform."""
    wanted = BASE_RATE * 15.0 / tempos
    fast = np.arange(2, int(BASE_RATE * 15 / LEAST_BPM) + 200, 2)
    rest = fast.copy()
    for prime in (2, 3, 5, 7, 11):
        while (divides := rest % prime == 0).any():
            rest[divides] //= prime
    fast = fast[rest == 1]
    above = np.clip(np.searchsorted(fast, wanted), 1, len(fast) - 1)
    return np.where(wanted - fast[above - 1] < fast[above] - wanted, fast[above - 1], fast[above])
