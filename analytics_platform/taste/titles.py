"""What a title says of a recording: a remix, a live recording, an interlude."""

from __future__ import annotations

import re

WORDS = {
    "intro or interlude": r"intro|introduction|outro|interlude|interludio|intermezzo|zwischenspiel|skit|prelude"
    r"|prologue|epilogue|segue|reprise",
    "spoken": r"spoken(?: word)?|commentary|interview|speech|track by track|audiobook|hörspiel|voice memo",
    "remix": r"remix(?:es|ed)?|rmx|rework(?:ed)?|bootleg|mash-?up|vip mix|dub mix|club mix|extended mix|megamix|flip",
    "live": r"live|en vivo|ao vivo|en directo|dal vivo|en concert|unplugged",
    "cover": r"cover|karaoke|tribute|originally performed by|in the style of",
    "instrumental": r"instrumental|instrumentale|a ?cappella|acapella|backing track|stems?|minus one",
    "demo": r"demo|rough mix|work tape|rehearsal|outtake|snippet|teaser",
    "other speed": r"sped[ -]up|slowed(?: (?:down|and reverb|\+ reverb))?|nightcore|8d|chopped and screwed",
}
"""Kind → words; the first kind that fits counts."""
VERSION_PARTS = re.compile(r"[(\[{]([^)\]}]+)[)\]}]|\s[-–—~/]\s+([^()\[\]{}]+?)(?=\s[-–—~/]\s|$|[(\[{])")
"""What stands in brackets, or after a spaced dash: the song's name is before it."""
KINDS = {kind: re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) for kind, words in WORDS.items()}
ALONE = {
    kind: re.compile(rf"\W*(?:the\W+)?(?:{words})(?:\W+(?:\d+|[ivx]+|one|two|three|four))?\W*", re.IGNORECASE)
    for kind, words in WORDS.items()
    if kind in ("intro or interlude", "spoken")
}
ENDS = re.compile(
    r"\w.*\s(?:remix|rmx|interlude|intro|outro|skit|instrumental|a ?cappella|acapella|reprise)\W*", re.IGNORECASE
)
"""Words that end a title only to say what it is; a song may well end with "live" or "cover"."""
LONGEST = 300
"""Characters of a title that are read."""
NOT_MEANT = re.compile(
    r"(?:un)?dis ?cover|under ?cover|cover (?:me|up)|live (?:and|for|your|my|it|to|wire)", re.IGNORECASE
)


def title_kind(title: str | None) -> str | None:
    """The kind of recording that a title names, one of ``WORDS``; None for an ordinary one.

    Only what stands in brackets, after a dash, or alone counts: "Live Forever", "Cover Me" and "Demons" are songs.
    """
    title = (title or "")[:LONGEST]
    parts = [NOT_MEANT.sub(" ", one or other) for one, other in VERSION_PARTS.findall(title)]
    for kind, words in KINDS.items():
        if any(words.search(part) for part in parts):
            return kind
    for kind, words in ALONE.items():
        if words.fullmatch(title):
            return kind
    if ENDS.fullmatch(title):
        last = title.split()[-1]
        return next((kind for kind, words in KINDS.items() if words.search(last)), None)
    return None
