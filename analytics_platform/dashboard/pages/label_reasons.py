"""Reasons of rejected rows and files in plain words, and the next step for each."""

from __future__ import annotations

_NOTHING = "Nothing: the first row counts."
_VENDOR = "A few are normal. If they grow, send the vendor the file name and lines."
_ROSTER = "Correct the roster and deliver it again."

REASONS = {
    "exact duplicate of an earlier row": ("repeated an earlier row of the same file", _NOTHING),
    "too many columns": ("had too many columns", _VENDOR),
    "too few columns": ("broke off before the last column", _VENDOR),
    "line too long": ("were longer than any true row", _VENDOR),
    "not valid UTF-8": ("had unreadable letters", _VENDOR),
    "not a JSON object": ("were cut off or empty", _VENDOR),
    "no listener": ("named no listener", _VENDOR),
    "no track": ("named no track", _VENDOR),
    "no artist": ("named no artist", _ROSTER),
    "no name": ("had no name", _VENDOR),
    "no genre": ("named no genre", _ROSTER),
    "country is missing or unknown": ("named no known country", _ROSTER),
    "position is no positive number": ("had an unreadable position", _ROSTER),
    "isrc is missing or unreadable": ("had no readable ISRC", _ROSTER),
    "release date is missing or unreadable": ("had no readable release date", _ROSTER),
    "release date is before 1860 or ten years ahead": ("had an impossible release date", _ROSTER),
    "time is missing or unreadable": ("had no readable time", _VENDOR),
    "played before 2002-10-01": ("were dated before any service counted plays", _VENDOR),
    "played after the delivery": ("were dated after their own delivery", _VENDOR),
    "duration is negative or over a day": ("had an impossible length of play", _VENDOR),
    "play count is no number": ("had an unreadable number of plays", _VENDOR),
    "play count is no positive number": ("had no positive number of plays", _VENDOR),
}
"""What rows of a reason did, and what to do, by the reason in ``streams.rejected_rows``."""

STATUS = {
    "refused": "the file can't be read. Ask the vendor for a new one and put it into the inbox; it replaces this one.",
    "quarantined": "too many of its rows are bad, so none counts. Ask the vendor for a new file; it replaces this one.",
}


def reason_words(reason: str) -> tuple[str, str]:
    """What the rows did, and the next step; a reason that is not known here stands as it is."""
    return REASONS.get(reason, (f"were rejected ({reason})", _VENDOR))


def status_words(status: str) -> str:
    """What a file's status means, and the next step."""
    return STATUS.get(status, "see the reason.")
