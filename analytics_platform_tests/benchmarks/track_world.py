"""A lake of made-up tracks for studies: clips of one length, analysed and embedded by the product, and their plays.

The plays are those of the sample label's law in the first 28 days after each release; no listeners are needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from analytics_platform.audio.analysing import analyse_batches
from analytics_platform.audio.batches import assign_batches
from analytics_platform.audio.embedding import Weights, embed_batches
from analytics_platform.audio.tables import CLIP_BATCHES, DESCRIPTORS, EMBEDDINGS
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.sql_models import load_sql_models
from analytics_platform.orchestration.build import SQL_ROOT, TABLES
from analytics_platform.orchestration.metadata import versions
from analytics_platform.orchestration.sql_assets import run_model
from analytics_platform.sample_label.catalogue import Catalogue, build_catalogue
from analytics_platform.sample_label.spec import LabelSpec
from analytics_platform.sample_label.studies import first_days_plays, render_clips
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import ARTIST_GENRES, PLAYS, RELEASE_DATES, TRACK_ARTISTS

DAYS = 28
VENDOR = "spotify"


def make_world(
    settings: Settings, spec: LabelSpec, seconds: float, say: Callable[[str], None], *, embeds: bool
) -> Catalogue:
    """Bring a study's lake up to date; what is there already stays.

    Args:
        settings: whose home is the study's folder.
        spec: the label; scale 25 has 1,000 artists and some 5,000 tracks.
        seconds: length of the clips.
        say: told what is done.
        embeds: whether the pretrained net hears the clips, which takes most of the time.
    """
    catalogue = build_catalogue(spec)
    lake = Lake(settings.lake_root, memory_limit_mb=settings.memory_limit_mb, threads=settings.threads)
    folder = settings.home / "clips"
    say(f"rendered {render_clips(spec, catalogue, folder, seconds)} clips")
    if not len(lake.read(CLIPS)):
        lake.write_frame(
            CLIPS, frame_of(CLIPS, [_clip(folder / f"{isrc}.flac", isrc, seconds) for isrc in catalogue.isrcs])
        )
        batches = assign_batches(lake.read(CLIPS), lake.read(CLIP_BATCHES))
        lake.write_frame(CLIP_BATCHES, batches)
        _write_plays(lake, spec, catalogue)
    models = {model.table.full_name: model for model in load_sql_models(SQL_ROOT, TABLES)}
    for name in ("tracks.releases", "tracks.outcomes"):
        run_model(lake, models[name], None, versions(lake, models[name].depends_on))
    for table, work in ((DESCRIPTORS, "analyse"), (EMBEDDINGS, "embed")):
        done = set(lake.read(table)["batch"].unique())
        waiting = [batch for batch in lake.read(CLIP_BATCHES)["batch"].unique().sort() if batch not in done]
        if waiting and work == "analyse":
            analyse_batches(lake, settings.audio_root, settings.spectrograms_root, waiting, say=say)
        elif waiting and embeds:
            weights = Weights(settings.models_root)
            embed_batches(lake, settings.audio_root, settings.embeddings_root, waiting, weights, "cpu", say=say)
    return catalogue


def _clip(path: Path, isrc: str, seconds: float) -> dict[str, object]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "isrc": isrc,
        "clip_id": digest[:32],
        "source": "master",
        "source_track_id": path.name,
        "location": str(path),
        "codec": "flac",
        "offset_s": 0.0,
        "duration_s": seconds,
        "size_bytes": path.stat().st_size,
        "sha256": digest,
        "match_method": "file name",
        "match_score": 1.0,
        "may_analyse": True,
        "may_train": True,
        "may_display": True,
    }


def _write_plays(lake: Lake, spec: LabelSpec, catalogue: Catalogue) -> None:
    """All plays of a track on the day of its release: what the outcomes ask for is only their sum over 28 days."""
    plays = first_days_plays(spec, catalogue, DAYS)
    artists = pl.Series(catalogue.artist_names).str.to_lowercase()
    released = [spec.day(day) for day in catalogue.release_days.tolist()]
    first, last = min(released) - timedelta(days=1), max(released) + timedelta(days=DAYS)
    rows = [
        {"track_id": isrc, "isrc": isrc, "play_date": day, "plays": count}
        for isrc, day, count in zip(catalogue.isrcs, released, plays.tolist(), strict=True)
    ]
    # A play of another track on the last day: the vendor's data reach to there.
    rows.append({"track_id": "none", "isrc": "ZZZZZ0000000", "play_date": last, "plays": 1})
    common = {"vendor": VENDOR, "ingest_date": first, "delivery_id": "0" * 64, "key_version": 1, "is_offline": False}
    lake.write_frame(PLAYS, frame_of(PLAYS, [{**common, "line": line, **row} for line, row in enumerate(rows, 2)]))
    owners = [artists[artist] for artist in catalogue.track_artists.tolist()]
    lake.write_frame(
        TRACK_ARTISTS,
        frame_of(
            TRACK_ARTISTS,
            [
                {
                    "vendor": VENDOR,
                    "track_id": isrc,
                    "isrc": isrc,
                    "title": title,
                    "artist_id": owner,
                    "artist_name": owner,
                }
                for isrc, title, owner in zip(catalogue.isrcs, catalogue.track_names, owners, strict=True)
            ],
        ),
    )
    genres = [
        {"artist_id": name, "genre": genre, "genre_rank": 1}
        for name, genre in zip(artists.to_list(), catalogue.genres, strict=True)
    ]
    lake.write_frame(ARTIST_GENRES, frame_of(ARTIST_GENRES, genres))
    dates = [{"isrc": isrc, "release_date": day} for isrc, day in zip(catalogue.isrcs, released, strict=True)]
    lake.write_frame(RELEASE_DATES, frame_of(RELEASE_DATES, dates))


def oracle(catalogue: Catalogue, isrcs: np.ndarray) -> np.ndarray:
    """The planted appeal of the tracks: what the best listener could know."""
    appeal = dict(zip(catalogue.isrcs, catalogue.sounds.appeal.tolist(), strict=True))
    return np.array([appeal[isrc] for isrc in isrcs.tolist()])
