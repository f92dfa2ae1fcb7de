"""The label's artists and tracks: popularity, clusters, home countries, markets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analytics_platform.sample_label.markets import NEVER, draw_affinities, draw_launch_days
from analytics_platform.sample_label.sound import Sounds, draw_sounds
from analytics_platform.sample_label.spec import WINDOW_DAYS, LabelSpec, Purpose
from analytics_platform.sample_label.words import (
    COUNTRIES,
    COUNTRY_WEIGHTS,
    GENRES,
    TITLE_ENDS,
    TITLE_STARTS,
    artist_names,
)

CLUSTERS = len(GENRES)
MIX_PRIOR = (2.8, 0.88, 0.32)
HOME_BOOST = 3.0
OTHER_CLUSTER_WEIGHT = 0.04
BREAKTHROUGH_EVERY = 10
TRACKS_PER_ALBUM = 2
"""Most are singles; so one track in twenty comes out in the first 90 days."""
YEARS_OF_RELEASES = 4
LAST_RELEASE_DAY = WINDOW_DAYS - 1
"""Releases lie up to this day, whatever the period, so that a longer or shorter one moves none."""
LATE_SHARES = (0.75, 0.17)
"""Share of listeners who join late: of an artist who is breaking through, and of any other."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Artists (A) and tracks (T), by row number. ``mixes``, ``launch_days`` and ``affinities`` are what is planted."""

    artist_names: list[str]
    genres: list[str]
    styles: list[str]
    clusters: np.ndarray
    home_countries: np.ndarray
    popularity: np.ndarray
    mixes: np.ndarray
    """Shares of fan types among an artist's observed pairs, before modulation, (A, 3)."""
    launch_days: np.ndarray
    """Day index from which most listeners can hear the artist, NEVER where it is not available, (A, countries)."""
    affinities: np.ndarray
    """How much each country likes each cluster, (CLUSTERS, countries)."""
    first_tracks: np.ndarray
    """Tracks of artist a are first_tracks[a] to first_tracks[a + 1] - 1, (A + 1,)."""
    track_artists: np.ndarray
    track_names: list[str]
    album_names: list[str]
    isrcs: list[str]
    upcs: list[str]
    durations_s: np.ndarray
    late_shares: np.ndarray
    """Share of an artist's listeners of the first 90 days who join in their course where the artist is launched
    from the start, before some drop out, (A,)."""
    sounds: Sounds
    luck: np.ndarray
    """Popularity of tracks within their artist but for their sound, (T,)."""
    release_days: np.ndarray
    """Day index of the release, (T,). An album's tracks come out together, an artist's first album before day 0."""

    @property
    def track_weights(self) -> np.ndarray:
        """Popularity of tracks within their artist: luck, and how far the sound appeals, (T,)."""
        return self.luck * self.sounds.effect

    @property
    def is_available(self) -> np.ndarray:
        """False where the artist is never available, (A, countries)."""
        return self.launch_days != NEVER

    def choose_tracks(self, artists: np.ndarray, uniform: np.ndarray, day: int) -> np.ndarray:
        """A track of each artist that is out on a day, by popularity, from numbers in [0, 1).

        All that are out share the artist's plays by their weights, however new they are.
        """
        out = np.flatnonzero(self.release_days <= day)
        counts = np.bincount(self.track_artists[out], minlength=len(self.artist_names))
        last = np.cumsum(counts)
        weights = np.cumsum(self.track_weights[out])
        before = np.concatenate([[0.0], weights[last[:-1] - 1]])
        steps = self.track_artists[out] + (weights - np.repeat(before, counts)) / np.repeat(
            weights[last - 1] - before, counts
        )
        # No rounding may give a play to the next artist.
        steps[last - 1] = np.arange(1, len(counts) + 1)
        return out[np.searchsorted(steps, artists + uniform, side="right")].astype(np.int32)

    def choice_steps(self) -> np.ndarray:
        """Cumulated appeal of artists in each cluster and country, plus the group's number.

        Shape (CLUSTERS * countries * A,), for one ``searchsorted`` over all groups. An artist has
        no appeal where it is not available, so no listener there ever gets it.
        """
        in_cluster = self.clusters[None, :] == np.arange(CLUSTERS)[:, None]
        taste = np.where(in_cluster, 1.0, OTHER_CLUSTER_WEIGHT) * self.popularity
        at_home = self.home_countries[None, :] == np.arange(len(COUNTRIES))[:, None]
        place = np.where(at_home, HOME_BOOST, 1.0) * self.is_available.T
        appeal = (taste[:, None, :] * place[None, :, :]).reshape(CLUSTERS * len(COUNTRIES), -1)
        return cumulated(appeal)

    def taste_steps(self) -> np.ndarray:
        """Cumulated affinity of clusters in each country, plus the country's number, (countries * CLUSTERS,)."""
        return cumulated(self.affinities.T)

    def second_taste_steps(self) -> np.ndarray:
        """The same without a first cluster, for each country and first cluster, (countries * CLUSTERS * CLUSTERS,)."""
        others = self.affinities.T[:, None, :] * (1 - np.eye(CLUSTERS))
        return cumulated(others.reshape(-1, CLUSTERS))


