"""Similar artists: a graph to walk along, and a table."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import EMPHASIS, count, plain
from analytics_platform.dashboard.pages.artist_choice import Artist
from analytics_platform.dashboard.pages.artist_clicks import choose_artist
from analytics_platform.dashboard.parts import SUPPRESSED, chart, empty, sentence, table
from analytics_platform.dashboard.reading import rows

DRAWN = 12
"""Neighbours in the graph: more names would lie on one another on a phone."""
SAME, ELSEWHERE = "#3690c0", "#6b7280"

SCORE = (
    "How alike the two audiences are in which other artists they play, for their sizes; they need not share listeners. "
    "1 = the same."
)
STABILITY = (
    "How sure it is that this is a neighbour: the list of the 50 nearest was made ten times more, with listeners drawn "
    "anew. 100 % = on every list; by chance it would be 50 of all other artists."
)

SIMILAR = """
with clusters as (
    select artist_id, cluster_id, cluster_name
    from marts.artist_clusters
    where data_set = $data and resolution = 'broad' and window_days = $days
)

select
    near.neighbour_rank, near.similar_artist_id, near.similar_artist_name, near.score, near.stability,
    near.shared_listeners, theirs.cluster_id = own.cluster_id as same_cluster, theirs.cluster_name,
    near.window_end, near.model_version
from marts.similar_artists as near
left join clusters as theirs on near.similar_artist_id = theirs.artist_id
left join clusters as own on near.artist_id = own.artist_id
where near.data_set = $data and near.window_days = $days and near.artist_id = $artist
order by near.neighbour_rank asc
"""

WINDOW = "select max(window_days) as days from marts.similar_artists where data_set = $data"

# Only links between artists that are drawn.
LINKS = f"""
with drawn as (
    select similar_artist_id as artist_id
    from marts.similar_artists
    where data_set = $data and window_days = $days and artist_id = $artist and neighbour_rank <= {DRAWN}
)

select artist_id, linked_artist_id, weight
from marts.artist_links
where
    data_set = $data
    and window_days = $days
    and artist_id in (select artist_id from drawn)
    and linked_artist_id in (select artist_id from drawn)
