"""An attack on published counts of listeners: what somebody can work out who reads every table.

All functions take frames as they are published, with null counts and is_suppressed, and totals as
other tables state them. Nothing here knows the true counts, so the same attack runs on the tables
of a published file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from analytics_platform.fans.anonymity import ALL_COUNTRIES, MOVES

Key = tuple[object, ...]
ENDS = {"lowest": pl.Int64, "highest": pl.Int64}


@dataclass(slots=True)
class Knowledge:
    """Unknown whole numbers of listeners, and what is known about their sums.

    The unknowns of one group have nothing to do with those of another.
    """

    lowest: list[int] = field(default_factory=list)
    highest: list[float] = field(default_factory=list)
    facts: list[tuple[list[int], float, float]] = field(default_factory=list)
    targets: dict[Key, list[tuple[Key, list[int]]]] = field(default_factory=lambda: defaultdict(list))

    def unknown(self, lowest: int, highest: float = np.inf) -> int:
        """A new unknown within bounds."""
        self.lowest.append(lowest)
        self.highest.append(highest)
        return len(self.lowest) - 1

    def learn(self, unknowns: Sequence[int], lowest: float, highest: float) -> None:
        """The sum of some unknowns lies within bounds."""
        if unknowns:
            self.facts.append((list(unknowns), lowest, highest))
        else:
            assert lowest <= 0 <= highest, "published numbers do not add up"

    def ask(self, group: Key, name: Key, unknowns: Sequence[int]) -> None:
        """Wonder how large a sum of unknowns is."""
        self.targets[group].append((name, list(unknowns)))

    def intervals(self) -> list[Key]:
        """The columns of group and name, the smallest and the largest possible value of everything asked for.

        The groups are independent, so one program answers one question of every group at once.
        """
        answers: list[Key] = []
        for turn in range(max(map(len, self.targets.values()), default=0)):
            asked = [(group, *targets[turn]) for group, targets in self.targets.items() if turn < len(targets)]
            aim = np.zeros(len(self.lowest))
            for _, _, unknowns in asked:
                aim[unknowns] = 1
            low, high = self._extreme(aim), self._extreme(-aim)
            answers += [(*group, *name, int(low[own].sum()), int(high[own].sum())) for group, name, own in asked]
        return answers

    def _extreme(self, aim: np.ndarray) -> np.ndarray:
        columns = [unknown for unknowns, _, _ in self.facts for unknown in unknowns]
        ends = np.cumsum([0, *(len(unknowns) for unknowns, _, _ in self.facts)])
        matrix = csr_array((np.ones(len(columns)), columns, ends), shape=(len(self.facts), len(aim)))
        sums = LinearConstraint(matrix, [fact[1] for fact in self.facts], [fact[2] for fact in self.facts])
        answer = milp(aim, integrality=np.ones(len(aim)), bounds=Bounds(self.lowest, self.highest), constraints=sums)
        assert answer.success, f"published numbers do not add up: {answer.message}"
        return np.rint(answer.x)


def value_intervals(published: pl.DataFrame, totals: pl.DataFrame, *, group: Sequence[str], value: str) -> pl.DataFrame:
    """The possible values of every suppressed row of a one-dimensional table.

    Args:
        published: ``group``, ``value``, listeners, is_suppressed.
        totals: ``group``, listeners: of all values together.
        group: Columns that tell the groups apart.
        value: The column of the dimension.

    Returns:
        ``group``, ``value``, lowest, highest. Every row has at least one listener.
    """
    knowledge = Knowledge()
    known = {row[:-1]: row[-1] for row in totals.select(*group, "listeners").iter_rows()}
    for key, rows in published.partition_by(group, as_dict=True).items():
        hidden = rows.filter("is_suppressed")[value].to_list()
        unknowns = [knowledge.unknown(1, known[key]) for _ in hidden]
        rest = known[key] - rows["listeners"].sum()
        knowledge.learn(unknowns, rest, rest)
        for name, unknown in zip(hidden, unknowns, strict=True):
            knowledge.ask(key, (name,), [unknown])
    names = published.select(*group, value).schema
    return pl.DataFrame(knowledge.intervals(), schema={**names, **ENDS}, orient="row")


def move_intervals(
    moves: pl.DataFrame, countries: pl.DataFrame, totals: pl.DataFrame, *, group: Sequence[str]
) -> pl.DataFrame:
    """The possible values of every suppressed count of the moves, and of suppressed listeners by country.

    Args:
        moves: ``group``, country (or ``ALL_COUNTRIES``), the counts ``MOVES``, is_suppressed.
        countries: ``group``, country, listeners (of the current window), is_suppressed.
        totals: ``group``, listeners_now, listeners_before: of all countries, in both windows.
        group: Columns that tell the groups apart.

    Returns:
        ``group``, country, count (one of ``MOVES`` or listeners), lowest, highest.
    """
    knowledge = Knowledge()
    in_all = {row[:-2]: row[-2:] for row in totals.select(*group, "listeners_now", "listeners_before").iter_rows()}
    by_country = countries.partition_by(group, as_dict=True)
    for key, rows in moves.partition_by(group, as_dict=True).items():
        now, before = in_all[key]
        current = by_country.get(key)
        _learn_group(knowledge, key, rows, now, before, countries.clear() if current is None else current)
    names = moves.select(*group, "country").schema
    return pl.DataFrame(knowledge.intervals(), schema={**names, "count": pl.String, **ENDS}, orient="row")


def _learn_group(
    knowledge: Knowledge, key: Key, moves: pl.DataFrame, now: int, before: int, countries: pl.DataFrame
) -> None:
    """What the tables say of one group."""
    rows = {row["country"]: row for row in moves.iter_rows(named=True)}
    # Each count as unknowns: a published one is an unknown with equal bounds.
    cells = {
        country: [
            knowledge.unknown(0, now + before) if row["is_suppressed"] else knowledge.unknown(row[name], row[name])
            for name in MOVES
        ]
        for country, row in rows.items()
    }
    listeners = {row["country"]: row["listeners"] for row in countries.iter_rows(named=True)}
    total = cells.pop(ALL_COUNTRIES)
    knowledge.learn(total[:-1], now, now)
    knowledge.learn(total[1:], before, before)
    if cells and not rows[ALL_COUNTRIES]["is_suppressed"]:
        for column, name in enumerate(MOVES):
            of_all = rows[ALL_COUNTRIES][name]
            knowledge.learn([row[column] for row in cells.values()], of_all, of_all)
    elif cells:
        # The total is unknown, but its sums over both windows are not.
        knowledge.learn([unknown for row in cells.values() for unknown in row[:-1]], now, now)
        knowledge.learn([unknown for row in cells.values() for unknown in row[1:]], before, before)
    for country, row in cells.items():
        knowledge.learn(row, 1, np.inf)
        if country in listeners:
            stated = listeners[country]
            knowledge.learn(row[:-1], *((1, np.inf) if stated is None else (stated, stated)))
        elif listeners:
            # Every country with current listeners has a row there, unless the group was left out.
            knowledge.learn(row[:-1], 0, 0)
    for country, row in {ALL_COUNTRIES: total, **cells}.items():
        if rows[country]["is_suppressed"]:
            for name, unknown in zip(MOVES, row, strict=True):
                knowledge.ask(key, (country, name), [unknown])
        if country in listeners and listeners[country] is None:
            knowledge.ask(key, (country, "listeners"), row[:-1])


def pinned(intervals: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """The intervals that give away a count from 1 to below ``minimum``: one value, or two, and one of them small."""
    width = pl.col("highest") - pl.col("lowest")
    return intervals.filter((width < 2) & (pl.col("highest") >= 1) & (pl.col("lowest") < minimum))


def differences(
    published: pl.DataFrame, totals: pl.DataFrame, *, group: Sequence[str], counts: Sequence[str]
) -> pl.DataFrame:
    """Every published number and every total minus the published rows: ``group``, number.

    Groups without rows are not in a table, so nothing is subtracted from their totals. ``totals``
    has ``group`` and ``counts``; a null there is unknown.
    """
    rests = (
        published.group_by(group)
        .agg(pl.col(counts).sum())
        .join(totals, on=group, suffix="_total")
        .select(*group, *((pl.col(f"{name}_total") - pl.col(name)).alias(name) for name in counts))
    )
    # A sum of counts is a number too: the current listeners of a country, and those of the earlier window.
    sums = {"now": counts[:-1], "before": counts[1:]} if len(counts) > 1 else {}
    return pl.concat(
        frame.with_columns(pl.sum_horizontal(names, ignore_nulls=False).alias(name) for name, names in sums.items())
        .unpivot([*counts, *sums], index=list(group), value_name="number")
        .select(*group, "number")
        .drop_nulls("number")
        for frame in (published.select(*group, *counts), rests)
    )


def small(numbers: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """The rows whose number is from 1 to below ``minimum``."""
    return numbers.filter(pl.col("number").is_between(1, minimum - 1))
