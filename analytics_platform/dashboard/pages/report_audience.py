"""Who listens, where next, and the tracks: the second half of the monthly report."""

from __future__ import annotations

from datetime import date

import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import count, day, percent, plain
from analytics_platform.dashboard.look import days as window_name
from analytics_platform.dashboard.pages import artist_listeners, artist_markets, artist_tracks
from analytics_platform.dashboard.pages.artist_choice import Artist
from analytics_platform.dashboard.pages.report_month import end_of, lines
from analytics_platform.dashboard.parts import chart, note, sentence

TRACKS = 8


def who_listens(artist: Artist, month: date) -> str | None:
    """Show the segments over the window nearest a month; the version of the model behind them."""
    st.subheader("Who listens")
    own = artist_listeners.fans(artist)
    if own.is_empty():
        note("Listeners are not known yet.")
        return None
    if own["share"].null_count():
        note(f"{artist.name_shown} has {count(artist.listeners)} listeners in {artist.span}: too few for segments.")
        return None
    counted = f"{artist.name_shown} has **{count(artist.listeners)} listeners**. "
    sentence(counted + artist_listeners.words(artist, own))
    if artist.end is not None and artist.end != end_of(month):
        sentence(
            f"Listeners are counted over windows that end with the data, on {day(artist.end)}, not by month: "
            f"these are not those of {month:%B %Y}."
        )
    label = artist_listeners.whole_label(artist)
    shown = artist_listeners.side_by_side(own, own.clear(), label)
    parts = [f"{row['segment']} {percent(row['share'])}" for row in own.iter_rows(named=True)]
    picture = artist_listeners.bars(shown, artist.name, own["segment"].to_list())
    chart(picture, f"Share of listeners by segment: {', '.join(parts)}.", key=f"report_segments_{artist.artist_id}")
    version: str = own["model_version"][0]
    return version


def where_next(artist: Artist) -> str | None:
    """Show the countries to promote in; the version of the model behind them."""
    # One block, so that it is printed on one sheet.
    with st.container(key="one_sheet"):
        return _where_next(artist)


def _where_next(artist: Artist) -> str | None:
    st.subheader("Where to promote next")
    found = artist_markets.potential(artist)
    if found.is_empty():
        note("Potential streams by country are not known yet.")
        return None
    ranked = found.filter(pl.col("market_rank").is_not_null())
    if ranked.is_empty():
        note(f"No country stands out for {artist.name_shown}.")
    else:
        window: int = found["window_days"][0]
        sentence(artist_markets.top_words(artist, ranked, window))
        dates = f", {day(found['window_start'][0])} to {day(found['window_end'][0])}" if window else ""
        sure = artist_markets.how_sure(artist.data) or ""
        sentence(f"Counted over {window_name(window)}{dates}. {sure}")
    version: str = found["model_version"][0]
    return version


def tracks(artist: Artist, month: date) -> None:
    """Show the tracks that did best, those of the month named first."""
    st.subheader("Released tracks")
    found = artist_tracks.released(artist)
    if found.is_empty():
        note(f"No released tracks of {artist.name_shown} are known.")
        return
    new = found.filter(pl.col("release_date").is_between(month, end_of(month)))
    said = artist_tracks.words(artist, found)
    sentence(f"{said} {'New' if new.height else 'Nothing new'} in {month:%B %Y}{_titles(new)}.")
    shown = found.head(TRACKS).select(
        pl.coalesce("title", "isrc"),
        pl.col("release_date").map_elements(day, return_dtype=pl.String),
        _streams(),
        _beaten(),
    )
    lines(
        shown,
        ("Track", "Released", "Streams", "Against its like"),
        (artist.artist_id, "tracks", f"{month:%Y-%m}"),
        found,
    )


def _titles(new: pl.DataFrame) -> str:
    titles = [plain(title or isrc) for title, isrc in new.select("title", "isrc").iter_rows()]
    return f": {', '.join(titles)}" if titles else ""


def _beaten() -> pl.Expr:
    """How many other tracks had fewer streams, as text."""

    def written(row: dict[str, int | None]) -> str:
        fewer, others = row["fewer_tracks"], row["other_tracks"]
        return artist_tracks.beaten(fewer, others) if others and fewer is not None else "–"

    return pl.struct("fewer_tracks", "other_tracks").map_elements(written, return_dtype=pl.String).alias("beaten")


def _streams() -> pl.Expr:
    """Streams with the days that they are of, as text."""

    def written(row: dict[str, float | None]) -> str:
        for name, words in (
            ("plays_28", "first 28 days"),
            ("plays_90", "first 90 days"),
            ("plays_last_90", "last 90 days"),
        ):
            if row[name] is not None:
                return f"{count(row[name])} in {words}"
        return "–"

    return (
        pl.struct("plays_28", "plays_90", "plays_last_90")
        .map_elements(written, return_dtype=pl.String)
        .alias("streams")
    )
