"""One delivered file and what a test may know about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file as a vendor sends it, with its true counts.

    ``rows`` counts data lines, faults included, header excluded; ``faults`` are the rows of it that
    an ingestion should reject, by kind; ``junk_birth_years`` are good rows with an impossible year.
    """

    arrival_day: int
    """Day index of the arrival: the day after the data day, or later for a restated file."""
    data_day: int
    path: str
    feed: str
    body: bytes
    rows: int
    faults: Counter[str] = field(default_factory=Counter)
    junk_birth_years: int = 0
    is_superseded: bool = False
    """True for a first version that a later arrival with the same path replaces."""
