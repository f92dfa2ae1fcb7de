"""Assets of the room: who shares an audience, and where the next listeners are."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from analytics_platform.artists.tables import (
    ARTIST_CLUSTERS,
    AUDIENCE_SCORES,
    AUDIENCES,
    MARKET_SCORES,
    POTENTIAL_STREAMS,
    SIMILAR_ARTISTS,
)
from analytics_platform.fans.tables import LISTENER_ARTIST_PLAYS
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    asset_key,
    scatter_plot,
    score_tables,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import table_specs
from analytics_platform.streams.tables import (
    ARTIST_COUNTRY_DAYS,
    ARTIST_GENRES,
    ARTIST_NAMES,
    CLOSED_MARKETS,
    LISTENER_ARTIST_DAYS,
)

if TYPE_CHECKING:
    import polars as pl


@dg.multi_asset(
    name="compare_artists",
    specs=table_specs(AUDIENCES, [LISTENER_ARTIST_PLAYS, ARTIST_NAMES, ARTIST_GENRES], {"python", "scikitlearn"}),
    check_specs=[declared_spec(table) for table in AUDIENCES],
    pool="models",
)
def compare_artists(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Neighbours, links and clusters of artists by their listeners, with stable cluster ids, and how stable all is."""
    from analytics_platform.artists.comparing import compare_artists

    lake, settings = platform.lake, platform.settings
    reads = versions(lake, (LISTENER_ARTIST_PLAYS, ARTIST_NAMES, ARTIST_GENRES))
    compared = compare_artists(
        lake, settings.models_root, least_listeners=settings.min_cell_listeners, say=context.log.info
    )
    for name, reason in compared.skipped.items():
        context.log.warning(f"{name}: no neighbours: {reason}")
    for table in AUDIENCES:
        metadata = written_metadata(lake, table, compared.commits[table.full_name], reads)
        if table is ARTIST_CLUSTERS:
            metadata |= {f"map {name}": _map(name, rows) for name, rows in compared.maps.items()}
            metadata |= {f"churn {name}": round(churn, 4) for name, churn in compared.churn.items()}
        elif table is SIMILAR_ARTISTS and compared.skipped:
            metadata["skipped"] = compared.skipped
        elif table is AUDIENCE_SCORES:
            for name, scores in compared.scores.items():
                metadata |= score_tables(scores, f" {name}")
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in AUDIENCES:
        yield check_declared(lake, table)


@dg.multi_asset(
    name="estimate_markets",
    specs=table_specs(
        [POTENTIAL_STREAMS], [SIMILAR_ARTISTS, ARTIST_COUNTRY_DAYS, CLOSED_MARKETS, ARTIST_NAMES], {"python", "polars"}
    ),
    check_specs=[declared_spec(POTENTIAL_STREAMS)],
)
def estimate_markets(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """What similar artists' plays suggest for an artist in every country, and where to go next."""
    from analytics_platform.artists.targeting import estimate_markets

    lake = platform.lake
    reads = versions(lake, (SIMILAR_ARTISTS, ARTIST_COUNTRY_DAYS, CLOSED_MARKETS))
    found = estimate_markets(lake)
    metadata = written_metadata(lake, POTENTIAL_STREAMS, found.commit, reads)
    if found.note:
        context.log.warning(found.note)
        metadata["note"] = found.note
    if found.top:
        metadata["most common first country"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"country": f"{name} ({code})", "artists": f"{share:.0%}"})
                for code, name, share in found.top
            ]
        )
    yield dg.MaterializeResult(metadata=metadata)
    yield check_declared(lake, POTENTIAL_STREAMS)


@dg.multi_asset(
    name="backtest_markets",
    specs=table_specs(
        [MARKET_SCORES], [LISTENER_ARTIST_DAYS, ARTIST_COUNTRY_DAYS, CLOSED_MARKETS], {"python", "polars"}
    ),
    check_specs=[declared_spec(MARKET_SCORES)],
    pool="models",
)
def backtest_markets(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Ranks markets from what was known one window ago, and scores the ranks on what came, beside dummies."""
    from analytics_platform.artists.backtest import THIRDS
    from analytics_platform.artists.targeting import backtest_markets

    lake, settings = platform.lake, platform.settings
    reads = versions(lake, (LISTENER_ARTIST_DAYS, ARTIST_COUNTRY_DAYS, CLOSED_MARKETS))
    found = backtest_markets(lake, settings.windows_days, settings.min_cell_listeners)
    metadata = written_metadata(lake, MARKET_SCORES, found.commit, reads)
    if found.note:
        context.log.warning(found.note)
        metadata["note"] = found.note
    if found.scores:
        thirds = tuple(f"_{third}" for third in THIRDS)
        metadata |= score_tables([s for s in found.scores if not s.metric.endswith(thirds)])
        for score in found.scores:
            if score.metric == "precision_at_5":
                metadata[f"precision_at_5 {score.model}"] = round(score.value, 4)
    yield dg.MaterializeResult(metadata=metadata)
    yield check_declared(lake, MARKET_SCORES)


MAP_ARTISTS = 500


def _map(name: str, rows: "pl.DataFrame") -> "dg.MetadataValue[Any]":
    """The artists with most listeners on their map, coloured by cluster."""
    import polars as pl

    placed = rows.filter(pl.col("map_x").is_not_null()).sort(["listeners", "artist_id"], descending=[True, False])
    shown = placed.head(MAP_ARTISTS)
    points = list(shown.select("map_x", "map_y", "cluster_id", "artist_name").iter_rows())
    groups = dict(shown.drop_nulls("cluster_id").select("cluster_id", "cluster_name").iter_rows())
    return scatter_plot(points, groups, f"{name}: {len(points)} artists with most listeners; near = common audience")
