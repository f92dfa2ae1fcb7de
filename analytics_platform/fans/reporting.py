"""From released profiles and listeners to the tables that people read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb

from analytics_platform.fans.anonymity import suppress_moves
from analytics_platform.fans.breakdown import artist_fans, cells_of_trait, one_row_a_move, targets_of
from analytics_platform.fans.estimates import (
    ARRIVAL_ARTISTS,
    Histograms,
    arrivals_now,
    class_thresholds,
    histograms,
)
from analytics_platform.fans.frames import origin, shaped
from analytics_platform.fans.levels import Window
from analytics_platform.fans.releases import Subject
from analytics_platform.fans.segments import (
    earlier_pairs_sql,
    histogram_sql,
    moves_sql,
    pairs_sql,
    segments_sql,
)
from analytics_platform.fans.tables import (
    ARTIST_FANS,
    FAN_MOVES,
    FAN_SEGMENTS_BY,
    FAN_TARGETS,
    LABEL,
    LISTENER_ARTIST_PLAYS,
    LISTENER_SEGMENTS,
    LISTENER_TRAITS,
    PERIODS,
    REPORTS,
)
from analytics_platform.fans.thresholds import segment_names
from analytics_platform.fans.training import Released, subjects, window_of
from analytics_platform.fans.windows import DATED
from analytics_platform.lakehouse.lake import Commit, Lake, StagedFile
from analytics_platform.lakehouse.tables import Table
from analytics_platform.streams.tables import ARTIST_NAMES, LISTENER_ARTIST_DAYS

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.fans.mixture import Mixture

ARTISTS_AT_ONCE = 5_000
"""With five exposure classes and 60 levels their histograms take 24 MB."""

Models = Mapping[tuple[str, int], Released]


def window_before(lake: Lake, subject: Subject) -> Window | None:
    """The window of equal length before a subject's; None if the deliveries don't fill it."""
    window = window_of(subject)
    if window is None:
        return None
    earlier = Window.ending(window.start - timedelta(days=1), subject.window_days)
    with lake.connect(LISTENER_ARTIST_DAYS, only={"vendor": DATED[subject.data_set]}) as connection:
        first = connection.execute("select min(ingest_date) from streams.listener_artist_days").fetchall()[0][0]
    return earlier if first is not None and earlier.start >= first else None


def segment_listeners(lake: Lake, models: Models) -> Commit:
    """Write ``fans.listener_segments``: every pair of this window and of the one before, by released profiles."""
    staged: list[StagedFile] = []
    with lake.writing():
        for subject in subjects(lake):
            released = models.get((subject.data_set, subject.window_days))
            if released is None:
                continue
            only = {"data_set": [subject.data_set], "window_days": [subject.window_days]}
            with lake.connect(LISTENER_ARTIST_PLAYS, only=only) as connection:
                pairs = {"this": (pairs_sql("fans.listener_artist_plays", window_of(subject)), subject.window_end)}
                earlier = window_before(lake, subject)
                if earlier is not None:
                    lake.add_view(connection, LISTENER_ARTIST_DAYS, only={"vendor": DATED[subject.data_set]})
                    pairs["before"] = (earlier_pairs_sql("streams.listener_artist_days", earlier), earlier.end)
                for period, (select, end) in pairs.items():
                    rows = segments_sql(
                        f"({select})",
                        class_thresholds(released.model),
                        segment_names(released.model.mixture.segments),
                        released.stored.version,
                    )
                    ends = f"date '{end}'" if end else "null::date"
                    staged += lake.stage(
                        LISTENER_SEGMENTS,
                        connection,
                        f"select {ends} as window_end, * from ({rows})",
                        {"data_set": subject.data_set, "window_days": subject.window_days, "period": period},
                    )
        return lake.commit(LISTENER_SEGMENTS, staged, replace=())


@dataclass(slots=True)
class Reported:
    """Frames of the tables of one or more subjects, and how many cells were withheld."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: {table.full_name: [] for table in REPORTS})
    suppressed: dict[str, int] = field(default_factory=dict)

    def add(self, table: Table, frame: pl.DataFrame) -> None:
        """Keep a frame for a table."""
        self.frames[table.full_name].append(frame)


def report(
    lake: Lake, models: Models, *, min_listeners: int, min_cell: int, say: Callable[[str], None]
) -> tuple[dict[str, Commit], Reported]:
    """Write the tables of ``marts`` about fans.

    Args:
        lake: where the listeners' segments are.
        models: the released profiles.
        min_listeners: artists with fewer get rows without shares, and no cells.
        min_cell: cells with fewer listeners are suppressed, and others with them.
        say: told in words what is being done.
    """
    import polars as pl

    reported = Reported()
    for subject in subjects(lake):
        released = models.get((subject.data_set, subject.window_days))
        if released is None:
            continue
        say(f"{subject.name}: shares")
        _report_subject(lake, subject, released, min_listeners, min_cell, reported)
    commits: dict[str, Commit] = {}
    for table in REPORTS:
        parts = reported.frames[table.full_name]
        commits[table.full_name] = lake.write_frame(table, pl.concat(parts)) if parts else lake.commit(table, [])
    return commits, reported


