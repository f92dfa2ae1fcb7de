"""Pieces that every page is made of: sentences, tables with their CSV, charts with their words, calm notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from analytics_platform.dashboard.look import day, plural
from analytics_platform.dashboard.reading import facts

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

BOM = b"\xef\xbb\xbf"
"""By which Excel knows UTF-8."""
SUPPRESSED = "withheld"
"""What stands in a cell with too few listeners to be shown."""


def sentence(text: str) -> None:
    """The plain sentence that a page or section begins with."""
    st.markdown(text)


def note(text: str) -> None:
    """A calm word on something that is not there, and what to do."""
    st.info(text)


def empty(what: str, job: str) -> None:
    """Say that there is nothing yet, and which job makes it."""
    note(f"{what} Run the job `{job}` in Dagster (`make dev`), then reload this page.")


def file_name(*parts: str | date, suffix: str) -> str:
    """A name for a download, of letters that every system takes: ``nina-simone_countries_2026-03-31.csv``."""
    words = [re.sub(r"[^\w.-]+", "-", str(part).strip().lower()).strip("-") for part in parts]
    return "_".join(word for word in words if word) + suffix


def csv(frame: pl.DataFrame) -> bytes:
    """The rows as CSV for Excel and everything else: UTF-8 with its mark, names of columns first."""
    return BOM + frame.write_csv().encode()


def table(
    frame: pl.DataFrame,
    name: Sequence[str | date],
    *,
    columns: Mapping[str, Any] | None = None,
    hide: Sequence[str] = (),
    key: str,
    height: int | None = None,
    export: Callable[[], pl.DataFrame] | None = None,
    select: bool = False,
    on_click: Callable[[int | None], None] | None = None,
    missing: str = "–",
) -> int | None:
    """A sortable table with its CSV below.

    Args:
        frame: The rows shown; shares as 0 to 1.
        name: Parts of the CSV's name, the artist and the date among them.
        columns: Streamlit's column configuration: a heading, a help text and a format for each column.
        hide: Columns that are in the CSV only.
        key: Unique on the page.
        height: Of the table, in pixels; by its rows, up to ten, if not given.
        export: Makes the rows of the CSV when it is asked for, where the table shows only some of them.
        select: Whether a row can be clicked.
        on_click: Called with the row that was clicked, None if the tick was taken away, before the page runs again:
            to write the address without a run in vain.
        missing: What stands in a cell without a value.

    Returns:
        The row that was clicked, None if none was.
    """
    shown = frame.drop([column for column in hide if column in frame.columns])

    def clicked() -> None:
        ticked: list[int] = st.session_state[key]["selection"]["rows"]
        if on_click:
            on_click(ticked[0] if ticked else None)

    select = select or on_click is not None
    how: dict[str, Any] = {"selection_mode": "single-row", "on_select": clicked if on_click else "rerun"}
    how = how if select else {}
    if height is not None:
        how["height"] = height
    picked = st.dataframe(shown, hide_index=True, column_config=columns, key=key, placeholder=missing, **how)
    st.download_button(
        "CSV",
        lambda: csv(export() if export else frame),
        file_name(*name, suffix=".csv"),
        "text/csv",
        key=f"{key}_csv",
        on_click="ignore",
        help="All rows and columns of this table, shares as 0 to 1.",
    )
    chosen: list[int] = picked["selection"]["rows"] if select else []
    return chosen[0] if chosen else None


def chart(
    picture: alt.TopLevelMixin,
    words: str,
    *,
    key: str,
    select: str | None = None,
    on_click: Callable[[Mapping[str, Any] | None], None] | None = None,
) -> None:
    """A chart, and in words what it shows, for those who can't see it.

    Args:
        picture: The chart.
        words: One sentence with the main finding; also what screen readers say.
        key: Unique on the page.
        select: Name of the selection in the chart that tells of clicks.
        on_click: Called with the fields of the mark that was clicked, None if it was clicked away, before the page
            runs again: it writes the address.
    """
    drawn: Any = picture
    # Else every run checks each chart against Altair's schema, a quarter of a page's time. Browser tests draw them all.
    object.__setattr__(drawn, "to_dict", partial(drawn.to_dict, validate=False))
    if select is None or on_click is None:
        st.altair_chart(drawn, key=key, alt=words)
        return

    def clicked() -> None:
        marks = st.session_state[key]["selection"].get(select) or []
        on_click(marks[0] if marks else None)

    st.altair_chart(drawn, key=key, alt=words, on_select=clicked, selection_mode=[select])


def as_of(**more: str | None) -> None:
    """The foot of a page: the last day of data, when the file was published, and versions of the models behind it."""
    published = facts("select max(published_at) as at from marts.published_tables").get("at")
    last = facts("select max(play_date) as day from marts.plays_daily").get("day")
    age = (datetime.now(UTC).date() - last).days if last else 0
    parts = [f"Data as of **{day(last)}**" + (f", {plural(age, 'day')} ago" if age > 0 else "")]
    if published:
        parts.append(f"published {day(published.date())} {published:%H:%M} UTC")
    parts += [f"{name.replace('_', ' ')} `{value}`" for name, value in more.items() if value]
    st.divider()
    st.markdown(" · ".join(parts))
