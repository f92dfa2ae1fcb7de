"""Batches of clips through the pretrained nets: one shard and one partition of the tables per batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analytics_platform.audio.clip_work import Clip, Say, Worked, clips_of, work_through
from analytics_platform.audio.decode import decode_file
from analytics_platform.audio.embeddings import Embedded, Embedder, available_embedders, write_shard
from analytics_platform.audio.tables import EMBEDDINGS, FROM_NETS, TAGS
from analytics_platform.audio.workers import Rejected, run_clips
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table

NET_RATE = 16_000
"""Hz: what all nets here listen at."""
MEMORY_MB = {"cpu": 2_000, "cuda": 64_000, "mps": 64_000}
"""Of a worker with its nets; a GPU's driver reserves addresses far beyond what it uses."""
SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Weights:
    """Where weights may lie."""

    models_root: Path
    vggish: Path | None = None
    vggish_sha256: str | None = None

    @property
    def pretrained(self) -> Path:
        """Folder of fetched weights."""
        return self.models_root / "pretrained"

    @property
    def any(self) -> bool:
        """Whether there are any, by a look at the folder."""
        return self.vggish is not None or (self.pretrained.exists() and any(self.pretrained.iterdir()))


@dataclass(frozen=True, slots=True)
class Heard:
    """What one net heard in a clip."""

    net: str
    weights: str
    tags: tuple[str, ...]
    embedded: Embedded


_nets: list[Embedder] = []
"""The nets of this worker."""


def load_nets(weights: Weights, device: str) -> None:
    """Load the nets, once in each worker."""
    _nets[:] = available_embedders(weights.pretrained, weights.vggish, weights.vggish_sha256 or "", device)


def hear(clip: Clip) -> list[Heard]:
    """Decode one clip and run the nets over it; runs in a worker."""
    decoded = decode_file(clip.path, (NET_RATE,), offset_s=clip.offset_s)[0]
    return [Heard(net.name, net.weights, net.tags, net.embed(decoded.samples, decoded.length)) for net in _nets]


def embed_batches(
    lake: Lake,
    audio_root: Path,
    embeddings_root: Path,
    batches: Sequence[str],
    weights: Weights,
    device: str,
    *,
    say: Say,
) -> list[Worked]:
    """Run the nets over each batch and replace its shards and its partition of the tables ``FROM_NETS``.

    Without weights the partitions are empty. Clips that cannot be read are left out: ``audio.rejected_clips``
    has them, with the reason. On the CPU each core has a worker with nets of its own, which is faster than
    one net on all cores; a GPU has one worker.
    """
    clips = [clips_of(lake, audio_root, batch) if weights.any else [] for batch in batches]
    everything = [clip for some in clips for clip in some]
    results = run_clips(
        everything,
        hear,
        workers=min(lake.threads, max(len(everything), 1)) if device == "cpu" else 1,
        memory_mb=MEMORY_MB[device],
        seconds=SECONDS,
        prepare=partial(load_nets, weights, device),
    )
    return work_through(batches, clips, results, partial(_write_batch, lake, embeddings_root), say)


def _write_batch(
    lake: Lake, embeddings_root: Path, batch: str, heard: Sequence[tuple[Clip, list[Heard] | Rejected]]
) -> Worked:
    worked = Worked.of(heard)
    by_net: dict[tuple[str, str], list[tuple[Clip, Heard]]] = {}
    for clip, result in heard:
        for one in [] if isinstance(result, Rejected) else result:
            by_net.setdefault((one.net, one.weights), []).append((clip, one))
    rows: dict[Table, list[dict[str, object]]] = {table: [] for table in FROM_NETS}
    for (net, hashed), found in by_net.items():
        shard_name = f"{net}_{hashed}/{batch}.safetensors"
        places = write_shard(embeddings_root / shard_name, [one.embedded for _, one in found])
        for (clip, one), place in zip(found, places, strict=True):
            common = {"clip_id": clip.clip_id, "batch": batch, "model": net}
            rows[EMBEDDINGS].append({**common, "weights": hashed, "shard": shard_name, **place._asdict()})
            if one.embedded.tags is not None:
                scores = dict(zip(one.tags, one.embedded.tags.tolist(), strict=True))
                rows[TAGS].extend({**common, "tag": tag, "score": score} for tag, score in scores.items())
                worked.tags[max(scores, key=scores.__getitem__)] += 1
    worked.models = sorted(net for net, _ in by_net)
    worked.write(lake, batch, rows)
    return worked
