"""Unreleased tracks through the model in use: scores, ranks, and the released tracks that sound like them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics_platform.audio.clip_work import CRASHES, FEW_CLIPS
from analytics_platform.audio.workers import Rejected
from analytics_platform.lakehouse.frames import timestamp
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.streams.tables import TRACK_ARTISTS
from analytics_platform.tracks.hearing import Ears, Heard, NewClip, forget, hear_all, keep, kept, sound_of
from analytics_platform.tracks.score_tables import SCORED, TRACK_SCORE_NEIGHBOURS, TRACK_SCORE_REJECTS, TRACK_SCORES
from analytics_platform.tracks.score_words import auc_of, evidence
from analytics_platform.tracks.shipped import Shipped
from analytics_platform.tracks.tables import OUTCOMES, SHIPPED_MODELS
from analytics_platform.tracks.unreleased import Track, list_unreleased, open_track

if TYPE_CHECKING:
    import polars as pl

Rows = dict[Table, list[dict[str, object]]]

NEIGHBOURS = 5
DEFAULT_NET = "musicnn_msd"
"""What embeds for a model that does not say."""


@dataclass(slots=True)
class Scored:
    """What came of the folder."""

    rows: Rows
    heard: int = 0
    """Clips that were decoded and analysed now; the others had been before."""
    seconds: float = 0.0
    by_reason: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Released:
    """What is known of released tracks."""

    outcomes: pl.DataFrame
    """isrc, value, percentile, artist_id of the model's target."""
    names: pl.DataFrame
    """isrc, title, artist_name; one row per isrc."""


def released_version(lake: Lake) -> str | None:
    """The version of the model in use; None if none was ever released."""
    import polars as pl

    found = lake.read(SHIPPED_MODELS).filter(pl.col("status") == "released").sort("release_no")
    return found["version"][-1] if len(found) else None


def net_of(shipped: Shipped) -> str | None:
    """The pretrained net whose embeddings the model needs; None if it needs none."""
    return str(shipped.info.get("embeddings") or DEFAULT_NET) if shipped.needs_embeddings else None


def read_released(lake: Lake, target: str) -> Released:
    """Outcomes and names of released tracks, from the lake."""
    import polars as pl

    outcomes = lake.read(OUTCOMES).filter(pl.col("target") == target)
    names = lake.read(TRACK_ARTISTS).filter(pl.col("isrc").is_not_null()).sort("vendor", "track_id")
    return Released(
        outcomes.select("isrc", "value", "percentile", "artist_id"),
        names.select("isrc", "title", "artist_name").unique("isrc", keep="first"),
    )


