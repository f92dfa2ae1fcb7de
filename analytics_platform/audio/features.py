"""All that is read from the samples of one clip, at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio import descriptors
from analytics_platform.audio.chroma import chroma
from analytics_platform.audio.low_level import Shapes, low_level_features
from analytics_platform.audio.spectrum import (
    FRAMES,
    MELS,
    SAMPLE_RATE,
    FloatArray,
    check_clip,
    decibels,
    frames_of,
    heard_frames,
    mel_power,
    power_chunks,
    split_phases,
)


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What people say of a clip, by the names of ``audio.descriptors``; ``None`` is null."""

    duration_s: float
    loudness_lufs: float | None
    peak_dbfs: float | None
    tempo_bpm: float | None
    tempo_strength: float | None
    key: str | None
    mode: str | None
    key_strength: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was read from one clip."""

    log_mel: NDArray[np.float16]
    """(2, 646, 128) dB: the even frames, then the odd ones, see ``audio.shards``."""
    frames: int
    """Frames of the 1292 that hold sound."""
    features: dict[str, NDArray[np.float64]]
    """Feature set → (207,) in the order of ``FEATURE_NAMES``; NaN is null."""
    descriptors: Descriptors


def analyse(samples: FloatArray, length: int) -> Analysis:
    """Spectrogram, low-level features and descriptors of a clip: about 30 ms of one core, of which 5 is the transform.

    Args:
        samples: (661500,) float32 at 22,050 Hz, zeros after the sound.
        length: samples that are sound.

    Raises:
        ValueError: not a clip, see ``spectrum.check_clip``.
    """
    check_clip(samples, length)
    frames = frames_of(length)
    mel = np.zeros((FRAMES, MELS), dtype=np.float32)
    shapes = Shapes()
    for rows, power in power_chunks(samples, heard_frames(length)):
        mel_power(power, mel[rows])
        shapes.add(rows, power)
    log_mel = decibels(mel)
    pitches = chroma(samples, length)
    pulse = descriptors.tempo(log_mel[:frames])
    key = descriptors.key(pitches)
    return Analysis(
        log_mel=split_phases(log_mel),
        frames=frames,
        features=low_level_features(samples, length, mel, log_mel, shapes, pitches),
        descriptors=Descriptors(
            duration_s=length / SAMPLE_RATE,
            loudness_lufs=descriptors.loudness(samples, length),
            peak_dbfs=descriptors.peak(samples, length),
            tempo_bpm=pulse.bpm if pulse else None,
            tempo_strength=pulse.strength if pulse else None,
            key=key.pitch if key else None,
            mode=key.mode if key else None,
            key_strength=key.strength if key else None,
        ),
    )
