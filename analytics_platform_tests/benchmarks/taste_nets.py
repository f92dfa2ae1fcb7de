"""From sound to factors: how many clips a second each family learns from and predicts, on one thread.

``python -m analytics_platform_tests.benchmarks.taste_nets`` prints the table; ``section`` gives it to the page, from a
process of its own. Names of families after it measure only those. Clips of 30 s of noise, read from page cache; the
loop is that of every training, without checkpoints. Nets run as many batches as stated, bags of words and ridge learn
from all clips once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_array, random_array

from analytics_platform.audio.shards import ShardWriter, Spectrograms
from analytics_platform.modelling.training_plan import computes_bfloat16
from analytics_platform.taste import net_training
from analytics_platform.taste.aims import Aims
from analytics_platform.taste.families import FAMILIES, TasteFamily
from analytics_platform.taste.predictors import fit_taste
from analytics_platform.tracks.sound import Sound

TITLE = "From sound to factors: training"
CLIPS = 64
"""In the shard, 21 MB; each is the sound of several tracks."""
TRACKS, CATALOGUE = 256, 10_000
"""Learnt from here; of the label whose epoch is reckoned from it."""
JUDGED = 32
DIM, LISTENERS = 40, 5_000
EPOCHS = 2
"""The first warms up and does not count."""


def world(folder: Path) -> tuple[Sound, Aims]:
    """Tracks with noise for sound, factors and plays."""
    rng = np.random.default_rng(0)
    total = TRACKS + JUDGED
    with ShardWriter(folder / "spectrograms.npy") as writer:
        for _ in range(CLIPS):
            writer.append(rng.uniform(-80, 0, (2, 646, 128)).astype(np.float16))
    places = np.arange(total)
    sound = Sound(
        places.astype(np.str_),
        mended=np.abs(rng.normal(size=(total, 207))),
        described=rng.normal(size=(total, 6)),
        moving=rng.normal(size=(total, 156)),
        pooled=rng.normal(size=(total, 200)).astype(np.float32),
        spectrograms=Spectrograms(
            folder, ["spectrograms.npy"] * total, places % CLIPS, np.full(total, 1292, dtype=np.int64)
        ),
    )
    factors, further, listeners = (
        rng.normal(size=(rows, DIM)).astype(np.float32) for rows in (total, total, LISTENERS)
    )
    plays = csr_array(random_array((LISTENERS, total), density=0.01, rng=rng).tocsr() > 0, dtype=np.float32)
    return sound, Aims(factors, (further,), plays, listeners)


def measure(sound: Sound, aims: Aims, family: TasteFamily, hop: int, mixed: bool, folder: Path) -> tuple[str, ...]:
    """A row of the table."""
    train, validation = np.arange(TRACKS), np.arange(TRACKS, TRACKS + JUDGED)
    start = time.perf_counter()
    fitted = fit_taste(
        family,
        sound,
        aims,
        train,
        validation,
        seed=0,
        device="cpu",
        epochs=EPOCHS,
        folder=folder,
        say=lambda line: None,
        hop=hop,
        mixed_precision=mixed,
    )
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    fitted.predict(sound, train[:128])
    predicted = 128 / (time.perf_counter() - start)
    weights, speed, epoch = "", f"{TRACKS / seconds:,.3g} (once)", ""
    if isinstance(fitted.model, net_training.NetModel):
        weights = f"{sum(each.numel() for each in fitted.model.net.parameters()):,}"
        rate = fitted.histories["net"].examples_per_second
        speed, epoch = f"{rate:,.3g}", f"{CATALOGUE / rate:,.3g}"
    precision = "bfloat16" if mixed else "float32"
    return family.name, f"hop {hop}", weights, precision, speed, epoch, f"{predicted:,.3g}"


def cases(names: list[str]) -> Iterator[tuple[TasteFamily, int, bool]]:
    """Families, hops, and whether in bfloat16."""
    for family in FAMILIES.values():
        if names and family.name not in names:
            continue
        for hop in (1024, 512) if family.document == "003 paper" else (1024,):
            yield family, hop, False
            if family.kind == "net" and computes_bfloat16("cpu"):
                yield family, hop, True


def main(names: list[str]) -> None:
    """Measure, and print the table."""
    import torch

    torch.set_num_threads(1)
    # Of the published size, so that a second is one of the real thing, on few tracks too.
    net_training.FEWEST_STEPS = 1
    table = Table(box=box.MARKDOWN)
    headings = ("family", "hears", "weights", "", "clips/s learnt", f"s an epoch of {CATALOGUE:,}", "clips/s predicted")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in (2, 4, 5, 6) else "left")
    with tempfile.TemporaryDirectory() as folder:
        sound, aims = world(Path(folder))
        for number, (family, hop, mixed) in enumerate(cases(names)):
            given = aims if "further" in family.needs else replace(aims, further=())
            row = measure(sound, given, family, hop, mixed, Path(folder) / str(number))
            table.add_row(*row)
            print(" | ".join(row), file=sys.stderr, flush=True)
    print(f"Torch {torch.__version__}, one thread of a CPU, clips of 30 s, {DIM} factors.")
    print("The first epoch warms up. Clips predicted: all windows or crops of each.")
    print()
    Console(width=160).print(table)


def section() -> list[str]:
    """The markdown lines of the section."""
    command = [sys.executable, "-m", "analytics_platform_tests.benchmarks.taste_nets"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


if __name__ == "__main__":
    main(sys.argv[1:])
