"""A made-up catalogue in the shapes of Spotify's Web API: every object follows from its number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
DEPRECATED = {
    "track": ("available_markets", "linked_from", "popularity", "preview_url"),
    "album": ("available_markets", "popularity", "label", "genres", "album_group"),
    "artist": ("followers", "genres", "popularity"),
}
"""Fields that development mode does not give."""
TRACKS_PER_ALBUM = 4
LONG_ALBUM_TRACKS = 60
ALBUMS_PER_ARTIST = 13
LONG_ALBUM = 3
"""This album of every artist takes two pages of 50."""
TWIN_EVERY = 101


def track_id(number: int) -> str:
    return f"T{number:021d}"


def replaced_id(number: int) -> str:
    """The id that the track had before it was replaced by the one that it has now."""
    return f"R{number:021d}"


def album_id(number: int) -> str:
    return f"L{number:021d}"


def artist_id(number: int) -> str:
    return f"A{number:021d}"


def isrc_of(number: int) -> str:
    """Every 101st track, 53 the first, is another track of the recording before it."""
    number -= number % TWIN_EVERY == 53
    return f"QZT{number // 100_000:02d}{24}{number % 100_000:05d}"


@dataclass(slots=True)
class World:
    """Tracks 0 to ``tracks`` - 1 on albums of 4 (some of 60), 13 albums to an artist."""

    tracks: int
    development: bool = False
    host: str = ""
    albums: list[range] = field(init=False)
    album_of: list[int] = field(init=False)
    by_isrc: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.albums, self.album_of, self.by_isrc = [], [], {}
        while len(self.album_of) < self.tracks:
            first = len(self.album_of)
            long = len(self.albums) % ALBUMS_PER_ARTIST == LONG_ALBUM
            size = min(LONG_ALBUM_TRACKS if long else TRACKS_PER_ALBUM, self.tracks - first)
            self.album_of += [len(self.albums)] * size
            self.albums.append(range(first, first + size))
        for number in range(self.tracks):
            self.by_isrc.setdefault(isrc_of(number), []).append(number)

    @property
    def artists(self) -> int:
        return -(-len(self.albums) // ALBUMS_PER_ARTIST)

    def albums_of(self, artist: int) -> range:
        return range(artist * ALBUMS_PER_ARTIST, min((artist + 1) * ALBUMS_PER_ARTIST, len(self.albums)))

    def _links(self, kind: str, identity: str) -> Json:
        return {
            "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{identity}"},
            "href": f"{self.host}/v1/{kind}s/{identity}",
            "id": identity,
            "type": kind,
            "uri": f"spotify:{kind}:{identity}",
        }

    def _allowed(self, kind: str, described: Json) -> Json:
        if self.development:
            return {name: value for name, value in described.items() if name not in DEPRECATED[kind]}
        return described

    def simple_artist(self, number: int) -> Json:
        return {**self._links("artist", artist_id(number)), "name": f"Artist {number}"}

    def artist(self, number: int) -> Json:
        return self._allowed(
            "artist",
            {
                **self.simple_artist(number),
                "followers": {"href": None, "total": 1000 + number},
                "genres": ["hip hop", "rap"] if number % 2 else [],
                "images": [{"url": "https://i.scdn.co/image/1", "height": 300, "width": 300}],
                "popularity": number % 101,
            },
        )

    def simple_album(self, number: int) -> Json:
        precision = ("day", "month", "year")[number % 3]
        return self._allowed(
            "album",
            {
                **self._links("album", album_id(number)),
                "album_type": ("album", "single", "compilation")[number % 3],
                "artists": [self.simple_artist(number // ALBUMS_PER_ARTIST)],
                "available_markets": ["DE", "US"],
                "images": [{"url": "https://i.scdn.co/image/2", "height": None, "width": None}],
                "name": f"Album {number}",
                "release_date": {"day": "2021-03-05", "month": "2021-03", "year": "2021"}[precision],
                "release_date_precision": precision,
                "total_tracks": len(self.albums[number]),
            },
        )

    def listed_album(self, number: int) -> Json:
        """As in the list of an artist's albums."""
        return self._allowed("album", {**self.simple_album(number), "album_group": "album"})

    def album(self, number: int) -> Json:
        return self._allowed(
            "album",
            {
                **self.simple_album(number),
                "tracks": self.album_tracks(number, 50, 0),
                "copyrights": [{"text": "2021 Label", "type": "P"}],
                "external_ids": {"upc": f"{number:012d}"},
                "genres": [],
                "label": "Label",
                "popularity": number % 101,
            },
        )

    def simple_track(self, number: int) -> Json:
        album = self.album_of[number]
        artist = album // ALBUMS_PER_ARTIST
        guests = [self.simple_artist((artist + 1) % self.artists)] if number % 10 == 0 and self.artists > 1 else []
        return self._allowed(
            "track",
            {
                **self._links("track", track_id(number)),
                "artists": [self.simple_artist(artist), *guests],
                "available_markets": ["DE", "US"],
                "disc_number": 1,
                "duration_ms": 120_000 + number,
                "explicit": number % 7 == 0,
                "is_local": False,
                "is_playable": True,
                "name": f"Track {number}",
                "preview_url": None if number % 3 else f"https://p.scdn.co/mp3-preview/{number}",
                "track_number": number - self.albums[album].start + 1,
            },
        )

    def track(self, number: int, asked: str | None = None) -> Json:
        described = {
            **self.simple_track(number),
            "album": self.simple_album(self.album_of[number]),
            "external_ids": {"isrc": isrc_of(number)},
            "popularity": number % 101,
        }
        if asked is not None and asked != described["id"]:
            described["linked_from"] = self._links("track", asked)
        return self._allowed("track", described)

    def page(self, path: str, total: int, limit: int, offset: int, items: list[Json], query: str = "") -> Json:
        def link(at: int) -> str:
            return f"{self.host}/v1/{path}?{query}limit={limit}&offset={at}"

        return {
            "href": link(offset),
            "items": items,
            "limit": limit,
            "next": link(offset + limit) if offset + limit < total else None,
            "offset": offset,
            "previous": link(max(offset - limit, 0)) if offset else None,
            "total": total,
        }

    def album_tracks(self, number: int, limit: int, offset: int) -> Json:
        on_it = self.albums[number]
        items = [self.simple_track(n) for n in on_it[offset : offset + limit]]
        return self.page(f"albums/{album_id(number)}/tracks", len(on_it), limit, offset, items)

    def artist_albums(self, number: int, limit: int, offset: int) -> Json:
        albums = self.albums_of(number)
        items = [self.listed_album(n) for n in albums[offset : offset + limit]]
        return self.page(f"artists/{artist_id(number)}/albums", len(albums), limit, offset, items)

    def playlist_items(self, playlist: str, limit: int, offset: int) -> Json:
        """All tracks; every 20th place is empty, every 20th after it holds a local file."""
        items: list[Json] = []
        for n in range(self.tracks)[offset : offset + limit]:
            track: Json | None = self.track(n)
            if n % 20 == 3:
                track = None
            elif n % 20 == 4:
                track = {"type": "track", "name": "mine", "id": None, "is_local": True, "uri": "spotify:local:x"}
            item: Json = {"added_at": "2021-03-05T10:00:00Z", "is_local": n % 20 == 4, "item": track}
            items.append(item if self.development else {**item, "track": track})
        return self.page(f"playlists/{playlist}/items", self.tracks, limit, offset, items)

    def search(self, text: str, limit: int, offset: int) -> Json:
        """``isrc:`` finds the recording's tracks and, since a search is not exact, one of another code."""
        if text.startswith("isrc:"):
            found = self.by_isrc.get(text.removeprefix("isrc:"), [])
            found = [*found, (found[0] + 50) % self.tracks] if found else []
        else:
            found = list(range(self.tracks))
        items = [self.track(n) for n in found[offset : offset + limit]]
        return {"tracks": self.page("search", len(found), limit, offset, items, f"q={text}&type=track&")}

    def number(self, kind: str, identity: str) -> int | None:
        """Which one it is; None if there is none such."""
        letters = {"track": "TR", "album": "L", "artist": "A"}[kind]
        count = {"track": self.tracks, "album": len(self.albums), "artist": self.artists}[kind]
        if len(identity) != 22 or identity[0] not in letters or not identity[1:].isdigit():
            return None
        number = int(identity[1:])
        return number if number < count else None
