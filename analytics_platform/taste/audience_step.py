"""Bring ``marts.track_audience`` and its scores up to date, from the lake and the model of taste in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.tables import ARTIST_CLUSTERS, SIMILAR_ARTISTS
from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.modelling.evaluation import score_frame
from analytics_platform.streams.feeds import LABEL_VENDORS
from analytics_platform.streams.tables import ARTIST_COUNTRY_DAYS, ARTIST_GENRES, ARTIST_NAMES, CLOSED_MARKETS
from analytics_platform.taste.audience import SIMILAR, expect, fit_audience
from analytics_platform.taste.audience_data import COUNTRY, Files, FloatArray, Released, closed_cells, released_tracks
from analytics_platform.taste.audience_rows import Origin, audience_frame
from analytics_platform.taste.audience_scores import TASK, Truth, score_audiences
from analytics_platform.taste.audience_tables import AUDIENCE_SCORES, RELEASED_AUDIENCE, TRACK_AUDIENCE
from analytics_platform.tracks.score_tables import TRACK_SCORES
from analytics_platform.tracks.tables import OUTCOMES

if TYPE_CHECKING:
    import polars as pl

READS = (
    RELEASED_AUDIENCE, TRACK_SCORES, OUTCOMES, ARTIST_CLUSTERS, SIMILAR_ARTISTS, CLOSED_MARKETS, ARTIST_GENRES,
    ARTIST_NAMES, ARTIST_COUNTRY_DAYS,
)  # fmt: skip
DAYS = 365
"""Of plays that shares are from, as in sql/taste/released_audience.sql."""
NO_SCORES = "No unreleased track has a score yet: put files into unreleased/ and release a model of scores."
NO_PLAYS = "No released track with factors of taste has plays of known countries."


@dataclass(frozen=True, slots=True)
class Taste:
    """What the model of taste in use says of released tracks (T) and of unreleased files."""

    version: str
    isrcs: NDArray[np.str_]
    """(T,)."""
    artist_ids: NDArray[np.str_]
    """(T,)."""
    factors: FloatArray
    """(T, d) from plays, of length 1."""
    by_artists: FloatArray
    """(T, d) from sound, by a model that never heard the artist; NaN for tracks without sound."""
    by_tracks: FloatArray
    """(T, d) from sound, by a model that knows other tracks of the artist; NaN likewise."""
    predicted: Mapping[str, FloatArray]
    """(d,) by clip_id: unreleased files, from sound, by the model in use."""


@dataclass(frozen=True, slots=True)
class Audiences:
    """What a step writes."""

    rows: pl.DataFrame
    """Of ``marts.track_audience``."""
    scores: pl.DataFrame
    """Of ``taste.audience_scores``."""
    note: str = ""
    """Why there is nothing; empty if there is something."""


def find_audiences(
    lake: Lake, taste: Taste, scored: Mapping[str, float], least_listeners: int, *, seed: int = 0
) -> Audiences:
    """The audience of every file that has a score, and how well such audiences are told.

    Args:
        lake: with the tables ``READS``.
        taste: the model in use.
        scored: percentiles that the model of scores in use expected of released tracks without having heard their
            artists, by ISRC (``Shipped.reference``).
        least_listeners: a cell that fewer stand behind is not told.
        seed: of the folds that the scores are from.
    """
    import polars as pl

    files = lake.read(TRACK_SCORES).sort("file")
    nothing = frame_of(TRACK_AUDIENCE, []), frame_of(AUDIENCE_SCORES, [])
    if not len(files):
        return Audiences(*nothing, NO_SCORES)
    target, closed = str(files["target"][0]), lake.read(CLOSED_MARKETS)
    broad = lake.read(ARTIST_CLUSTERS).filter((pl.col("data_set") == LABEL) & (pl.col("resolution") == "broad"))
    released = released_tracks(
        taste.isrcs,
        taste.artist_ids,
        (taste.factors, taste.by_artists, taste.by_tracks),
        lake.read(RELEASED_AUDIENCE),
        lake.read(OUTCOMES).filter(pl.col("target") == target),
        scored,
        broad,
        closed,
    )
    countries = released.places[COUNTRY].ids.tolist()
    if not countries:
        return Audiences(*nothing, NO_PLAYS)
    artist_ids = files["artist_id"].to_list()
    unknown = np.full(taste.factors.shape[1], np.nan)
    new = Files(
        files["file"].to_list(),
        artist_ids,
        np.array([taste.predicted.get(clip, unknown) for clip in files["clip_id"].to_list()], dtype=np.float64),
        files["percentile"].to_numpy().astype(np.float64),
        closed_cells(artist_ids, countries, closed),
    )
    names = dict(lake.read(ARTIST_NAMES).select("artist_id", "artist_name").iter_rows())
    rows = audience_frame(
        expect(fit_audience(released), new),
        new,
        released.places,
        names,
        _origin(lake, target, taste.version, str(files["model_version"][0])),
        least_listeners,
    )
    return Audiences(rows, _score_rows(lake, released, broad, taste.version, target, seed))


def _origin(lake: Lake, target: str, version: str, score_version: str) -> Origin:
    """With the days that the plays are from."""
    with lake.connect(ARTIST_COUNTRY_DAYS, only={"vendor": LABEL_VENDORS}) as connection:
        first, last = connection.sql(
            "select min(play_date), max(play_date) from streams.artist_country_days"
        ).fetchall()[0]
    start = None if first is None else max(first, last - timedelta(days=DAYS - 1))
    return Origin(target, start, last, version, score_version)


def _score_rows(
    lake: Lake, released: Released, clusters: pl.DataFrame, version: str, target: str, seed: int
) -> pl.DataFrame:
    """Rows of ``taste.audience_scores``."""
    import polars as pl

    near = lake.read(SIMILAR_ARTISTS).filter((pl.col("data_set") == LABEL) & (pl.col("neighbour_rank") <= SIMILAR))
    neighbours: dict[str, list[str]] = {}
    for artist, other in near.sort("artist_id", "neighbour_rank").select("artist_id", "similar_artist_id").iter_rows():
        neighbours.setdefault(artist, []).append(other)
    known = clusters.filter(pl.col("cluster_id").is_not_null())
    truth = Truth(
        {artist: str(cluster) for artist, cluster in known.select("artist_id", "cluster_id").iter_rows()},
        dict(lake.read(ARTIST_GENRES).filter(pl.col("genre_rank") == 1).select("artist_id", "genre").iter_rows()),
        neighbours,
    )
    days = [part for part in target.split("_") if part.isdigit()]
    frames = [
        score_frame(scores, TASK, LABEL, int(days[0]) if days else 0, version, target=target, split=split)
        for split, scores in score_audiences(released, truth, seed=seed).items()
    ]
    return pl.concat(frames) if frames else frame_of(AUDIENCE_SCORES, [])
