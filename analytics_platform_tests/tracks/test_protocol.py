"""Judging tracks' models: nothing of the test part is learnt, leaks show, and scores are what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics_platform.modelling.evaluation import ALL_SEEDS
from analytics_platform.modelling.splits import Split, find_groups
from analytics_platform.tracks.predictors import NUMBERS, Fitted, Numbers, columns_of
from analytics_platform.tracks.protocol import (
    LEAKY,
    Contender,
    Judged,
    SplitName,
    TooFewTracksError,
    dummies,
    judge,
    judged,
    make_splits,
)
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.track_data import TrackData
from analytics_platform.tracks.training import Judgement, judge_numbers
from analytics_platform.tracks.verdicts import CLASS, ORDER, PERCENTILE, SUCCESS, Verdict, chosen, verdicts

FEATURES, DIM = 20, 6


def ranks(values: np.ndarray) -> np.ndarray:
    return (np.argsort(np.argsort(values)) + 0.5) / len(values)


def tracks(
    outcome: np.ndarray, artists: np.ndarray, features: np.ndarray, *, pooled: np.ndarray | None = None
) -> TrackData:
    """Tracks with these numbers; some share a recording with another artist's."""
    count = len(outcome)
    rng = np.random.default_rng(7)
    names = np.array([f"artist {artist}" for artist in artists])
    recordings = np.array([f"recording {number}" for number in range(count)])
    recordings[-4:] = recordings[:4]
    described = np.column_stack((rng.normal(-14, 2, count), rng.normal(0, 1, (count, 5))))
    return TrackData(
        data_set="made up",
        target="plays_first_28_days",
        window_days=28,
        ids=np.array([f"track {number:05d}" for number in range(count)]),
        outcome=outcome,
        artists=names,
        groups=find_groups(names, recordings),
        genres=np.where(np.arange(count) % 2, "pop", "rock"),
        cells=np.arange(count) % 4,
        released=np.datetime64("2025-01-01") + rng.integers(0, 300, count),
        sound=Sound(
            np.array([f"clip {number}" for number in range(count)]),
            mended=features,
            described=described,
            moving=rng.normal(size=(count, 5)),
            pooled=pooled,
            durations_s=rng.uniform(20, 30, count),
        ),
    )


