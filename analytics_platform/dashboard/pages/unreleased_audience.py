"""Who would play an unreleased track: groups of listeners, countries, similar artists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import count, percent, plain, plural, spread
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.parts import SUPPRESSED, chart, empty, sentence, table
from analytics_platform.dashboard.reading import fresh_rows, rows
from analytics_platform.dashboard.world import not_drawn, world_map

AUDIENCE = """
select
    kind, place, place_name, share, expected_plays, expected_low, expected_high, similarity, is_suppressed, basis,
    target, data_start, data_end
from marts.track_audience
where file = $file
order by kind, place_rank nulls last, place <> '(other)', place_name"""
OTHER = "(other)"
"""All places that may not be told, together."""
NOT_ESTIMATED = "not estimated"
ALL = "from marts.track_audience where file = $file order by kind, place_rank nulls last, place_name"
BELIEVE = {
    "the artist's own listeners and its sound": "Believe the shares of listeners and countries and their order: they "
    "are the artist's own. Don't rely on the number of plays, in all or in one country: go by its range.",
    "its sound alone": "Nobody has released this artist: believe the shares of the groups of listeners a little, the "
    "countries and the number of plays not.",
    "the label's averages: nothing is known of its sound": "This says nothing about this track.",
}


def show_audience(track: Mapping[str, Any]) -> None:
    """The part of the page on the expected audience of a track."""
    st.subheader("Who would play it")
    found = rows(AUDIENCE, file=track["file"])
    if not found.height:
        empty("This track has no expected audience yet: the model of listeners' taste makes it.", "score")
        return
    first = found.row(0, named=True)
    basis = str(first["basis"])
    sentence(
        f"{_total(found)} This rests on **{plain(basis)}**, and on plays from {first['data_start']} to "
        f"{first['data_end']}. {BELIEVE.get(basis, '')}"
    )
    _clusters(found.filter(pl.col("kind") == "cluster"), track)
    _countries(found.filter(pl.col("kind") == "country"), track)
    _artists(found.filter(pl.col("kind") == "artist"))


def window_words(target: str) -> str:
    """The window of expected plays, in words."""
    return f"in {target.split('_')[-2]} days once it is out" if target.endswith("_days") else "once it is out"


def _total(found: pl.DataFrame) -> str:
    total = found.filter((pl.col("kind") == "total") & pl.col("expected_plays").is_not_null())
    if not total.height:
        return "How many plays to expect is not known: no released track has a number to go by."
    row = total.row(0, named=True)
    return (
        f"**{count(row['expected_plays'])} plays** {window_words(row['target'])}; 8 of 10 tracks like it had between "
        f"{spread(row['expected_low'], row['expected_high']).replace(' to ', ' and ')}."
    )


def _clusters(clusters: pl.DataFrame, track: Mapping[str, Any]) -> None:
    shown = clusters.filter(~pl.col("is_suppressed") & (pl.col("place") != OTHER))
    if not shown.height:
        return
    first = shown.row(0, named=True)
    rest = _rest(clusters)
    told = "of the groups that may be told, " if rest and rest > first["share"] else ""
    sentence(
        f"**Listeners:** {told}most plays, {percent(first['share'])}, would come from those who mostly play "
        f"**{plain(first['place_name'])}**." + (f" {percent(rest)} are of groups that may not be told." if rest else "")
    )
    # A name is genres, then artists; the table has all of it.
    drawn = clusters.with_columns(
        pl.col("place_name").str.split(":").list.first().alias("group"),
        pl.when("is_suppressed")
        .then(pl.lit(SUPPRESSED))
        .otherwise(pl.format("{} %", (pl.col("share") * 100).round(0).cast(pl.Int64)))
        .alias("said"),
        pl.col("share").fill_null(0.0).alias("length"),
    )
    base = alt.Chart(drawn).encode(
        y=alt.Y(
            "group:N", sort=drawn["group"].to_list(), title=None, axis=alt.Axis(labelLimit=150, labelOverlap=False)
        ),
        x=alt.X("length:Q", title="share of the track's plays", axis=alt.Axis(format="%", tickCount=5)),
        tooltip=[alt.Tooltip("place_name:N", title="Listeners of"), alt.Tooltip("said:N", title="Share of plays")],
    )
    bars = base.transform_filter("!datum.is_suppressed").mark_bar(color="#3690c0")
    words = base.mark_text(align="left", dx=4).encode(text="said:N")
    chart(
        alt.layer(bars, words).properties(height=28 * drawn.height + 40),
        f"Shares of the plays of {track['title']} by group of listeners. Largest: {first['place_name']}, "
        f"{percent(first['share'])}.",
        key="clusters",
    )
    _table(clusters, track, "Listeners of", "listeners")


def _countries(countries: pl.DataFrame, track: Mapping[str, Any]) -> None:
    named = countries.filter(pl.col("place") != OTHER)
    shown = named.filter(~pl.col("is_suppressed"))
    if not shown.height:
        return
    has_plays = shown["expected_plays"].drop_nulls().len() > 0
    amount, title = ("expected_plays", "expected plays") if has_plays else ("share", "share of the track's plays")
    said = [
        f"{plain(row['place_name'])} ({count(row['expected_plays'])} plays, "
        f"{spread(row['expected_low'], row['expected_high'])})"
        if has_plays
        else f"{plain(row['place_name'])} ({percent(row['share'])})"
        for row in shown.head(3).iter_rows(named=True)
    ]
    rest = _rest(countries)
    sentence(
        f"**Countries:** {'of those that may be told, ' if rest else ''}first {', then '.join(said)}; in brackets what "
        f"to expect{', with its range' if has_plays else ''}."
        + (f" {percent(rest)} of the plays are in countries that may not be told." if rest else "")
    )
    mapped = shown.filter(pl.col(amount) > 0).rename({"place": "country", "place_name": "country_name"})
    if mapped.height:
        hover: dict[str, tuple[str, str | None]] = {"share": ("Share of its plays", ".1%")}
        if has_plays:
            hover |= {
                "expected_plays": ("Expected plays", ",.0f"),
                "expected_low": ("Range from", ",.0f"),
                "expected_high": ("Range to", ",.0f"),
            }
        chart(
            world_map(mapped, amount, title, hover),
            f"Map of the plays that {track['title']} may expect by country. First of those that may be "
            f"told: {shown['place_name'][0]}.",
            key="audience_map",
        )
    hidden = named.filter(pl.col("is_suppressed"))["place_name"].to_list()
    missing = not_drawn(mapped["country"])
    if hidden:
        sentence(f"Withheld, as too few listeners are behind them: {plain(', '.join(hidden))}. Grey on the map.")
    if missing:
        sentence(f"Too small to be drawn on the map: {plural(len(missing), 'country', 'countries')} of the table.")
    _table(countries, track, "Country", "countries")


def _rest(places: pl.DataFrame) -> float | None:
    """The share of the plays in all places that may not be told; None if there is none."""
    return next(iter(places.filter(pl.col("place") == OTHER)["share"].to_list()), None)


def _table(frame: pl.DataFrame, track: Mapping[str, Any], heading: str, name: str) -> None:
    columns = ["place_name", "share"]
    if frame["expected_plays"].drop_nulls().len():
        columns += ["expected_plays", "range"]
    number = st.column_config.NumberColumn
    window = window_words(str(track["target"]))
    ranges = [
        SUPPRESSED
        if row["is_suppressed"]
        else NOT_ESTIMATED
        if row["expected_low"] is None
        else spread(row["expected_low"], row["expected_high"])
        for row in frame.iter_rows(named=True)
    ]
    table(
        frame.with_columns(pl.col("expected_plays").round(0), pl.Series("range", ranges, pl.String)).select(columns),
        ("unreleased", str(track["title"]), name),
        columns={
            "place_name": heading,
            "share": number(
                "Share of plays",
                format="percent",
                help=f"Of all plays of the track. The row “other” is all that are {SUPPRESSED}, together.",
            ),
            "expected_plays": number("Expected plays", format="localized", help=f"Plays {window}."),
            "range": st.column_config.TextColumn(
                "Range", help="Of 10 such tracks 1 had fewer plays there and 1 had more; the CSV has both ends."
            ),
        },
        key=f"audience_{name}",
        missing=SUPPRESSED,
        export=lambda: fresh_rows(ALL, file=track["file"]),
    )


def _artists(artists: pl.DataFrame) -> None:
    if not artists.height:
        return
    sentence("**Artists whose listeners are most like its own**, the nearest first (1 is the same taste, 0 none):")
    with st.container(horizontal=True):
        for row in artists.iter_rows(named=True):
            link("artist", f"{plain(row['place_name'])} {plain(format(row['similarity'], '.2f'))}", artist=row["place"])
