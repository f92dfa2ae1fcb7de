"""An independent, slow reader of deliveries: what is in a file and what is wrong with it."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections import Counter
from pathlib import Path

TIME_COLUMNS = {"spotify/streams": "timestamp", "apple/streams": "Datestamp", "fuga/trends": "date"}
LENGTH_COLUMNS = {
    "spotify/streams": "stream_length",
    "apple/streams": "Stream Duration",
    "fuga/trends": "stream_length",
}
TRACK_COLUMNS = {"spotify/streams": "track_id", "apple/streams": "Apple Identifier", "fuga/trends": "isrc"}
LISTENER_COLUMNS = {"spotify/streams": "user_id", "apple/streams": "Anonymized Person ID"}


def unpack(body: bytes) -> bytes:
    """The text within gzip or zips, however nested."""
    if body[:2] == b"\x1f\x8b":
        return unpack(gzip.decompress(body))
    if body[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            (name,) = archive.namelist()
            return unpack(archive.read(name))
    return body


def lines(path: Path) -> list[str]:
    """Lines of a delivered file, the header of a TSV first."""
    text = unpack(path.read_bytes()).decode()
    assert text.endswith("\n")
    return text[:-1].split("\n")


def read(path: Path, feed: str) -> tuple[list[dict[str, object]], Counter[str]]:
    """Good rows of a file of plays, and counts of bad ones by kind."""
    rows, faults, seen = [], Counter(), set()
    body = lines(path)
    header = None if feed.startswith("spotify") else body.pop(0).split("\t")
    for line in body:
        row, kind = _parse(line, header)
        if kind is None:
            kind = _judge(row, feed)
        if kind is None and feed != "fuga/trends" and line in seen:
            kind = "duplicate"
        seen.add(line)
        if kind is None:
            rows.append(row)
        else:
            faults[kind] += 1
    return rows, faults


def read_releases(path: Path) -> tuple[dict[str, str], Counter[str]]:
    """Release dates by recording code in a file of the roster, and counts of bad rows by kind."""
    found: dict[str, str] = {}
    faults: Counter[str] = Counter()
    header, *body = lines(path)
    assert header == "isrc\trelease_date"
    for line in body:
        isrc, released = line.split("\t")
        if not isrc:
            faults["null_isrc"] += 1
        elif released == "TBA":
            faults["unreadable_date"] += 1
        elif isrc in found:
            assert found[isrc] == released
            faults["duplicate"] += 1
        else:
            found[isrc] = released
    return found, faults


def _parse(line: str, header: list[str] | None) -> tuple[dict[str, object], str | None]:
    if header is None:
        try:
            return json.loads(line), None
        except json.JSONDecodeError:
            return {}, "invalid_json"
    values = line.split("\t")
    if len(values) != len(header):
        return {}, "extra_column" if len(values) > len(header) else "missing_columns"
    return {name: value or None for name, value in zip(header, values, strict=True)}, None


def _judge(row: dict[str, object], feed: str) -> str | None:
    year = str(row[TIME_COLUMNS[feed]])[:4]
    length = row[LENGTH_COLUMNS[feed]]
    seconds = 60 if length is None else int(str(length))
    listener = LISTENER_COLUMNS.get(feed)
    verdicts = {
        "null_listener": listener is not None and row[listener] is None,
        "null_track": row[TRACK_COLUMNS[feed]] is None,
        "negative_duration": seconds < 0,
        "absurd_duration": seconds > 86_400,
        "future_time": year == "2099",
        "ancient_time": year == "1867",
    }
    found = [kind for kind, is_so in verdicts.items() if is_so]
    assert len(found) <= 1
    return found[0] if found else None
