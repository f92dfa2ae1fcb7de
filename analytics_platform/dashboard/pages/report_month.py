"""Streams of a month against the month before, by vendor and country."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import VENDOR_NAMES, change, count, percent, plain
from analytics_platform.dashboard.pages.artist_choice import Artist, country_name
from analytics_platform.dashboard.parts import csv, file_name, note, sentence
from analytics_platform.dashboard.reading import rows

COUNTRIES = 8

PLAYS = """
select
    vendor, country,
    sum(plays) filter (where play_date >= $month)::bigint as plays,
    sum(plays) filter (where play_date < $month)::bigint as plays_before
from marts.plays_daily
where
    artist_id = $artist
    and play_date between $first and $last
    and (vendor = $data or ($data = 'label' and vendor not in (select data_set from marts.artist_fans)))
group by vendor, country
"""


def show(artist: Artist, month: date, first_day: date) -> None:
    """Show the sentence and two small tables."""
    before = start_before(month)
    found = rows(
        PLAYS, artist=artist.artist_id, data=artist.data, month=month, first=before, last=end_of(month)
    ).with_columns(pl.col("plays", "plays_before").fill_null(0))
    plays = int(found["plays"].sum())
    # A month before that the data only have a part of is nothing to compare with.
    known = first_day <= before
    earlier = int(found["plays_before"].sum()) if known else None
    if not plays and not earlier:
        note(f"{artist.name_shown} has no streams in {month:%B %Y}.")
        return
    sentence(_words(artist, month, plays, earlier))
    left, right = st.columns(2)
    with left:
        st.subheader("By vendor")
        by_vendor = _summed(found, "vendor", month, known)
        vendors = by_vendor.with_columns(pl.col("vendor").replace(VENDOR_NAMES))
        lines(
            vendors,
            ("Vendor", "Streams", "Share", "Change a day"),
            (artist.artist_id, "vendors", f"{month:%Y-%m}"),
            by_vendor,
        )
    with right:
        st.subheader("Top countries")
        by_country = _summed(found, "country", month, known)
        names = {code: country_name(code) for code in by_country["country"]}
        shown = by_country.with_columns(pl.col("country").replace_strict(names, return_dtype=pl.String))
        lines(
            shown.head(COUNTRIES),
            ("Country", "Streams", "Share", "Change a day"),
            (artist.artist_id, "countries", f"{month:%Y-%m}"),
            by_country,
        )
    if known:
        sentence(f"Change a day: mean streams a day in {month:%B %Y} against those in {before:%B %Y}.")


def lines(
    frame: pl.DataFrame, headings: Sequence[str], name: Sequence[str], export: pl.DataFrame, key: str | None = None
) -> None:
    """A table that prints: text first, then what is already written as text, then its CSV.

    Args:
        frame: The rows; numbers are counts, shares are those of the column ``share``.
        headings: Of the columns.
        name: Parts of the CSV's name.
        export: Rows of the CSV.
        key: Unique on the page; made of the name if not given.
    """
    written: list[str] = []
    for row in frame.iter_rows(named=True):
        cells = [
            percent(value) if column == "share" else value if isinstance(value, str) else count(value)
            for column, value in row.items()
        ]
        written.append("| " + " | ".join(plain(cell) for cell in cells) + " |")
    rule = "| :--- |" + " ---: |" * (len(headings) - 1)
    st.markdown("\n".join(["| " + " | ".join(headings) + " |", rule, *written]))
    st.download_button(
        "CSV",
        lambda: csv(export),
        file_name(*name, suffix=".csv"),
        "text/csv",
        key=key or f"lines_{name[1]}",
        on_click="ignore",
        help="All rows of this table, shares as 0 to 1.",
    )


def end_of(month: date) -> date:
    """The last day of the month that begins with ``month``."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def start_before(month: date) -> date:
    """The first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def _words(artist: Artist, month: date, plays: int, earlier: int | None) -> str:
    said = f"**{artist.name_shown} had {count(plays)} streams in {month:%B %Y}**"
    before = start_before(month)
    if earlier is None:
        return f"{said}. {before:%B %Y} is not complete in the data, so there is nothing to compare with."
    moved = change(plays, earlier)
    if moved is None:
        return f"{said}, after none in {before:%B %Y}."
    said += f", {moved} against {before:%B %Y} ({count(earlier)})"
    length, length_before = end_of(month).day, end_of(before).day
    if length != length_before:
        daily = change(plays / length, earlier / length_before)
        said += f"; a day, of which {month:%B} has {length} and {before:%B} {length_before}, that is {daily}"
    return said + "."


def _summed(found: pl.DataFrame, by: str, month: date, known: bool) -> pl.DataFrame:
    """Plays by vendor or country, their share of all, and the change as text: a day, as months differ in length."""
    summed = found.group_by(by).agg(pl.sum("plays", "plays_before")).sort("plays", by, descending=[True, False])
    total = summed["plays"].sum() or 1
    length, length_before = end_of(month).day, end_of(start_before(month)).day
    moved = [
        (change(now / length, earlier / length_before) if known else None) or "–"
        for now, earlier in summed.select("plays", "plays_before").iter_rows()
    ]
    share = (pl.col("plays") / total).alias("share")
    return summed.select(by, "plays", share, pl.Series("change_a_day", moved, pl.String))
