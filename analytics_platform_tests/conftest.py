"""What every test starts from."""

from __future__ import annotations

import os

import pytest

# By these rich cuts tables to the width of a terminal and colours them, and then they do not say what a test reads. It
# looks at the width when the command line is imported, before any test can set it.
for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(name, None)

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
