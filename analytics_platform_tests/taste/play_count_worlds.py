"""Small studies of play counts: pieces whose loudness says how often they are played; and a lake that has them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import soundfile

from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import PLAYS, TRACK_ARTISTS
from analytics_platform.taste.play_counts.grid import Hears
from analytics_platform.taste.play_counts.pieces import LOG_MEL, SOUND, Pieces
from analytics_platform.taste.play_counts.selection import PlayCounts
from analytics_platform.taste.play_counts.study_data import CountStudy

SONGS = 40


def pieces_of(loud: np.ndarray, counts: np.ndarray, hears: Hears = "log-mel", seed: int = 0) -> Pieces:
    """Noise, the louder the larger a song's number in ``loud`` (S,), in ``counts`` (S,) pieces a song."""
    rng = np.random.default_rng(seed)
    each = np.repeat(loud, counts)
    if hears == "log-mel":
        values = (rng.normal(-50, 3, (len(each), LOG_MEL)) + 8 * each[:, None]).astype(np.float32)
    else:
        values = np.round(rng.normal(0, 900, (len(each), SOUND)) * 2 ** each[:, None]).astype(np.int16)
    return Pieces(hears, values, np.concatenate([[0], np.cumsum(counts)]))


def planted_study(songs: int = SONGS, listeners: int = 5, seed: int = 0) -> CountStudy:
    """Songs of 2 to 4 pieces; each listener plays loud songs more, and four of five songs at all."""
    rng = np.random.default_rng(seed)
    loud = rng.normal(size=songs)
    plays = 1 + rng.poisson(np.exp(1.5 + 0.7 * loud + rng.normal(0, 0.1, (listeners, songs))))
    plays[rng.random(plays.shape) < 0.2] = 0
    names = np.array([f"song {number:03d}" for number in range(songs)])
    pieces = pieces_of(loud, rng.integers(2, 5, songs), seed=seed)
    return CountStudy("planted", PlayCounts(names, plays.astype(np.int64)), {"log-mel": pieces})


OPEN_PLAYS = 199
"""Of each song by a listener of an open data set, who is none of the label's."""


def label_home(home: Path, songs: int = 30) -> tuple[Lake, Settings]:
    """A home with plays of seven listeners, and one of an open data set; and recordings of 7 s, not analysed."""
    settings = Settings(home=home)
    lake = Lake(settings.lake_root)
    rng = np.random.default_rng(1)
    home.mkdir(parents=True, exist_ok=True)
    clips, plays, tracks = [], [], []
    common = {"vendor": "spotify", "ingest_date": date(2026, 1, 2), "delivery_id": "0" * 64, "key_version": 1}
    for song in range(songs):
        isrc, path = f"QZTST26{song:05d}", home / f"{song}.flac"
        loud = rng.normal()
        soundfile.write(path, (0.02 * 2**loud * rng.normal(size=7 * 22_050)).clip(-1, 1), 22_050)
        clips.append(
            {
                "isrc": isrc, "clip_id": f"{song:032d}", "source": "master", "location": str(path), "offset_s": 0.0,
                "may_analyse": True, "may_train": True, "may_display": True,
            }
        )  # fmt: skip
        tracks.append(
            {"vendor": "spotify", "track_id": f"t{song}", "isrc": isrc, "title": "x", "artist_id": f"a{song // 3}",
             "artist_name": "a"}
        )  # fmt: skip
        plays.append(
            {
                **common, "vendor": "listenbrainz", "line": song, "delivery_id": "1" * 64, "listener_key": "open",
                "track_id": f"l{song}", "isrc": isrc, "play_date": date(2026, 1, 1), "plays": OPEN_PLAYS,
            }
        )  # fmt: skip
        for listener in range(7):
            count = 1 + int(rng.poisson(np.exp(1 + loud) * (7 - listener)))
            # In two rows, and only one of them with its code.
            for line, part in enumerate((1, count - 1)):
                plays.append(
                    {
                        **common, "line": len(plays), "listener_key": f"key {listener}", "track_id": f"t{song}",
                        "isrc": isrc if line else None, "play_date": date(2026, 1, 1), "plays": part,
                    }
                )  # fmt: skip
    for table, rows in ((CLIPS, clips), (PLAYS, plays), (TRACK_ARTISTS, tracks)):
        lake.write_frame(table, frame_of(table, rows))
    return lake, settings
