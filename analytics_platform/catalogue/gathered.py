"""What a run of the catalogue did, as its parts write it down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from analytics_platform.lakehouse.frames import timestamp
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.lakehouse.tables import Table

if TYPE_CHECKING:
    import polars as pl


@dataclass(slots=True)
class Gathered:
    """What a run did."""

    commits: dict[str, Commit] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    """Answers of this run, as ``source outcome``."""
    unread: Counter[str] = field(default_factory=Counter)
    """Answers of sources of which a part could not be read, by reason."""
    resume_at: datetime | None = None
    """When the first source may be asked for what is left, UTC; None if nothing is."""

    def go_on(self, at: float) -> None:
        """Something is left that may be asked for then, seconds since 1970."""
        self.resume_at = min(timestamp(at), self.resume_at or timestamp(at))

    def write(self, lake: Lake, table: Table, frame: pl.DataFrame) -> None:
        """Replace a table by the frame."""
        self.commits[table.full_name] = lake.write_frame(table, frame) if len(frame) else lake.commit(table, [])
