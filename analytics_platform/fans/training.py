"""Train fan profiles for every data set and window, release or refuse them, and write their tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.compare import compare_models
from analytics_platform.fans.estimates import Histograms, histograms
from analytics_platform.fans.fan_profiles import MIN_ARTISTS, FanProfiles
from analytics_platform.fans.frames import profile_frame, threshold_frame
from analytics_platform.fans.levels import Window
from analytics_platform.fans.releases import (
    MODEL,
    Proposal,
    Subject,
    drift_now,
    from_store,
    is_due,
    propose,
    to_store,
    version_name,
)
from analytics_platform.fans.segments import histogram_sql, pairs_sql
from analytics_platform.fans.tables import FAN_PROFILES, FAN_SCORES, FAN_THRESHOLDS, LISTENER_ARTIST_PLAYS
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.modelling.evaluation import Score, score_frame
from analytics_platform.modelling.model_store import StoredModel, load_model, save_model
from analytics_platform.modelling.tables import RELEASES

if TYPE_CHECKING:
    import polars as pl

TASK = "fan_segments"
READ_ARTISTS = 5_000
"""Artists that a training reads, drawn by a hash of their ids: memory does not grow with the label."""


@dataclass(frozen=True, slots=True)
class Released:
    """The profiles in use for a data set and window."""

    subject: Subject
    """``window_end`` is the last day of the data that they were fitted to."""
    stored: StoredModel
    model: FanProfiles


@dataclass(slots=True)
class Trained:
    """What a training step found, for the page."""

    released: list[Released] = field(default_factory=list)
    drifts: dict[str, float] = field(default_factory=dict)
    """Distance of today's profiles from the released ones, by subject."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why the newest profiles of a subject were refused, until others are released."""
    skipped: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)


def window_of(subject: Subject) -> Window | None:
    """The days of a subject; None if undated."""
    return Window.ending(subject.window_end, subject.window_days) if subject.window_end else None


def subjects(lake: Lake) -> list[Subject]:
    """Data sets and windows that have plays, in a fixed order."""
    with lake.connect(LISTENER_ARTIST_PLAYS) as connection:
        rows = connection.execute(
            "select data_set, window_days, max(window_end) from fans.listener_artist_plays group by 1, 2 order by 1, 2"
        ).fetchall()
    return [Subject(*row) for row in rows]


def train(
    lake: Lake,
    models: Path,
    *,
    min_listeners: int,
    release: bool = False,
    accept_drift: bool = False,
    say: Callable[[str], None],
) -> Trained:
    """Bring ``models.releases``, ``fans.model_scores``, ``marts.fan_profiles`` and ``fan_thresholds`` up to date.

    Args:
        lake: where the plays are and the tables go.
        models: folder of the model store.
        min_listeners: artists with fewer teach nothing.
        release: fit new profiles even where the released ones are not a quarter old.
        accept_drift: release them even if they moved too far.
        say: told in words what is being done.
    """
    import polars as pl

    log = lake.read(RELEASES)
    trained = Trained()
    for subject in subjects(lake):
        data = read_histograms(lake, subject, min_listeners)
        enough = len(data.listeners) >= MIN_ARTISTS
        if not enough:
            trained.skipped[subject.name] = (
                f"{len(data.listeners)} artists with at least {min_listeners} listeners, {MIN_ARTISTS} are needed"
            )
        mine = _releases_of(log, subject)
        current = current_release(mine, models)
        tried_last = mine.row(-1, named=True)["window_end"] if len(mine) else None
        due = current is None or release or is_due(tried_last, subject.window_end)
        if enough and due:
            before = current.model if current else None
            proposal = propose(
                data.listeners,
                before,
                subject.window_days,
                accept_drift=accept_drift,
                progress=lambda text, name=subject.name: say(f"{name}: {text}"),
            )
            row = _keep(models, subject, data.listeners, proposal, len(mine) + 1, say)
            log = log.vstack(pl.DataFrame([row], schema=log.schema))
            mine = _releases_of(log, subject)
            current = current_release(mine, models)
        if current is not None:
            newest = mine.row(-1, named=True)
            if newest["status"] == "refused":
                trained.refused[subject.name] = newest["reason"]
            trained.drifts[subject.name] = drift_now(data.listeners, current.model)
            trained.released.append(current)
    _write(lake, log, trained)
    return trained


