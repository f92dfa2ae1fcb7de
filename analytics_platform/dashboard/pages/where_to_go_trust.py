"""How far the ranking can be trusted: the back-test in words."""

from __future__ import annotations

from typing import Any

from analytics_platform.dashboard.look import percent, plural
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.parts import empty, sentence
from analytics_platform.dashboard.reading import rows

SCORES = """
select model, metric, value, value_low, value_high, groups, window_days
from models.leaderboard
where task = 'artist_markets' and data_set = $data and seed = -1
    and metric in ('precision_at_5', 'range_coverage', 'growth_captured_at_5')
    and window_days = (
        select max(window_days) from models.leaderboard where task = 'artist_markets' and data_set = $data
    )
"""


Scores = dict[tuple[str, str], dict[str, Any]]
"""Rows of the leaderboard by model and metric."""


def back_test(data: str) -> Scores:
    """How rankings of countries did on the past."""
    return {(row["model"], row["metric"]): row for row in rows(SCORES, data=data).to_dicts()}


def show_trust(data: str) -> None:
    """What the back-test says, the model beside its dummies."""
    said = trust_sentences(back_test(data))
    if not said:
        empty("This ranking has not been tried on the past yet.", "all")
        return
    for words in said:
        sentence(words)
    link("models", "How good the models are: Models")


def trust_sentences(scores: Scores) -> list[str]:
    """What the back-test says of the ranking, and of its ranges; nothing if it was not made."""
    ours, size, chance, document = (
        scores.get((model, "precision_at_5")) for model in ("market_potential", "market_size", "random", "document_gap")
    )
    if ours is None or size is None:
        return []
    said = [trust_words(ours, size, chance, document)]
    covered = scores.get(("market_potential", "range_coverage"))
    if covered:
        said.append(
            f"The ranges were tried on markets that artists already have: {percent(covered['value'])} lay inside their "
            "80 % range. Whether and when a market opens is not in the range."
        )
    return said


def trust_words(
    ours: dict[str, Any], size: dict[str, Any], chance: dict[str, Any] | None, document: dict[str, Any] | None
) -> str:
    """The back-test in a sentence: our picks against the biggest countries, and others."""
    others = [f"**{percent(size['value'])}** of the five biggest countries, the same for all"]
    others += [f"{percent(chance['value'])} of five drawn by lot"] if chance else []
    others += [f"{percent(document['value'])} by the plain mean of ten similar artists"] if document else []
    days = ours["window_days"]
    return (
        f"Tried on the past ({plural(ours['groups'], 'artist')}, the last two windows of {days} days): of five "
        f"countries named per artist from the first window, **{percent(ours['value'])}** (90 % range "
        f"{percent(ours['value_low'])} to {percent(ours['value_high'])}) opened in the second, against "
        f"{', '.join(others)}. Opened: more than twice the streams before, and 20 more. "
        f"**Trust: {band(ours, size)}.**"
    )


def band(ours: dict[str, Any], dummy: dict[str, Any]) -> str:
    """How far the model is ahead of its dummy: low, medium or high."""
    if ours["value_low"] <= dummy["value"]:
        return "low, it may be no better than the biggest countries"
    if ours["value_low"] >= 2 * dummy["value"]:
        return "high, at least twice as good as the biggest countries"
    return "medium, better than the biggest countries, not twice as good"
