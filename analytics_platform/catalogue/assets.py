"""Assets of the room: own masters, what outside catalogues say, and a clip for each recording."""

import dagster as dg

from analytics_platform.catalogue.tables import CLIPS, REJECTED_MASTERS, REQUESTS, TABLES
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import AssetEvents, asset_key, small_table, versions, written_metadata
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import table_specs
from analytics_platform.streams.tables import PLAYS, TRACK_ARTISTS


@dg.multi_asset(
    name="gather_catalogue",
    specs=table_specs(TABLES, [TRACK_ARTISTS, PLAYS], {"python", "deltalake"}),
    check_specs=[declared_spec(table) for table in TABLES],
    pool="catalogue",
)
def gather_catalogue(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Ask outside catalogues for the label's recordings, as far as they may be asked today, and find their clips."""
    from analytics_platform.catalogue.gathering import gather

    lake = platform.lake
    reads = versions(lake, (TRACK_ARTISTS, PLAYS))
    gathered = gather(lake, platform.settings, say=context.log.info)
    for reason, count in gathered.unread.most_common():
        context.log.warning(f"{count} answers: {reason}")
    for table in TABLES:
        metadata = written_metadata(lake, table, gathered.commits[table.full_name], reads)
        if table is CLIPS:
            rows = lake.read(CLIPS).group_by("source", "may_analyse", "may_train", "may_display").len("recordings")
            metadata["by_source_and_rights"] = small_table(rows.sort("recordings", descending=True).to_dicts())
        if table is REQUESTS:
            answers = [{"source_and_outcome": name, "answers": n} for name, n in sorted(gathered.asked.items())]
            metadata["asked_in_this_run"] = small_table(answers)
            if gathered.resume_at is not None:
                metadata["goes_on_at"] = f"{gathered.resume_at:%Y-%m-%d %H:%M} UTC"
        if table is REJECTED_MASTERS:
            reasons = (
                lake.read(REJECTED_MASTERS).group_by("reason").len("files").sort("files", descending=True).head(20)
            )
            metadata["by_reason"] = small_table(reasons.to_dicts())
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in TABLES:
        yield check_declared(lake, table)
