"""Segments of the whole label: sums over its artists, with what their ranges allow to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import count, percent, plain, plural, segment_colours, spread
from analytics_platform.dashboard.pages.label_period import Period
from analytics_platform.dashboard.parts import SUPPRESSED, chart, empty, sentence, table
from analytics_platform.dashboard.reading import rows

SEGMENTS = """
select
    segment,
    segment_rank,
    cast(round(sum(listeners_estimated)) as bigint) as now,
    cast(round(sum(listeners * share_low)) as bigint) as low,
    cast(round(sum(listeners * share_high)) as bigint) as high,
    cast(round(sum(listeners_before * share_before)) as bigint) as before,
    sum(listeners_before) as listeners_before,
    sum(listeners) as listeners,
    count(*) as artists,
    count(*) - count(share) as withheld,
    max(model_version) as version
from marts.artist_fans
where data_set = $data and window_days = $days
group by segment, segment_rank
order by segment_rank
"""
MOVES = """
select move, cast(sum(listeners) as bigint) as listeners, count(*) filter (not is_suppressed) as artists,
    count(*) filter (is_suppressed) as withheld
from marts.fan_moves
where data_set = $data and window_days = $days and country = '(all)'
group by move
"""
MOVE_WORDS = {
    "new": "new: not a listener of the artist in the window before",
    "deepened": "in a more devoted segment than before",
    "unchanged": "in the same segment as before",
    "cooled": "in a less devoted segment than before",
    "lapsed": "no longer a listener of the artist",
}
TWICE = "a listener of two artists counts twice"


@dataclass(frozen=True)
class Fans:
    """Sums over the artists, a row per segment, least devoted first.

    Attributes:
        frame: Listeners of the segment ``now`` with ``low`` and ``high``, and ``before`` (null if not known).
        answer: What moved, in words.
        version: Version of the fan profiles.
    """

    frame: pl.DataFrame
    answer: str
    version: str


def fans(found: Period) -> Fans | None:
    """The label's segments; None if no artist has any."""
    frame = rows(SEGMENTS, data=found.data, days=found.days)
    if frame["now"].drop_nulls().is_empty():
        return None
    top = frame.row(-1, named=True)
    words = f"The audiences of the artists add up to {count(top['listeners'])} listeners"
    if top["listeners_before"] is not None:
        words += f" ({count(top['listeners_before'])} before)"
    words += f"; {TWICE}. About {count(top['now'])} of them are devoted ({plain(top['segment'])}; {conclusion(top)})."
    return Fans(frame, words, top["version"])


def show_fans(found: Period, segments: Fans | None) -> None:
    """Listeners by segment, now and before, and who moved between segments."""
    st.subheader("How devoted the listeners are")
    if segments is None:
        empty("There are no fan segments for this window yet.", "all")
        return
    frame = segments.frame
    withheld = int(frame["withheld"][0])
    sentence(
        f"Listeners by segment, summed over the artists: {TWICE}. A range adds up the 90 % ranges of all artists, as "
        "if all erred the same way, so it is the widest there is."
        + (f" Withheld: {plural(withheld, 'artist')} with too few listeners for an estimate." if withheld else "")
    )
    for row in frame.to_dicts():
        st.markdown(f"- **{plain(row['segment'])}**: about {count(row['now'])} ({conclusion(row)}).")
    words = f"Bars of listeners by segment, {found.words}: " + ", ".join(
        f"{row['segment']} {count(row['now'])} ({spread(row['low'], row['high'])})" for row in frame.to_dicts()
    )
    chart(_picture(frame), words, key="segments")
    number = st.column_config.NumberColumn
    table(
        frame.select("segment", "now", "low", "high", "before", "artists", "withheld"),
        ("label", "segments", found.end),
        columns={
            "segment": "Segment",
            "now": number("Listeners", format="localized", help=f"Estimated, {found.words}; {TWICE}."),
            "low": number("From", format="localized", help="Lower ends of the artists' 90 % ranges, added up."),
            "high": number("To", format="localized", help="Upper ends of the artists' 90 % ranges, added up."),
            "before": number(
                "Before", format="localized", help="Estimated in the window before; its range is not kept."
            ),
            "artists": number("Artists", help="Artists with listeners in the window."),
            "withheld": number("Of them withheld", help="Artists with too few listeners for an estimate."),
        },
        key="segments_table",
    )
    _show_moves(found, int(frame["artists"][0]))


