"""A full disk, for real: the run fails, tables and inbox stay as they were, and the next run succeeds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analytics_platform_tests.streams.world import FUGA, SPOTIFY

OWN_MOUNTS = ["unshare", "--mount", "--user", "--map-root-user"]


def can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        [*OWN_MOUNTS, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.mark.parametrize("kind", ["mounted", "limited"])
def test_a_full_disk_loses_nothing(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "analytics_platform_tests.streams.full_disk", kind, str(tmp_path)]
    if kind == "mounted":
        if not can_mount(tmp_path):
            pytest.skip(
                "NO FULL DISK: this machine allows no mount in a namespace; only the limit of file size is tested"
            )
        command = [*OWN_MOUNTS, *command]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    happened: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    assert len([h for h in happened if h["error"]]) >= 2, happened
    for h in happened:
        if h["error"]:
            assert h["waiting"] == [FUGA, SPOTIFY] and h["delivered_between"] == [FUGA], h
            # A vendor's tables are committed one after the other, each as a whole, the deliveries last.
            counts = {vendor: rows for vendor, rows, _ in h["plays_between"]}
            assert counts["fuga"] in (1, 2) and counts.get("spotify", 8000) == 8000, h
            assert not h["shows_listener"], h
        assert h["plays"] == [["fuga", 2, 2], ["spotify", 8000, 8000]], h
        assert h["inbox"] == [] and h["spill"] == 0, h
