"""Sound: from a clip to its spectrogram, features and descriptors, and from shards to crops.

``python -m analytics_platform_tests.benchmarks.audio`` prints the tables; ``section`` gives them to the page.
One core: CPU time of the process with one thread, the contenders in turn, medians. Naive is one call of librosa
after another, as most people write it, in the same run. The clip is music-like sound made here, 30 s of stereo MP3
at 44.1 kHz and 96 kbit/s as previews have; real music is measured too where it lies beside the checkout.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from analytics_platform_tests.audio.broken_files import broken_files
from analytics_platform_tests.benchmarks.audio_workers import workers

TITLE = "Sound: spectrograms, features, shards"
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
ROUNDS = 9
SHARDS, CLIPS = 8, 256
"""Of the benchmark of crops: 675 MB."""
BATCH, BATCHES = 64, 200
Samples = NDArray[np.float32]
WORKER = """
import json, time
def megabytes(field):
    # VmHWM: the peak that getrusage gives begins with that of the process that started this one.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024 / 1e6
import numpy
before, start = megabytes("VmRSS"), time.process_time()
from analytics_platform.audio.features import analyse
imported = time.process_time() - start
samples = numpy.random.default_rng(0).standard_normal(661500).astype("float32") / 10
start = time.process_time()
analyse(samples, 661500)
first = time.process_time() - start
for _ in range(20):
    analyse(samples, 661500)
print(json.dumps({"import_s": imported, "first_s": first, "numpy_mb": before, "peak_mb": megabytes("VmHWM")}))
"""


def mp3(seconds: float = 30, seed: int = 0) -> bytes:
    """Music-like sound as a preview: stereo MP3 of 44.1 kHz and 96 kbit/s."""
    import soundfile

    from analytics_platform_tests.audio.sounds import mixture

    left = mixture(seconds, 44_100, seed)
    sound = np.stack([left, 0.7 * left + 0.3 * np.roll(left, 400)], axis=1)
    file = io.BytesIO()
    soundfile.write(file, sound, 44_100, format="MP3", bitrate_mode="CONSTANT", compression_level=0.75)
    return file.getvalue()


def real_mp3(count: int = 4) -> list[bytes]:
    """Excerpts of game music as such previews, where they lie beside the checkout; else none."""
    import soundfile
    import soxr

    from analytics_platform_tests.audio.sounds import GAMES

    paths = sorted(GAMES.glob("*/*.ogg"))
    clips: list[bytes] = []
    for path in paths[:: max(len(paths) // count, 1)][:count]:
        sound, rate = soundfile.read(path, dtype="float32")
        wide = soxr.resample(sound, rate, 44_100)
        file = io.BytesIO()
        soundfile.write(
            file, np.stack([wide, wide], 1), 44_100, format="MP3", bitrate_mode="CONSTANT", compression_level=0.75
        )
        clips.append(file.getvalue())
    return clips


def decoded(data: bytes) -> tuple[Samples, int]:
    """The decoder's work and nothing else: libsndfile, (L + R) / 2, soxr HQ."""
    import soundfile
    import soxr

    with soundfile.SoundFile(io.BytesIO(data)) as file:
        sound = file.read(dtype="float32", always_2d=True)
        rate = file.samplerate
    mono = (sound[:, 0] + sound[:, -1]) * np.float32(0.5)
    found = soxr.resample(mono, rate, 22_050, quality="HQ")
    samples = np.zeros(661_500, dtype=np.float32)
    length = min(len(found), len(samples))
    samples[:length] = found[:length]
    return samples, length


def naive_log_mel(samples: Samples) -> Samples:
    import librosa

    return librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=22_050), top_db=None)


def with_features(samples: Samples, length: int) -> object:
    """The log-mel spectrogram and both sets of 207 features, without descriptors."""
    from analytics_platform.audio.chroma import chroma
    from analytics_platform.audio.low_level import Shapes, low_level_features
    from analytics_platform.audio.spectrum import decibels, heard_frames, mel_power, power_chunks

    mel, shapes = np.zeros((1292, 128), dtype=np.float32), Shapes()
    for frames, power in power_chunks(samples, heard_frames(length)):
        mel_power(power, mel[frames])
        shapes.add(frames, power)
    log_mel = decibels(mel)
    return log_mel, low_level_features(samples, length, mel, log_mel, shapes, chroma(samples, length))


