"""The crawl of Spotify in development mode with faults and kills: what is lost, what is asked, and how long it takes.

``python -m analytics_platform_tests.benchmarks.catalogue`` measures this alone and prints the section.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from analytics_platform.catalogue.limiter import Limits
from analytics_platform_tests.catalogue.kills import crawl_with_kills

TITLE = "A crawl of Spotify that is killed"
TRACKS = 5_000
LIMITS = Limits(100, 30, 1_000)
"""About what a development application was seen to be given in 2026."""
KILL_AT = (700, 2_500, 4_800)
FAULT_SHARE = 0.02


def section() -> list[str]:
    """Markdown lines: 5,000 tracks of 47 artists, found from the artists, one track per call."""
    with tempfile.TemporaryDirectory() as folder:
        found = crawl_with_kills(Path(folder), TRACKS, LIMITS, kill_at=KILL_AT, fault_share=FAULT_SHARE)
    window = f"most calls in any {LIMITS.seconds:g} s, by the journal"
    rows: list[tuple[str, object, object]] = [
        ("tracks with their code", found.tracks, TRACKS),
        ("tracks lost", found.lost, 0),
        ("requests queued twice", found.queued_twice, 0),
        ("tracks with another's answer", found.wrong, 0),
        ("requests that did not end as ok", sum(n for name, n in found.outcomes.items() if name != "ok"), 0),
        ("tracks answered and asked again", found.answered_twice, f"at most {len(KILL_AT)}, one per kill"),
        (window, found.most_in_a_window, f"at most {LIMITS.calls}"),
        ("most calls on any day (UTC)", found.most_in_a_day, f"at most {LIMITS.calls_per_day:,}"),
        ("calls that Spotify saw beyond these limits", found.beyond_quota, 0),
        ("calls in the journal", found.calls, ""),
        ("calls that Spotify saw", found.served, f"at most {len(KILL_AT)} fewer"),
        ("days, as the limits count them", found.days, ""),
        ("seconds, with a clock that jumps over waits", round(found.seconds), ""),
    ]
    return [
        f"{TRACKS:,} tracks in development mode, found from their artists over albums; {FAULT_SHARE:.0%} of the calls",
        "fail (500, 503, 429 with and without a time, broken JSON, a lost connection), and the process is killed",
        f"(SIGKILL) after {', '.join(f'{n:,}' for n in KILL_AT)} calls. Real spotipy, a real server on the loopback.",
        "",
        "| measure | value | wanted |",
        "|---|---|---|",
        *(
            f"| {name} | {value:,} | {wanted if isinstance(wanted, str) else f'{wanted:,}'} |"
            for name, value, wanted in rows
        ),
    ]


if __name__ == "__main__":
    print("\n".join(section()))
