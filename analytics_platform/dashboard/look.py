"""How things look and how numbers are written, the same on every page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

SEGMENT_COLOURS = {"passive": "#a6bddb", "casual": "#3690c0", "diehard": "#034e7b"}
"""From light to dark with devotion; distinct in grey too."""
EMPHASIS = "#c2410c"
"""The one thing to look at."""
MUTED = "#d4d4d4"
"""What there is no number for."""
SCALE = ("#fee6ce", "#fdae6b", "#e6550d", "#8c2d04")
"""For amounts: from few to many."""

VENDOR_NAMES = {"spotify": "Spotify", "apple": "Apple", "fuga": "FUGA"}
"""What vendors call themselves, by their name in the data; others stand as they are."""


def segment_colours(segments: Sequence[str]) -> list[str]:
    """A colour per segment, ordered by devotion. Segments between the ends (casual 1, casual 2 …) share one hue."""
    between = [name for name in segments if name not in ("passive", "diehard")]
    shades = ("#74a9cf", "#3690c0", "#0570b0", "#045a8d")
    if len(between) == 1:
        return [SEGMENT_COLOURS["casual"] if name in between else SEGMENT_COLOURS[name] for name in segments]
    shade = dict(zip(between, shades, strict=False))
    return [SEGMENT_COLOURS.get(name) or shade.get(name, shades[-1]) for name in segments]


def plain(text: str | None) -> str:
    """Text from data, for use in markdown: what would be markup there is shown as written."""
    return "" if text is None else re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", " ".join(text.split()))


def vendor_name(vendor: str) -> str:
    """What a vendor calls itself, for use in markdown."""
    return plain(VENDOR_NAMES.get(vendor, vendor))


def percent(share: float | None, places: int = 0) -> str:
    """A share of 0 to 1 as people read it; a dash for none."""
    return "–" if share is None else f"{100 * share:.{places}f} %"


def count(number: float | None) -> str:
    """A whole number with separators; a dash for none."""
    return "–" if number is None else f"{round(number):,}"


def signed(number: float | None) -> str:
    """A difference with its sign; a dash for none."""
    return "–" if number is None else f"{round(number):+,}".replace("-", "−")


def change(now: float | None, before: float | None) -> str | None:
    """The change as a signed share of before; None where there is nothing to compare with."""
    if now is None or not before:
        return None
    return f"{100 * (now - before) / before:+.0f} %".replace("-", "−")


def spread(low: float | None, high: float | None) -> str:
    """Both ends of a range of amounts."""
    return "–" if low is None or high is None else f"{count(low)} to {count(high)}".replace("-", "−")


def day(moment: date | None) -> str:
    """A day as written in all of the world's offices: 31 Mar 2026."""
    return "–" if moment is None else f"{moment.day} {moment:%b %Y}"


def days(window: int) -> str:
    """The name of a window."""
    return "all of the data" if window == 0 else f"the last {window} days"


def plural(number: int, one: str, many: str = "") -> str:
    """``1 artist``, ``2 artists``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
