"""What the taste model is good for, from the lake: similar tracks, outliers, playlists, the map, what units select."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.catalogue.tables import ALBUMS, CLIPS
from analytics_platform.catalogue.tables import TRACKS as CATALOGUE_TRACKS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.modelling.model_store import load_model
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import ARTIST_GENRES, TRACK_ARTISTS
from analytics_platform.streams.tables import TRACKS as VENDOR_TRACKS
from analytics_platform.taste.families import FAMILIES
from analytics_platform.taste.outliers import track_outliers
from analytics_platform.taste.playlist_tables import similar_playlists, unit_playlists
from analytics_platform.taste.product_tables import (
    PLAYLIST_TRACKS,
    PRODUCTS,
    SIMILAR_TRACKS,
    TRACK_MAP,
    TRACK_OUTLIERS,
    UNIT_GENRES,
)
from analytics_platform.taste.shipped import Taste
from analytics_platform.taste.similar import similar_tracks
from analytics_platform.taste.tables import NET_SCORES, RELEASES
from analytics_platform.taste.track_map import track_map
from analytics_platform.taste.unit_genres import unit_genres
from analytics_platform.tracks.reading import HeardTracks, read_heard

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.taste.predictors import FittedTaste

READS: tuple[Table, ...] = (
    RELEASES, NET_SCORES, TRACK_ARTISTS, VENDOR_TRACKS, ARTIST_GENRES, CATALOGUE_TRACKS, ALBUMS, CLIPS,
)  # fmt: skip
SEEDS_OF_PLAYLISTS = 200
"""Playlists by similarity are made for so many of the recordings, those that most other ones are similar to."""
UNITS = 5
"""Of each layer: the units that select a genre best get playlists."""
LAYERS = ("conv1", "dense1")
"""What is looked at: what the first layer hears, and what the last but one makes of it."""


@dataclass(slots=True)
class Products:
    """What a step writes and shows."""

    frames: dict[Table, pl.DataFrame]
    filters: NDArray[np.float32] | None = None
    """(k, 128, frames) of the first layer of the net that was looked at."""
    net: str | None = None
    """Its name and version."""
    notes: list[str] = field(default_factory=list)


def make_products(lake: Lake, settings: Settings, taste: Taste) -> Products:
    """All products of the model in use; tracks that nobody has played are placed by their sound."""
    import polars as pl

    names = track_names(lake)
    heard = read_heard(lake, settings.spectrograms_root, settings.embeddings_root, names)
    products = Products({table: frame_of(table, []) for table in PRODUCTS})
    cold = np.flatnonzero(~np.isin(heard.rows["isrc"].to_numpy().astype(np.str_), taste.isrcs))
    if taste.needs_embeddings and heard.sound.net != taste.info.get("embeddings"):
        products.notes.append(f"{len(cold)} tracks without plays wait for embeddings, and are not placed by sound")
        cold = cold[:0]
    predicted = (
        taste.predictor.predict(heard.sound, cold)
        if len(cold)
        else np.zeros((0, taste.factors.shape[1]), dtype=np.float32)
    )
    factors = np.concatenate((taste.factors, predicted))
    isrcs = np.concatenate((taste.isrcs, heard.rows["isrc"].to_numpy().astype(np.str_)[cold]))
    from_plays = np.arange(len(isrcs)) < len(taste.isrcs)
    frames = products.frames
    frames[TRACK_OUTLIERS] = _outliers(lake, heard)
    left_out = frozenset(frames[TRACK_OUTLIERS].filter(pl.col("is_left_out"))["isrc"].to_list())
    frames[SIMILAR_TRACKS] = similar_tracks(factors, from_plays, isrcs, names, taste.version, left_out=left_out)
    frames[TRACK_MAP] = track_map(factors, isrcs, names, taste.version)
    loved = (
        frames[SIMILAR_TRACKS].group_by("similar_isrc").len().sort(["len", "similar_isrc"], descending=[True, False])
    )
    playlists = similar_playlists(frames[SIMILAR_TRACKS], loved["similar_isrc"].head(SEEDS_OF_PLAYLISTS).to_list())
    by_units = _look_at_net(lake, settings, heard, names, products)
    frames[PLAYLIST_TRACKS] = pl.concat([playlists, *by_units])
    return products


def track_names(lake: Lake) -> pl.DataFrame:
    """isrc, title, artist_id, artist_name and genre: one row per recording that a vendor's catalogue names."""
    import polars as pl

    tracks = lake.read(TRACK_ARTISTS).filter(pl.col("isrc").is_not_null()).sort("vendor", "track_id")
    genres = lake.read(ARTIST_GENRES).filter(pl.col("genre_rank") == 1).select("artist_id", "genre")
    named = tracks.unique("isrc", keep="first").select("isrc", "title", "artist_id", "artist_name")
    return named.join(genres, on="artist_id", how="left").sort("isrc")


