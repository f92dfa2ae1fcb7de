"""Judging what places cold tracks by their sound, and making the taste model from the best of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.features import shape_of
from analytics_platform.modelling.evaluation import Score
from analytics_platform.modelling.splits import Split
from analytics_platform.taste.aims import Aims
from analytics_platform.taste.cold import (
    BASELINES,
    OVER,
    ColdFold,
    SplitName,
    TooFewTracksError,
    cold_folds,
    cold_splits,
    dummies,
    judge,
    scorer_of,
)
from analytics_platform.taste.factors import Wmf, fit_factors, unit
from analytics_platform.taste.families import FAMILIES, TasteFamily
from analytics_platform.taste.ranking import Metrics, ranking_scores
from analytics_platform.taste.reading import TasteData
from analytics_platform.taste.semi_cold import fit_semi_cold, history_of
from analytics_platform.taste.shipped import FAMILY, Taste

if TYPE_CHECKING:
    from analytics_platform.modelling.training_plan import History
    from analytics_platform.taste.predictors import FittedTaste

Say = Callable[[str], None]
FORMAT = 1
"""Of what a version holds; another number, another version of the same data."""
SPLITS: tuple[SplitName, ...] = ("artists", "new tracks")
SEMI_COLD = "_with_artist"
"""Ends the name of a model that also knows the artist's other tracks."""


@dataclass(slots=True)
class Judgement:
    """How models placed cold tracks."""

    scores: dict[SplitName, list[Score]] = field(default_factory=dict)
    cosines: dict[str, list[float]] = field(default_factory=dict)
    """Of each fold: a model's mean cosine with the true factors on the validation rows of unknown artists."""
    notes: dict[str, str] = field(default_factory=dict)
    histories: Mapping[str, History] = field(default_factory=dict)
    fitted: FittedTaste | None = None
    """Of the last fold and model."""

    @property
    def direction(self) -> dict[str, float]:
        """The mean of these, by model."""
        return {name: float(np.mean(values)) for name, values in self.cosines.items()}

    def score(self, split: SplitName, model: str, metric: str) -> Score:
        """One of the scores; ``StopIteration`` if there is none."""
        return next(one for one in self.scores[split] if (one.model, one.metric) == (model, metric))


SPACE = Wmf(factors=40)
"""Of the sources: fewer factors than rank known tracks best, but sound tells no more of them."""

FURTHER = Wmf(factors=80)
"""A finer space of the same plays, for nets that predict several sets of factors at once."""


@dataclass(frozen=True, slots=True)
class How:
    """What is spent on a comparison."""

    wmf: Wmf = SPACE
    seeds: int = 1
    folds: int | None = None
    """The first so many of five; None: all."""
    epochs: int | None = None
    """At most; None: as many as the family's recipe."""
    device: str = "cpu"
    threads: int = 1
    further: Wmf | None = None
    """A second factorisation, for nets that predict several sets of factors."""


def is_possible(family: TasteFamily, data: TasteData) -> bool:
    """Whether the tracks have what a family hears."""
    return data.sound.pooled is not None or "embeddings" not in family.needs


def numbers(data: TasteData) -> list[str]:
    """Families that learn from numbers of whole clips: trained whenever plays change."""
    return [name for name, family in FAMILIES.items() if family.kind == "columns" and is_possible(family, data)]


def judge_families(data: TasteData, names: Sequence[str], how: How, folder: Path, say: Say) -> Judgement:
    """Hide tracks, learn the rest, place the hidden ones; for each family, beside dummies and the true factors.

    Args:
        data: tracks with plays and sound.
        names: of families.
        how: seeds, folds and so on.
        folder: of the checkpoints of nets.
        say: told of progress.

    Raises:
        TooFewTracksError: there are too few tracks or artists, or nobody plays both known and hidden ones.
    """
    judgement = Judgement()
    for split_name in SPLITS:
        metrics: list[Mapping[str, Metrics]] = []
        for seed in range(how.seeds):
            for fold in cold_folds(data, split_name, seed, how.wmf, folds=how.folds, threads=how.threads):
                scorers = dummies(data, fold, how.wmf)
                for name in names:
                    placed = _place(data, fold, FAMILIES[name], how, folder, say, judgement)
                    scorers |= {model: scorer_of(fold, factors) for model, factors in placed.items()}
                metrics.append(judge(fold, scorers))
                say(
                    f"{split_name}: seed {seed}, fold {fold.split.fold + 1}: {len(scorers)} ways to place hidden tracks"
                )
        judgement.scores[split_name] = ranking_scores(metrics, over=OVER[split_name], baselines=sorted(BASELINES))
        if not judgement.scores[split_name]:
            raise TooFewTracksError(f"no listener plays both known and hidden tracks, split by {split_name}")
    return judgement


