"""One run of everything in the home that the environment names: what the chaos tests kill."""

from __future__ import annotations

import os
import sys
from datetime import date

from analytics_platform.orchestration.run import run_job
from analytics_platform.settings import Settings


def main(first: str, last: str) -> int:
    """Run the job ``all`` for the days from ``first`` to ``last``; 0 if it succeeded."""
    print("started", flush=True)
    days = date.fromisoformat(first), date.fromisoformat(last)
    result = run_job(
        Settings(),
        "all",
        days,
        changed_only=True,
        on_step=lambda name, done, total: print(name, done, total, flush=True),
    )
    if result.error:
        print(result.error, file=sys.stderr)
    return 0 if result.succeeded else 1


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