def heard(count: int = 200, artists: int = 40, noise: float = 1.0, seed: int = 0) -> TrackData:
    """Tracks that do well by what is heard of them, whoever made them."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, FEATURES))
    good = features[:, :4].sum(axis=1) / 2
    pooled = (good[:, None] + rng.normal(size=(count, DIM))).astype(np.float32)
    outcome = ranks(good + noise * rng.normal(size=count))
    return tracks(outcome, rng.permutation(np.arange(count) % artists), features, pooled=pooled)


@pytest.fixture(scope="module")
def data() -> TrackData:
    return heard()


def without(data: TrackData, rows: np.ndarray) -> TrackData:
    """The same tracks, of which some have neither an outcome nor a sound."""

    def blank(values: np.ndarray) -> np.ndarray:
        found = values.copy()
        found[rows] = np.nan
        return found

    sound = data.sound
    return replace(
        data,
        outcome=blank(data.outcome),
        sound=replace(
            sound,
            mended=blank(sound.mended),
            described=blank(sound.described),
            moving=blank(sound.moving),
            pooled=blank(sound.pooled),
            durations_s=blank(sound.durations_s),
        ),
    )


@pytest.mark.parametrize("name", NUMBERS)
def test_models_of_sound_learn_nothing_of_the_test_part(data: TrackData, name: str) -> None:
    split = make_splits(data, "artists", 0)[0]
    one, other = (
        NUMBERS[name].fit(known, split.train, split.validation, seed=0) for known in (data, without(data, split.test))
    )
    np.testing.assert_array_equal(one.predict(data.sound, split.test), other.predict(data.sound, split.test))


def test_the_test_part_is_judged_by_what_validation_says(data: TrackData) -> None:
    split = make_splits(data, "artists", 0)[0]
    scores = data.sound.mended[:, 0]
    one, other = (judged(known, scores, split, 0) for known in (data, without(data, split.test)))
    for part in ("percentile", "probability", "classes"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
    assert one.validation_error == other.validation_error
    for contender in dummies():
        if contender.name != LEAKY:
            one, other = (judge(known, contender, split, 0) for known in (data, without(data, split.test)))
            np.testing.assert_array_equal(one.percentile, other.percentile)


class Recording(Numbers):
    """A ridge that notes what it was fitted on."""

    seen: ClassVar[list[tuple[np.ndarray, np.ndarray, int]]] = []

    def fit(self, data: TrackData, train: np.ndarray, validation: np.ndarray, *, seed: int) -> Fitted:
        self.seen.append((train, validation, seed))
        return Numbers.fit(self, data, train, validation, seed=seed)


def test_a_contender_is_given_the_training_rows_of_every_fold(data: TrackData) -> None:
    Recording.seen.clear()
    seeds: dict[SplitName, int] = {"artists": 2, "rows": 1, "time": 1}
    model = Recording("noted", "Noted", "loudness and duration", "ridge")
    found = judge_numbers(data, seeds=seeds, models=[model], say=lambda line: None)
    assert len(Recording.seen) == 2 * 5 + 5 + 1
    fits = iter(Recording.seen)
    for name, count in seeds.items():
        tested = [np.zeros(0, dtype=np.int64)] * count
        for one in found.judged[name]["noted"]:
            train, validation, seed = next(fits)
            assert seed == one.seed
            assert not set(one.rows) & {*train, *validation}
            assert len(one.rows) + len(train) + len(validation) == len(data)
            if name == "artists":
                assert not set(data.groups[one.rows]) & set(data.groups[np.concatenate((train, validation))])
            tested[one.seed] = np.concatenate((tested[one.seed], one.rows))
        if name != "time":
            assert all((np.sort(rows) == np.arange(len(data))).all() for rows in tested), "each row once a seed"


def test_no_artist_and_no_recording_is_on_two_sides(data: TrackData) -> None:
    recordings = np.arange(len(data))
    recordings[-4:] = recordings[:4]
    for split in make_splits(data, "artists", 3):
        parts = (split.train, split.validation, split.test)
        for column in (data.artists, recordings):
            sides = [set(column[part]) for part in parts]
            assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])
    rows = make_splits(data, "rows", 3)
    assert all(set(data.artists[split.test]) & set(data.artists[split.train]) for split in rows)


def test_a_split_by_time_tests_on_what_came_later(data: TrackData) -> None:
    (split,) = make_splits(data, "time", 0)
    first, second, third = (data.released[part] for part in (split.train, split.validation, split.test))
    assert first.max() < second.min() and second.max() < third.min()
    assert 0.2 <= len(split.test) / len(data) < 0.25


@pytest.mark.parametrize(("count", "artists"), [(99, 40), (200, 19)])
def test_too_few_tracks_are_not_judged(count: int, artists: int) -> None:
    few = heard(count, artists)
    few = replace(few, groups=np.unique(few.artists, return_inverse=True)[1])
    with pytest.raises(TooFewTracksError, match=f"{count} tracks of {artists} artists.*models need 100 of 20"):
        judge_numbers(few, say=lambda line: None)


@settings(max_examples=60, deadline=None)
@given(scores=arrays(np.float64, 120, elements=st.floats(-1e6, 1e6)), seed=st.integers(0, 3))
def test_any_score_becomes_a_percentile_and_chances(scores: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    few = tracks(rng.random(120), np.arange(120) % 30, np.zeros((120, 1)))
    found = judged(few, scores, make_splits(few, "artists", seed)[0], seed)
    assert (found.percentile >= 0).all() and (found.percentile <= 1).all()
    assert (found.probability >= 0).all() and (found.probability <= 1).all()
    np.testing.assert_allclose(found.classes.sum(axis=1), 1, atol=1e-9)
    assert (np.diff(found.percentile[np.argsort(scores[found.rows])]) >= 0).all(), "a higher score is never worse"
    assert np.isfinite(found.validation_error)


def test_chances_mean_what_they_say() -> None:
    many = heard(3_000, 300, noise=0.7)
    split = make_splits(many, "artists", 0)[0]
    found = judged(many, 40 * many.sound.mended[:, :4].sum(axis=1) - 7, split, 0)
    for part in np.array_split(np.argsort(found.probability), 4):
        assert found.probability[part].mean() == pytest.approx(found.above[part].mean(), abs=0.08)


def scores_of(found: Iterator[Verdict] | list[Verdict], task: str, metric: str, split: str = "artists") -> dict:
    """Score by model, of all seeds."""
    return {
        score.model: score
        for verdict in found
        if (verdict.task, verdict.split, verdict.seed) == (task, split, ALL_SEEDS)
        for score in verdict.scores
        if score.metric == metric
    }


def all_folds(data: TrackData, contender: Contender, seeds: int = 1) -> list[Judged]:
    return [
        judge(data, contender, split, seed) for seed in range(seeds) for split in make_splits(data, "artists", seed)
    ]


def test_scores_that_say_nothing_are_worth_nothing(data: TrackData) -> None:
    constant = Contender("constant", lambda data, split, seed: np.full(len(data), 3.0))
    found = {one.name: all_folds(data, one, 2) for one in (constant, *dummies())}
    said = list(verdicts(data, found, "artists", {one.name for one in dummies()}))
    auc = scores_of(said, SUCCESS, "auc")
    assert (auc["constant"].value, auc["majority"].value) == (0.5, 0.5)
    r2 = scores_of(said, PERCENTILE, "r2")
    assert -0.05 < r2["constant"].value <= 0 and -0.05 < r2["majority"].value <= 0
    assert scores_of(said, PERCENTILE, "spearman")["constant"].value == 0
    assert scores_of(said, ORDER, "right_pairs")["constant"].value == 0.5
    assert scores_of(said, CLASS, "accuracy")["constant"].value <= 0.45


def test_the_artists_other_outcomes_put_no_artists_tracks_in_order(data: TrackData) -> None:
    """The mean of an artist's other tracks is the lower, the better a track is: by construction all pairs are wrong."""
    found = {one.name: all_folds(data, one) for one in dummies()}
    said = list(verdicts(data, found, "artists", set(found)))
    assert LEAKY in scores_of(said, SUCCESS, "auc")
    assert set(scores_of(said, ORDER, "right_pairs")) == {"majority", "genre_mean"}


