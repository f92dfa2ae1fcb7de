"""Playlists in open formats: XSPF, JSPF and CSV.

XSPF: https://www.xspf.org/spec (version 1); elements stand in the order of the specification, as its errata advise.
JSPF: https://www.xspf.org/jspf, the same in JSON. CSV: UTF-8 with a byte-order mark, which spreadsheets need.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree

NAMESPACE = "http://xspf.org/ns/0/"
CREATOR = "music analytics platform"
NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML file may have, in whatever notation."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the start of a cell."""
CSV_HEADER = ("place", "title", "artist", "isrc", "duration_s", "value", "location")
SLUG_CHARACTERS, ID_CHARACTERS = 60, 8
LONGEST_S = 1e7
"""More seconds are no length: 116 days."""
SUFFIXES = (".jspf", ".xspf", ".csv")


@dataclass(frozen=True, slots=True)
class PlaylistTrack:
    """One track of a playlist."""

    isrc: str
    title: str | None = None
    artist_name: str | None = None
    duration_s: float | None = None
    location: str | None = None
    """An absolute path, or an address, of the label's own recording; None if there is none to play."""
    value: float | None = None
    """What it was chosen by."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist; its id makes its files' names."""

    playlist_id: str
    title: str
    tracks: Sequence[PlaylistTrack]
    annotation: str = ""
    """What it is and how it came about, in words."""


def file_name(playlist: Playlist) -> str:
    """Name of the playlist's files without suffix: its title for readers, and what its id makes for stability.

    The same id always gives the same ending, whatever becomes of the title.
    """
    plain = unicodedata.normalize("NFKD", playlist.title).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:SLUG_CHARACTERS].strip("-")
    ending = blake2b(playlist.playlist_id.encode("utf-8", "surrogatepass"), digest_size=ID_CHARACTERS // 2).hexdigest()
    return f"{slug}-{ending}" if slug else ending


def uri_of(location: str | None) -> str | None:
    """A file's absolute path as a file:// URI, an address percent-encoded; None for anything else.

    Addresses with a query are left out: what is signed or secret stands there.
    """
    if not location:
        return None
    if location.startswith("/"):
        return Path(location).as_uri() if not _has_surrogates(location) else None
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    if parts.scheme not in ("file", "http", "https", "s3", "gs", "az") or parts.query or "@" in parts.netloc:
        return None
    # Letters with accents and spaces are encoded, what is encoded stays.
    return quote(location, safe="%/:=&~*'!$,;@()+[]", errors="replace") if not _has_surrogates(location) else None


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _text(text: str | None) -> str | None:
    """Text without control characters and half characters; None for nothing."""
    return NOT_TEXT.sub("", text).strip() or None if text else None


def _milliseconds(track: PlaylistTrack) -> int | None:
    return (
        round(track.duration_s * 1000) if track.duration_s is not None and 0 <= track.duration_s < LONGEST_S else None
    )


def _fields(track: PlaylistTrack, number: int) -> dict[str, str | int | None]:
    """What is said of a track, in the order of the specification."""
    return {
        "location": uri_of(track.location),
        "identifier": f"urn:isrc:{quote(_text(track.isrc) or '', safe='')}",
        "title": _text(track.title),
        "creator": _text(track.artist_name),
        "trackNum": number,
        "duration": _milliseconds(track),
    }


def xspf(playlist: Playlist) -> bytes:
    """The playlist as XSPF, version 1."""
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.Element(f"{{{NAMESPACE}}}playlist", {"version": "1"})

    def add(parent: ElementTree.Element, name: str, text: str | int | None) -> None:
        if text is not None:
            ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = str(text)

    add(root, "title", _text(playlist.title))
    add(root, "creator", CREATOR)
    add(root, "annotation", _text(playlist.annotation))
    listed = ElementTree.SubElement(root, f"{{{NAMESPACE}}}trackList")
    for number, track in enumerate(playlist.tracks, 1):
        element = ElementTree.SubElement(listed, f"{{{NAMESPACE}}}track")
        for name, value in _fields(track, number).items():
            add(element, name, value)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def jspf(playlist: Playlist) -> bytes:
    """The playlist as JSPF: locations and identifiers are lists there."""
    tracks: list[dict[str, object]] = []
    for number, track in enumerate(playlist.tracks, 1):
        fields = {name: value for name, value in _fields(track, number).items() if value is not None}
        tracks.append(
            {name: [value] if name in ("location", "identifier") else value for name, value in fields.items()}
        )
    head = {"title": _text(playlist.title), "creator": CREATOR, "annotation": _text(playlist.annotation)}
    body = {name: value for name, value in head.items() if value is not None} | {"track": tracks}
    return (json.dumps({"playlist": body}, ensure_ascii=False, indent=1) + "\n").encode()


def playlist_csv(playlist: Playlist) -> bytes:
    """The playlist as CSV; a cell that a spreadsheet would compute begins with an apostrophe."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(CSV_HEADER)
    for number, track in enumerate(playlist.tracks, 1):
        title, artist, isrc = (_cell(_text(text)) for text in (track.title, track.artist_name, track.isrc))
        value = "" if track.value is None else f"{track.value:.6g}"
        seconds = "" if track.duration_s is None else f"{track.duration_s:.3f}"
        writer.writerow([number, title, artist, isrc, seconds, value, uri_of(track.location) or ""])
    return file.getvalue().encode("utf-8-sig")


def _cell(text: str | None) -> str:
    if not text:
        return ""
    return f"'{text}" if text.startswith(FORMULA) else text


def write_playlists(folder: Path, playlists: Iterable[Playlist]) -> list[Path]:
    """Write each playlist as .jspf, .xspf and .csv; each file is there whole or not at all.

    Playlists of an earlier call that are gone now stay: the caller gives a new folder, as publishing does, which also
    has everything on disk before anybody sees it.

    Raises:
        ValueError: two playlists have one id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    seen: set[str] = set()
    for playlist in playlists:
        if playlist.playlist_id in seen:
            raise ValueError(f"two playlists have the id {playlist.playlist_id!r}")
        seen.add(playlist.playlist_id)
        name = file_name(playlist)
        for suffix, content in zip(SUFFIXES, (jspf(playlist), xspf(playlist), playlist_csv(playlist)), strict=True):
            building = folder / f".{name}.{uuid4().hex}"
            try:
                building.write_bytes(content)
                building.replace(folder / f"{name}{suffix}")
            finally:
                building.unlink(missing_ok=True)
            written.append(folder / f"{name}{suffix}")
    return written
