"""The list that a label can lay beside its recordings: which file is which ISRC, and where the excerpt begins."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from analytics_platform.catalogue.clips import isrc_of

MANIFEST = "manifest.csv"
"""Its name, at the root: UTF-8, columns isrc, file (path below the root) and, if wanted, offset_s."""
MAX_MANIFEST_BYTES = 64 * 2**20

Problem = tuple[str, str, str | None]
"""Path, kind of reason, detail."""


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """A good line of a manifest."""

    number: int
    isrc: str
    path: str
    offset_s: float | None


def read_manifest(fs: Any, full_path: str, size_bytes: int, problems: list[Problem]) -> list[ManifestLine]:
    """The good lines of a manifest, one per ISRC; the others are added to ``problems``.

    Args:
        fs: file system of fsspec.
        full_path: of the manifest there.
        size_bytes: its size.
        problems: path, kind of reason, detail; is added to.
    """
    if size_bytes > MAX_MANIFEST_BYTES:
        problems.append((MANIFEST, "too large", f"more than {MAX_MANIFEST_BYTES} bytes"))
        return []
    good: list[ManifestLine] = []
    by_isrc: dict[str, int] = {}
    try:
        with fs.open(full_path, "r", encoding="utf-8-sig", newline="", errors="replace") as opened:
            lines = csv.DictReader(opened)
            names = {name.strip().casefold(): name for name in lines.fieldnames or ()}
            if not {"isrc", "file"} <= set(names):
                problems.append((MANIFEST, "no columns", "the first line does not name isrc and file"))
                return []
            for row in lines:
                where = f"{MANIFEST} line {lines.line_num}"
                line = _line(row, names, lines.line_num)
                if isinstance(line, ManifestLine) and line.isrc in by_isrc:
                    problems.append((where, "ISRC listed before", f"{line.isrc} is in line {by_isrc[line.isrc]}"))
                    continue
                if isinstance(line, str):
                    problems.append((where, line, None))
                    continue
                by_isrc[line.isrc] = line.number
                good.append(line)
    except (OSError, csv.Error) as error:
        problems.append((MANIFEST, "can't be read to its end", type(error).__name__))
    return good


def _line(row: Mapping[str, str | None], names: Mapping[str, str], number: int) -> ManifestLine | str:
    """A line of the manifest, or what is wrong with it."""
    isrc = isrc_of(row[names["isrc"]] or "")
    if isrc is None:
        return "no ISRC in the line"
    path = PurePosixPath((row[names["file"]] or "").strip().replace("\\", "/"))
    if not path.name or path.is_absolute() or ".." in path.parts:
        return "no path below the folder in the line"
    offset = (row[names["offset_s"]] or "").strip() if "offset_s" in names else ""
    try:
        seconds = float(offset) if offset else None
    except ValueError:
        seconds = math.nan
    if seconds is not None and not 0 <= seconds < math.inf:
        return "offset_s is no number of seconds from 0 up"
    return ManifestLine(number, isrc, str(path), seconds)
