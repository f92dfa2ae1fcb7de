"""The command line: ``analytics-platform demo | ingest | score | train | similar | status | excel | dev`` and more."""

from __future__ import annotations

from analytics_platform.cli.app import app

# In this order the commands are listed.
from analytics_platform.cli import sample  # isort: skip
from analytics_platform.cli import deliveries  # isort: skip
from analytics_platform.cli import tracks  # isort: skip
from analytics_platform.cli import exports  # isort: skip
from analytics_platform.cli import tools  # isort: skip

__all__ = ["app", "deliveries", "exports", "sample", "tools", "tracks"]
