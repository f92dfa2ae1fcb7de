"""What is asked of the sample label, and the few numbers that all of its modules share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

import numpy as np

WINDOW_DAYS = 90
"""Days that a listening level is counted over; every rate of the world is "per 90 days"."""

FAN_TYPES = ("passive", "casual", "diehard")
VENDORS = ("spotify", "apple", "fuga")
SPOTIFY, APPLE, FUGA = range(3)
LICENSORS = ("acme", "93824149", "4711")
"""The label's account at each vendor: licensor name, Apple vendor number, FUGA label id."""

RESTATED_AFTER_DAYS = 4


class Purpose(IntEnum):
    """What a stream of random numbers is for. Each has its own, so that none shifts another."""

    CATALOGUE = 1
    LISTENERS = 2
    PAIRS = 3
    PLAYS = 4
    AGGREGATES = 5
    FAULTS = 6
    SHUFFLE = 7
    TASTES = 8
    MARKETS = 9
    SOUND = 10
    RELEASES = 11
    MASTERS = 12
    FIRST_DAYS = 13
    UNRELEASED = 14
    TRACK_PLAYS = 15
    DEVOTED = 16


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """A sample label. Two equal specs give the same bytes.

    Attributes:
        seed: not negative.
        scale: 1 is about 40,000 listeners, 200 artists and 2 million plays in 90 days. Listeners
            and plays grow with it, artists with its square root.
        start: first day of plays.
        days: days of plays. A longer period has the same deliveries on the days it shares with a
            shorter one of at least 90 days.
        rotate_listener_ids: vendors give each listener a new id every day.
    """

    seed: int = 7
    scale: float = 1.0
    start: date = date(2026, 1, 1)
    days: int = WINDOW_DAYS
    rotate_listener_ids: bool = False

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a period, seed or scale that no label can have."""
        if self.days < 1 or self.seed < 0 or not self.scale > 0:
            raise ValueError(f"days and scale must be positive and seed not negative: {self}")

    def day(self, index: int) -> date:
        """The date of a day index, 0 being ``start``."""
        return self.start + timedelta(days=index)

    def random(self, purpose: Purpose, first: int = 0, second: int = 0) -> np.random.Generator:
        """A stream of random numbers that depends on the seed and these arguments only.

        The key always has four words: numpy pads a short one with zeros, so keys of different
        lengths could be the same stream.
        """
        return np.random.default_rng([self.seed, int(purpose), first, second])


@dataclass(frozen=True, slots=True)
class Incidents:
    """Day indices on which a vendor does something unusual. A day past the period never comes."""

    schema_change: int
    restated: tuple[int, int, int]
    """By vendor: the day whose first delivery lacks rows."""
    zipped_content: int
    nested_streams: int

    @classmethod
    def of(cls, spec: LabelSpec) -> Incidents:
        """Spread over the period, or over its first 90 days: a longer period moves none of them."""
        days = min(spec.days, WINDOW_DAYS)
        third = days // 3
        return cls(days // 2, (third, third + 1, third + 2), days * 3 // 4, days * 2 // 3)


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """Counts of what ``generate`` wrote."""

    artists: int
    tracks: int
    listeners: int
    pairs: int
    """Listener and artist pairs with at least one play in the final state."""
    plays: int
    """Valid plays in the final state, aggregated ones included."""
    files: int
    rows: int
    """Data rows in all delivered files, faults and both versions of restated files included."""
    faults: int
    size_bytes: int
    first_day: date
    last_day: date
