"""What a feed promises: its files, its columns under all their names, and what makes a row bad.

A feed is a module in ``feeds/`` that declares one ``Resource`` per kind of file. Everything
else (unpacking, accounting, keys, partitions) is the same for all feeds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from analytics_platform.lakehouse.tables import Table

_GAP = '[^"a-z]?'
NEVER_KEPT = (
    '"([^"]*(postal|post_code|zip_code|birth|e_mail|phone|street|address|user_agent|latitude|longitude'
    "|(first|last|full|given|family|sur|nick|customer|user|account)_name"
    "|(user|customer|listener|person|account|subscriber|member|household|profile|device|advertising)"
    '_(id|uri|uuid|guid|hash|key))[^"]*|([^"]*[^"a-z])?(zip|ip|dob|lat|lon|lng|ssn)([^"a-z][^"]*)?)"\\s*:'
).replace("_", _GAP)
"""Names of what identifies a person, as a JSON key, for Python and DuckDB, whatever the case.

An unknown column of such a name is not kept in ``extras``, nor one that holds an object with such a key.
"""

MAX_UNKNOWN = 200
"""More unknown columns than this are no drift but data in the place of names."""


class ContractError(ValueError):
    """A file lacks what its feed needs; the message names it, for the data engineer."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that a vendor gave a column, from ``since`` to ``until`` (both inclusive, None = open)."""

    name: str
    since: date | None = None
    until: date | None = None

    def is_valid(self, day: date) -> bool:
        """Whether the vendor used the name on that day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Source:
    """A column of the vendor's file by our short name. For JSON an alias may be a path, ``a.b.c``."""

    name: str
    aliases: tuple[Alias, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A row for which ``is_bad`` (SQL over sources and typed values) holds is rejected with ``reason``."""

    reason: str
    is_bad: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """Rows for one table: SQL over sources and typed values by column. ``one_per`` keeps one row per that column."""

    table: Table
    values: Mapping[str, str]
    where: str = "true"
    one_per: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of file of one vendor."""

    vendor: str
    name: str
    pattern: re.Pattern[str]
    """Matches the end of the path below the inbox; groups ``licensor``, ``date``, ``part`` where it has them."""
    form: Literal["ndjson", "tsv"]
    sources: tuple[Source, ...]
    outputs: tuple[Output, ...]
    typed: Mapping[str, str] = field(default_factory=dict)
    """Values that rules and outputs share, computed once a row: SQL over source names by name."""
    rules: tuple[Rule, ...] = ()
    listener: tuple[str, ...] = ()
    """Sources that make the vendor's listener id, joined by ``:``; empty if the file has no listeners."""
    unlisted: tuple[str, ...] = ()
    """Columns that the vendor is known to send and we do not keep."""
    duplicates_by: tuple[str, ...] = ()
    """Sources or typed values that no two true rows share; empty where the feed's clock is too coarse to tell."""
    clock: str | None = None
    """The timestamp of ``duplicates_by``, a typed value. Where a file's clock goes by quarter hours, two equal
    rows may both be true (a short track, looped), so none is called a duplicate."""
    header: tuple[str, ...] | None = None
    """Column names of a file without a header line."""
    delimiter: str = "\t"
    is_undated: bool = False
    """A data set without days: its newest file replaces the old one whole."""
    is_statement: bool = False
    """A file says all there is on its day, so the same bytes on a later day are another delivery: what holds again."""

    @property
    def listener_sql(self) -> str:
        """SQL of the listener id over source names; null if its last part is, or if the file has no listeners."""
        if not self.listener:
            return "null"
        *first, last = self.listener
        return "".join(f"coalesce({name}, '') || ':' || " for name in first) + last

    def match(self, path: str) -> re.Match[str] | None:
        """The match of a path below the inbox, or None if the file is of another kind."""
        return self.pattern.search(path)


def names(*aliases: str | Alias, required: bool = False, name: str | None = None) -> Source:
    """A source from its names; the first one, in snake case, is ours unless ``name`` is given."""
    full = tuple(a if isinstance(a, Alias) else Alias(a) for a in aliases)
    return Source(name or re.sub(r"[^a-z0-9]+", "_", full[0].name.lower()).strip("_"), full, required)


@dataclass(frozen=True, slots=True)
class Columns:
    """How the columns of one file map to a resource: vendor's name by source, and the unknown ones."""

    by_source: Mapping[str, str]
    unknown: tuple[str, ...]
    dropped: tuple[str, ...]


def resolve_columns(resource: Resource, present: Sequence[str], day: date) -> Columns:
    """Find each source among a file's columns, whatever their order or case.

    Raises:
        ContractError: a required column is not there under any name valid on ``day``, or the names are no names.
    """
    check_names(resource, present)
    known = _known(resource)
    by_folded = {_fold(name): name for name in present}
    by_source: dict[str, str] = {}
    missing: list[str] = []
    for source in resource.sources:
        found = [by_folded[_fold(a.name)] for a in source.aliases if a.is_valid(day) and _fold(a.name) in by_folded]
        if found:
            by_source[source.name] = found[0]
        elif source.required:
            missing.append(" or ".join(a.name for a in source.aliases if a.is_valid(day)) or source.name)
    if missing:
        shown = ", ".join(present[:30]) or "nothing"
        raise ContractError(
            f"{resource.vendor} {resource.name} needs the column {'; '.join(missing)}, but the file has: {shown[:600]}"
        )
    # A second name of a column that we know (another listener id, say) is not unknown.
    rest = [name for name in present if _fold(name) not in known]
    dropped = tuple(name for name in rest if is_never_kept(name))
    unknown = tuple(name for name in rest if name not in dropped)
    if len(unknown) > MAX_UNKNOWN:
        raise ContractError(f"the file has {len(unknown)} columns that we don't know, more than {MAX_UNKNOWN}")
    return Columns(by_source, unknown, dropped)


def check_names(resource: Resource, present: Sequence[str]) -> None:
    """Refuse a file whose first line is no header.

    Raises:
        ContractError: none of the names is known, or one is there twice. Names are shown only where
            some are known: else they may be a listener's data.
    """
    if not _known(resource) & {_fold(name) for name in present}:
        raise ContractError(
            f"none of the columns of {resource.vendor} {resource.name} is there: no header, another delimiter, "
            "or another kind of file"
        )
    if len(set(present)) != len(present):
        raise ContractError(f"the header names a column twice: {', '.join(present)[:600]}")


def is_never_kept(name: str) -> bool:
    """Whether a column of that name identifies a person."""
    return re.search(NEVER_KEPT, f'"{name}":', re.I) is not None


def _known(resource: Resource) -> set[str]:
    aliases = {_fold(alias.name) for source in resource.sources for alias in source.aliases}
    return aliases | {_fold(name) for name in resource.unlisted}


def _fold(name: str) -> str:
    return name.strip().casefold()
