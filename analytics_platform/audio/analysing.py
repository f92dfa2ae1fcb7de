"""Batches of clips: decoded and analysed by worker processes, each written as a shard and a partition of each table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.audio.clip_work import Clip, Say, Worked, clips_of, work_through
from analytics_platform.audio.decode import SAMPLE_RATE, decode_file
from analytics_platform.audio.names import FEATURE_NAMES
from analytics_platform.audio.shards import CLIP_SHAPE, PARAMETERS, SUFFIX, ShardWriter
from analytics_platform.audio.tables import DESCRIPTORS, FROM_SOUND, LOW_LEVEL_FEATURES, REJECTED_CLIPS, SPECTROGRAMS
from analytics_platform.audio.workers import Rejected, run_clips
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table

if TYPE_CHECKING:
    from analytics_platform.audio.features import Analysis

NOTHING = np.full(CLIP_SHAPE, -100, dtype=np.float16)
"""The spectrogram of a clip that can't be read: padding, dB."""
PICTURE_FRAMES = 323
"""Every second frame at a hop of 1024 samples: enough for a small picture."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a worker read of a clip."""

    analysis: Analysis
    sample_rate: int
    channels: int


def read_clip(clip: Clip) -> Read:
    """Decode and analyse one clip; runs in a worker."""
    from analytics_platform.audio.features import analyse

    decoded = decode_file(clip.path, offset_s=clip.offset_s)[0]
    return Read(analyse(decoded.samples, decoded.length), decoded.sample_rate, decoded.channels)


def warm_up() -> None:
    """Import and build what every clip needs, once in each worker."""
    from analytics_platform.audio.features import analyse

    noise = np.random.default_rng(0).normal(0, 0.1, 30 * SAMPLE_RATE).astype(np.float32)
    analyse(noise, len(noise))


def analyse_batches(
    lake: Lake, audio_root: Path, spectrograms_root: Path, batches: Sequence[str], *, say: Say
) -> list[Worked]:
    """Read the clips of each batch and replace its shard and its partition of the tables ``FROM_SOUND``.

    The shard is in place before the tables name it; the same clips give the same bytes.
    """
    clips = [clips_of(lake, audio_root, batch) for batch in batches]
    everything = [clip for some in clips for clip in some]
    results = run_clips(everything, read_clip, workers=min(lake.threads, max(len(everything), 1)), prepare=warm_up)
    return work_through(batches, clips, results, partial(_write_batch, lake, spectrograms_root), say)


def _write_batch(
    lake: Lake, spectrograms_root: Path, batch: str, read: Sequence[tuple[Clip, Read | Rejected]]
) -> Worked:
    worked = Worked.of(read)
    rows: dict[Table, list[dict[str, object]]] = {table: [] for table in FROM_SOUND}
    shard_name = f"{PARAMETERS}/{batch}{SUFFIX}"
    with ShardWriter(spectrograms_root / shard_name) as shard:
        for clip, result in read:
            common = {"clip_id": clip.clip_id, "batch": batch}
            # A clip that can't be read has a row too: so a row is always the same clip's, whatever a run could read.
            row = shard.append(NOTHING if isinstance(result, Rejected) else result.analysis.log_mel)
            if isinstance(result, Rejected):
                rows[REJECTED_CLIPS].append(
                    {**common, "location": clip.location, "reason": result.reason, "detail": result.detail}
                )
                continue
            analysis = result.analysis
            place = {"parameters": PARAMETERS, "shard": shard_name, "shard_row": row, "frames": analysis.frames}
            rows[SPECTROGRAMS].append({**common, **place, "duration_s": analysis.descriptors.duration_s})
            rows[LOW_LEVEL_FEATURES].extend(
                {**common, "feature_set": name, **dict(zip(FEATURE_NAMES, _nulls(values), strict=True))}
                for name, values in analysis.features.items()
            )
            of_file = {"sample_rate": result.sample_rate, "channels": result.channels}
            rows[DESCRIPTORS].append({**common, **asdict(analysis.descriptors), **of_file})
            if worked.picture is None:
                worked.picture = analysis.log_mel[0, :: 646 // PICTURE_FRAMES].T.astype(np.float32)
    worked.write(lake, batch, rows)
    return worked


def _nulls(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
