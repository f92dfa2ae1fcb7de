"""A checkpoint's tensors come out as they went in; broken bytes are refused, whatever is broken."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from analytics_platform.audio.tensor_bundle import MAGIC, TYPES, BadBundleError, read_bundle

HEADER = bytes([8, 1])  # one data file, little-endian


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Entries whose keys leave out what they share with the key before."""
    body, before = b"", b""
    for key, value in entries:
        shared = next(
            (i for i, (a, b) in enumerate(zip(before, key, strict=False)) if a != b), min(len(before), len(key))
        )
        body += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return body + bytes(4) + (1).to_bytes(4, "little")


def bundle(tensors: dict[str, NDArray[np.generic]]) -> tuple[bytes, bytes]:
    """Index and data as TensorFlow writes them; two tensors a block."""
    data, entries = b"", [(b"", HEADER)]
    for name, array in sorted(tensors.items()):
        sizes = [b"\x08" + varint(size) for size in array.shape]
        shape = b"".join(b"\x12" + varint(len(size)) + size for size in sizes)
        kind = next(number for number, dtype in TYPES.items() if dtype == array.dtype)
        entry = b"\x08" + varint(kind) + b"\x12" + varint(len(shape)) + shape
        entry += b"\x20" + varint(len(data)) + b"\x28" + varint(array.nbytes) + b"\x35" + b"\x01\x02\x03\x04"
        entries.append((name.encode(), entry))
        data += array.tobytes()
    index, handles = b"", []
    for first in range(0, len(entries), 2):
        some = entries[first : first + 2]
        content = block(some)
        handles.append((some[-1][0], varint(len(index)) + varint(len(content))))
        index += content + bytes(5)
    top = block(handles)
    footer = varint(0) + varint(0) + varint(len(index)) + varint(len(top))
    return index + top + bytes(5) + footer.ljust(40, b"\0") + MAGIC.to_bytes(8, "little"), data


NAMES = st.text("ab/_é", min_size=1, max_size=6)
TENSORS = st.sampled_from(list(TYPES.values())).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@given(st.dictionaries(NAMES, TENSORS, max_size=5))
@settings(max_examples=50, deadline=None)
def test_tensors_come_out_as_they_went_in(tensors: dict[str, NDArray[np.generic]]) -> None:
    found = read_bundle(*bundle(tensors))
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_broken_bytes_are_refused_or_are_tensors(data: st.DataObject) -> None:
    index, values = bundle({"a/b": np.arange(6, dtype="<f4").reshape(2, 3), "a/bc": np.ones(3), "c": np.array(1)})
    broken = bytearray(index)
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(index) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(st.integers(0, len(index)))]) if data.draw(st.booleans()) else bytes(broken)
    try:
        found = read_bundle(cut, values)
    except BadBundleError:
        return
    assert sum(array.nbytes for array in found.values()) <= len(values) * 3


@pytest.mark.parametrize("missing", [1, 20])
def test_data_that_is_too_short_is_refused(missing: int) -> None:
    index, data = bundle({"a": np.arange(6, dtype="<f4")})
    with pytest.raises(BadBundleError, match="tensor a of shape"):
        read_bundle(index, data[:-missing])


def test_a_shape_that_no_array_can_have_is_refused() -> None:
    impossible = SimpleNamespace(shape=(0, 2**30, 2**31), dtype=np.dtype("<f4"), nbytes=0, tobytes=bytes)
    with pytest.raises(BadBundleError, match="tensor a has the shape"):
        read_bundle(*bundle({"a": impossible}))  # type: ignore[dict-item]
