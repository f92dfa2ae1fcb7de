"""Faults planted in delivered files: rows beside the good ones, so good rows = plays, always.

A fault is a copy of a good row, broken in one way (or not at all: a duplicate). A file gets at most
one fault in 25 rows, so that small samples hold no file that is mostly broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from analytics_platform.sample_label.spec import RESTATED_AFTER_DAYS

FAULT_SHARE = 0.0015
LEAST_ROWS_PER_FAULT = 25
MISSING_SHARE = 0.10
"""Share of rows that the first version of a restated file lacks."""

KINDS = {
    "duplicate": "exact copy of another row of the file",
    "null_listener": "no listener id",
    "null_track": "no track id, nor any other code of the track",
    "null_isrc": "no recording code (the roster's releases)",
    "unreadable_date": "release date TBA (the roster's releases)",
    "negative_duration": "listened time -5",
    "absurd_duration": "listened time 999999 s",
    "future_time": "played in 2099",
    "ancient_time": "played in 1867",
    "extra_column": "TSV line with one column too many",
    "missing_columns": "TSV line that ends after five columns",
    "invalid_json": "NDJSON line that is cut off",
}
LINE_FAULTS: Mapping[str, Callable[[bytes], bytes]] = {
    "extra_column": lambda line: line + b"\tunexpected",
    "missing_columns": lambda line: b"\t".join(line.split(b"\t")[:5]),
    "invalid_json": lambda line: line[: len(line) * 2 // 3],
}
"""How a rendered line, without its end, is broken."""

Overrides = Mapping[str, Mapping[str, str | int | None]]
"""For each kind of fault of a feed: the values that replace the good row's."""


@dataclass(frozen=True, slots=True)
class DeliveredRows:
    """Rows of one file in order, with what is wrong."""

    rows: pl.DataFrame
    is_plain: np.ndarray
    """False for faults and for rows that a duplicate copies."""
    line_faults: dict[int, str] = field(default_factory=dict)
    """Row number to kind, for faults that exist only as text."""
    counts: Counter[str] = field(default_factory=Counter)

    def render(self, to_bytes: Callable[[pl.DataFrame], bytes]) -> bytes:
        """The rows as text, broken lines included."""
        parts, done = [], 0
        for position, kind in sorted(self.line_faults.items()):
            parts.append(to_bytes(self.rows[done:position]))
            parts.append(LINE_FAULTS[kind](to_bytes(self.rows[position : position + 1])[:-1]) + b"\n")
            done = position + 1
        parts.append(to_bytes(self.rows[done:]))
        return b"".join(parts)

    def without_some(self, random: np.random.Generator) -> DeliveredRows:
        """About a tenth of the plain rows removed, every fault kept: a first, incomplete version."""
        kept = ~(self.is_plain & (random.random(self.rows.height) < MISSING_SHARE))
        new_position = np.cumsum(kept) - 1
        line_faults = {int(new_position[old]): kind for old, kind in self.line_faults.items()}
        return DeliveredRows(self.rows.filter(pl.Series(kept)), self.is_plain[kept], line_faults, self.counts)


def versions(
    random: np.random.Generator, full: DeliveredRows, day: int, is_restated: bool
) -> list[tuple[DeliveredRows, int, bool]]:
    """How often a data day's file is delivered: rows, arrival day index, and whether it is replaced later."""
    if not is_restated:
        return [(full, day + 1, False)]
    return [(full.without_some(random), day + 1, True), (full, day + 1 + RESTATED_AFTER_DAYS, False)]


def plant(random: np.random.Generator, rows: pl.DataFrame, overrides: Overrides) -> DeliveredRows:
    """Add faults of the feed's kinds to a file's rows, at random places; a third are duplicates."""
    count = min(int(random.poisson(FAULT_SHARE * rows.height)), rows.height // LEAST_ROWS_PER_FAULT)
    if count == 0:
        return DeliveredRows(rows, np.ones(rows.height, dtype=bool))
    kinds = list(overrides)
    weights = np.array([(len(kinds) - 1) / 2 if kind == "duplicate" else 1.0 for kind in kinds])
    kind_of = random.choice(len(kinds), count, p=weights / weights.sum())
    sources = random.choice(rows.height, count, replace=False)
    places = random.integers(0, rows.height, count)
    frames, sources_in_order, places_in_order, kinds_in_order = [rows], [], [], []
    for number, kind in enumerate(kinds):
        chosen = np.flatnonzero(kind_of == number)
        values = [pl.lit(value, dtype=rows.schema[name]).alias(name) for name, value in overrides[kind].items()]
        frames.append(rows[sources[chosen]].with_columns(values))
        sources_in_order.extend(sources[chosen].tolist() if kind == "duplicate" else [])
        places_in_order.extend(places[chosen].tolist())
        kinds_in_order.extend([kind] * len(chosen))
    order = np.argsort(np.concatenate([np.arange(rows.height), places_in_order]), kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    is_plain = np.ones(len(order), dtype=bool)
    is_plain[position[rows.height :]] = False
    is_plain[position[sources_in_order]] = False
    fault_positions = position[rows.height :].tolist()
    line_faults = {
        place: kind for place, kind in zip(fault_positions, kinds_in_order, strict=True) if kind in LINE_FAULTS
    }
    return DeliveredRows(pl.concat(frames)[order], is_plain, line_faults, Counter(kinds_in_order))
