"""Tracks with real shards of sound whose outcome is planted in all that a net can hear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from analytics_platform.audio.embeddings import Embedded, EmbeddingShard, write_shard
from analytics_platform.audio.shards import ShardWriter, Spectrograms
from analytics_platform.tracks.families import InputSize
from analytics_platform.tracks.sound import Sequences, Sound
from analytics_platform.tracks.track_data import TrackData

SMALL = InputSize(frames=64, hop=1024, features=24, dim=12)
CLIPS = 200
TRAIN, VALIDATION, TEST = np.arange(100), np.arange(100, 130), np.arange(130, CLIPS)


def tracks(folder: Path, seed: int = 0, clips: int = CLIPS) -> TrackData:
    """Clips of 1 to 6 s: the better, the louder some bands, and the larger some features and embeddings."""
    rng = np.random.default_rng(seed)
    outcome = rng.permutation((np.arange(clips) + 0.5) / clips)
    lengths = rng.integers(43, 260, clips)
    lengths[0] = 260
    with ShardWriter(folder / "spectrograms.npy") as writer:
        for good, length in zip(outcome, lengths, strict=True):
            clip = np.full((1292, 128), -100, dtype=np.float16)
            clip[:length] = rng.normal(-50, 4, (length, 128))
            clip[:length, 30:60] += 15 * good
            writer.append(np.stack([clip[::2], clip[1::2]]))
    features = rng.normal(0, 0.3, (clips, SMALL.features))
    features[:, :8] += outcome[:, None]
    features *= np.logspace(-2, 3, SMALL.features)
    features[rng.random(features.shape) < 0.02] = np.nan
    sequences = [
        (rng.normal(0, 0.3, (windows, SMALL.dim)) + good * (np.arange(SMALL.dim) < 4)).astype(np.float32)
        for good, windows in zip(outcome, rng.integers(1, 7, clips), strict=True)
    ]
    places = write_shard(folder / "embeddings.safetensors", [Embedded(each, each.mean(0)) for each in sequences])
    shard = EmbeddingShard(folder / "embeddings.safetensors")
    ids = np.array([f"track {number}" for number in range(clips)])
    sound = Sound(
        ids,
        low_level=features,
        pooled=shard.pooled,
        sequences=Sequences([shard] * clips, places),
        spectrograms=Spectrograms(folder, ["spectrograms.npy"] * clips, np.arange(clips), lengths),
        durations_s=lengths * 512 / 22_050,
    )
    return TrackData(
        data_set="planted",
        target="planted",
        window_days=0,
        ids=ids,
        outcome=outcome,
        artists=np.array([f"artist {number // 2}" for number in range(clips)]),
        groups=np.arange(clips) // 2,
        genres=np.array(["rock"] * clips),
        cells=rng.integers(0, 6, clips),
        released=np.full(clips, np.datetime64("2026-01-01")),
        sound=sound,
    )


def with_wild(data: TrackData, folder: Path, rows: np.ndarray) -> TrackData:
    """The same tracks, those of some rows with another sound altogether."""
    rng = np.random.default_rng(9)
    old = data.sound
    features = old.low_level.copy()
    features[rows] = 1e6 * rng.normal(size=(len(rows), features.shape[1]))
    wild = Embedded(*(1000 * np.ones(shape, dtype=np.float32) for shape in ((9, SMALL.dim), SMALL.dim)))
    places = write_shard(folder / "wild.safetensors", [wild])
    shard = EmbeddingShard(folder / "wild.safetensors")
    with ShardWriter(folder / "wild.npy") as writer:
        writer.append(np.full((2, 646, 128), 90, dtype=np.float16))
    sequences, spectrograms = old.sequences, old.spectrograms
    is_wild = np.isin(np.arange(len(data)), rows)
    return replace(
        data,
        sound=replace(
            old,
            low_level=features,
            sequences=Sequences(
                [shard if bad else own for bad, own in zip(is_wild, sequences._shards, strict=True)],
                [places[0] if bad else own for bad, own in zip(is_wild, sequences._places, strict=True)],
            ),
            spectrograms=Spectrograms(
                folder,
                ["wild.npy" if bad else "spectrograms.npy" for bad in is_wild],
                np.where(is_wild, 0, np.arange(len(data))),
                np.where(is_wild, 1292, spectrograms.frames),
            ),
        ),
    )


def auc(outcome: np.ndarray, said: np.ndarray) -> float:
    """Probability that of two tracks about the median, the better one is said to be better."""
    good = outcome > np.median(outcome)
    return float((said[good][:, None] > said[~good]).mean())
