"""Playlists as rows, and rows as playlists: by similarity to a track, and by what a unit of a net answers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.taste.playlists import Playlist, PlaylistTrack, write_playlists
from analytics_platform.taste.product_tables import PLAYLIST_TRACKS

if TYPE_CHECKING:
    import duckdb
    import polars as pl

TRACKS = 25
"""Of a playlist by a unit; one by similarity has the track itself and its 20 similar ones."""

EXPORTED = """
select
    listed.playlist_id,
    listed.playlist_title,
    listed.kind,
    listed.model_version,
    listed.isrc,
    listed.title,
    listed.artist_name,
    listed.value,
    audio.location,
    tracks.duration_s
from taste.playlist_tracks as listed
left join marts.track_audio as audio
    on listed.isrc = audio.isrc and audio.clip_source = 'master' and audio.may_display
left join (select isrc, median(duration_s) as duration_s from streams.tracks group by isrc) as tracks
    on listed.isrc = tracks.isrc
order by listed.playlist_id, listed.place"""
KINDS = {
    "similar": "A recording and those that the same listeners would like, the most similar first.",
    "unit": "Recordings that one unit of a net answers to most.",
}


def similar_playlists(similar: pl.DataFrame, seeds: Sequence[str]) -> pl.DataFrame:
    """Rows of ``taste.playlist_tracks``: each seed and its similar tracks.

    Args:
        similar: rows of ``marts.similar_tracks``.
        seeds: ISRCs; those without similar tracks give none.
    """
    rows: list[dict[str, object]] = []
    by_isrc = similar.sort("place").partition_by("isrc", as_dict=True)
    for seed in dict.fromkeys(seeds):
        found = by_isrc.get((seed,))
        if found is None:
            continue
        first = found.row(0, named=True)
        head: dict[str, object] = {
            "playlist_id": f"similar:{seed}",
            "kind": "similar",
            "playlist_title": f"Like {first['title'] or seed}"
            + (f" by {first['artist_name']}" if first["artist_name"] else ""),
            "model_version": first["model_version"],
        }
        rows.append(
            head | {name: first[name] for name in ("isrc", "title", "artist_name")} | {"place": 1, "value": 1.0}
        )
        rows += [
            head
            | {
                "place": place,
                "isrc": row["similar_isrc"],
                "title": row["similar_title"],
                "artist_name": row["similar_artist_name"],
                "value": row["similarity"],
            }
            for place, row in enumerate(found.iter_rows(named=True), 2)
        ]
    return frame_of(PLAYLIST_TRACKS, rows)


def unit_playlists(
    answers: NDArray[np.floating],
    isrcs: NDArray[np.str_],
    names: pl.DataFrame,
    layer: str,
    measure: str,
    model_version: str,
    *,
    units: Mapping[int, str] | Sequence[int] | None = None,
    most: int = TRACKS,
) -> pl.DataFrame:
    """Rows of ``taste.playlist_tracks``: the tracks that units answer to most; equal answers by ISRC.

    Args:
        answers: (n, u) a number per track and unit, as the maximum or mean over time.
        isrcs: (n,) whose they are, each once.
        names: isrc, title, artist_name.
        layer: name of the layer.
        measure: of what the answers are, like "maximum" or "mean".
        model_version: of the net.
        units: which of them, with a few words on each if a mapping; None for all.
        most: tracks of a playlist.
    """
    named = {isrc: (title, artist) for isrc, title, artist in names.select("isrc", "title", "artist_name").iter_rows()}
    words = units if isinstance(units, Mapping) else dict.fromkeys(range(answers.shape[1]) if units is None else units)
    rows: list[dict[str, object]] = []
    for unit, said in words.items():
        order = np.lexsort((isrcs, -answers[:, unit]))[:most]
        for place, row in enumerate(order.tolist(), 1):
            isrc = str(isrcs[row])
            title, artist_name = named.get(isrc, (None, None))
            rows.append(
                {
                    "playlist_id": f"unit:{layer}:{unit}:{measure}",
                    "kind": "unit",
                    "playlist_title": f"{layer}, unit {unit}, {measure}" + (f": {said}" if said else ""),
                    "place": place,
                    "isrc": isrc,
                    "title": title,
                    "artist_name": artist_name,
                    "value": float(answers[row, unit]),
                    "model_version": model_version,
                }
            )
    return frame_of(PLAYLIST_TRACKS, rows)


def export_playlists(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write all of ``taste.playlist_tracks`` to ``playlists`` below the folder, as publishing wants of an exporter.

    Args:
        connection: with ``taste.playlist_tracks``, ``marts.track_audio`` and ``streams.tracks``.
        folder: exists.
    """
    rows = connection.sql(EXPORTED).pl()
    write_playlists(
        folder / "playlists",
        (
            Playlist(
                str(part["playlist_id"][0]),
                str(part["playlist_title"][0]),
                [
                    PlaylistTrack(
                        row["isrc"], row["title"], row["artist_name"], row["duration_s"], row["location"], row["value"]
                    )
                    for row in part.iter_rows(named=True)
                ],
                f"{KINDS[part['kind'][0]]} Model {part['model_version'][0]}.",
            )
            for part in rows.partition_by("playlist_id", maintain_order=True)
        ),
    )
