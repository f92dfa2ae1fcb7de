"""What every test starts from."""

from __future__ import annotations

import os

import pytest

# rich takes the width of its console from here, once, when the command line is imported: CI sets it to 80, and a
# table that is cut to that says less than a test reads.
os.environ.pop("COLUMNS", None)

LONGEST_FIRST = (
    "test_cli.py",
    "orchestration/test_end_to_end.py",
    "orchestration/test_runs.py",
    "chaos/test_kill.py",
    "orchestration/test_erasing.py",
    "tracks/test_net_training.py",
    "taste/test_predictors.py",
    "orchestration/test_automation.py",
    "orchestration/test_dask.py",
    "orchestration/test_published_counts.py",
    "dashboard/test_browser.py",
)
"""Modules of a minute or more: one that comes last leaves the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest modules; the others keep their order."""

    def rank(item: pytest.Item) -> int:
        path = item.nodeid.partition("::")[0]
        return next((i for i, name in enumerate(LONGEST_FIRST) if path.endswith(f"/{name}")), len(LONGEST_FIRST))

    items.sort(key=rank)
