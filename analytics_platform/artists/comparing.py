"""Bring the audience tables up to date: neighbours, links, clusters with stable ids, and how stable all that is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists import frames
from analytics_platform.artists.clusters import find_clusters
from analytics_platform.artists.compare_clusters import compare_clusters
from analytics_platform.artists.compare_neighbours import compare_neighbours
from analytics_platform.artists.graph import NEIGHBOURS, knn_graph, knn_shared, top_links
from analytics_platform.artists.history import History, Labelled, next_run
from analytics_platform.artists.listening import Listening, read_listening
from analytics_platform.artists.mapping import artist_map
from analytics_platform.artists.names import cluster_names
from analytics_platform.artists.neighbours import find_neighbours, shared_listeners
from analytics_platform.artists.tables import (
    ARTIST_CLUSTER_HISTORY,
    ARTIST_CLUSTERS,
    ARTIST_LINKS,
    AUDIENCE_SCORES,
    AUDIENCES,
    CLUSTER_MEMBERS,
    RESOLUTIONS,
    SIMILAR_ARTISTS,
)
from analytics_platform.fans.releases import Subject, version_name
from analytics_platform.fans.tables import LISTENER_ARTIST_PLAYS
from analytics_platform.fans.training import subjects
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.modelling.evaluation import Score, score_frame
from analytics_platform.modelling.model_store import forget_models, save_model
from analytics_platform.streams.tables import ARTIST_GENRES, ARTIST_NAMES

if TYPE_CHECKING:
    import polars as pl

MODEL = "artist_audiences"
LEAST_ARTISTS = 2
RESAMPLES = 3
"""Times that clusters are made anew to see how stable they are: the document's clusters take most of the step."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of artists beside plays."""

    names: dict[str, str]
    genres: pl.DataFrame
    """artist_id, genre, genre_rank."""


@dataclass(slots=True)
class Compared:
    """What the step found, for the page."""

    commits: dict[str, Commit] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Why a data set has no neighbours, by data set."""
    scores: dict[str, list[Score]] = field(default_factory=dict)
    churn: dict[str, float] = field(default_factory=dict)
    """Share of artists whose cluster id changed, by data set and resolution."""
    maps: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Rows of marts.artist_clusters, broad, by data set."""


def longest(found: Iterable[Subject]) -> list[Subject]:
    """The longest window of each data set: the more plays, the surer who resembles whom."""
    best: dict[str, Subject] = {}
    for subject in found:
        if subject.data_set not in best or subject.window_days > best[subject.data_set].window_days:
            best[subject.data_set] = subject
    return list(best.values())


def compare_artists(lake: Lake, models: Path, *, least_listeners: int, say: Say) -> Compared:
    """Compare the audiences of all artists of every data set, over its longest window.

    Args:
        lake: where the plays are and the tables go.
        models: folder of the model store.
        least_listeners: artists with fewer have no vector; a smaller number of shared listeners is not published.
        say: told in words what is being done.
    """
    import polars as pl

    known = Known(
        dict(lake.read(ARTIST_NAMES).select("artist_id", "artist_name").iter_rows()),
        lake.read(ARTIST_GENRES),
    )
    history = History(lake.read(ARTIST_CLUSTER_HISTORY), lake.read(CLUSTER_MEMBERS))
    compared = Compared()
    parts: dict[str, list[pl.DataFrame]] = {table.full_name: [] for table in AUDIENCES}
    versions: set[str] = set()
    found = longest(subjects(lake))
    for data_set in sorted(history.data_sets() - {subject.data_set for subject in found}):
        # It may come back, and an id is never given twice.
        for name, frame in history.rows_of(data_set).items():
            parts[name].append(frame)
    for subject in found:
        only = {"data_set": [subject.data_set], "window_days": [subject.window_days]}
        with lake.connect(LISTENER_ARTIST_PLAYS, only=only) as connection:
            listening = read_listening(connection, LISTENER_ARTIST_PLAYS.full_name, least_listeners)
        artists = f"{len(listening.artist_ids)} artists with at least {least_listeners} listeners"
        say(f"{subject.name}: {artists}, {listening.plays.nnz} pairs")
        if len(listening.artist_ids) < LEAST_ARTISTS:
            compared.skipped[subject.data_set] = f"{artists}: nobody to compare with"
        version = version_of(subject, listening)
        versions.add(version)
        rows = _compare(lake, models, subject, listening, version, history, known, least_listeners, compared, say)
        common = {
            "data_set": pl.lit(subject.data_set),
            "window_days": pl.lit(subject.window_days),
            "window_end": pl.lit(subject.window_end, dtype=pl.Date),
        }
        for name, frame in rows.items():
            missing = {column: value for column, value in common.items() if column not in frame.columns}
            parts[name].append(frame.with_columns(**missing))
    for table in AUDIENCES:
        filled = [frame for frame in parts[table.full_name] if len(frame)]
        compared.commits[table.full_name] = (
            lake.write_frame(table, pl.concat(filled, how="diagonal_relaxed")) if filled else lake.commit(table, [])
        )
    forget_models(models, MODEL, versions)
    return compared


