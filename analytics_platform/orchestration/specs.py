"""Asset specs of tables: what a step in Python says of the tables that it writes."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.automation import after_its_inputs
from analytics_platform.orchestration.metadata import asset_key, declared_metadata


def table_specs(tables: Sequence[Table], deps: Sequence[Table], kinds: set[str]) -> list[dg.AssetSpec]:
    """Specs of tables that one step makes from others, and makes anew when these change."""
    return [
        dg.AssetSpec(
            asset_key(table),
            deps=[asset_key(dep) for dep in deps],
            description=table.comment,
            group_name=table.schema,
            owners=[table.owner],
            kinds=kinds,
            metadata=declared_metadata(table),
            automation_condition=after_its_inputs(),
        )
        for table in tables
    ]
