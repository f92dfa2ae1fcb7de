"""The folder of unreleased tracks: which files it holds, what they are called, and which excerpt is heard."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from analytics_platform.audio.decode import LARGEST_FILE
from analytics_platform.catalogue.clips import Header, clip_id, middle_offset, read_codec, read_header
from analytics_platform.tracks.score_tables import BAD_NAME, NO_FILE

UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart")
BESIDES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic"}
"""Pictures lie beside recordings; nobody means them to be heard."""
BESIDES_NAMES = {"thumbs.db", "desktop.ini", "icon\r"}
README = "readme"

_TRACK_NUMBER = re.compile(r"^\d{1,3}\s*[.\-_)]\s*(?=\S)")


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file in the folder; nothing of it was read."""

    file: str
    """Path below the folder."""
    size_bytes: int
    modified_at: float
    """Unix seconds."""
    problem: str | None = None
    """Why it is not even opened."""


@dataclass(frozen=True, slots=True)
class Track:
    """A file that may be a track."""

    file: str
    path: Path
    title: str
    artist_name: str | None
    sha256: str
    offset_s: float

    @property
    def clip_id(self) -> str:
        """Of the excerpt."""
        return clip_id(self.sha256, self.offset_s)


def list_unreleased(folder: Path) -> list[DroppedFile]:
    """All files below the folder by name, without hidden and unfinished ones, pictures and a README; opens nothing.

    Raises:
        OSError: the folder itself can't be listed; that is not the same as an empty one.
    """
    return sorted(_walk(folder, folder), key=lambda dropped: dropped.file) if folder.exists() else []


def _walk(root: Path, folder: Path) -> Iterator[DroppedFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_beside(entry.name):
                continue
            file = Path(entry.path).relative_to(root).as_posix()
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # renamed or removed while we look
            if not all(character.isprintable() for character in file):
                # No table and no log could hold it.
                shown = file.encode("utf-8", "backslashreplace").decode().encode("unicode_escape").decode()
                yield DroppedFile(shown, 0, info.st_mtime, BAD_NAME)
            elif stat.S_ISDIR(info.st_mode):
                try:
                    yield from _walk(root, Path(entry.path))
                except PermissionError:
                    yield DroppedFile(file, 0, info.st_mtime, "unreadable")
            elif stat.S_ISREG(info.st_mode):
                problem = "file too large" if info.st_size > LARGEST_FILE else None
                yield DroppedFile(file, info.st_size, info.st_mtime, problem)
            else:
                yield DroppedFile(file, 0, info.st_mtime, NO_FILE)


def is_beside(name: str) -> bool:
    """Whether a file or folder of that name is passed over without a word."""
    lower = name.lower()
    return (
        name.startswith(".")
        or lower.endswith(UNFINISHED)
        or lower in BESIDES_NAMES
        or PurePosixPath(lower).suffix in BESIDES
        or PurePosixPath(lower).stem == README
    )


def copy_tracks(paths: Sequence[Path], folder: Path) -> list[str]:
    """Copy files and folders into the folder of unreleased tracks. Returns the names of what was passed over.

    A folder that has files in it keeps its name, which is the artist's; one that only has folders does not: each of
    these is an artist's. A copy has a hidden name, which the sensor ignores, until it is whole.
    """
    besides: list[str] = []
    for path in paths:
        if path.absolute().is_relative_to(folder.absolute()):
            continue  # it is there
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
        is_artist = path.is_dir() and any(file.parent == path and not is_beside(file.name) for file in files)
        base = path.absolute() if path.is_dir() and not is_artist else path.absolute().parent
        for file in files:
            name = file.absolute().relative_to(base)
            if any(is_beside(part) for part in name.parts):
                besides.append(name.as_posix())
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}")
            shutil.copyfile(file, unfinished)
            unfinished.replace(target)
    return besides


def open_track(folder: Path, file: str) -> Track:
    """Read what a file says of itself, and all of it once for its hash.

    Raises:
        OSError: it is gone, or can't be read.
    """
    path = folder / file
    with path.open("rb") as opened:
        codec = read_codec(opened)
        # What is no audio gets no excerpt; the decoder will say what it is.
        header = read_header(opened, codec) if codec else Header()
        opened.seek(0)
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    artist_name, title = names_of(file, header)
    return Track(file, path, title, artist_name, sha256, middle_offset(header.duration_s))


def names_of(file: str, header: Header) -> tuple[str | None, str]:
    """Artist (or None) and title: tags first, then ``Artist/Title.ext``, then ``Artist - Title.ext``."""
    path = PurePosixPath(file)
    folder = path.parts[0] if len(path.parts) > 1 else None
    title = _TRACK_NUMBER.sub("", path.stem).strip() or path.stem
    said: str | None = None
    before, dash, after = title.partition(" - ")
    if dash and before.strip() and after.strip() and (folder is None or before.strip() == folder):
        said, title = before.strip(), after.strip()
    return header.artist or folder or said, header.title or title
