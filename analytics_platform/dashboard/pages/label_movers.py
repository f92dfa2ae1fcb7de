"""Artists who rose and fell most, how to find any other, and where the label's largest potential is."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose
from analytics_platform.dashboard.look import change, count, day, plain, plural, signed, spread
from analytics_platform.dashboard.navigation import go, link
from analytics_platform.dashboard.pages.label_devoted import show_devoted
from analytics_platform.dashboard.pages.label_period import FEEDS, Period, with_change
from analytics_platform.dashboard.pages.label_streams import change_columns
from analytics_platform.dashboard.parts import empty, note, sentence, table
from analytics_platform.dashboard.reading import fresh_rows, rows

MINIMUM = 100
"""Streams in one of the windows (by percent: in the one before), below which a change is no news."""
LINKS = 5
LISTED = 10
"""Artists up and as many down in the table."""
NO_ARTIST = "(unknown)"
"""Stands for plays of tracks that are in no catalogue."""

ARTISTS = f"""
select
    artist_id,
    max(artist_name) as artist_name,
    cast(sum(case when play_date >= $start then plays else 0 end) as bigint) as now,
    cast(sum(case when play_date < $start then plays else 0 end) as bigint) as before
from marts.plays_daily
where play_date between $first and $last and {FEEDS}
group by artist_id
order by now desc, artist_id
"""
KNOWN = """
select distinct artist_id, artist_name from marts.artist_fans where data_set = $data order by artist_name, artist_id
"""
NEXT = """
select artist_id, artist_name, country, country_name, window_days, window_start, window_end, actual_plays,
    gap_plays as potential, expected_low - actual_plays as low, expected_high - actual_plays as high
from marts.potential_streams
where data_set = $data and market_rank is not null
order by gap_plays desc, artist_id, country
limit 5
"""
ORDERS = {"streams": "Streams", "percent": "Percent", "devoted": "Devoted listeners"}
FEW = 500
"""Artists that one list can offer."""
MATCHES = 10


def played_artists(found: Period) -> tuple[int, int]:
    """How many artists were played in the window and in the one before."""
    frame = rows(ARTISTS, **_bounds(found)).filter(pl.col("artist_id") != NO_ARTIST)
    return frame.filter(pl.col("now") > 0).height, frame.filter(pl.col("before") > 0).height


def find_artist(found: Period) -> None:
    """A field that leads to any artist's page. A list of thousands would be kept anew for every reader."""
    frame = rows(KNOWN, data=found.data)
    if frame.height > FEW:
        asked = st.text_input("Find an artist", placeholder="Part of a name", key="find_artist").strip().lower()
        fits = frame.filter(pl.col("artist_name").str.to_lowercase().str.contains(asked, literal=True))
        for row in fits.head(MATCHES).iter_rows(named=True) if asked else ():
            link("artist", plain(row["artist_name"] or row["artist_id"]), artist=row["artist_id"])
        if asked and fits.height > MATCHES:
            sentence(f"{plural(fits.height - MATCHES, 'more artist has', 'more artists have')} that in their name.")
        return
    names = dict(zip(frame["artist_id"].to_list(), frame["artist_name"].to_list(), strict=True))
    picked = st.selectbox(
        "Find an artist",
        list(names),
        index=None,
        format_func=lambda artist: names[artist] or artist,
        placeholder="Type a name",
        key="find_artist",
    )
    if picked is not None:
        go("artist", artist=picked)


