"""Clips with real shards whose factors are planted in all that a family can hear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from analytics_platform.audio.shards import ShardWriter, Spectrograms
from analytics_platform.taste.aims import Aims
from analytics_platform.tracks.sound import Sound

CLIPS, DIM = 90, 6
TRAIN, VALIDATION, TEST = np.arange(56), np.arange(56, 70), np.arange(70, CLIPS)
LISTENERS = 40


@dataclass(frozen=True)
class Heard:
    """Clips, what is to be learnt of them, and where their shards lie."""

    sound: Sound
    aims: Aims
    styles: np.ndarray
    """(n,) 0, 1 or 2: what the factors and the sound of a clip come from."""


def write_clips(folder: Path, name: str, clips: list[np.ndarray], padding: float = -100) -> Spectrograms:
    """A shard of clips (frames, 128), with numbers after their end that nobody may hear."""
    with ShardWriter(folder / name) as writer:
        for clip in clips:
            whole = np.full((1292, 128), padding, dtype=np.float16)
            whole[: len(clip)] = clip
            writer.append(np.stack([whole[::2], whole[1::2]]))
    lengths = np.array([len(clip) for clip in clips])
    return Spectrograms(folder, [name] * len(clips), np.arange(len(clips)), lengths)


def heard(folder: Path, seed: int = 0) -> Heard:
    """Clips of 3 to 6 s in three styles, each loud in bands of its own."""
    rng = np.random.default_rng(seed)
    styles = rng.integers(0, 3, CLIPS)
    lengths = rng.integers(140, 260, CLIPS)
    clips = [rng.normal(-50, 4, (length, 128)) for length in lengths]
    for clip, style in zip(clips, styles, strict=True):
        clip[:, 40 * style : 40 * style + 20] += 20
    spectrograms = write_clips(folder, "planted.npy", clips)
    marks = np.eye(3)[styles]
    factors = (2 * np.eye(DIM)[2 * styles] + rng.normal(0, 0.2, (CLIPS, DIM))).astype(np.float32)
    further = (np.eye(3)[styles] + rng.normal(0, 0.1, (CLIPS, 3))).astype(np.float32)
    listeners = (np.eye(DIM)[2 * rng.integers(0, 3, LISTENERS)] / 2 + rng.normal(0, 0.05, (LISTENERS, DIM))).astype(
        np.float32
    )
    chances = np.clip(listeners @ factors.T, 0.02, 0.6)
    plays = csr_array(((rng.random(chances.shape) < chances) * rng.integers(1, 9, chances.shape)).astype(np.float32))
    sound = Sound(
        np.array([f"clip {number}" for number in range(CLIPS)]),
        described=marks @ rng.normal(size=(3, 6)) + rng.normal(0, 0.3, (CLIPS, 6)),
        moving=marks @ rng.normal(size=(3, 12)) + rng.normal(0, 0.3, (CLIPS, 12)),
        pooled=(marks @ rng.normal(size=(3, 8)) + rng.normal(0, 0.3, (CLIPS, 8))).astype(np.float32),
        spectrograms=spectrograms,
        durations_s=lengths * 512 / 22_050,
    )
    return Heard(sound, Aims(factors, (further,), plays, listeners), styles)


def cosines(said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(k,) between rows."""
    return (said * truth).sum(axis=1) / np.linalg.norm(said, axis=1) / np.linalg.norm(truth, axis=1)