def _outliers(lake: Lake, heard: HeardTracks) -> pl.DataFrame:
    import polars as pl

    lengths = lake.read(VENDOR_TRACKS).filter(pl.col("isrc").is_not_null())
    lengths = lengths.group_by("isrc").agg(pl.col("duration_s").median())
    albums = lake.read(ALBUMS).select("source", "source_album_id", pl.col("title").alias("album"))
    on = lake.read(CATALOGUE_TRACKS).filter(pl.col("isrc").is_not_null())
    on = on.join(albums, on=["source", "source_album_id"]).sort("source", "album").unique("isrc", keep="first")
    tracks = heard.rows.join(on.select("isrc", "album"), on="isrc", how="left", maintain_order="left")
    tracks = tracks.join(lengths, on="isrc", how="left", maintain_order="left")
    wanted = tracks.select("isrc", "title", "artist_id", "artist_name", "album", "duration_s")
    if heard.sound.mended is None or not len(wanted):
        return frame_of(TRACK_OUTLIERS, [])
    return track_outliers(wanted, heard.sound.mended, "207 features")


def newest_net(lake: Lake, settings: Settings) -> tuple[str, FittedTaste] | None:
    """A net that tells of its layers, with its name and version: the 2014 one if it was trained; None without any."""
    from analytics_platform.taste.predictors import restore_taste

    trained = set(lake.read(NET_SCORES)["net"].unique().to_list())
    ours = [name for name in FAMILIES if name in trained and FAMILIES[name].architecture in ("dieleman", "vandenoord")]
    for name in sorted(ours, key=lambda name: (FAMILIES[name].architecture != "dieleman", ours.index(name))):
        versions = sorted((settings.models_root / name).glob("[!.]*"), key=lambda folder: folder.stat().st_mtime)
        if versions:
            stored = load_model(settings.models_root, name, versions[-1].name)
            return f"{name}-{stored.version}", restore_taste(stored.arrays, stored.info["fitted"])
    return None


def _look_at_net(
    lake: Lake, settings: Settings, heard: HeardTracks, names: pl.DataFrame, products: Products
) -> list[pl.DataFrame]:
    """What a net's units select, and playlists of what they answer to; nothing until a person has trained one."""
    import polars as pl

    from analytics_platform.taste.units import activations, first_layer_filters

    found = newest_net(lake, settings)
    if found is None or not len(heard.rows):
        products.notes.append("no net of document 003 was trained: there are no filters and no playlists of units")
        return []
    products.net, fitted = found
    products.filters = first_layer_filters(fitted)
    rows = np.arange(len(heard.rows))
    isrcs = heard.rows["isrc"].to_numpy().astype(np.str_)
    genres = heard.rows["genre"].fill_null("").to_numpy().astype(np.str_)
    artists = heard.rows["artist_id"].to_numpy().astype(np.str_)
    playlists: list[pl.DataFrame] = []
    selects: list[pl.DataFrame] = []
    for layer in LAYERS:
        answers = activations(fitted, heard.sound, rows, layer)
        told = unit_genres(answers.mean, genres, artists, layer, products.net)
        selects.append(told)
        best = told.sort("auc", descending=True).head(UNITS)
        chosen = dict(best.select("unit", "genre").iter_rows())
        words = chosen or dict.fromkeys(range(UNITS), "")
        playlists += [
            unit_playlists(values, isrcs, names, layer, measure, products.net, units=words)
            for measure, values in (("maximum", answers.maximum), ("mean", answers.mean))
        ]
    products.frames[UNIT_GENRES] = pl.concat(selects)
    return playlists
