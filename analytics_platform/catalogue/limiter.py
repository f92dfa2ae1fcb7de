"""How often an outside source may be asked: a rolling window, a budget per day, and the pauses that it demands.

Both limits count the attempts in the journal, which are recorded before they are sent: they hold across
kills, and across processes that share the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from analytics_platform.catalogue.journal import FIRST_PAUSE_S, LONGEST_PAUSE_S, Journal, Pause, retry_after
from analytics_platform.catalogue.requests import Answer, Request

DAY_S = 86_400
MARGIN_S = 1.0
"""Added to the window for a call whose answer was never noted: it arrived some time after it was recorded."""
TROUBLES = 4
"""Failures in a row (no answer, or 500 and more) that pause the source: it is down, not the request wrong."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source allows, or what we allow ourselves."""

    calls: int
    """Calls in any ``seconds``."""
    seconds: float
    calls_per_day: int | None = None
    """Calls from midnight to midnight, UTC; None if there is no such limit."""


@dataclass(frozen=True, slots=True)
class Limiter:
    """Gives out the right to send one call. ``clock`` and ``sleep`` are those of ``time``, or a test's."""

    journal: Journal
    source: str
    limits: Limits
    max_wait_s: float = 30.0
    """The longest that ``wait`` sleeps in all; for more it says until when to come back."""
    clock: Callable[[], float] = field(default=time.time)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def wait(self, requests: Sequence[Request] = ()) -> float | None:
        """Wait for a free place and record the attempt; the caller then sends exactly one call.

        Args:
            requests: what the call asks for; empty for a call that belongs to no request.

        Returns:
            None if the call may be sent, else the time (seconds since 1970) before which it is of no use
            to try again; nothing is recorded then.
        """
        give_up_at = self.clock() + self.max_wait_s
        while True:
            # Looked up and recorded in one transaction: two processes cannot take the same place.
            with self.journal.transaction():
                now = self.clock()
                free_at = self.free_at(now)
                if free_at <= now:
                    self.journal.attempt(self.source, now, requests)
                    return None
            if free_at > give_up_at:
                return free_at
            self.sleep(free_at - now)

    def free_at(self, now: float) -> float:
        """The earliest time from ``now`` on at which the limits and the source's pause allow a call."""
        free_at = max(now, self.journal.pause(self.source).until)
        oldest = self.journal.nth_newest_attempt(self.source, self.limits.calls)
        if oldest is not None:
            free_at = max(free_at, oldest + self.limits.seconds + MARGIN_S)
        day = free_at // DAY_S * DAY_S
        budget = self.limits.calls_per_day
        if budget is not None and self.journal.attempts_since(self.source, day) >= budget:
            free_at = day + DAY_S
        return free_at

    def note(self, answer: Answer) -> None:
        """Take from an answer how the source fares.

        Call it after every call, in the transaction that records the answer, if one does.
        ``throttled`` pauses the whole source: for the time that it gave, else for a time that doubles. So
        does a source that seems to be down. Any other answer ends the row of troubles.
        """
        pause, now = self.journal.pause(self.source), self.clock()
        # The window is counted from the latest moment at which the call can have reached the source.
        self.journal.answered(self.source, now)
        # An error of 403 or 404 is the word of something between us and the source.
        down = answer.outcome == "error" and (
            answer.status is None or answer.status >= 500 or answer.status in (403, 404)
        )
        if answer.outcome == "throttled" or down:
            troubles = pause.troubles + 1
            # A single failure is the request's own; being throttled never is.
            doublings = troubles - (1 if answer.outcome == "throttled" else TROUBLES)
            until = pause.until
            told = retry_after(answer)
            if told is not None:
                until = max(until, now + told)
            elif doublings >= 0:
                until = max(until, now + min(FIRST_PAUSE_S * 2.0 ** min(doublings, 20), LONGEST_PAUSE_S))
            self.journal.set_pause(self.source, Pause(until, answer.reason, troubles))
        elif pause.troubles:
            self.journal.set_pause(self.source, Pause(pause.until))
