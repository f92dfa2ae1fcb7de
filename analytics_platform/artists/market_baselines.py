"""Rankings of markets by others: the article, the code behind it, and dummies.

Each gives a score (A, C), higher = to be opened sooner. Availability masks everybody alike (-inf),
though the article and its code know nothing of it: the comparison is of estimates, not of lists.
"""

from __future__ import annotations

import numpy as np

from analytics_platform.artists.markets import FloatArray, Markets

NEIGHBOURS = 10
"""Of the article and of its code."""
TOP_MARKETS = 10
"""The code recommends nothing inside an artist's own ten largest countries."""


def baseline_scores(markets: Markets, document: Markets | None = None, seed: int = 0) -> dict[str, FloatArray]:
    """Scores (A, C) of all baselines, by name.

    Args:
        markets: with our neighbours, which ``document_gap`` and ``original_code`` are given too.
        document: the same with the document's own neighbours, for ``document_pipeline``; left out if None.
        seed: of the random ranking.
    """
    plays = markets.plays
    whole = {} if document is None else {"document_pipeline": document_gap(document)}
    scores = whole | {
        "document_gap": document_gap(markets),
        "original_code": original_code(markets),
        "market_size": np.broadcast_to(plays.sum(axis=0), plays.shape),
        "own_current_plays": plays,
        "random": np.random.default_rng(seed).random(plays.shape),
    }
    return {name: np.where(markets.available, score, -np.inf) for name, score in scores.items()}


def document_gap(markets: Markets) -> FloatArray:
    """The article's gap (A, C): mean plays of the ten most similar artists minus the artist's own, in raw plays."""
    return _neighbour_mean(markets, weighted=False) - markets.plays


def original_code(markets: Markets) -> FloatArray:
    """Score (A, C) of the published code: similarity-weighted mean plays of ten neighbours, raw.

    The artist's own ten largest countries are left out (-inf). No gap is computed there: the list is
    ranked by expected plays.
    """
    expected = _neighbour_mean(markets, weighted=True)
    own = np.argsort(-markets.plays, axis=1, kind="stable")[:, :TOP_MARKETS]
    np.put_along_axis(expected, own, -np.inf, axis=1)
    return expected


def _neighbour_mean(markets: Markets, *, weighted: bool) -> FloatArray:
    """Mean plays (A, C) of up to ten neighbours; -inf for artists without any."""
    neighbours = markets.neighbours[:, :NEIGHBOURS]
    weights = markets.similarity[:, :NEIGHBOURS] if weighted else np.ones(neighbours.shape)
    weights = np.where(neighbours >= 0, weights, 0)
    total = weights.sum(axis=1)
    summed = np.zeros(markets.plays.shape)
    for place in range(neighbours.shape[1]):
        summed += weights[:, place, None] * markets.plays[neighbours[:, place]]
    return np.where(total[:, None] > 0, summed / np.maximum(total, 1e-300)[:, None], -np.inf)
