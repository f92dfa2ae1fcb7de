"""Who listens: the segments of an artist with their ranges, beside another artist and the whole label."""

from __future__ import annotations

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import count, percent, segment_colours
from analytics_platform.dashboard.pages.artist_choice import Artist
from analytics_platform.dashboard.parts import chart, empty, note, sentence, table
from analytics_platform.dashboard.reading import rows

FANS = """
select
    artist_id, artist_name, segment, segment_rank, share, share_low, share_high, listeners, listeners_estimated,
    share_before, plays_estimated, model_version
from marts.artist_fans
where data_set = $data and window_days = $days and artist_id in ($artist, $other)
order by segment_rank asc
"""

# Every listener of every artist counts once for each artist that they play.
LABEL = """
select segment, segment_rank, sum(share * listeners) / sum(listeners) as share
from marts.artist_fans
where data_set = $data and window_days = $days and share is not null
group by segment, segment_rank
order by segment_rank asc
"""

ALL_ARTISTS = "all artists of the label"


def show(artist: Artist, other: Artist | None) -> str | None:
    """Show the section; the version of the model behind it."""
    st.subheader("Who listens")
    found = fans(artist, other)
    own = found.filter(pl.col("artist_id") == artist.artist_id)
    if own.is_empty():
        empty("There are no segments yet.", "fans")
        return None
    version: str = own["model_version"][0]
    if own["share"].null_count():
        note(
            f"{artist.name_shown} has {count(artist.listeners)} listeners in {artist.span}: too few to say "
            "how they divide into segments. A longer window may have enough."
        )
        return version
    sentence(words(artist, own))
    label = whole_label(artist)
    shown = side_by_side(own, found.filter(pl.col("artist_id") != artist.artist_id), label)
    if other is not None and shown.filter(pl.col("who") == other.name).is_empty():
        note(f"{other.name_shown} has too few listeners in this window to be compared.")
    segments = own["segment"].to_list()
    chart(bars(shown, artist.name, segments), _chart_words(own, label), key=f"segments_{artist.artist_id}")
    sentence(
        f"Bars: estimated share of listeners. Thin lines: 90 % range. “{ALL_ARTISTS.capitalize()}” is the mean of all "
        "artists' shares, each artist weighing as much as it has listeners."
    )
    _table(artist, shown)
    return version


def fans(artist: Artist, other: Artist | None = None) -> pl.DataFrame:
    """Segments of the artist, and of the other one if there is one."""
    return rows(
        FANS,
        data=artist.data,
        days=artist.days,
        artist=artist.artist_id,
        other=other.artist_id if other else "",
    )


def whole_label(artist: Artist) -> pl.DataFrame:
    """Shares of the segments over all artists of the label, in the artist's window."""
    return rows(LABEL, data=artist.data, days=artist.days)


def words(artist: Artist, own: pl.DataFrame) -> str:
    """How devoted the artist's listeners are, and what changed."""
    top = own.row(-1, named=True)
    least = own.row(0, named=True)
    said = (
        f"**{percent(top['share'])} of {artist.name_shown}'s listeners are {top['segment']}** (90 % range "
        f"{percent(top['share_low'])} to {percent(top['share_high'])}), about {count(top['listeners_estimated'])} "
        f"people; {percent(least['share'])} are {least['segment']}, in {artist.span}."
    )
    plays = own["plays_estimated"].sum()
    if plays:
        said += f" The {top['segment']} ones make about {percent(top['plays_estimated'] / plays)} of the streams."
    before: float | None = top["share_before"]
    if before is None:
        return said + " Segments of the window before are not known."
    if top["share_low"] <= before <= top["share_high"]:
        return said + f" In the window before it was {percent(before, 1)}: within the range, so no clear change."
    way = "more" if top["share"] > before else "fewer"
    return said + f" In the window before it was {percent(before, 1)}: {way} now."


