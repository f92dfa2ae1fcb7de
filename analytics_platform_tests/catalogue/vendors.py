"""All outside catalogues at once on the loopback, in the place of the real ones, and a label that asks them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest

from analytics_platform.catalogue import deezer, itunes, spotify
from analytics_platform.catalogue.download import PREVIEW_HOSTS
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import PLAYS, TRACK_ARTISTS
from analytics_platform_tests.catalogue.deezer_server import DeezerServer, deezer_server
from analytics_platform_tests.catalogue.itunes_server import ITunesServer, itunes_server
from analytics_platform_tests.catalogue.preview_server import PreviewServer
from analytics_platform_tests.catalogue.spotify_server import CLIENT_ID, CLIENT_SECRET, SpotifyServer
from analytics_platform_tests.catalogue.spotify_world import Json, World
from analytics_platform_tests.orchestration.homes import lake_of, make_settings

DAY = date(2026, 11, 20)


class WorldWithPreviews(World):
    """Its previews lie on ``address``, where World has them at Spotify's own host."""

    address: str = ""

    def simple_track(self, number: int) -> Json:
        described = super().simple_track(number)
        return {**described, "preview_url": self.address} if described.get("preview_url") else described


@dataclass
class Vendors:
    """What the outside says; tests change it."""

    spotify: SpotifyServer
    deezer: DeezerServer
    itunes: ITunesServer
    previews: PreviewServer

    def calls(self) -> list[str]:
        """Every call for one thing, in no order. The probe of Spotify is left out, and so are batches."""
        others = ("year%3A", "/albums", "/tracks/?ids=")
        targets = [target for target in self.spotify.targets() if not any(part in target for part in others)]
        return [*targets, *self.deezer.asked.elements(), *(query["term"][0] for query in self.itunes.queries)]


@contextmanager
def vendors_of(
    previews: PreviewServer, monkeypatch: pytest.MonkeyPatch, folder: Path, *, development: bool = False
) -> Generator[Vendors]:
    """Serve all of them, and have the clients of this process find them in the places of the real ones."""
    world = WorldWithPreviews(60, development=development)
    world.address = previews.url("plain/spotify.mp3")
    with SpotifyServer(world) as server, deezer_server() as deezer_api, itunes_server() as itunes_api:
        monkeypatch.setattr(spotify, "API_URL", server.api_url)
        monkeypatch.setattr(spotify, "TOKEN_URL", server.token_url)
        monkeypatch.setattr(deezer, "API", deezer_api.base_url)
        monkeypatch.setattr(itunes, "API", itunes_api.base_url)
        for source in PREVIEW_HOSTS:
            monkeypatch.setitem(PREVIEW_HOSTS, source, previews.hosts)  # pyright: ignore[reportArgumentType]
        authority = folder / "authority.pem"
        authority.write_bytes(previews.authority)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        yield Vendors(server, deezer_api, itunes_api, previews)


def settings_with_sources(home: Path, **fields: object) -> Settings:
    """Settings of a label that asks every outside source."""
    sources: dict[str, object] = {
        "spotify_client_id": CLIENT_ID,
        "spotify_client_secret": CLIENT_SECRET,
        "preview_sources": ("deezer", "itunes", "spotify"),
    }
    settings = make_settings(home, **sources | fields)
    Path(settings.masters_root).mkdir(parents=True, exist_ok=True)
    return settings


def name_recordings(settings: Settings, titles: dict[str, str], artist: str = "Jack Johnson") -> None:
    """Put recordings (ISRC → title) into the vendors' catalogue of the lake."""
    rows = [
        {"vendor": "fuga", "track_id": f"t-{isrc}", "isrc": isrc, "title": title, "artist_id": artist.lower()}
        | {"artist_name": artist}
        for isrc, title in titles.items()
    ]
    lake_of(settings).write_frame(TRACK_ARTISTS, frame_of(TRACK_ARTISTS, rows))


def write_plays(settings: Settings, plays: dict[str, list[int]]) -> None:
    """Put plays (ISRC → plays of one listener after the other) of one day into the lake."""
    rows = [
        {
            "vendor": "fuga",
            "ingest_date": DAY,
            "delivery_id": isrc,
            "line": line + 1,
            "listener_key": f"listener-{line}",
        }
        | {"key_version": 1, "track_id": f"t-{isrc}", "isrc": isrc, "play_date": DAY, "plays": count}
        for isrc, counts in plays.items()
        for line, count in enumerate(counts)
    ]
    lake_of(settings).write_frame(PLAYS, frame_of(PLAYS, rows))


def shifted(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Gives a function that moves the clock of this process ahead, by seconds from now in all."""
    import time

    real = time.time

    def move(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + seconds)

    return move


def at(seconds: datetime) -> float:
    """A time of a table as seconds since 1970."""
    from datetime import UTC

    return seconds.replace(tzinfo=UTC).timestamp()
