"""Runs in a process of its own (``test_full_disk``): deliveries on a disk that is full at some moment.

``python -m … mounted|limited FOLDER``: on a small tmpfs in a mount namespace of its own, or under a limit
of the size of a file. Prints what happened at each moment as JSON.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from analytics_platform_tests.streams.world import FUGA, SPOTIFY, Home, fuga, gz, ndjson, stream, trend

KIB = 1024
DISK_KIB = 24 * KIB
FREE_KIB = (0, 152, 177, 187, 192, 300, 1500, 2500)
"""From no room for the raw copy to room for nearly everything."""
LIMITS_KIB = (10, 100, 400)


def rows() -> bytes:
    dice = random.Random(7)
    return gz(ndjson(stream(i, user_id=f"VERYPRIVATE{dice.getrandbits(64)}", note=f"{i:x}") for i in range(8000)))


def moment(folder: Path, hinder: Callable[[Path], Callable[[], None]]) -> dict[str, object]:
    """A home with one day loaded gets another file and its first one revised, on a disk that is full."""
    home = Home(folder)
    home.deliver(FUGA, gz(fuga(trend(1))))
    home.put(SPOTIFY, rows())
    home.put(FUGA, gz(fuga(trend(1), trend(2))))
    release = hinder(folder)
    error = ""
    try:
        home.take()
    except Exception:
        error = traceback.format_exc()
    finally:
        release()
    told = error.strip().splitlines()[-1] if error else ""
    query = "select vendor, count(*), sum(plays) from streams.plays group by 1 order by 1"
    between = home.rows(query)
    delivered = sorted(home.deliveries())
    waiting = home.files()
    home.take()
    return {
        "error": told,
        "shows_listener": "VERYPRIVATE" in error or home.settings.secret().decode() in error,
        "plays_between": between,
        "delivered_between": delivered,
        "waiting": waiting,
        "statuses": sorted(d.status for d in home.deliveries().values()),
        "plays": home.rows(query),
        "inbox": home.files(),
        "spill": len([p for p in (home.settings.lake_root / "spill").rglob("*") if p.is_file()]),
    }


def ballast(free_kib: int) -> Callable[[Path], Callable[[], None]]:
    def fill(folder: Path) -> Callable[[], None]:
        ballast = folder.parent / "ballast"
        size = shutil.disk_usage(folder).free - free_kib * KIB
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        return ballast.unlink

    return fill


def limit(size_kib: int) -> Callable[[Path], Callable[[], None]]:
    def lower(_: Path) -> Callable[[], None]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_kib * KIB, resource.RLIM_INFINITY))
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)

    return lower


def main(kind: str, folder: Path) -> None:
    if kind == "mounted":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", folder], check=True)
    sizes = FREE_KIB if kind == "mounted" else LIMITS_KIB
    happened: list[dict[str, object]] = []
    for size in sizes:
        home = folder / f"home-{size}"
        happened.append({"kib": size} | moment(home, ballast(size) if kind == "mounted" else limit(size)))
        shutil.rmtree(home)
    print(json.dumps(happened))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
