"""Write a sample label: deliveries as vendors would send them, and the truth beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from analytics_platform.sample_label import apple, fuga, roster, spotify
from analytics_platform.sample_label.delivery import Delivery
from analytics_platform.sample_label.files import write_atomically
from analytics_platform.sample_label.plays import Aggregates, Plays, delivered_plays, draw_aggregates
from analytics_platform.sample_label.spec import LabelSpec, LabelSummary
from analytics_platform.sample_label.truth import Ledger, claim
from analytics_platform.sample_label.world import World


def generate(spec: LabelSpec, out: Path, *, progress: Callable[[int, int], None] | None = None) -> LabelSummary:
    """Write ``out/deliveries/<arrival date>/<path>`` and ``out/truth/``.

    A file arrives the day after its data day; a restated one arrives again four days later at the
    same path. Days are drawn and written one by one: memory holds the pairs and a day's rows.

    Args:
        spec: the label. The same spec writes the same bytes.
        out: a folder; it may hold the same label, which is written again, but no other.
        progress: called after each day with days done and days in all.

    Raises:
        FileExistsError: ``out`` holds a label of another spec.
    """
    truth = out / "truth"
    claim(truth, spec)
    world = World.build(spec, spec.days)
    ledger = Ledger(world)
    drawn: dict[int, Plays] = {}
    for day in range(spec.days):
        plays, aggregates = delivered_plays(world, day, drawn), draw_aggregates(world, day)
        ledger.add_plays(day, plays, aggregates)
        for delivery in _deliveries(world, day, plays, aggregates):
            ledger.add_file(delivery)
            _write(world, out, delivery)
        if progress is not None:
            progress(day + 1, spec.days)
    ledger.write(truth)
    return LabelSummary(
        artists=len(world.catalogue.artist_names),
        tracks=len(world.catalogue.isrcs),
        listeners=len(world.listeners.vendors),
        pairs=int((ledger.pair_plays > 0).sum()),
        plays=int(ledger.daily_plays.sum()),
        files=len(ledger.files),
        rows=ledger.rows,
        faults=sum(counts.total() for counts in ledger.faults.values()),
        size_bytes=ledger.size_bytes,
        first_day=spec.day(0),
        last_day=spec.day(spec.days - 1),
    )


def write_day(spec: LabelSpec, day: int, out: Path) -> list[Path]:
    """Write the deliveries of one more day of the same world, and nothing of the truth.

    ``day`` is a day index; ``spec.days`` is the first day after the period. The files go below
    ``out/deliveries/`` as ``generate`` would put them, with the same bytes. Returns their paths.

    Raises:
        ValueError: ``day`` is negative.
    """
    if day < 0:
        raise ValueError(f"a day index is not negative: {day}")
    world = World.build(spec, max(spec.days, day + 1))
    plays, aggregates = delivered_plays(world, day, {}), draw_aggregates(world, day)
    return [_write(world, out, delivery) for delivery in _deliveries(world, day, plays, aggregates)]


def _deliveries(world: World, day: int, plays: Plays, aggregates: Aggregates) -> Iterator[Delivery]:
    return chain(
        spotify.deliveries(world, day, plays),
        apple.deliveries(world, day, plays),
        fuga.deliveries(world, day, plays, aggregates),
        roster.deliveries(world, day),
    )


def _write(world: World, out: Path, delivery: Delivery) -> Path:
    path = out / "deliveries" / world.spec.day(delivery.arrival_day).isoformat() / delivery.path
    write_atomically(path, delivery.body)
    return path
