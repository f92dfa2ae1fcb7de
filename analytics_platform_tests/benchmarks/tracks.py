"""Models of tracks on a sample label of 5,000: what is planted, what models find, and what a leaky split flatters.

``python -m analytics_platform_tests.benchmarks tracks`` brings the studies in ``TRACK_STUDY`` (a folder; by default one
of the system's temporary folders) up to date and rewrites the section of this room. Two cores take an hour or two for
new studies, most of it nets. What was finished is not done again.

Two studies of the same label: clips of 30 s for models on numbers, as in the product; and clips of 10 s for the
pretrained net and for nets that are trained, which would take a night on clips of 30 s.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from analytics_platform.audio.musicnn_weights import fetch_musicnn
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.modelling.evaluation import ALL_SEEDS
from analytics_platform.modelling.scoring import score_binary
from analytics_platform.sample_label.catalogue import Catalogue
from analytics_platform.sample_label.spec import LabelSpec
from analytics_platform.settings import Settings
from analytics_platform.tracks.net_step import NETS, Effort, train_net
from analytics_platform.tracks.reading import read_tracks
from analytics_platform.tracks.tables import MODEL_SCORES, NET_SCORES
from analytics_platform.tracks.training_step import train_tracks
from analytics_platform.tracks.verdicts import CLASS, ORDER, PERCENTILE, SUCCESS
from analytics_platform_tests.benchmarks.track_world import make_world, oracle

TITLE = "Tracks: what models hear in a made-up label"
SPEC = LabelSpec(seed=21, scale=25)
"""No setting of a model was chosen on this label: that was done on seed 5."""
EPOCHS = 30
FIRST = "artists, first fold"
STUDIES = ((30.0, False), (10.0, True))
"""Length of the clips in seconds, and whether nets hear them."""
DEAR = {"hiphop_crnn": 8}
"""Epochs of nets that take minutes for each."""


def section(say: Callable[[str], None] = print) -> list[str]:
    """The section of ``docs/benchmarks.md``."""
    root = Path(os.environ.get("TRACK_STUDY", Path(tempfile.gettempdir()) / "track_study"))
    lines = [
        f"A label of seed {SPEC.seed} and scale {SPEC.scale:g}; target: the percentile of plays in the first 28 days; "
        "90 % intervals by a bootstrap over artists. Made-up audio proves plumbing, not music.",
    ]
    for seconds, embeds in STUDIES:
        settings = Settings(home=root / f"clips of {seconds:g} s")
        if embeds:
            fetch_musicnn(settings.models_root / "pretrained" / "musicnn_msd")
        catalogue = make_world(settings, SPEC, seconds, say, embeds=embeds)
        lake = Lake(settings.lake_root, memory_limit_mb=settings.memory_limit_mb, threads=settings.threads)
        say(train_tracks(lake, settings, say=say).note or "")
        if embeds:
            train_all(lake, settings, list(NETS), say)
        lines += ["", f"### Clips of {seconds:g} s", "", *study(lake, settings, catalogue, with_nets=embeds)]
    return lines


def train_all(lake: Lake, settings: Settings, nets: Sequence[str], say: Callable[[str], None]) -> None:
    """Train the nets that have no scores yet, on the first fold by artists, with one seed."""
    for name in nets:
        if not len(lake.read(NET_SCORES).filter(pl.col("model") == name)):
            learnt = train_net(lake, settings, NETS[name], Effort(epochs=DEAR.get(name, EPOCHS)), device="cpu", say=say)
            say(learnt.note or f"{name}: done")


def study(lake: Lake, settings: Settings, catalogue: Catalogue, *, with_nets: bool) -> Iterator[str]:
    """Tables of one study."""
    data = read_tracks(lake, settings.spectrograms_root, settings.embeddings_root).data
    appeal = oracle(catalogue, data.ids)
    ranks = np.argsort(np.argsort(appeal)) / len(appeal)
    planted = score_binary(
        {"the planted appeal": ranks}, data.outcome > np.median(data.outcome), data.groups, baselines=()
    )
    yield f"{len(data):,} tracks of {len(np.unique(data.artists)):,} artists."
    yield ""
    scores = pl.concat([lake.read(MODEL_SCORES), lake.read(NET_SCORES)]).filter(pl.col("seed") == ALL_SEEDS)
    found = {(s.metric): s for s in planted}
    yield "| unknown artists, 5 × 5 folds | AUC | R² | calibration error | lift at 10 % | right pairs within artists |"
    yield "|---|---|---|---|---|---|"
    auc, lift = found["auc"], found["lift_at_10"]
    yield f"| *the planted appeal itself* | {_range(auc.value, auc.low, auc.high)} | | | {lift.value:.2f} | |"
    for model, baseline in _models(scores, "artists", SUCCESS, "auc"):
        cells = [
            _cell(scores, "artists", task, model, metric)
            for task, metric in (
                (SUCCESS, "auc"),
                (PERCENTILE, "r2"),
                (SUCCESS, "calibration_error"),
                (SUCCESS, "lift_at_10"),
                (ORDER, "right_pairs"),
            )
        ]
        yield f"| {model}{' (dummy)' if baseline else ''} | {' | '.join(cells)} |"
    yield ""
    yield "| how much a split flatters: AUC | by artists | by rows | by time | by artists, above descriptor_ridge |"
    yield "|---|---|---|---|---|"
    for model, baseline in _models(scores, "artists", SUCCESS, "auc"):
        cells = [_cell(scores, split, SUCCESS, model, "auc") for split in ("artists", "rows", "time")]
        cells.append(_cell(scores, "artists", SUCCESS, model, "auc_above_descriptor_ridge"))
        yield f"| {model}{' (dummy)' if baseline else ''} | {' | '.join(cells)} |"
    if not with_nets:
        return
    yield ""
    yield f"Nets, first fold by artists, one seed, at most {EPOCHS} epochs, with the other models on the same tracks:"
    yield ""
    yield "| first fold by artists | AUC | R² | above the ridge on descriptors, AUC | macro-F1 | not as published |"
    yield "|---|---|---|---|---|---|"
    notes = dict(scores.filter(pl.col("note").is_not_null()).select("model", "note").iter_rows())
    for model, baseline in _models(scores, FIRST, CLASS, "macro_f1", by=(SUCCESS, "auc")):
        cells = [
            _cell(scores, FIRST, task, model, metric)
            for task, metric in (
                (SUCCESS, "auc"),
                (PERCENTILE, "r2"),
                (SUCCESS, "auc_above_descriptor_ridge"),
                (CLASS, "macro_f1"),
            )
        ]
        yield f"| {model}{' (dummy)' if baseline else ''} | {' | '.join(cells)} | {notes.get(model, '')} |"
    lossnet = _cell(scores, FIRST, "hitmusicnet_error", "lossnet", "r2")
    yield ""
    yield f"LossNet, of the squared error that HitMusicNet makes: R² {lossnet or 'not trained'}."


def _models(
    scores: pl.DataFrame, split: str, task: str, metric: str, by: tuple[str, str] | None = None
) -> list[tuple[str, bool]]:
    """Models with that metric, the best first, and whether they are dummies."""
    mine = scores.filter((pl.col("split") == split) & (pl.col("task") == task) & (pl.col("metric") == metric))
    order_task, order_metric = by or (task, metric)
    order = scores.filter(
        (pl.col("split") == split) & (pl.col("task") == order_task) & (pl.col("metric") == order_metric)
    ).select("model", order="value")
    mine = mine.join(order, on="model", how="left").sort("order", "value", descending=True, nulls_last=True)
    return list(mine.select("model", "is_baseline").iter_rows())


def _cell(scores: pl.DataFrame, split: str, task: str, model: str, metric: str) -> str:
    row = scores.filter(
        (pl.col("split") == split)
        & (pl.col("task") == task)
        & (pl.col("model") == model)
        & (pl.col("metric") == metric)
    )
    return _range(*row.select("value", "value_low", "value_high").row(0)) if len(row) else ""


def _range(value: float, low: float, high: float) -> str:
    return f"{value:.3f} ({low:.3f} to {high:.3f})".replace("-", "−")