def build_catalogue(spec: LabelSpec) -> Catalogue:
    """Draw the catalogue: about 200 artists at scale 1, five tracks each on average."""
    random = spec.random(Purpose.CATALOGUE)
    count = max(2 * CLUSTERS, round(200 * math.sqrt(spec.scale)))
    clusters = random.permutation(np.arange(count) % CLUSTERS).astype(np.int8)
    style_number = random.integers(0, 3, count)
    genre_of = np.where(random.random(count) < 0.88, clusters, random.integers(0, CLUSTERS, count))
    home = random.choice(len(COUNTRIES), count, p=COUNTRY_WEIGHTS).astype(np.int8)
    popularity = np.exp(random.normal(0, 1.1, count))
    mixes = random.dirichlet(MIX_PRIOR, count)
    per_artist = 1 + random.poisson(4, count)
    first = np.concatenate([[0], np.cumsum(per_artist)]).astype(np.int32)
    artists = np.repeat(np.arange(count, dtype=np.int32), per_artist)
    tracks = len(artists)
    place = np.arange(tracks) - first[artists]
    starts = random.integers(0, len(TITLE_STARTS), tracks).tolist()
    ends = random.integers(0, len(TITLE_ENDS), tracks).tolist()
    titles = [f"{TITLE_STARTS[start]} {TITLE_ENDS[end]}" for start, end in zip(starts, ends, strict=True)]
    # An album is named after its first track.
    opening = np.arange(tracks) - place % TRACKS_PER_ALBUM
    name_order = random.permutation(max(2_500, count))[:count]
    luck = random.gamma(1.0, 1.0, tracks) + 0.05
    sounds = draw_sounds(spec, clusters, artists)
    durations = np.clip(random.normal(205, 45, tracks), 90, 480).astype(np.int32)
    is_breakthrough = random.permutation(count) % BREAKTHROUGH_EVERY == 0
    return Catalogue(
        artist_names=artist_names(name_order),
        genres=[GENRES[genre][0] for genre in genre_of.tolist()],
        styles=[GENRES[genre][1][style] for genre, style in zip(genre_of.tolist(), style_number.tolist(), strict=True)],
        clusters=clusters,
        home_countries=home,
        popularity=popularity,
        mixes=mixes,
        launch_days=draw_launch_days(spec, home),
        affinities=draw_affinities(spec),
        first_tracks=first,
        track_artists=artists,
        track_names=titles,
        album_names=[titles[track] for track in opening.tolist()],
        isrcs=[f"QZACM26{number:05d}" for number in range(tracks)],
        upcs=[_upc(track) for track in opening.tolist()],
        durations_s=durations,
        late_shares=np.where(is_breakthrough, *LATE_SHARES),
        sounds=sounds,
        luck=luck,
        release_days=_release_days(spec, opening, first),
    )


def cumulated(weights: np.ndarray) -> np.ndarray:
    """Cumulated shares of each row of weights, plus the row's number, as one ascending line."""
    steps = np.cumsum(weights, axis=1)
    steps /= steps[:, -1:]
    return (steps + np.arange(len(weights))[:, None]).ravel()


def _release_days(spec: LabelSpec, opening: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Day index of each album's release, by its first track: from YEARS_OF_RELEASES before the start on.

    An artist of whom nothing would be out at the start has all that much earlier.
    """
    earliest = -365 * YEARS_OF_RELEASES
    days = spec.random(Purpose.RELEASES).integers(earliest, LAST_RELEASE_DAY + 1, len(opening))[opening]
    has_none = np.minimum.reduceat(days, first[:-1]) >= 0
    return (days + earliest * np.repeat(has_none, np.diff(first))).astype(np.int32)


def _upc(number: int) -> str:
    """A 12-digit UPC-A with its check digit."""
    digits = f"8420{number:07d}"
    total = 3 * sum(map(int, digits[::2])) + sum(map(int, digits[1::2]))
    return f"{digits}{-total % 10}"
