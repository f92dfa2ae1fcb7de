"""Plays of one day, drawn from the pairs' rates; late plays wait for a later day's delivery."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from analytics_platform.sample_label.law import day_weight
from analytics_platform.sample_label.spec import FUGA, Purpose
from analytics_platform.sample_label.world import World

LATE_SHARE = 0.02
MOST_LATE_DAYS = 5
OFFLINE_SHARE = 0.03
"""Share of plays delivered in time that were played from a download."""
AGGREGATED_SHARE = 0.03
"""Aggregated FUGA rows per FUGA play."""

SOURCES = (
    "others_playlist", "playlist", "radio", "search", "album", "artist", "collection", "play_queue", "other",
)  # fmt: skip
_SOURCE_STEPS = np.cumsum(
    [
        [0.44, 0.08, 0.20, 0.06, 0.07, 0.04, 0.05, 0.03, 0.03],
        [0.28, 0.18, 0.11, 0.09, 0.11, 0.07, 0.11, 0.03, 0.02],
        [0.12, 0.20, 0.05, 0.08, 0.17, 0.13, 0.20, 0.04, 0.01],
    ],
    axis=1,
)
"""By fan type: the passive are served, diehards choose."""
_HOUR_STEPS = np.cumsum(
    np.array(
        [
            2.2,
            1.5,
            1.0,
            0.8,
            0.9,
            1.4,
            2.6,
            4.2,
            5.0,
            4.8,
            4.6,
            4.7,
            5.0,
            5.0,
            5.1,
            5.4,
            6.0,
            6.6,
            6.6,
            6.2,
            6.0,
            5.6,
            4.8,
            4.0,
        ]
    )
    / 100
)


@dataclass(frozen=True, slots=True)
class Plays:
    """Columns of plays, one entry per play of at least 30 s."""

    pairs: np.ndarray
    listeners: np.ndarray
    tracks: np.ndarray
    days: np.ndarray
    """Day index of the play, UTC."""
    seconds: np.ndarray
    """Second of that day. No listener has two plays in one second, so no row repeats by chance."""
    lengths_s: np.ndarray
    sources: np.ndarray
    is_offline: np.ndarray
    delays: np.ndarray
    """Days between the play and its delivery, 0 to MOST_LATE_DAYS."""
    salts: np.ndarray
    """Random 32 bits per play for the columns that mean nothing to the world."""

    def take(self, rows: np.ndarray) -> Plays:
        """The plays at row numbers, or where a mask is true."""
        return Plays(*(getattr(self, field.name)[rows] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Plays that FUGA reports without a listener, one entry per row."""

    tracks: np.ndarray
    countries: np.ndarray
    plays: np.ndarray
    organizations: np.ndarray


def draw_plays(world: World, day: int) -> Plays:
    """All plays of a day, in order of listener and time, whenever they are delivered.

    Independent Poisson counts per pair are drawn as one Poisson total shared out by rate, so the
    work grows with the day's plays and not with pairs times days.
    """
    random = world.spec.random(Purpose.PLAYS, day)
    pairs, catalogue = world.pairs, world.catalogue
    total = _total_rate(world, day)
    count = int(random.poisson(total * day_weight(world.spec.day(day))))
    # The order of the draws is free, so ascending ones make the search run through memory once.
    chosen = np.searchsorted(pairs.rate_steps[: pairs.joined(day)], np.sort(random.random(count)) * total, side="right")
    chosen = chosen.astype(np.int32)
    listeners = pairs.listeners[chosen]
    hours = np.searchsorted(_HOUR_STEPS[:-1], random.random(count), side="right")
    seconds = hours * 3_600 + random.integers(0, 3_500, count)
    order = np.lexsort((seconds, listeners))
    chosen, listeners = chosen[order], listeners[order]
    place = np.arange(count)
    moments = np.maximum.accumulate(listeners * np.int64(86_400) + seconds[order] - place) + place

    artists = pairs.artists[chosen].astype(np.int64)
    tracks = catalogue.choose_tracks(artists, random.random(count), day)
    full = catalogue.durations_s[tracks]
    draw = random.random(count)
    partial = random.integers(30, full)
    lengths = np.where(draw < 0.01, 30, np.where(draw < 0.28, partial, full)).astype(np.int32)
    fan_types = pairs.fan_types[chosen]
    draw = random.random(count)
    sources = np.zeros(count, dtype=np.int8)
    for step in range(len(SOURCES) - 1):
        sources += draw >= _SOURCE_STEPS[fan_types, step]
    is_late = random.random(count) < LATE_SHARE
    delays = np.where(is_late, random.integers(1, MOST_LATE_DAYS + 1, count), 0).astype(np.int8)
    return Plays(
        pairs=chosen,
        listeners=listeners,
        tracks=tracks,
        days=np.full(count, day, dtype=np.int32),
        seconds=(moments - listeners * np.int64(86_400)).astype(np.int32),
        lengths_s=lengths,
        sources=sources,
        is_offline=is_late | (random.random(count) < OFFLINE_SHARE),
        delays=delays,
        salts=random.integers(0, 1 << 32, count, dtype=np.uint32),
    )


def draw_aggregates(world: World, day: int) -> Aggregates:
    """FUGA's rows without a listener. Their artists and countries are those of real pairs."""
    random = world.spec.random(Purpose.AGGREGATES, day)
    pairs = world.pairs
    total = _total_rate(world, day)
    expected = total * day_weight(world.spec.day(day)) * np.mean(world.listeners.vendors == FUGA)
    count = int(random.poisson(AGGREGATED_SHARE * expected))
    chosen = np.searchsorted(pairs.rate_steps[: pairs.joined(day)], random.random(count) * total, side="right")
    return Aggregates(
        tracks=world.catalogue.choose_tracks(pairs.artists[chosen].astype(np.int64), random.random(count), day),
        countries=world.listeners.countries[pairs.listeners[chosen]],
        plays=(1 + random.geometric(0.3, count)).astype(np.int32),
        organizations=random.integers(0, 2, count),
    )


def delivered_plays(world: World, day: int, drawn: dict[int, Plays]) -> Plays:
    """What vendors deliver for a day: its plays in time and the late ones of the five days before.

    ``drawn`` remembers the late plays of recent days between calls; empty, they are drawn again.
    """
    for earlier in range(max(0, day - MOST_LATE_DAYS), day + 1):
        if earlier not in drawn:
            drawn[earlier] = draw_plays(world, earlier)
    parts = [drawn[earlier].take(drawn[earlier].delays == day - earlier) for earlier in sorted(drawn)]
    drawn[day] = drawn[day].take(drawn[day].delays > 0)
    drawn.pop(day - MOST_LATE_DAYS, None)
    plays = Plays(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Plays)))
    return plays.take(np.lexsort((plays.pairs, plays.seconds, plays.days)))


def _total_rate(world: World, day: int) -> float:
    joined = world.pairs.joined(day)
    return float(world.pairs.rate_steps[joined - 1]) if joined else 0.0