def _place(
    data: TasteData, fold: ColdFold, family: TasteFamily, how: How, folder: Path, say: Say, judgement: Judgement
) -> dict[str, NDArray[np.float32]]:
    """(k, d) of the hidden tracks by one family, and with what is known of the artist where something is."""
    from analytics_platform.taste.predictors import fit_taste

    split = fold.split
    fitted = fit_taste(
        family,
        data.sound,
        aims_of(data, fold, how),
        split.train,
        split.validation,
        seed=fold.seed,
        device=how.device,
        epochs=how.epochs,
        folder=folder / f"{fold.split_name.replace(' ', '_')}-{fold.seed}-{split.fold}",
        say=say,
        mixed_precision=True,
    )
    judgement.fitted, judgement.histories = fitted, fitted.histories
    if fitted.departures:
        judgement.notes[family.name] = "; ".join(fitted.departures)
    validation, hidden = (fitted.predict(data.sound, rows) for rows in (split.validation, split.test))
    if fold.split_name == "artists":
        cosine = (unit(validation) * unit(fold.factors[split.validation])).sum(axis=1)
        judgement.cosines.setdefault(family.name, []).append(float(cosine.mean()))
        return {family.name: hidden}
    known = np.concatenate((split.train, split.validation))
    histories = [history_of(fold.factors, data.artists, known, rows) for rows in (split.validation, split.test)]
    prior = fit_semi_cold(validation, histories[0], fold.factors[split.validation])
    return {family.name: hidden, f"{family.name}{SEMI_COLD}": prior.place(hidden, histories[1])}


def aims_of(data: TasteData, fold: ColdFold, how: How) -> Aims:
    """What may be learnt of the tracks of a fold: nothing of the hidden ones."""
    known = ~np.isnan(fold.factors[:, 0])
    further: tuple[NDArray[np.float32], ...] = ()
    plays = data.heard.plays
    if how.further is not None:
        more = np.full((len(known), how.further.factors), np.nan, dtype=np.float32)
        more[known] = fit_factors(
            plays[:, np.flatnonzero(known)], how.further, seed=fold.seed, threads=how.threads
        ).tracks
        further = (more,)
    return Aims(fold.factors, further, plays, fold.listeners, how.wmf)


def make_taste(
    data: TasteData, judgement: Judgement, how: How, version: str, inputs: Mapping[str, int | None], say: Say
) -> Taste:
    """The model that pointed best on the validation rows, learnt anew with the factors of all plays.

    What it says of each track as if the artist, or the track, were unknown is kept with it: ranges are measured on
    that. The factors themselves come from all plays; only the predictor has not heard the track.
    """
    from analytics_platform.taste.predictors import fit_taste

    direction = judgement.direction
    winner = max(direction, key=lambda name: direction[name])
    factors = fit_factors(data.plays.plays, how.wmf, seed=0, threads=how.threads).tracks
    heard = factors[data.rows]
    aims = Aims(heard)
    folder = Path()

    def fit(split: Split) -> FittedTaste:
        return fit_taste(
            FAMILIES[winner], data.sound, aims, split.train, split.validation,
            seed=0, device="cpu", epochs=None, folder=folder, say=say,
        )  # fmt: skip

    unheard: dict[SplitName, NDArray[np.float32]] = {}
    for name in SPLITS:
        unheard[name] = np.zeros_like(heard)
        for split in cold_splits(data, name, 0):
            fitted = fit(split)
            unheard[name][split.test] = unit(fitted.predict(data.sound, split.test))
    last = cold_splits(data, "new tracks", 0)[0]
    every = Split(last.name, 0, np.sort(np.concatenate((last.train, last.test))), last.validation, last.test[:0], 0)
    predictor = fit(every)
    recall = judgement.score("artists", winner, "recall_at_20")
    by_chance = judgement.score("artists", "random", "recall_at_20")
    info = {
        "model": winner,
        "tracks": len(data.plays.isrcs),
        "heard_tracks": len(data.rows),
        "artists": len(np.unique(data.artists)),
        "listeners": shape_of(data.plays.plays)[0],
        "factors": int(factors.shape[1]),
        "embeddings": data.sound.net,
        "recall_at_20": [recall.value, recall.low, recall.high],
        "random_recall_at_20": [by_chance.value, by_chance.low, by_chance.high],
        "direction": direction,
        "inputs": dict(inputs),
    }
    return Taste(
        version, data.plays.isrcs, data.plays.artist_ids, factors, data.rows,
        unheard["artists"], unheard["new tracks"], predictor, info,
    )  # fmt: skip


def version_of(data: TasteData) -> str:
    """Name of the version that these plays and sounds give: the same data, the same model."""
    digest = hashlib.sha256(f"{FORMAT}|{data.sound.net}".encode())
    plays = data.plays.plays
    for values in (
        data.plays.isrcs,
        data.plays.artist_ids,
        plays.indptr,
        plays.indices,
        plays.data,
        data.rows,
        data.sound.clip_ids,
    ):
        digest.update(np.ascontiguousarray(values).tobytes())
    return f"{FAMILY}-{digest.hexdigest()[:12]}"
