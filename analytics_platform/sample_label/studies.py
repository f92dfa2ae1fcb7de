"""Worlds for studies of sound: what each track is played after its release, who plays it, and short clips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.sample_label.audience import build_listeners, build_pairs
from analytics_platform.sample_label.catalogue import Catalogue
from analytics_platform.sample_label.files import write_atomically
from analytics_platform.sample_label.law import day_weight
from analytics_platform.sample_label.music import play
from analytics_platform.sample_label.recordings import each, recording
from analytics_platform.sample_label.sound import BASE_RATE
from analytics_platform.sample_label.spec import LabelSpec, Purpose
from analytics_platform.sample_label.styles import Clip, clips_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PLAYS_PER_DAY = 110.0
"""Plays a day of an average artist: at scale 1, 2 million in 90 days for 200 artists."""


def first_days_plays(spec: LabelSpec, catalogue: Catalogue, days: int) -> np.ndarray:
    """Plays of each track on the day of its release and the days that follow, each release followed fully.

    An artist has ``PLAYS_PER_DAY`` times its popularity over the mean one every day, whatever its markets.
    Its tracks that are out on a day share them by their weights, as in ``Catalogue.choose_tracks``, and a day's
    counts are Poisson. A longer time has the same plays on the days that it shares with a shorter one.

    Args:
        spec: the label.
        catalogue: its tracks (T).
        days: how many, at least 1.

    Returns:
        Whole numbers, (T,).
    """
    artists, weights = catalogue.track_artists.astype(np.int64), catalogue.track_weights
    released = catalogue.release_days - catalogue.release_days.min()
    # Artists one after the other on one line of time, far enough apart.
    moments = artists * (int(released.max()) + days) + released
    order = np.argsort(moments)
    cumulated = np.concatenate([[0.0], np.cumsum(weights[order])])
    of_artist = PLAYS_PER_DAY * (catalogue.popularity / catalogue.popularity.mean())[artists]
    before = cumulated[catalogue.first_tracks[artists]]
    random = spec.random(Purpose.FIRST_DAYS)
    plays = np.zeros(len(artists), dtype=np.int64)
    for day in range(days):
        out = cumulated[np.searchsorted(moments[order], moments + day, side="right")] - before
        plays += random.poisson(of_artist * weights / out)
    return plays


def track_plays(spec: LabelSpec, catalogue: Catalogue, days: int, listeners: int) -> tuple[csr_array, np.ndarray]:
    """Who of the first listeners of a label plays which track how often, by the law of ``plays.draw_plays``.

    Their pairs are those of the label's whole world. Their plays are drawn by themselves, so a label of a million
    listeners costs no more than those who are asked for; they are not the very plays that the label would deliver.
    A longer time has the same plays on the days that it shares with a shorter one.

    Args:
        spec: the label.
        catalogue: its tracks (T).
        days: from the label's first day on, at least 1.
        listeners: how many; all where the label has fewer.

    Returns:
        Plays (L, T) as float32 counts, also of those who play nothing; and the artist's row of each track (T,).
    """
    from scipy.sparse import csr_array as csr

    audience = build_listeners(spec, catalogue)
    count, tracks = min(listeners, len(audience.vendors)), len(catalogue.track_artists)
    pairs = build_pairs(spec, days, catalogue, audience, count)
    codes: list[np.ndarray] = []
    for day in range(days):
        random = spec.random(Purpose.TRACK_PLAYS, day)
        joined = pairs.joined(day)
        total = float(pairs.rate_steps[joined - 1]) if joined else 0.0
        draws = np.sort(random.random(int(random.poisson(total * day_weight(spec.day(day))))))
        chosen = np.searchsorted(pairs.rate_steps[:joined], draws * total, side="right")
        played = catalogue.choose_tracks(pairs.artists[chosen].astype(np.int64), random.random(len(chosen)), day)
        codes.append(pairs.listeners[chosen].astype(np.int64) * tracks + played)
    distinct, counts = np.unique(np.concatenate(codes), return_counts=True)
    who, played = np.divmod(distinct, tracks)
    plays = csr((counts.astype(np.float32), (who, played.astype(np.int32))), shape=(count, tracks))
    return plays, catalogue.track_artists


def render_clips(
    spec: LabelSpec,
    catalogue: Catalogue,
    out_folder: Path,
    seconds: float = 10.0,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the beginning of each track as ``out_folder/<isrc>.flac``: the same music as its master's, mono, 22,050 Hz.

    A file that is there already is kept, so a killed run goes on; files are written whole or not at all. A clip
    of 10 s costs some 30 ms of one core.

    Args:
        spec: the label.
        catalogue: its tracks.
        out_folder: a folder for clips of one label and one length.
        seconds: length. Parts of a track are 2.5 to 5 s long; the first is quiet and has no bass.
        workers: processes; by default one per core. A few clips are rendered in this one.
        progress: called after each clip with clips done and clips to do.

    Returns:
        The number of files written now.
    """
    named = zip(catalogue.isrcs, clips_of(spec, catalogue), strict=True)
    waiting = [(path, clip) for isrc, clip in named if not (path := out_folder / f"{isrc}.flac").exists()]
    for done, _ in enumerate(each(partial(_write_clip, seconds), waiting, workers), start=1):
        if progress is not None:
            progress(done, len(waiting))
    return len(waiting)


def _write_clip(seconds: float, job: tuple[Path, Clip]) -> None:
    path, clip = job
    write_atomically(path, recording(play(clip, seconds), BASE_RATE, "flac", {}, 0))
