"""LossNet on tracks: how far a trained HitMusicNet will be off, from the embeddings alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import FOLDS, IntArray, make_folds
from analytics_platform.modelling.training import Say
from analytics_platform.tracks.families import FAMILIES, InputSize
from analytics_platform.tracks.fitted_net import FittedNet
from analytics_platform.tracks.net_plans import How
from analytics_platform.tracks.net_training import fit_family
from analytics_platform.tracks.track_data import TrackData

HITMUSICNET = "hitmusicnet_auto_a"
"""Whose errors are learnt: the best of its authors."""


def fit_lossnet(
    data: TrackData,
    train: IntArray,
    validation: IntArray,
    *,
    seed: int,
    size: InputSize,
    folder: Path,
    say: Say,
    device: str = "cpu",
    epochs: int | None = None,
) -> FittedNet:
    """Train HitMusicNet on folds of the training part, and LossNet on its errors; see ``fit_net``.

    ``predict`` of what is returned gives the squared error, 0 to 1, that HitMusicNet is expected to make.

    Raises:
        ValueError: as ``fit_net``; or the training part has fewer than three groups.
    """
    how = How(seed, device, epochs)
    errors = unseen_errors(data, train, validation, how, size, folder, say)
    return fit_family(
        replace(data, outcome=errors), train, validation, FAMILIES["lossnet"], "regression", how, size, folder, say
    )


def unseen_errors(
    data: TrackData, train: IntArray, validation: IntArray, how: How, size: InputSize, folder: Path, say: Say
) -> FloatArray:
    """Squared errors (n,) of HitMusicNet on tracks whose groups it has not seen; NaN beyond the two parts.

    Each track of the training part is predicted by the net of the fold that holds it out, and each of the validation
    part by all of them, whose errors are averaged. The blog does not say which errors were learnt; those of tracks
    that a net was trained on would tell what it has memorised.
    """
    groups = data.groups[train]
    errors = np.full(len(data), np.nan)
    errors[validation] = 0
    splits = make_folds(groups, min(FOLDS, len(np.unique(groups))), seed=how.seed)
    for split in splits:
        fitted = fit_family(
            data,
            train[split.train],
            train[split.validation],
            FAMILIES[HITMUSICNET],
            "regression",
            how,
            size,
            folder,
            lambda line, fold=split.fold: say(f"fold {fold + 1}: {line}"),
        )
        held_out = train[split.test]
        errors[held_out] = (fitted.predict(data.sound, held_out) - data.outcome[held_out]) ** 2
        error = fitted.predict(data.sound, validation) - data.outcome[validation]
        errors[validation] += error**2 / len(splits)
    return errors
