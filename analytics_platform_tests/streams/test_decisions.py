"""Which runs the inbox sensor asks for, from files, cursor and the states of earlier runs alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from analytics_platform.streams.decisions import MAX_ATTEMPTS, Cursor, Decision, RunState, decide
from analytics_platform.streams.deliveries import InboxFile

NOW = 1_800_000_000.0
TODAY = date(2026, 3, 20)
DAY = date(2026, 3, 16)


def file(name: str, day: date | None = DAY, age_s: float = 60, problem: str | None = None) -> InboxFile:
    return InboxFile(name, 100, NOW - age_s, "spotify", day, problem)


@dataclass
class Desk:
    """The sensor's memory between looks, and the runs it has asked for, which a test moves on."""

    cursor: str | None = None
    runs: dict[str, RunState] = field(default_factory=dict)
    hashed: list[str] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)

    def look(self, *files: InboxFile, now: float = NOW, today: date = TODAY) -> Decision:
        decision = decide(files, Cursor.load(self.cursor), self.runs.get, self._hash, now=now, quiet_s=5, today=today)
        self.cursor = decision.cursor.dump()
        for request in decision.requests:
            # A key that has a run starts no other one.
            self.runs.setdefault(request.run_key, RunState.UNDER_WAY)
        return decision

    def end(self, decision: Decision, state: RunState) -> None:
        for request in decision.requests:
            self.runs[request.run_key] = state

    def _hash(self, file: InboxFile) -> str:
        self.hashed.append(file.name)
        return hashlib.sha256(self.contents.get(file.name, file.name).encode()).hexdigest()


def test_an_empty_inbox_asks_for_nothing_and_forgets() -> None:
    desk = Desk()
    desk.end(desk.look(file("a")), RunState.SUCCEEDED)
    empty = desk.look()
    assert empty.requests == () and empty.notes == () and empty.cursor == Cursor()


def test_the_first_look_asks_for_one_run_of_the_days_there_are() -> None:
    decision = Desk().look(file("b", DAY + timedelta(days=2)), file("a", DAY))
    (request,) = decision.requests
    assert (request.first, request.last, request.files) == (DAY, DAY + timedelta(days=2), 2)
    assert request.run_key.startswith("2026-03-16..2026-03-18:") and request.run_key.endswith(":1")


def test_a_file_that_is_being_written_waits() -> None:
    desk = Desk()
    young = desk.look(file("a"), file("b", age_s=4.9))
    assert [request.files for request in young.requests] == [1] and desk.hashed == ["a"]
    assert Desk().look(file("b", age_s=4.9)).requests == ()
    # A clock somewhat ahead of ours: wait. One that is far ahead is wrong, and would wait for ever.
    assert Desk().look(file("b", age_s=-60)).requests == ()
    assert len(Desk().look(file("b", age_s=-86_400)).requests) == 1


def test_while_a_run_is_under_way_nothing_more_is_asked_for() -> None:
    desk = Desk()
    desk.look(file("a"))
    for _ in range(3):
        again = desk.look(file("a"))
        assert again.requests == () and again.notes == ("1 files of 2026-03-16..2026-03-16 are being ingested",)
    assert desk.hashed == ["a"]  # a file is read once, not at every look


def test_a_run_that_was_asked_for_and_is_unknown_is_asked_for_again_under_its_key() -> None:
    """The daemon died in between, or the run was deleted: the same key can't start two."""
    desk = Desk()
    first = desk.look(file("a"))
    desk.runs.clear()
    assert desk.look(file("a")).requests == first.requests


def test_a_failed_run_is_tried_again_and_given_up_after_three() -> None:
    desk = Desk()
    keys: list[str] = []
    for attempt in range(1, MAX_ATTEMPTS + 1):
        decision = desk.look(file("a"))
        keys += [request.run_key for request in decision.requests]
        assert keys[-1].endswith(f":{attempt}")
        desk.end(decision, RunState.FAILED)
    assert len(set(keys)) == MAX_ATTEMPTS
    for _ in range(2):
        given_up = desk.look(file("a"))
        assert given_up.requests == ()
        (note,) = given_up.notes
        assert note.startswith("1 files of 2026-03-16..2026-03-16 failed 3 times: see the failed runs, then ")


def test_files_given_up_on_are_tried_again_when_they_are_delivered_again() -> None:
    desk = Desk()
    for _ in range(MAX_ATTEMPTS):
        desk.end(desk.look(file("a")), RunState.FAILED)
    assert desk.look(file("a")).requests == ()
    desk.look()  # taken away
    for _ in range(MAX_ATTEMPTS):
        again = desk.look(file("a"))
        assert len(again.requests) == 1
        desk.end(again, RunState.FAILED)
    assert desk.look(file("a")).requests == ()


