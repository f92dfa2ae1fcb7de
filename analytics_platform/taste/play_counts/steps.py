"""The steps of the study on the label's own plays: a part of the grid, and the scores of baselines and nets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.modelling.training import Say
from analytics_platform.settings import Settings
from analytics_platform.taste.play_counts.grid import runs_of
from analytics_platform.taste.play_counts.reading import read_label_study
from analytics_platform.taste.play_counts.study import ListenerScores, NetChoice, study_play_counts
from analytics_platform.taste.play_counts.sweep import run_sweep
from analytics_platform.taste.play_counts.tables import PLAY_COUNT_RUNS, PLAY_COUNT_SCORES
from analytics_platform.taste.play_counts.variants import VARIANTS

if TYPE_CHECKING:
    import polars as pl

NET_STEPS = 6
"""Pieces of 5 s that nets hear when they are scored, if nothing else is asked: 30 s at a time."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a part."""

    note: str | None = None
    rows: pl.DataFrame | None = None
    commit: Commit | None = None


def sweep_part(
    lake: Lake, settings: Settings, part: str, *, whole: bool, epochs: int | None, device: str, say: Say, seed: int = 0
) -> Swept:
    """Train the runs of a part on the label's plays, and write how they did.

    Killed, it goes on after the last finished run. Repeated on the same data, it writes the same rows.

    Args:
        lake: with plays and clips.
        settings: folders.
        part: of ``grid.PARTS``.
        whole: all runs; else those that two cores carry, which may be none.
        epochs: at most; None: the document's 100.
        device: ``cpu``, ``cuda`` …
        say: told of each run.
        seed: of the split and the first weights.
    """
    wanted = runs_of(part, whole=whole)
    if not wanted:
        return Swept("No run of this part is in the subset for two cores: ask for the whole part.")
    folder = settings.checkpoints_root / "play_counts"
    try:
        study = read_label_study(lake, settings, hears={wanted[0].hears}, folder=folder / part)
    except ValueError as error:
        return Swept(f"The nets were not trained: {error}.")
    numbers = [each.number for each in wanted]
    try:
        rows = run_sweep(
            study, numbers, folder=folder / study.version, say=say, epochs=epochs, seed=seed, device=device
        )
    finally:
        (folder / part / "raw.i16").unlink(missing_ok=True)
    return Swept(None, rows, lake.write_frame(PLAY_COUNT_RUNS, rows, partition={"part": part}))


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of the scores."""

    note: str | None
    scores: Sequence[ListenerScores]
    commit: Commit | None


def score_label(
    lake: Lake,
    settings: Settings,
    *,
    seeds: int,
    nets: Sequence[str] = (),
    steps: int = NET_STEPS,
    epochs: int | None = None,
    device: str = "cpu",
    say: Say,
) -> Scored:
    """Score the baselines on the label's plays, by songs that are new and by songs that others play.

    Args:
        lake: with plays and clips.
        settings: folders.
        seeds: splits.
        nets: names of ``variants.VARIANTS`` to be trained and judged beside them, on log-mel pieces.
        steps: pieces of 5 s that they hear at a time, 1 to 24; songs that are shorter are not heard.
        epochs: of the nets, at most; None: the document's 100.
        device: of the nets.
        say: told of each seed and net.
    """
    from analytics_platform.lakehouse.frames import frame_of

    chosen = [NetChoice(VARIANTS[name], "log-mel", steps) for name in nets]
    try:
        study = read_label_study(lake, settings, hears={"log-mel"} if chosen else ())
        studied = study_play_counts(study, nets=chosen, seeds=seeds, epochs=epochs, device=device, say=say)
    except ValueError as error:
        nothing = lake.write_frame(PLAY_COUNT_SCORES, frame_of(PLAY_COUNT_SCORES, ()))
        return Scored(f"Nothing was scored: {error}.", (), nothing)
    return Scored(None, studied.scores, lake.write_frame(PLAY_COUNT_SCORES, studied.frame()))
