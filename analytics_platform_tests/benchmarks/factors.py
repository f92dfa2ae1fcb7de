"""Factors of tracks from plays: seconds and memory beside bare ``implicit``, and how they rank held-out plays.

``python -m analytics_platform_tests.benchmarks taste`` rewrites the section of this room. Where ``ANALYTICS_HOME`` is a
home with plays (a demo), they are judged too, by pairs and by time. Last.fm HetRec 2011, real listeners' plays of
artists, is judged where it is at hand (``artists.py`` says where that is).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from scipy import sparse

from analytics_platform.lakehouse.lake import cores
from analytics_platform.modelling.evaluation import Score
from analytics_platform.orchestration.resources import Platform
from analytics_platform.sample_label.catalogue import build_catalogue
from analytics_platform.sample_label.spec import LabelSpec
from analytics_platform.sample_label.studies import track_plays
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import PLAYS, TRACK_ARTISTS
from analytics_platform.taste.factors import SOURCE, confidence, fit_factors
from analytics_platform.taste.ranking import METRICS
from analytics_platform.taste.track_plays import read_later_plays, read_track_plays
from analytics_platform.taste.warm import FACTORS, OVER, SEEDS, HeldOut, compare_factors, hold_out_pairs
from analytics_platform_tests.benchmarks.artist_clusters import read_plays
from analytics_platform_tests.benchmarks.artists import hetrec_folder

TITLE = "Taste: factors of tracks from plays"
PAIRS, TRACKS, TASTES = 10_000_000, 50_000, 40
PER_LISTENER = 25
TURNS = 3
MOST_RATIO, MOST_MB = 1.2, 2_500
STUDY = LabelSpec(seed=21, scale=25)
"""No parameter was chosen on this label: that was done on seed 5."""
STUDY_LISTENERS = 20_000
RANKS = {f"wmf_document_{rank}": replace(SOURCE, factors=rank) for rank in (50, 400)}
"""The paper's, beside the 41 of its code's demo."""


def planted_pairs(pairs: int) -> sparse.csr_array:
    """Plays (pairs / 25, TRACKS) of listeners with one taste in forty, tracks by Zipf; some pairs fall together."""
    rng = np.random.default_rng(0)
    listener = np.repeat(np.arange(pairs // PER_LISTENER), PER_LISTENER)
    taste = rng.integers(0, TASTES, pairs // PER_LISTENER)[listener]
    rank = np.floor((TRACKS / TASTES) ** rng.random(pairs)).astype(np.int64) - 1
    track = np.where(rng.random(pairs) < 0.8, rank * TASTES + taste, rank * TASTES + rng.integers(0, TASTES, pairs))
    counts = rng.geometric(0.3, pairs).astype(np.float32)
    return sparse.csr_array((counts, (listener, track)), shape=(pairs // PER_LISTENER, TRACKS))


def child(what: str, path: str) -> None:
    """Fit the source documents' factors one way, in a process of its own; prints seconds and memory as JSON."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with np.load(path) as stored:
        shape = (len(stored["indptr"]) - 1, TRACKS)
        plays = sparse.csr_array((stored["data"], stored["indices"], stored["indptr"]), shape=shape)
    weights = confidence(plays, SOURCE) if what == "bare" else None
    begin = time.perf_counter()
    if what == "ours":
        fit_factors(plays, SOURCE, threads=cores())
    else:
        with threadpool_limits(1, "blas"):
            bare = AlternatingLeastSquares(
                SOURCE.factors,
                SOURCE.regularisation,
                iterations=SOURCE.iterations,
                num_threads=cores(),
                random_state=0,
            )
            bare.fit(weights, show_progress=False)
    seconds = time.perf_counter() - begin
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps({"seconds": seconds, "peak_mb": int(status["VmHWM"].split()[0]) / 1024}))


def speed(pairs: int = PAIRS, turns: int = TURNS) -> list[str]:
    """Our factors, from plays to arrays, and bare ``implicit`` on a matrix of confidence, in turn."""
    import tempfile

    plays = planted_pairs(pairs)
    found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "plays.npz"
        np.savez(path, data=plays.data, indices=plays.indices, indptr=plays.indptr)
        for _ in range(turns):
            for what, runs in found.items():
                command = [sys.executable, "-m", "analytics_platform_tests.benchmarks.factors", what, str(path)]
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    ours, bare = ({key: median(run[key] for run in runs) for key in ("seconds", "peak_mb")} for runs in found.values())
    ratio = ours["seconds"] / bare["seconds"]
    return [
        f"{plays.nnz:,} pairs of {plays.shape[0]:,} listeners and {TRACKS:,} tracks; {SOURCE.factors} factors, "
        f"{SOURCE.iterations} rounds, {cores()} threads; the median of {turns} turns.",
        "",
        "| measurement | ours | bare implicit | limit | met |",
        "|---|---|---|---|---|",
        f"| plays to factors | {ours['seconds']:.1f} s | {bare['seconds']:.1f} s, ratio {ratio:.2f} | {MOST_RATIO} |"
        f" {'yes' if ratio <= MOST_RATIO else 'no'} |",
        f"| peak memory | {ours['peak_mb']:.0f} MB | {bare['peak_mb']:.0f} MB | {MOST_MB:,} MB |"
        f" {'yes' if ours['peak_mb'] <= MOST_MB else 'no'} |",
    ]


def table(scores: Sequence[Score]) -> list[str]:
    """A line per model: its metrics with intervals, and how often the recall of the most popular."""
    columns = (*METRICS, f"recall_at_20_over_{OVER}")
    found = {(score.model, score.metric): f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" for score in scores}
    models = dict.fromkeys(score.model for score in scores)
    return [
        f"| model | {' | '.join(columns)} |",
        "|---" * (len(columns) + 1) + "|",
        *(f"| {model} | {' | '.join(found.get((model, metric), '') for metric in columns)} |" for model in models),
    ]


def judged(title: str, folds: Iterable[HeldOut]) -> list[str]:
    """The table of one split."""
    scores, _ = compare_factors(folds, {**FACTORS, **RANKS}, threads=cores())
    return [f"### {title}", "", f"{scores[0].groups:,} listeners judged.", "", *table(scores), ""] if scores else []


def section() -> list[str]:
    """The markdown lines of the section."""
    lines = [
        *speed(),
        "",
        "90 % intervals by a bootstrap over listeners (and seeds), the same draws for all models.",
        "",
    ]
    plays, _ = track_plays(STUDY, build_catalogue(STUDY), 90, STUDY_LISTENERS)
    study = f"Held-out pairs of {STUDY_LISTENERS:,} listeners of a label of seed {STUDY.seed}, scale {STUDY.scale:g}"
    lines += judged(study, (hold_out_pairs(plays, seed) for seed in SEEDS))
    if folder := hetrec_folder():
        real = read_plays(folder / "user_artists.dat")
        lines += judged("Held-out pairs of Last.fm HetRec 2011", (hold_out_pairs(real, seed) for seed in SEEDS))
    lake = Platform(Settings()).lake
    if lake.version(PLAYS) is not None:
        with lake.connect(PLAYS, TRACK_ARTISTS) as connection:
            everything = read_track_plays(connection).plays
            before, later = read_later_plays(connection)
        lines += judged("Held-out pairs of the demo", (hold_out_pairs(everything, seed) for seed in SEEDS))
        lines += judged("The demo's last 28 days", [HeldOut(before.plays, later)])
    return lines


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2])
