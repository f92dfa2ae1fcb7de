"""Lakes filled with planted listeners: the tables that fan models read, written directly."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from analytics_platform.fans.tables import LABEL, LISTENER_ARTIST_PLAYS
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.streams.tables import LISTENER_ARTIST_DAYS
from analytics_platform_tests.fans.worlds import PLAYS, plays_chances

END = date(2026, 3, 31)
"""Last day of the window."""
DAYS = 90
KINDS = ("passive", "casual", "diehard")


def planted_pairs(
    artists: int, listeners: int, seed: int = 1, *, end: date = END, mixture: tuple[float, ...] = (1.4, 0.8, 0.5)
) -> pl.DataFrame:
    """Pairs: listener_key, artist_id, plays, first_play_date, kind (0 passive, 1 casual, 2 diehard).

    Every artist has ``listeners`` to twice as many of the same people, of kinds drawn from shares of
    its own. Half of the pairs are first heard in the window; how much they play does not depend on that.
    """
    rng = np.random.default_rng(seed)
    chances = plays_chances("nb")
    parts: list[pl.DataFrame] = []
    for artist in range(artists):
        size = int(rng.integers(listeners, 2 * listeners))
        kinds = rng.choice(3, size, p=rng.dirichlet(mixture))
        # By the inverse of the distribution.
        ranks = [np.searchsorted(chances[k].cumsum(), rng.random(size)) for k in range(3)]
        plays = PLAYS[np.minimum(np.choose(kinds, ranks), len(PLAYS) - 1)]
        ago = np.where(rng.random(size) < 0.5, DAYS + 10, rng.integers(0, DAYS, size))
        parts.append(
            pl.DataFrame(
                {
                    "listener_key": [f"listener-{n:04}" for n in rng.permutation(2 * listeners)[:size]],
                    "artist_id": f"artist-{artist:03}",
                    "plays": plays,
                    "first_play_date": [end - timedelta(int(days)) for days in ago],
                    "kind": kinds,
                }
            )
        )
    return pl.concat(parts)


def write_table(lake: Lake, table: Table, rows: pl.DataFrame, **partition: object) -> None:
    """Replace a table, or one of its partitions."""
    with lake.duckdb() as connection:
        connection.register("given", rows)
        if partition:
            lake.write(table, connection, "select * from given", partition=partition)
        else:
            lake.write(table, connection, "select * from given", replace=())


def write_pairs(
    lake: Lake,
    pairs: pl.DataFrame,
    *,
    end: date | None = END,
    window_days: int = DAYS,
    data_set: str = LABEL,
    change_no: int = 0,
) -> None:
    """Write the plays of a window, or a change on top of them."""
    write_table(
        lake,
        LISTENER_ARTIST_PLAYS,
        pairs.select("listener_key", "artist_id", "plays", "first_play_date").with_columns(
            pl.lit(end, pl.Date).alias("window_end")
        ),
        data_set=data_set,
        window_days=window_days,
        change_no=change_no,
    )


def read(lake: Lake, table: Table) -> pl.DataFrame:
    """All rows of a table, sorted."""
    with lake.connect(table) as connection:
        return connection.sql(f"select * from {table.full_name} order by all").pl()


def write_days(lake: Lake, pairs: pl.DataFrame, *, end: date, ingested: date, vendor: str = "spotify") -> None:
    """Write the plays of a window by day, as one delivery: one play on the first day, the others on the last."""
    start = end - timedelta(DAYS - 1)
    first = pl.max_horizontal("first_play_date", pl.lit(start)).alias("play_date")
    days = pl.concat(
        [
            pairs.select("listener_key", "artist_id", first, pl.lit(1, pl.Int64).alias("plays")),
            pairs.select("listener_key", "artist_id", pl.lit(end).alias("play_date"), pl.col("plays") - 1),
        ]
    )
    days = days.group_by("listener_key", "artist_id", "play_date").agg(pl.sum("plays")).filter(pl.col("plays") > 0)
    write_table(lake, LISTENER_ARTIST_DAYS, days, vendor=vendor, ingest_date=ingested)
