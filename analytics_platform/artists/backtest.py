"""Rankings of markets, judged by what happened afterwards.

All metrics are of a ranking's five best countries per artist. Scores of -inf are never picked, ties
are broken by one draw that all rankings share, and a pick that a ranking cannot make counts as a miss.

- ``precision_at_5``: share of the picks that opened: plays after > 2 × plays before + 20. An artist
  with fewer than five available countries has as many picks as countries.
- ``growth_captured_at_5``: share of an artist's growth, the sum of max(after - before, 0) over all
  countries, that lies in the picks; mean over the artists that grew anywhere. Most plays are gained
  where there are many already, which favours "just the big markets": it stands beside precision.
- ``ndcg_at_5``: whether those that opened come first, 1 = no order is better; mean over the artists
  with an available country that opened.
- ``top_country_share``: share of artists whose first pick is the most common first pick.

Each is given for all artists and for thirds by plays before (``_small``, ``_medium``, ``_large``).
Artists without plays before, or without an available country, are left out: nothing can be ranked.

Shapes: A artists, C countries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.markets import BoolArray, FloatArray, Markets, potential
from analytics_platform.modelling.evaluation import Score, bootstrap_ratio, draw_groups, ratio_interval

PICKS = 5
MOST_ARTISTS = 5_000
"""A backtest draws so many artists: the bootstrap counts every artist a thousand times."""
HIDDEN_SHARE = 0.2
THIRDS = ("small", "medium", "large")
BETTER: dict[str, Literal["higher", "lower"]] = {
    "precision_at_5": "higher",
    "growth_captured_at_5": "higher",
    "ndcg_at_5": "higher",
    "top_country_share": "lower",
}


@dataclass(frozen=True, slots=True)
class Ratio:
    """A metric of one ranking over that of another, with its 90 % interval by drawing artists anew."""

    other: str
    metric: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A metric of artists (G,) is sum(totals) / sum(weights)."""

    totals: FloatArray
    weights: FloatArray


def backtest(
    before: FloatArray,
    after: FloatArray,
    available: BoolArray,
    scores: Mapping[str, FloatArray],
    baselines: Collection[str],
    seed: int = 0,
) -> list[Score]:
    """All metrics of all rankings.

    The interval of ``top_country_share`` is for the country that was the most common.

    Args:
        before: (A, C) plays of the window that the scores were made from.
        after: (A, C) plays of a later window as long.
        available: (A, C) the candidates, the same for every ranking.
        scores: by name of the ranking (A, C), higher = sooner.
        baselines: names of the rankings that are dummies or methods of others.
        seed: of ties, of the artists drawn if there are more than 5,000, and of the bootstrap.

    Raises:
        ValueError: no artist has plays before and an available country.
    """
    rng = np.random.default_rng(seed)
    groups = _groups(before, available, rng)
    chance = rng.random(before.shape)
    found: list[Score] = []
    for suffix, rows in groups.items():
        drawn = draw_groups(len(rows), rng)
        for name, score in scores.items():
            for metric, outcome in _outcomes(before, after, available, score, chance, rows):
                counted = int((outcome.weights > 0).sum())
                if counted:
                    value = ratio_interval(outcome.totals, outcome.weights, drawn)
                    found.append(
                        Score(name, metric + suffix, *value, "share", BETTER[metric], name in baselines, counted)
                    )
    return found


def ratios(
    before: FloatArray,
    after: FloatArray,
    available: BoolArray,
    scores: Mapping[str, FloatArray],
    ours: str,
    seed: int = 0,
) -> list[Ratio]:
    """Every metric of ``ours`` over that of each other ranking, on the same artists in every draw.

    Arguments as for ``backtest``. A ratio over a metric of zero is infinite, or NaN if both are zero.
    """
    rng = np.random.default_rng(seed)
    groups = _groups(before, available, rng)
    chance = rng.random(before.shape)
    found: list[Ratio] = []
    for suffix, rows in groups.items():
        drawn = draw_groups(len(rows), rng)
        one = dict(_outcomes(before, after, available, scores[ours], chance, rows))
        for name, score in scores.items():
            if name == ours:
                continue
            for metric, other in _outcomes(before, after, available, score, chance, rows):
                value = _over(one[metric], other, np.ones((1, len(rows))))[0]
                draws = _over(one[metric], other, drawn)
                known = draws[~np.isnan(draws)]
                # Infinite draws have no line between them and the finite ones.
                low, high = np.quantile(known, [0.05, 0.95], method="nearest") if known.size else (np.nan, np.nan)
                found.append(Ratio(name, metric + suffix, float(value), float(low), float(high)))
    return found


