"""What tracks sound like: the sound is as the truth says, clusters can be told apart, and it sways plays as planted."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl
import pytest

from analytics_platform.sample_label import LabelSpec, sound
from analytics_platform.sample_label.catalogue import Catalogue, build_catalogue
from analytics_platform.sample_label.music import play
from analytics_platform.sample_label.plays import draw_plays
from analytics_platform.sample_label.sound import (
    BASE_RATE,
    BRIGHTNESS,
    DENSITY,
    DYNAMICS,
    LOUDNESS,
    MOST_APPEAL,
    QUALITIES,
)  # fmt: skip
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


@pytest.mark.parametrize("seed", [7, 1])
def test_an_oracle_of_the_sound_tells_the_better_half_as_planted(seed):
    """AUC for tracks above the median of plays of their genre and release year."""
    catalogue = build_catalogue(LabelSpec(seed=seed))
    weights, artists = catalogue.track_weights, catalogue.track_artists
    totals = np.bincount(artists, weights)
    tracks = pl.DataFrame(
        {
            "plays": catalogue.popularity[artists] * weights / totals[artists],
            "appeal": catalogue.sounds.appeal,
            "genre": pl.Series(catalogue.genres).gather(artists),
            "year": catalogue.release_days // 365,
        }
    )
    is_better = tracks.select(pl.col("plays") > pl.col("plays").median().over("genre", "year")).to_series().to_numpy()
    order = ranks(catalogue.sounds.appeal)
    better = is_better.sum()
    auc = (order[is_better].sum() - better * (better - 1) / 2) / (better * (len(order) - better))
    assert 0.66 < auc < 0.74
    parts = dict(variance_truth(catalogue).iter_rows())
    assert 0.10 < parts["sound"] < 0.25
    assert parts["artist"] + parts["luck"] > parts["sound"]


def test_the_sound_only_shares_out_an_artists_plays(monkeypatch):
    """Without the effect the same listeners play the same artists as often, but other tracks."""
    spec = LabelSpec(scale=0.05)
    swayed = World.build(spec, 90)
    monkeypatch.setattr(sound, "EFFECT", 0.0)
    plain = World.build(spec, 90)
    for field in fields(plain.pairs):
        assert np.array_equal(getattr(plain.pairs, field.name), getattr(swayed.pairs, field.name)), field.name
    appeal, artists = swayed.catalogue.sounds.appeal, swayed.catalogue.track_artists
    gains = []
    for day in (0, 45):
        with_sound, without = draw_plays(swayed, day), draw_plays(plain, day)
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


def test_albums_are_released_whole_and_before_the_first_play(label):
    tracks = label.truth("tracks")
    assert (tracks["release_date"] < label.spec.start).all()
    assert tracks["release_date"].dt.year().n_unique() >= 4
    assert (tracks.group_by("upc").agg(pl.col("release_date").n_unique())["release_date"] == 1).all()
