"""Rankings are judged as a plain reading of the definitions does it, in blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from analytics_platform.taste import collaborative, ranking
from analytics_platform.taste.collaborative import (
    TooManyTracksError,
    ease,
    factor_scores,
    item_cosine,
    popularity,
    random_scores,
)
from analytics_platform.taste.factors import Wmf, fit_factors
from analytics_platform.taste.ranking import METRICS, rank_listeners, ranking_scores
from analytics_platform.taste.warm import hold_out_pairs
from analytics_platform_tests.taste.worlds import planted_taste


def slowly(scores: np.ndarray, held: np.ndarray, known: np.ndarray, columns: np.ndarray, seed: int = 0) -> dict:
    """One listener after the other, one track after the other."""
    ties = np.random.default_rng(seed).permutation(scores.shape[1])
    found = {metric: [] for metric in METRICS}
    for row, wanted, before in zip(scores, held, known, strict=True):
        tracks = [track for track in columns if not before[track]]
        tracks.sort(key=lambda track: (-row[track], ties[track]))
        hits = [bool(wanted[track]) for track in tracks]
        count = sum(hits)
        if not count:
            for values in found.values():
                values.append(np.nan)
            continue
        found["recall_at_20"].append(sum(hits[:20]) / min(20, count))
        dcg = sum(1 / np.log2(place + 2) for place, hit in enumerate(hits[:100]) if hit)
        found["ndcg_at_100"].append(dcg / sum(1 / np.log2(place + 2) for place in range(min(100, count))))
        precisions = [sum(hits[: place + 1]) / (place + 1) for place, hit in enumerate(hits[:500]) if hit]
        found["map_at_500"].append(sum(precisions) / min(500, count))
        good = [row[track] for track, hit in zip(tracks, hits, strict=True) if hit]
        bad = [row[track] for track, hit in zip(tracks, hits, strict=True) if not hit]
        wins = [(one > other) + (one == other) / 2 for one in good for other in bad]
        found["auc"].append(np.mean(wins) if wins else np.nan)
    return {metric: np.array(values) for metric, values in found.items()}


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(), listeners=st.integers(0, 5), tracks=st.integers(1, 30), block=st.sampled_from([1, 40, 4_000_000])
)
def test_metrics_are_those_of_the_definitions(data, listeners, tracks, block):
    shape = (listeners, tracks)
    few = st.integers(-2, 2).map(float)  # many ties
    scores = data.draw(arrays.arrays(np.float32, shape, elements=few))
    held = data.draw(arrays.arrays(bool, shape))
    known = data.draw(arrays.arrays(bool, shape))
    candidates = data.draw(st.none() | arrays.arrays(bool, tracks))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK_ENTRIES", block)
        found = rank_listeners(
            lambda rows: scores[rows], sparse.csr_array(held), sparse.csr_array(known), candidates=candidates
        )
    columns = np.arange(tracks) if candidates is None else np.flatnonzero(candidates)
    for metric, expected in slowly(scores, held, known, columns).items():
        np.testing.assert_allclose(found[metric], expected, atol=1e-9, err_msg=metric)


def test_metrics_beyond_their_cutoffs():
    """600 tracks: some are past the 20th, the 100th and the 500th place."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 600)).astype(np.float32)
    held, known = rng.random((6, 600)) < np.array([[0.01, 0.05, 0.2, 0.5, 0.9, 1]]).T, rng.random((6, 600)) < 0.05
    found = rank_listeners(lambda rows: scores[rows], sparse.csr_array(held), sparse.csr_array(known))
    for metric, expected in slowly(scores, held, known, np.arange(600)).items():
        np.testing.assert_allclose(found[metric], expected, atol=1e-9, err_msg=metric)
    assert np.isnan(found["auc"][5]), "everything is held out"


def test_a_model_that_knows_is_perfect_and_one_that_says_nothing_is_chance():
    rng = np.random.default_rng(0)
    held, none = sparse.csr_array(rng.random((400, 60)) < 0.1), sparse.csr_array((400, 60))
    knows = rank_listeners(lambda rows: held[rows].toarray().astype(np.float32), held, none)
    assert all(np.nanmin(values) == 1 for values in knows.values())
    silent = rank_listeners(lambda rows: np.zeros((len(rows), 60), np.float32), held, none)
    assert (silent["auc"][~np.isnan(silent["auc"])] == 0.5).all()
    assert np.nanmean(silent["recall_at_20"]) == pytest.approx(1 / 3, abs=0.03)


def test_a_score_that_is_no_number_is_refused():
    held, none = sparse.csr_array(np.eye(3)), sparse.csr_array((3, 3))
    with pytest.raises(ValueError, match="finite"):
        rank_listeners(lambda rows: np.full((len(rows), 3), np.nan, np.float32), held, none)


