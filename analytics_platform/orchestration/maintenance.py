"""Upkeep of the lake: compaction and vacuum, on a schedule."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.resources import Platform
from analytics_platform.streams.erasure import expire


def maintenance_job(tables: Sequence[Table]) -> dg.JobDefinition:
    """A job that merges small files and deletes what no kept version needs."""

    @dg.op(name="maintain_lake", pool="maintenance")
    def maintain_lake(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
        lake = platform.lake
        files, partitions = expire(platform.settings, tables, datetime.now(UTC).date())
        context.log.info(f"past their retention: {files} raw files, {partitions} days of listener rows")
        for table in tables:
            merged = lake.compact(table)
            with lake.writing(alone=True):
                deleted = lake.vacuum(table, keep_days=platform.settings.table_history_days)
            context.log.info(f"{table.full_name}: {merged} small files merged, {deleted} old files deleted")

    @dg.job(name="maintain", description="Compact and vacuum all tables of the lake.")
    def maintain() -> None:
        maintain_lake()

    return maintain
