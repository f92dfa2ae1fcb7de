"""The declarations of the room and its start-up."""

from __future__ import annotations

import subprocess
import sys

from analytics_platform.fans.tables import TABLES


def test_names_are_unique_and_every_column_says_what_it_means() -> None:
    assert len({table.full_name for table in TABLES}) == len(TABLES)
    assert all(column.comment.endswith(".") for table in TABLES for column in table)


def test_the_room_loads_without_heavy_packages() -> None:
    code = (
        "import sys, analytics_platform.fans.tables, analytics_platform.fans.lda, "
        "analytics_platform.fans.level_changes; "
        "sys.exit(bool({'sklearn', 'scipy', 'dagster', 'polars', 'duckdb'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
