"""How the page is started: no request leaves the machine, and no error shows its insides."""

from __future__ import annotations

import sys
from pathlib import Path

ADDRESS = "127.0.0.1"
APP = Path(__file__).parent / "frame" / "app.py"

OPTIONS = {
    "server.address": ADDRESS,
    "server.headless": "true",
    "server.fileWatcherType": "none",
    # A phone that slept for a quarter of an hour starts afresh; memory is for the readers who are there.
    "server.disconnectedSessionTTL": "60",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "client.showSidebarNavigation": "false",
    "logger.hideWelcomeMessage": "true",
    "runner.magicEnabled": "false",
    "theme.base": "light",
    "theme.primaryColor": "#08519c",
    "theme.linkColor": "#08519c",
    "theme.textColor": "#1a1a1a",
}


def command(port: int) -> list[str]:
    """The command line that serves the page on ``port`` of this machine only."""
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}", *options]


def environment() -> dict[str, str]:
    """Variables that keep the process small: few threads, and memory that is given back."""
    return {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": "131072",
        "MALLOC_MMAP_THRESHOLD_": "131072",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "_RJEM_MALLOC_CONF": "dirty_decay_ms:500,muzzy_decay_ms:0,narenas:1",
        "POLARS_MAX_THREADS": "2",
        "OMP_NUM_THREADS": "1",
    }
