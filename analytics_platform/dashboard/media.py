"""Sound, pictures and playlists that the page hands out: only files that the published tables name.

A reader gives the name of a track, never of a file. What a table says of a file is still not believed: it must lie
below the folder that it is meant to lie in, wherever its links lead. Nothing is fetched from another machine.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

from analytics_platform.dashboard.look import plain
from analytics_platform.dashboard.reading import facts, pinned
from analytics_platform.settings import Settings

PLAYABLE = {
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".webm": "audio/webm",
}
"""What browsers play, by suffix."""
MOST_BYTES = 64 * 2**20
"""Of a sound: the page holds what it plays in memory. Six minutes as on a CD."""
MOST_PICTURE_BYTES = 8 * 2**20
PNG = b"\x89PNG\r\n\x1a\n"
PLAYLIST_SUFFIXES = {".xspf": "application/xspf+xml", ".jspf": "application/json", ".csv": "text/csv"}

SCORED = "select file from marts.track_scores where file = $file"
PICTURE = "select picture from marts.track_explanations where file = $file"
RECORDING = "select location, clip_source, may_display from marts.track_audio where isrc = $isrc"
PLAYLIST = "select any_value(playlist_title) as title from taste.playlist_tracks where playlist_id = $playlist"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to hand out, or in words why there is none."""

    path: Path | None = None
    kind: str = ""
    """Its media type."""
    why: str = ""
    """Markdown; empty if there is a path."""


def unreleased_sound(file: str) -> Found:
    """The recording of a scored track, by its path below the folder of unreleased tracks."""
    named = facts(SCORED, file=file).get("file")
    if named is None:
        return Found(why=f"There is no scored track {plain(file)}.")
    return _sound(below(Settings().unreleased, named), f"{plain(named)} is no longer in the folder `unreleased/`.")


def recording_sound(isrc: str) -> Found:
    """The clip or master of a recording, if there is the right to play it."""
    known = facts(RECORDING, isrc=isrc)
    location, source = known.get("location"), known.get("clip_source")
    if not location:
        return Found(why="There is no recording of it to play.")
    if known["may_display"] is not True:
        return Found(why=f"There is no right to play the clip from {plain(source)} to users of this page.")
    settings = Settings()
    if "://" in location:
        return Found(why=f"The recording lies at {plain(shown_address(location))}, not on this machine.")
    root = _folder(settings.masters_root) if source == "master" else settings.audio_root
    gone = "The recording is no longer where it was when it was heard."
    return _sound(None if root is None else below(root, location), gone)


def reasons_picture(file: str) -> Found:
    """The picture of why a track has its score."""
    settings = Settings()
    named = facts(PICTURE, file=file).get("picture")
    gone = Found(why="The picture of the reasons is no longer there. The job `explain` makes it again.")
    if not named:
        return gone
    path = below(settings.explanations_root, settings.home / named)
    if path is None or path.stat().st_size > MOST_PICTURE_BYTES:
        return gone
    with path.open("rb") as picture:
        return Found(path, "image/png") if picture.read(len(PNG)) == PNG else gone


def playlist_file(playlist: str, suffix: str) -> Found:
    """The file of a playlist, as it was published with the tables that the page shows."""
    title = facts(PLAYLIST, playlist=playlist).get("title")
    if title is None or suffix not in PLAYLIST_SUFFIXES:
        return Found(why=f"There is no playlist {plain(playlist)}.")
    folder = pinned().file.parent / "exports" / "playlists"
    path = below(folder, playlist_name(playlist, title) + suffix)
    if path is None:
        return Found(why="Its files are not in `exports/playlists`. The job `publish` writes them.")
    return Found(path, PLAYLIST_SUFFIXES[suffix])


def playlist_name(playlist: str, title: str) -> str:
    """What the files of a playlist are called, as publishing does it: its title, and what its id makes."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", letters).strip("-")[:60].strip("-")
    ending = blake2b(playlist.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{slug}-{ending}" if slug else ending


def below(root: Path, name: str | Path) -> Path | None:
    """The file ``name`` (a path below ``root``, or an absolute one) if it really lies below ``root``."""
    try:
        base = root.resolve(strict=True)
        path = (base / name).resolve(strict=True)
        return path if path.is_relative_to(base) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        # Gone, not to be looked at, half a character or a NUL in the name, links in a circle.
        return None


def shown_address(address: str) -> str:
    """An address without what may be secret in it: a user's name, and what is signed."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "another address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _folder(masters: str) -> Path | None:
    """The folder of masters, None if they are on another machine."""
    local = masters.removeprefix("file://")
    return None if "://" in local else Path(local).expanduser()


def _sound(path: Path | None, gone: str) -> Found:
    if path is None:
        return Found(why=gone)
    kind = PLAYABLE.get(path.suffix.lower())
    if kind is None:
        ending = path.suffix.removeprefix(".").upper()
        return Found(why=f"A browser can't play this file ({plain(ending or 'of unknown kind')}).")
    megabytes = path.stat().st_size / 2**20
    if megabytes > MOST_BYTES / 2**20:
        return Found(why=f"The file is too large to be played here ({megabytes:.0f} MiB).")
    return Found(path, kind)
