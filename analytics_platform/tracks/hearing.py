"""Unreleased clips as models hear them: read in workers, and kept by clip, so that nothing is heard twice.

What is kept of a clip is one safetensors file, ``<clip_id>.safetensors``; it goes when its track leaves the folder.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.decode import decode_file
from analytics_platform.audio.embedding import MEMORY_MB, NET_RATE, SECONDS, Weights
from analytics_platform.audio.embeddings import Embedder, available_embedders
from analytics_platform.audio.features import Analysis, Descriptors, analyse
from analytics_platform.audio.workers import MEMORY_MB as DESCRIPTORS_MB
from analytics_platform.audio.workers import Rejected, run_clips
from analytics_platform.tracks.movement import movement
from analytics_platform.tracks.sound import MENDED_SET, PUBLISHED_SET, Sound, described_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".safetensors"
READ_BY = "1"
"""Of what is kept; another number, and everything is heard again."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Which pretrained net hears beside the descriptors; on the CPU, as the clips are few."""

    net: str | None = None
    """Its name; None: none is needed."""
    weights: Weights | None = None
    """Where its weights lie."""


@dataclass(frozen=True, slots=True)
class NewClip:
    """A clip to hear."""

    clip_id: str
    path: str
    offset_s: float
    net: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a clip."""

    clip_id: str
    log_mel: NDArray[np.float16]
    """(2, 646, 128) dB, as in a shard."""
    frames: int
    features: Mapping[str, NDArray[np.float64]]
    """Feature set → (207,)."""
    descriptors: Descriptors
    pooled: NDArray[np.float32] | None = None
    """(dim,) the mean embedding."""
    net: str = ""
    """What embedded it."""


_nets: list[Embedder] = []
"""The net of this worker."""


class NetError(RuntimeError):
    """The model in use needs embeddings of a net whose weights are not here; the message says what to do."""


def prepare(ears: Ears) -> None:
    """Load the net that is needed, once in each worker."""
    if ears.net is None:
        return
    weights = ears.weights
    found = available_embedders(weights.pretrained, weights.vggish, weights.vggish_sha256 or "") if weights else []
    _nets[:] = [net for net in found if net.name == ears.net]
    if not _nets:
        raise NetError(f"the model in use needs embeddings by {ears.net}, whose weights are not here")


def hear(clip: NewClip) -> Heard:
    """Decode and analyse one clip, and embed it if a net is loaded; runs in a worker."""
    rates = (22_050, NET_RATE) if clip.net else (22_050,)
    decoded = decode_file(clip.path, rates, offset_s=clip.offset_s)
    analysis = analyse(decoded[0].samples, decoded[0].length)
    pooled = embed(decoded[1].samples, decoded[1].length) if clip.net else None
    return of_analysis(clip.clip_id, analysis, pooled, clip.net or "")


def embed(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """(dim,) the mean embedding of samples at 16 kHz by this worker's net."""
    return _nets[0].embed(samples, length).pooled


def of_analysis(clip_id: str, analysis: Analysis, pooled: NDArray[np.float32] | None = None, net: str = "") -> Heard:
    """What the analysis of some samples says."""
    return Heard(clip_id, analysis.log_mel, analysis.frames, analysis.features, analysis.descriptors, pooled, net)


def sound_of(heard: Sequence[Heard]) -> Sound:
    """Clips (n) as rows of a model's input."""
    import polars as pl

    described = pl.DataFrame(
        [asdict(one.descriptors) for one in heard],
        schema={
            "duration_s": pl.Float64(),
            "loudness_lufs": pl.Float64(),
            "peak_dbfs": pl.Float64(),
            "tempo_bpm": pl.Float64(),
            "tempo_strength": pl.Float64(),
            "key": pl.String(),
            "mode": pl.String(),
            "key_strength": pl.Float64(),
        },
    )
    pooled = [one.pooled for one in heard if one.pooled is not None]
    return Sound(
        clip_ids=np.array([one.clip_id for one in heard], dtype=np.str_),
        low_level=np.stack([one.features[PUBLISHED_SET] for one in heard]),
        mended=np.stack([one.features[MENDED_SET] for one in heard]),
        described=described_columns(described),
        moving=np.stack([movement(one.log_mel[0, : (one.frames + 1) // 2]) for one in heard]),
        pooled=np.stack(pooled) if len(pooled) == len(heard) else None,
        durations_s=described["duration_s"].to_numpy().astype(np.float64),
    )


def hear_all(clips: Sequence[NewClip], ears: Ears, workers: int) -> Generator[tuple[NewClip, Heard | Rejected]]:
    """Each clip once with what was heard or why not, as they end.

    Raises:
        NetError: the weights of the net are missing.
    """
    if not clips:
        return
    if ears.net is not None and not (ears.weights and ears.weights.any):
        raise NetError(f"the model in use needs embeddings by {ears.net}: run `analytics-platform fetch-weights`")
    yield from run_clips(
        clips,
        hear,
        workers=min(workers, len(clips)),
        memory_mb=memory_of(ears),
        seconds=SECONDS,
        prepare=partial(prepare, ears),
    )


def memory_of(ears: Ears) -> int:
    """MiB that a worker may take."""
    return MEMORY_MB["cpu"] if ears.net else DESCRIPTORS_MB


def keep(folder: Path, heard: Heard) -> None:
    """Write what was heard of a clip, whole or not at all."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {"log_mel": heard.log_mel, **heard.features}
    if heard.pooled is not None:
        arrays["pooled"] = heard.pooled
    said = {
        "read_by": READ_BY,
        "frames": str(heard.frames),
        "descriptors": json.dumps(asdict(heard.descriptors)),
        "net": heard.net,
    }
    building = folder / f".{heard.clip_id}.{uuid4().hex}"
    try:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, building, said)
        building.replace(folder / f"{heard.clip_id}{SUFFIX}")
    finally:
        building.unlink(missing_ok=True)


def kept(folder: Path, clip_id: str, net: str | None = None) -> Heard | None:
    """What was heard of a clip before; None if nothing was, or not by that net, or the file is not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / f"{clip_id}{SUFFIX}", framework="numpy") as file:
            said = file.metadata() or {}
            if said.get("read_by") != READ_BY or (net is not None and said["net"] != net):
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return None
    return Heard(
        clip_id,
        arrays["log_mel"],
        int(said["frames"]),
        {name: arrays[name] for name in (PUBLISHED_SET, MENDED_SET)},
        Descriptors(**json.loads(said["descriptors"])),
        arrays.get("pooled"),
        said["net"],
    )


def forget(folder: Path, clip_ids: set[str], suffix: str = SUFFIX) -> None:
    """Remove what is kept of all other clips, and what a killed run left half written."""
    for path in folder.glob("*") if folder.exists() else ():
        if path.name.startswith(".") or path.name.removesuffix(suffix) not in clip_ids:
            path.unlink(missing_ok=True)
