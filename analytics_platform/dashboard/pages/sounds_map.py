"""The map of tracks: a point for each, near those that the same listeners like."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose, given
from analytics_platform.dashboard.look import EMPHASIS, plain
from analytics_platform.dashboard.pages.sounds_address import choose_track
from analytics_platform.dashboard.parts import chart, empty, note, sentence, table
from analytics_platform.dashboard.reading import fresh_rows, rows

GENRES = "select genre, count(*) as tracks from marts.track_map group by genre order by tracks desc, genre nulls last"
MOST = 2500
"""Points that are drawn: with more the browser lags."""
POINTS = """
with shown as (
    select isrc, title, artist_name, genre, x, y
    from marts.track_map
    where $genre = '' or genre = $genre or isrc = $isrc
    order by
        isrc = $isrc desc, isrc in (select similar_isrc from marts.similar_tracks where isrc = $isrc) desc, hash(isrc)
    limit $most
)
select
    shown.*,
    shown.isrc in (select similar_isrc from marts.similar_tracks where isrc = $isrc) as is_similar,
    shown.isrc = $isrc as is_chosen,
    clusters.cluster_name
from shown
left join marts.track_audio as audio using (isrc)
left join marts.artist_clusters as clusters
    on audio.artist_id = clusters.artist_id and clusters.data_set = 'label' and clusters.resolution = 'broad'
order by is_chosen, is_similar, shown.isrc"""
ALL = "select * from marts.track_map where $genre = '' or genre = $genre order by isrc"
COLOURS = (
    *("#1f77b4", "#e6842a", "#2c8c45", "#b3363e", "#8663b5", "#8c6239", "#d97bbd", "#5f5f5f", "#b0a91f", "#17a2b8"),
    *("#7fb2e5", "#a6cf8b"),
)
OTHER, OTHERS_COLOUR = "other", "#c9c9c9"
UNKNOWN = "unknown"


def show_map(isrc: str | None) -> None:
    """The map, with the chosen track and those most similar to it emphasised.

    Args:
        isrc: The chosen track, None if none is.
    """
    st.subheader("Map of tracks")
    genres = rows(GENRES)
    if not genres.height:
        empty("There is no map yet: listeners' tastes have not been learnt.", "taste")
        return
    of_genre = dict(genres.filter(pl.col("genre").is_not_null()).iter_rows())
    if given("genre") not in (None, *of_genre):
        note(f"There is no genre {plain(given('genre'))}. Shown are all.")
    left, right = st.columns(2)
    with left:
        genre = choose(
            st.selectbox,
            "Genre",
            "genre",
            ["", *of_genre],
            "",
            format_func=lambda name: f"{name} ({of_genre[name]:,})" if name else "all genres",
        )
    with right:
        colour = choose(
            st.segmented_control,
            "Colour by",
            "colour",
            ["genre", "cluster"],
            "genre",
            help="Cluster: the group of artists with a common audience that the artist is in.",
        )
    points = rows(POINTS, genre=genre or "", isrc=isrc or "", most=MOST)
    _words(points, genre or "", of_genre.get(genre, genres["tracks"].sum()), isrc)
    drawn, groups = coloured(points, "cluster_name" if colour == "cluster" else "genre")
    chart(
        _picture(drawn, groups),
        f"Map of {points.height:,} tracks by {colour}; groups: {', '.join(groups)}. Tracks that lie close are liked "
        "by the same listeners; the axes have no unit.",
        key=f"track_map_{isrc}",
        select="track",
        on_click=lambda mark: choose_track(mark.get("isrc") if mark else None),
    )
    with st.expander("The map as a table"):
        table(
            points.drop("is_similar", "is_chosen").head(500),
            ("sounds", "map", genre or "all"),
            columns={
                "title": "Title",
                "artist_name": "Artist",
                "genre": "Genre",
                "x": st.column_config.NumberColumn("x", format="%.2f", help="From left to right, -1 to 1; no unit."),
                "y": st.column_config.NumberColumn("y", format="%.2f", help="From bottom to top, -1 to 1; no unit."),
                "cluster_name": st.column_config.TextColumn("Cluster", help="Of the artist, as on the label's page."),
                "isrc": "ISRC",
            },
            key="map_table",
            export=lambda: fresh_rows(ALL, genre=genre or ""),
        )


def _words(points: pl.DataFrame, genre: str, of: int, isrc: str | None) -> None:
    what = f"{plain(genre)} tracks" if genre else "tracks"
    said = (
        f"**{of:,} {what}**, all drawn."
        if points.height >= of
        else f"**{points.height:,} of {of:,} {what}** are drawn, picked by chance; the CSV has all."
    )
    said += " Only nearness means something: distances between far groups say nothing."
    if isrc and points["is_chosen"].any():
        said += " The large orange point is the chosen track; ringed are those most similar to it."
    elif isrc:
        said += " The chosen track is not on the map: nobody's taste places it yet."
    sentence(said)


def coloured(points: pl.DataFrame, column: str) -> tuple[pl.DataFrame, list[str]]:
    """The points with a column ``group`` of few values, and these values, the largest first.

    Args:
        points: Rows of the map.
        column: What to colour by; the twelve largest keep their name.
    """
    # The name of a cluster is genres, then artists.
    named = points.with_columns(pl.col(column).fill_null(UNKNOWN).str.split(":").list.first().alias("group"))
    sizes = named.group_by("group").len().sort(["len", "group"], descending=[True, False])
    large = sizes["group"].head(len(COLOURS)).to_list()
    grouped = named.with_columns(
        pl.when(pl.col("group").is_in(large)).then("group").otherwise(pl.lit(OTHER)).alias("group")
    )
    return grouped, [*large, *([OTHER] if sizes.height > len(large) else [])]


def _picture(points: pl.DataFrame, groups: Sequence[str]) -> alt.TopLevelMixin:
    names = [name for name in groups if name != OTHER]
    scale = alt.Scale(domain=[*names, OTHER], range=[*COLOURS[: len(names)], OTHERS_COLOUR])
    if OTHER not in groups:
        scale = alt.Scale(domain=names, range=list(COLOURS[: len(names)]))
    click = alt.selection_point(fields=["isrc"], name="track", empty=False, toggle=False)
    data = points.select("isrc", "title", "artist_name", "genre", "group", "x", "y", "is_similar", "is_chosen")
    base = alt.Chart(data).encode(
        x=alt.X("x:Q", axis=None, scale=alt.Scale(zero=False)),
        y=alt.Y("y:Q", axis=None, scale=alt.Scale(zero=False)),
        tooltip=[
            alt.Tooltip("title:N", title="Title"),
            alt.Tooltip("artist_name:N", title="Artist"),
            alt.Tooltip("genre:N", title="Genre"),
        ],
    )
    legend = alt.Legend(orient="bottom", columns=2, symbolOpacity=1, labelLimit=160)
    dots = (
        base.mark_circle(cursor="pointer")
        .encode(
            color=alt.condition(
                "datum.is_chosen", alt.value(EMPHASIS), alt.Color("group:N", title=None, scale=scale, legend=legend)
            ),
            size=alt.condition("datum.is_chosen", alt.value(320), alt.value(45)),
            opacity=alt.condition("datum.is_chosen || datum.is_similar", alt.value(1), alt.value(0.65)),
            stroke=alt.condition("datum.is_chosen || datum.is_similar", alt.value("black"), alt.value(None)),
            strokeWidth=alt.value(1.5),
        )
        .add_params(click)
    )
    return dots.properties(height=460).configure_view(stroke="#d4d4d4")
