"""Asset specs of tables: what a step in Python says of the tables that it writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import dagster as dg

from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.automation import after_its_inputs
from analytics_platform.orchestration.metadata import asset_key, declared_metadata


def table_specs(
    tables: Sequence[Table], deps: Sequence[Table], kinds: set[str], optional: Sequence[Table] = ()
) -> list[dg.AssetSpec]:
    """Specs of tables that one step makes from others, and makes anew when these change.

    Those of the others that are ``optional`` a label may never have: the step does not wait for them.
    """
    return [
        dg.AssetSpec(
            asset_key(table),
            deps=[asset_key(dep) for dep in deps],
            description=table.comment,
            group_name=table.schema,
            owners=[table.owner],
            kinds=kinds,
            metadata=declared_metadata(table),
            automation_condition=after_its_inputs([asset_key(table) for table in optional]),
        )
        for table in tables
    ]


def partition_spec(
    table: Table, deps: Sequence[Table], partitioned: Collection[Table], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetSpec:
    """The spec of a table whose partitions a person starts: nets, and parts of a grid.

    Each partition is made from all partitions of those of the others that are ``partitioned``.
    """
    return dg.AssetSpec(
        asset_key(table),
        deps=all_partitions(deps, partitioned),
        description=f"{table.comment} A person starts a partition; none is trained by itself.",
        group_name=table.schema,
        owners=[table.owner],
        kinds={"python", "pytorch"},
        metadata=declared_metadata(table),
        partitions_def=partitions,
    )


def all_partitions(deps: Sequence[Table], partitioned: Collection[Table]) -> list[dg.AssetDep]:
    """Dependencies on whole tables, those that are ``partitioned`` too."""
    return [
        dg.AssetDep(asset_key(dep), partition_mapping=dg.AllPartitionMapping() if dep in partitioned else None)
        for dep in deps
    ]
