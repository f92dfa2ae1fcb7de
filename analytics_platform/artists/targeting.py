"""Bring ``marts.potential_streams`` and its back-test up to date."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.artists.backtest import backtest, range_coverage
from analytics_platform.artists.document_clusters import document_neighbours
from analytics_platform.artists.features import artist_vectors
from analytics_platform.artists.listening import read_listening
from analytics_platform.artists.market_baselines import baseline_scores
from analytics_platform.artists.market_data import (
    NEIGHBOURS,
    market_cells,
    neighbour_frame,
    plays_sql,
    potential_frame,
)
from analytics_platform.artists.markets import Markets, potential
from analytics_platform.artists.neighbours import nearest
from analytics_platform.artists.tables import MARKET_SCORES, POTENTIAL_STREAMS, SIMILAR_ARTISTS
from analytics_platform.fans.levels import Window
from analytics_platform.fans.tables import LABEL
from analytics_platform.fans.windows import DATED
from analytics_platform.lakehouse.lake import Commit, Lake, literal
from analytics_platform.modelling.evaluation import Score, score_frame
from analytics_platform.streams.tables import (
    ARTIST_COUNTRY_DAYS,
    ARTIST_NAMES,
    CLOSED_MARKETS,
    LISTENER_ARTIST_DAYS,
)

if TYPE_CHECKING:
    import polars as pl

TASK = "artist_markets"
MODEL = "market_potential"
"""Our ranking, by z: where to open."""
VOLUME = "market_potential_volume"
"""The same estimate ranked by expected plays: where the plays are, opened or not."""
NO_NEIGHBOURS = "the label has no similar artists yet: materialise marts/similar_artists first"
NO_PLAYS = "no plays in known countries in the window"
NO_PAST = "no plays in known countries before the back-test"
NO_COUNTRY = "no artist has a country to be ranked"


@dataclass(frozen=True, slots=True)
class Targeted:
    """What a step wrote, for the page."""

    commit: Commit
    scores: list[Score] = field(default_factory=list)
    top: list[tuple[str, str, float]] = field(default_factory=list)
    """The countries most often on rank 1: code, name, share of artists."""
    note: str = ""
    """Why there is nothing; empty if there is something."""


def estimate_markets(lake: Lake) -> Targeted:
    """Estimate potential streams of the label's artists, over the window that their neighbours come from."""
    import polars as pl

    only = {"vendor": DATED[LABEL]}
    tables = (SIMILAR_ARTISTS, ARTIST_COUNTRY_DAYS, CLOSED_MARKETS, ARTIST_NAMES)
    with lake.connect(*tables, only=only) as connection:
        mine = f"from marts.similar_artists where data_set = {literal(LABEL)}"
        found = connection.sql(f"select window_days, window_end, min(model_version) {mine} group by all").fetchall()
        if not found:
            return Targeted(lake.commit(POTENTIAL_STREAMS, []), note=NO_NEIGHBOURS)
        days, end, version = found[0]
        window = Window.ending(end, days)
        near = connection.sql(f"select artist_id, neighbour_rank, similar_artist_id, score {mine}").pl()
        plays = connection.sql(plays_sql("streams.artist_country_days", window)).pl()
        closed = connection.sql("select artist_id, country from streams.closed_markets").pl()
        names = dict(connection.sql("select artist_id, artist_name from marts.artists").fetchall())
    if not len(plays):
        return Targeted(lake.commit(POTENTIAL_STREAMS, []), note=NO_PLAYS)
    cells = market_cells(plays, near, closed)
    rows = potential_frame(cells, potential(cells.markets), names).with_columns(
        data_set=pl.lit(LABEL),
        window_days=pl.lit(days),
        window_start=pl.lit(window.start),
        window_end=pl.lit(window.end),
        model_version=pl.lit(version),
    )
    return Targeted(lake.write_frame(POTENTIAL_STREAMS, rows), top=_most_common(rows))


def _most_common(rows: pl.DataFrame) -> list[tuple[str, str, float]]:
    """Countries by share of artists for whom they are rank 1, the five most common."""
    import polars as pl

    first = rows.filter(pl.col("market_rank") == 1)
    counted = first.group_by("country", "country_name").len().sort(["len", "country"], descending=[True, False])
    return [(code, name, n / len(first)) for code, name, n in counted.head(5).iter_rows()]


def backtest_window(window_days: Sequence[int], first: date | None, last: date | None) -> int | None:
    """The longest of the windows of which two lie between two days; None if none does, or there are no days."""
    if first is None or last is None:
        return None
    days = (last - first).days + 1
    return max((window for window in window_days if 2 * window <= days), default=None)


def backtest_markets(lake: Lake, window_days: Sequence[int], least_listeners: int) -> Targeted:
    """Freeze the label's data one window before their end, rank every artist's countries, and score what came.

    Everything is made from the plays until then: neighbours, shares, levels. Two things are of today: the roster's
    excluded territories, as their history is not kept, and plays from before that were delivered late.
    """
    only = {"vendor": DATED[LABEL]}
    with lake.connect(LISTENER_ARTIST_DAYS, ARTIST_COUNTRY_DAYS, CLOSED_MARKETS, only=only) as connection:
        first, last = connection.sql(
            "select min(ingest_date), max(play_date) from streams.artist_country_days"
        ).fetchall()[0]
        length = backtest_window(window_days, first, last)
        if length is None:
            reason = f"a back-test needs deliveries over two windows, at least {2 * min(window_days)} days"
            return Targeted(lake.commit(MARKET_SCORES, []), note=reason)
        after = Window.ending(last, length)
        before = Window.ending(after.start - timedelta(days=1), length)
        days = f"(select * from streams.listener_artist_days where {before.sql()})"
        listening = read_listening(connection, days, least_listeners)
        vectors = artist_vectors(listening.plays, threads=lake.threads)
        near = neighbour_frame(listening.artist_ids, *nearest(vectors, NEIGHBOURS, threads=lake.threads))
        closed = connection.sql("select artist_id, country from streams.closed_markets").pl()
        plays = connection.sql(plays_sql("streams.artist_country_days", before)).pl()
        later = connection.sql(plays_sql("streams.artist_country_days", after)).pl()
    if not len(plays):
        return Targeted(lake.commit(MARKET_SCORES, []), note=NO_PAST)
    cells = market_cells(plays, near, closed)
    if not cells.markets.available.any():
        return Targeted(lake.commit(MARKET_SCORES, []), note=NO_COUNTRY)
    theirs = neighbour_frame(listening.artist_ids, *document_neighbours(listening.plays))
    document = market_cells(plays, theirs, closed).markets
    scores = score_markets(cells.markets, cells.dense(later), document)
    version = f"{LABEL}-{length}d-{before.end:%Y%m%d}"
    return Targeted(lake.write_frame(MARKET_SCORES, score_frame(scores, TASK, LABEL, length, version)), scores)


def score_markets(markets: Markets, after: np.ndarray, document: Markets) -> list[Score]:
    """All rankings side by side on what came after (A, C), and the coverage of our ranges.

    ``document`` has the neighbours of the source document, for its estimate as a whole: the same plays and masks.
    """
    ours = potential(markets)
    baselines = baseline_scores(markets, document)
    mine = {MODEL: ours.z, VOLUME: np.where(np.isfinite(ours.expected), ours.expected, -np.inf)}
    scores = backtest(markets.plays, after, markets.available, mine | baselines, list(baselines))
    if np.count_nonzero(ours.established & np.isfinite(ours.expected)):
        with suppress(ValueError):  # too few established markets to hide some
            scores.append(range_coverage(markets, MODEL))
    return scores