def in_turn(contenders: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median CPU milliseconds of each, in turn, after one round that is not counted: librosa compiles in it."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(rounds + 1):
        for name, action in contenders.items():
            start = time.process_time()
            action()
            if round_number:
                taken[name].append(1000 * (time.process_time() - start))
    return {name: median(times) for name, times in taken.items()}


@dataclass(frozen=True)
class Measured:
    """CPU milliseconds of ours and of naive librosa, and what was aimed at."""

    name: str
    ms: float
    naive_ms: float
    least_ratio: float | None = None
    most_ms: float | None = None


def extraction(data: bytes, label: str) -> list[Measured]:
    """From MP3 to spectrogram and features, against naive librosa in the same run."""
    import librosa

    from analytics_platform.audio.features import analyse
    from analytics_platform.audio.spectrum import log_mel
    from analytics_platform_tests.audio.low_level_by_librosa import naive_features

    samples, length = decoded(data)

    def load() -> Samples:
        return librosa.load(io.BytesIO(data), sr=22_050)[0]

    def naive_all() -> object:
        sound = load()
        return naive_log_mel(sound), naive_features(sound)

    ms = in_turn(
        {
            "decode": lambda: decoded(data),
            "load": load,
            "log-mel": lambda: log_mel(samples, length),
            "naive log-mel": lambda: naive_log_mel(samples),
            "decode + log-mel": lambda: log_mel(*decoded(data)),
            "naive load + log-mel": lambda: naive_log_mel(load()),
            "decode + log-mel + 207": lambda: with_features(*decoded(data)),
            "naive load + log-mel + 207": naive_all,
            "analyse": lambda: analyse(samples, length),
            "decode + analyse": lambda: analyse(*decoded(data)),
        }
    )
    return [
        Measured(f"{label}: decode", ms["decode"], ms["load"]),
        Measured(f"{label}: log-mel alone", ms["log-mel"], ms["naive log-mel"], 2.5),
        Measured(f"{label}: decode + log-mel", ms["decode + log-mel"], ms["naive load + log-mel"], 1.8, 30),
        Measured(f"{label}: … + 207 features", ms["decode + log-mel + 207"], ms["naive load + log-mel + 207"], 12, 65),
        Measured(f"{label}: … + descriptors", ms["decode + analyse"], ms["naive load + log-mel + 207"]),
    ]


def parts() -> dict[str, float]:
    """Milliseconds of CPU of what ``analyse`` is made of, and of pyloudnorm and librosa's tempo beside it."""
    import librosa
    import pyloudnorm

    from analytics_platform.audio import descriptors
    from analytics_platform.audio.chroma import chroma
    from analytics_platform.audio.features import analyse
    from analytics_platform.audio.low_level import Shapes
    from analytics_platform.audio.spectrum import log_mel, power_chunks

    samples, length = decoded(mp3())
    whole = log_mel(samples, length)
    shapes, chunk = Shapes(), next(power for _, power in power_chunks(samples, 128)).copy()
    meter = pyloudnorm.Meter(22_050)
    return in_turn(
        {
            "analyse": lambda: analyse(samples, length),
            "power spectra": lambda: [None for _ in power_chunks(samples, 1292)],
            "log-mel with them": lambda: log_mel(samples, length),
            "spectral shapes of 1280 frames": lambda: [shapes.add(slice(0, len(chunk)), chunk) for _ in range(10)],
            "chroma": lambda: chroma(samples, length),
            "tempo": lambda: descriptors.tempo(whole),
            "loudness": lambda: descriptors.loudness(samples, length),
            "loudness by pyloudnorm": lambda: meter.integrated_loudness(samples[:length]),
            "tempo by librosa": lambda: librosa.feature.tempo(y=samples[:length], sr=22_050),
        }
    )


def crops() -> dict[str, float]:
    """Crops of 599 × 128 a second and thread from page cache (target: 60,000), and whole spectrograms a second."""
    from analytics_platform.audio.shards import ShardWriter, Spectrograms

    rng = np.random.default_rng(0)
    clip = rng.uniform(-100, 40, (2, 646, 128)).astype(np.float16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        for shard in range(SHARDS):
            with ShardWriter(folder / f"{shard}.npy") as writer:
                for _ in range(CLIPS):
                    writer.append(clip)
        written = time.perf_counter() - start
        n = SHARDS * CLIPS
        rows = np.arange(n)
        read = Spectrograms(folder, [f"{k}.npy" for k in rows % SHARDS], rows // SHARDS, np.full(n, 1292))
        batch = np.empty((BATCH, 599, 128), dtype=np.float16)
        wanted = rng.integers(0, n, (BATCHES, BATCH))
        starts = rng.integers(0, 48, (BATCHES, BATCH))

        def cropped() -> None:
            for row_numbers, first in zip(wanted, starts, strict=True):
                read.crops(row_numbers, first, out=batch)

        def full() -> None:
            for row_numbers in wanted[::8]:
                read.full(row_numbers)

        ms = in_turn({"crops": cropped, "full": full}, 5)
    return {
        "crops a second": 1000 * BATCHES * BATCH / ms["crops"],
        "whole spectrograms a second": 1000 * len(wanted[::8]) * BATCH / ms["full"],
        "MB a second written and forced to disk": n * clip.nbytes / 1e6 / written,
    }


def worker() -> dict[str, float]:
    """A fresh process: CPU seconds to import and to analyse the first clip, and its memory (limit 600 MB)."""
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", WORKER], check=True, capture_output=True, text=True, env=os.environ | THREADS
            ).stdout
        )
        for _ in range(3)
    ]
    return {name: median(run[name] for run in runs) for name in runs[0]}


