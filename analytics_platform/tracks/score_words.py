"""What scores and reasons are called in words; the same in tables, pictures, the command line and Dagster's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analytics_platform.tracks.explaining import Explanation, Region

NOTICED = 0.005
"""Half a hundredth of the scale: a region of less effect is no reason."""
SAMPLE_LABEL = "The label is made up: made-up audio proves plumbing, not music."
NO_MODEL = (
    "No model has been released yet, so nothing can be scored. One is when enough tracks have sound, the right to "
    "train and a known outcome, and it beats chance: the page of tracks.shipped_models says what is missing."
)


def evidence(info: Mapping[str, Any], *, is_sample_label: bool) -> str:
    """What the test of the model in use allows to say of a score.

    Args:
        info: of the model.
        is_sample_label: whether the home holds the demo's data.
    """
    auc, low, high = auc_of(info)
    said = ["Use it to sort many, not to judge one."]
    if auc is None:
        said.append("How good it is was not measured.")
    elif low is not None and low <= 0.5:
        said.append(
            f"For artists that it had not heard the model is not shown to be better than a coin: it put the better of "
            f"two tracks first in {auc:.0%} of pairs (90 % range {low:.0%} to {high or auc:.0%}; a coin: 50 %)."
        )
    else:
        interval = "" if low is None or high is None else f"90 % range {low:.0%} to {high:.0%}; "
        said.append(
            "For artists that it had not heard the model put the better of two tracks, one from the upper and one from "
            f"the lower half, first in {auc:.0%} of pairs ({interval}a coin: 50 %)."
        )
    if is_sample_label:
        said.append(SAMPLE_LABEL)
    return " ".join(said)


def auc_of(info: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """The honest AUC of the model in use with its 90 % interval; None where it was not measured."""
    value, low, high = info.get("scores", {}).get("auc", (None, None, None))
    return value, low, high


def place(share: float) -> str:
    """A percentile as people say it: 0.612 is ``61st``."""
    number = min(max(round(100 * share), 0), 100)
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def place_with_range(percentile: float, low: float, high: float) -> str:
    """Like ``61st (22nd–90th)``."""
    return f"{place(percentile)} ({place(low)}–{place(high)})"


def hertz(low: float, high: float) -> str:
    """A band, like ``2–5 kHz`` or ``below 150 Hz``."""
    if low <= 0:
        return f"below {_hertz(high)}"
    if low >= 1000 and high >= 1000:
        return f"{low / 1000:g}–{high / 1000:g} kHz" if high < 11_000 else f"above {low / 1000:g} kHz"
    if high >= 1000:
        return f"{low:g} Hz–{high / 1000:g} kHz"
    return f"{low:g}–{high:g} Hz"


def _hertz(frequency: float) -> str:
    return f"{frequency / 1000:g} kHz" if frequency >= 1000 else f"{frequency:g} Hz"


def clock(seconds: float) -> str:
    """Minutes and seconds within the file, like ``1:05``."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def region_words(region: Region) -> str:
    """Like ``2–5 kHz at 1:05–1:08``."""
    return f"{hertz(region.low_hz, region.high_hz)} at {clock(region.start_s)}–{clock(region.end_s)}"


def reasons(explanation: Explanation) -> str:
    """The strongest regions for and against, in one sentence."""
    pairs = list(zip(explanation.regions, explanation.effects.tolist(), strict=True))
    best, worst = max(pairs, key=lambda pair: pair[1]), min(pairs, key=lambda pair: pair[1])
    said = [
        f"{word} by {region_words(region)} ({100 * effect:+.1f})"
        for word, (region, effect) in (("raised", best), ("lowered", worst))
        if (effect if word == "raised" else -effect) >= NOTICED
    ]
    if not said:
        return "no part of the sound stands out"
    # The stronger one first: it is what a short table shows.
    return "; ".join(sorted(said, key=lambda words: words.startswith("raised") != (best[1] >= -worst[1])))


def outcome_words(value: float | None, percentile: float | None, target: str) -> str:
    """What became of a released track, like ``12,300 plays in the first 28 days, 83rd``."""
    if value is None or percentile is None:
        return "outcome unknown"
    return f"{value:,.0f} {target_words(target)}, {place(percentile)}"


def target_words(target: str) -> str:
    """What is counted, in words."""
    what, _, window = target.partition("_")
    if window.endswith("_days"):
        which, days, _ = window.split("_")
        return f"{what} in the {which} {days} days"
    return target.replace("_", " ")
