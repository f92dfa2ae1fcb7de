"""What the journal holds after whatever happened to it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.catalogue.journal import MAX_FAILURES, MAX_REFUSALS, Journal
from analytics_platform.catalogue.requests import Answer, Request
from analytics_platform.catalogue.tables import REQUESTS
from analytics_platform_tests.catalogue.tools import START, asks

(ONE,) = asks("isrc", "QZT002400001")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "requests.sqlite")


def row_of(journal: Journal, request: Request = ONE) -> dict[str, object]:
    frame = journal.requests_frame().filter(
        pl.col("kind") == request.kind, pl.col("subject") == request.subject, pl.col("page_offset") == request.offset
    )
    return frame.row(0, named=True)


def test_nothing_is_queued_twice_and_the_order_stays(journal: Journal) -> None:
    many = [*asks("isrc", "C", "A", "B"), Request("spotify", "search", "x", 50), Request("deezer", "isrc", "A")]
    assert journal.add(many) == 5
    assert journal.add([*many[::-1], *asks("isrc", "D")]) == 1
    assert [r.subject for r in journal.due("spotify", START, limit=9)] == ["C", "A", "B", "x", "D"]
    assert [r.subject for r in journal.due("spotify", START, limit=9, kind="search")] == ["x"]
    assert journal.due("deezer", START) == [many[-1]]
    journal.record(many[0], Answer("ok", 200, payload={}), START)
    assert journal.add(many) == 0
    assert [r.subject for r in journal.due("spotify", START, limit=2)] == ["A", "B"]


@pytest.mark.parametrize("outcome", ["ok", "absent", "forbidden"])
def test_what_the_source_said_is_final_unless_told_otherwise(journal: Journal, outcome: str) -> None:
    journal.add([ONE])
    answer = Answer(outcome, 200, payload={"a": 1} if outcome == "ok" else None)  # pyright: ignore[reportArgumentType]
    journal.record(ONE, answer, START, ask_again_at=START + 60)
    assert journal.due("spotify", START + 59) == []
    assert journal.left("spotify", START + 59) == 0 and journal.left("spotify", START + 60) == 1
    assert journal.due("spotify", START + 60) == [ONE]
    journal.record(ONE, answer, START + 60)
    assert journal.due("spotify", START + 1e9) == []
    assert (journal.left("spotify", START + 1e9), journal.next_due_at("spotify")) == (0, None)
    assert row_of(journal)["may_ask_again_at"] is None


def test_what_nobody_needs_is_due_no_longer_and_its_answer_stays(journal: Journal) -> None:
    waiting, answered, needed = asks("isrc", "A", "B", "C")
    other = Request("deezer", "isrc", "A")
    journal.add([waiting, answered, needed, other])
    journal.record(answered, Answer("ok", 200, payload={"a": 1}), START, ask_again_at=START + 60)
    assert journal.leave("spotify", {needed}) == 2
    assert journal.due("spotify", START + 1e9, limit=9) == [needed]
    assert journal.due("deezer", START) == [other]
    known = journal.known(answered)
    assert known is not None
    assert (known.answer.payload, known.due_at) == ({"a": 1}, None)
    assert journal.leave("spotify", {needed}) == 0


def test_throttled_is_never_absent_and_never_wears_a_request_out(journal: Journal) -> None:
    journal.add([ONE])
    now = START
    for _ in range(3 * MAX_FAILURES):
        journal.attempt("spotify", now, [ONE])
        journal.record(ONE, Answer("throttled", 429, "Too many requests", retry_after_s=70.0), now)
        assert journal.due("spotify", now + 69.9) == []
        assert journal.due("spotify", now + 70) == [ONE]
        assert row_of(journal)["outcome"] == "throttled"
        now += 70
    assert row_of(journal)["attempts"] == 3 * MAX_FAILURES


def test_errors_come_again_later_and_later_and_are_then_given_up(journal: Journal) -> None:
    journal.add([ONE])
    now, pauses = START, []
    while journal.left("spotify", START):
        assert journal.due("spotify", now) == [ONE]
        journal.record(ONE, Answer("error", 503, "down"), now)
        due_at = journal.next_due_at("spotify")
        if due_at is not None:
            pauses.append(due_at - now)
            now = due_at
    assert len(pauses) == MAX_FAILURES - 1
    assert pauses == sorted(pauses) and max(pauses) <= 3600
    assert (row_of(journal)["outcome"], row_of(journal)["reason"]) == ("error", "down")
    again = {"kind": "isrc", "asked_before": now + 1}
    assert journal.ask_again("spotify", now, **again, outcomes=("ok", "absent")) == 0
    assert journal.ask_again("spotify", now, kind="track", asked_before=now + 1) == 0
    assert journal.ask_again("spotify", now, kind="isrc", asked_before=START) == 0
    assert journal.ask_again("spotify", now, **again) == 1
    assert journal.due("spotify", now) == [ONE]


@pytest.mark.parametrize(("status", "tries"), [(400, MAX_REFUSALS), (401, MAX_FAILURES), (500, MAX_FAILURES)])
def test_a_request_that_is_itself_wrong_is_given_up_sooner(journal: Journal, status: int, tries: int) -> None:
    journal.add([ONE])
    for number in range(tries):
        assert journal.left("spotify", START) == 1, number
        journal.record(ONE, Answer("error", status, "no"), START)
    assert journal.left("spotify", START) == 0


def test_an_answer_in_between_resets_the_count_of_failures(journal: Journal) -> None:
    journal.add([ONE])
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            journal.record(ONE, Answer("error", 500, "no"), START)
        journal.record(ONE, Answer("ok", 200, payload={}), START, ask_again_at=START)
    assert journal.left("spotify", START) == 1


def test_answer_and_follow_ups_are_there_together_or_not_at_all(journal: Journal, tmp_path: Path) -> None:
    journal.add([ONE])

    def broken() -> object:
        yield from asks("track", "a", "b")
        raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        journal.record(ONE, Answer("ok", 200, payload={"x": 1}), START, follow_ups=broken())  # pyright: ignore
    with Journal(tmp_path / "requests.sqlite") as other:
        assert other.outcomes("spotify") == {"waiting": 1}
        assert list(other.payloads("spotify", "isrc")) == []
    journal.record(ONE, Answer("ok", 200, payload={"x": 1}), START, follow_ups=asks("track", "a", "b", "a"))
    with Journal(tmp_path / "requests.sqlite") as other:
        assert other.outcomes("spotify") == {"ok": 1, "waiting": 2}


def test_the_newest_payload_stays_whatever_is_said_later(journal: Journal) -> None:
    journal.add([ONE])
    for at, name in enumerate(["old", "new"]):
        journal.record(ONE, Answer("ok", 200, payload={"name": name}), START + at)
    for outcome in ("throttled", "error", "absent"):
        journal.record(ONE, Answer(outcome, 429), START + 9)  # pyright: ignore[reportArgumentType]
    (stored,) = journal.payloads("spotify", "isrc")
    assert (stored.request, stored.payload, stored.fetched_at) == (ONE, {"name": "new"}, START + 1)


def test_an_answer_to_what_was_never_asked_is_refused(journal: Journal) -> None:
    with pytest.raises(KeyError):
        journal.record(ONE, Answer("ok", 200, payload={}), START)


def test_the_frame_has_the_columns_of_the_table(journal: Journal) -> None:
    assert journal.requests_frame().columns == [column.name for column in REQUESTS]
    journal.add([ONE, Request("spotify", "search", "x", 50)])
    assert row_of(journal)["may_ask_again_at"] is None and row_of(journal)["asked_at"] is None
    journal.attempt("spotify", START + 0.5, [ONE])
    journal.record(ONE, Answer("throttled", 429, "wait", retry_after_s=1e300), START + 1)
    assert row_of(journal) == {
        "source": "spotify",
        "kind": "isrc",
        "subject": ONE.subject,
        "page_offset": 0,
        "outcome": "throttled",
        "http_status": 429,
        "reason": "wait",
        "attempts": 1,
        "asked_at": datetime(2026, 1, 1, 0, 0, 0, 500_000),
        "may_ask_again_at": datetime(2026, 1, 3, 0, 0, 1),
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(payload=st.dictionaries(st.text(), JSON, max_size=4), subject=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_payload_and_any_subject_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, payload: dict[str, object], subject: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.sqlite"
    request = Request("spotify", "search", subject)
    with Journal(path) as journal:
        journal.add([request])
        journal.record(request, Answer("ok", 200, payload=payload), START)
        stored = {s.request: s.payload for s in journal.payloads("spotify", "search")}
    assert stored[request] == payload
