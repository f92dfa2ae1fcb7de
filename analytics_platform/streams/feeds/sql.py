"""SQL snippets that the feeds share. Each takes SQL of a VARCHAR and gives SQL of a typed value."""

from __future__ import annotations

from collections.abc import Mapping

from analytics_platform.streams.contract import Rule
from analytics_platform.streams.privacy import age_band_sql
from analytics_platform.streams.tables import FIRST_DAY

INGEST_DATE = "getvariable('ingest_date')::date"
MIN_PLAY_S = 30
"""A stream counts as a play from 30 s, at Spotify always and at Apple since 2017-11-15."""

GENDER = {"male": "male", "m": "male", "1": "male", "female": "female", "f": "female", "2": "female",
          "neutral": "other", "other": "other", "nonbinary": "other", "non-binary": "other"}  # fmt: skip


def timestamp(text: str) -> str:
    """ISO 8601 (with or without zone), compact ISO, or Unix time in s, ms or µs → UTC timestamp."""
    number = f"try_cast({text} as bigint)"
    # A cast to TIMESTAMP ignores a zone; the cast that heeds it is slow, so only for text long enough to have one.
    has_zone = f"length({text}) > 20 or contains({text}, '+')"
    return (
        f"coalesce(case when {has_zone} then try_cast({text} as timestamptz)::timestamp"
        f" else try_cast({text} as timestamp) end, try(case length({text})"
        f" when 9 then make_timestamp({number} * 1000000) when 10 then make_timestamp({number} * 1000000)"
        f" when 13 then make_timestamp({number} * 1000) when 16 then make_timestamp({number}) end),"
        f" try_strptime({text}, ['%Y%m%dT%H:%M:%S', '%Y%m%dT%H%M%S', '%Y%m%dT%H%M%SZ', '%Y%m%d%H%M%S']))"
    )


def day(text: str) -> str:
    """ISO or compact date → date."""
    return f"coalesce(try_cast({text} as date), try_strptime({text}, '%Y%m%d')::date)"


def country(text: str) -> str:
    """Country code → ISO 3166-1 alpha-2; null for no country."""
    return (
        f"case when upper({text}) = 'UK' then 'GB' when upper({text}) in ('XX', 'ZZ') then null"
        f" when regexp_full_match({text}, '[A-Za-z][A-Za-z]') then upper({text}) end"
    )


def code(text: str, meanings: Mapping[str, str], default: str | None = "other") -> str:
    """A vendor's code → our word; an unknown code becomes ``default``, null stays null."""
    cases = " ".join(f"when '{key}' then '{value}'" for key, value in meanings.items())
    other = "null" if default is None else f"'{default}'"
    given = text if all(key.isdigit() for key in meanings) else f"lower({text})"
    return f"case {given} {cases} else case when {text} is not null then {other} end end"


def isrc(text: str) -> str:
    """Recording code without dashes, upper case; null if it is none."""
    clean = f"upper(replace({text}, '-', ''))"
    return f"case when regexp_full_match({clean}, '[A-Z]{{2}}[A-Z0-9]{{3}}[0-9]{{7}}') then {clean} end"


def flag(text: str) -> str:
    """``true``, ``1`` or ``y`` → true, anything else → false, null stays null."""
    return f"case when {text} is not null then lower({text}) in ('true', '1', 'y', 'yes') end"


def age_band(birth_year: str) -> str:
    """Age band in the year of the delivery."""
    return age_band_sql(birth_year, f"year({INGEST_DATE})")


def needs(source: str, reason: str) -> Rule:
    """A key that must be there. Spaces alone are no key; trimming every value of every row would cost a third."""
    return Rule(reason, f"{source} is null or ({source} like ' %' and trim({source}) = '')", source)


def is_timely(source: str, value: str) -> tuple[Rule, ...]:
    """A typed date or timestamp must be there, not before all streaming and not after the delivery."""
    return (
        Rule("time is missing or unreadable", f"{value} is null", source),
        Rule(f"played before {FIRST_DAY}", f"{value} < date '{FIRST_DAY}'", source),
        Rule("played after the delivery", f"{value}::date > {INGEST_DATE} + 1", source),
    )


def seconds(text: str) -> str:
    """Text → seconds; null if it is no number."""
    return f"try_cast({text} as double)"


def is_duration(source: str, seconds: str) -> Rule:
    """Seconds that a person can listen in a day; a missing duration is none of ours to judge."""
    return Rule(
        "duration is negative or over a day",
        f"{source} is not null and coalesce({seconds} not between 0 and 86400, true)",
        source,
    )


def is_count(source: str) -> Rule:
    """A number of plays, at least 1."""
    return Rule("play count is no positive number", f"coalesce(try_cast({source} as bigint) < 1, true)", source)


def plays(seconds: str) -> str:
    """1 for a stream of at least 30 s or of unknown length, else 0."""
    return f"case when {seconds} < {MIN_PLAY_S} then 0 else 1 end"
