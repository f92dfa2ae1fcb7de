"""Whatever a file's lines are, each one is either a row or a rejected row, under its true number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from analytics_platform_tests.streams.world import (
    DAY,
    FUGA_COLUMNS,
    Home,
    fuga,
    gz,
    ndjson,
    stream,
    trend,
    zipped,
)

MAX_LINE = 2000
COLUMNS = (*FUGA_COLUMNS, "remark")
GOOD = "good"
NO_UTF8 = "not valid UTF-8"


def json_line(number: int, kind: str) -> bytes:
    match kind:
        case "good":
            return json.dumps(stream(number, remark="é"), ensure_ascii=False).encode()
        case "good, spaces before":
            return b"  " + json.dumps(stream(number)).encode() + b" "
        case "good, nearly too long":
            return json.dumps(stream(number, remark="x" * 1700)).encode()
        case "blank":
            return b""
        case "spaces":
            return b"   "
        case "cut":
            return json.dumps(stream(number)).encode()[:60]
        case "carriage return":
            return json.dumps(stream(number)).encode()[:60] + b"\rrest"
        case "no object":
            return (b"17", b'["a"]', b'"text"', b"null")[number % 4]
        case "too long":
            return json.dumps(stream(number, remark="x" * (MAX_LINE + number * 997))).encode()
        case "no listener":
            return json.dumps(stream(number, user_id=None)).encode()
        case "no track":
            return json.dumps(stream(number, track_id="")).encode()
        case "negative":
            return json.dumps(stream(number, stream_length=-5)).encode()
        case _:
            return json.dumps(stream(number)).encode() + b"\xff\xfe"


def tsv_line(number: int, kind: str) -> bytes:
    def line(**changes: str) -> bytes:
        return "\t".join(str((trend(number) | changes).get(c, "")) for c in COLUMNS).encode()

    match kind:
        case "good":
            return line(remark="é")
        case "good, spaces before":
            return b"  " + line()
        case "good, nearly too long":
            return line(remark="x" * 1800)
        case "blank":
            return b""
        case "spaces":
            return b"   "
        case "cut":
            return line()[:8]
        case "carriage return":
            return line()[:8] + b"\rrest"
        case "no object":
            return line() + b"\tmore\tand more"
        case "too long":
            return line(remark="x" * (MAX_LINE + number * 997))
        case "no track":
            return line(asset_id="  ")
        case "no listener":
            return line(number_of_streams="many")
        case "negative":
            return line(stream_length="-5")
        case _:
            return line() + b"\xff\xfe"


JSON_REASONS = {
    "blank": "not a JSON object",
    "spaces": "not a JSON object",
    "cut": "not a JSON object",
    "carriage return": "not a JSON object",
    "no object": "not a JSON object",
    "too long": "line too long",
    "no listener": "no listener",
    "no track": "no track",
    "negative": "duration is negative or over a day",
    "no utf-8": NO_UTF8,
}
TSV_REASONS = JSON_REASONS | {
    "blank": "too few columns",
    "spaces": "too few columns",
    "cut": "too few columns",
    "carriage return": "too few columns",
    "no object": "too many columns",
    "no listener": "play count is no number",
}
KINDS = [GOOD, "good, spaces before", "good, nearly too long", *JSON_REASONS]


@dataclass(frozen=True)
class File:
    kinds: list[str]
    is_json: bool
    line_end: str
    ends: int
    """Line ends after the last line: none, one, or blank lines, which are no rows."""
    has_mark: bool
    packing: str

    def lines(self) -> list[tuple[str, bytes]]:
        # A first good line: the file is one of its feed, and visibly UTF-8.
        make = json_line if self.is_json else tsv_line
        return [(kind, make(number, kind)) for number, kind in enumerate([GOOD, *self.kinds])]

    def content(self) -> bytes:
        end = self.line_end.encode()
        lines = [line for _, line in self.lines()]
        if not self.is_json:
            lines.insert(0, "\t".join(COLUMNS).encode())
        raw = (b"\xef\xbb\xbf" if self.has_mark else b"") + end.join(lines) + end * self.ends
        packings: dict[str, Callable[[bytes], bytes]] = {"gzip": gz, "zip": lambda raw: zipped(("a", raw))}
        return packings[self.packing](raw) if self.packing in packings else raw

    def expected(self) -> tuple[list[int], list[tuple[int, str]]]:
        reasons = JSON_REASONS if self.is_json else TSV_REASONS
        first = 1 if self.is_json else 2
        numbered = [(number, kind) for number, (kind, _) in enumerate(self.lines(), start=first)]
        while numbered[-1][1] == "blank":  # blank lines at the end are no rows
            numbered.pop()
        good = [number for number, kind in numbered if kind.startswith(GOOD)]
        return good, [(number, reasons[kind]) for number, kind in numbered if not kind.startswith(GOOD)]


FILES = st.builds(
    File,
    kinds=st.lists(st.sampled_from(KINDS), max_size=60),
    is_json=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    ends=st.integers(0, 4),
    has_mark=st.booleans(),
    packing=st.sampled_from(["plain", "gzip", "zip"]),
)


def check(home: Home, files: list[File]) -> None:
    for number, file in enumerate(files):
        name = (
            f"spotify/acme{number}/streams/2026/03/16/DE.gz" if file.is_json else f"FUGA_Trends_{number}_20260316.tsv"
        )
        home.put(name, file.content() if file.packing != "plain" else file.content() + b"\n" * (file.ends == 99))
    delivered = home.take()
    ids = {record.licensor.removeprefix("acme"): record.delivery_id for record in home.store.records()}
    good: dict[str, list[int]] = {}
    bad: dict[str, list[tuple[int, str]]] = {}
    for delivery, line in home.rows("select delivery_id, line from streams.plays order by line"):
        good.setdefault(delivery, []).append(line)
    for delivery, line, reason in home.rows(
        "select delivery_id, line, reason from streams.rejected_rows order by line"
    ):
        bad.setdefault(delivery, []).append((line, reason))
    for number, file in enumerate(files):
        if str(number) not in ids:
            continue  # equal bytes are one delivery, and hypothesis repeats itself
        delivery = ids[str(number)]
        assert (good.get(delivery, []), bad.get(delivery, [])) == file.expected(), file
    for outcome in delivered.values():
        assert outcome.status == "loaded" and outcome.good_rows + outcome.rejected_rows == outcome.rows_read


@with_settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(files=st.lists(FILES, min_size=1, max_size=8))
def test_every_line_is_accounted_for(files: list[File], tmp_path_factory: pytest.TempPathFactory) -> None:
    check(Home(tmp_path_factory.mktemp("lines"), max_line_bytes=MAX_LINE, max_bad_row_share=1), files)


@pytest.mark.parametrize("is_json", [True, False])
def test_bad_lines_across_many_of_the_parsers_buffers(home: Home, is_json: bool) -> None:
    """The parser reads some 32 KB at a time here, so lines of all kinds lie across the ends of its buffers."""
    kinds = [KINDS[(i * i + i // 7) % len(KINDS)] if i % 5 == 0 else GOOD for i in range(8000)]
    small = Home(home.settings.home / "small", max_line_bytes=MAX_LINE, max_bad_row_share=1)
    check(small, [File([k for k in kinds if k != "too long"], is_json, "\n", 1, False, "gzip")])


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("where", ["first", "middle", "last", "two together"])
def test_a_line_of_10_mb_is_rejected_alone(home: Home, is_json: bool, where: str) -> None:
    huge = "x" * 10_000_000
    row = json.dumps(stream(999, remark=huge)) if is_json else "\t".join([*map(str, trend(999).values()), huge])
    rows: list[str] = (
        [json.dumps(stream(i)) for i in range(100)]
        if is_json
        else ["\t".join([*map(str, trend(i).values()), ""]) for i in range(100)]
    )
    places = {"first": [0], "middle": [50], "last": [100], "two together": [50, 50]}[where]
    for place in places:
        rows.insert(place, row)
    name = "spotify/acme/streams/2026/03/16/DE.gz" if is_json else "FUGA_Trends_4711_20260316.tsv.gz"
    content = ndjson(rows) if is_json else fuga(*rows, columns=COLUMNS)
    assert home.deliver(name, gz(content)).counts == (100 + len(places), 100, len(places))
    first = 1 if is_json else 2
    expected = [first + place + i for i, place in enumerate(places)]
    assert home.rejected() == [(line, "line too long") for line in expected]
    assert home.rows("select ingest_date, count(distinct line) from streams.plays group by 1") == [(DAY, 100)]


def test_many_lines_just_under_the_limit_go_in(home: Home) -> None:
    """A hundred times what a parser's memory is made for: it gets more."""
    rows = [trend(i, remark="x" * 900_000) for i in range(100)]
    home.put("FUGA_Trends_4711_20260316.tsv.gz", gz(fuga(*rows, columns=COLUMNS)))
    home.put("FUGA_Trends_4712_20260316.tsv.gz", gz(fuga(trend(1))))
    home.take()
    query = "select count(*), min(length(extras ->> 'remark')) from streams.plays"
    assert home.rows(query) == [(101, 900_000)]
