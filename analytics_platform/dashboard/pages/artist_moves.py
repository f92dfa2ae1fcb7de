"""Who moved between segments since the window before."""

from __future__ import annotations

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import MUTED, count, plain, signed
from analytics_platform.dashboard.pages.artist_choice import Artist, country_name
from analytics_platform.dashboard.parts import SUPPRESSED, chart, note, sentence, table
from analytics_platform.dashboard.reading import rows

MOVES = """
select move, listeners, is_suppressed
from marts.fan_moves
where data_set = $data and window_days = $days and artist_id = $artist and country = $country
"""

MEANING = {
    "new": "not a listener in the window before",
    "deepened": "now in a higher segment",
    "unchanged": "in the same segment",
    "cooled": "now in a lower segment",
    "lapsed": "no longer a listener",
}
"""Moves from best to worst, and what they say."""
COLOURS = {"new": "#034e7b", "deepened": "#3690c0", "unchanged": MUTED, "cooled": "#e9a36c", "lapsed": "#c2410c"}


def show(artist: Artist, country: str | None) -> None:
    """Show the section."""
    st.subheader("Who moved since the window before")
    found = rows(MOVES, data=artist.data, days=artist.days, artist=artist.artist_id, country=country or "(all)")
    where = f" in {plain(country_name(country))}" if country else ""
    if found.is_empty():
        note(
            f"Movement{where} in {artist.span} is not known: it needs the window of the same length before it, and "
            "enough listeners in both."
        )
        return
    moves = {row["move"]: row["listeners"] for row in found.iter_rows(named=True)}
    if found["is_suppressed"].all():
        note(f"Movement{where} is {SUPPRESSED}: too few listeners moved one way or the other to be shown.")
        return
    order = [move for move in MEANING if move in moves]
    shown = pl.DataFrame(
        {
            "move": order,
            "meaning": [MEANING[move] for move in order],
            "listeners": [moves[move] for move in order],
            "label": [SUPPRESSED if moves[move] is None else count(moves[move]) for move in order],
        },
        schema_overrides={"listeners": pl.Int64},
    )
    sentence(_words(artist, moves, where))
    base = alt.Chart(shown).encode(
        y=alt.Y("move:N", sort=order, title=None),
        tooltip=[
            alt.Tooltip("move:N", title="Move"),
            alt.Tooltip("meaning:N", title="Meaning"),
            alt.Tooltip("label:N", title="Listeners"),
        ],
    )
    # Room for the number beside the longest bar.
    most = max([number for number in moves.values() if number is not None])
    scale = alt.Scale(domain=[0, most * 1.15], nice=False)
    length = alt.X("listeners:Q", title="Listeners", scale=scale, axis=alt.Axis(format=",d", tickCount=4))
    bars = base.mark_bar().encode(
        x=length,
        color=alt.Color("move:N", scale=alt.Scale(domain=order, range=[COLOURS[move] for move in order]), legend=None),
    )
    label = base.transform_calculate(end="isValid(datum.listeners) ? datum.listeners : 0")
    said = label.mark_text(align="left", dx=4).encode(x=alt.X("end:Q", title="Listeners", scale=scale), text="label:N")
    picture = alt.layer(bars, said).properties(height=220)
    chart(picture, _chart_words(shown, where), key=f"moves_{artist.artist_id}")
    table(
        shown.with_columns(pl.when(pl.col("listeners").is_null()).then(pl.lit(SUPPRESSED)).alias("note")).select(
            "move", "meaning", "listeners", "note"
        ),
        (artist.artist_id, "movement", country or "all-countries", artist.end or ""),
        columns={
            "move": st.column_config.TextColumn("Move"),
            "meaning": st.column_config.TextColumn("Meaning"),
            "listeners": st.column_config.NumberColumn(
                "Listeners", format="localized", help=f"Listeners who made the move into {artist.span}."
            ),
            "note": st.column_config.TextColumn("Note", help=f"{SUPPRESSED}: too few listeners to be shown."),
        },
        key="moves_table",
    )


def _words(artist: Artist, moves: dict[str, int | None], where: str) -> str:
    new, lapsed = moves.get("new"), moves.get("lapsed")
    said: list[str] = []
    if new is not None and lapsed is not None:
        said.append(
            f"**{count(new)} listeners{where} are new and {count(lapsed)} have lapsed** against the {artist.days} "
            f"days before ({signed(new - lapsed)})"
        )
    deepened, cooled = moves.get("deepened"), moves.get("cooled")
    if deepened is not None and cooled is not None:
        said.append(f"of those who stayed, {count(deepened)} listen more devotedly and {count(cooled)} less")
    hidden = [move for move in MEANING if move in moves and moves[move] is None]
    if hidden:
        said.append(f"{', '.join(hidden)}: {SUPPRESSED}, too few listeners")
    return "; ".join(said) + "."


def _chart_words(shown: pl.DataFrame, where: str) -> str:
    parts = [f"{row['move']} {row['label']}" for row in shown.iter_rows(named=True)]
    return f"Listeners{where} by how they moved: " + ", ".join(parts) + "."
