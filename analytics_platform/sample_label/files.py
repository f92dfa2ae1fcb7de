"""Bytes of delivered files: rows as NDJSON or TSV, gzip and zip without clocks or names, atomic writes."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import polars as pl

_MASK = (1 << 64) - 1


def hex_ids(seed: int, kind: int, index: np.ndarray, day: int = 0) -> pl.Series:
    """Ids of 32 hex digits for row numbers; distinct for distinct rows of one kind and day.

    Two rounds of SplitMix64 (Steele et al. 2014), a bijection on 64 bits, so ids need no storage.
    """
    base = _mix_one(_mix_one(_mix_one(seed) ^ kind) ^ day)
    with np.errstate(over="ignore"):
        high = _mix(index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(base))
        low = _mix(high ^ np.uint64(_mix_one(base ^ 0xD1B54A32D192ED03)))
    text = np.stack([high, low], axis=1).astype(">u8").tobytes().hex()
    return pl.Series([text[start : start + 32] for start in range(0, len(text), 32)], dtype=pl.String)


def _mix(value: np.ndarray) -> np.ndarray:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _mix_one(value: int) -> int:
    with np.errstate(over="ignore"):
        return int(_mix(np.array([(value + 0x9E3779B97F4A7C15) & _MASK], dtype=np.uint64))[0])


def ndjson(rows: pl.DataFrame) -> bytes:
    """One JSON object per line, keys in column order, null as ``null``."""
    buffer = io.BytesIO()
    rows.write_ndjson(buffer)
    return buffer.getvalue()


def tsv(rows: pl.DataFrame) -> bytes:
    """Tab-separated lines without a header; null is empty, nothing is quoted."""
    buffer = io.BytesIO()
    rows.write_csv(buffer, separator="\t", include_header=False, quote_style="never")
    return buffer.getvalue()


def gzipped(body: bytes) -> bytes:
    """Compress with neither time nor file name in its header. Level 1: the label is written often."""
    return gzip.compress(body, compresslevel=1, mtime=0)


def zipped(name: str, body: bytes) -> bytes:
    """A zip of one entry, dated 1980 and marked as made on Unix wherever it is made."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_DEFLATED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, body, compresslevel=1)
    return buffer.getvalue()


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def ogg_with_serial(body: bytes, serial: int) -> bytes:
    """An Ogg file with another stream number; nothing else differs between two encodings of one sound.

    Pages after RFC 3533: the number is at byte 14, the checksum at 22. The checksum is zlib's without its
    inversions and with the bits of each byte, and of the sum, in the other order.

    Raises:
        ValueError: it is no Ogg file.
    """
    pages, place = bytearray(body), 0
    while place < len(body):
        if body[place : place + 4] != b"OggS":
            raise ValueError("an Ogg page was expected")
        segments = body[place + 26]
        end = place + 27 + segments + sum(body[place + 27 : place + 27 + segments])
        pages[place + 14 : place + 18] = struct.pack("<I", serial)
        pages[place + 22 : place + 26] = bytes(4)
        total = zlib.crc32(pages[place:end].translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
        pages[place + 22 : place + 26] = struct.pack(">I", total).translate(_REVERSED)
        place = end
    return bytes(pages)


def write_atomically(path: Path, body: bytes) -> None:
    """Write beside the final name and rename, so that no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(body)
    temporary.replace(path)
