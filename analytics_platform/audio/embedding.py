"""A batch of clips through the pretrained nets: one shard and one partition of the tables per batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
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


def embedders(models_root: Path, vggish: Path | None, vggish_sha256: str | None, device: str) -> list[Embedder]:
    """The nets whose weights are at hand."""
    return available_embedders(models_root / "pretrained", vggish, vggish_sha256 or "", device)


def decode_for_nets(clip: Clip) -> tuple[bytes, int]:
    """Samples of one clip at ``NET_RATE`` as bytes, and how many are sound; runs in a worker."""
    decoded = decode_file(clip.path, (NET_RATE,), offset_s=clip.offset_s)[0]
    return decoded.samples[: decoded.length].tobytes(), decoded.length


def embed_batch(
    lake: Lake, audio_root: Path, embeddings_root: Path, batch: str, nets: Sequence[Embedder], *, say: Say
) -> Worked:
    """Run the nets over a batch and replace its shards and its partition of the tables ``FROM_NETS``.

    Clips that cannot be read are left out: ``audio.rejected_clips`` has them, with the reason.
    """
    import numpy as np

    begun = time.monotonic()
    clips = clips_of(lake, audio_root, batch) if nets else []
    worked = Worked(clips=len(clips))
    rows: dict[Table, list[dict[str, object]]] = {table: [] for table in FROM_NETS}
    heard: dict[str, list[tuple[Clip, Embedded]]] = {net.name: [] for net in nets}
    # Decoding is guarded by a process of its own and keeps ahead of the nets, which have all other cores or a GPU.
    with closing(run_clips(clips, decode_for_nets, workers=1)) as results:
        for clip, result in in_order(results):
            if isinstance(result, Rejected):
                worked.reasons[result.reason] += 1
                continue
            samples = np.frombuffer(result[0], dtype=np.float32)
            for net in nets:
                heard[net.name].append((clip, net.embed(samples, result[1])))
            if clip.place % 32 == 31:
                say(f"{batch}: {clip.place + 1} of {len(clips)} clips")
    check_crashes(worked)
    for net in nets:
        found = heard[net.name]
        if not found:
            continue
        shard_name = f"{net.name}_{net.weights}/{batch}.safetensors"
        places = write_shard(embeddings_root / shard_name, [embedded for _, embedded in found])
        for (clip, embedded), place in zip(found, places, strict=True):
            common = {"clip_id": clip.clip_id, "batch": batch, "model": net.name}
            rows[EMBEDDINGS].append({**common, "weights": net.weights, "shard": shard_name, **place._asdict()})
            if embedded.tags is not None:
                scores = dict(zip(net.tags, embedded.tags.tolist(), strict=True))
                rows[TAGS].extend({**common, "tag": tag, "score": score} for tag, score in scores.items())
                worked.tags[max(scores, key=scores.__getitem__)] += 1
    for table, found_rows in rows.items():
        frame = frame_of(table, found_rows)
        worked.commits[table.full_name] = lake.write_frame(table, frame, partition={"batch": batch})
    worked.seconds = time.monotonic() - begun
    return worked
