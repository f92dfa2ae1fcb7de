"""Write constraints.txt: the newest versions that pyproject.toml allows, resolved as for an empty environment.

Run by `make lock`, on the oldest supported Python. torch stays at the version that constraints.txt pins (to raise it,
edit that line first) and is written without the name of its build: the file serves every machine.
"""

import json
import re
import tempfile
from pathlib import Path

from install import CONSTRAINTS, PYTORCH_CPU_INDEX, attempt, cpu_torch, fail, say, torch_version

HEADER = "# Tested versions, written by `make lock`. To raise torch, edit its line, then run `make lock`.\n"
LEFT_OUT = ("analytics-platform", "pip")


def main() -> None:
    """Resolve and write."""
    wanted = (cpu_torch(torch_version()), ".[dev]")
    say(f"resolving {' '.join(wanted)}")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        dry_run = ("install", "--dry-run", "--ignore-installed", "--report", str(report))
        # The second index is added, not put in the place of PyPI, and asked only where the first has no CPU build.
        if not attempt(*dry_run, *wanted) and not attempt(*dry_run, "--extra-index-url", PYTORCH_CPU_INDEX, *wanted):
            fail("no set of versions fits pyproject.toml")
        metadata = [entry["metadata"] for entry in json.loads(report.read_text(encoding="utf-8"))["install"]]
    versions = {re.sub(r"[-_.]+", "-", entry["name"]).lower(): entry["version"].split("+")[0] for entry in metadata}
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items()) if name not in LEFT_OUT]
    CONSTRAINTS.write_text(HEADER + "".join(lines), encoding="utf-8")
    say(f"{CONSTRAINTS.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
