"""A batch of clips through the pretrained nets: one shard and one partition of the tables per batch."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analytics_platform.audio.analysing import Clip, Say, Worked, check_crashes, clips_of, in_order
from analytics_platform.audio.decode import decode_file
from analytics_platform.audio.embeddings import Embedded, Embedder, available_embedders, write_shard
from analytics_platform.audio.tables import EMBEDDINGS, FROM_NETS, TAGS
from analytics_platform.audio.workers import Rejected, run_clips
from analytics_platform.lakehouse.frames import frame_of
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


def embed_batch(
    lake: Lake, audio_root: Path, embeddings_root: Path, batch: str, weights: Weights, device: str, *, say: Say
) -> Worked:
    """Run the nets over a batch and replace its shards and its partition of the tables ``FROM_NETS``.

    Without weights the partition is empty. Clips that cannot be read are left out: ``audio.rejected_clips``
    has them, with the reason. On the CPU each core has a worker with nets of its own, which is faster than
    one net on all cores; a GPU has one worker.
    """
    begun = time.monotonic()
    clips = clips_of(lake, audio_root, batch) if weights.any else []
    worked = Worked(clips=len(clips))
    rows: dict[Table, list[dict[str, object]]] = {table: [] for table in FROM_NETS}
    heard: dict[tuple[str, str], list[tuple[Clip, Heard]]] = {}
    results = run_clips(
        clips,
        hear,
        workers=min(lake.threads, max(len(clips), 1)) if device == "cpu" else 1,
        memory_mb=MEMORY_MB[device],
        seconds=SECONDS,
        prepare=partial(load_nets, weights, device),
    )
    with closing(results):
        for clip, result in in_order(results):
            if isinstance(result, Rejected):
                worked.reasons[result.reason] += 1
                continue
            for one in result:
                heard.setdefault((one.net, one.weights), []).append((clip, one))
            if clip.place % 32 == 31:
                say(f"{batch}: {clip.place + 1} of {len(clips)} clips")
    check_crashes(worked)
    for (net, hashed), found in heard.items():
        shard_name = f"{net}_{hashed}/{batch}.safetensors"
        places = write_shard(embeddings_root / shard_name, [one.embedded for _, one in found])
        for (clip, one), place in zip(found, places, strict=True):
            common = {"clip_id": clip.clip_id, "batch": batch, "model": net}
            rows[EMBEDDINGS].append({**common, "weights": hashed, "shard": shard_name, **place._asdict()})
            if one.embedded.tags is not None:
                scores = dict(zip(one.tags, one.embedded.tags.tolist(), strict=True))
                rows[TAGS].extend({**common, "tag": tag, "score": score} for tag, score in scores.items())
                worked.tags[max(scores, key=scores.__getitem__)] += 1
    worked.models = sorted(net for net, _ in heard)
    for table, found_rows in rows.items():
        frame = frame_of(table, found_rows)
        worked.commits[table.full_name] = lake.write_frame(table, frame, partition={"batch": batch})
    worked.seconds = time.monotonic() - begun
    return worked
