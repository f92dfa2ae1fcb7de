"""When assets run by themselves.

Docs: https://docs.dagster.io/guides/automate/declarative-automation
"""

from __future__ import annotations

import dagster as dg


def after_its_inputs() -> dg.AutomationCondition[dg.AssetKey]:
    """Run when an input is new, its checks have passed, and nothing upstream is still running.

    ``eager()`` alone would never fire here: it waits until no partition of any input is missing,
    and of the days since 2015 most have no delivery. A failed run is not tried again until an
    input changes; a bare ``execution_failed`` condition is known to loop without end.
    """
    return (
        dg.AutomationCondition.eager()
        .without(~dg.AutomationCondition.any_deps_missing())
        .without(dg.AutomationCondition.in_latest_time_window())
        & dg.AutomationCondition.all_deps_blocking_checks_passed()
    ).with_label("after its inputs")
