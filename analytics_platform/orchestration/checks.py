"""Blocking checks from the table declarations, run in the step that wrote the table.

A check in a step of its own would cost a process start each. Docs:
https://docs.dagster.io/guides/test/asset-checks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from analytics_platform.lakehouse.lake import Lake, quoted
from analytics_platform.lakehouse.tables import Table
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.orchestration.metadata import asset_key

DECLARED = "declared"


def declared_spec(table: Table) -> dg.AssetCheckSpec:
    """The check that a table is as declared; assets downstream in the run wait for it."""
    return dg.AssetCheckSpec(
        DECLARED,
        asset=asset_key(table),
        blocking=True,
        description="Nulls, ranges, codes and key are as declared.",
    )


def check_declared(lake: Lake, table: Table, only: Mapping[str, Sequence[object]] | None = None) -> dg.AssetCheckResult:
    """Hold the newest version of a table (or the partitions ``only``) against its declaration."""
    with lake.connect(table, only=only) as connection:
        violations = find_violations(connection, table, quoted(table))
    shown = ", ".join(f"{v.rows} rows: {v.rule}" for v in violations)
    return dg.AssetCheckResult(
        passed=not violations,
        check_name=DECLARED,
        asset_key=asset_key(table),
        severity=dg.AssetCheckSeverity.ERROR,
        description=shown or None,
        metadata={"violations": {v.rule: v.rows for v in violations}} if violations else {},
    )