def recognised(seed: int = 0) -> TrackData:
    """Sound tells who plays, and some artists are famous; nothing else."""
    rng = np.random.default_rng(seed)
    count, artists = 560, np.arange(560) % 70
    voices = rng.normal(size=(70, 80))
    fame = rng.normal(size=70)
    features = voices[artists] + 0.1 * rng.normal(size=(count, 80))
    return tracks(ranks(fame[artists] + 0.3 * rng.normal(size=count)), artists, features)


RIDGE, TREES = "descriptor_ridge", "descriptor_boosting"


@pytest.fixture(scope="module")
def leaking() -> Judgement:
    return judge_numbers(
        recognised(),
        seeds={"artists": 1, "rows": 1},
        models=[NUMBERS[RIDGE], NUMBERS[TREES]],
        threads=2,
        say=lambda line: None,
    )


@pytest.mark.parametrize("model", [RIDGE, TREES])
def test_rows_of_known_artists_flatter_who_recognises_them(leaking: Judgement, model: str) -> None:
    by_rows, by_artists = (leaking.score(SUCCESS, split, model, "auc") for split in ("rows", "artists"))
    assert by_rows.value > 0.8
    assert by_artists.value < 0.65 and by_artists.low < 0.5
    assert by_rows.value > by_artists.value + 0.2
    told = leaking.score(SUCCESS, "artists", LEAKY, "auc")
    assert told.value > 0.8 and told.is_baseline


def test_what_is_true_of_unknown_artists_is_found_by_both_splits() -> None:
    found = judge_numbers(
        heard(600, 60), seeds={"artists": 1, "rows": 1}, models=[NUMBERS[RIDGE]], say=lambda line: None
    )
    by_rows, by_artists = (found.score(SUCCESS, split, RIDGE, "auc").value for split in ("rows", "artists"))
    assert by_artists > 0.7
    assert by_rows == pytest.approx(by_artists, abs=0.04)


