"""Audiences by the models in use: what taste and scores say of the files in unreleased/, brought together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings
from analytics_platform.taste.audience_step import Audiences, find_audiences
from analytics_platform.taste.audience_step import Taste as Said
from analytics_platform.taste.audience_tables import AUDIENCE_SCORES, TRACK_AUDIENCE
from analytics_platform.taste.factors import unit
from analytics_platform.taste.hearing import ears_of, hear_scored
from analytics_platform.taste.shipped import NO_MODEL, Taste, taste_in_use
from analytics_platform.tracks.training_step import model_in_use


def audiences_in_use(lake: Lake, settings: Settings, say: Callable[[str], None]) -> Audiences:
    """The audience of every scored file; none, and why, while a model is missing."""
    taste, scores = taste_in_use(lake, settings), model_in_use(lake, settings)
    if taste is None or scores is None:
        note = NO_MODEL if taste is None else "No model scores unreleased tracks yet."
        return Audiences(frame_of(TRACK_AUDIENCE, []), frame_of(AUDIENCE_SCORES, []), note)
    ids, sound = hear_scored(lake, settings, ears_of(taste, settings), say)
    placed = [] if sound is None else list(unit(taste.predictor.predict(sound, np.arange(len(ids)))))
    reference = scores.reference
    return find_audiences(
        lake,
        said_of(taste, dict(zip(ids, placed, strict=True))),
        dict(zip(reference.isrcs.tolist(), reference.predicted.tolist(), strict=True)),
        settings.min_cell_listeners,
    )


def said_of(taste: Taste, predicted: dict[str, np.ndarray]) -> Said:
    """The model in use as ``find_audiences`` takes it: rows of NaN for tracks without sound."""
    unheard = [np.full(taste.factors.shape, np.nan) for _ in range(2)]
    for filled, known in zip(unheard, (taste.by_artists, taste.by_tracks), strict=True):
        filled[taste.rows] = known
    return Said(
        taste.version, taste.isrcs, taste.artist_ids, taste.units.astype(np.float64), unheard[0], unheard[1], predicted
    )
