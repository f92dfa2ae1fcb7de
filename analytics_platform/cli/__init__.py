"""The command line: ``analytics-platform demo | ingest | score | train | similar | status | excel | dev`` and more."""

from __future__ import annotations

import atexit
import os
import sys
import threading

from analytics_platform.cli.app import app

# In this order the commands are listed.
from analytics_platform.cli import sample  # isort: skip
from analytics_platform.cli import deliveries  # isort: skip
from analytics_platform.cli import tracks  # isort: skip
from analytics_platform.cli import exports  # isort: skip
from analytics_platform.cli import tools  # isort: skip

__all__ = ["app", "deliveries", "exports", "main", "sample", "tools", "tracks"]


def main() -> None:
    """Run the command that the shell names, and end the process without taking Python apart.

    Where PyTorch was in the process, DuckDB's binding would end it with a list of objects that it calls leaked:
    hundreds of lines below the last result.
    """
    try:
        app()
    except SystemExit as end:
        # What Python does first at its end: other threads may finish, and modules do what they asked for.
        threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
