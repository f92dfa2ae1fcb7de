"""A label's plays, releases and catalogues as rows in a lake, and what the SQL models make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from analytics_platform.catalogue.tables import POPULARITY_SNAPSHOTS
from analytics_platform.catalogue.tables import TRACKS as CATALOGUE_TRACKS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.sql_models import SqlModel, load_sql_models
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.build import SQL_ROOT, TABLES
from analytics_platform.orchestration.metadata import versions
from analytics_platform.orchestration.sql_assets import run_model
from analytics_platform.streams.tables import ARTIST_GENRES, PLAYS, RELEASE_DATES, TRACK_ARTISTS
from analytics_platform.tracks.tables import OUTCOMES, RELEASES

Row = dict[str, object]
FIRST = date(2026, 1, 1)
"""First day of delivery."""


@cache
def _models() -> dict[str, SqlModel]:
    return {model.table.full_name: model for model in load_sql_models(SQL_ROOT, TABLES)}


@dataclass
class Label:
    """Rows of the tables that outcomes are made of."""

    rows: dict[Table, list[Row]] = field(default_factory=dict)

    def add(self, table: Table, **row: object) -> None:
        self.rows.setdefault(table, []).append(row)

    def track(
        self,
        isrc: str,
        released: date | None = FIRST,
        artist: str = "anna",
        genre: str | None = "pop",
        vendors: tuple[str, ...] = ("spotify",),
    ) -> None:
        """A recording that vendors name; released None: the roster does not say when."""
        for vendor in vendors:
            self.add(
                TRACK_ARTISTS,
                vendor=vendor,
                track_id=f"{vendor} {isrc}",
                isrc=isrc,
                title=isrc,
                artist_id=artist,
                artist_name=artist,
            )
        if genre and not any(row["artist_id"] == artist for row in self.rows.get(ARTIST_GENRES, [])):
            self.add(ARTIST_GENRES, artist_id=artist, genre=genre, genre_rank=1)
            self.add(ARTIST_GENRES, artist_id=artist, genre="other", genre_rank=2)
        if released:
            self.add(RELEASE_DATES, isrc=isrc, release_date=released)

    def play(
        self,
        isrc: str,
        day: date,
        listener: str | None = "l1",
        plays: int = 1,
        vendor: str = "spotify",
        *,
        ingested: date | None = None,
        says_isrc: bool = True,
    ) -> None:
        self.add(
            PLAYS,
            vendor=vendor,
            ingest_date=ingested or day,
            delivery_id="0" * 64,
            line=len(self.rows.get(PLAYS, [])) + 1,
            listener_key=listener,
            key_version=1,
            track_id=f"{vendor} {isrc}",
            isrc=isrc if says_isrc else None,
            play_date=day,
            plays=plays,
        )

    def cover(self, first: date, last: date, vendor: str = "spotify") -> None:
        """Have the vendor deliver from the first to the last day, of a recording that is not the label's."""
        for day in (first, last):
            self.play("ZZZZZ0000000", day, vendor=vendor)

    def snapshot(self, isrc: str, day: date, value: float, source: str, measure: str) -> None:
        self.add(
            POPULARITY_SNAPSHOTS,
            observed_on=day,
            source=source,
            measure=measure,
            subject="track",
            source_id=f"{isrc} {day}",
            isrc=isrc,
            value=value,
            percentile=0.5,
            observed_at=datetime(2026, 6, 1),
        )

    def listed(self, isrc: str, released: date, source: str = "deezer") -> None:
        """A catalogue's own date."""
        self.add(
            CATALOGUE_TRACKS,
            source=source,
            source_track_id=f"{isrc} {released}",
            isrc=isrc,
            release_date=released,
            fetched_at=datetime(2026, 6, 1),
        )

    def write(self, folder: Path) -> Lake:
        """A lake with these rows and with what SQL makes of them."""
        lake = Lake(folder, memory_limit_mb=512, threads=1)
        for table, rows in self.rows.items():
            lake.write_frame(table, frame_of(table, rows))
        for table in (RELEASES, OUTCOMES):
            model = _models()[table.full_name]
            run_model(lake, model, None, versions(lake, model.depends_on))
        return lake

    def outcomes(self, folder: Path) -> pl.DataFrame:
        return self.write(folder).read(OUTCOMES)


def later(days: int, first: date = FIRST) -> date:
    return first + timedelta(days)
