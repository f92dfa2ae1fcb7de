"""Archives and encodings: what comes in any honest packing goes in, anything else is refused with one reason."""

from __future__ import annotations

import gzip
import io
import itertools
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics_platform_tests.streams.world import (
    FUGA,
    FUGA_COLUMNS,
    SPOTIFY,
    Home,
    fuga,
    gz,
    ndjson,
    stream,
    trend,
    zipped,
)

ROWS = ndjson([stream(1), stream(2), stream(3)])
APPLE_ZIP = "AppleMusic_Content_93824149_20260316_V1_2.zip"
CONTENT = b"Apple Identifier\tISRC\tTitle\n1\tDEA012600001\tOne\n2\tDEA012600002\tTwo\n"


def test_every_packing_gives_the_same_rows(home: Home) -> None:
    packings: dict[str, Callable[[bytes], bytes]] = {
        "plain": lambda raw: raw,
        "gzip": gz,
        "gzip of two members": lambda raw: gz(raw[:40]) + gz(raw[40:]),
        "zip": lambda raw: zipped(("a.txt", raw)),
        "zip in zip": lambda raw: zipped(("a.txt", zipped(("b.txt", raw)))),
        "gzip in zip": lambda raw: zipped(("a.txt", gz(raw))),
        "zip in gzip": lambda raw: gz(zipped(("a.txt", raw))),
        "gzip in gzip": lambda raw: gz(gz(raw)),
        "four zips": lambda raw: zipped(("a", zipped(("b", zipped(("c", zipped(("d", raw)))))))),
        "zip made on a Mac": lambda raw: zipped(("__MACOSX/._a", b"x"), ("folder/", b""), ("folder/a", raw)),
    }
    for number, pack in enumerate(packings.values()):
        home.put(f"AppleMusic_Content_{number}_20260316_V1_2.zip", pack(CONTENT))
    home.take()
    for number, packing in enumerate(packings):
        query = "select line, track_id, isrc, title from streams.tracks join streams.deliveries using (delivery_id)"
        assert home.rows(f"{query} where licensor = '{number}' order by line") == [
            (2, "1", "DEA012600001", "One"),
            (3, "2", "DEA012600002", "Two"),
        ], packing


def test_a_truncated_gzip_is_refused_wherever_it_was_cut(home: Home) -> None:
    whole = gz(ROWS)
    for cut in range(2, len(whole)):
        home.put(f"spotify/acme{cut}/streams/2026/03/16/DE.gz", whole[:cut])
    delivered = home.take()
    assert len(delivered) == len(whole) - 2
    for name, outcome in delivered.items():
        assert (outcome.status, outcome.reason) == ("refused", "the archive is truncated: its end is missing"), name
    assert home.rows("select count(*) from streams.plays") == [(0,)]
    assert home.deliver(SPOTIFY, whole).counts == (3, 3, 0)


def test_broken_archives_are_refused(home: Home) -> None:
    whole = bytearray(gz(ROWS * 50))
    whole[-6] ^= 0xFF  # the checksum
    assert home.deliver(SPOTIFY, bytes(whole)).reason == "the archive is broken"
    whole = bytearray(gz(ROWS * 50))
    whole[30] ^= 0xFF
    assert home.deliver(SPOTIFY, bytes(whole)).status == "refused"
    assert home.deliver(SPOTIFY, zipped(("a", ROWS))[:-30]).reason == "the archive is broken"
    assert home.deliver(SPOTIFY, gz(ROWS) + b"something else").reason == "the archive is broken"
    two = home.deliver(SPOTIFY, zipped(("a", ROWS), ("b", ROWS)))
    assert two.reason == "a zip must hold one file, this one holds 2"
    assert home.rows("select count(*) from streams.plays") == [(0,)]