def _releases_of(log: pl.DataFrame, subject: Subject) -> pl.DataFrame:
    """Rows of ``models.releases`` of a subject, the newest last."""
    import polars as pl

    mine = (pl.col("data_set") == subject.data_set) & (pl.col("window_days") == subject.window_days)
    return log.filter((pl.col("model") == MODEL) & mine).sort("release_no")


def read_histograms(lake: Lake, subject: Subject, least: int) -> Histograms:
    """Histograms of a subject's artists with at least so many listeners, of ``READ_ARTISTS`` at most."""
    only = {"data_set": [subject.data_set], "window_days": [subject.window_days]}
    with lake.connect(LISTENER_ARTIST_PLAYS, only=only) as connection:
        pairs = pairs_sql("fans.listener_artist_plays", window_of(subject))
        connection.execute(f"create temp table histogram as {histogram_sql(f'({pairs})', least=least)}")
        some = f"select artist_id from histogram group by artist_id order by md5(artist_id) limit {READ_ARTISTS}"
        return histograms(connection.sql(f"from histogram where artist_id in ({some})").pl())


def current_release(log: pl.DataFrame, models: Path) -> Released | None:
    """The newest released version in rows of ``models.releases`` of one subject; None if there is none."""
    import polars as pl

    released = log.filter((pl.col("model") == MODEL) & (pl.col("status") == "released")).sort("release_no")
    if not len(released):
        return None
    row = released.row(-1, named=True)
    stored = load_model(models, MODEL, row["version"])
    subject = Subject(row["data_set"], row["window_days"], row["window_end"])
    return Released(subject, stored, from_store(stored))


def released_models(lake: Lake, models: Path) -> dict[tuple[str, int], Released]:
    """The profiles in use, by data set and window."""
    log = lake.read(RELEASES)
    found = [current_release(part, models) for _, part in log.group_by("data_set", "window_days")]
    return {(r.subject.data_set, r.subject.window_days): r for r in found if r is not None}


def _keep(
    models: Path,
    subject: Subject,
    counts: NDArray[np.int64],
    proposal: Proposal,
    number: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Store a proposal with its scores and baselines; gives its row of ``models.releases``."""
    say(f"{subject.name}: comparing models")
    scores, baselines = compare_models(counts, proposal.model)
    arrays, info = to_store(proposal, subject)
    info |= {"release_no": number, "scores": [asdict(s) for s in scores], "baseline_thresholds": baselines}
    digest = hashlib.sha256(np.ascontiguousarray(counts, dtype=np.int64).tobytes()).hexdigest()
    version = f"{version_name(subject, digest)}-{number}"
    save_model(models, MODEL, version, arrays, info)
    say(f"{subject.name}: {proposal.status}: {proposal.reason}")
    return {
        "model": MODEL,
        "data_set": subject.data_set,
        "window_days": subject.window_days,
        "version": version,
        "release_no": number,
        "status": proposal.status,
        "window_end": subject.window_end,
        "drift": proposal.drift,
        "reason": proposal.reason,
    }


def _write(lake: Lake, log: pl.DataFrame, trained: Trained) -> None:
    """All four tables, whole, from the log of releases and the stored models."""
    import polars as pl

    def frame(table: Table, parts: list[pl.DataFrame]) -> None:
        trained.commits[table.full_name] = (
            lake.write_frame(table, pl.concat(parts), replace=_own(table))
            if parts
            else lake.commit(table, [], replace=_own(table))
        )

    frame(RELEASES, [log] if len(log) else [])
    frame(
        FAN_SCORES,
        [
            score_frame(
                [Score(**score) for score in r.stored.info["scores"]],
                TASK,
                r.subject.data_set,
                r.subject.window_days,
                r.stored.version,
            )
            for r in trained.released
        ],
    )
    frame(FAN_PROFILES, [profile_frame(r.model, r.subject, r.stored.version) for r in trained.released])
    frame(
        FAN_THRESHOLDS,
        [
            threshold_frame(
                {MODEL: r.model.thresholds(), **r.stored.info["baseline_thresholds"]}, r.subject, r.stored.version
            )
            for r in trained.released
        ],
    )


def _own(table: Table) -> Sequence[tuple[str, str, object]]:
    """What of a shared table is ours to replace."""
    return [("model", "=", MODEL)] if table is RELEASES else []
