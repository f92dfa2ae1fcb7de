"""The steps that learn listeners' taste: read the lake, judge, release or refuse, and write their tables."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.modelling.evaluation import Score, score_frame
from analytics_platform.modelling.model_store import forget_models, save_model
from analytics_platform.modelling.splits import FOLDS
from analytics_platform.settings import Settings
from analytics_platform.taste import cold, warm
from analytics_platform.taste.families import FAMILIES
from analytics_platform.taste.reading import READS, read_held_out, read_taste
from analytics_platform.taste.shipped import FAMILY, Taste
from analytics_platform.taste.tables import COLD_SCORES, FACTOR_SCORES, NET_SCORES, RELEASES
from analytics_platform.taste.track_plays import DAYS
from analytics_platform.taste.training import (
    FURTHER,
    SEMI_COLD,
    How,
    Judgement,
    Say,
    judge_families,
    make_taste,
    numbers,
    version_of,
)
from analytics_platform.tracks.verdicts import FIRST_FOLD

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.modelling.training_plan import History

KEPT = 5
"""Versions whose weights stay on disk: plays change every day."""


@dataclass(slots=True)
class Learnt:
    """What a step did."""

    note: str | None = None
    """Why nothing was learnt, or what became of the new version."""
    commits: dict[str, Commit] = field(default_factory=dict)
    scores: dict[str, list[Score]] = field(default_factory=dict)
    """The scores of all seeds, by what was hidden."""
    histories: Mapping[str, History] = field(default_factory=dict)
    row: Mapping[str, object] = field(default_factory=dict)
    """Of ``taste.releases``, if there is a new version."""


def train_taste(lake: Lake, settings: Settings, say: Say) -> Learnt:
    """Factorise the plays, judge what places cold tracks by numbers of their sound, and release the best of it.

    On the same plays and sounds as the newest version nothing is learnt. With too few tracks the tables stay as they
    are and the note says what is missing.
    """
    inputs = {table.full_name: lake.version(table) for table in READS}
    learnt = Learnt()
    data = read_taste(lake, settings.spectrograms_root, settings.embeddings_root)
    version = version_of(data)
    versions = lake.read(RELEASES).sort("release_no")
    if version in versions["version"].tail(1):
        learnt.note = f"{version} stays: plays and sounds are the same."
        return learnt
    how = How(threads=lake.threads)
    try:
        judgement = judge_families(data, numbers(data), how, settings.checkpoints_root, say)
    except cold.TooFewTracksError as error:
        learnt.note = f"No taste was learnt: {error}."
        return learnt
    taste = make_taste(data, judgement, how, version, inputs, say)
    others = versions.filter(versions["version"] != version)
    row = learnt.row = _row(taste, max(versions["release_no"], default=0) + 1)
    if row["status"] == "released":
        taste.save(settings.models_root)
    warm_frame, learnt.scores = _warm_scores(lake, how, version, say)
    learnt.scores |= _by_name(judgement)
    learnt.commits[FACTOR_SCORES.full_name] = lake.write_frame(FACTOR_SCORES, warm_frame)
    learnt.commits[COLD_SCORES.full_name] = lake.write_frame(COLD_SCORES, cold_frame(judgement, version))
    # Last, as it names the version: a kill before it only means that the same is done again.
    added: pl.DataFrame = others.vstack(frame_of(RELEASES, [row]))
    learnt.commits[RELEASES.full_name] = lake.write_frame(RELEASES, added)
    released = added.filter(added["status"] == "released").sort("release_no")["version"]
    forget_models(settings.models_root, FAMILY, set(released.tail(KEPT).to_list()))
    recall, chance = taste.info["recall_at_20"], taste.info["random_recall_at_20"]
    learnt.note = (
        f"{taste.info['model']} was {row['status']} as {version}: of listeners' plays of tracks by artists that it had "
        f"not heard, {recall[0]:.1%} ({recall[1]:.1%} to {recall[2]:.1%}) are among their first 20; by chance "
        f"{chance[0]:.1%}."
    )
    return learnt


def cold_frame(
    judgement: Judgement, version: str, models: Sequence[str] | None = None, folds: int = FOLDS
) -> pl.DataFrame:
    """Rows of a table of scores, of some models or of all; the split says so if not all folds were judged."""
    import polars as pl

    frames = [
        score_frame(
            [score for score in scores if models is None or score.model in models],
            cold.TASK,
            LABEL,
            DAYS,
            version,
            split=name + ("" if folds == FOLDS else f", {FIRST_FOLD}" if folds == 1 else f", {folds} folds"),
            notes=judgement.notes,
        )
        for name, scores in judgement.scores.items()
    ]
    return pl.concat(frames)


def _warm_scores(lake: Lake, how: How, version: str, say: Say) -> tuple[pl.DataFrame, dict[str, list[Score]]]:
    """How well factors rank tracks that they were learnt from, beside other ways to recommend by plays alone."""
    import polars as pl

    frames: list[pl.DataFrame] = []
    found: dict[str, list[Score]] = {}
    for split, folds in read_held_out(lake).items():
        scores, notes = warm.compare_factors(folds, threads=how.threads)
        if scores:
            found[split] = scores
            frames.append(score_frame(scores, warm.TASK, LABEL, DAYS, version, split=split, notes=notes))
        say(f"factors judged by held-out plays, split by {split}")
    return pl.concat(frames) if frames else frame_of(FACTOR_SCORES, []), found


def _by_name(judgement: Judgement) -> dict[str, list[Score]]:
    return {str(name): scores for name, scores in judgement.scores.items()}


def _row(taste: Taste, release_no: int) -> dict[str, object]:
    info = taste.info
    (recall, low, high), (chance, chance_low, chance_high) = info["recall_at_20"], info["random_recall_at_20"]
    return {
        "version": taste.version,
        "release_no": release_no,
        # The intervals of both are of the same draws; that they are apart is more than is asked.
        "status": "released" if low > chance_high else "refused",
        **{name: info[name] for name in ("model", "tracks", "heard_tracks", "artists", "listeners", "factors")},
        "recall_at_20": recall,
        "recall_at_20_low": low,
        "recall_at_20_high": high,
        "random_recall_at_20": chance,
        "random_recall_at_20_low": chance_low,
        "random_recall_at_20_high": chance_high,
    }


def train_taste_net(
    lake: Lake, settings: Settings, name: str, *, folds: int, seeds: int, epochs: int | None, device: str, say: Say
) -> Learnt:
    """Train a family that takes long, judge it on the same folds as the models on numbers, and keep its weights.

    Killed, it goes on where it was.
    """
    import polars as pl

    learnt = Learnt()
    data = read_taste(lake, settings.spectrograms_root, settings.embeddings_root)
    version = version_of(data)
    folder = settings.checkpoints_root / version / name
    further = FURTHER if "further" in FAMILIES[name].needs else None
    how = How(seeds=seeds, folds=folds, epochs=epochs, device=device, threads=lake.threads, further=further)
    try:
        judgement = judge_families(data, [name], how, folder, say)
    except ValueError as error:
        learnt.note = f"{name} was not trained: {error}."
        return learnt
    assert judgement.fitted is not None
    arrays, info = judgement.fitted.save_state()
    effort = f"{folds}x{seeds}" + ("" if epochs is None else f"-{epochs}epochs")
    # A version never changes: another effort is another one.
    save_model(settings.models_root, name, f"{version.split('-')[1]}-{effort}", arrays, {"fitted": info})
    frame = cold_frame(judgement, version, [name, f"{name}{SEMI_COLD}"], folds).with_columns(net=pl.lit(name))
    learnt.commits[NET_SCORES.full_name] = lake.write_frame(NET_SCORES, frame, partition={"net": name})
    learnt.scores, learnt.histories = _by_name(judgement), judgement.histories
    shutil.rmtree(folder, ignore_errors=True)
    return learnt
