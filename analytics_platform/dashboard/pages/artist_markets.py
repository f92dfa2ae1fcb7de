"""Where to promote: potential streams by country with ranges, how sure they are, and what they rest on."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import count, day, percent, plain, plural, spread
from analytics_platform.dashboard.look import days as window_name
from analytics_platform.dashboard.pages.artist_choice import Artist, country_name
from analytics_platform.dashboard.pages.artist_clicks import choose_country
from analytics_platform.dashboard.pages.where_to_go_trust import back_test, trust_sentences
from analytics_platform.dashboard.parts import chart, empty, note, sentence, table
from analytics_platform.dashboard.reading import rows
from analytics_platform.dashboard.world import CLICKED, not_drawn, world_map

TOP = 3

POTENTIAL = """
select
    country, country_name, market_rank, gap_plays, expected_low - actual_plays as gap_low,
    expected_high - actual_plays as gap_high, actual_plays, expected_plays, expected_low, expected_high, reason,
    neighbours, is_home, is_established, window_days, window_start, window_end, z, model_version
from marts.potential_streams
where
    data_set = $data
    and artist_id = $artist
    and window_days = (select max(window_days) from marts.potential_streams where data_set = $data)
order by market_rank asc nulls last, gap_plays desc nulls last, country asc
"""


def show(artist: Artist, country: str | None) -> str | None:
    """Show the section; the version of the model behind it."""
    st.subheader("Where to promote")
    found = potential(artist)
    if found.is_empty():
        empty("Potential streams by country are not known yet.", "artists")
        return None
    window: int = found["window_days"][0]
    ranked = found.filter(pl.col("market_rank").is_not_null())
    if ranked.is_empty():
        note(
            f"No country stands out for {artist.name_shown}: nowhere do similar artists do clearly better. "
            "The table says why, country by country."
        )
    else:
        sentence(top_words(artist, ranked, window))
        sure = how_sure(artist.data)
        if sure:
            sentence(sure)
    if window != artist.days:
        sentence(
            f"These numbers are for {window_name(window)} ({day(found['window_start'][0])} to "
            f"{day(found['window_end'][0])}), whichever window is chosen for the rest of the page."
        )
    if not ranked.is_empty():
        _map(artist, ranked, window)
    if country is not None:
        _one_country(artist, found, country, window)
    _table(artist, found, window)
    return found["model_version"][0]


def potential(artist: Artist) -> pl.DataFrame:
    """Potential streams of the artist by country, the ones to go to first on top."""
    return rows(POTENTIAL, data=artist.data, artist=artist.artist_id)


def top_words(artist: Artist, ranked: pl.DataFrame, window: int) -> str:
    """The countries to go to first, each with its range."""
    best = ranked.head(TOP)
    names = [plain(name) for name in best["country_name"]]
    last = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    lines = [f"**Promote {artist.name_shown} in {last} first**, because similar artists do better there:", ""]
    for row in best.iter_rows(named=True):
        length = f"{window} days" if window else "the whole period"
        sure = "" if row["gap_low"] > 0 else ", so perhaps none"
        lines.append(
            f"1. **{plain(row['country_name'])}: {count(row['gap_plays'])} potential streams** in {length}, 80 % range "
            f"{spread(row['gap_low'], row['gap_high'])}{sure}; beside the {count(row['actual_plays'])} there now."
        )
    return "\n".join(lines)


def how_sure(data: str) -> str | None:
    """How the recommendations did on the past, in the words of "Where to go"; None without a back-test."""
    scores = back_test(data)
    said = trust_sentences(scores)
    if not said:
        return None
    value = {key: row["value"] for key, row in scores.items()}
    opens_more = scores["market_potential", "precision_at_5"]["value_low"] > value["market_size", "precision_at_5"]
    ours, size = (value.get((model, "growth_captured_at_5")) for model in ("market_potential", "market_size"))
    return " ".join([*said, *filter(None, [what_for(opens_more, ours, size)])])


def what_for(opens_more: bool, ours: float | None, size: float | None) -> str:
    """What the ranking is for and what not; nothing unless the back-test shows it.

    Args:
        opens_more: Whether more of the picks opened than of the biggest countries, clearly.
        ours: Share of the artists' new plays that came from the picks.
        size: The same of the five biggest countries.
    """
    if ours is None or size is None or size <= ours:
        return ""
    said = (
        f"For most new streams the five biggest countries are better: {percent(size)} of the artists' new streams came "
        f"from them, {percent(ours)} from the five named"
    )
    return f"{said}; this ranking is for new countries." if opens_more else f"{said}."


def _map(artist: Artist, ranked: pl.DataFrame, window: int) -> None:
    hover: dict[str, tuple[str, str | None]] = {
        "gap_plays": ("Potential streams", ",.0f"),
        "gap_low": ("80 % range from", ",.0f"),
        "gap_high": ("to", ",.0f"),
        "actual_plays": ("Streams now", ",.0f"),
        "market_rank": ("Rank", "d"),
    }
    length = f"in {window} days" if window else "in the whole period"
    picture = world_map(ranked, "gap_plays", f"Potential streams {length}", hover)
    words = f"Map of potential streams: {plural(ranked.height, 'country', 'countries')} with a clear gap; grey: none."
    chart(picture, words, key=f"map_{artist.artist_id}", select=CLICKED, on_click=choose_country("country"))
    missing = not_drawn(ranked["country"])
    if missing:
        names = ", ".join(plain(country_name(code)) for code in missing)
        sentence(f"Too small to be drawn on the map, see the table: {names}.")


def _one_country(artist: Artist, found: pl.DataFrame, country: str, window: int) -> None:
    there = found.filter(pl.col("country") == country)
    if there.is_empty():
        note(f"No potential is estimated for {plain(country_name(country))}: the label has no streams there.")
        return
    row = there.row(0, named=True)
    name = plain(row["country_name"])
    today = f"{artist.name_shown} has {count(row['actual_plays'])} streams there in {window_name(window)}"
    if row["expected_plays"] is None:
        note(f"**{name}: no estimate** ({plain(row['reason'])}). {today}.")
        return
    words = (
        f"**{name}**: {today}; to expect {count(row['expected_plays'])}, 80 % range "
        f"{spread(row['expected_low'], row['expected_high'])}. "
    )
    if row["market_rank"] is None:
        words += f"No recommendation: {plain(row['reason'])}. "
    else:
        words += f"Rank {row['market_rank']}, {count(row['gap_plays'])} potential streams. "
    if row["neighbours"]:
        words += f"The number rests on similar artists who do well there: {plain(row['neighbours'])}."
    note(words)


def _table(artist: Artist, found: pl.DataFrame, window: int) -> None:
    number = st.column_config.NumberColumn
    length = f"{window} days" if window else "the whole period"
    sentence(
        "Ranked by how clear the gap is, not by its size; countries without a recommendation follow, with the reason. "
        f"Streams now of 0: nobody played {artist.name_shown} there in {window_name(window)}, all would be new. "
        "“From” below 0: there may be nothing to gain there."
    )
    columns: dict[str, Any] = {
        "market_rank": number("Rank", help="1 = go there first: the gap over its noise. None where not recommended."),
        "country_name": st.column_config.TextColumn("Country"),
        "gap_plays": number("Potential streams", format="localized", help=f"To expect minus streams now, in {length}."),
        "gap_low": number("From", format="localized", help="Lower end of the 80 % range of potential streams."),
        "gap_high": number("To", format="localized", help="Upper end of the 80 % range of potential streams."),
        "actual_plays": number("Streams now", format="localized", help=f"Streams in {length}."),
        "expected_plays": number(
            "To expect", format="localized", help="Streams if the artist did there as its better similar artists do."
        ),
        "neighbours": st.column_config.TextColumn("Rests on", help="Similar artists who do best there."),
        "reason": st.column_config.TextColumn("Why no rank"),
        "is_home": st.column_config.CheckboxColumn("Home", help="Where the artist is strongest against the market."),
    }
    whole = [pl.col(name).round(0).cast(pl.Int64) for name in ("gap_plays", "gap_low", "gap_high", "expected_plays")]
    table(
        found.select(*columns).with_columns(whole),
        (artist.artist_id, "potential-streams", found["window_end"][0] or ""),
        columns=columns,
        key=f"markets_table_{artist.artist_id}",
        on_click=lambda row: choose_country("country")(None if row is None else found.row(row, named=True)),
        export=lambda: found,
    )
