"""The pool of workers that reads clips: how much faster two are than one, and what memory the worst file takes."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from analytics_platform.audio.analysing import read_clip, warm_up
from analytics_platform.audio.clip_work import Clip
from analytics_platform.audio.decode import RejectedError
from analytics_platform.audio.workers import run_clips

CLIPS = 150
ROUNDS = 3


def peak_mb(clip: Clip) -> float:
    """Read a clip, or fail to; the most memory that the worker has ever had, MB.

    From /proc (Linux): what ``getrusage`` calls the peak has that of the process which started the worker in it.
    """
    with suppress(RejectedError):
        read_clip(clip)
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def tasks(folder: Path, bodies: list[bytes]) -> list[Clip]:
    """Files, and clips that are them."""
    clips: list[Clip] = []
    for place, body in enumerate(bodies):
        path = folder / f"{place}.mp3"
        path.write_bytes(body)
        clips.append(Clip("batch", place, str(place), str(path), str(path), 0.0))
    return clips


def seconds_of(clips: list[Clip], workers: int) -> float:
    """Wall clock from the first result to the last: starting the workers is not counted."""
    results = run_clips(clips, read_clip, workers=workers, prepare=warm_up)
    for _ in range(workers):
        next(results)
    start = time.perf_counter()
    done = sum(1 for _ in results)
    return (time.perf_counter() - start) / done


def workers(body: bytes, broken: list[bytes]) -> dict[str, float]:
    """Clips a second of one worker and of two, in turn, and the largest memory over broken and hostile files."""
    with tempfile.TemporaryDirectory() as name:
        clips = tasks(Path(name), [body] * CLIPS)
        each: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(ROUNDS):
            for count, found in each.items():
                found.append(seconds_of(clips, count))
        hostile = run_clips(tasks(Path(name), broken), peak_mb, workers=1, prepare=warm_up)
        peaks = [peak for _, peak in hostile if isinstance(peak, float)]
    one, two = median(each[1]), median(each[2])
    return {
        "one worker, clips a second": 1 / one,
        "two workers, clips a second": 1 / two,
        "two over one (target: 1.8 on idle cores)": one / two,
        f"peak memory over {len(peaks)} broken files, MB (limit: 600)": max(peaks),
    }