def range_coverage(markets: Markets, model: str, seed: int = 0) -> Score:
    """Share of established markets inside their 80 % range when they look unopened.

    A fifth of the established cells, drawn at random, get no plays at all, as if the artist had not
    been launched there; everything is estimated anew, ranges included. Cells without an estimate are
    left out. Markets that really are unopened may differ: nobody can measure that before they open.

    Raises:
        ValueError: there are too few established markets.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(potential(markets).established)
    hidden = rng.permutation(len(rows)) < round(HIDDEN_SHARE * len(rows))
    cells = rows[hidden], columns[hidden]
    plays = markets.plays.copy()
    plays[cells] = 0
    found = potential(replace(markets, plays=plays))
    low, high, true = found.low[cells], found.high[cells], markets.plays[cells]
    known = np.isfinite(low)
    if not known.any():
        raise ValueError("too few established markets to hide some")
    inside = known & (low <= true) & (true <= high)
    artists, group = np.unique(cells[0][known], return_inverse=True)
    totals = np.bincount(group[inside[known]], minlength=len(artists)).astype(np.float64)
    weights = np.bincount(group, minlength=len(artists)).astype(np.float64)
    value = bootstrap_ratio(totals, weights, rng)
    return Score(model, "range_coverage", *value, "share of 0.8 ranges", "near 0.8", False, len(artists))


def _groups(before: FloatArray, available: BoolArray, rng: np.random.Generator) -> dict[str, NDArray[np.intp]]:
    """Rows of all judged artists (""), and of the thirds by plays."""
    rows = np.flatnonzero((before.sum(axis=1) > 0) & available.any(axis=1))
    if not len(rows):
        raise ValueError("no artist has plays before and an available country")
    rows = np.sort(rng.permutation(rows)[:MOST_ARTISTS])
    by_size = rows[np.argsort(before[rows].sum(axis=1), kind="stable")]
    thirds = zip(THIRDS, np.array_split(by_size, len(THIRDS)), strict=True)
    return {"": rows} | {f"_{name}": third for name, third in thirds if len(third)}


def _outcomes(
    before: FloatArray,
    after: FloatArray,
    available: BoolArray,
    score: FloatArray,
    chance: FloatArray,
    rows: NDArray[np.intp],
) -> Iterator[tuple[str, _Outcome]]:
    """Names and outcomes of all metrics of one ranking, on the artists of ``rows`` (G,)."""
    candidates = available[rows]
    ranked = np.where(candidates, score[rows], -np.inf)
    picks = np.lexsort((chance[rows], -ranked), axis=1)[:, :PICKS]
    made = np.isfinite(np.take_along_axis(ranked, picks, axis=1))
    opened = candidates & (after[rows] > 2 * before[rows] + 20)
    growth = np.maximum(after[rows] - before[rows], 0)
    hits = made & np.take_along_axis(opened, picks, axis=1)
    slots = np.minimum(candidates.sum(axis=1), PICKS).astype(np.float64)
    yield "precision_at_5", _Outcome(hits.sum(axis=1).astype(np.float64), slots)

    gained = np.where(made, np.take_along_axis(growth, picks, axis=1), 0).sum(axis=1)
    whole = growth.sum(axis=1)
    grew = whole > 0
    yield "growth_captured_at_5", _Outcome(gained / np.where(grew, whole, 1), grew.astype(np.float64))

    discount = 1 / np.log2(np.arange(picks.shape[1]) + 2)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(opened.sum(axis=1), picks.shape[1])]
    yield "ndcg_at_5", _Outcome(hits @ discount / np.where(best > 0, best, 1), (best > 0).astype(np.float64))

    first, has_first = picks[:, 0], made[:, 0]
    common = np.bincount(first[has_first], minlength=1).argmax()
    yield (
        "top_country_share",
        _Outcome((has_first & (first == common)).astype(np.float64), has_first.astype(np.float64)),
    )


def _over(one: _Outcome, other: _Outcome, drawn: FloatArray) -> FloatArray:
    """Ratio (D,) of two metrics in each of D draws of the artists (D, G)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (drawn @ one.totals / (drawn @ one.weights)) / (drawn @ other.totals / (drawn @ other.weights))