def score_folder(
    lake: Lake,
    folder: Path,
    kept_root: Path,
    shipped: Shipped,
    ears: Ears,
    *,
    is_sample_label: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Scored:
    """Score every file below the folder; one that can't be heard costs the others nothing.

    Args:
        lake: with outcomes and names of released tracks.
        folder: of the files.
        kept_root: where what was heard is kept; clips of files that are gone are forgotten.
        shipped: the model in use.
        ears: what hears beside the descriptors.
        is_sample_label: whether the home holds the demo's data.
        say: told how it goes.

    Raises:
        RuntimeError: most clips made the worker fail, which files never do.
        WorkerStartError: the weights of a net that the model needs are missing.
    """
    begun = time.monotonic()
    rejects: list[dict[str, object]] = []
    tracks: list[Track] = []
    for dropped in list_unreleased(folder):
        if dropped.problem:
            rejects.append({"file": dropped.file, "reason": dropped.problem, "detail": None})
            continue
        try:
            tracks.append(open_track(folder, dropped.file))
        except FileNotFoundError:
            continue  # taken away while we look
        except OSError as error:
            rejects.append({"file": dropped.file, "reason": "unreadable", "detail": type(error).__name__})
    known, heard = _hear(tracks, kept_root, ears, lake.threads, say)
    good: list[tuple[Track, Heard]] = []
    for track in tracks:
        found = known[track.clip_id]
        if isinstance(found, Rejected):
            rejects.append({"file": track.file, "reason": found.reason, "detail": found.detail})
        else:
            good.append((track, found))
    forget(kept_root, {track.clip_id for track, _ in good})
    rows: Rows = {table: [] for table in SCORED}
    rows[TRACK_SCORE_REJECTS] = rejects
    if good:
        released = read_released(lake, str(shipped.info["target"]))
        rows |= _score(lake, good, shipped, released, evidence(shipped.info, is_sample_label=is_sample_label))
    reasons = [str(row["reason"]) for row in rejects]
    counts = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    return Scored(rows, heard, time.monotonic() - begun, counts)


def _hear(
    tracks: Sequence[Track], kept_root: Path, ears: Ears, workers: int, say: Callable[[str], None]
) -> tuple[dict[str, Heard | Rejected], int]:
    """What is known of each clip, and how many were heard for it now."""
    known: dict[str, Heard | Rejected] = {}
    new: dict[str, NewClip] = {}
    for track in tracks:
        if (before := kept(kept_root, track.clip_id, ears.net)) is not None:
            known[track.clip_id] = before
        else:
            new[track.clip_id] = NewClip(track.clip_id, str(track.path), track.offset_s, ears.net)
    results = hear_all(list(new.values()), ears, workers)
    with closing(results):
        for number, (clip, result) in enumerate(results, 1):
            known[clip.clip_id] = result
            if not isinstance(result, Rejected):
                keep(kept_root, result)
            if number % 20 == 0:
                say(f"{number} of {len(new)} new clips heard")
    reasons = [found.reason for clip in new if isinstance(found := known[clip], Rejected)]
    crashed = sum(reason in CRASHES for reason in reasons)
    if crashed > max(len(new) / 2, FEW_CLIPS):
        raise RuntimeError(f"{crashed} of {len(new)} clips made a worker fail: a fault of the platform, not theirs")
    return known, len(new)


def _score(lake: Lake, good: Sequence[tuple[Track, Heard]], shipped: Shipped, released: Released, words: str) -> Rows:
    info = shipped.info
    auc, auc_low, auc_high = auc_of(info)
    sound, rows = sound_of([heard for _, heard in good]), np.arange(len(good))
    scores = shipped.score(sound, rows)
    # A sum of products may differ in its last bits with the number of rows: a track's score must not with its batch.
    percentiles, lows, highs = (np.round(ends, 9) for ends in (scores.percentile, scores.low, scores.high))
    nearest, similarity = shipped.similar(sound, rows, NEIGHBOURS)
    artist_ids = _artist_ids(lake, [track.artist_name for track, _ in good])
    catalogues = _catalogues(shipped, released)
    now = timestamp(time.time())
    scored: list[dict[str, object]] = []
    for row, (track, heard) in enumerate(good):
        percentile = float(percentiles[row])
        catalogue = catalogues.get(artist_ids[row] or "", np.empty(0))
        described = heard.descriptors
        scored.append(
            {
                "file": track.file,
                "title": track.title,
                "artist_name": track.artist_name,
                "artist_id": artist_ids[row],
                "clip_id": track.clip_id,
                "sha256": track.sha256,
                "offset_s": track.offset_s,
                "duration_s": described.duration_s,
                "percentile": percentile,
                "percentile_low": float(lows[row]),
                "percentile_high": float(highs[row]),
                "rank_in_batch": 1 + int((percentiles > percentile).sum()),
                "batch_tracks": len(good),
                "rank_in_catalogue": 1 + int((catalogue > percentile).sum()) if len(catalogue) else None,
                "catalogue_tracks": len(catalogue),
                "model": shipped.model,
                "model_version": shipped.version,
                "test_auc": auc,
                "test_auc_low": auc_low,
                "test_auc_high": auc_high,
                "target": info["target"],
                "evidence": words,
                "loudness_lufs": described.loudness_lufs,
                "tempo_bpm": described.tempo_bpm,
                "key": described.key,
                "mode": described.mode,
                "scored_at": now,
            }
        )
    outcomes = {isrc: (value, percentile) for isrc, value, percentile, _ in released.outcomes.iter_rows()}
    names = {isrc: (title, artist) for isrc, title, artist in released.names.iter_rows()}
    neighbours: list[dict[str, object]] = []
    for (track, _), near, alike in zip(good, nearest.tolist(), similarity.tolist(), strict=True):
        for number, (reference, similar) in enumerate(zip(near, alike, strict=True), 1):
            isrc = str(shipped.reference.isrcs[reference])
            title, artist_name = names.get(isrc, (None, None))
            value, outcome = outcomes.get(isrc, (None, None))
            neighbours.append(
                {
                    "file": track.file,
                    "place": number,
                    "isrc": isrc,
                    "title": title,
                    "artist_name": artist_name,
                    "similarity": similar,
                    "outcome_percentile": outcome,
                    "outcome_value": value,
                    "target": info["target"],
                    "model_version": shipped.version,
                }
            )
    return {TRACK_SCORES: scored, TRACK_SCORE_NEIGHBOURS: neighbours}


def _catalogues(shipped: Shipped, released: Released) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Expected percentiles of each artist's released tracks, as far as the model was trained on them."""
    artists = dict(released.outcomes.select("isrc", "artist_id").iter_rows())
    found: dict[str, list[float]] = {}
    for isrc, predicted in zip(shipped.reference.isrcs.tolist(), shipped.reference.predicted.tolist(), strict=True):
        if isrc in artists:
            found.setdefault(artists[isrc], []).append(predicted)
    return {artist: np.array(values) for artist, values in found.items()}


def _artist_ids(lake: Lake, names: Sequence[str | None]) -> list[str | None]:
    """Names as ``sql/streams/track_artists.sql`` makes ids of them, by the same engine."""
    with lake.duckdb() as connection:
        rows = connection.execute(
            r"""select coalesce(
                nullif(trim(regexp_replace(lower(name), '[^\p{L}\p{N}]+', ' ', 'g')), ''), lower(name)
            ) from (select unnest(?::varchar[]) as name, unnest(range(?)) as place) order by place""",
            [list(names), len(names)],
        ).fetchall()
    return [row[0] for row in rows]
