"""Homes whose label has tracks with an outcome and with all that is heard of them, written without decoding any."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from analytics_platform.audio.embeddings import Embedded, write_shard
from analytics_platform.audio.names import FEATURE_NAMES, FEATURE_SETS
from analytics_platform.audio.shards import CLIP_SHAPE, PARAMETERS, ShardWriter
from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.orchestration.resources import Platform
from analytics_platform.settings import Settings
from analytics_platform.tracks.tables import OUTCOMES
from analytics_platform_tests.orchestration.homes import make_settings

TRACKS, ARTISTS = 120, 30
TARGET = "plays_first_28_days"
BATCH = "clips_000001"
NET, DIM, SHARD_CLIPS = "musicnn_msd", 10, 8
FRAMES = 200
"""4.6 s of sound."""
FIRST = date(2025, 1, 1)


def isrc(number: int) -> str:
    return f"DEA2626{number:05d}"


def clip_id(number: int) -> str:
    return f"{number:032x}"


def lake_at(settings: Settings) -> Lake:
    return Platform(settings).lake


def ranks(values: FloatArray) -> FloatArray:
    return (np.argsort(np.argsort(values)) + 0.5) / len(values)


def timbre(count: int = TRACKS, seed: int = 0) -> FloatArray:
    """What the first coefficients of a track's sound are drawn from."""
    return np.random.default_rng(seed).normal(size=count)


def write_outcomes(lake: Lake, outcome: Sequence[float] | FloatArray, target: str = TARGET, **fields: object) -> None:
    """Percentiles of the first tracks; each artist has as many."""
    rows = [
        {
            "isrc": isrc(number),
            "target": target,
            "value": 1_000.0 * percentile,
            "percentile": float(percentile),
            "compared_with": "month",
            "compared_tracks": 30,
            "comparison": f"{'pop' if number % 2 else 'rock'}, 2025-{number % 5 + 1:02d}, spotify",
            "vendors": "spotify",
            "release_date": FIRST + timedelta(number % 140),
            "genre": "pop" if number % 2 else "rock",
            "artist_id": f"artist {number % ARTISTS}",
            **fields,
        }
        for number, percentile in enumerate(outcome)
    ]
    lake.write_frame(OUTCOMES, frame_of(OUTCOMES, rows))


def clip_row(number: int, **fields: object) -> dict[str, object]:
    """A row of ``catalogue.clips``: a master of the label's."""
    return {
        "isrc": isrc(number),
        "clip_id": clip_id(number),
        "source": "master",
        "source_track_id": f"{number}.wav",
        "location": f"masters/{number}.wav",
        "codec": "wav",
        "offset_s": 0.0,
        "duration_s": 4.6,
        "size_bytes": 1,
        "sha256": f"{number:064x}",
        "match_method": "isrc",
        "match_score": 1.0,
        "may_analyse": True,
        "may_train": True,
        "may_display": True,
        **fields,
    }


def write_clips(lake: Lake, rows: Sequence[dict[str, object]]) -> None:
    lake.write_frame(CLIPS, frame_of(CLIPS, rows))


def write_sound(settings: Settings, count: int = TRACKS, seed: int = 0) -> None:
    """Features, descriptors and spectrograms of clips; spectrograms of a few stand for all."""
    lake, rng = lake_at(settings), np.random.default_rng(seed + 1)
    planted = timbre(count, seed)
    values = np.abs(rng.normal(1, 0.3, (count, len(FEATURE_NAMES))))
    values[:, :6] += planted[:, None]
    features = [
        {"clip_id": clip_id(number), "batch": BATCH, "feature_set": name}
        | dict(zip(FEATURE_NAMES, values[number].tolist(), strict=True))
        for name in FEATURE_SETS
        for number in range(count)
    ]
    described = [
        {
            "clip_id": clip_id(number),
            "batch": BATCH,
            "duration_s": 4.6,
            "sample_rate": 44_100,
            "channels": 2,
            "loudness_lufs": -14 + float(noise),
            "peak_dbfs": -1.0,
            "tempo_bpm": 120.0 if number % 3 else None,
            "tempo_strength": 0.5,
            "key": "C",
            "mode": "minor" if number % 2 else "major",
            "key_strength": 0.4,
        }
        for number, noise in enumerate(rng.normal(size=count))
    ]
    shard = f"{PARAMETERS}/{BATCH}.npy"
    with ShardWriter(settings.spectrograms_root / shard) as writer:
        for _ in range(SHARD_CLIPS):
            clip = np.full(CLIP_SHAPE, -100, dtype=np.float16)
            clip[:, : FRAMES // 2] = rng.normal(-50, 5, (2, FRAMES // 2, 128))
            writer.append(clip)
    places = [
        {
            "clip_id": clip_id(number),
            "batch": BATCH,
            "parameters": PARAMETERS,
            "shard": shard,
            "shard_row": number % SHARD_CLIPS,
            "frames": FRAMES,
            "duration_s": 4.6,
        }
        for number in range(count)
    ]
    for table, rows in ((LOW_LEVEL_FEATURES, features), (DESCRIPTORS, described), (SPECTROGRAMS, places)):
        lake.write_frame(table, frame_of(table, rows))


def write_embeddings(settings: Settings, count: int = TRACKS, model: str = NET, seed: int = 0) -> None:
    """What a pretrained net says of the first clips; some of it is what is planted."""
    rng = np.random.default_rng(seed + 2)
    heard = [
        (rng.normal(0, 0.5, (windows, DIM)) + good * (np.arange(DIM) < 3)).astype(np.float32)
        for good, windows in zip(timbre(TRACKS, seed)[:count], rng.integers(1, 5, count), strict=True)
    ]
    shard = f"{model}/{BATCH}.safetensors"
    places = write_shard(settings.embeddings_root / shard, [Embedded(one, one.mean(0)) for one in heard])
    rows = [
        {"clip_id": clip_id(number), "batch": BATCH, "model": model, "weights": "0" * 16, "shard": shard}
        | place._asdict()
        for number, place in enumerate(places)
    ]
    lake_at(settings).write_frame(EMBEDDINGS, frame_of(EMBEDDINGS, rows))


def make_home(home: Path, *, noise: float = 0.6, embeddings: bool = False, **fields: object) -> Settings:
    """A home of 120 tracks by 30 artists: the brighter, the better, but for noise; infinite noise leaves nothing."""
    settings = make_settings(home, threads=1, **fields)
    write_sound(settings)
    if embeddings:
        write_embeddings(settings)
    lake = lake_at(settings)
    write_clips(lake, [clip_row(number) for number in range(TRACKS)])
    write_outcomes(lake, planted_outcome(noise))
    return settings


def planted_outcome(noise: float, seed: int = 3) -> FloatArray:
    """(120,) percentiles."""
    drawn = np.random.default_rng(seed).normal(size=TRACKS)
    return ranks(drawn if np.isinf(noise) else timbre() + noise * drawn)
