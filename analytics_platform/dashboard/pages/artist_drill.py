"""Segments by age band, gender, country or device."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose
from analytics_platform.dashboard.look import count, percent, plain, plural, segment_colours
from analytics_platform.dashboard.pages import artist_now
from analytics_platform.dashboard.pages.artist_choice import Artist, country_name
from analytics_platform.dashboard.pages.artist_clicks import choose_country
from analytics_platform.dashboard.parts import SUPPRESSED, chart, note, sentence, table
from analytics_platform.dashboard.reading import rows

TRAITS = {"age_band": "Age band", "gender": "Gender", "country": "Country", "device": "Device"}
BARS = 15
"""Bars that fit on a screen; the table has all values."""
FITS = 0.11
"""Share of the longest bar from which on a percentage fits into a piece of it."""

SEGMENTS = {
    trait: f"""
select
    {trait} as value, segment, segment_rank, listeners, share, share_low, share_high, lift, is_suppressed
from marts.fan_segments_by_{trait}
where data_set = $data and window_days = $days and artist_id = $artist
order by segment_rank asc
"""
    for trait in TRAITS
}


def show(artist: Artist, country: str | None) -> None:
    """Show the section."""
    st.subheader("Who they are: age, gender, country, device")
    first, second = st.columns(2)
    with first:
        by = choose(st.segmented_control, "By", "by", list(TRAITS), "age_band", format_func=TRAITS.__getitem__)
    with second:
        unit = choose(
            st.segmented_control,
            "Bars show",
            "bars",
            ["shares", "listeners"],
            "shares",
            help="Shares of the listeners of each group, or how many listeners they are, estimated.",
        )
    assert by is not None
    if country is not None:
        _one_country(artist, country)
    found = rows(SEGMENTS[by], data=artist.data, days=artist.days, artist=artist.artist_id)
    what = TRAITS[by].lower()
    if found.is_empty():
        note(f"Too few listeners in {artist.span} to be divided by {what}, or their {what} is not known.")
        return
    groups = _ordered(found, by)
    known = groups.filter(~pl.col("is_suppressed"))
    hidden = groups.height - known.height
    if known.is_empty():
        note(f"All {hidden} groups by {what} are {SUPPRESSED}: too few listeners in {artist.span}.")
    else:
        sentence(_words(artist, found, by, hidden))
        _chart(artist, found, groups.head(BARS), by, unit == "listeners")
    _table(artist, found, groups, by)


def _one_country(artist: Artist, country: str) -> None:
    found = rows(SEGMENTS["country"], data=artist.data, days=artist.days, artist=artist.artist_id)
    there = found.filter(pl.col("value") == country)
    name = plain(country_name(country))
    if there.is_empty():
        note(_not_told(artist, country, name, divided=not found.is_empty()))
    elif there["is_suppressed"].any():
        note(f"Segments in {name} are {SUPPRESSED}: too few listeners in {artist.span}.")
    else:
        parts = [
            f"{percent(row['share'])} {row['segment']} ({percent(row['share_low'])} to {percent(row['share_high'])})"
            for row in there.iter_rows(named=True)
        ]
        sentence(f"**{name}: {count(there['listeners'][0])} listeners**, of whom {', '.join(parts)}; 90 % ranges.")


def _not_told(artist: Artist, country: str, name: str, divided: bool) -> str:
    """Why nothing is known of listeners in a country; without cells they may still be many."""
    plays = artist_now.streams(artist, country)
    if plays == 0:
        return f"{artist.name_shown} has no streams in {name} in {artist.span}."
    if not divided:
        return (
            f"How many listeners {artist.name_shown} has in {name} is not told: its "
            f"{plural(artist.listeners, 'listener')} in {artist.span}, in all countries, are too few to be divided by "
            "country, or their country is not known."
        )
    came = "Its streams there" if plays is None else f"Its {plural(plays, 'stream')} there"
    return (
        f"No listener of {artist.name_shown} is known to live in {name}. {came} in {artist.span} came without keys "
        "that tell listeners apart, or from listeners who play most in another country."
    )


def _ordered(found: pl.DataFrame, by: str) -> pl.DataFrame:
    """One row per group in the order of the bars, with its name as shown."""
    groups = found.filter(pl.col("segment_rank") == pl.col("segment_rank").min())
    last = pl.col("value").is_in(["unknown", "ZZ"])
    if by == "age_band":
        order = [last, pl.col("value") != "under 18", pl.col("value")]
        groups = groups.sort(*order)
    else:
        groups = groups.sort("is_suppressed", last, "listeners", "value", descending=[False, False, True, False])
    names = {value: country_name(value) if by == "country" else value for value in groups["value"]}
    return groups.with_columns(pl.col("value").replace_strict(names, return_dtype=pl.String).alias("name"))


def _words(artist: Artist, found: pl.DataFrame, by: str, hidden: int) -> str:
    top = found.filter(pl.col("segment_rank") == pl.col("segment_rank").max(), ~pl.col("is_suppressed"))
    segment: str = top["segment"][0]
    named = top.filter(~pl.col("value").is_in(["unknown", "ZZ"]))
    clear = named.filter(pl.col("share_low") > pl.col("share") / pl.col("lift")).sort("lift", descending=True)
    if clear.is_empty():
        words = f"No {TRAITS[by].lower()} has clearly more {segment} listeners than {artist.name_shown} has overall."
    else:
        best = clear.row(0, named=True)
        name = plain(country_name(best["value"]) if by == "country" else best["value"])
        words = (
            f"**Most {segment} listeners, relative to all: {name}**, {percent(best['share'])} (90 % range "
            f"{percent(best['share_low'])} to {percent(best['share_high'])}) of {count(best['listeners'])} "
            f"listeners, {best['lift']:.1f} times {artist.name_shown}'s overall share."
        )
    if hidden:
        words += f" {hidden} of {found['value'].n_unique()} groups are {SUPPRESSED}: too few listeners."
    return words


def _pieces(found: pl.DataFrame, groups: pl.DataFrame, counts: bool) -> pl.DataFrame:
    """Where each piece of the bars begins and ends, and what it says."""
    size = pl.col("share") * pl.col("listeners") if counts else pl.col("share")
    pieces = found.join(groups.select("value", "name"), on="value", maintain_order="right")
    pieces = pieces.with_columns(size.alias("size")).sort("segment_rank", maintain_order=True)
    pieces = pieces.with_columns(pl.col("size").cum_sum().over("value").alias("end"))
    pieces = pieces.with_columns((pl.col("end") - pl.col("size")).alias("start"))
    longest = pieces["end"].max()
    assert longest is None or isinstance(longest, float)
    says = pl.col("share").map_elements(percent, return_dtype=pl.String)
    fits = pl.col("size") >= FITS * (longest or 1)
    return pieces.with_columns(
        ((pl.col("start") + pl.col("end")) / 2).alias("middle"),
        pl.when(fits).then(says).alias("says"),
        pl.format("{} ({})", "name", pl.col("listeners").map_elements(count, return_dtype=pl.String)).alias("known_as"),
    ).with_columns(
        # What is withheld has a word where others have a bar.
        pl.when("is_suppressed").then(pl.col("name")).otherwise(pl.col("known_as")).alias("bar"),
        pl.when("is_suppressed").then(pl.lit(0.0)).otherwise(None).alias("hidden_at"),
    )


def _chart(artist: Artist, found: pl.DataFrame, groups: pl.DataFrame, by: str, counts: bool) -> None:
    pieces = _pieces(found, groups, counts)
    names = pieces.unique("value", maintain_order=True).select("value", "bar")
    order = groups.select("value").join(names, on="value", how="left", maintain_order="left")["bar"].to_list()
    segments = found["segment"].unique(maintain_order=True).to_list()
    title = "Listeners, estimated" if counts else "Share of listeners"
    axis = alt.Axis(format=",d" if counts else "%", tickCount=5)
    pick = alt.selection_point(name="picked", fields=["value"], empty=False, toggle=False)
    bar = alt.Y("bar:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, labelOverlap=False))
    tooltip: list[Any] = [
        alt.Tooltip("name:N", title=TRAITS[by]),
        alt.Tooltip("segment:N", title="Segment"),
        alt.Tooltip("listeners:Q", title="Listeners here", format=","),
        alt.Tooltip("share:Q", title="Share", format=".1%"),
        alt.Tooltip("share_low:Q", title="90 % range from", format=".1%"),
        alt.Tooltip("share_high:Q", title="to", format=".1%"),
        alt.Tooltip("lift:Q", title="Lift", format=".2f"),
    ]
    known = alt.Chart(pieces.filter(~pl.col("is_suppressed")))
    bars = (
        known.mark_bar(cursor="pointer" if by == "country" else "default")
        .encode(
            y=bar,
            x=alt.X("start:Q", title=title, axis=axis),
            x2="end:Q",
            color=alt.Color(
                "segment:N",
                sort=segments,
                title="Segment",
                scale=alt.Scale(domain=segments, range=segment_colours(segments)),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=tooltip,
        )
        .add_params(pick)
    )
    ink = alt.condition(alt.datum["segment"] == segments[-1], alt.value("white"), alt.value("black"))
    says = (
        known.transform_filter("isValid(datum.says)")
        .mark_text(fontSize=11)
        .encode(y=bar, x=alt.X("middle:Q", title=title), text="says:N", color=ink)
    )
    layers: list[Any] = [bars, says]
    withheld = pieces.filter("is_suppressed").unique("value", maintain_order=True)
    if not withheld.is_empty():
        word = alt.Chart(withheld).mark_text(align="left", dx=4, fontStyle="italic")
        layers.append(word.encode(y=bar, x=alt.X("hidden_at:Q", title=title), text=alt.value(SUPPRESSED)))
    picture = alt.layer(*layers).properties(height=26 * len(order) + 110)
    shown = groups.filter(~pl.col("is_suppressed"))
    words = f"Listeners by {TRAITS[by].lower()} and segment; most listeners: {_biggest(shown)}."
    on_click = choose_country("value") if by == "country" else None
    chart(picture, words, key=f"drill_{by}_{artist.artist_id}", select="picked", on_click=on_click)


def _biggest(shown: pl.DataFrame) -> str:
    best = shown.sort("listeners", descending=True).head(3)
    return ", ".join(f"{row['name']} {count(row['listeners'])}" for row in best.iter_rows(named=True))


def _range(row: dict[str, Any]) -> str:
    if row["is_suppressed"] or row["share_low"] is None:
        return SUPPRESSED
    return f"{percent(row['share_low'], 1)} to {percent(row['share_high'], 1)}"


def _table(artist: Artist, found: pl.DataFrame, groups: pl.DataFrame, by: str) -> None:
    """One row per group on screen; the CSV has one per group and segment, with ranges as numbers."""
    wide = groups.select("value", "name", pl.when("is_suppressed").then(pl.lit(SUPPRESSED)).alias("note"), "listeners")
    columns: dict[str, Any] = {
        "name": st.column_config.TextColumn(TRAITS[by]),
        "note": st.column_config.TextColumn("Note", help=f"{SUPPRESSED}: too few listeners to be shown."),
        "listeners": st.column_config.NumberColumn(
            "Listeners", format="localized", help=f"Listeners in {artist.span}, in all segments."
        ),
    }
    for (segment,), part in found.group_by("segment", maintain_order=True):
        name = str(segment)
        text = pl.struct("is_suppressed", "share_low", "share_high").map_elements(_range, return_dtype=pl.String)
        here = part.select(
            "value",
            pl.col("share").alias(name),
            text.alias(f"{name} range"),
            pl.col("lift").alias(f"{name} lift"),
        )
        wide = wide.join(here, on="value", how="left", maintain_order="left")
        columns[name] = st.column_config.NumberColumn(
            name.capitalize(), format="percent", help="Estimated share of the listeners here."
        )
        columns[f"{name} range"] = st.column_config.TextColumn(f"{name.capitalize()}, 90 % range")
        columns[f"{name} lift"] = st.column_config.NumberColumn(
            "Lift", format="%.2f", help=f"Share of {name} here over the artist's share; 1 = as everywhere."
        )
    long = found.rename({"value": by}).join(
        groups.select(pl.col("value").alias(by), "name"), on=by, how="left", maintain_order="left"
    )
    table(
        wide,
        (artist.artist_id, by, f"{artist.days}-days", artist.end or ""),
        columns=columns,
        hide=["value"],
        key=f"drill_table_{by}",
        export=lambda: long,
    )
