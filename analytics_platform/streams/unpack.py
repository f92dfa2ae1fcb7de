r"""A delivered file of any packing and encoding → one plain UTF-8 text file with ``\n`` line ends.

Unpacking ourselves, in one streaming pass, gives one place for every limit and an exact count
of lines that the parser's result is checked against. No member of an archive is ever written
under its own name.
"""

from __future__ import annotations

import codecs
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from isal import igzip, isal_zlib

IsalError: type[Exception] = isal_zlib.error  # pyright: ignore[reportAssignmentType]

CHUNK_BYTES = 1 << 20
MAX_DEPTH = 4
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


class UnreadableError(ValueError):
    """The file can't be unpacked or decoded; the message says why, without its content."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When unpacking stops: bytes in all, and unpacked bytes for each packed byte."""

    max_bytes: int
    max_ratio: float


@dataclass(frozen=True, slots=True)
class Text:
    """The unpacked text: ``lines`` counts line ends, plus one if the last line has none."""

    path: Path
    lines: int
    longest_line: int
    size_bytes: int
    encoding: str


def unpack(source: Path, target: Path, limits: Limits) -> Text:
    """Write the text of ``source`` to ``target``.

    Raises:
        UnreadableError: truncated or broken archive, a bomb, more than one file in a zip, or
            bytes that are no text.
    """
    try:
        return _write(_Decoder(), _chunks(source, limits, target.parent), target)
    except (EOFError, OSError, zlib.error, IsalError, zipfile.BadZipFile, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a full disk or a missing file is not the file's fault
        raise UnreadableError(_why(error)) from error


def _why(error: Exception) -> str:
    if isinstance(error, EOFError) or "end-of-stream" in str(error):
        return "the archive is truncated: its end is missing"
    if isinstance(error, NotImplementedError) or "encrypted" in str(error):
        return "the zip is encrypted or uses a compression that we can't read"
    return "the archive is broken"


def _chunks(source: Path, limits: Limits, spool: Path) -> Iterator[bytes]:
    """The unpacked bytes, guarded against bombs at every level; an archive in an archive goes through a file."""
    packed = max(source.stat().st_size, 1)
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(source.open("rb"))
        start = _start(stream)
        for _ in range(MAX_DEPTH):
            if start[:2] == GZIP:
                unpacked: IO[bytes] = stack.enter_context(closing(igzip.open(stream, "rb")))  # type: ignore[arg-type]
            elif start == ZIP:
                unpacked = stack.enter_context(_only_member(stack, stream, limits))
            else:
                break
            stream, start = unpacked, _start(unpacked)
            if start[:2] == GZIP or start == ZIP:
                stream = stack.enter_context(TemporaryFile(dir=spool))
                for chunk in _guarded(unpacked, packed, limits):
                    stream.write(chunk)
                stream.seek(0)
        else:
            if start[:2] == GZIP or start == ZIP:
                raise UnreadableError(f"more than {MAX_DEPTH} archives inside one another")
        yield from _guarded(stream, packed, limits)


def _start(stream: IO[bytes]) -> bytes:
    start = stream.read(4)
    stream.seek(0)
    return start


def _guarded(stream: IO[bytes], packed: int, limits: Limits) -> Iterator[bytes]:
    total = 0
    while chunk := stream.read(CHUNK_BYTES):
        total += len(chunk)
        if total > limits.max_bytes:
            raise UnreadableError(f"unpacks to more than {limits.max_bytes} bytes")
        if total > 100 * CHUNK_BYTES and total / packed > limits.max_ratio:
            raise UnreadableError(f"unpacks to more than {limits.max_ratio:g} times its size")
        yield chunk


def _only_member(stack: ExitStack, stream: IO[bytes], limits: Limits) -> IO[bytes]:
    archive = stack.enter_context(zipfile.ZipFile(stream))
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise UnreadableError(f"a zip must hold one file, this one holds {len(members)}")
    if members[0].flag_bits & 0x1:
        raise NotImplementedError("encrypted")
    if members[0].file_size > limits.max_bytes:
        raise UnreadableError(f"unpacks to more than {limits.max_bytes} bytes")
    return archive.open(members[0])


class _Decoder:
    """Turns raw chunks into UTF-8, finding the encoding on the way.

    It is told by a byte order mark, by NUL bytes in the first chunk, or by the first bytes that
    are not ASCII: if any of them is a valid multi-byte character the file is UTF-8 (and its
    broken lines are rejected one by one), if none is, it is Windows-1252, Latin-1's superset.
    """

    def __init__(self) -> None:
        self.encoding = ""
        self._incremental: codecs.IncrementalDecoder | None = None

    def __call__(self, chunk: bytes) -> bytes:
        if not self.encoding:
            self.encoding = _first_guess(chunk)
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
        if self.encoding == "ascii" and not chunk.isascii():
            # A character cut by the end of a chunk is no sign of Windows-1252, unless the file ends there.
            has_valid = not chunk.decode("utf-8", "ignore").isascii()
            is_cut = len(chunk) >= CHUNK_BYTES and chunk[:-3].isascii()
            self.encoding = "utf-8" if has_valid or is_cut else "cp1252"
        if self.encoding in ("ascii", "utf-8"):
            return chunk
        if self._incremental is None:
            self._incremental = codecs.getincrementaldecoder(self.encoding)("replace")
        return self._incremental.decode(chunk).encode()


def _first_guess(chunk: bytes) -> str:
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if chunk.startswith(codecs.BOM_UTF8):
        return "utf-8"
    head = chunk[:1000]
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    return "ascii"


def _write(decoder: _Decoder, chunks: Iterator[bytes], target: Path) -> Text:
    r"""Write decoded chunks with ``\n`` line ends; a blank line becomes one space, so that no parser skips it."""
    lines = size = longest = 0
    begun = 0  # bytes of the line that the last chunk left open
    held = b""
    with target.open("wb") as file:
        for raw in chunks:
            chunk = held + decoder(raw)
            if b"\r" in chunk:
                chunk = chunk.replace(b"\r\n", b"\n")
            # Line ends at the end of a chunk wait: more may follow, or they end the file.
            body = chunk.rstrip(b"\r\n")
            chunk, held = body, chunk[len(body) :]
            if b"\r" in chunk:
                chunk = chunk.replace(b"\r", b" ")
            if b"\0" in chunk:
                chunk = chunk.replace(b"\0", b" ")
            # Searching for two line ends in bytes takes three times as long as all else here.
            ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n"))
            lengths = np.diff(ends)
            longest = max(longest, begun + int(ends[0]) if len(ends) else 0, int(lengths.max(initial=0)))
            begun = len(chunk) - int(ends[-1]) if len(ends) else begun + len(chunk)
            if (lengths == 1).any():
                while b"\n\n" in chunk:
                    chunk = chunk.replace(b"\n\n", b"\n \n")
            if size == 0 and chunk.startswith(b"\n"):
                chunk = b" " + chunk
            lines += len(ends)
            size += len(chunk)
            file.write(chunk)
        if size:
            file.write(b"\n")
            lines += 1
            size += 1
    return Text(target, lines, max(longest, begun), size, decoder.encoding or "ascii")
