"""How sure it is that two descriptions by title, artist and length mean the same recording.

Sources without ISRC are matched by this. A wrong match is worse than none: a live version, a remix or a
karaoke track under the right title must score 0, whatever else fits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LEAST_SCORE = 0.85
"""A match below that is none; see the labelled pairs in the tests."""
SAME_LENGTH_S, OTHER_LENGTH_S = 4.0, 20.0
"""Lengths of the same recording differ by fades and silence; beyond the second it is another edit."""
UNKNOWN_LENGTH = 0.95
LONGEST = 300
"""Letters of a name that are compared."""
SHORT_TITLE = 10
"""Letters up to which a title is not thought misspelt."""
SAME_WORD = 0.75
"""Similarity from which two words are one, spelt in two ways."""
DOUBTFUL = 0.88
"""Times the score where something is missing on one side: enough only together with the same length."""

_VERSIONS = {
    "live": r"live|unplugged|in concert|en vivo|en directo|ao vivo|mtv|bbc session|session|sessions",
    "karaoke": r"karaoke|in the style of|made famous by|made popular by|originally performed by|backing track|"
    r"tribute|sing[- ]?along|cover|covers|as performed by",
    "instrumental": r"instrumental|instrumentale",
    "vocals": r"a ?cappella|acapella|vocals only",
    "remix": r"remix|remixed|rmx|mix|mixed|bootleg|mashup|vip|dub|rework|reworked|flip|reprise|medley",
    "acoustic": r"acoustic|stripped|piano version|orchestral|symphonic|string quartet|lullaby",
    "demo": r"demo|rehearsal|outtake|alternate|alternative|alt|early|work tape|voice memo",
    "tempo": r"sped up|speed up|slowed|reverb|nightcore|8d|chopped|8[- ]?bit",
    "edit": r"radio edit|edit|radio version|single version|extended|extended version|short version|12 inch|club",
    "again": r"re-?recorded|rerecorded|re-?recording|taylors version|new version|20\d\d version",
    "spoken": r"commentary|interview|track by track|intro|outro|interlude|skit",
    "clean": r"clean|censored",
}
_VERSION = {kind: re.compile(rf"\b(?:{words})\b") for kind, words in _VERSIONS.items()}
_NEUTRAL = re.compile(
    r"^\s*from\b.*|\b(?:(?:original|album|lp|full|remaster(?:ed)?|explicit|mono|stereo) (?:mix|version)|"
    r"(?:19|20)\d\d remaster\w*|remaster\w*|mono|stereo|explicit|bonus track|deluxe)\b"
)
"""Additions that leave the recording what it is."""
_GENERIC = frozenset({
    "a", "an", "and", "at", "by", "de", "edit", "en", "extended", "from", "in", "la", "live", "mix", "of",
    "on", "original", "remix", "remixed", "the", "version",
})  # fmt: skip
"""Words of an addition that do not tell which live evening or which remix it is."""
_COLLECTION = {
    "live": re.compile(r"[(\[][^)\]]*\b(?:live|unplugged)\b[^)\]]*[)\]]|\blive (?:at|in|from|on)\b|\bunplugged\b"),
    "karaoke": re.compile(r"\b(?:karaoke|tribute|in the style of|made famous by)\b"),
}
_FEATURED = re.compile(r"[(\[]\s*(?:feat|ft|featuring|with)\b\.?\s*([^)\]]*)[)\]]|\s(?:feat|ft|featuring)\b\.?\s+(.*)$")
_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_AND = re.compile(r"\s*[,;&+/]\s*|\s+(?:feat|ft|vs)\.?\s+|\s+(?:featuring|and|und|with|x)\s+")
_NUMERALS = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_NAMES = {"pt": "part", "vol": "volume", "no": "number", "nr": "number"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as somebody describes it."""

    title: str
    artist: str
    duration_s: float | None = None
    collection: str = ""
    """Title of the release, if known; says live or karaoke where the track's title does not."""


@dataclass(frozen=True, slots=True)
class _Title:
    base: str
    versions: frozenset[str]
    """Kinds of version that its additions name."""
    which: frozenset[str]
    """Words that tell versions of a kind apart: who remixed it, where it was live."""
    featured: str


def match_score(wanted: Recording, found: Recording) -> float:
    """0 (surely not) to 1 (same words, same length): similarity of title × of artist × of length.

    Accents, case, punctuation, "feat." in title or artist and remastering do not count. A version (live, remix,
    karaoke, …) that only one of the two names, another remixer or evening, or another number ("Part 2"), makes it 0.
    """
    one, other = _title(wanted.title), _title(found.title)
    if one.versions | _around(wanted) != other.versions | _around(found) or _numbers(one.base) != _numbers(other.base):
        return 0.0
    artist = _artist_score(f"{wanted.artist}, {one.featured}", f"{found.artist}, {other.featured}")
    length = _length_score(wanted.duration_s, found.duration_s)
    return round(_title_score(one.base, other.base) * _which_score(one.which, other.which) * artist * length, 4)


