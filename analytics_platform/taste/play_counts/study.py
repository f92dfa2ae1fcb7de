"""The whole study of some play counts: baselines and nets, beside the mean predictor, for each listener."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.modelling.evaluation import Score, score_frame
from analytics_platform.modelling.training import Say
from analytics_platform.taste.play_counts.baselines import MEAN, MEDIAN, Question, predict_baselines
from analytics_platform.taste.play_counts.grid import Hears
from analytics_platform.taste.play_counts.scoring import score_listener, verdict
from analytics_platform.taste.play_counts.study_data import CountStudy
from analytics_platform.taste.play_counts.targets import FloatArray, Scale, split_songs
from analytics_platform.taste.play_counts.training import How, fit_counts
from analytics_platform.taste.play_counts.variants import EPOCHS, PUBLISHED, Variant

if TYPE_CHECKING:
    import polars as pl

TASK = "play_counts"
SEEDS = 5
QUESTIONS: tuple[Question, ...] = ("new songs", "known songs")
SOURCES = frozenset({MEAN, MEDIAN, *(variant.name for variant in PUBLISHED.values())})
"""Dummies, and the nets of others."""


@dataclass(frozen=True, slots=True)
class NetChoice:
    """A net to be judged beside the baselines."""

    variant: Variant
    hears: Hears
    steps: int

    @property
    def name(self) -> str:
        """As in the scores."""
        return f"{self.variant.name} ({self.hears}, {self.steps} steps)"


@dataclass(frozen=True, slots=True)
class ListenerScores:
    """Scores of all models for a listener, by one question."""

    listener: int
    """1 to L, by plays."""
    question: Question
    scores: Sequence[Score]

    def verdicts(self) -> dict[str, str]:
        """Of each model but the mean predictor: whether it beats that, in words."""
        models = dict.fromkeys(score.model for score in self.scores if score.model != MEAN)
        return {model: verdict(self.scores, model) for model in models}


@dataclass(frozen=True, slots=True)
class Studied:
    """What came of a study."""

    study: CountStudy
    scores: Sequence[ListenerScores]
    notes: dict[str, str]
    """By net: how its training differs from the source's."""

    def frame(self) -> pl.DataFrame:
        """Rows of ``taste.play_count_scores``."""
        import polars as pl

        from analytics_platform.lakehouse.frames import frame_of
        from analytics_platform.taste.play_counts.tables import PLAY_COUNT_SCORES

        parts = [
            score_frame(
                each.scores,
                TASK,
                self.study.data_set,
                0,
                self.study.version,
                target=f"plays of listener {each.listener}",
                split=each.question,
                notes=self.notes,
            )
            for each in self.scores
            if each.scores
        ]
        empty = frame_of(PLAY_COUNT_SCORES, ())
        return pl.concat([empty, *(part.select(empty.columns).cast(empty.schema) for part in parts)])


def study_play_counts(
    study: CountStudy,
    *,
    nets: Sequence[NetChoice] = (),
    questions: Sequence[Question] = QUESTIONS,
    seeds: int = SEEDS,
    epochs: int | None = None,
    device: str = "cpu",
    say: Say,
) -> Studied:
    """Judge baselines and nets by songs that none of them has learnt from.

    Each seed splits the songs anew; a song is in one part only, for all listeners. Baselines learn from nine tenths of
    what is not tested and the nets' validation songs; of nets the best epoch is chosen by the latter. Errors are in
    the document's scale: interquartile ranges of all the listener's plays.

    Args:
        study: what is judged.
        nets: to be trained, one per listener and seed. They hear new songs only.
        questions: whether the other listeners' plays of a song are known.
        seeds: splits.
        epochs: of the nets, at most; None: the document's 100.
        device: of the nets.
        say: told of each seed and net.

    Raises:
        ValueError: fewer than 10 songs, or the study lacks the pieces that a net hears.
    """
    for net in nets:
        if net.hears not in study.pieces:
            raise ValueError(f"the study has no {net.hears} pieces")
    counts = study.counts
    found: dict[Question, list[dict[str, FloatArray]]] = {question: [] for question in questions}
    for seed in range(seeds):
        split = split_songs(len(counts.songs), seed)
        for question in questions:
            predicted = predict_baselines(counts, split, study.evidence, question)
            if question == "new songs":
                for net in nets:
                    predicted[net.name] = _predict_net(study, net, seed, How(seed, device, epochs), say)
            found[question].append(predicted)
        say(f"seed {seed + 1} of {seeds}")
    baselines = SOURCES | {net.name for net in nets if net.variant.name in SOURCES}
    scores: list[ListenerScores] = []
    for question, by_seed in found.items():
        for listener, plays in enumerate(counts.plays):
            own = [{name: values[listener] for name, values in each.items()} for each in by_seed]
            width = Scale.fit(plays[plays > 0]).width
            mine = score_listener(plays, own, width, baselines=baselines)
            scores.append(ListenerScores(listener + 1, question, mine))
    notes: dict[str, str] = {}
    for net in nets:
        differs = ["songs split in three", "the best epoch kept"]
        if net.hears != "raw":
            differs.append("log-mel numbers, not samples")
        if (epochs or EPOCHS) < EPOCHS:
            differs.append(f"{epochs} epochs, not {EPOCHS}")
        notes[net.name] = "; ".join(differs)
    return Studied(study, tuple(scores), notes)


def _predict_net(study: CountStudy, net: NetChoice, seed: int, how: How, say: Say) -> FloatArray:
    """(L, S) plays of test songs; NaN elsewhere, and for listeners for whom it could not be trained."""
    counts = study.counts
    split = split_songs(len(counts.songs), seed)
    predicted = np.full(counts.plays.shape, np.nan)
    for listener, plays in enumerate(counts.plays):
        learnt = split.train[plays[split.train] > 0]
        try:
            scale = Scale.fit(plays[learnt])
            fitted = fit_counts(
                study.pieces[net.hears], net.steps, net.variant, plays, scale, split, how, lambda line: None
            )
        except (ValueError, FloatingPointError) as error:
            say(f"{net.name}, listener {listener + 1}: {error}")
            continue
        predicted[listener, split.test] = fitted.predicted[split.test]
        say(f"{net.name}, seed {seed}, listener {listener + 1}: {fitted.seconds:.1f} s")
    return predicted
