"""Assets of the room: vendors' files into tables, and the SQL models on top."""

import dagster as dg

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    declared_metadata,
    line_plot,
    written_metadata,
)
from analytics_platform.orchestration.partitions import DELIVERY_DAYS, ONE_RUN, run_days
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.sql_assets import ExtraCheck
from analytics_platform.streams.deliveries import RawStore, list_inbox
from analytics_platform.streams.ingest import Ingested, ingest
from analytics_platform.streams.tables import DELIVERIES, LISTENER_RETURNS, TABLES

ACCEPTED = dg.AssetCheckSpec(
    "accepted", asset=asset_key(DELIVERIES), description="No file of these days was refused or quarantined."
)
JUDGED_DAYS = 28
MIN_JUDGED_LISTENERS = 100


class IngestConfig(dg.Config):
    """What a run of the ingestion takes up."""

    changed_only: bool = False
    """Leave out days whose tables already hold what was received; the inbox sensor sets it."""


@dg.multi_asset(
    name="ingest_deliveries",
    specs=[
        dg.AssetSpec(
            asset_key(table),
            description=table.comment,
            group_name=table.schema,
            owners=[table.owner],
            kinds={"python", "duckdb", "deltalake"},
            metadata=declared_metadata(table),
            partitions_def=DELIVERY_DAYS,
        )
        for table in TABLES
    ],
    check_specs=[*(declared_spec(table) for table in TABLES), ACCEPTED],
    backfill_policy=ONE_RUN,
    pool="ingest",
)
def ingest_deliveries(
    context: dg.AssetExecutionContext, config: IngestConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Take the days' files from the inbox, and bring the days' partitions in line with all that was received."""
    settings, lake = platform.settings, platform.lake
    days = list(run_days(context))
    store = RawStore(settings.lake_root)
    files = [f for f in list_inbox(settings.inbox) if not f.problem and (f.day is None or f.day in days)]
    received = store.receive(settings.inbox, files)
    context.log.info(f"{len(files)} files in the inbox, {len(received)} of them new")
    if any(file.day is None for file in files):
        # A data set without days counts on the day it was first received, maybe by a run that died.
        undated = {record.ingest_date for record in store.records(day="undated")}
        days += sorted(undated - set(days))

    def log_progress(done: int, total: int) -> None:
        if done % max(total // 20, 1) == 0 or done == total:
            context.log.info(f"{done} of {total} files")

    result = ingest(settings, lake, days, changed_only=config.changed_only, progress=log_progress)
    store.clear(settings.inbox, files)
    commits = {commit.table: commit for commit in result.commits}
    for table in TABLES:
        metadata = written_metadata(lake, table, commits.get(table.full_name))
        if table is DELIVERIES:
            metadata |= _summary(result)
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in TABLES:
        yield check_declared(lake, table, {"ingest_date": days})
    bad = [o for o in result.outcomes if o.status in ("refused", "quarantined")]
    yield dg.AssetCheckResult(
        passed=not bad,
        check_name=ACCEPTED.name,
        asset_key=asset_key(DELIVERIES),
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{o.record.file_name}: {o.reason}" for o in bad[:20]) or None,
    )


def _summary(result: Ingested) -> Metadata:
    parsed = [outcome.parsed for outcome in result.outcomes if outcome.parsed]
    return {
        "files": len(result.outcomes),
        "rows_read": sum(p.rows_read for p in parsed),
        "good_rows": sum(p.good_rows for p in parsed),
        "rejected_rows": sum(p.rejected_rows for p in parsed),
        "refused_or_quarantined": sum(o.status in ("refused", "quarantined") for o in result.outcomes),
    }


def return_shares(lake: Lake) -> dict[str, float]:
    """Median share of a day's listeners who come back the next day, by vendor, over the last four weeks.

    Vendors with fewer than ``MIN_JUDGED_LISTENERS`` listeners on a usual day are not judged.
    """
    with lake.connect(LISTENER_RETURNS) as connection:
        rows = connection.execute(
            f"""with recent as (
                select *, max(play_date) over (partition by vendor) as last_date from streams.listener_returns)
            select vendor, median(return_share) from recent
            where play_date > last_date - {JUDGED_DAYS}
            group by vendor having median(listeners) >= {MIN_JUDGED_LISTENERS}"""
        ).fetchall()
    return {vendor: float(share) for vendor, share in rows}


def _check_ids(platform: Platform) -> dg.AssetCheckResult:
    shares = return_shares(platform.lake)
    least = platform.settings.min_return_share
    unstable = {vendor: share for vendor, share in shares.items() if share < least}
    with platform.lake.connect(LISTENER_RETURNS) as connection:
        series = connection.execute(
            "select vendor, list(return_share order by play_date) from streams.listener_returns"
            " group by vendor order by vendor"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not unstable,
        check_name=STABLE_IDS.spec.name,
        asset_key=asset_key(LISTENER_RETURNS),
        severity=dg.AssetCheckSeverity.ERROR,
        description=(
            f"Listener ids of {', '.join(sorted(unstable))} do not last from one day to the next (return share below "
            f"{least:.0%}): plays of several days can't be added up by listener, so no fan segments are made. "
            "Ask the vendor for persistent ids, or leave the feed out."
            if unstable
            else None
        ),
        metadata={
            **{f"return_share_{vendor}": share for vendor, share in shares.items()},
            "plot": line_plot(dict(series), "Share of a day's listeners who return the next day, by vendor"),
        },
    )


STABLE_IDS = ExtraCheck(
    dg.AssetCheckSpec(
        "ids_last",
        asset=asset_key(LISTENER_RETURNS),
        blocking=True,
        description="Listener ids return from one day to the next; else windows of weeks mean nothing.",
    ),
    _check_ids,
)