def _which_score(one: frozenset[str], other: frozenset[str]) -> float:
    """How well the words fit that tell versions apart; where only one has any, the length has to speak too."""
    if not one or not other:
        return 1.0 if one == other else DOUBTFUL
    return 1.0 if len(one & other) * 2 >= min(len(one), len(other)) else 0.0


def _length_score(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return UNKNOWN_LENGTH
    apart = abs(one - other)
    return min(1.0, max(0.0, (OTHER_LENGTH_S - apart) / (OTHER_LENGTH_S - SAME_LENGTH_S)))


def _plain(text: str) -> str:
    """Lower case, without accents of Latin and Greek letters and without apostrophes."""
    apart = unicodedata.normalize("NFKD", text[:LONGEST].casefold())
    bare = "".join(letter for letter in apart if not "\u0300" <= letter <= "\u036f")
    return unicodedata.normalize("NFC", re.sub(r"['’‘`´]", "", bare)).replace("–", "-").replace("—", "-").strip()


def _words(text: str) -> str:
    """Letters and digits only, one blank between words; the text itself if it has neither ("!!!")."""
    words = re.sub(r"[\W_]+", " ", text.replace("&", " and ")).split()
    return " ".join(_NAMES.get(word, _NUMERALS.get(word, word)) for word in words) or text


def _kinds(text: str) -> frozenset[str]:
    return frozenset(kind for kind, pattern in _VERSION.items() if pattern.search(text))


def _around(recording: Recording) -> frozenset[str]:
    """Kinds of version that the release or the name of the artist gives away."""
    text = _plain(recording.collection)
    kinds = {kind for kind, pattern in _COLLECTION.items() if pattern.search(text)}
    return frozenset(kinds | (_kinds(_plain(recording.artist)) & {"karaoke"}))


def _title(text: str) -> _Title:
    """The title without its additions, and what they say. Only additions tell: "Live Forever" is not live."""
    plain = _plain(text)
    featured = ", ".join(one or other for one, other in _FEATURED.findall(plain))
    plain = _FEATURED.sub(" ", plain)
    versions: set[str] = set()
    which: set[str] = set()

    def take(addition: str) -> bool:
        """Note what an addition says; False if it is part of the title, like "(I Can't Get No) Satisfaction"."""
        rest = _NEUTRAL.sub(" ", addition)
        kinds = _kinds(rest)
        words = _words(rest).split()
        if "version" in words and not kinds:
            kinds = frozenset({" ".join(words)})
        versions.update(kinds)
        if kinds & {"live", "remix"}:
            which.update(set(words) - _GENERIC)
        return bool(kinds) or rest != addition

    base = _BRACKETS.sub(lambda match: " " if take(match[1]) else f" {match[1]} ", plain)
    first, *behind = re.split(r"\s-\s", base)
    base = " ".join([first, *(part for part in behind if not take(part))]).strip()
    return _Title(_words(base or plain), frozenset(versions), frozenset(which), featured)


def _numbers(words: str) -> list[str]:
    return sorted(re.findall(r"\d+", words))


def _similar(one: str, other: str) -> float:
    from rapidfuzz import fuzz

    return fuzz.ratio(one, other) / 100


def _title_score(one: str, other: str) -> float:
    """Similarity of titles. One letter makes another short title, one word another title of any length."""
    if not one or not other:
        return 0.0
    if one.replace(" ", "") == other.replace(" ", ""):
        return 1.0
    words, others = one.split(), other.split()
    alone = sum(max(_similar(word, near) for near in others) < SAME_WORD for word in words)
    alone = max(alone, sum(max(_similar(word, near) for near in words) < SAME_WORD for word in others))
    if min(len(one), len(other)) <= SHORT_TITLE:
        alone = max(alone, 1)
    return _similar(one, other) * DOUBTFUL**alone


def _artist_score(wanted: str, found: str) -> float:
    """Similarity of the whole names, or of the first artist of each to one of the other's.

    Where one of the two first artists is missing from the other side ("Paul McCartney & Wings", "Wings"), the
    match holds only together with the same length.
    """
    one, other = _artists(wanted), _artists(found)
    if not one[0] or not other[0]:
        return 0.0
    whole = _similar(" ".join(sorted(one)), " ".join(sorted(other)))
    first = max(_similar(one[0], name) for name in other)
    back = max(_similar(other[0], name) for name in one)
    return max(whole, 0.97 * min(first, back), DOUBTFUL * max(first, back))


def _artists(names: str) -> list[str]:
    """The artists that a line names, at least one."""
    plain = _plain(names).strip(" ,")
    return [_words(name).removeprefix("the ") for name in _AND.split(plain) if name.strip()] or [plain]
