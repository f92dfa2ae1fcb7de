"""Small homes whose listeners love one style of three each, and whose tracks sound like their style; all sounds are
analysed for real, so that a file on disk lies among them."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from numpy.typing import NDArray

from analytics_platform.artists.tables import ARTIST_CLUSTERS
from analytics_platform.audio.features import analyse
from analytics_platform.audio.names import FEATURE_NAMES
from analytics_platform.audio.shards import PARAMETERS, ShardWriter
from analytics_platform.audio.tables import DESCRIPTORS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import (
    ARTIST_COUNTRY_DAYS,
    ARTIST_GENRES,
    ARTIST_NAMES,
    LISTENER_ARTIST_DAYS,
    PLAYS,
    TRACK_ARTISTS,
)
from analytics_platform.streams.tables import TRACKS as VENDOR_TRACKS
from analytics_platform.taste.training_step import Learnt, train_taste
from analytics_platform.tracks.hearing import Heard, of_analysis
from analytics_platform_tests.audio.sounds import RATE, clip, tone
from analytics_platform_tests.orchestration.homes import make_settings
from analytics_platform_tests.tracks.scored_homes import hiss
from analytics_platform_tests.tracks.trained_homes import BATCH, clip_id, clip_row, isrc, lake_at, write_clips

TRACKS, ARTISTS, LISTENERS = 120, 30, 300
STYLES = ("ambient", "metal", "techno")
COUNTRIES = ("BR", "DE", "FR")
"""Where listeners of each style live, mostly."""
UNPLAYED = TRACKS
"""Of the second style; it has a clip and no plays. The track before it has plays and no clip."""
REMIX, SHORT = 33, 7
"""Tracks that are not as the others are, by their title and length."""
KINDS_OF_SOUND = 8
"""Sounds of each style."""
SECONDS = 4.0
LAST = date(2026, 3, 31)


def style_of(number: int) -> int:
    """Of a track; its artist has the same."""
    return 1 if number == UNPLAYED else number % ARTISTS % len(STYLES)


def artist(number: int) -> str:
    return f"artist {number % ARTISTS:02d}"


def artist_of(track: int) -> str:
    return artist(1 if track == UNPLAYED else track)


def title(track: int) -> str:
    return f"Song {track}" + (" (Club Remix)" if track == REMIX else "")


def samples(style: int, seed: int) -> NDArray[np.float64]:
    """Deep long tones, noise from 2 to 5 kHz, or fast high notes."""
    rng = np.random.default_rng([style, seed])
    seconds = np.arange(round(SECONDS * RATE)) / RATE
    if style == 0:
        return 0.2 * np.sin(2 * np.pi * rng.uniform(60, 120) * seconds) + 0.01 * hiss(SECONDS, 100, 800, seed)
    if style == 1:
        return rng.uniform(0.1, 0.2) * hiss(SECONDS, rng.uniform(1500, 2500), 5000, seed)
    notes = [tone(midi, 0.125) for midi in rng.integers(76, 100, round(SECONDS / 0.125))]
    return 0.1 * np.concatenate(notes)[: len(seconds)]


@cache
def heard(style: int, kind: int) -> Heard:
    return of_analysis(f"{style} {kind}", analyse(*clip(samples(style, kind))))


def write_sound(settings: Settings) -> None:
    """Every track is one of the sounds of its style, its features a little changed."""
    lake, rng = lake_at(settings), np.random.default_rng(5)
    shard = f"{PARAMETERS}/{BATCH}.npy"
    with ShardWriter(settings.spectrograms_root / shard) as writer:
        for style in range(len(STYLES)):
            for kind in range(KINDS_OF_SOUND):
                writer.append(heard(style, kind).log_mel)
    rows: dict[str, list[dict[str, object]]] = {"features": [], "descriptors": [], "places": []}
    for number in range(TRACKS + 1):
        style, kind = style_of(number), int(rng.integers(KINDS_OF_SOUND))
        sound = heard(style, kind)
        head = {"clip_id": clip_id(number), "batch": BATCH}
        for name, values in sound.features.items():
            changed = values * np.exp(0.05 * rng.normal(size=len(values)))
            rows["features"].append(
                head | {"feature_set": name} | dict(zip(FEATURE_NAMES, changed.tolist(), strict=True))
            )
        rows["descriptors"].append(head | asdict(sound.descriptors) | {"sample_rate": RATE, "channels": 1})
        rows["places"].append(
            head
            | {"parameters": PARAMETERS, "shard": shard, "shard_row": style * KINDS_OF_SOUND + kind}
            | {"frames": sound.frames, "duration_s": SECONDS}
        )
    for table, some in zip((LOW_LEVEL_FEATURES, DESCRIPTORS, SPECTROGRAMS), rows.values(), strict=True):
        lake.write_frame(table, frame_of(table, some))
    write_clips(lake, [clip_row(number) for number in range(TRACKS + 1) if number != TRACKS - 1])


def loved(*, seed: int = 0, planted: bool = True) -> NDArray[np.int64]:
    """(L, T) plays: listeners love one style each, or everything the same."""
    rng = np.random.default_rng(seed)
    styles = np.array([style_of(number) for number in range(TRACKS)])
    is_own = np.arange(LISTENERS)[:, None] % len(STYLES) == styles
    chance = np.where(is_own, 0.25, 0.03) if planted else np.full(is_own.shape, 0.1)
    return np.where(rng.random(chance.shape) < chance, rng.geometric(0.3, chance.shape), 0)


def write_plays(settings: Settings, counts: NDArray[np.int64], seed: int = 0) -> None:
    """Plays, and days of artists by listener and country; nine of ten in the country of the listener's style."""
    lake, rng = lake_at(settings), np.random.default_rng(seed + 100)
    listeners, tracks = np.nonzero(counts)
    home = np.where(rng.random(len(listeners)) < 0.9, listeners % 3, rng.integers(0, 3, len(listeners)))
    days = rng.integers(0, 60, len(listeners))
    plays = [
        {"vendor": "spotify", "ingest_date": LAST, "delivery_id": "0" * 64, "line": line + 1, "key_version": 1,
         "listener_key": f"listener {who}", "track_id": f"track {what}", "isrc": isrc(what),
         "country": COUNTRIES[place], "play_date": LAST - timedelta(days=day), "plays": int(counts[who, what]),
         "artist_id": artist_of(what)}
        for line, (who, what, place, day) in enumerate(
            zip(listeners.tolist(), tracks.tolist(), home.tolist(), days.tolist(), strict=True)
        )
    ]  # fmt: skip
    lake.write_frame(PLAYS, frame_of(PLAYS, plays))
    by = pl.DataFrame(plays).with_columns(pl.col("plays").cast(pl.Int64))
    for table in (LISTENER_ARTIST_DAYS, ARTIST_COUNTRY_DAYS):
        names = [column.name for column in table]
        keys = [name for name in names if name != "plays"]
        lake.write_frame(table, by.group_by(keys).agg(pl.col("plays").sum()).select(names).sort(keys))