def side_by_side(own: pl.DataFrame, others: pl.DataFrame, label: pl.DataFrame) -> pl.DataFrame:
    """One row per segment and who: the artist, the other artist, the label."""
    people = pl.concat([own, others.filter(pl.col("share").is_not_null())]).rename({"artist_name": "who"})
    everybody = label.with_columns(pl.lit(ALL_ARTISTS).alias("who"), pl.lit(2).alias("place"))
    people = people.with_columns((pl.col("artist_id") != own["artist_id"][0]).cast(pl.Int32).alias("place"))
    both = pl.concat([people, everybody], how="diagonal_relaxed").sort("segment_rank", "place")
    points = (pl.col("share") - pl.col("share_before")).alias("change")
    return both.with_columns(points).with_columns(
        pl.struct("segment", "who", "share", "share_low", "share_high")
        .map_elements(_bar_label, return_dtype=pl.String)
        .alias("label")
    )


def _bar_label(row: dict[str, float | str | None]) -> str:
    low, high, share = row["share_low"], row["share_high"], row["share"]
    assert isinstance(share, float)
    said = f"{row['segment']}: {percent(share)}"
    if isinstance(low, float) and isinstance(high, float):
        said += f" ({percent(low)} to {percent(high)})"
    return f"{said}, {row['who']}"


def bars(shown: pl.DataFrame, name: str, segments: list[str]) -> alt.TopLevelMixin:
    """The segments of an artist as bars with ranges, those of others paler."""
    # Names stand above the bars: beside them they would take half of a phone's width.
    base = alt.Chart(shown.with_row_index("row")).encode(
        y=alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.55, paddingOuter=0.4)),
        tooltip=[
            alt.Tooltip("who:N", title="Who"),
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("share:Q", title="Share of listeners", format=".1%"),
            alt.Tooltip("share_low:Q", title="90 % range from", format=".1%"),
            alt.Tooltip("share_high:Q", title="to", format=".1%"),
        ],
    )
    scale = alt.Scale(domain=[0, 1])
    shares = base.mark_bar().encode(
        x=alt.X("share:Q", title="Share of listeners", scale=scale, axis=alt.Axis(format="%", tickCount=5)),
        color=alt.Color(
            "segment:N", scale=alt.Scale(domain=segments, range=segment_colours(segments)), legend=None, sort=segments
        ),
        opacity=alt.condition(alt.datum["who"] == name, alt.value(1), alt.value(0.55)),
    )
    ranges = base.mark_rule(strokeWidth=1.5, color="black").encode(
        x=alt.X("share_low:Q", scale=scale), x2="share_high:Q"
    )
    said = base.mark_text(align="left", baseline="bottom", dy=-9, fontSize=12).encode(
        x=alt.datum(0, scale=scale), text="label:N"
    )
    return alt.layer(shares, ranges, said).properties(height=44 * shown.height + 70)


def _chart_words(own: pl.DataFrame, label: pl.DataFrame) -> str:
    average = dict(zip(label["segment"], label["share"], strict=True))
    parts = [
        f"{row['segment']} {percent(row['share'])} (label {percent(average.get(row['segment']))})"
        for row in own.iter_rows(named=True)
    ]
    return "Share of listeners by segment: " + ", ".join(parts) + "."


def _table(artist: Artist, shown: pl.DataFrame) -> None:
    share = st.column_config.NumberColumn
    table(
        shown.select(
            "who", "segment", "share", "share_low", "share_high", "listeners_estimated", "share_before", "change"
        ),
        (artist.artist_id, "segments", f"{artist.days}-days", artist.end or ""),
        columns={
            "who": st.column_config.TextColumn("Who"),
            "segment": st.column_config.TextColumn("Segment", help="From passive to diehard, by devotion."),
            "share": share("Share", format="percent", help=f"Estimated share of listeners in {artist.span}."),
            "share_low": share("Range from", format="percent", help="Lower end of the 90 % range."),
            "share_high": share("to", format="percent", help="Upper end of the 90 % range."),
            "listeners_estimated": share("Listeners", format="%.0f", help="Share times listeners, estimated."),
            "share_before": share("Share before", format="percent", help="In the window before this one."),
            "change": share("Change", format="percent", help="Share minus share before, in percentage points."),
        },
        key="segments_table",
    )