def fold_of(rng: np.random.Generator, **means: float) -> dict[str, dict[str, np.ndarray]]:
    """Metrics of 300 listeners, a third of them not judged, that go together between models."""
    shared = rng.normal(0, 0.2, 300)
    shared[rng.permutation(300)[:100]] = np.nan
    return {
        model: {metric: mean + shared + rng.normal(0, 0.01, 300) for metric in METRICS} for model, mean in means.items()
    }


def test_means_have_intervals_and_ratios_surer_ones():
    rng = np.random.default_rng(0)
    folds = [fold_of(rng, ours=1.2, dummy=1.0)]
    scores = {(s.model, s.metric): s for s in ranking_scores(folds, over="dummy", baselines=("dummy",))}
    assert {metric for _, metric in scores} == {*METRICS, *(f"{metric}_over_dummy" for metric in METRICS)}
    own, ratio = scores["ours", "auc"], scores["ours", "auc_over_dummy"]
    assert own.value == pytest.approx(np.nanmean(folds[0]["ours"]["auc"]))
    assert ratio.value == pytest.approx(own.value / scores["dummy", "auc"].value)
    # 0.2 / sqrt(200), 1.645 standard deviations on each side
    assert own.high - own.low == pytest.approx(2 * 1.645 * 0.2 / np.sqrt(200), rel=0.15)
    assert own.low < own.value < own.high
    assert ratio.high - ratio.low < (own.high - own.low) / 3
    assert (own.groups, own.is_baseline, scores["dummy", "auc"].is_baseline) == (200, False, True)
    assert ("dummy", "auc_over_dummy") not in scores


def test_folds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    alike = [fold_of(rng, ours=1.0, dummy=1.0) for _ in range(4)]
    apart = [fold_of(rng, ours=mean, dummy=1.0) for mean in (0.5, 0.8, 1.2, 1.5)]
    width = {}
    for name, folds in (("alike", alike), ("apart", apart)):
        own = next(
            s for s in ranking_scores(folds, over="dummy", baselines=()) if (s.model, s.metric) == ("ours", "auc")
        )
        assert own.value == pytest.approx(1, abs=0.05)
        width[name] = own.high - own.low
    assert width["apart"] > 5 * width["alike"]


def test_there_is_no_ratio_to_nothing():
    nothing = {metric: np.zeros(5) for metric in METRICS}
    something = {metric: np.ones(5) for metric in METRICS}
    scores = ranking_scores([{"ours": something, "dummy": nothing}], over="dummy", baselines=())
    assert {score.metric for score in scores} == set(METRICS)
    unjudged = {metric: np.full(5, np.nan) for metric in METRICS}
    assert ranking_scores([{"dummy": unjudged}], over="dummy", baselines=()) == []


def test_every_way_to_recommend_beats_chance_and_taste_beats_popularity():
    plays, _ = planted_taste()
    fold = hold_out_pairs(plays, 0)
    ways = {
        "popularity": popularity(fold.known),
        "random": random_scores(120, 0),
        "cosine": item_cosine(fold.known),
        "ease": ease(fold.known),
        "factors": factor_scores(fit_factors(fold.known, Wmf(factors=8, regularisation=10.0))),
    }
    auc = {name: np.nanmean(rank_listeners(way, fold.held_out, fold.known)["auc"]) for name, way in ways.items()}
    assert auc["random"] == pytest.approx(0.5, abs=0.03)
    assert auc["popularity"] > 0.52
    assert min(auc["cosine"], auc["ease"], auc["factors"]) > auc["popularity"] + 0.1


def test_ease_is_the_regression_of_each_track_on_the_others():
    plays, _ = planted_taste(60, 12)
    played = (plays.toarray() > 0).astype(float)
    expected = np.zeros((12, 12))
    for track in range(12):
        others = np.delete(np.arange(12), track)
        x = played[:, others]
        expected[others, track] = np.linalg.solve(x.T @ x + 3 * np.eye(11), x.T @ played[:, track])
    np.testing.assert_allclose(ease(plays, 3.0)(np.arange(60)), played @ expected, atol=1e-5)


def test_ease_says_when_there_are_too_many_tracks(monkeypatch):
    monkeypatch.setattr(collaborative, "EASE_MOST_TRACKS", 20)
    with pytest.raises(TooManyTracksError, match="30 tracks, it takes 20"):
        ease(planted_taste(50, 30)[0])


def test_chance_is_the_same_however_listeners_are_asked_for():
    scores = random_scores(50, 3)
    whole = scores(np.arange(400))
    np.testing.assert_array_equal(scores(np.array([7, 2])), whole[[7, 2]])
    assert whole.mean() == pytest.approx(0.5, abs=0.01)
    assert len(np.unique(whole)) > 19_900
    assert not np.array_equal(random_scores(50, 4)(np.arange(400)), whole)