order by artist_id asc, linked_artist_id asc
"""


def show(artist: Artist) -> str | None:
    """Show the section; the version of the model behind it."""
    st.subheader("Similar artists")
    window = rows(WINDOW, data=artist.data)["days"][0]
    found = rows(SIMILAR, data=artist.data, days=window or 0, artist=artist.artist_id)
    if found.is_empty():
        empty(
            f"No similar artists of {artist.name_shown} are known: too few listeners, or not computed yet.", "artists"
        )
        return None
    near = found.head(DRAWN)
    first = near.row(0, named=True)
    together = near.filter(pl.col("same_cluster")).height
    sentence(
        f"**{plain(first['similar_artist_name'])}** has the audience most like {artist.name_shown}'s (score "
        f"{first['score']:.2f} of 1): their listeners play the same other artists. They need not be the same people, "
        "and the score allows for the size of the audiences: a big artist shares listeners with everybody, which by "
        f"itself makes nobody similar. {count(together)} of the {near.height} nearest are in the same cluster (blue)."
    )
    sentence(
        "Click a name to go to that artist. Closer to the middle, with a thicker line to it: a higher score. A line "
        "between two of the others: they share listeners; thicker: more of them, for the size of both audiences."
    )
    _graph(artist, near, rows(LINKS, data=artist.data, days=window, artist=artist.artist_id))
    _table(artist, found)
    return found["model_version"][0]


def places(scores: list[float], weights: np.ndarray) -> np.ndarray:
    """Places around the middle: near if similar, those who are linked side by side.

    Args:
        scores: Similarity to the artist in the middle, by neighbour.
        weights: Links between neighbours, square, 0 where there is none.
    """
    if not scores:
        return np.zeros((0, 2))
    order, left = [0], set(range(1, len(scores)))
    while left:
        # Around the circle, each next to the one it is most linked with.
        following = max(left, key=lambda one: (weights[order[-1], one], -one))
        order.append(following)
        left.remove(following)
    turn = np.empty(len(scores))
    turn[order] = np.arange(len(scores)) * 2 * np.pi / len(scores)
    value = np.asarray(scores)
    spread = float(value.max() - value.min()) or 1.0
    distance = 0.5 + 0.5 * (value.max() - value) / spread
    return np.column_stack([distance * np.sin(turn), distance * np.cos(turn)])


def _graph(artist: Artist, near: pl.DataFrame, links: pl.DataFrame) -> None:
    index = {key: place for place, key in enumerate(near["similar_artist_id"])}
    weights = np.zeros((near.height, near.height))
    for one, other, weight in links.select("artist_id", "linked_artist_id", pl.col("weight").fill_null(0)).iter_rows():
        weights[index[one], index[other]] = weights[index[other], index[one]] = weight
    where = places(near["score"].to_list(), weights)
    same = pl.when("same_cluster").then(pl.lit(SAME)).otherwise(pl.lit(ELSEWHERE))
    nodes = near.select(
        pl.col("similar_artist_id").alias("artist"),
        pl.col("similar_artist_name").alias("name"),
        "score",
        pl.col("cluster_name").fill_null("–"),
        same.alias("colour"),
    ).with_columns(pl.Series("x", where[:, 0]), pl.Series("y", where[:, 1]), pl.lit(220).alias("size"))
    middle = pl.DataFrame(
        {
            "artist": [artist.artist_id], "name": [artist.name], "score": [None], "cluster_name": ["this artist"],
            "colour": [EMPHASIS], "x": [0.0], "y": [0.0], "size": [500],
        },
        schema_overrides={"score": pl.Float64, "size": pl.Int32},
    )  # fmt: skip
    spokes = [
        {"x": 0.0, "y": 0.0, "x2": x, "y2": y, "weight": score}
        for x, y, score in nodes.select("x", "y", "score").iter_rows()
    ]
    between = [
        {
            "x": where[index[one], 0], "y": where[index[one], 1], "x2": where[index[other], 0],
            "y2": where[index[other], 1], "weight": weight or 0.0,
        }
        for one, other, weight in links.select("artist_id", "linked_artist_id", "weight").iter_rows()
    ]  # fmt: skip
    # Names beside the outermost nodes need room.
    across = alt.Scale(domain=[-1.35, 1.35])
    up = alt.Scale(domain=[-1.2, 1.2])
    lines = (
        alt.Chart(pl.DataFrame(spokes + between, infer_schema_length=None))
        .mark_rule(color="#9ca3af")
        .encode(
            x=alt.X("x:Q", scale=across, axis=None),
            y=alt.Y("y:Q", scale=up, axis=None),
            x2="x2:Q",
            y2="y2:Q",
            strokeWidth=alt.StrokeWidth("weight:Q", scale=alt.Scale(range=[0.3, 3]), legend=None),
        )
    )
    pick = alt.selection_point(name="node", fields=["artist"], empty=False, toggle=False)
    base = alt.Chart(pl.concat([nodes, middle], how="diagonal_relaxed")).encode(
        x=alt.X("x:Q", scale=across, axis=None),
        y=alt.Y("y:Q", scale=up, axis=None),
        tooltip=[
            alt.Tooltip("name:N", title="Artist"),
            alt.Tooltip("score:Q", title="Score, 0 to 1", format=".2f"),
            alt.Tooltip("cluster_name:N", title="Cluster"),
        ],
    )
    dots = (
        base.mark_circle(cursor="pointer", opacity=1, stroke="white")
        .encode(size=alt.Size("size:Q", scale=None), color=alt.Color("colour:N", scale=None))
        .add_params(pick)
    )
    # White behind the name keeps it readable on lines.
    halo = base.mark_text(dy=-17, fontSize=12, stroke="white", strokeWidth=4).encode(text="name:N")
    names = base.mark_text(dy=-17, fontSize=12, cursor="pointer").encode(text="name:N")
    picture = alt.layer(lines, dots, halo, names).properties(height=460)
    words = f"Graph of the {near.height} artists most similar to {artist.name}."
    chart(picture, words, key=f"graph_{artist.artist_id}", select="node", on_click=choose_artist)


def _table(artist: Artist, found: pl.DataFrame) -> None:
    number = st.column_config.NumberColumn
    shared = pl.when(pl.col("shared_listeners").is_null()).then(pl.lit(SUPPRESSED)).alias("note")
    shown = found.select(
        "neighbour_rank", "similar_artist_name", "score", "stability", "shared_listeners", shared, "cluster_name"
    )
    table(
        shown,
        (artist.artist_id, "similar-artists", found["window_end"][0] or ""),
        columns={
            "neighbour_rank": number("Rank", help="1 = nearest."),
            "similar_artist_name": st.column_config.TextColumn("Artist", help="Click the row to go there."),
            "score": number("Score", format="%.2f", help=SCORE),
            "stability": number("Stability", format="percent", help=STABILITY),
            "shared_listeners": number(
                "Shared listeners",
                format="localized",
                help="Listeners of both, in the window; they don't make the rank.",
            ),
            "note": st.column_config.TextColumn("Note", help=f"{SUPPRESSED}: too few shared listeners to be shown."),
            "cluster_name": st.column_config.TextColumn("Cluster", help="Group of artists with a common audience."),
        },
        key=f"similar_table_{artist.artist_id}",
        on_click=lambda row: choose_artist(None if row is None else {"artist": found["similar_artist_id"][row]}),
        export=lambda: found,
    )
