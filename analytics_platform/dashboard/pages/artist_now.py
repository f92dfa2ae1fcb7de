"""Who the artist is now: streams and listeners in the window beside the window before."""

from __future__ import annotations

from datetime import date, timedelta

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import EMPHASIS, change, count, day, plain
from analytics_platform.dashboard.look import days as window_name
from analytics_platform.dashboard.pages.artist_choice import Artist, country_name
from analytics_platform.dashboard.parts import chart, note, sentence, table
from analytics_platform.dashboard.reading import facts, rows

WEEK = 7
BY_DAY = 31
"""Windows up to so many days are drawn by day, longer ones by week."""
NOW, BEFORE = "this window", "window before"
EARLIER = "#6b7280"

# The label's own plays are those of its vendors; an open data set is a vendor of its own name.
PLAYS = """
select play_date, sum(plays)::bigint as plays
from marts.plays_daily
where
    artist_id = $artist
    and play_date between $first and $last
    and ($country = '' or country = $country)
    and (vendor = $data or ($data = 'label' and vendor not in (select data_set from marts.artist_fans)))
group by play_date
"""

FIRST_AND_LAST = """
select min(play_date) as first_day, max(play_date) as last_day
from marts.plays_daily
where vendor = $data or ($data = 'label' and vendor not in (select data_set from marts.artist_fans))
"""

LISTENERS = """
select listeners, listeners_before
from marts.artist_fans
where data_set = $data and window_days = $days and artist_id = $artist and segment_rank = 1
"""


def show(artist: Artist, country: str | None) -> None:
    """Show the sentence, the numbers and the line."""
    if artist.start is None or artist.end is None:
        sentence(
            f"**{artist.name_shown}** has **{count(artist.listeners)} listeners** in {window_name(artist.days)}. "
            "The data set has no dates, so nothing can be said of streams by day or of change."
        )
        return
    daily = plays_by_day(artist, country)
    first_day: date | None = facts(FIRST_AND_LAST, data=artist.data).get("first_day")
    has_before = first_day is not None and first_day <= artist.start - timedelta(days=artist.days)
    now = int(daily.filter(pl.col("play_date") >= artist.start)["plays"].sum())
    before = int(daily.filter(pl.col("play_date") < artist.start)["plays"].sum()) if has_before else None
    listeners = facts(LISTENERS, data=artist.data, days=artist.days, artist=artist.artist_id)
    earlier: int | None = listeners["listeners_before"]
    where = "" if country is None else f" in {plain(country_name(country))}"
    words = f"**{artist.name_shown}** has **{count(now)} streams**{where}" + _compared(now, before)
    words += f" and **{count(artist.listeners)} listeners**{' in all countries' if country else ''}"
    words += _compared(artist.listeners, earlier) + f" in {artist.span}."
    if before is None and first_day is not None:
        words += f" The data begin on {day(first_day)}, so there is no window before to compare with"
        words += "; choose a shorter window to see change." if artist.days > WEEK * 4 else "."
    else:
        words += " Changes are against the window of the same length before."
    sentence(words)
    _numbers(artist, now, before, earlier)
    _line(artist, daily, has_before, where)


def plays_by_day(artist: Artist, country: str | None) -> pl.DataFrame:
    """Plays on every day of the window and the one before, days without plays as 0."""
    assert artist.end is not None
    first = artist.end - timedelta(days=2 * artist.days - 1)
    found = rows(PLAYS, artist=artist.artist_id, data=artist.data, first=first, last=artist.end, country=country or "")
    every = pl.DataFrame({"play_date": pl.date_range(first, artist.end, eager=True)})
    return every.join(found, on="play_date", how="left").with_columns(pl.col("plays").fill_null(0)).sort("play_date")


def streams(artist: Artist, country: str) -> int | None:
    """Streams in a country in the window; None where the data set has no dates."""
    if artist.start is None:
        return None
    return int(plays_by_day(artist, country).filter(pl.col("play_date") >= artist.start)["plays"].sum())


def _compared(now: int, before: int | None) -> str:
    moved = change(now, before)
    return "" if moved is None else f" ({moved})"


