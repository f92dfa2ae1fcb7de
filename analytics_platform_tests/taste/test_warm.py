"""Factors are judged by plays that they did not see, beside baselines that see the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from analytics_platform.taste import warm
from analytics_platform.taste.factors import SOURCE, Wmf
from analytics_platform.taste.ranking import METRICS
from analytics_platform.taste.warm import HeldOut, compare_factors, hold_out_pairs
from analytics_platform_tests.taste.worlds import planted_taste

HOW = {"wmf": Wmf(factors=8, regularisation=10.0), "wmf_document": replace(SOURCE, factors=6)}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 5), listeners=st.integers(0, 30), tracks=st.integers(1, 40))
def test_what_is_held_out_is_not_known_and_nothing_is_lost(seed, listeners, tracks):
    plays = sparse.csr_array(np.random.default_rng(seed).poisson(0.5, (listeners, tracks)).astype(np.float32))
    fold = hold_out_pairs(plays, seed)
    known, held = fold.known.toarray(), fold.held_out.toarray()
    np.testing.assert_array_equal(known + held, plays.toarray())
    assert not (known * held).any()
    counts, taken = (plays.toarray() > 0).sum(axis=1), (held > 0).sum(axis=1)
    assert (np.abs(taken - counts / 5) < 1).all()
    assert ((known > 0).sum(axis=1) >= np.minimum(counts, 1)).all()
    assert (hold_out_pairs(plays, seed).held_out.toarray() == held).all()


def test_a_fifth_is_held_out_of_listeners_of_few_tracks_too():
    plays = sparse.csr_array(np.ones((4_000, 3), dtype=np.float32))
    assert hold_out_pairs(plays, 0).held_out.nnz == pytest.approx(4_000 * 3 / 5, rel=0.05)


@pytest.fixture(scope="module")
def compared():
    plays, _ = planted_taste(400, 80)
    return compare_factors((hold_out_pairs(plays, seed) for seed in (0, 1)), HOW)


def test_every_model_has_every_metric_with_an_interval(compared):
    scores, notes = compared
    models = {"wmf", "wmf_document", "item_cosine", "popularity", "random", "ease"}
    assert {score.model for score in scores} == models == set(notes)
    for score in scores:
        assert score.low <= score.value <= score.high
        assert score.is_baseline == (score.model != "wmf")
    assert {score.metric for score in scores if score.model == "wmf"} == {
        *METRICS, *(f"{metric}_over_popularity" for metric in METRICS)
    }  # fmt: skip
    assert notes["wmf"].startswith("8 factors, confidence 1 + 40 log")


def test_factors_of_planted_taste_beat_popularity_surely_and_chance_is_chance(compared):
    found = {(score.model, score.metric): score for score in compared[0]}
    assert found["wmf", "recall_at_20_over_popularity"].low > 1.2
    assert found["random", "auc"].value == pytest.approx(0.5, abs=0.02)
    assert found["popularity", "auc"].value < found["wmf", "auc"].low


def test_the_same_seed_gives_the_same_numbers(compared):
    plays, _ = planted_taste(400, 80)
    assert compare_factors([hold_out_pairs(plays, seed) for seed in (0, 1)], HOW) == compared


def test_of_many_listeners_some_are_judged_the_same_in_all_folds(monkeypatch):
    monkeypatch.setattr(warm, "MOST_JUDGED", 150)
    plays, _ = planted_taste(600, 60)
    scores, _ = compare_factors([hold_out_pairs(plays, seed) for seed in (0, 1)], HOW)
    assert 100 < scores[0].groups <= 150


def test_ease_steps_aside_where_there_are_too_many_tracks(monkeypatch):
    monkeypatch.setattr(warm, "EASE_MOST_TRACKS", 50)
    plays, _ = planted_taste(200, 60)
    scores, notes = compare_factors([hold_out_pairs(plays, 0)], HOW)
    assert "ease" not in {score.model for score in scores}
    assert "ease" not in notes


def test_nothing_to_judge_is_no_score():
    nothing = sparse.csr_array((0, 0), dtype=np.float32)
    assert compare_factors([HeldOut(nothing, nothing)], HOW)[0] == []
    assert compare_factors([], HOW) == ([], {})
    plays, _ = planted_taste(30, 20)
    assert compare_factors([HeldOut(plays, sparse.csr_array(plays.shape, dtype=np.float32))], HOW)[0] == []
