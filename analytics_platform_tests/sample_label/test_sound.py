"""What tracks sound like: the sound is as the truth says, clusters can be told apart, and it sways plays as planted."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl
import pytest

from analytics_platform.sample_label import LabelSpec, sound
from analytics_platform.sample_label.catalogue import Catalogue, build_catalogue
from analytics_platform.sample_label.music import play
from analytics_platform.sample_label.plays import draw_aggregates, draw_plays
from analytics_platform.sample_label.sound import (
    BASE_RATE,
    BRIGHTNESS,
    DENSITY,
    DYNAMICS,
    LOUDNESS,
    MOST_APPEAL,
    QUALITIES,
)  # fmt: skip
from analytics_platform.sample_label.studies import first_days_plays
from analytics_platform.sample_label.styles import clips_of
from analytics_platform.sample_label.truth import variance_truth
from analytics_platform.sample_label.world import World

SPEC = LabelSpec(scale=0.3)
SECONDS = 14.0
FRAME, HOP = 1_024, 256
MAJOR_KEY = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_KEY = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well pitch classes fit a key (Krumhansl and Kessler 1982)."""


@dataclass(frozen=True)
class Heard:
    """Tracks, and what was measured of their sound."""

    catalogue: Catalogue
    tracks: np.ndarray
    spectra: np.ndarray
    """Mean magnitude per frequency, (tracks, bins)."""
    onsets: np.ndarray
    """Rise of the spectrum, (tracks, frames)."""
    levels: np.ndarray
    """Decibels per frame, (tracks, frames)."""
    chroma: np.ndarray
    """(tracks, 12)."""

    def quality(self, place: int) -> np.ndarray:
        return self.catalogue.sounds.qualities[self.tracks, place]


@pytest.fixture(scope="module")
def heard() -> Heard:
    catalogue = build_catalogue(SPEC)
    clips = clips_of(SPEC, catalogue)
    tracks = np.random.default_rng(0).permutation(len(clips))[:160]
    window = np.hanning(FRAME).astype(np.float32)
    found = []
    for track in tracks:
        signal = play(clips[track], SECONDS)[:, 0]
        assert len(signal) == SECONDS * BASE_RATE
        assert 0.02 < np.abs(signal).max() < 1
        frames = np.lib.stride_tricks.sliding_window_view(signal, FRAME)[::HOP]
        spectrum = np.abs(np.fft.rfft(frames * window))
        onsets = np.maximum(np.diff(np.log1p(100 * spectrum / FRAME), axis=0), 0).sum(axis=1)
        levels = 10 * np.log10(np.square(frames[::16]).mean(axis=1) + 1e-8)
        whole = np.abs(np.fft.rfft(signal))
        hertz = np.fft.rfftfreq(len(signal), 1 / BASE_RATE)
        melodic = (hertz > 100) & (hertz < 1_000)
        pitch = np.round(12 * np.log2(hertz[melodic] / 65.406)).astype(int) % 12
        found.append((spectrum.mean(axis=0), onsets, levels, np.bincount(pitch, whole[melodic], minlength=12)))
    return Heard(catalogue, tracks, *(np.array(column) for column in zip(*found, strict=True)))


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def centroids(heard: Heard) -> np.ndarray:
    return heard.spectra @ np.fft.rfftfreq(FRAME, 1 / BASE_RATE) / heard.spectra.sum(axis=1)


def test_the_tempo_can_be_heard(heard):
    """The strongest repetition of onsets is a beat, half or twice of one, to 2 % and the grain of the frames."""
    beats = 60 / heard.catalogue.sounds.tempos[heard.tracks] * BASE_RATE / HOP
    right = []
    for onsets, beat in zip(heard.onsets, beats, strict=True):
        centred = onsets - onsets.mean()
        power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
        repeats = np.fft.irfft(power)[: len(centred)]
        lags = np.arange(round(0.55 * beat / 2), round(3 * beat))
        found = lags[np.argmax(repeats[lags])]
        right.append(any(abs(found - beat * octave) < max(0.02 * beat * octave, 0.75) for octave in (0.5, 1, 2)))
    assert np.mean(right) > 0.85


def test_the_key_can_be_heard(heard):
    """The key that fits the pitches best is the true one for most; the relative key is the usual mistake."""
    sounds = heard.catalogue.sounds
    exact, near = [], []
    for track, chroma in zip(heard.tracks, heard.chroma, strict=True):
        fits = [np.corrcoef(np.roll(law, key), chroma)[0, 1] for law in (MAJOR_KEY, MINOR_KEY) for key in range(12)]
        minor, key = divmod(int(np.argmax(fits)), 12)
        true, is_minor = int(sounds.keys[track]), bool(sounds.is_minor[track])
        relative = (true + (3 if is_minor else -3)) % 12
        exact.append((key, minor) == (true, is_minor))
        near.append(exact[-1] or (key, minor) == (relative, not is_minor))
    assert np.mean(exact) > 0.5
    assert np.mean(near) > 0.7


