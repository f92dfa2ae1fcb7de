"""Play counts per listener: the selection and the claims of document 002 on its real counts; its nets on a study.

``python -m analytics_platform_tests.benchmarks play-counts`` measures this and rewrites its section. The counts are
read from the folder that ``TASTE_PROFILE_TOP5`` names, or from ``../shared/data``. The songs of the five have no sound
here: the nets are trained on songs of the sample label, whose listeners' tastes are planted.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from analytics_platform.sample_label.catalogue import build_catalogue
from analytics_platform.sample_label.devoted import SCALE, SECONDS, draw_devoted
from analytics_platform.sample_label.spec import LabelSpec
from analytics_platform.sample_label.studies import render_clips
from analytics_platform.taste.play_counts.baselines import MEAN, Evidence
from analytics_platform.taste.play_counts.grid import SUBSET, Hears, run
from analytics_platform.taste.play_counts.pieces import read_songs
from analytics_platform.taste.play_counts.published import (
    PUBLISHED_BEST,
    PUBLISHED_MEDIANS,
    constant_under_published_splits,
)
from analytics_platform.taste.play_counts.scoring import BELOW_MEAN
from analytics_platform.taste.play_counts.selection import select_plays, shared_plays, summarise
from analytics_platform.taste.play_counts.study import NetChoice, Studied, study_play_counts
from analytics_platform.taste.play_counts.study_data import CountStudy
from analytics_platform.taste.play_counts.sweep import best_runs, run_sweep
from analytics_platform.taste.play_counts.variants import VARIANTS

TITLE = "Play counts per listener"
FOLDER = Path(
    os.environ.get("TASTE_PROFILE_TOP5", Path(__file__).parents[3] / "shared" / "data" / "taste_profile_top5")
)
VARIANT_STEPS = 6
HEARD = tuple(number for number in SUBSET if run(number).hears == "log-mel")
"""Without the five runs on raw samples, each of which is half an hour of a core."""
JUDGED = ("lstm_1", "lstm_2")


def selected(folder: Path = FOLDER) -> pl.DataFrame:
    """The document's selection from the raw triplets of its five listeners."""
    with duckdb.connect() as connection:
        files = str(folder / "top_5_user_records" / "user_*.csv")
        return select_plays(
            connection,
            "select column0 as listener, column1 as song, column2 as plays"
            f" from read_csv('{files}', header = false, columns = "
            "{'column0': 'VARCHAR', 'column1': 'VARCHAR', 'column2': 'BIGINT'})",
        )


def sounding(folder: Path = FOLDER) -> pl.Series:
    """The songs of two or more listeners of which the document had a Spotify id."""
    file = folder / "cleaned_spotify_songs_min_2_users.csv"
    return pl.read_csv(file, separator="|", quote_char=None)["song_id"]


def real_study(rows: pl.DataFrame) -> CountStudy:
    """The document's listeners, without sound."""
    return CountStudy("taste_profile_top5", shared_plays(rows))


def devoted_study(
    folder: Path, *, scale: float = SCALE, seconds: float = SECONDS, hears: Sequence[Hears] = ("raw", "log-mel")
) -> CountStudy:
    """The sample label's devoted listeners, their songs rendered below ``folder``.

    ``sound`` is the mean log-mel of a song; the factors are the planted tastes and qualities, an upper line that no
    model knows.
    """
    spec = LabelSpec(seed=7, scale=scale)
    catalogue = build_catalogue(spec)
    devoted = draw_devoted(spec, catalogue)
    render_clips(spec, catalogue, folder / "songs", seconds)
    with duckdb.connect() as connection:
        connection.register("plays", devoted.frame().to_arrow())
        counts = shared_plays(select_plays(connection, "select * from plays"))
    pieces = read_songs([str(folder / "songs" / f"{song}.flac") for song in counts.songs], folder, hears=hears)
    places = np.searchsorted(np.array(devoted.isrcs), counts.songs)
    # The selection ranks listeners by plays.
    order = [int(np.argmax((devoted.plays[:, places] == plays).all(axis=1))) for plays in counts.plays]
    heard = pieces["log-mel"]
    starts = heard.starts
    sound = np.stack([heard.values[first:last].mean(axis=0) for first, last in pairwise(starts.tolist())])
    evidence = Evidence(
        np.unique(catalogue.track_artists[places], return_inverse=True)[1].astype(np.int64),
        {"log_mel": sound.astype(np.float64)},
        devoted.qualities[places],
        devoted.tastes[order],
    )
    return CountStudy("devoted", counts, pieces, evidence)