@pytest.fixture(scope="module")
def five(data: TrackData) -> tuple[Judgement, pl.DataFrame]:
    """Two models over five seeds."""
    models = [NUMBERS[RIDGE], NUMBERS["loudness_duration"]]
    found = judge_numbers(data, seeds={"artists": 5}, models=models, say=lambda line: None)
    return found, found.frame(data, "version", {RIDGE: "a note"})


def test_each_seed_has_rows_and_all_together_are_their_mean(five: tuple[Judgement, pl.DataFrame]) -> None:
    _, frame = five
    assert set(frame["split"]) == {"artists", "artists, first fold"}
    assert set(frame["target"]) == {"plays_first_28_days"} and set(frame["window_days"]) == {28}
    keys = ["split", "task", "model", "metric"]
    assert not frame.select(*keys, "seed").is_duplicated().any()
    seeds = frame.filter(metric="auc", split="artists").group_by("model").agg(pl.col("seed").sort())
    assert {tuple(each) for each in seeds["seed"]} == {(ALL_SEEDS, 0, 1, 2, 3, 4)}
    linear = frame.filter(pl.col("metric").is_in(["auc", "r2", "accuracy", "mae"]) & (pl.col("split") == "artists"))
    means = linear.filter(pl.col("seed") >= 0).group_by(keys).agg(pl.mean("value").alias("mean"))
    both = linear.filter(seed=ALL_SEEDS).join(means, on=keys, validate="1:1")
    assert len(both) == len(means) > 12
    np.testing.assert_allclose(both["value"], both["mean"], atol=1e-9)
    assert (frame["value_low"] <= frame["value_high"]).all()


def test_notes_and_dummies_are_marked(five: tuple[Judgement, pl.DataFrame]) -> None:
    _, frame = five
    assert set(frame.filter(model=RIDGE)["note"]) == {"a note"}
    assert frame.filter(pl.col("model") != RIDGE)["note"].is_null().all()
    marked = dict(frame.select("model", "is_baseline").unique().iter_rows())
    assert marked == {RIDGE: False} | dict.fromkeys(("majority", "genre_mean", LEAKY, "loudness_duration"), True)


def test_the_gain_over_the_standard_is_the_difference_of_scores(five: tuple[Judgement, pl.DataFrame]) -> None:
    found, _ = five
    gain = found.score(SUCCESS, "artists", "loudness_duration", f"auc_above_{RIDGE}")
    values = [found.score(SUCCESS, "artists", model, "auc").value for model in ("loudness_duration", RIDGE)]
    assert gain.value == pytest.approx(values[0] - values[1])
    assert gain.high < 0, "loudness and duration say nothing here"


def test_the_same_seed_gives_the_same_scores(data: TrackData) -> None:
    given = {"seeds": {"artists": 1}, "models": [NUMBERS[RIDGE], NUMBERS[TREES]], "say": lambda line: None}
    one, other = judge_numbers(data, threads=2, **given), judge_numbers(data, **given)
    assert one.frame(data, "v").equals(other.frame(data, "v"))


def test_tracks_of_one_day_are_not_split_by_time(data: TrackData) -> None:
    said: list[str] = []
    same_day = replace(data, released=np.full(len(data), np.datetime64("2025-01-01")))
    found = judge_numbers(same_day, seeds={"artists": 1, "time": 1}, models=[NUMBERS[RIDGE]], say=said.append)
    assert set(found.judged) == {"artists"}
    assert any(line.startswith("time: not judged") for line in said)


def hand_made(
    predicted: list[float], rows: list[int], fold: int = 0, error: float = 0.1, outcome: np.ndarray | None = None
) -> Judged:
    values = np.array(predicted)
    above = np.arange(len(rows)) % 2 == 0
    classes = np.tile([0.2, 0.3, 0.5], (len(rows), 1))
    return Judged(0, fold, np.array(rows), values, values, classes, above, error, None)


