"""TensorFlow's checkpoint format V2 (a TensorBundle), read without TensorFlow.

An ``.index`` file, which is a table of sorted strings as in LevelDB, says for each tensor its type,
shape, offset and size in the ``.data`` file. Sources: LevelDB ``doc/table_format.md``; TensorFlow
``tensorflow/core/protobuf/tensor_bundle.proto``. Only what published weights need: one data file,
little-endian, blocks without compression, no slices.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOOTER_BYTES = 48
MAGIC = 0xDB4775248B80FB57
TYPES = {1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i4"), 9: np.dtype("<i8")}
"""Numbers of the types in ``tensorflow/core/framework/types.proto``."""


class BadBundleError(ValueError):
    """The bytes are not a TensorBundle of the kind that is read here."""


def read_bundle(index: bytes, data: bytes) -> dict[str, NDArray[Any]]:
    """All tensors of a checkpoint by name.

    Raises:
        BadBundleError: the bytes are broken, or of a kind that is not read here.
    """
    if len(index) < FOOTER_BYTES or int.from_bytes(index[-8:], "little") != MAGIC:
        raise BadBundleError("not an index of a TensorFlow checkpoint: the magic number is missing")
    footer = index[-FOOTER_BYTES:]
    at = 0
    for _ in range(2):  # the handle of the meta block, which is of no use here
        _, at = _varint(footer, at)
    tensors: dict[str, NDArray[Any]] = {}
    for _, handle in _entries(_block(index, footer[at:])):
        for key, entry in _entries(_block(index, handle)):
            if key:  # the empty key is the header of the bundle
                name = key.decode(errors="backslashreplace")
                tensors[name] = _tensor(name, entry, data)
    return tensors


def _tensor(name: str, entry: bytes, data: bytes) -> NDArray[Any]:
    """A BundleEntryProto: 1 type, 2 shape (2 dimension (1 size)), 3 file, 4 offset, 5 size, 7 slices."""
    numbers, parts = _fields(entry)
    dtype = TYPES.get(numbers.get(1, 0))
    if dtype is None or numbers.get(3, 0) != 0 or any(number == 7 for number, _ in parts):
        raise BadBundleError(f"tensor {name} has a type, a second file or slices that are not read here")
    shapes = [_fields(part)[1] for number, part in parts if number == 2]
    shape = tuple(_fields(part)[0].get(1, 0) for dimensions in shapes for number, part in dimensions if number == 2)
    offset, size = numbers.get(4, 0), numbers.get(5, 0)
    if prod(shape) * dtype.itemsize != size or offset + size > len(data):
        raise BadBundleError(f"tensor {name} of shape {shape} does not fit its {size} bytes at {offset}")
    try:
        return np.frombuffer(data, dtype, prod(shape), offset).reshape(shape)
    except (ValueError, OverflowError) as error:  # empty, and yet too large for numpy
        raise BadBundleError(f"tensor {name} has the shape {shape}: {error}") from None


def _block(file: bytes, handle: bytes) -> bytes:
    """The block at a handle: offset and size as varints; a byte of compression and a checksum follow the block."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if offset + size + 5 > len(file):
        raise BadBundleError("a block lies beyond the end of the index")
    if file[offset + size] != 0:
        raise BadBundleError("the index is compressed, which is not read here")
    return file[offset : offset + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key begins with the first bytes of the one before it."""
    if len(block) < 4:
        raise BadBundleError("a block of the index is too short")
    end = len(block) - 4 * (int.from_bytes(block[-4:], "little") + 1)
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        size, at = _varint(block, at)
        if shared > len(key) or at + own + size > end:
            raise BadBundleError("an entry of the index is broken")
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + size]
        at += own + size


def _fields(message: bytes) -> tuple[dict[int, int], list[tuple[int, bytes]]]:
    """The whole numbers of a protobuf message by field, and its other fields with their bytes, in order."""
    at = 0
    numbers: dict[int, int] = {}
    parts: list[tuple[int, bytes]] = []
    while at < len(message):
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            numbers[field], at = _varint(message, at)
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise BadBundleError("a message of the index is broken")
        if at + size > len(message):
            raise BadBundleError("a message of the index is cut off")
        parts.append((field, message[at : at + size]))
        at += size
    return numbers, parts


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the least first, and where it ends."""
    value = 0
    for i in range(10):
        if at + i >= len(data):
            break
        value |= (data[at + i] & 127) << (7 * i)
        if data[at + i] < 128:
            return value, at + i + 1
    raise BadBundleError("a number in the index is cut off")