def test_an_encrypted_zip_is_refused(home: Home) -> None:
    whole = bytearray(zipped(("a", ROWS)))
    central = whole.rindex(b"PK\x01\x02")
    whole[6] |= 1
    whole[central + 8] |= 1
    delivered = home.deliver(SPOTIFY, bytes(whole))
    assert delivered.reason == "the zip is encrypted or uses a compression that we can't read"


def test_archives_deeper_than_four_are_refused(home: Home) -> None:
    packed = ROWS
    for _ in range(5):
        packed = gz(packed)
    delivered = home.deliver(SPOTIFY, packed)
    assert (delivered.status, delivered.reason) == ("refused", "more than 4 archives inside one another")


@pytest.mark.parametrize(
    "pack",
    [gz, lambda raw: zipped(("a", raw)), lambda raw: zipped(("a", zipped(("b", raw)))), lambda raw: gz(gz(raw))],
)
def test_a_file_over_the_size_limit_is_refused(make_home: Callable[..., Home], pack: Callable[[bytes], bytes]) -> None:
    home = make_home(max_unpacked_bytes=10_000)
    delivered = home.deliver(SPOTIFY, pack(ndjson(stream(i) for i in range(200))))
    assert (delivered.status, delivered.reason) == ("refused", "unpacks to more than 10000 bytes")


