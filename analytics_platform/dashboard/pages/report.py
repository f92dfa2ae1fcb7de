"""The monthly report on an artist: one or two sheets to print and hand on."""

from __future__ import annotations

from datetime import date

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose, windows
from analytics_platform.dashboard.look import day
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.pages import report_audience, report_month
from analytics_platform.dashboard.pages.artist_choice import choose_artist, find_by_name
from analytics_platform.dashboard.pages.artist_now import FIRST_AND_LAST
from analytics_platform.dashboard.parts import as_of, empty, note
from analytics_platform.dashboard.reading import facts

SHEET = 780
"""Width in pixels: what fits across A4."""

# Only our own text. A printed page has no use for what is clicked, and its sheets flow instead of scrolling.
PRINT = """<style>
@media print {
  @page { size: A4; margin: 14mm; }
  [data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stDownloadButton"],
  [data-testid="stExpandSidebarButton"], [data-testid="stElementToolbar"], .st-key-not_printed {
    display: none !important;
  }
  html, body, .stApp, [data-testid="stAppViewContainer"], [data-testid="stMain"] {
    position: static !important; height: auto !important; overflow: visible !important; background: white !important;
  }
  [data-testid="stMainBlockContainer"] { padding: 0 !important; max-width: 100% !important; }
  h2, h3 { break-after: avoid; }
  table, [data-testid="stVegaLiteChart"], [data-testid="stMetric"], .st-key-one_sheet { break-inside: avoid; }
  h2 { font-size: 18pt !important; } h3 { font-size: 13pt !important; }
  p, li, td, th { font-size: 10pt !important; line-height: 1.35 !important; }
  svg.marks { max-width: 100%; height: auto; }
}
</style>"""


def show() -> None:
    """Show the page."""
    st.html(PRINT)
    known = windows()
    # Closest to a month.
    days = known[0] if known else 0
    title = st.empty()
    title.header("Monthly report")
    with st.container(key="not_printed"):
        told = st.container()
        find_by_name(days)
        first, second = st.columns(2)
        with first:
            artist = choose_artist(days, told)
        if artist is None:
            as_of()
            return
        ends = facts(FIRST_AND_LAST, data=artist.data)
        if not ends or ends["first_day"] is None:
            empty("There are no streams with dates, so there are no months to report on.", "streams")
            as_of()
            return
        with second:
            month = _choose_month(ends["first_day"], ends["last_day"])
        st.markdown("To print it or to save it as PDF press **Ctrl+P** (on a Mac **⌘P**); this part is not printed.")
        link("artist", "More on this artist")
    title.header(f"{artist.name_shown}: {month:%B %Y}")
    with st.container(width=SHEET):
        if not is_complete(month, ends["first_day"], ends["last_day"]):
            note(
                f"{month:%B %Y} is not complete: the data are from {day(ends['first_day'])} to {day(ends['last_day'])}."
            )
        report_month.show(artist, month, ends["first_day"])
        fans = report_audience.who_listens(artist, month)
        markets = report_audience.where_next(artist)
        report_audience.tracks(artist, month)
        as_of(fan_model=fans, market_model=markets)


def is_complete(month: date, first_day: date, last_day: date) -> bool:
    """Whether the data have all days of the month that begins with ``month``."""
    return first_day <= month and report_month.end_of(month) <= last_day


def _choose_month(first_day: date, last_day: date) -> date:
    """The month, its first day: the last complete one unless the reader chose another."""
    starts = pl.date_range(first_day.replace(day=1), last_day, "1mo", eager=True).to_list()[::-1]
    complete = [start for start in starts if is_complete(start, first_day, last_day)]
    default = (complete or starts)[0]
    by_name = {f"{start:%Y-%m}": start for start in starts}
    picked = choose(
        st.selectbox,
        "Month",
        "month",
        list(by_name),
        f"{default:%Y-%m}",
        format_func=lambda name: f"{by_name[name]:%B %Y}",
    )
    if "month" in st.query_params and st.query_params["month"] not in by_name:
        note(f"There are no data of that month; shown is {default:%B %Y}.")
    return by_name.get(picked or "", default)
