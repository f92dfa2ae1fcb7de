"""The limits hold, in any window and on any day, whoever dies in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.catalogue.journal import Journal
from analytics_platform.catalogue.limiter import DAY_S, TROUBLES, Limiter, Limits
from analytics_platform.catalogue.requests import Answer
from analytics_platform_tests.catalogue.tools import START, Clock, asks, most_in_a_day, most_in_a_window

OK = Answer("ok", 200, payload={})


def limiter_of(path: Path, clock: Clock, limits: Limits, max_wait_s: float = 30.0, source: str = "spotify") -> Limiter:
    return Limiter(Journal(path / "requests.sqlite"), source, limits, max_wait_s, clock, clock.sleep)


@settings(max_examples=15, deadline=None)
@given(
    calls=st.integers(1, 6),
    seconds=st.floats(0.5, 40),
    per_day=st.integers(1, 60),
    idle=st.lists(st.floats(0, 20_000), min_size=5, max_size=25),
    kill_every=st.integers(1, 9),
)
def test_no_window_and_no_day_ever_holds_more_than_allowed(
    tmp_path_factory: pytest.TempPathFactory,
    calls: int,
    seconds: float,
    per_day: int,
    idle: list[float],
    kill_every: int,
) -> None:
    path, clock, limits = tmp_path_factory.mktemp("any"), Clock(), Limits(calls, seconds, per_day)
    limiter = limiter_of(path, clock, limits)
    for number, pause in enumerate(idle):
        for _ in range(4):
            resume_at = limiter.wait()
            if resume_at is not None:
                assert resume_at > clock.now + limiter.max_wait_s - sum(clock.slept)
                clock.now = resume_at
        clock.now += pause
        if number % kill_every == 0:
            limiter = limiter_of(path, clock, limits)  # as after a kill: nothing was closed
    times = limiter.journal.attempt_times("spotify")
    assert len(times) >= len(idle)
    assert most_in_a_window(times, seconds) <= calls
    assert most_in_a_day(times) <= per_day


def test_short_waits_are_slept_and_long_ones_given_back(tmp_path: Path) -> None:
    clock = Clock(START + 1000)
    limiter = limiter_of(tmp_path, clock, Limits(2, 10, 5))
    assert [limiter.wait() for _ in range(5)] == [None] * 5
    assert clock.slept == [11, 11]
    now, midnight = clock.now, START + DAY_S
    assert limiter.wait() == midnight
    assert clock.now == now and len(limiter.journal.attempt_times("spotify")) == 5
    clock.now = midnight - 20
    assert limiter.wait() is None
    assert clock.now == midnight


def test_processes_that_share_the_journal_share_the_limit(tmp_path: Path) -> None:
    def take(_: int) -> int:
        limiter = limiter_of(tmp_path, Clock(), Limits(7, 1000), max_wait_s=0.0)
        taken = sum(limiter.wait() is None for _ in range(5))
        limiter.journal.close()
        return taken

    limiter_of(tmp_path, Clock(), Limits(1, 1)).journal.close()
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, range(4))) == 7


def test_sources_do_not_count_against_each_other(tmp_path: Path) -> None:
    clock = Clock()
    limiters = [limiter_of(tmp_path, clock, Limits(1, 1000), source=source) for source in ("spotify", "deezer")]
    assert [limiter.wait() for limiter in limiters] == [None, None]
    assert all(limiter.wait() == START + 1001 for limiter in limiters)


@pytest.mark.parametrize("told", [5.0, 74_214.0])
def test_a_pause_that_the_source_demands_outlives_the_process(tmp_path: Path, told: float) -> None:
    clock = Clock()
    limiter = limiter_of(tmp_path, clock, Limits(100, 1), max_wait_s=0.0)
    limiter.note(Answer("throttled", 429, "Too many requests", retry_after_s=told))
    again = limiter_of(tmp_path, clock, Limits(100, 1), max_wait_s=0.0)
    assert again.wait() == START + told
    again.note(OK)  # an answer that was under way does not lift it
    assert again.wait() == START + told
    clock.now += told
    assert again.wait() is None


def test_without_a_time_pauses_double_until_an_answer_comes(tmp_path: Path) -> None:
    clock = Clock()
    limiter = limiter_of(tmp_path, clock, Limits(1000, 1), max_wait_s=0.0)
    pauses = []
    for _ in range(12):
        limiter.note(Answer("throttled", 429))
        resume_at = limiter.wait()
        assert resume_at is not None
        pauses.append(resume_at - clock.now)
        clock.now = resume_at
    assert pauses == [min(30.0 * 2**n, 3600.0) for n in range(12)]
    limiter.note(OK)
    limiter.note(Answer("throttled", 429))
    assert limiter.wait() == clock.now + 30


def test_a_source_that_is_down_is_left_alone_and_a_single_bad_request_is_not_its_fault(tmp_path: Path) -> None:
    clock = Clock()
    limiter = limiter_of(tmp_path, clock, Limits(1000, 1), max_wait_s=0.0)
    for _ in range(10):
        limiter.note(Answer("error", 500))
        limiter.note(OK)
        limiter.note(Answer("error", 400))
    assert limiter.wait() is None
    for _ in range(TROUBLES):
        assert limiter.wait() is None
        limiter.note(Answer("error", None, "ConnectionError"))
    assert limiter.wait() == START + 30


def test_the_window_is_counted_from_the_answer_where_there_is_one(tmp_path: Path) -> None:
    """A slow call may have reached the source just before its answer."""
    clock = Clock()
    limiter = limiter_of(tmp_path, clock, Limits(1, 100), max_wait_s=0.0)
    assert limiter.wait() is None
    clock.now += 20
    limiter.note(OK)
    assert limiter.wait() == START + 121


def test_a_call_counts_once_and_is_noted_with_all_it_asks_for(tmp_path: Path) -> None:
    clock = Clock()
    limiter = limiter_of(tmp_path, clock, Limits(1, 100))
    many = asks("track", *"abc")
    limiter.journal.add(many)
    assert limiter.wait(many) is None
    assert limiter.wait(many[:1]) == START + 101
    assert limiter.journal.requests_frame()["attempts"].to_list() == [1, 1, 1]
