"""When assets run by themselves.

Docs: https://docs.dagster.io/guides/automate/declarative-automation
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg


def after_its_inputs(optional: Sequence[dg.AssetKey] = ()) -> dg.AutomationCondition[dg.AssetKey]:
    """Run when an input is new, its checks have passed, and nothing upstream is still running.

    Inputs that are ``optional`` may never have been made, and then have no checks that could pass.

    ``eager()`` alone would never fire here: it waits until no partition of any input is missing,
    and of the days since 2015 most have no delivery. A failed run is not tried again until an
    input changes; a bare ``execution_failed`` condition is known to loop without end.
    """
    checked = dg.AutomationCondition.all_deps_blocking_checks_passed()
    if optional:
        checked = checked.ignore(dg.AssetSelection.assets(*optional))
    return (
        dg.AutomationCondition.eager()
        .without(~dg.AutomationCondition.any_deps_missing())
        .without(dg.AutomationCondition.in_latest_time_window())
        & checked
    ).with_label("after its inputs")


def while_missing() -> dg.AutomationCondition[Any]:
    """Run a partition that was never made: one that is new, or that was missing when the daemon first looked.

    ``on_missing()`` alone would leave what was missing before the daemon started. A failed partition is not
    tried again until somebody asks for it, or the definitions change.
    """
    missing = dg.AutomationCondition.missing()
    seen = missing.newly_true() | (missing & dg.AutomationCondition.initial_evaluation())
    handled = dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
    return (seen.since(handled) & missing & ~dg.AutomationCondition.any_deps_missing()).with_label("while missing")
