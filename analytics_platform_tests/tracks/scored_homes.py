"""A home with a model in use whose law is known: the louder the sound from 2 to 5 kHz, the better a track does."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import lightgbm
import numpy as np
import soundfile
from numpy.typing import NDArray

from analytics_platform.audio.features import analyse
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.orchestration.resources import Platform
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import TRACK_ARTISTS
from analytics_platform.tracks.fitting import BOOSTING
from analytics_platform.tracks.hearing import of_analysis, sound_of
from analytics_platform.tracks.predictors import NUMBERS, Fitted, columns_of
from analytics_platform.tracks.shipped import Likeness, Line, Reference, Shipped
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.tables import OUTCOMES, SHIPPED_MODELS
from analytics_platform.tracks.track_data import TrackData
from analytics_platform_tests.audio.sounds import RATE, clip, tone
from analytics_platform_tests.orchestration.homes import make_settings

TRACKS, ARTISTS, FOLDS = 72, 12, 3
SECONDS = 6.0
TARGET = "plays_first_28_days"
AUC = (0.71, 0.64, 0.78)


def hiss(seconds: float, low_hz: float, high_hz: float, seed: int, rate: int = RATE) -> NDArray[np.float64]:
    """Noise of a band with a standard deviation of 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * rate)))
    frequency = np.fft.rfftfreq(round(seconds * rate), 1 / rate)
    spectrum[(frequency < low_hz) | (frequency > high_hz)] = 0
    noise = np.fft.irfft(spectrum, round(seconds * rate))
    return noise / noise.std()


def music(presence_db: float, seed: int, seconds: float = SECONDS, rate: int = RATE) -> NDArray[np.float64]:
    """Notes, a bass, some treble, and noise from 2 to 5 kHz of the level that decides."""
    rng = np.random.default_rng(seed)
    note = 0.5
    count = int(np.ceil(seconds / note))
    tune = np.concatenate([tone(rng.integers(40, 64), note, rate) for _ in range(count)])[: round(seconds * rate)]
    time = np.arange(len(tune)) / rate
    bass = np.sin(2 * np.pi * rng.uniform(50, 100) * time)
    levels = 10 ** (np.array([rng.uniform(-24, -14), rng.uniform(-50, -35), presence_db]) / 20)
    treble, presence = hiss(seconds, 5500, 10_000, seed, rate), hiss(seconds, 2000, 5000, seed + 1, rate)
    return 0.05 * tune + levels[0] * bass + levels[1] * treble + levels[2] * presence


def levels(count: int, seed: int) -> NDArray[np.float64]:
    """Levels of the band that decides, dB."""
    return np.random.default_rng(seed).uniform(-50, -20, count)


@cache
def reference_sound() -> Sound:
    """The label's released tracks."""
    heard = []
    for number, level in enumerate(levels(TRACKS, 0)):
        samples, length = clip(music(float(level), number))
        heard.append(of_analysis(f"clip{number:03d}", analyse(samples, length)))
    return sound_of(heard)


def isrc(number: int) -> str:
    return f"QZTST26{number:05d}"


def _trees(data: TrackData, train: NDArray[np.int64]) -> Fitted:
    """Boosted trees that learn from few tracks."""
    few: dict[str, object] = {"min_data_in_leaf": 5, "num_leaves": 4, "learning_rate": 0.1, "bagging_fraction": 1.0}
    matrix = columns_of(data.sound, train, "descriptors")
    known = lightgbm.Dataset(matrix, data.outcome[train])
    return Fitted("descriptors", (lightgbm.train({**BOOSTING, **few, "objective": "regression"}, known, 60),))


@cache
def shipped_model(version: str = "track_popularity-test", model: str = "descriptor_ridge") -> Shipped:
    """The model in use, fitted to the law: three folds by artists."""
    sound = reference_sound()
    rows = np.arange(TRACKS)
    outcome = (np.argsort(np.argsort(levels(TRACKS, 0))) + 0.5) / TRACKS
    artists = np.array([f"artist {number % ARTISTS}" for number in rows])
    data = TrackData(
        "label",
        TARGET,
        28,
        np.array([isrc(number) for number in rows]),
        outcome,
        artists,
        rows % ARTISTS,
        np.full(TRACKS, "pop"),
        np.zeros(TRACKS, dtype=np.int64),
        np.full(TRACKS, "2026-01-02", dtype="datetime64[D]"),
        sound,
    )
    predicted, fits = np.zeros(TRACKS), []
    for fold in range(FOLDS):
        test = rows[data.groups % FOLDS == fold]
        rest = np.setdiff1d(rows, test)
        validation, train = rest[::4], np.setdiff1d(rest, rest[::4])
        fitted = _trees(data, train) if model == "trees" else NUMBERS[model].fit(data, train, validation, seed=0)
        line = Line.fit(fitted.predict(sound, validation), outcome[validation])
        predicted[test] = line.of(fitted.predict(sound, test))
        fits.append((fitted, line))
    likeness = Likeness.fit(sound, rows, "descriptors")
    reference = Reference(data.ids, predicted, outcome, likeness.of(sound, rows))
    info = {"data_set": "label", "target": TARGET, "window_days": 28, "scores": {"auc": AUC}}
    return Shipped(version, model, info, fits, reference, likeness)


def release(settings: Settings, shipped: Shipped, number: int = 1) -> None:
    """Put a model into use."""
    lake = Platform(settings).lake
    shipped.save(settings.models_root)
    row = dict.fromkeys([column.name for column in SHIPPED_MODELS], 0.5) | {
        "version": shipped.version,
        "release_no": number,
        "status": "released",
        "model": shipped.model,
        "target": TARGET,
        "tracks": TRACKS,
        "artists": ARTISTS,
        "has_embeddings": False,
    }
    known = lake.read(SHIPPED_MODELS)
    lake.write_frame(SHIPPED_MODELS, known.vstack(frame_of(SHIPPED_MODELS, [row])))


def make_home(home: Path, *, with_model: bool = True) -> Settings:
    """A home whose label has released tracks, and a model unless it shall not."""
    settings = make_settings(home)
    lake = Platform(settings).lake
    outcome = (np.argsort(np.argsort(levels(TRACKS, 0))) + 0.5) / TRACKS
    rows = [
        {
            "isrc": isrc(number),
            "target": TARGET,
            "value": 1000.0 * percentile,
            "percentile": percentile,
            "compared_with": "month",
            "compared_tracks": TRACKS,
            "comparison": "pop, 2026-01",
            "vendors": "spotify",
            "release_date": date(2026, 1, 2),
            "genre": "pop",
            "artist_id": f"artist {number % ARTISTS}",
        }
        for number, percentile in enumerate(outcome.tolist())
    ]
    lake.write_frame(OUTCOMES, frame_of(OUTCOMES, rows))
    named = [
        {
            "vendor": "spotify",
            "track_id": str(number),
            "isrc": isrc(number),
            "title": f"Song {number}",
            "artist_id": f"artist {number % ARTISTS}",
            "artist_name": f"Artist {number % ARTISTS}",
        }
        for number in range(TRACKS)
    ]
    lake.write_frame(TRACK_ARTISTS, frame_of(TRACK_ARTISTS, named))
    if with_model:
        release(settings, shipped_model())
    return settings


def drop(settings: Settings, file: str, presence_db: float, seed: int = 500, seconds: float = SECONDS) -> Path:
    """Render a track into the folder of unreleased tracks."""
    path = settings.unreleased / file
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, music(presence_db, seed, seconds, 22_050).astype(np.float32), 22_050)
    return path
