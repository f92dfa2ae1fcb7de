"""HitMusicNet on real listens: its nets as published, but for what they hear, beside ridge and boosted trees.

It takes 10 columns or more: its code is a fifth of them, and the last layer on that a third of the code.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analytics_platform.modelling.evaluation import ALL_SEEDS, FloatArray, Score
from analytics_platform.modelling.splits import Split
from analytics_platform.tracks.families import FAMILIES, Family, InputSize
from analytics_platform.tracks.net_training import fit_net
from analytics_platform.tracks.predictors import NUMBERS
from analytics_platform.tracks.protocol import dummies, judge, judged, make_splits
from analytics_platform.tracks.tasks import Task
from analytics_platform.tracks.track_data import TrackData
from analytics_platform.tracks.verdicts import CLASS, PERCENTILE, SUCCESS, verdicts

NETS: tuple[tuple[str, Task], ...] = tuple(
    (f"hitmusicnet_auto_{letter}", task)
    for task, letters in (("regression", "abcd"), ("three-class", "abc"))
    for letter in letters
)
"""The authors ran no classification with variant D."""
SHOWN = ((PERCENTILE, "r2"), (SUCCESS, "auc"), (CLASS, "macro_f1"), (CLASS, "accuracy"))


def net_scores(data: TrackData, split: Split, family: Family, task: Task, seed: int, folder: Path) -> FloatArray:
    """Scores (n,), or chances (n, 3), of the validation and test rows by a net that was trained as published."""
    assert data.sound.low_level is not None
    size = InputSize(features=data.sound.low_level.shape[1])
    fitted = fit_net(
        data, split.train, split.validation, family, task,
        seed=seed, size=size, folder=folder, say=lambda line: None,
    )  # fmt: skip
    rows = np.concatenate((split.validation, split.test))
    found = fitted.predict(data.sound, rows)
    scores = np.full((len(data), *found.shape[1:]), np.nan)
    scores[rows] = found
    return scores


def compare_nets(data: TrackData, nets: Sequence[tuple[str, Task]] = NETS) -> dict[str, dict[tuple[str, str], Score]]:
    """Scores by model over five folds by days of upload, one seed: by (task, metric), as in ``verdicts``."""
    splits = make_splits(data, "artists", 0)
    majority = dummies()[0]
    found = {majority.name: [judge(data, majority, split, 0) for split in splits]}
    for split in splits:
        for name in ("descriptor_ridge", "descriptor_boosting"):
            fitted = NUMBERS[name].fit(data, split.train, split.validation, seed=0)
            scores = fitted.predict(data.sound, np.arange(len(data)))
            found.setdefault(name, []).append(judged(data, scores, split, 0))
        with tempfile.TemporaryDirectory() as folder:
            for name, task in nets:
                scores = net_scores(data, split, FAMILIES[name], task, 0, Path(folder))
                found.setdefault(f"{name}, {task}", []).append(judged(data, scores, split, 0))
    table: dict[str, dict[tuple[str, str], Score]] = {name: {} for name in found}
    for verdict in verdicts(data, found, "artists", {majority.name}):
        if verdict.seed == ALL_SEEDS:
            for score in verdict.scores:
                table[score.model][verdict.task, score.metric] = score
    return table
