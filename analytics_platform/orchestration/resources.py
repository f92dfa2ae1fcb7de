"""The one resource: settings and the lake that they name.

Docs: https://docs.dagster.io/guides/build/external-resources
"""

from __future__ import annotations

from dataclasses import dataclass

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings


@dataclass(frozen=True)
class Platform:
    """What every asset body is handed: settings, and the lake below ``settings.home``."""

    settings: Settings

    @property
    def lake(self) -> Lake:
        """A fresh handle; it holds no connection."""
        return Lake(
            self.settings.lake_root, memory_limit_mb=self.settings.memory_limit_mb, threads=self.settings.threads
        )