def _show_moves(found: Period, artists: int) -> None:
    frame = rows(MOVES, data=found.data, days=found.days)
    if frame.is_empty():
        return
    known = {row["move"]: row for row in frame.to_dicts()}
    said = {move: _moved(known.get(move)) for move in MOVE_WORDS}
    sentence(
        f"Since the window before, of all pairs of a listener and an artist: {said['new']} are new, {said['deepened']} "
        f"went to a more devoted segment, {said['cooled']} to a less devoted one, {said['lapsed']} listen no longer. "
        f"{_left_out(frame, artists)}"
    )
    listed = pl.DataFrame({"move": list(MOVE_WORDS), "words": list(MOVE_WORDS.values())})
    listed = listed.join(frame, on="move", how="inner", maintain_order="left")
    listed = listed.with_columns(withheld=artists - pl.col("artists"))
    if listed["listeners"].null_count():
        # All artists are withheld in a move: a word instead of a number that is not known.
        listed = listed.with_columns(pl.col("listeners").cast(pl.String).fill_null(SUPPRESSED))
    table(
        listed,
        ("label", "moves", found.end),
        columns={
            "move": "Move",
            "words": "Meaning",
            "listeners": st.column_config.NumberColumn(
                "Listeners", format="localized", help=f"Counted per artist, {found.words}, against the window before."
            ),
            "artists": st.column_config.NumberColumn("Artists", help="Artists in the sum."),
            "withheld": st.column_config.NumberColumn("Artists left out", help="Too few listeners: not in the sum."),
        },
        key="moves",
    )


def _left_out(moves: pl.DataFrame, artists: int) -> str:
    """Over how many artists the moves are added up, and why not over the others."""
    # An artist with too few of one move has none of the moves told: the others would tell it.
    withheld = int(moves["withheld"].max() or 0)  # type: ignore[arg-type]
    summed = int(moves["artists"].max() or 0)  # type: ignore[arg-type]
    unknown = artists - summed - withheld
    why = [
        f"{number:,} with {words}"
        for number, words in (
            (withheld, "too few listeners of one of the moves"),
            (unknown, "too few listeners in all"),
        )
        if number
    ]
    left_out = f"; left out are {' and '.join(why)}" if why else ""
    return f"The sums are over {summed:,} of {plural(artists, 'artist')}{left_out}."


def _moved(row: dict[str, Any] | None) -> str:
    if row is None:
        return "0"
    return SUPPRESSED if row["listeners"] is None else count(row["listeners"])


def conclusion(row: dict[str, Any]) -> str:
    """What the range of a segment allows to say against the window before."""
    words = f"range {spread(row['low'], row['high'])}"
    before = row["before"]
    if before is None:
        return words
    words += f", before about {count(before)}"
    if before < row["low"]:
        return f"{words}, so probably more now"
    if before > row["high"]:
        return f"{words}, so probably fewer now"
    return f"{words}, which the range includes: no sure change"


def _picture(frame: pl.DataFrame) -> alt.TopLevelMixin:
    segments = frame["segment"].to_list()
    whole = frame["now"].sum()
    shown = frame.with_columns(
        pl.col("now")
        .map_elements(lambda now: f"{count(now)} ({percent(now / whole)})", return_dtype=pl.String)
        .alias("label")
    )
    place = alt.Y("segment:N", sort=None, title=None)
    tips = [
        alt.Tooltip("segment:N", title="Segment"),
        alt.Tooltip("now:Q", title="Listeners, estimated", format=",.0f"),
        alt.Tooltip("low:Q", title="From", format=",.0f"),
        alt.Tooltip("high:Q", title="To", format=",.0f"),
        alt.Tooltip("before:Q", title="Before", format=",.0f"),
    ]
    base = alt.Chart(shown)
    amount = alt.X("now:Q", title="Listeners, estimated (line: range; black mark: before)", axis=alt.Axis(format="~s"))
    bars = base.mark_bar().encode(
        x=amount,
        y=place,
        tooltip=tips,
        color=alt.Color("segment:N", scale=alt.Scale(domain=segments, range=segment_colours(segments)), legend=None),
    )
    ranges = base.mark_rule(color="#1a1a1a", strokeWidth=1.5).encode(x="low:Q", x2="high:Q", y=place, tooltip=tips)
    labels = base.mark_text(align="left", dx=6).encode(x="high:Q", y=place, text="label:N")
    ticks = base.mark_tick(color="black", thickness=3, size=26).encode(x="before:Q", y=place, tooltip=tips)
    layers = [bars, ranges, labels] + ([ticks] if frame["before"].drop_nulls().len() else [])
    return alt.layer(*layers).properties(height=52 * len(segments))
