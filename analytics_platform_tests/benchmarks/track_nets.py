"""Nets on tracks: how many examples a second each family trains on, and how long it waits for them.

``python -m analytics_platform_tests.benchmarks.track_nets`` prints the table; ``section`` gives it to the page, from a
process of its own. Names of families after it measure only those. Shards are synthetic, and read from page cache. The
loop is that of every training, without checkpoints. On a GPU, if there is one, with the published batches; on a CPU
with smaller ones where memory or patience would not do, as the table says.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from analytics_platform.audio.embeddings import Embedded, EmbeddingShard, write_shard
from analytics_platform.audio.shards import ShardWriter, Spectrograms
from analytics_platform.modelling.feeding import Batch
from analytics_platform.modelling.training import fit
from analytics_platform.modelling.training_plan import History, TrainingPlan
from analytics_platform.tracks.families import FAMILIES, FIVE_SECONDS_COARSE, FORWARD, Family, InputSize
from analytics_platform.tracks.net_inputs import fit_inputs, training_part
from analytics_platform.tracks.net_plans import BATCH, How, autoencoder_plan, net_plan, wants_channels_last
from analytics_platform.tracks.net_training import prepared, shared_weights
from analytics_platform.tracks.sound import Sequences, Sound
from analytics_platform.tracks.track_data import TrackData

TITLE = "Nets on tracks: training"
CLIPS, TRACKS = 256, 4096
"""Clips in the shards, 85 MB; each is the sound of several tracks."""
WINDOWS = 10
"""Of the embeddings of a clip: 30 s by MusiCNN."""
EPOCHS = 3
"""The first warms up and does not count."""
BATCHES = 8
FULL = InputSize()
SMALLER = {"hiphop_crnn": (4, 3), "hiphop_cnn1": (32, 3), "hiphop_cnn1_summary": (32, 3), "hiphop_cnn2": (32, 3)}
SMALLER["hiphop_cnn3"] = SMALLER["hiphop_cnn2"]
"""Rows of a batch, and batches, of nets that hear whole clips on a CPU: 100 rows of the CRNN take 17 GB."""
COARSE_BATCHES = 4
"""Of crops of five seconds on a CPU."""


def tracks(folder: Path) -> TrackData:
    """Tracks with noise for sound, of all kinds that nets hear."""
    rng = np.random.default_rng(0)
    numbers = np.arange(TRACKS)
    with ShardWriter(folder / "spectrograms.npy") as writer:
        for _ in range(CLIPS):
            writer.append(rng.uniform(-80, 0, (2, 646, 128)).astype(np.float16))
    sequences = [rng.normal(size=(WINDOWS, FULL.dim)).astype(np.float32) for _ in range(CLIPS)]
    places = write_shard(folder / "embeddings.safetensors", [Embedded(each, each.mean(0)) for each in sequences])
    shard = EmbeddingShard(folder / "embeddings.safetensors")
    names = np.array([str(number) for number in numbers])
    sound = Sound(
        names,
        low_level=rng.normal(size=(TRACKS, FULL.features)),
        sequences=Sequences([shard] * TRACKS, [places[number % CLIPS] for number in numbers]),
        spectrograms=Spectrograms(
            folder, ["spectrograms.npy"] * TRACKS, numbers % CLIPS, np.full(TRACKS, 1292, dtype=np.int64)
        ),
    )
    outcome = rng.permutation(TRACKS) / TRACKS
    dates = np.full(TRACKS, np.datetime64("2026-01-01"))
    return TrackData("noise", "noise", 0, names, outcome, names, numbers, names, numbers % 50, dates, sound)


@dataclass(frozen=True)
class Measured:
    """Of one stage of one family."""

    family: Family
    stage: str
    heard: str
    plan: TrainingPlan
    batches: int
    history: History
    weights: int

    def cells(self) -> list[str]:
        """A row of the table."""
        epochs = self.history.epochs[1:]
        waiting = median(epoch.waiting_share for epoch in epochs)
        return [
            f"{self.family.name}, {self.stage}",
            self.heard,
            f"{self.weights:,}",
            "bfloat16" if self.plan.mixed_precision else "float32",
            f"{self.plan.batch_size} × {self.batches}",
            f"{self.history.examples_per_second:,.3g}",
            f"{waiting:.0%}",
        ]


def measure(data: TrackData, family: Family, size: InputSize, device: str, mixed: bool) -> Iterator[Measured]:
    """Both stages of a family that has two, else the one."""
    task, on_cpu = family.tasks[0], device == "cpu"
    how = How(seed=0, device=device, mixed_precision=mixed)
    whole = family.input_kind == "log-mel" and size == FULL
    batch_size, batches = family.recipe.batch_size or BATCH, BATCHES
    if on_cpu and whole:
        batch_size, batches = SMALLER.get(family.name, (batch_size, batches))
    elif on_cpu and family.input_kind.startswith("log-mel"):
        batch_size, batches = (50, 2) if family.name == "hiphop_crnn" else (batch_size, COARSE_BATCHES)
    rows = np.arange(batch_size * batches) % TRACKS
    inputs = fit_inputs(data.sound, rows, family.input_kind, size)
    names = FORWARD[family.input_kind]
    labels = {"target": (data.outcome > 0.5).astype(np.float32)}
    part = training_part(inputs, data.sound, rows, labels)
    heard = f"{inputs.frames} frames, hop {inputs.hop}" if inputs.frames else family.input_kind
    learnt: dict[str, Any] | None = None
    # Scales come from few clips here: they are not what is measured.
    few = rows[:32]

    def reconstruction(net: Any, batch: Batch) -> Any:
        return net.reconstruction_loss(*(batch[name] for name in names))

    def task_loss(net: Any, batch: Batch) -> Any:
        from analytics_platform.tracks.net_inputs import hear
        from analytics_platform.tracks.nets import parts

        return parts.task_loss(hear(net, batch, family.input_kind), batch["target"], task)

    stages = [("net", net_plan(family, TRACKS, how), task_loss)]
    if family.two_stages:
        stages.insert(0, ("autoencoders", autoencoder_plan(family, TRACKS, how), reconstruction))
    for stage, given, loss in stages:
        plan = replace(given, epochs=EPOCHS, patience=None, batch_size=batch_size)

        def build(known: dict[str, Any] | None = learnt, plan: TrainingPlan = plan) -> Any:
            return prepared(data, few, family, task, inputs, known, wants_channels_last(family, plan))

        trained = fit(build, loss, part, None, plan, None, lambda line: None)
        learnt = dict(shared_weights(trained.net))
        weights = sum(weight.numel() for weight in trained.net.parameters())
        yield Measured(family, stage, heard, plan, batches, trained.history, weights)


def cases(names: list[str], device: str) -> Iterator[tuple[Family, InputSize, bool]]:
    """What is measured: families, sizes, and whether in bfloat16."""
    for family in FAMILIES.values():
        if (names and family.name not in names) or family.name == "hitmusicnet_published":
            continue
        sizes = (FULL, FIVE_SECONDS_COARSE) if family.input_kind == "log-mel" else (FULL,)
        for size in sizes:
            yield family, size, False
            if net_plan(family, TRACKS, How(0, device, mixed_precision=True)).mixed_precision:
                yield family, size, True


def main(names: list[str]) -> None:
    """Measure, and print the table."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    where = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads of a CPU"
    table = Table(box=box.MARKDOWN)
    for place, heading in enumerate(("net", "hears", "weights", "", "batch × batches", "examples/s", "waiting")):
        table.add_column(heading, justify="right" if place in (2, 4, 5, 6) else "left")
    with tempfile.TemporaryDirectory() as folder:
        data = tracks(Path(folder))
        for family, size, mixed in cases(names, device):
            for found in measure(data, family, size, device, mixed):
                table.add_row(*found.cells())
                print(" | ".join(found.cells()), file=sys.stderr, flush=True)
    print(
        f"Torch {torch.__version__}, {where}. Medians of epochs of as many batches as stated, after one that warms up."
    )
    print("Waiting: share of the time in which the loop had no batch. Checkpoints are not among it.")
    print()
    Console(width=160).print(table)


def section() -> list[str]:
    """The markdown lines of the section."""
    command = [sys.executable, "-m", "analytics_platform_tests.benchmarks.track_nets"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


if __name__ == "__main__":
    main(sys.argv[1:])