def tables() -> list[Table]:
    """All measurements."""
    against = Table(title="A clip of 30 s, CPU milliseconds on one core")
    for heading in ("measurement", "ours", "naive librosa", "ratio", "target: ratio", "target: ms"):
        against.add_column(heading, justify="left" if heading == "measurement" else "right")
    measured = extraction(mp3(), "made here")
    if real := real_mp3():
        each = [extraction(data, "real music") for data in real]
        for same in zip(*each, strict=True):
            own, naive = (median(getattr(one, key) for one in same) for key in ("ms", "naive_ms"))
            measured.append(replace(same[0], ms=own, naive_ms=naive))
    for one in measured:
        against.add_row(
            one.name,
            f"{one.ms:.1f}",
            f"{one.naive_ms:.1f}",
            f"{one.naive_ms / one.ms:.2f} ×",
            f"≥ {one.least_ratio} ×" if one.least_ratio else "",
            f"≤ {one.most_ms}" if one.most_ms else "",
        )
    others = [
        ("What analyse is made of, and two libraries beside it", "CPU ms", parts(), ".1f"),
        ("Shards, one thread, page cache; target: 60,000 crops a second", "", crops(), ",.0f"),
        ("A worker, a fresh process; limit: 600 MB", "", worker(), ".2f"),
        ("The pool of workers", "", workers(mp3(), [body for body, _ in broken_files().values()]), ".2f"),
    ]
    result = [against]
    for title, unit, found, form in others:
        table = Table("measurement", unit, title=title)
        for name, value in found.items():
            table.add_row(name, format(value, form))
        result.append(table)
    return result


def section() -> list[str]:
    """The markdown lines of the section.

    From a process of its own: how many threads they may have, libraries read when they are loaded.
    """
    command = [sys.executable, "-m", "analytics_platform_tests.benchmarks.audio"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | THREADS)
    return done.stdout.splitlines()


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in THREADS.items()):
        print("\n".join(section()))
    else:
        warnings.simplefilter("ignore")
        console = Console(width=140)
        for table in tables():
            title, table.title, table.box = table.title, None, box.MARKDOWN
            console.print(f"{title}:\n", table)