def _report_subject(
    lake: Lake, subject: Subject, released: Released, min_listeners: int, min_cell: int, reported: Reported
) -> None:
    """Frames of one subject, some thousand artists at a time: memory does not grow with their number."""
    only = {"data_set": [subject.data_set], "window_days": [subject.window_days]}
    with lake.connect(LISTENER_SEGMENTS, LISTENER_TRAITS, ARTIST_NAMES, only=only) as connection:
        mixtures: dict[str, Mixture] = {}
        for period in PERIODS:
            sample = connection.sql(
                f"""select artist_id from fans.listener_segments where period = '{period}' group by artist_id
                having count(*) >= {min_listeners} order by md5(artist_id) limit {ARRIVAL_ARTISTS}"""
            ).pl()
            connection.register("sample", sample)
            mixtures[period] = arrivals_now(_histograms(connection, _pairs(period, "sample")).listeners, released.model)
        artists = connection.sql(
            "select distinct artist_id from fans.listener_segments where period = 'this' order by artist_id"
        ).pl()
        has_before = window_before(lake, subject) is not None
        for first in range(0, len(artists), ARTISTS_AT_ONCE):
            chosen = artists[first : first + ARTISTS_AT_ONCE]
            part = _Part(connection, subject, released, mixtures, chosen, min_listeners, min_cell, has_before)
            _report_part(part, reported)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some artists of a subject, and what is needed to report on them."""

    connection: duckdb.DuckDBPyConnection
    subject: Subject
    released: Released
    mixtures: Mapping[str, Mixture]
    """By period."""
    artists: pl.DataFrame
    min_listeners: int
    min_cell: int
    has_before: bool


def _pairs(period: str, artists: str) -> str:
    """SQL for the segments of listeners of the artists that the relation ``artists`` names."""
    return (
        f"(select segments.* from fans.listener_segments as segments semi join {artists} using (artist_id)"
        f" where period = '{period}')"
    )


def _histograms(connection: duckdb.DuckDBPyConnection, pairs: str) -> Histograms:
    return histograms(connection.sql(histogram_sql(pairs)).pl())


def _report_part(part: _Part, reported: Reported) -> None:
    import polars as pl

    connection, subject, model = part.connection, part.subject, part.released.model
    made_by = origin(subject, part.released.stored.version)
    names = connection.sql("select artist_id, artist_name from marts.artists").pl()
    connection.register("chosen", part.artists)
    pairs = _pairs("this", "chosen")
    now = _histograms(connection, pairs)
    before = _histograms(connection, _pairs("before", "chosen"))
    counted = connection.sql(
        f"select artist_id, segment_rank, count(*) as listeners_assigned from {pairs} group by all"
    ).pl()
    fans = artist_fans(now, before, model, part.mixtures, part.min_listeners, part.has_before)
    fans = _named(fans.join(counted, on=["artist_id", "segment_rank"], how="left"), names)
    window = window_of(subject)
    reported.add(
        ARTIST_FANS,
        shaped(
            ARTIST_FANS,
            fans.with_columns(pl.col("listeners_assigned").fill_null(0)),
            window_start=window.start if window else None,
            **made_by,
        ),
    )
    known = fans.filter(pl.col("share").is_not_null())
    if subject.data_set != LABEL or not len(known):
        return
    shares = known.select("artist_id", "segment_rank", artist_share="share")
    connection.register("told", known.select("artist_id").unique())
    pairs = _pairs("this", "told")
    artists = _histograms(connection, pairs)
    targets: list[pl.DataFrame] = []
    countries = pl.DataFrame()
    for trait, table in FAN_SEGMENTS_BY.items():
        joined = (
            f"(select pairs.*, coalesce(traits.{trait}, '{'ZZ' if trait == 'country' else 'unknown'}') as {trait}"
            f" from {pairs} as pairs left join fans.listener_traits as traits using (listener_key))"
        )
        cells = histograms(connection.sql(histogram_sql(joined, trait)).pl(), trait)
        frame, wins = cells_of_trait(cells, trait, shares, artists, model, part.mixtures["this"], part.min_cell)
        withheld = int(frame.filter(pl.col("segment_rank") == 1)["is_suppressed"].sum())
        name = f"{subject.name}, {trait}"
        reported.suppressed[name] = reported.suppressed.get(name, 0) + withheld
        reported.add(table, shaped(table, _named(frame, names), **made_by))
        targets.append(wins)
        if trait == "country":
            countries = frame.filter(pl.col("segment_rank") == 1)
    reported.add(FAN_TARGETS, shaped(FAN_TARGETS, _named(targets_of(targets), names), **made_by))
    if len(before.keys):
        moves = connection.sql(moves_sql(pairs, _pairs("before", "told"), "fans.listener_traits")).pl()
        told = suppress_moves(moves, countries, group=["artist_id"], minimum=part.min_cell)
        reported.add(FAN_MOVES, shaped(FAN_MOVES, _named(one_row_a_move(told), names), **made_by))


def _named(frame: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return frame.join(names, on="artist_id", how="left").with_columns(
        pl.coalesce("artist_name", "artist_id").alias("artist_name")
    )