def version_of(subject: Subject, listening: Listening) -> str:
    """Names a version by the plays that it was made from."""
    digest = hashlib.sha256("\n".join(listening.artist_ids.tolist()).encode())
    for array in (listening.plays.indptr, listening.plays.indices, listening.plays.data):
        digest.update(np.ascontiguousarray(array).data)
    return version_name(subject, digest.hexdigest())


def _compare(
    lake: Lake,
    models: Path,
    subject: Subject,
    listening: Listening,
    version: str,
    history: History,
    known: Known,
    least: int,
    compared: Compared,
    say: Say,
) -> dict[str, pl.DataFrame]:
    """The rows of one data set, by table."""
    import polars as pl

    def tell(text: str) -> None:
        say(f"{subject.name}: {text}")

    ids, plays, threads = listening.artist_ids, listening.plays, lake.threads
    names = frames.Names(ids, known.names, least)
    if len(ids) < LEAST_ARTISTS:
        alone = {ARTIST_CLUSTERS.full_name: frames.without_clusters(listening, names, version)}
        return alone | history.rows_of(subject.data_set)
    vectors, neighbours = find_neighbours(plays, threads=threads, progress=tell)
    links = top_links(plays, NEIGHBOURS)
    graph = knn_graph(links)
    genres = frames.genres_by_row(known.genres, ids)
    run = next_run(history, subject.data_set, version)
    found = find_clusters(plays, links, previous=run.start(ids), progress=tell)
    labelled: dict[str, Labelled] = {}
    for resolution in RESOLUTIONS:
        shown = cluster_names(graph, found[resolution].label, names.all(), genres if len(genres) else None)
        labelled[resolution] = run.identify(resolution, ids, found[resolution], shown)
        churn = labelled[resolution].identities.churn
        if churn is not None:
            compared.churn[f"{subject.data_set}, {resolution}"] = churn
    tell("map of artists")
    places = artist_map(vectors, listening.listeners)
    tell("how stable neighbours and clusters are")
    scores = {
        "artist_neighbours": compare_neighbours(plays, frames.main_genres(known.genres, ids), threads=threads),
        "artist_clusters": compare_clusters(plays, resamples=RESAMPLES),
    }
    compared.scores[subject.data_set] = [score for group in scores.values() for score in group]
    _save(models, subject, version, ids, vectors, scores)
    clusters = frames.cluster_frame(listening, names, found, labelled, places, version)
    compared.maps[subject.data_set] = clusters.filter(pl.col("resolution") == "broad")
    shared = shared_listeners(plays, neighbours.rows, threads=threads)
    return {
        SIMILAR_ARTISTS.full_name: frames.similar_frame(names, neighbours, shared, version),
        ARTIST_LINKS.full_name: frames.link_frame(names, graph, knn_shared(links), version),
        ARTIST_CLUSTERS.full_name: clusters,
        ARTIST_CLUSTER_HISTORY.full_name: run.history_rows(subject, labelled, version),
        CLUSTER_MEMBERS.full_name: run.member_rows(subject, labelled, ids, version),
        AUDIENCE_SCORES.full_name: pl.concat(
            score_frame(group, task, subject.data_set, subject.window_days, version) for task, group in scores.items()
        ),
    }


def _save(
    models: Path,
    subject: Subject,
    version: str,
    ids: NDArray[np.str_],
    vectors: NDArray[np.float32],
    scores: dict[str, list[Score]],
) -> None:
    info: dict[str, Any] = {
        "data_set": subject.data_set,
        "window_days": subject.window_days,
        "window_end": subject.window_end.isoformat() if subject.window_end else None,
        "features": "BM25 of plays, truncated SVD, rows of length 1",
        "artist_ids": ids.tolist(),
        "scores": {task: [asdict(score) for score in group] for task, group in scores.items()},
    }
    save_model(models, MODEL, version, {"vectors": vectors}, info)