def write_catalogue(settings: Settings) -> None:
    lake = lake_at(settings)
    tracks = [
        {"vendor": "spotify", "ingest_date": LAST, "delivery_id": "1" * 64, "line": number + 1,
         "track_id": f"track {number}", "isrc": isrc(number), "title": title(number),
         "artist_id": artist_of(number), "artist_name": artist_of(number).title(),
         "duration_s": 25.0 if number == SHORT else 200.0}
        for number in range(TRACKS + 1)
    ]  # fmt: skip
    names = [artist(number) for number in range(ARTISTS)]
    genres = [
        {"artist_id": name, "genre": STYLES[style_of(number)], "genre_rank": 1} for number, name in enumerate(names)
    ]
    clusters = [
        {"data_set": LABEL, "window_days": 90, "window_end": LAST, "resolution": "broad", "artist_id": name,
         "artist_name": name.title(), "cluster_id": style_of(number) + 1, "cluster_name": STYLES[style_of(number)],
         "is_between_groups": False, "model_version": "v"}
        for number, name in enumerate(names)
    ]  # fmt: skip
    known = [{"artist_id": name, "artist_name": name.title(), "tracks": 4} for name in names]
    for table, rows in (
        (TRACK_ARTISTS, tracks), (VENDOR_TRACKS, tracks), (ARTIST_GENRES, genres), (ARTIST_CLUSTERS, clusters),
        (ARTIST_NAMES, known),
    ):  # fmt: skip
        lake.write_frame(table, frame_of(table, rows))


def make_home(home: Path, **fields: object) -> Settings:
    """A home where nothing of taste was learnt yet."""
    settings = make_settings(home, threads=1, **fields)
    write_sound(settings)
    write_catalogue(settings)
    write_plays(settings, loved())
    return settings


def copied(settings: Settings, home: Path) -> Settings:
    """A copy that a test may change."""
    shutil.copytree(settings.home, home)
    return make_settings(home, threads=1)


def train(settings: Settings, said: list[str] | None = None) -> Learnt:
    return train_taste(lake_at(settings), settings, (said if said is not None else []).append)


def drop(settings: Settings, file: str, style: int, seed: int = 500) -> Path:
    """Render a track that nobody knows into the folder of unreleased tracks."""
    path = settings.unreleased / file
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples(style, seed).astype(np.float32), RATE)
    return path
