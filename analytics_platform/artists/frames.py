"""Rows of the audience tables, without data set and window: what is too small to be published is null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.clusters import Clusters
from analytics_platform.artists.history import Labelled
from analytics_platform.artists.listening import Listening
from analytics_platform.artists.neighbours import Neighbours
from analytics_platform.artists.tables import RESOLUTIONS

if TYPE_CHECKING:
    import polars as pl
    from scipy.sparse import csr_array

ALONE = "nobody to compare with: no other artist has enough listeners"


@dataclass(frozen=True, slots=True)
class Names:
    """Ids and names of the artists of a matrix, and the least number of listeners that is published."""

    ids: NDArray[np.str_]
    names: Mapping[str, str]
    least: int

    def all(self) -> list[str]:
        """Names (A,); the id where there is none."""
        return [self.names.get(artist, artist) for artist in self.ids.tolist()]

    def columns(self, rows: NDArray[np.integer], prefix: str = "") -> dict[str, pl.Series]:
        """``<prefix>artist_id`` and ``<prefix>artist_name`` of rows."""
        import polars as pl

        names = np.array(self.all(), dtype=object)
        return {
            f"{prefix}artist_id": pl.Series(self.ids[rows], dtype=pl.String),
            f"{prefix}artist_name": pl.Series(names[rows].tolist(), dtype=pl.String),
        }

    def shown(self, counts: NDArray[np.integer]) -> pl.Series:
        """Counts of listeners, null from 1 to below the least."""
        import polars as pl

        hidden = (counts > 0) & (counts < self.least)
        return pl.Series(np.where(hidden, -1, counts).astype(np.int64)).replace(-1, None)


def similar_frame(names: Names, neighbours: Neighbours, shared: NDArray[np.int32], version: str) -> pl.DataFrame:
    """Rows of marts.similar_artists."""
    import polars as pl

    artist, place = np.nonzero(neighbours.rows >= 0)
    return pl.DataFrame(
        {
            **names.columns(artist),
            "neighbour_rank": (place + 1).astype(np.int16),
            **names.columns(neighbours.rows[artist, place], "similar_"),
            "score": neighbours.score[artist, place].astype(np.float64),
            "stability": neighbours.stability[artist, place].astype(np.float64),
            "shared_listeners": names.shown(shared[artist, place]),
        }
    ).with_columns(model_version=pl.lit(version))


def link_frame(names: Names, graph: csr_array, shared: csr_array, version: str) -> pl.DataFrame:
    """Rows of marts.artist_links: the links of the graph (A, A) each once, with the listeners of both (A, A)."""
    import polars as pl

    edges = graph.tocoo()
    one, other = edges.coords
    once = one < other
    one, other, weight, both = one[once], other[once], edges.data[once], shared.data[once]
    return pl.DataFrame(
        {
            **names.columns(one),
            **names.columns(other, "linked_"),
            "weight": weight,
            "shared_listeners": names.shown(both.astype(np.int64)),
        }
    ).with_columns(
        # The weight follows from the number: where one is withheld, so is the other.
        weight=pl.when(pl.col("shared_listeners").is_not_null()).then("weight"),
        model_version=pl.lit(version),
    )


def cluster_frame(
    listening: Listening,
    names: Names,
    found: Mapping[str, Clusters],
    labelled: Mapping[str, Labelled],
    places: NDArray[np.float64],
    version: str,
) -> pl.DataFrame:
    """Rows of marts.artist_clusters: artists with a vector at both resolutions, then those with too few listeners."""
    import polars as pl

    rows = np.arange(len(names.ids))
    parts: list[pl.DataFrame] = []
    for resolution in RESOLUTIONS:
        clusters, ids = found[resolution], labelled[resolution].identities.cluster_id
        shown = [labelled[resolution].names.get(number) for number in ids.tolist()]
        parts.append(
            pl.DataFrame(
                {
                    **names.columns(rows),
                    "listeners": names.shown(listening.listeners),
                    "cluster_id": pl.Series(ids.astype(np.int32)).replace(0, None),
                    "cluster_name": pl.Series(shown, dtype=pl.String),
                    "membership": pl.Series(clusters.membership).fill_nan(None),
                    "is_between_groups": clusters.between_groups,
                    "reason": pl.Series(clusters.reason, dtype=pl.String).replace("", None),
                    "map_x": pl.Series(places[:, 0]).fill_nan(None),
                    "map_y": pl.Series(places[:, 1]).fill_nan(None),
                }
            ).with_columns(resolution=pl.lit(resolution))
        )
    parts.append(_too_small(listening, names))
    return pl.concat(parts, how="diagonal_relaxed").with_columns(model_version=pl.lit(version))


def _too_small(listening: Listening, names: Names) -> pl.DataFrame:
    """Rows of artists with too few listeners, at both resolutions."""
    import polars as pl

    small = sorted(listening.too_small)
    reason = f"fewer than {names.least} listeners in the window"
    return pl.concat(
        pl.DataFrame(
            {
                "artist_id": pl.Series(small, dtype=pl.String),
                "artist_name": pl.Series([names.names.get(artist, artist) for artist in small], dtype=pl.String),
            }
        ).with_columns(resolution=pl.lit(resolution), is_between_groups=pl.lit(False), reason=pl.lit(reason))
        for resolution in RESOLUTIONS
    )


def without_clusters(listening: Listening, names: Names, version: str) -> pl.DataFrame:
    """Rows of marts.artist_clusters where there are too few artists to compare."""
    import polars as pl

    alone = pl.concat(
        pl.DataFrame(
            {**names.columns(np.arange(len(names.ids))), "listeners": names.shown(listening.listeners)}
        ).with_columns(resolution=pl.lit(resolution), is_between_groups=pl.lit(False), reason=pl.lit(ALONE))
        for resolution in RESOLUTIONS
    )
    return pl.concat([alone, _too_small(listening, names)], how="diagonal_relaxed").with_columns(
        cluster_id=pl.lit(None, pl.Int32),
        cluster_name=pl.lit(None, pl.String),
        membership=pl.lit(None, pl.Float64),
        map_x=pl.lit(None, pl.Float64),
        map_y=pl.lit(None, pl.Float64),
        model_version=pl.lit(version),
    )


def genres_by_row(genres: pl.DataFrame, ids: NDArray[np.str_]) -> pl.DataFrame:
    """Genres as tags of rows: artist (row number), tag, weight (1 for the main genre, 1/2 for the next …)."""
    import polars as pl

    rows = pl.DataFrame({"artist_id": pl.Series(ids, dtype=pl.String)}).with_row_index("artist")
    return genres.join(rows, on="artist_id").select(
        pl.col("artist").cast(pl.Int64), tag="genre", weight=1 / pl.col("genre_rank")
    )


def main_genres(genres: pl.DataFrame, ids: NDArray[np.str_]) -> list[str | None]:
    """The main genre of each artist (A,); None if not known."""
    import polars as pl

    main = dict(genres.filter(pl.col("genre_rank") == 1).select("artist_id", "genre").iter_rows())
    return [main.get(artist) for artist in ids.tolist()]
