"""What is expected of files as rows of ``marts.track_audience``, with nothing told of too few listeners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.taste.audience import Expected
from analytics_platform.taste.audience_data import COUNTRY, BoolArray, Files, FloatArray, Places
from analytics_platform.taste.audience_tables import (
    ARTIST,
    AVERAGES,
    EVERYWHERE,
    OTHERS,
    OWN_AND_SOUND,
    SOUND_ALONE,
    TOTAL,
    TRACK_AUDIENCE,
)

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the numbers are from."""

    target: str
    """What is counted, as in ``tracks.outcomes``."""
    data_start: date | None
    data_end: date | None
    model_version: str
    score_model_version: str


def audience_frame(
    expected: Expected,
    files: Files,
    places: Mapping[str, Places],
    artist_names: Mapping[str, str],
    origin: Origin,
    least_listeners: int,
) -> pl.DataFrame:
    """Rows of ``marts.track_audience``.

    Args:
        expected: of the files.
        files: (n,).
        places: of the released tracks, by kind.
        artist_names: by id.
        origin: where the numbers are from.
        least_listeners: a share that fewer listeners of any one artist stand behind is not told.
    """
    rows: list[dict[str, object]] = []
    heard = np.abs(np.nan_to_num(files.factors)).sum(axis=1) > 0
    for row, file in enumerate(files.files):
        basis = OWN_AND_SOUND if expected.is_known[row] else SOUND_ALONE if heard[row] else AVERAGES
        ends = tuple(_plays(float(end[row])) for end in (expected.plays, expected.low, expected.high))
        own = [_row(TOTAL, EVERYWHERE, "all plays", 1, 1.0, ends)]
        for kind, found in places.items():
            own += _kind_rows(kind, found, expected, row, least_listeners)
        for rank, (artist, cosine) in enumerate(
            zip(expected.similar[row].tolist(), expected.similarity[row].tolist(), strict=True), 1
        ):
            if artist >= 0:
                name = str(expected.artists[artist])
                own.append(
                    _row(ARTIST, name, artist_names.get(name, name), rank, None, (None,) * 3) | {"similarity": cosine}
                )
        rows += [{"file": file, "basis": basis, **one} for one in own]
    return frame_of(TRACK_AUDIENCE, ({**asdict(origin), **one} for one in rows))


def hidden(shares: FloatArray, listeners: FloatArray, least: int) -> BoolArray:
    """Which places (P,) are not told: those with too few listeners, and so many more that these can't be told either.

    What is left of 1 is the share of all that are hidden. It would tell that of one that is hidden alone, and that of a
    few with too few listeners between them; so the smallest of the others are hidden too, until neither is so.
    """
    there = shares > 0
    small = there & (listeners < least)
    for other in np.argsort(shares, kind="stable"):
        if not small.any() or (small.sum() > 1 and listeners[small].sum() >= least):
            break
        small[other] |= there[other]
    return small


def _kind_rows(kind: str, places: Places, expected: Expected, row: int, least: int) -> list[dict[str, object]]:
    shares = expected.shares[kind][row]
    small = hidden(shares, expected.listeners[kind][row], least)
    total = float(expected.plays[row])
    found: list[dict[str, object]] = []
    for rank, place in enumerate(np.argsort(np.where(small, 0, -shares), kind="stable").tolist(), 1):
        name = str(places.ids[place]), str(places.names[place])
        if small[place]:
            found.append(_row(kind, *name, None, None, (None,) * 3) | {"is_suppressed": True})
        elif shares[place] > 0:
            ends = (
                total * float(shares[place]),
                float(expected.cell_low[kind][row, place]),
                float(expected.cell_high[kind][row, place]),
            )
            found.append(_row(kind, *name, rank, float(shares[place]), tuple(_plays(end) for end in ends)))
    if small.any():
        share = min(float(shares[small].sum()), 1.0)
        words = "other countries" if kind == COUNTRY else "other clusters"
        found.append(_row(kind, OTHERS, words, None, share, (_plays(total * share), None, None)))
    return found


def _row(
    kind: str, place: str, name: str, rank: int | None, share: float | None, ends: tuple[float | None, ...]
) -> dict[str, object]:
    plays, low, high = ends
    return {
        "kind": kind,
        "place": place,
        "place_name": name,
        "place_rank": rank,
        "share": None if share is None else min(share, 1.0),
        "expected_plays": plays,
        "expected_low": low,
        "expected_high": high,
        "similarity": None,
        "is_suppressed": False,
    }


def _plays(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
