"""Scores become percentiles by a line; scores that do not differ become the mean, whatever rounding leaves of them."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from analytics_platform.tracks.shipped import Line


@given(st.floats(-1e6, 1e6), st.integers(2, 2_000), st.integers(0, 2**32 - 1))
@example(0.4446711, 961, 0)
def test_equal_scores_say_the_mean(score: float, rows: int, seed: int) -> None:
    outcome = np.random.default_rng(seed).random(rows)
    line = Line.fit(np.full(rows, score), outcome)
    np.testing.assert_allclose(line.of(np.full(5, score)), outcome.mean())


@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.integers(0, 2**32 - 1))
def test_scores_in_another_unit_say_the_same(unit: float, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    outcome = rng.random(50)
    scores = outcome + rng.standard_normal(50)
    found = Line.fit(unit * (scores + offset), outcome).of(unit * (scores + offset))
    np.testing.assert_allclose(found, Line.fit(scores, outcome).of(scores), atol=1e-6)
