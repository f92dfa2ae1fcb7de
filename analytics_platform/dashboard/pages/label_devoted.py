"""Artists who gained and lost most devoted listeners, with what their ranges allow to say."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import count, plain, plural, signed
from analytics_platform.dashboard.navigation import go, link
from analytics_platform.dashboard.pages.label_fans import conclusion
from analytics_platform.dashboard.pages.label_period import Period, with_change
from analytics_platform.dashboard.parts import note, sentence, table
from analytics_platform.dashboard.reading import rows

DEVOTED = """
select
    artist_id,
    artist_name,
    segment,
    cast(round(listeners_estimated) as bigint) as now,
    cast(round(listeners * share_low) as bigint) as low,
    cast(round(listeners * share_high) as bigint) as high,
    cast(round(listeners_before * share_before) as bigint) as before
from marts.artist_fans
where data_set = $data and window_days = $days
qualify segment_rank = max(segment_rank) over ()
order by artist_id
"""
SURE = {1: "probably more", 0: "no sure change", -1: "probably fewer"}


def show_devoted(found: Period, links: int, listed: int) -> None:
    """Artists by their change of devoted listeners: links to the first few, a table of more.

    Args:
        found: The two windows.
        links: Artists up and as many down with a link.
        listed: Artists up and as many down in the table.
    """
    every = rows(DEVOTED, data=found.data, days=found.days)
    known = _compared(every)
    if known.is_empty():
        note("Devoted listeners in both windows are not known of any artist.")
        return
    up = known.filter(pl.col("change") > 0).sort(["change", "artist_id"], descending=[True, False])
    down = known.filter(pl.col("change") < 0).sort(["change", "artist_id"])
    lead = " ".join(
        f"**{plain(frame['artist_name'][0])}** {verb} most: {_words(frame.row(0, named=True))}."
        for frame, verb in ((up, "gained"), (down, "lost"))
        if frame.height
    )
    sure = known.filter(pl.col("sure") != SURE[0]).height
    left_out = every.height - known.height
    sentence(
        f"{lead or 'No artist gained or lost any.'} Devoted are those of the segment {plain(known['segment'][0])}, "
        f"estimated: {plural(sure, 'artist')} of {known.height:,} probably gained or lost; of the others the 90 % "
        "range includes what there was before. With such ranges 1 artist in 10 may seem to have changed by chance."
        + (f" Left out: {plural(left_out, 'artist')} with too few listeners for an estimate." if left_out else "")
    )
    for column, frame, title in zip(st.columns(2), (up, down), ("Gained most", "Lost most"), strict=True):
        with column:
            st.markdown(f"**{title}**")
            for row in frame.head(links).to_dicts():
                words = f"**{plain(row['artist_name'])}**: {signed(row['change'])}, {row['sure']}"
                link("artist", words, artist=row["artist_id"])
            if frame.is_empty():
                st.markdown("No artist.")
    _table(pl.concat([up.head(listed), down.head(listed).reverse()]), known, found)


def _compared(every: pl.DataFrame) -> pl.DataFrame:
    """The artists with an estimate in both windows, and whether the range of now leaves out what was before."""
    known = with_change(every.drop_nulls(["now", "low", "high", "before"]))
    return known.with_columns(
        pl.when(pl.col("before") < pl.col("low"))
        .then(pl.lit(SURE[1]))
        .when(pl.col("before") > pl.col("high"))
        .then(pl.lit(SURE[-1]))
        .otherwise(pl.lit(SURE[0]))
        .alias("sure")
    )


def _words(row: dict[str, Any]) -> str:
    return f"{signed(row['change'])} devoted listeners, about {count(row['now'])} now ({conclusion(row)})"


def _table(frame: pl.DataFrame, known: pl.DataFrame, found: Period) -> None:
    columns = ["artist_id", "artist_name", "now", "low", "high", "before", "change", "sure"]
    number = st.column_config.NumberColumn
    picked = table(
        frame.select(columns),
        ("label", "devoted listeners", found.end),
        columns={
            "artist_name": "Artist",
            "now": number("Devoted listeners", format="localized", help=f"Estimated, {found.words}."),
            "low": number("From", format="localized", help="Lower end of the 90 % range."),
            "high": number("To", format="localized", help="Upper end of the 90 % range."),
            "before": number("Before", format="localized", help="Estimated; its range is not kept."),
            "change": number("Change", format="localized", help="Estimate now less the one before."),
            "sure": st.column_config.TextColumn(
                "How sure", help="Probably more or fewer: the range leaves out the estimate before."
            ),
        },
        hide=("artist_id",),
        key="devoted_table",
        export=lambda: known.select(columns),
        select=True,
    )
    st.markdown(f"Tick a row to go to its artist. The CSV has all {plural(known.height, 'artist')} with an estimate.")
    if picked is not None:
        go("artist", artist=frame["artist_id"][picked])