def test_a_changed_file_is_new_work_at_once() -> None:
    desk = Desk()
    for _ in range(MAX_ATTEMPTS):
        desk.end(desk.look(file("a")), RunState.FAILED)
    desk.contents["a"] = "another content"
    assert len(desk.look(file("a", age_s=30)).requests) == 1


def test_the_same_files_delivered_again_and_again_get_a_run_each_time() -> None:
    desk = Desk()
    keys: list[str] = []
    for _ in range(6):
        decision = desk.look(file("a"))
        keys += [request.run_key for request in decision.requests]
        desk.end(decision, RunState.SUCCEEDED)
        desk.look()
    assert len(set(keys)) == 6


def test_a_file_that_comes_back_while_the_cursor_remembers_gets_another_run() -> None:
    desk = Desk()
    desk.end(desk.look(file("a")), RunState.SUCCEEDED)
    (request,) = desk.look(file("a")).requests
    assert request.run_key.endswith(":2")


def test_a_long_gap_makes_two_runs_a_short_one_does_not() -> None:
    near = [file("a", DAY), file("b", DAY - timedelta(days=7))]
    assert [(r.first, r.last) for r in Desk().look(*near).requests] == [(DAY - timedelta(days=7), DAY)]
    far = [file("a", DAY), file("b", DAY - timedelta(days=8)), file("c", DAY - timedelta(days=400))]
    assert [(r.first, r.last, r.files) for r in Desk().look(*far).requests] == [
        (DAY - timedelta(days=400), DAY - timedelta(days=400), 1),
        (DAY - timedelta(days=8), DAY - timedelta(days=8), 1),
        (DAY, DAY, 1),
    ]


def test_undated_files_count_today() -> None:
    (request,) = Desk().look(file("a", None)).requests
    assert (request.first, request.last) == (TODAY, TODAY)


def test_files_that_cannot_be_taken_are_noted_and_hold_nothing_up() -> None:
    desk = Desk()
    decision = desk.look(
        file("notes.txt", problem="matches no feed"), file("a"), file("l", problem="is a symbolic link")
    )
    assert decision.notes == ("notes.txt matches no feed", "l is a symbolic link")
    assert [request.files for request in decision.requests] == [1] and desk.hashed == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{}",
        "[]",
        "17",
        '"x"',
        "not json",
        '{"attempts": null, "hashes": {}}',
        '{"attempts": [1], "hashes": {}}',
    ],
)
def test_a_foreign_cursor_is_a_fresh_start(text: str | None) -> None:
    assert Cursor.load(text) == Cursor()
    assert len(Desk(text).look(file("a")).requests) == 1


def test_the_cursor_survives_its_text() -> None:
    cursor = Cursor({"2026-03-16..2026-03-16:0123456789abcdef:": 2}, {"naïve.gz|1|2.5": "abc"})
    assert Cursor.load(cursor.dump()) == cursor


@given(data=st.data())
@with_settings(max_examples=100, deadline=None)
def test_every_delivery_ends_in_a_run_that_succeeds(data: st.DataObject) -> None:
    """Whatever comes, goes, fails or is repeated: no key runs twice, and what is there is asked for."""
    desk = Desk()
    names = ("a", "b", "c")
    days = {"a": DAY, "b": DAY + timedelta(days=3), "c": DAY - timedelta(days=30)}
    inbox: set[str] = set()
    for _ in range(data.draw(st.integers(1, 25))):
        inbox |= data.draw(st.sets(st.sampled_from(names), max_size=2))
        before = set(desk.runs)
        decision = desk.look(*(file(name, days[name]) for name in sorted(inbox)))
        asked = [request.run_key for request in decision.requests]
        assert len(set(asked)) == len(asked)
        assert not set(asked) & {key for key in before if desk.runs[key] is not RunState.UNDER_WAY}
        for key in [key for key, state in desk.runs.items() if state is RunState.UNDER_WAY]:
            desk.runs[key] = data.draw(st.sampled_from([RunState.UNDER_WAY, RunState.FAILED, RunState.SUCCEEDED]))
        if RunState.SUCCEEDED in desk.runs.values() and data.draw(st.booleans()):
            inbox.clear()
    # From here on every run succeeds and clears its files.
    inbox = {"a"}
    desk.look()
    for key in desk.runs:
        desk.runs[key] = RunState.SUCCEEDED
    assert _requested(desk, sorted(inbox), days)


def _requested(desk: Desk, names: Sequence[str], days: dict[str, date]) -> bool:
    return len(desk.look(*(file(name, days[name]) for name in names)).requests) == 1