def test_qualities_can_be_heard(heard):
    power = 10 * np.log10((10 ** (heard.levels / 10)).mean(axis=1))
    rises = (heard.onsets > 1.6 * heard.onsets.mean(axis=1, keepdims=True)).mean(axis=1)
    assert rank_correlation(centroids(heard), heard.quality(BRIGHTNESS)) > 0.7
    assert rank_correlation(power, heard.quality(LOUDNESS)) > 0.95
    assert rank_correlation(np.std(heard.levels, axis=1), heard.quality(DYNAMICS)) > 0.3
    assert rank_correlation(rises, heard.quality(DENSITY)) > 0.4


def test_clusters_can_be_learned_but_overlap(heard):
    """Some features of artists that were not seen: far above one in eight, far below all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    edges = np.unique(np.geomspace(2, FRAME // 2, 15).astype(int))
    bands = np.log(np.add.reduceat(heard.spectra, edges, axis=1) + 1e-6)
    spread = [part for values in (heard.levels, heard.onsets) for part in (values.mean(axis=1), values.std(axis=1))]
    features = np.column_stack([bands, *spread])
    artists = heard.catalogue.track_artists[heard.tracks]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2_000))
    clusters = heard.catalogue.clusters[artists]
    found = cross_val_predict(model, features, clusters, groups=artists, cv=GroupKFold(5))
    assert 0.2 < (found == clusters).mean() < 0.7


def test_a_stereo_master_is_wider_and_of_higher_rate_is_the_same_music():
    catalogue = build_catalogue(SPEC)
    clip = clips_of(SPEC, catalogue)[0]
    mono, stereo, fine = play(clip, 4.0), play(clip, 4.0, channels=2), play(clip, 4.0, 2 * BASE_RATE)
    assert (mono.shape, stereo.shape, fine.shape) == ((88_200, 1), (88_200, 2), (176_400, 1))
    assert not np.allclose(stereo[:, 0], stereo[:, 1], atol=1e-3)
    assert np.corrcoef(stereo.mean(axis=1), mono[:, 0])[0, 1] > 0.9
    low = [np.abs(np.fft.rfft(signal[:, 0]))[: 4 * 1_000] for signal in (mono, fine)]
    assert np.corrcoef(*low)[0, 1] > 0.8


@pytest.fixture(scope="module")
def study() -> tuple[LabelSpec, Catalogue]:
    """5,000 tracks of 1,000 artists."""
    spec = LabelSpec(scale=25)
    return spec, build_catalogue(spec)


def oracle_auc(tracks: pl.DataFrame, cell: str) -> float:
    """AUC of appeal for tracks above the median of plays of their genre and a cell."""
    is_better = tracks.select(pl.col("plays") > pl.col("plays").median().over("genre", cell)).to_series().to_numpy()
    order = ranks(tracks["appeal"].to_numpy())
    better = is_better.sum()
    return (order[is_better].sum() - better * (better - 1) / 2) / (better * (len(order) - better))


def test_an_oracle_of_the_sound_tells_the_better_half_as_planted(study):
    """By the first 28 days and release month, or quarter or year where a genre has few; and by all plays and year."""
    spec, catalogue = study
    weights, artists = catalogue.track_weights, catalogue.track_artists
    tracks = pl.DataFrame(
        {
            "plays": first_days_plays(spec, catalogue, 28),
            "appeal": catalogue.sounds.appeal,
            "genre": pl.Series(catalogue.genres).gather(artists),
            "release": [spec.day(day) for day in catalogue.release_days.tolist()],
        }
    )
    tracks = tracks.with_columns(
        pl.col("release").dt.truncate(every).alias(every) for every in ("1mo", "1q", "1y")
    ).with_columns(
        cell=pl.when(pl.len().over("genre", "1mo") >= 10)
        .then(pl.format("{} m", "1mo"))
        .when(pl.len().over("genre", "1q") >= 10)
        .then(pl.format("{} q", "1q"))
        .otherwise(pl.format("{} y", "1y"))
    )
    assert oracle_auc(tracks, "cell") == pytest.approx(0.66, abs=0.01)
    expected = catalogue.popularity[artists] * weights / np.bincount(artists, weights)[artists]
    assert oracle_auc(tracks.with_columns(plays=pl.Series(expected)), "1y") == pytest.approx(0.70, abs=0.015)
    parts = dict(variance_truth(catalogue).iter_rows())
    assert 0.14 < parts["sound"] < 0.20
    assert parts["artist"] + parts["luck"] > 2 * parts["sound"]


def test_artists_can_be_told_by_their_voices(heard):
    """A model that has heard another track of an artist knows it again, so an honest split is one by artist."""
    artists = heard.catalogue.track_artists[heard.tracks]
    edges = np.unique(np.geomspace(4, FRAME // 2, 40).astype(int))
    bands = np.log(np.add.reduceat(heard.spectra, edges, axis=1) + 1e-6)
    # Without level and tilt, which are the track's own.
    octaves = np.log2(edges)
    slopes = np.stack([np.ones(len(edges)), octaves], axis=1)
    bands -= (slopes @ np.linalg.lstsq(slopes, bands.T, rcond=None)[0]).T
    away = np.square(bands[:, None] - bands).sum(axis=2)
    np.fill_diagonal(away, np.inf)
    is_known = np.bincount(artists)[artists] > 1
    found = (artists[away.argmin(axis=1)] == artists)[is_known].mean()
    assert found > 0.4


def test_the_sound_only_shares_out_an_artists_plays(monkeypatch):
    """Without the effect the same listeners play the same artists as often, but other tracks."""
    spec = LabelSpec(scale=0.05)
    swayed = World.build(spec, 90)
    swayed_plays = {day: draw_plays(swayed, day) for day in (0, 45)}
    monkeypatch.setattr(sound, "EFFECT", 0.0)
    plain = World.build(spec, 90)
    for field in fields(plain.pairs):
        assert np.array_equal(getattr(plain.pairs, field.name), getattr(swayed.pairs, field.name)), field.name
    appeal, artists = swayed.catalogue.sounds.appeal, swayed.catalogue.track_artists
    gains = []
    for day, with_sound in swayed_plays.items():
        without = draw_plays(plain, day)
        assert np.array_equal(with_sound.pairs, without.pairs)
        assert np.array_equal(artists[with_sound.tracks], artists[without.tracks])
        assert np.array_equal(with_sound.seconds, without.seconds)
        gains.append(appeal[with_sound.tracks].mean() - appeal[without.tracks].mean())
    assert min(gains) > 0.3


def test_the_sound_depends_on_neither_days_nor_start():
    first = build_catalogue(SPEC).sounds
    second = build_catalogue(replace(SPEC, days=400)).sounds
    other = build_catalogue(replace(SPEC, seed=8)).sounds
    assert all(np.array_equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(first))
    assert not np.array_equal(first.qualities[:50], other.qualities[:50])


def test_the_truth_of_tracks_tells_their_sound(label):
    tracks, variance = label.truth("tracks"), label.truth("track_variance")
    assert tracks["tempo_bpm"].is_between(59, 181).all()
    assert set(tracks["mode"]) == {"major", "minor"}
    assert tracks["sound_appeal"].abs().max() <= MOST_APPEAL
    assert tracks.select(pl.col(QUALITIES).std()).row(0) == pytest.approx((1.0,) * len(QUALITIES), abs=0.25)
    shares = tracks.group_by("artist_row").agg(pl.col("artist_share").sum())["artist_share"]
    assert shares.to_list() == pytest.approx([1.0] * len(shares))
    assert variance["part"].to_list() == ["artist", "sound", "luck"]


def test_albums_are_released_whole_and_every_artists_first_before_the_start(study):
    spec, catalogue = study
    tracks = pl.DataFrame({"artist": catalogue.track_artists, "upc": catalogue.upcs, "day": catalogue.release_days})
    assert (tracks.group_by("upc").agg(pl.col("day").n_unique())["day"] == 1).all()
    assert (tracks.group_by("artist").agg(pl.col("day").min())["day"] < 0).all()
    assert tracks["day"].min() >= -365 * 4
    assert tracks["day"].max() < 90
    assert 0.04 < (tracks["day"] >= 0).mean() < 0.06
    for days in (6, 400):
        other = build_catalogue(replace(spec, days=days)).release_days
        assert np.array_equal(other, catalogue.release_days), "whatever the period"


def test_no_track_is_played_before_its_release_and_most_are_soon_after():
    world = World.build(LabelSpec(scale=0.3), 90)
    released = world.catalogue.release_days
    new = np.flatnonzero(released >= 0)
    assert len(new) > 20
    days = np.unique([day for track in new for day in (released[track] - 1, released[track]) if 0 <= day < 90])
    plays = {day: draw_plays(world, int(day)).tracks for day in days}
    sums = {day: draw_aggregates(world, int(day)).tracks for day in days}
    assert all((released[tracks] <= day).all() for drawn in (plays, sums) for day, tracks in drawn.items())
    heard = [any(track in tracks for day, tracks in plays.items() if day >= released[track]) for track in new]
    assert np.mean(heard) > 0.8


def test_the_tracks_that_are_out_share_an_artists_plays_by_their_weights():
    catalogue = build_catalogue(SPEC)
    artists, weights, released = catalogue.track_artists, catalogue.track_weights, catalogue.release_days
    artist = int(np.bincount(artists[released >= 0]).argmax())
    tracks = np.flatnonzero(artists == artist)
    uniform = (np.arange(20_000) + 0.5) / 20_000
    for day in (0, *released[tracks][released[tracks] >= 0].tolist()):
        chosen = catalogue.choose_tracks(np.full(len(uniform), artist), uniform, day)
        shares = np.where(released[tracks] <= day, weights[tracks], 0)
        found = np.bincount(chosen, minlength=len(artists))[tracks] / len(uniform)
        assert found == pytest.approx(shares / shares.sum(), abs=1e-3)