def show_movers(found: Period) -> None:
    """Artists by their change of streams: links to the first few, a table of more."""
    artists = rows(ARTISTS, **_bounds(found)).filter(pl.col("artist_id") != NO_ARTIST)
    if not found.is_comparable:
        _show_largest(artists, found)
        return
    st.subheader("Artists who moved most")
    order = choose(
        st.segmented_control, "Order by change in", "movers", list(ORDERS), "streams", format_func=ORDERS.get
    )
    if order == "devoted":
        show_devoted(found, LINKS, LISTED)
        return
    up, down = _movers(artists, order == "percent")
    size = f"with {MINIMUM} streams or more in {'the window before' if order == 'percent' else 'one of both windows'}"
    if up.is_empty() and down.is_empty():
        note(f"No artist {size} rose or fell.")
        return
    lead = " ".join(
        f"**{plain(frame['artist_name'][0])}** {verb} most: {_moved(frame.row(0, named=True))}."
        for frame, verb in ((up, "rose"), (down, "fell"))
        if frame.height
    )
    sentence(f"{lead} Artists {size} count. A name leads to the artist's page.")
    for column, frame, title in zip(st.columns(2), (up, down), ("Rose most", "Fell most"), strict=True):
        with column:
            st.markdown(f"**{title}**")
            for row in frame.head(LINKS).to_dicts():
                link("artist", f"**{plain(row['artist_name'])}**: {_moved(row)}", artist=row["artist_id"])
            if frame.is_empty():
                st.markdown("No artist.")
    _table(pl.concat([up.head(LISTED), down.head(LISTED).reverse()]), found)


def show_next(found: Period) -> None:
    """The largest potential of the label: artists and countries, with links."""
    st.subheader("Where next: largest potential of the label")
    frame = rows(NEXT, data=found.data)
    if frame.is_empty():
        empty("No country is recommended to any artist yet.", "all")
        return
    first = frame.row(0, named=True)
    sentence(
        f"The largest is **{plain(first['artist_name'])} in {plain(first['country_name'])}**. Potential streams are "
        f"those that similar artists' performance suggests, less the actual ones, in {first['window_days']} days "
        f"({day(first['window_start'])} to {day(first['window_end'])}); in brackets the 80 % range."
    )
    for row in frame.to_dicts():
        # The label of a link is cut off where a phone ends; what stands below it is not.
        words = f"**{plain(row['artist_name'])} in {plain(row['country_name'])}**"
        link("artist", words, artist=row["artist_id"], country=row["country"])
        sentence(
            f"{count(row['potential'])} potential streams ({spread(row['low'], row['high'])}), "
            f"{count(row['actual_plays'])} now"
        )
    link("where-to-go", "All artists and countries: Where to go")


def _bounds(found: Period) -> dict[str, Any]:
    first = found.before_start if found.is_comparable else found.start
    return {"data": found.data, "start": found.start, "first": first, "last": found.end}


def _movers(artists: pl.DataFrame, by_percent: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    size = pl.col("before") if by_percent else pl.max_horizontal("now", "before")
    frame = with_change(artists.filter(size >= MINIMUM))
    key = "change_share" if by_percent else "change"
    up = frame.filter(pl.col("change") > 0).sort([key, "artist_id"], descending=[True, False])
    return up, frame.filter(pl.col("change") < 0).sort([key, "artist_id"])


def _moved(row: dict[str, Any]) -> str:
    share = change(row["now"], row["before"]) or "new"
    return f"{signed(row['change'])} streams ({share}), {count(row['now'])} now"


def _show_largest(artists: pl.DataFrame, found: Period) -> None:
    st.subheader("Most played artists")
    if artists.is_empty():
        note("No artist was played in this window.")
        return
    sentence(
        "There is no window before to compare with, so these are the most played. A name leads to the artist's page."
    )
    for row in artists.head(LINKS).to_dicts():
        link("artist", f"**{plain(row['artist_name'])}**: {count(row['now'])} streams", artist=row["artist_id"])
    blank = pl.lit(None, pl.Int64)
    _table(with_change(artists.head(2 * LISTED).with_columns(blank.alias("before"))), found)


def _table(frame: pl.DataFrame, found: Period) -> None:
    columns = ["artist_id", "artist_name", "now", "before", "change", "change_share"]
    bounds = _bounds(found)
    picked = table(
        frame.select(columns),
        ("label", "artists", found.end),
        columns={"artist_name": "Artist", **change_columns(found)},
        hide=("artist_id",),
        key="movers_table",
        export=lambda: with_change(fresh_rows(ARTISTS, **bounds)).select(columns),
        select=True,
    )
    st.markdown(
        f"Tick a row to go to its artist. The CSV has all artists, not only these {plural(frame.height, 'row')}."
    )
    if picked is not None:
        go("artist", artist=frame["artist_id"][picked])