@pytest.mark.parametrize("in_zip", [False, True])
def test_a_bomb_is_refused_by_its_ratio(home: Home, in_zip: bool) -> None:
    line = ndjson([stream(1)])
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=9) as file:
        for _ in range(110):
            file.write(line * (2**20 // len(line)))
    packed = zipped(("a.gz", buffer.getvalue())) if in_zip else buffer.getvalue()
    delivered = home.deliver(SPOTIFY, packed)
    assert (delivered.status, delivered.reason) == ("refused", "unpacks to more than 200 times its size")


def test_a_bomb_between_two_archives_stops_at_the_limit(make_home: Callable[..., Home]) -> None:
    """The inner archive is small in the end, but its own bytes are not."""
    home = make_home(max_unpacked_bytes=100_000)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", ROWS)
    padded = bytes(1_000_000) + inner.getvalue()  # zip readers find the directory at the end
    padded = b"PK\x03\x04" + padded[4:]
    delivered = home.deliver(SPOTIFY, gz(padded))
    assert delivered.reason == "unpacks to more than 100000 bytes"


def test_a_zip_member_that_climbs_out_is_only_read(home: Home) -> None:
    before = set(Path(tempfile.gettempdir()).glob("x*"))
    delivered = home.deliver(APPLE_ZIP, zipped(("../../../x", CONTENT)))
    assert delivered.counts == (2, 2, 0)
    home_root = home.settings.home
    assert not list(home_root.rglob("x")) and not list(home_root.parent.glob("x"))
    assert set(Path(tempfile.gettempdir()).glob("x*")) == before


def test_an_empty_file_is_refused(home: Home) -> None:
    for number, content in enumerate([b"", gz(b""), b"\n\r\n\n", gz(gz(b"")), b"\xef\xbb\xbf"]):
        home.put(f"spotify/acme{number}/streams/2026/03/16/DE.gz", content)
        home.put(
            f"FUGA_Trends_{number}_20260316.tsv", content + b"\n" * 3 if content in (b"", b"\xef\xbb\xbf") else content
        )
    home.put("train_triplets.txt", b"\r\n")
    delivered = home.take()
    assert len(delivered) >= 8  # equal bytes are one delivery
    for name, outcome in delivered.items():
        assert (outcome.status, outcome.reason, outcome.counts) == ("refused", "the file is empty", (0, 0, 0)), name


def test_a_header_alone_is_a_day_without_plays(home: Home) -> None:
    delivered = home.deliver(FUGA, fuga())
    assert (delivered.status, delivered.reason, delivered.counts) == ("loaded", None, (0, 0, 0))


def test_every_encoding_gives_the_same_text(home: Home) -> None:
    columns = [*FUGA_COLUMNS, "remark"]
    text = fuga(trend(1, remark="naïve"), trend(2, remark="Sigur Rós"), trend(3, remark="Beyoncé"), columns=columns)
    encodings = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")
    kinds = list(itertools.product(encodings, ("\n", "\r\n"), ("", "\n")))
    for number, (encoding, line_end, last) in enumerate(kinds):
        # Another first asset each, so that no two files have equal bytes.
        one = text.replace(b"asset1", f"asset1{number}".encode()).removesuffix(b"\n").decode() + last
        home.put(f"FUGA_Trends_{number}_20260316.tsv.gz", gz(one.replace("\n", line_end).encode(encoding)))
    home.take()
    rows = home.rows(
        "select licensor::integer, list([line::varchar, extras ->> 'remark'] order by line)"
        " from streams.plays join streams.deliveries using (delivery_id) group by 1 order by 1"
    )
    expected = [["2", "naïve"], ["3", "Sigur Rós"], ["4", "Beyoncé"]]
    assert [(kinds[number], remarks) for number, remarks in rows] == [(kind, expected) for kind in kinds]
    assert home.rejected() == []


def test_one_latin_1_letter_at_the_very_end(home: Home) -> None:
    columns = [*FUGA_COLUMNS, "remark"]
    content = fuga(trend(1), trend(2, remark="Beyonc"), columns=columns).removesuffix(b"\n") + b"\xe9"
    assert home.deliver(FUGA, content).counts == (2, 2, 0)
    assert home.rows("select extras ->> 'remark' from streams.plays where line = 3") == [("Beyoncé",)]


def test_a_character_cut_by_a_chunk_is_utf_8(home: Home) -> None:
    """The first letter beyond ASCII lies across the end of the first MiB."""
    columns = [*FUGA_COLUMNS, "remark"]
    head = fuga(*(trend(i) for i in range(15_000)), columns=columns)
    start = fuga(trend(15_000, remark=""), columns=columns).split(b"\n")[1]
    filler = 2**20 - 1 - len(head) - len(start)
    assert filler > 0
    content = head + start + b"x" * filler + "é\n".encode()
    assert content[2**20 - 1 : 2**20 + 1] == "é".encode()
    assert home.deliver(FUGA, content).rejected_rows == 0
    assert home.rows("select right(extras ->> 'remark', 2) from streams.plays where line = 15002") == [("xé",)]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_line_of_broken_utf_8_is_rejected_alone(home: Home, mark: bytes) -> None:
    good = ndjson([stream(1, note="é"), stream(2)])
    delivered = home.deliver(SPOTIFY, mark + good + b'{"user_id": "\xff\xfe"}\n' + ndjson([stream(3)]))
    assert delivered.counts == (4, 3, 1)
    assert home.rejected() == [(3, "not valid UTF-8")]


def test_a_replacement_character_in_utf_8_stays_one(home: Home) -> None:
    columns = [*FUGA_COLUMNS, "remark"]
    home.deliver(FUGA, fuga(trend(1, remark="Beyonc\ufffd"), columns=columns))
    assert home.rows("select extras ->> 'remark' from streams.plays") == [("Beyonc\ufffd",)]


def test_bytes_that_are_no_text_are_refused_without_showing_them(home: Home) -> None:
    delivered = home.deliver(SPOTIFY, b"BZh91AY&SY" + bytes(range(1, 255)) * 20)
    assert delivered.status == "refused" and "BZh" not in str(delivered.reason)
    assert "another kind of file" in str(delivered.reason)


def test_nothing_is_left_in_the_spill_folder(home: Home) -> None:
    home.deliver(SPOTIFY, zipped(("a", zipped(("b", ROWS)))))
    home.deliver(FUGA, b"\x1f\x8b broken")
    assert [p for p in (home.settings.lake_root / "spill").rglob("*") if p.is_file()] == []
