"""The label's own recordings: a folder or an object store, indexed by ISRC.

A file is matched by ``manifest.csv`` at the root, else by its tags, else by an ISRC in its name. What can't be
matched, or contradicts something else, is reported with a reason; nothing is dropped in silence. The excerpt
is the middle 30 seconds: beginnings are intros, and the middle needs no listening.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from analytics_platform.catalogue.clips import (
    CLIP_SECONDS,
    Header,
    clip_id,
    isrc_of,
    isrcs_in,
    middle_offset,
    read_codec,
    read_header,
)
from analytics_platform.catalogue.manifest import MANIFEST, ManifestLine, Problem, read_manifest
from analytics_platform.catalogue.tables import CLIPS, MASTER_FILES
from analytics_platform.lakehouse.frames import frame_of

if TYPE_CHECKING:
    import polars as pl

MAX_FILE_BYTES = 4 * 2**30
"""Above that a file is no single recording: two hours of stereo at 96 kHz and 24 bits."""
HASH_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Masters:
    """What a scan found."""

    candidates: pl.DataFrame
    """One row per ISRC: the columns of ``catalogue.clips`` from isrc to match_score."""
    problems: pl.DataFrame
    """Columns path (a file, or a line of the manifest), reason (its kind, to be counted by), detail (or null)."""
    index: pl.DataFrame
    """One row per audio file, as ``MASTER_FILES``; goes into the next scan."""
    hashed: int
    """Files whose content was read whole in this scan."""


@dataclass(slots=True)
class _File:
    """An audio file of the store."""

    path: str
    full_path: str
    size_bytes: int
    changed: str | None
    codec: str = ""
    header: Header = field(default_factory=Header)
    sha256: str | None = None


def index_masters(uri: str, previous: pl.DataFrame | None = None, *, max_bytes: int = MAX_FILE_BYTES) -> Masters:
    """Find the recordings below ``uri`` by ISRC.

    Of several files for one ISRC the one of the surer method wins, then the first by path.

    Args:
        uri: folder, or address that fsspec knows (``s3://bucket/masters``). Keys belong into the environment.
        previous: ``index`` of an earlier scan; unchanged files are not read again.
        max_bytes: larger files are refused.

    Raises:
        FileNotFoundError: there is nothing at ``uri``; not the same as a folder without recordings.
    """
    import fsspec.core
    import polars as pl

    fs, root = fsspec.core.url_to_fs(uri)
    if not fs.isdir(root):
        raise FileNotFoundError("the folder of own recordings does not exist")
    problems: list[Problem] = []
    known = {row["path"]: row for row in previous.iter_rows(named=True)} if previous is not None else {}

    files: dict[str, _File] = {}
    manifest: list[ManifestLine] = []
    for file in _walk(fs, root, problems):
        if file.path == MANIFEST:
            manifest = read_manifest(fs, file.full_path, file.size_bytes, problems)
        elif file.size_bytes > max_bytes:
            problems.append((file.path, "too large", f"more than {max_bytes} bytes"))
        elif _describe(fs, file, known.get(file.path), problems):
            files[file.path] = file

    hashed, rows = 0, list[dict[str, object]]()
    for isrc, (method, file, asked_offset) in sorted(_match(files, manifest, problems).items()):
        if file.sha256 is None:
            try:
                file.sha256 = _sha256(fs, file)
            except OSError as error:
                problems.append((file.path, "can't be read", type(error).__name__))
                continue
            hashed += 1
        rows.append(_candidate(fs, isrc, method, file, _offset(file, asked_offset, problems)))

    columns = [column.name for column in CLIPS]
    candidates = frame_of(CLIPS, rows).select(columns[: columns.index("match_score") + 1])
    index = frame_of(MASTER_FILES, (_index_row(file) for file in files.values()))
    schema = {"path": pl.String, "reason": pl.String, "detail": pl.String}
    return Masters(
        candidates, pl.DataFrame(problems, schema=schema, orient="row").sort("path", maintain_order=True), index, hashed
    )


def listing(uri: str) -> list[tuple[str, int, str | None]]:
    """Path, size in bytes and time of change of every file below ``uri``, none if it is not there; opens nothing."""
    import fsspec.core

    fs, root = fsspec.core.url_to_fs(uri)
    return [(file.path, file.size_bytes, file.changed) for file in _walk(fs, root, [])] if fs.isdir(root) else []


def _walk(fs: Any, root: str, problems: list[Problem]) -> Iterator[_File]:
    """All plain files below the root, by path; what is refused is a problem."""
    local = _is_local(fs)
    home = os.path.realpath(root) if local else ""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries: list[dict[str, Any]] = sorted(fs.ls(folder, detail=True), key=lambda entry: str(entry["name"]))
        except OSError as error:
            problems.append((_shown(_below(root, folder)), "can't be listed", type(error).__name__))
            continue
        for entry in entries:
            full_path = str(entry["name"])
            path = _below(root, full_path)
            if full_path.rstrip("/") == folder.rstrip("/"):
                continue  # object stores list the folder itself
            if _shown(path) != path:
                problems.append((_shown(path), "the name is not UTF-8", None))
            elif PurePosixPath(path).name.startswith("."):
                problems.append((path, "hidden", None))
            elif local and entry.get("islink"):
                target = os.path.realpath(full_path)
                if os.path.commonpath([home, target]) != home:
                    problems.append((path, "a link that leaves the folder", None))
                elif not Path(target).is_file():
                    problems.append((path, "a link to something that is no file", None))
                else:
                    info = Path(target).stat()
                    yield _File(path, target, info.st_size, str(info.st_mtime))
            elif entry["type"] == "directory":
                waiting.append(full_path)
            elif entry["type"] != "file":
                problems.append((path, "not a plain file", None))
            else:
                yield _File(path, full_path, int(entry["size"] or 0), _changed(entry))


def _is_local(fs: Any) -> bool:
    protocol = fs.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def _below(root: str, full_path: str) -> str:
    return full_path[len(root) :].strip("/") if full_path.startswith(root) else full_path.strip("/")


def _shown(path: str) -> str:
    """The path as text that every file format can hold."""
    return path.encode("utf-8", "backslashreplace").decode()


def _changed(entry: Mapping[str, Any]) -> str | None:
    """What the store says that changes when the file does."""
    for name in ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        if entry.get(name):
            return str(entry[name])
    return None


def _describe(fs: Any, file: _File, known: Mapping[str, Any] | None, problems: list[Problem]) -> bool:
    """Fill in format, header and hash, from the last scan if the file is unchanged; False if it is no audio."""
    if known and file.changed and (known["size_bytes"], known["changed"]) == (file.size_bytes, file.changed):
        tags = tuple(known["isrc_tags"].splitlines())
        file.codec, file.sha256 = known["codec"], known["sha256"]
        file.header = Header(known["duration_s"], tags, known["problem"])
    else:
        try:
            with fs.open(file.full_path, "rb") as opened:
                codec = read_codec(opened)
                if codec:
                    file.codec, file.header = codec, read_header(opened, codec)
        except OSError as error:
            problems.append((file.path, "can't be read", type(error).__name__))
            return False
        if not file.codec:
            problems.append((file.path, "not audio that is supported" if file.size_bytes else "empty", None))
            return False
    if file.header.problem:
        problems.append((file.path, "the header can't be read", file.header.problem))
    return True


def _match(
    files: Mapping[str, _File], manifest: list[ManifestLine], problems: list[Problem]
) -> dict[str, tuple[str, _File, float | None]]:
    """ISRC → method, file and the offset asked for. ``files`` by path."""
    found: dict[str, tuple[str, _File, float | None]] = {}
    listed: dict[str, list[str]] = {}
    for line in manifest:
        if line.path in files:
            found[line.isrc] = ("manifest", files[line.path], line.offset_s)
            listed.setdefault(line.path, []).append(line.isrc)
        else:
            problems.append((f"{MANIFEST} line {line.number}", "there is no such audio file", line.path))
    by_name: list[tuple[str, _File]] = []
    by_tag: list[tuple[str, _File]] = []
    for path, file in sorted(files.items()):
        tags = {isrc_of(tag) for tag in file.header.isrc_tags}
        tagged = sorted(tag for tag in tags if tag)
        named = isrcs_in(PurePosixPath(path).stem)
        if None in tags:
            problems.append((path, "a tag for the ISRC holds none", None))
        for method, said in (("tags", tagged), ("name", named)):
            if len(said) > 1:
                problems.append((path, f"several ISRCs in its {method}", ", ".join(said[:4])))
        tag, name = (said[0] if len(said) == 1 else None for said in (tagged, named))
        if path in listed:
            if tag and tag not in listed[path]:
                problems.append((path, "manifest and tags differ", f"{', '.join(listed[path][:4])}, {tag}"))
        elif tag:
            if name and name != tag:
                problems.append((path, "tags and name differ", f"{tag}, {name}"))
            by_tag.append((tag, file))
        elif name:
            by_name.append((name, file))
        else:
            problems.append((path, "no ISRC in the manifest, the tags or the name", None))
    for method, pairs in (("tag", by_tag), ("file name", by_name)):
        for isrc, file in pairs:
            if isrc in found:
                problems.append((file.path, "its ISRC has another file", f"{isrc}: {found[isrc][1].path}"))
            else:
                found[isrc] = (method, file, None)
    return found


def _offset(file: _File, asked: float | None, problems: list[Problem]) -> float:
    """Where the excerpt begins, in seconds, to the millisecond."""
    length = file.header.duration_s
    if asked is not None and length is not None and asked >= length:
        problems.append((file.path, "the manifest's offset lies behind the end", "the middle is taken"))
        asked = None
    if asked is not None:
        return round(asked, 3)
    return middle_offset(length)


def _candidate(fs: Any, isrc: str, method: str, file: _File, offset_s: float) -> dict[str, object]:
    length = file.header.duration_s
    return {
        "isrc": isrc,
        "clip_id": clip_id(str(file.sha256), offset_s),
        "source": "master",
        "source_track_id": file.path,
        "location": file.full_path if _is_local(fs) else fs.unstrip_protocol(file.full_path),
        "codec": file.codec,
        "offset_s": offset_s,
        "duration_s": None if length is None else min(CLIP_SECONDS, max(length - offset_s, 0.0)),
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "match_method": method,
        "match_score": 1.0,
    }


def _index_row(file: _File) -> dict[str, object]:
    return {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "changed": file.changed,
        "codec": file.codec,
        "duration_s": file.header.duration_s,
        "isrc_tags": "\n".join(file.header.isrc_tags),
        "problem": file.header.problem,
        "sha256": file.sha256,
    }


def _sha256(fs: Any, file: _File) -> str:
    digest = hashlib.sha256()
    with fs.open(file.full_path, "rb") as opened:
        while chunk := opened.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
