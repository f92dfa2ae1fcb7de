"""The last asset: the published DuckDB file."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from analytics_platform.lakehouse.publish import Exporter, publish
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.metadata import AssetEvents, asset_key
from analytics_platform.orchestration.resources import Platform

ANALYTICS_DUCKDB = dg.AssetKey(["published", "analytics_duckdb"])


def build_publish_asset(
    tables: Sequence[Table], views: Sequence[Table], macros: Path, exporters: Sequence[Exporter]
) -> dg.AssetsDefinition:
    """The asset that publishes ``tables`` and ``views``, with the table macros of a folder, and further exports."""

    @dg.asset(
        key=ANALYTICS_DUCKDB,
        deps=[asset_key(table) for table in (*tables, *views)],
        group_name="published",
        owners=["team:data"],
        kinds={"duckdb"},
        description="`analytics.duckdb`, the exports and the data dictionary: what analysts and BI tools open. "
        "The new file replaces the old one in one step; open readers keep the old one.",
        pool="publish",
    )
    def analytics_duckdb(platform: dg.ResourceParam[Platform]) -> AssetEvents:
        sources = [path.read_text() for path in sorted(macros.glob("*.sql"))]
        result = publish(platform.lake, platform.settings.home, tables, views, sources, exporters)
        size = (result.folder / "analytics.duckdb").stat().st_size
        yield dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(platform.settings.database)),
                "size_bytes": size,
                "tables": dg.MetadataValue.table(
                    [dg.TableRecord({"table": name, "rows": rows}) for name, rows in result.rows.items()]
                ),
            }
        )

    return analytics_duckdb
