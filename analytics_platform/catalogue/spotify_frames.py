"""What Spotify answered, as rows of the room's tables.

Every field may be missing: development mode removed some, and any may go next. What makes no row, and every
optional value of the wrong shape, is counted with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from analytics_platform.catalogue.crawl import SOURCE, code_of
from analytics_platform.catalogue.journal import Journal, Stored
from analytics_platform.catalogue.tables import ALBUMS, ARTISTS, POPULARITY_SNAPSHOTS, TRACKS
from analytics_platform.lakehouse.frames import frame_of, timestamp

if TYPE_CHECKING:
    import polars as pl

Json = dict[str, Any]
Row = dict[str, Any]
POPULARITY_MAXIMUM = 100
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_LARGEST = 2**31 - 1
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@dataclass(frozen=True, slots=True)
class SpotifyFrames:
    """Frames with the columns of the tables of the same names."""

    tracks: pl.DataFrame
    artists: pl.DataFrame
    albums: pl.DataFrame
    outside_popularity: pl.DataFrame
    """The newest value of each track and artist; popularity 0 to 100, followers from 0."""
    refused: dict[str, int]
    """Number of things that made no row, or of values left out, by reason."""


def spotify_frames(journal: Journal) -> SpotifyFrames:
    """The newest payloads of all of Spotify's requests as rows, one per track, artist and album.

    A full description wins over one from a list, one that was asked for over one that was met by the way,
    and a newer one over an older.
    """
    reader = _Reader(journal)
    reader.read()
    return SpotifyFrames(
        frame_of(TRACKS, reader.rows(reader.tracks)),
        frame_of(ARTISTS, reader.rows(reader.artists)),
        frame_of(ALBUMS, reader.rows(reader.albums)),
        frame_of(POPULARITY_SNAPSHOTS, reader.rows(reader.popularity)),
        dict(sorted(reader.refused.items())),
    )


class _Reader:
    """Gathers rows; each with a rank, of which the highest wins."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.tracks: dict[Any, tuple[Any, Row]] = {}
        self.artists: dict[Any, tuple[Any, Row]] = {}
        self.albums: dict[Any, tuple[Any, Row]] = {}
        self.popularity: dict[Any, tuple[Any, Row]] = {}
        self.refused: Counter[str] = Counter()

    @staticmethod
    def rows(gathered: dict[Any, tuple[Any, Row]]) -> list[Row]:
        """The rows that won, in the order of their keys."""
        return [gathered[key][1] for key in sorted(gathered)]

    def read(self) -> None:
        for stored in self.journal.payloads(SOURCE, "track"):
            self.track(stored.payload, stored, requested=True)
        for stored in self.journal.payloads(SOURCE, "isrc"):
            for item in self.items(stored.payload.get("tracks"), stored):
                self.track(item, stored, requested=code_of(item) in (None, stored.request.subject))
        for stored in self.journal.payloads(SOURCE, "search"):
            for item in self.items(stored.payload.get("tracks"), stored):
                self.track(item, stored)
        for stored in self.journal.payloads(SOURCE, "playlist_items"):
            for item in self.items(stored.payload, stored):
                # Called track until 2026, and in extended mode still.
                track = item.get("item") if "item" in item else item.get("track")
                if not isinstance(track, dict):
                    self.refused["playlist_items: no track"] += 1
                elif track.get("type") == "episode" or item.get("is_local") is True:
                    self.refused["playlist_items: an episode or a local file"] += 1
                else:
                    self.track(track, stored)
        for stored in self.journal.payloads(SOURCE, "artist"):
            self.artist(stored.payload, stored, full=True)
        for stored in self.journal.payloads(SOURCE, "artist_albums"):
            for item in self.items(stored.payload, stored):
                self.album(item, stored)
        for stored in self.journal.payloads(SOURCE, "album"):
            self.album(stored.payload, stored, full=True)
            for item in self.items(stored.payload.get("tracks"), stored):
                self.track(item, stored, album=stored.payload)
        for stored in self.journal.payloads(SOURCE, "album_tracks"):
            for item in self.items(stored.payload, stored):
                self.track(item, stored, album={"id": stored.request.subject})

    def items(self, page: Any, stored: Stored) -> Iterator[Json]:
        kind = stored.request.kind
        items = page.get("items") if isinstance(page, dict) else None
        if not isinstance(items, list):
            self.refused[f"{kind}: no list of items"] += 1
            return
        for item in items:
            if isinstance(item, dict):
                yield item
            else:
                self.refused[f"{kind}: an item that is no object"] += 1

    def track(self, track: Json, stored: Stored, *, requested: bool = False, album: Json | None = None) -> None:
        """``album``: given if the track is from the album's list, which leaves out much."""
        named = self.named(track, "track")
        if named is None:
            return
        track_id, title = named
        of = album if album is not None else track.get("album")
        of = of if isinstance(of, dict) else {}
        if album is None and of:
            self.album(of, stored, by_the_way=True)
        artists = self.artists_of(track, stored)
        isrc = code_of(track)
        if isrc is not None and not _ISRC.fullmatch(isrc):
            self.refused["track: external_ids.isrc is no ISRC"] += 1
            isrc = None
        duration = self.number(track, "duration_ms", "track")
        row = {
            "source": SOURCE,
            "source_track_id": track_id,
            "requested_id": stored.request.subject if requested else None,
            "isrc": isrc,
            "title": title,
            "source_artist_id": artists[0][0] if artists else None,
            "artist_name": artists[0][1] if artists else None,
            "other_artists": "; ".join(name for _, name in artists[1:]) or None,
            "source_album_id": self.text(of, "id", "track.album"),
            "duration_s": None if duration is None else duration / 1000,
            "is_explicit": self.flag(track, "explicit"),
            "release_date": self.released(of),
            "has_preview": isinstance(track["preview_url"], str) if "preview_url" in track else None,
            "fetched_at": timestamp(stored.fetched_at),
        }
        _offer(self.tracks, track_id, (album is None, requested, stored.fetched_at), row)
        self.measured(track, "popularity", "track", track_id, isrc, stored)

    def artists_of(self, described: Json, stored: Stored) -> list[tuple[str | None, str]]:
        """Ids and names of the artists of a track or album, in order."""
        artists = described.get("artists")
        found: list[tuple[str | None, str]] = []
        for artist in artists if isinstance(artists, list) else ():
            if isinstance(artist, dict) and isinstance(artist.get("name"), str) and artist["name"]:
                artist_id = self.text(artist, "id", "artist")
                found.append((artist_id, artist["name"]))
                if artist_id is not None:
                    self.artist(artist, stored)
            else:
                self.refused["artist: no name"] += 1
        return found

    def artist(self, artist: Json, stored: Stored, *, full: bool = False) -> None:
        named = self.named(artist, "artist")
        if named is None:
            return
        artist_id, name = named
        genres = artist.get("genres")
        followers = artist.get("followers")
        total = self.number(followers, "total", "artist.followers") if isinstance(followers, dict) else None
        row = {
            "source": SOURCE,
            "source_artist_id": artist_id,
            "artist_name": name,
            "genres": "; ".join(g for g in genres if isinstance(g, str)) or None if isinstance(genres, list) else None,
            "followers": total,
            "fetched_at": timestamp(stored.fetched_at),
        }
        _offer(self.artists, artist_id, (full, stored.fetched_at), row)
        self.measured(artist, "popularity", "artist", artist_id, None, stored)
        if total is not None:
            self.measured({"followers": total}, "followers", "artist", artist_id, None, stored)

    def album(self, album: Json, stored: Stored, *, full: bool = False, by_the_way: bool = False) -> None:
        named = self.named(album, "album")
        if named is None:
            return
        album_id, title = named
        artists = self.artists_of(album, stored)
        ids = album.get("external_ids")
        row = {
            "source": SOURCE,
            "source_album_id": album_id,
            "title": title,
            "source_artist_id": artists[0][0] if artists else None,
            "artist_name": artists[0][1] if artists else None,
            "album_type": self.text(album, "album_type", "album"),
            "release_date": self.released(album),
            "tracks": self.number(album, "total_tracks", "album"),
            "upc": self.text(ids, "upc", "album.external_ids") if isinstance(ids, dict) else None,
            "fetched_at": timestamp(stored.fetched_at),
        }
        _offer(self.albums, album_id, (full, not by_the_way, stored.fetched_at), row)

    def measured(
        self, described: Json, measure: str, subject: str, source_id: str, isrc: str | None, stored: Stored
    ) -> None:
        """A row of popularity, if the value is there."""
        value = self.number(described, measure, subject)
        maximum = POPULARITY_MAXIMUM if measure == "popularity" else None
        if value is None:
            return
        if maximum is not None and value > maximum:
            self.refused[f"{subject}: {measure} above {maximum}"] += 1
            return
        at = timestamp(stored.fetched_at)
        row = {
            "observed_on": at.date(),
            "source": SOURCE,
            "measure": measure,
            "subject": subject,
            "source_id": source_id,
            "isrc": isrc,
            "value": float(value),
            "scale_maximum": maximum,
            "observed_at": at,
        }
        _offer(self.popularity, (measure, subject, source_id), (at,), row)

    def named(self, described: Json, what: str) -> tuple[str, str] | None:
        """Id and name; None, counted, if either is missing."""
        for field, missing in (("id", "no id"), ("name", "no name")):
            if not isinstance(described.get(field), str) or not described[field]:
                self.refused[f"{what}: {missing}"] += 1
                return None
        return described["id"], described["name"]

    def text(self, described: Json, field: str, what: str) -> str | None:
        value = described.get(field)
        if value is None or (isinstance(value, str) and value):
            return value or None
        self.refused[f"{what}: {field} is no text"] += 1
        return None

    def number(self, described: Json, field: str, what: str) -> int | None:
        """A whole number from 0."""
        value = described.get(field)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
            return value
        self.refused[f"{what}: {field} is no number from 0"] += 1
        return None

    def flag(self, described: Json, field: str) -> bool | None:
        value = described.get(field)
        if value is None or isinstance(value, bool):
            return value
        self.refused[f"track: {field} is not true or false"] += 1
        return None

    def released(self, album: Json) -> date | None:
        """The day, or the first of the month or year; Spotify writes 0000 where it does not know."""
        told = album.get("release_date")
        if told is None or told == "0000":
            return None
        match = _DATE.fullmatch(told) if isinstance(told, str) else None
        try:
            if match is not None:
                year, month, day = match.groups()
                return date(int(year), int(month or 1), int(day or 1))
        except ValueError:
            pass
        self.refused["album: release_date is no date"] += 1
        return None


def _offer(gathered: dict[Any, tuple[Any, Row]], key: Any, rank: Any, row: Row) -> None:
    if key not in gathered or gathered[key][0] <= rank:
        gathered[key] = rank, row
