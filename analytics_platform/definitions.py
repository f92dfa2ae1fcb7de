"""The entry point of Dagster: all definitions, from the settings in the environment."""

from __future__ import annotations

import dagster as dg

from analytics_platform.orchestration.build import build_defs
from analytics_platform.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    """Everything, for ``dagster dev``, ``dg dev`` and the workers."""
    return build_defs(Settings())
