"""Scales, splits, pooled counts and baselines: planted effects come back, and nothing of a test song is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import RobustScaler, StandardScaler

from analytics_platform.taste.play_counts.baselines import Evidence, predict_baselines
from analytics_platform.taste.play_counts.hierarchical import (
    Entries,
    Law,
    Songs,
    components,
    fit_hierarchical,
)
from analytics_platform.taste.play_counts.scoring import score_listener, verdict
from analytics_platform.taste.play_counts.selection import PlayCounts
from analytics_platform.taste.play_counts.targets import Scale, split_as_published, split_songs

LEVELS = np.array([3.0, 2.5, 2.0, 1.5, 1.0])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_scales_are_those_of_scikit_learn(plays: list[int]) -> None:
    counts = np.array(plays)
    for name, scaler in (("robust", RobustScaler()), ("standard", StandardScaler())):
        scale = Scale.fit(counts, name)  # type: ignore[arg-type]
        found = scale.to_target(counts)
        np.testing.assert_allclose(found, scaler.fit_transform(counts[:, None])[:, 0], atol=1e-9)
        np.testing.assert_allclose(scale.to_plays(found), counts)


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 400), st.integers(0, 50))
def test_a_song_is_in_one_part(songs: int, seed: int) -> None:
    for split in (split_songs(songs, seed), split_as_published(songs, seed)):
        parts = [split.train, split.validation, split.test]
        assert sorted(np.concatenate(parts).tolist()) == list(range(songs))
        assert len(split.train) and len(split.validation)
    assert abs(len(split_songs(songs, seed).test) - songs / 5) <= 0.5
    assert not np.array_equal(split_songs(songs, seed).train, split_songs(songs, seed + 1).train)


def test_few_songs_are_not_split() -> None:
    with pytest.raises(ValueError, match="9 songs"):
        split_songs(9, 0)


def planted(songs: int, seed: int, own: float = 0.7) -> tuple[PlayCounts, np.ndarray, np.ndarray, np.ndarray]:
    """Counts by listener, song and taste; the effects of songs, the sound and the tastes."""
    rng = np.random.default_rng(seed)
    song, sound, taste = rng.normal(0, own, songs), rng.normal(size=(songs, 3)), rng.normal(0, 0.4, (5, 3))
    rates = np.exp(LEVELS[:, None] + song + taste @ sound.T)
    plays = 1 + rng.poisson(rng.gamma(4, rates / 4))
    plays[rng.random(plays.shape) < 0.4] = 0
    return PlayCounts(np.arange(songs).astype(str), plays.astype(np.int64)), song, sound, taste


@pytest.mark.parametrize("law", ["poisson", "negative binomial"])
def test_planted_effects_come_back(law: Law) -> None:
    counts, song, sound, taste = planted(200, 3)
    entries = Entries(*np.nonzero(counts.plays))
    fitted = fit_hierarchical(counts.plays[counts.plays > 0], entries, 5, Songs(200, sound=sound), law)
    # What all listeners have in common may go to them or to the songs.
    assert np.ptp(fitted.effects["listener"] - LEVELS) < 0.6
    assert np.corrcoef(fitted.effects["song"], song)[0, 1] > 0.7
    own = fitted.effects["taste"].reshape(5, 3) + fitted.effects["sound"]
    assert np.corrcoef(own.ravel(), taste.ravel())[0, 1] > 0.9
    if law == "negative binomial":
        assert fitted.variances["song"] == pytest.approx(0.49, rel=0.4)
        assert 1.5 < np.median(fitted.sizes) < 12


def test_where_songs_say_nothing_the_mean_remains() -> None:
    rng = np.random.default_rng(1)
    plays = 1 + rng.negative_binomial(2, 2 / (2 + np.exp(LEVELS)[:, None]), (5, 150))
    hidden = rng.random(plays.shape) < 0.2
    entries = Entries(*np.nonzero(~hidden))
    fitted = fit_hierarchical(plays[~hidden], entries, 5, Songs(150), "negative binomial")
    assert fitted.variances["song"] < 0.1
    said = fitted.predict(Entries(*np.nonzero(hidden)))
    means = np.where(hidden, 0, plays).sum(axis=1) / (~hidden).sum(axis=1)
    errors = [np.square(guess - plays[hidden]).mean() for guess in (said, means[np.nonzero(hidden)[0]])]
    assert errors[0] < 1.05 * errors[1]


def test_counts_that_no_song_can_have_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        fit_hierarchical(np.array([0, 1]), Entries(np.array([0, 0]), np.array([0, 1])), 1, Songs(2), "poisson")


def test_components_know_the_training_songs_only_and_fill_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 20))
    train = np.arange(40)
    found = components(sound, train, 6)
    assert found.shape == (60, 4)
    np.testing.assert_allclose(found[train].T @ found[train] / 40, np.eye(4), atol=1e-6)
    sound[50] = 1e6
    np.testing.assert_allclose(components(sound, train, 6)[:50], found[:50])
    sound[3, 5] = np.nan
    assert np.isfinite(components(sound, train, 6)).all()


@pytest.fixture(scope="module")
def evidence() -> tuple[PlayCounts, Evidence]:
    counts, _, sound, taste = planted(100, 2, own=0.2)
    numbers = np.concatenate([sound, np.random.default_rng(0).normal(size=(100, 4))], axis=1)
    return counts, Evidence(np.arange(100) // 5, {"numbers": numbers}, sound, taste)


def test_with_evidence_listeners_are_predicted_better_than_by_their_mean(
    evidence: tuple[PlayCounts, Evidence],
) -> None:
    counts, known = evidence
    split = split_songs(100, 0)
    new = predict_baselines(counts, split, known)
    asked = np.zeros(counts.plays.shape, dtype=bool)
    asked[:, split.test] = counts.plays[:, split.test] > 0
    truth = counts.plays[asked].astype(float)

    def error(said: np.ndarray) -> float:
        return float(np.mean(np.square(said[asked] - truth)))

    assert set(new) == {
        "mean", "median", "poisson", "negative_binomial", "poisson_numbers", "negative_binomial_numbers",
        "ridge_numbers", "factors",
    }  # fmt: skip
    for said in new.values():
        np.testing.assert_array_equal(np.isfinite(said), asked)
        assert said[asked].min() >= 1
    for name in ("poisson_numbers", "negative_binomial_numbers", "ridge_numbers", "factors"):
        assert error(new[name]) < 0.9 * error(new["mean"])


def test_what_others_play_of_a_song_tells_what_a_listener_plays() -> None:
    counts = planted(100, 4)[0]
    said = predict_baselines(counts, split_songs(100, 0), Evidence(), "known songs")
    asked = np.isfinite(said["mean"])
    for name in ("poisson", "negative_binomial"):
        np.testing.assert_array_equal(np.isfinite(said[name]), asked)
        ratios = [
            np.square(mine[own] - plays[own]).mean() / np.square(mean[own] - plays[own]).mean()
            for mine, mean, plays, own in zip(said[name], said["mean"], counts.plays, asked, strict=True)
        ]
        assert np.mean(ratios) < 0.95


def test_plays_of_test_songs_are_not_looked_at() -> None:
    counts, _, sound, taste = planted(50, 5)
    known = Evidence(np.arange(50) // 5, {"numbers": sound}, sound, taste)
    split = split_songs(50, 1)
    other = counts.plays.copy()
    other[:, split.test] *= 7
    one = predict_baselines(counts, split, known)
    two = predict_baselines(PlayCounts(counts.songs, other), split, known)
    for name, said in one.items():
        np.testing.assert_array_equal(said, two[name])
    # Of a song that others play their plays are known, and still not the listener's own.
    alone = counts.plays.copy()
    alone[2, split.test] *= 7
    one, two = (
        predict_baselines(PlayCounts(counts.songs, plays), split, Evidence(), "known songs")
        for plays in (counts.plays, alone)
    )
    for name, said in one.items():
        np.testing.assert_array_equal(said[2], two[name][2])
    assert not np.array_equal(one["poisson"], two["poisson"], equal_nan=True)


def test_a_listener_of_two_songs_is_not_predicted() -> None:
    counts = planted(40, 3)[0]
    plays = counts.plays.copy()
    plays[4, np.flatnonzero(plays[4])[2:]] = 0
    for question in ("new songs", "known songs"):
        for said in predict_baselines(
            PlayCounts(counts.songs, plays), split_songs(40, 0), Evidence(), question
        ).values():
            assert np.isnan(said[4]).all()
            assert np.isfinite(said[0]).any()


def test_scores_are_those_of_the_formulas_and_a_verdict_needs_the_whole_interval() -> None:
    rng = np.random.default_rng(0)
    plays = rng.integers(1, 40, 60)
    tested = [rng.permutation(60)[:20] for _ in range(3)]

    def only(places: np.ndarray, values: np.ndarray) -> np.ndarray:
        said = np.full(60, np.nan)
        said[places] = values[places]
        return said

    guess = {
        "mean": np.full(60, 20.0),
        "good": plays + rng.normal(0, 1, 60),
        "like it": np.full(60, 20.0) + rng.normal(0, 0.1, 60),
        "bad": 40.0 - plays,
    }
    splits = [{name: only(places, values) for name, values in guess.items()} for places in tested]
    scores = score_listener(plays, splits, 2.0, baselines={"mean"}, draws=300)
    found = {(score.model, score.metric): score for score in scores}
    rows = np.concatenate(tested)
    for name, values in guess.items():
        error = values[rows] - plays[rows]
        assert found[name, "mse"].value == pytest.approx(np.mean((error / 2) ** 2))
        assert found[name, "mae"].value == pytest.approx(np.mean(np.abs(error)))
        assert found[name, "mse"].low <= found[name, "mse"].value <= found[name, "mse"].high
        assert found[name, "mse"].groups == len(set(rows.tolist()))
    assert found["good", "mse_below_mean"].value == pytest.approx(
        found["mean", "mse"].value - found["good", "mse"].value
    )
    assert found["good", "spearman"].value > 0.95 and found["bad", "spearman"].value == pytest.approx(-1)
    assert found["mean", "spearman"].value == 0
    assert verdict(scores, "good") == "beats the mean predictor"
    assert verdict(scores, "like it") == "cannot be told from the mean predictor"
    assert verdict(scores, "bad") == "is worse than the mean predictor"
    assert verdict(scores, "other") == "was not measured"
    assert not score_listener(plays, [{"mean": only(rows[:4], guess["mean"])}], 2.0, baselines=())
    assert not score_listener(plays, [{}], 2.0, baselines=())