def selection_lines(rows: pl.DataFrame, ids: pl.Series) -> list[str]:
    """What the source says of each listener, from the raw triplets."""
    songs = rows.unique("song")
    shared = songs.filter(pl.col("listeners") >= 2)["listeners"].value_counts().sort("listeners")
    counts = ", ".join(f"{count} by {listeners}" for listeners, count in shared.iter_rows())
    lines = [
        f"Selection by SQL from the raw triplets: {len(songs)} songs, {shared['count'].sum()} of two listeners or more"
        f" ({counts}), {len(ids)} of them with a Spotify id.",
        "",
        "| listener | songs | plays | shared songs | their plays | with id | median | mean | most | IQR |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in summarise(rows, ids).iter_rows(named=True):
        cells = [f"{row['listener_rank']}"]
        cells += [str(row[name]) for name in ("songs", "plays", "shared_songs", "shared_plays", "songs_with_sound")]
        cells += [f"{row[name]:.4g}" for name in ("median_plays", "mean_plays", "most_plays", "iqr_plays")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def constant_lines(rows: pl.DataFrame, ids: pl.Series) -> list[str]:
    """The mean predictor under the document's splits beside the document's nets."""
    counts = shared_plays(rows)
    counts = counts.take_songs(np.flatnonzero(np.isin(counts.songs, ids.to_list())))
    lines = [
        "Validation MSE in the document's scale, its splits (a random tenth of the songs with an id), 20,000 draws:",
        "",
        "| listener | the mean, median split | its 48 LSTMs, median | the mean, best of 48 | its LSTMs, best of 48 |",
        "|---|---:|---:|---:|---:|",
    ]
    for listener, plays in enumerate(counts.plays):
        constant = constant_under_published_splits(plays[plays > 0])
        lines.append(
            f"| {listener + 1} | {constant.median:.3f} | {PUBLISHED_MEDIANS[listener]} | {constant.best_of_48:.3f} |"
            f" {PUBLISHED_BEST[listener]} |"
        )
    return lines


def score_lines(studied: Studied) -> list[str]:
    """MSE of each model and whether it beats the listener's mean."""
    lines = [
        "| listener | question | model | MSE (90 %) | below the mean's (90 %) | MAE, plays | Spearman | songs | |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for each in studied.scores:
        verdicts = each.verdicts()
        by_model = {(score.model, score.metric): score for score in each.scores}
        for model in dict.fromkeys(score.model for score in each.scores):
            found = [by_model.get((model, metric)) for metric in ("mse", BELOW_MEAN, "mae", "spearman")]
            cells = ["" if one is None else f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in found[:2]]
            cells += ["" if one is None else f"{one.value:.2f}" for one in found[2:]]
            songs = next(score.groups for score in each.scores if score.model == model)
            words = "" if model == MEAN else verdicts[model]
            cells = [str(each.listener), each.question, model, *cells, str(songs), words]
            lines.append(f"| {' | '.join(cells)} |")
    return [re.sub(r"-(?=\d)", "−", line) for line in lines]


def sweep_lines(rows: pl.DataFrame) -> list[str]:
    """The best run of each listener, and the best configuration for all, chosen by validation."""
    best, universal = best_runs(rows)
    lines = [
        f"{len(rows.drop_nulls('best_mse'))} runs of the grid, {rows['seconds'].sum():.0f} s of training.",
        "",
        "| | listener | input | steps | layers | validation, first → last epoch | best | the mean there | test |"
        " the mean there |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, frame in (("best of the listener", best), ("best for all", universal)):
        for row in frame.iter_rows(named=True):
            lines.append(
                f"| {name} | {row['listener_rank']} | {row['hears']} | {row['steps']} | {row['layers']} |"
                f" {row['first_mse']:.3f} → {row['last_mse']:.3f} | {row['best_mse']:.3f} | {row['mean_mse']:.3f} |"
                f" {_number(row['test_mse'])} | {_number(row['test_mean_mse'])} |"
            )
    return lines


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def section(
    *,
    scale: float = SCALE,
    numbers: Sequence[int] = HEARD,
    variants: Sequence[str] = JUDGED,
    seeds: int = 5,
    epochs: int | None = None,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """The markdown lines; an hour or so of a core. A folder, to go on after a kill.

    ``numbers=SUBSET`` and ``variants=tuple(VARIANTS)`` are all that two cores carry; fewer songs (``scale``), runs,
    seeds and epochs are a look that is soon over.
    """
    lines: list[str] = []
    if FOLDER.exists():
        rows, ids = selected(), sounding()
        lines += [*selection_lines(rows, ids), "", *constant_lines(rows, ids), ""]
        known = study_play_counts(real_study(rows), questions=("known songs",), seeds=seeds, say=say)
        lines += ["The real counts, baselines only; each listener's test songs are known by the others' plays:", ""]
        lines += [*score_lines(known), ""]
    else:
        lines += [f"The real counts are not at {FOLDER.name}: set TASTE_PROFILE_TOP5.", ""]
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        home = Path(name) if folder is None else folder
        study = devoted_study(home, scale=scale)
        lines += [
            f"The study: five devoted listeners of the sample label, {len(study.counts.songs)} songs of"
            f" {SECONDS:.0f} s; rendered and read in {time.perf_counter() - start:.0f} s. Half of the variance of a"
            " listener's log rates is the sound: this shows that all parts work, not what real listeners are like.",
            "",
            *sweep_lines(run_sweep(study, numbers, folder=home / "sweep", say=say, epochs=epochs)),
            "",
        ]
        nets = [NetChoice(VARIANTS[name], "log-mel", VARIANT_STEPS) for name in variants]
        studied = study_play_counts(study, nets=nets, questions=("new songs",), seeds=seeds, epochs=epochs, say=say)
        lines += ["Songs that are new to all; `factors` is the planted taste, which no model knows:", ""]
        lines += score_lines(studied)
    return lines