def _arrow(now: int, before: int | None) -> str | None:
    """The change as the arrow of a number takes it: it knows only the hyphen as a minus."""
    moved = change(now, before)
    return None if moved is None else moved.replace("−", "-")


def _numbers(artist: Artist, now: int, before: int | None, earlier: int | None) -> None:
    first, second, third = st.columns(3)
    first.metric(
        "Streams", count(now), _arrow(now, before), help=f"Plays of at least 30 s in {artist.span}, at all vendors."
    )
    second.metric(
        "Listeners",
        count(artist.listeners),
        _arrow(artist.listeners, earlier),
        help=f"Different listeners in {artist.span}, of vendors that tell listeners apart; all countries.",
    )
    third.metric(
        "Streams in the window before",
        count(before),
        help="The window of the same length just before; a dash if the data don't reach back so far.",
    )


def _line(artist: Artist, daily: pl.DataFrame, has_before: bool, where: str) -> None:
    assert artist.start is not None
    assert artist.end is not None
    by_week = artist.days > BY_DAY
    unit = "week" if by_week else "day"
    window = pl.when(pl.col("play_date") >= artist.start).then(pl.lit(NOW)).otherwise(pl.lit(BEFORE))
    drawn = daily.with_columns(window.alias("window"))
    if not has_before:
        drawn = drawn.filter(pl.col("window") == NOW)
    # Days of the window before are drawn below the days that they are compared with.
    shift = pl.when(pl.col("window") == NOW).then(0).otherwise(artist.days)
    drawn = drawn.with_columns((pl.col("play_date") + pl.duration(days=shift)).alias("on"))
    if by_week:
        back = (pl.lit(artist.end) - pl.col("on")).dt.total_days() // WEEK
        weeks = drawn.with_columns(back.alias("back")).group_by("window", "back")
        # A last week of fewer than seven days would look like a fall.
        drawn = weeks.agg(pl.len().alias("days"), pl.sum("plays"), pl.max("play_date", "on"))
        drawn = drawn.filter(pl.col("days") == WEEK).sort("window", "on")
    if drawn.is_empty() or not drawn["plays"].sum():
        note(f"There are no streams{where} in {window_name(artist.days)}.")
        return
    best = drawn.filter(pl.col("window") == NOW).sort("plays").row(-1, named=True)
    colour = alt.Color(
        "window:N",
        title=None,
        scale=alt.Scale(domain=[NOW, BEFORE], range=[EMPHASIS, EARLIER]),
        legend=alt.Legend(orient="top", symbolType="stroke") if has_before else None,
    )
    picture = (
        alt.Chart(drawn)
        .mark_line(point=alt.OverlayMarkDef(size=25))
        .encode(
            x=alt.X("on:T", title=f"{unit.capitalize()}{' up to' if by_week else ''}", axis=alt.Axis(format="%-d %b")),
            y=alt.Y("plays:Q", title=f"Streams a {unit}", axis=alt.Axis(format=",.0f", tickCount=5)),
            color=colour,
            strokeDash=alt.StrokeDash("window:N", scale=alt.Scale(domain=[NOW, BEFORE], range=[[1, 0], [5, 4]])),
            tooltip=[
                alt.Tooltip("window:N", title="Window"),
                alt.Tooltip("play_date:T", title="Day" if not by_week else "Week up to", format="%-d %b %Y"),
                alt.Tooltip("plays:Q", title="Streams", format=","),
            ],
        )
        .properties(height=300)
    )
    words = f"Streams a {unit}{where}: at most {count(best['plays'])}, {'in the week up to' if by_week else 'on'} "
    chart(picture, f"{words}{day(best['play_date'])}.", key=f"plays_{artist.artist_id}")
    with st.expander("The same as a table"):
        table(
            drawn.select("window", "play_date", "plays"),
            (artist.artist_id, "streams", artist.end),
            columns={
                "window": st.column_config.TextColumn("Window"),
                "play_date": st.column_config.DateColumn("Week up to" if by_week else "Day", format="D MMM YYYY"),
                "plays": st.column_config.NumberColumn(f"Streams a {unit}", format="localized"),
            },
            key="plays_table",
        )
