"""Assets that use the taste model: similar tracks, outliers, playlists, the map; and audiences of unreleased tracks."""

import base64
from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.catalogue.tables import ALBUMS
from analytics_platform.catalogue.tables import TRACKS as CATALOGUE_TRACKS
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    small_table,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import table_specs
from analytics_platform.taste import audience_tables
from analytics_platform.taste.audience_step import READS as AUDIENCE_STEP_READS
from analytics_platform.taste.audience_tables import AUDIENCE_SCORES, TRACK_AUDIENCE
from analytics_platform.taste.product_tables import PRODUCTS, TRACK_MAP, TRACK_OUTLIERS, UNIT_GENRES
from analytics_platform.taste.products_step import READS as PRODUCT_READS
from analytics_platform.taste.shipped import NO_MODEL
from analytics_platform.taste.tables import NET_SCORES, RELEASES

if TYPE_CHECKING:
    from analytics_platform.taste.products_step import Products

SHOWN = 20
AUDIENCE_READS = (RELEASES, *AUDIENCE_STEP_READS)
"""The tables of the step, and which model of taste is in use."""
OPTIONAL = (NET_SCORES, CATALOGUE_TRACKS, ALBUMS)
"""Nets are trained by a person, and not every label asks outside catalogues."""


@dg.multi_asset(
    name="use_taste",
    specs=table_specs(PRODUCTS, PRODUCT_READS, {"python", "scikitlearn"}, OPTIONAL),
    check_specs=[declared_spec(table) for table in PRODUCTS],
    pool="models",
)
def use_taste(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Similar tracks, tracks to leave out, playlists, the map of tracks, and what the units of a net select."""
    from analytics_platform.lakehouse.frames import frame_of
    from analytics_platform.taste.products_step import make_products
    from analytics_platform.taste.shipped import taste_in_use

    lake = platform.lake
    reads = versions(lake, PRODUCT_READS)
    taste = taste_in_use(lake, platform.settings)
    products = None if taste is None else make_products(lake, platform.settings, taste)
    about: Metadata = {"note": NO_MODEL} if taste is None else {"model_version": taste.version}
    if products is not None and products.notes:
        about["note"] = "; ".join(products.notes)
    for table in PRODUCTS:
        frame = frame_of(table, []) if products is None else products.frames[table]
        metadata = written_metadata(lake, table, lake.write_frame(table, frame), reads) | about
        if products is not None and len(frame):
            metadata |= _shown(table, products)
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in PRODUCTS:
        yield check_declared(lake, table)


def _shown(table: object, products: "Products") -> Metadata:
    from analytics_platform.taste.track_pictures import draw_filters, draw_map

    if table is TRACK_MAP:
        return {"map": _picture(draw_map(products.frames[TRACK_MAP], "Tracks by taste"), "Tracks by taste")}
    if table is TRACK_OUTLIERS:
        left_out = products.frames[TRACK_OUTLIERS]
        left_out = left_out.filter(left_out["is_left_out"]).select("title", "artist_name", "kind", "reason")
        return {"left out": small_table(left_out.head(SHOWN).to_dicts()), "tracks_left_out": len(left_out)}
    if table is UNIT_GENRES and products.filters is not None:
        title = f"First-layer filters of {products.net}"
        best = products.frames[UNIT_GENRES].sort("auc", descending=True).drop("model_version").head(SHOWN)
        return {"filters": _picture(draw_filters(products.filters, title), title), "best": small_table(best.to_dicts())}
    return {}


def _picture(png: bytes, title: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")


@dg.multi_asset(
    name="estimate_audiences",
    specs=table_specs(audience_tables.TABLES, AUDIENCE_READS, {"python", "numpy"}),
    check_specs=[declared_spec(table) for table in audience_tables.TABLES],
    pool="unreleased",
)
def estimate_audiences(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Who would play the tracks in unreleased/: whose listeners, in which countries, how often, with ranges."""
    from analytics_platform.taste.audience_words import audience_words
    from analytics_platform.taste.audiences import audiences_in_use

    lake = platform.lake
    reads = versions(lake, AUDIENCE_READS)
    found = audiences_in_use(lake, platform.settings, context.log.info)
    frames = {TRACK_AUDIENCE: found.rows, AUDIENCE_SCORES: found.scores}
    for table in audience_tables.TABLES:
        metadata = written_metadata(lake, table, lake.write_frame(table, frames[table]), reads)
        if found.note:
            metadata["note"] = found.note
        if table is TRACK_AUDIENCE and len(found.rows):
            files = found.rows.partition_by("file", maintain_order=True)[:SHOWN]
            metadata["audiences"] = small_table(
                [{"file": rows["file"][0], "audience": audience_words(rows)} for rows in files]
            )
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in audience_tables.TABLES:
        yield check_declared(lake, table)