@dataclass
class ByHand:
    """Three artists: three tracks, two whose predictions tie, two whose outcomes tie; and one with a single track."""

    outcome: np.ndarray = field(default_factory=lambda: np.array([0.1, 0.5, 0.9, 0.3, 0.7, 0.6, 0.6, 0.4]))
    artists: np.ndarray = field(default_factory=lambda: np.array([0, 0, 0, 1, 1, 2, 2, 3]))
    predicted: tuple[float, ...] = (0.2, 0.1, 0.8, 0.5, 0.5, 0.1, 0.9, 0.3)

    def data(self) -> TrackData:
        made = tracks(self.outcome, self.artists, np.zeros((8, 1)))
        return replace(made, groups=self.artists)


def test_right_pairs_by_hand() -> None:
    hand = ByHand()
    found = {"mine": [hand_made(list(hand.predicted), list(range(8)))]}
    score = scores_of(verdicts(hand.data(), found, "artists", set()), ORDER, "right_pairs")["mine"]
    assert score.value == pytest.approx((2 + 0.5) / 4), "two of three right, a tie is half, equal outcomes are no pair"
    assert score.groups == 2
    assert (score.unit, score.better) == ("share of pairs", "higher")


def test_tracks_that_two_fits_predicted_are_no_pair() -> None:
    hand = ByHand()
    predicted = np.array(hand.predicted)
    parts = [[0, 1, 3, 4], [2, 5, 6, 7]]
    folds = [hand_made(predicted[part].tolist(), part, fold) for fold, part in enumerate(parts)]
    score = scores_of(verdicts(hand.data(), {"mine": folds}, "artists", set()), ORDER, "right_pairs")["mine"]
    assert score.value == pytest.approx((0 + 0.5) / 2)


def test_without_two_artists_of_several_tracks_there_is_no_order() -> None:
    data = replace(ByHand().data(), artists=np.array([f"artist {number}" for number in range(8)]))
    found = {"mine": [hand_made([0.1] * 8, list(range(8)))]}
    assert ORDER not in {verdict.task for verdict in verdicts(data, found, "artists", set())}


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_ranges_hold_eight_of_ten(noise: float) -> None:
    many = heard(3_000, 300, noise=noise)
    honest = Contender("honest", lambda data, split, seed: data.sound.mended[:, :4].sum(axis=1))
    said = verdicts(many, {"honest": all_folds(many, honest, 2)}, "artists", set())
    score = scores_of(said, PERCENTILE, "range_coverage")["honest"]
    assert 0.77 < score.value < 0.84
    assert score.better == "near 0.8" and score.low < score.value < score.high


def test_the_model_is_chosen_by_validation_and_not_by_test() -> None:
    rows = list(range(8))
    right, wrong = list(ByHand().outcome), list(1 - ByHand().outcome)
    found = {
        "tests well": [hand_made(right, rows, error=0.09), hand_made(right, rows, 1, error=0.07)],
        "validates well": [hand_made(wrong, rows, error=0.02), hand_made(wrong, rows, 1, error=0.10)],
        "a dummy": [hand_made(right, rows, error=0.0)],
    }
    assert chosen(found, {"a dummy"}) == "validates well"


def test_a_model_of_classes_alone_is_judged_by_them_alone(data: TrackData) -> None:
    def fit(data: TrackData, split: Split, seed: int) -> np.ndarray:
        likely = np.digitize(data.outcome, (0.25, 0.65))
        return np.eye(3)[likely] * 0.7 + 0.1

    found = list(verdicts(data, {"classes": all_folds(data, Contender("classes", fit))}, "artists", set()))
    assert {verdict.task for verdict in found} == {CLASS}
    assert scores_of(found, CLASS, "macro_f1")["classes"].value == 1


def test_columns_that_are_missing_are_told() -> None:
    bare = Sound(np.array(["a", "b"]), durations_s=np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="no descriptors"):
        columns_of(bare, np.arange(2), "descriptors")
    with pytest.raises(ValueError, match="no embeddings"):
        columns_of(bare, np.arange(2), "embedding")
    known = columns_of(bare, np.arange(2), "loudness and duration")
    assert np.isnan(known[:, 0]).all() and known[:, 1].tolist() == [1, 2]
