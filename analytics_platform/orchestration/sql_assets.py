"""SQL models as assets: one asset a file, with dependencies and column lineage from its syntax tree."""

from collections.abc import Callable, Collection, Mapping, Sequence

import dagster as dg

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.sql_models import SqlModel
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.automation import after_its_inputs
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    column_lineage,
    declared_metadata,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.partitions import DELIVERY_DAYS, ONE_RUN, run_days
from analytics_platform.orchestration.resources import Platform

Inspect = Callable[[Platform], dg.AssetCheckResult]
"""An extra check of a table, run after it is written; see ``ExtraCheck``."""


class ExtraCheck:
    """A check beyond the declaration: its spec, and how to do it."""

    def __init__(self, spec: dg.AssetCheckSpec, inspect: Inspect) -> None:
        self.spec, self.inspect = spec, inspect


def is_daily(table: Table) -> bool:
    """Whether a table has the days of delivery as partitions."""
    return "ingest_date" in table.partition_by


def run_model(
    lake: Lake, model: SqlModel, only: Mapping[str, Sequence[object]] | None, reads: Mapping[str, int | None]
) -> Metadata:
    """Run a model over pinned versions of its inputs and replace its table or partitions; gives metadata."""
    pinned = {name: version for name, version in reads.items() if version is not None}
    # Only inputs with the same partitions are narrowed to them: the others are looked up whole.
    replace = [(name, "in", values) for name, values in (only or {}).items()]
    with lake.connect(*model.depends_on, versions=pinned, only=only) as connection:
        commit = lake.write(model.table, connection, model.sql, replace=replace or ())
    return written_metadata(lake, model.table, commit, reads)


def build_sql_asset(
    model: SqlModel, extra: ExtraCheck | None = None, optional: Collection[Table] = ()
) -> dg.AssetsDefinition:
    """The asset of one SQL file; it does not wait for inputs that are ``optional``."""
    table = model.table
    daily = is_daily(table)

    @dg.asset(
        key=asset_key(table),
        deps=[asset_key(source) for source in model.depends_on],
        description=f"{model.description}\n\n```sql\n{model.sql}\n```",
        group_name=table.schema,
        owners=[table.owner],
        kinds={"sql", "duckdb"},
        code_version=model.code_version,
        metadata=declared_metadata(table) | {"dagster/column_lineage": column_lineage(model.lineage)},
        partitions_def=DELIVERY_DAYS if daily else None,
        backfill_policy=ONE_RUN if daily else None,
        # Days travel with the run that ingests them; what has no days follows by itself.
        automation_condition=None
        if daily
        else after_its_inputs([asset_key(source) for source in model.depends_on if source in optional]),
        check_specs=[declared_spec(table), *([extra.spec] if extra else [])],
    )
    def sql_asset(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
        lake = platform.lake
        only = {"ingest_date": run_days(context)} if daily else None
        metadata = run_model(lake, model, only, versions(lake, model.depends_on))
        yield dg.MaterializeResult(metadata=metadata)
        yield check_declared(lake, table, only)
        if extra:
            yield extra.inspect(platform)

    return sql_asset


def build_sql_assets(
    models: Sequence[SqlModel],
    extras: Mapping[str, ExtraCheck] | None = None,
    optional: Mapping[str, Collection[Table]] | None = None,
) -> list[dg.AssetsDefinition]:
    """The assets of all SQL files; ``extras`` and ``optional`` inputs are by full table name."""
    names = [model.table.full_name for model in models]
    return [
        build_sql_asset(model, (extras or {}).get(name), (optional or {}).get(name, ()))
        for model, name in zip(models, names, strict=True)
    ]
