"""The metrics are those of their definitions, in every draw of the bootstrap, and intervals hold what they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr
from sklearn import metrics as sk

from analytics_platform.modelling.evaluation import Score, score_frame
from analytics_platform.modelling.metrics import BINARY, CLASSES, value_metrics
from analytics_platform.modelling.scoring import score_binary, score_classes, score_values
from analytics_platform.modelling.splits import make_folds
from analytics_platform.modelling.tables import scores_table

Floats = NDArray[np.float64]
MEASURES = {metric.name: metric.measure for metric in (*BINARY, *value_metrics("x"))}


@st.composite
def drawn_rows(draw: st.DrawFn) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Truth of 0 and 1, predictions with many ties, and how often each row is drawn; both truths are drawn."""
    rows = draw(st.integers(4, 40))
    truth = draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    steps = draw(st.sampled_from([1, 4, 1000]))
    predicted = draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows))
    times = draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))
    times[0], truth[0], times[1], truth[1] = 1, True, 2, False
    return np.array(truth, dtype=float), np.array(predicted) / steps, np.array(times)


def one_draw(measure: Callable[..., Floats], truth: Floats, predicted: Floats, times: NDArray[np.int64]) -> float:
    """The metric of a draw, between two others that must not matter."""
    weights = np.vstack((np.ones(len(times)), times, times[::-1])).astype(float)
    return float(measure(truth, predicted, weights)[1])


@given(drawn_rows())
def test_a_draw_is_scored_like_rows_that_are_there_several_times(
    rows: tuple[Floats, Floats, NDArray[np.int64]],
) -> None:
    truth, predicted, times = rows
    y, p = truth.repeat(times), predicted.repeat(times)
    for measure, expected in (
        (MEASURES["auc"], sk.roc_auc_score(y, p)),
        (MEASURES["accuracy"], sk.accuracy_score(y, p >= 0.5)),
        (MEASURES["brier"], sk.brier_score_loss(y, p)),
        (MEASURES["mae"], sk.mean_absolute_error(y, p)),
        (MEASURES["rmse"], sk.root_mean_squared_error(y, p)),
        (MEASURES["r2"], sk.r2_score(y, p)),
    ):
        assert one_draw(measure, truth, predicted, times) == pytest.approx(expected, abs=1e-9)


@given(drawn_rows())
def test_rank_correlation_ranks_within_the_draw(rows: tuple[Floats, Floats, NDArray[np.int64]]) -> None:
    truth, predicted, times = rows
    # A truth without ties, and one with.
    for values in (truth + np.arange(len(truth)) / 97, truth):
        found = one_draw(MEASURES["spearman"], values, predicted, times)
        p = predicted.repeat(times)
        assert found == pytest.approx(0 if (p == p[0]).all() else spearmanr(values.repeat(times), p)[0], abs=1e-9)


@given(drawn_rows(), st.sampled_from([0.1, 0.2]))
def test_lift_is_what_a_random_order_of_ties_gives_on_average(
    rows: tuple[Floats, Floats, NDArray[np.int64]], share: float
) -> None:
    truth, predicted, times = rows
    # Ten times each: the highest tenth is then a whole number of rows.
    y, p = truth.repeat(times).repeat(10), predicted.repeat(times).repeat(10)
    chosen = round(share * len(y))
    cut = np.sort(p)[::-1][chosen - 1]
    sure, tied = p > cut, p == cut
    hits = y[sure].sum() + (chosen - sure.sum()) * y[tied].mean()
    name = f"lift_at_{share:.0%}".rstrip("%")
    assert one_draw(MEASURES[name], truth, predicted, times) == pytest.approx(hits / chosen / y.mean())


@given(st.integers(2, 5), st.integers(0, 1000))
def test_macro_f1_and_accuracy_of_classes(classes: int, seed: int) -> None:
    """Few rows of many classes: some are neither there nor predicted."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, 7)
    probabilities = rng.dirichlet(np.ones(classes), 7)
    times = np.array([1, 0, 2, 1, 0, 3, 0])
    y, p = truth.repeat(times), probabilities.argmax(axis=1).repeat(times)
    found = {metric.name: one_draw(metric.measure, truth, probabilities, times) for metric in CLASSES}
    assert found["macro_f1"] == pytest.approx(sk.f1_score(y, p, average="macro"))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, p))


def test_the_calibration_error_is_the_mean_gap_of_ten_bins_of_equal_mass() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(1000)
    y = (rng.random(1000) < p**2).astype(float)
    bins = np.argsort(np.argsort(p)) // 100
    gaps = [abs(y[bins == b].mean() - p[bins == b].mean()) for b in range(10)]
    assert one_draw(MEASURES["calibration_error"], y, p, np.ones(1000, dtype=int)) == pytest.approx(np.mean(gaps))


def test_one_probability_for_all_is_as_far_off_as_its_distance_from_the_share() -> None:
    y = np.arange(10) < 4
    measure = MEASURES["calibration_error"]
    assert one_draw(measure, y.astype(float), np.full(10, 0.7), np.ones(10, dtype=int)) == pytest.approx(0.3)


def world(rng: np.random.Generator, groups: int = 60, size: int = 4) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Groups that are hits or not as wholes; predictions of an AUC of about 0.7, with noise that a group shares."""
    codes = np.arange(groups).repeat(size)
    truth = (rng.random(groups) < 0.5)[codes]
    noise = 0.9 * rng.normal(size=groups)[codes] + np.sqrt(0.19) * rng.normal(size=len(codes))
    return codes, truth, norm.cdf(truth * 0.7416 + noise)


def test_intervals_cover_as_often_as_they_say_though_rows_of_a_group_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing rows, not groups, the interval of the AUC covers the truth in 65 % of such worlds."""
    monkeypatch.setattr("analytics_platform.modelling.scoring.DRAWS", 300)
    rng = np.random.default_rng(0)
    expected = norm.cdf(0.7416 / np.sqrt(2))
    covered = 0
    for _ in range(100):
        codes, truth, predicted = world(rng)
        (auc,) = (s for s in score_binary({"m": predicted}, truth, codes, baselines=[]) if s.metric == "auc")
        covered += auc.low <= expected <= auc.high
    assert 0.82 <= covered / 100 <= 0.97


def test_chance_does_not_make_a_calibrated_model_look_uncalibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain percentile interval of an error that noise only increases lies above the value that was seen."""
    monkeypatch.setattr("analytics_platform.modelling.scoring.DRAWS", 300)
    rng = np.random.default_rng(0)
    lows, values = [], []
    for _ in range(10):
        predicted = rng.beta(4, 4, 600)
        truth = rng.random(600) < predicted
        scores = score_binary({"m": predicted}, truth, rng.integers(0, 120, 600), baselines=[])
        (error,) = (score for score in scores if score.metric == "calibration_error")
        assert error.low <= error.value <= error.high
        lows.append(error.low)
        values.append(error.value)
    assert np.mean(lows) < 0.3 * np.mean(values)


def test_two_models_are_compared_in_the_same_draws() -> None:
    """The difference of two models that err alike is known far better than either."""
    rng = np.random.default_rng(2)
    codes, truth, predicted = world(rng)
    slightly = np.clip(predicted + rng.normal(0, 0.02, len(predicted)), 0, 1)
    scores = score_binary({"ours": predicted, "ridge": slightly}, truth, codes, baselines=["ridge"], above="ridge")
    by_name = {(score.model, score.metric): score for score in scores}
    ours, ridge, above = by_name["ours", "auc"], by_name["ridge", "auc"], by_name["ours", "auc_above_ridge"]
    assert above.value == pytest.approx(ours.value - ridge.value)
    assert above.low <= above.value <= above.high
    assert above.high - above.low < 0.3 * (ours.high - ours.low)
    assert (ours.is_baseline, ridge.is_baseline, above.is_baseline) == (False, True, False)
    assert ("ridge", "auc_above_ridge") not in by_name


def test_whole_groups_are_drawn_so_copies_of_a_row_teach_nothing() -> None:
    rng = np.random.default_rng(3)
    codes, truth, predicted = world(rng, groups=80, size=1)
    once = score_binary({"m": predicted}, truth, codes, baselines=[])
    copied = score_binary({"m": predicted.repeat(5)}, truth.repeat(5), codes.repeat(5), baselines=[])
    for one, other in zip(once, copied, strict=True):
        # How the bins of the calibration error are cut does depend on the number of rows.
        if one.metric != "calibration_error":
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
        assert one.groups == other.groups == 80


def test_blocks_of_draws_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, truth, predicted = world(np.random.default_rng(4), groups=20)
    whole = score_values({"m": predicted}, truth + predicted, codes, unit="plays", baselines=[])
    monkeypatch.setattr("analytics_platform.modelling.scoring.BLOCK", 700)
    assert score_values({"m": predicted}, truth + predicted, codes, unit="plays", baselines=[]) == whole


def test_scores_are_rows_of_a_table_of_scores() -> None:
    codes, truth, predicted = world(np.random.default_rng(5), groups=20)
    classes = np.column_stack((1 - predicted, predicted))
    scores: list[Score] = [
        *score_binary({"m": predicted}, truth, codes, baselines=[]),
        *score_values({"n": predicted}, predicted**2, codes, unit="percentile", baselines=["n"]),
        *score_classes({"o": classes}, truth.astype(int), codes, baselines=[]),
    ]
    frame = score_frame(scores, "popularity", "label", 90, "v1")
    table = scores_table("models", "popularity_scores", "One row per score.")
    assert frame.columns == [column.name for column in table.columns]
    assert frame.select(table.key).is_unique().all()
    units = dict(frame.select("metric", "unit").iter_rows())
    assert units["mae"] == units["rmse"] == "percentile"
    lower = set(frame.filter(frame["better"] == "lower")["metric"])
    assert lower == {"brier", "calibration_error", "mae", "rmse"}
    assert frame.filter(frame["metric"] == "accuracy")["value"].n_unique() == 1


def test_a_dummy_that_sorts_nothing_scores_like_one() -> None:
    codes, truth, _ = world(np.random.default_rng(6))
    same = np.full(len(truth), truth.mean())
    binary = {score.metric: score.value for score in score_binary({"m": same}, truth, codes, baselines=["m"])}
    assert (binary["auc"], binary["lift_at_10"], binary["calibration_error"]) == pytest.approx((0.5, 1, 0))
    assert binary["accuracy"] == pytest.approx(max(truth.mean(), 1 - truth.mean()))
    values = np.random.default_rng(7).random(len(truth))
    mean = np.full(len(truth), values.mean())
    found = {s.metric: s.value for s in score_values({"m": mean}, values, codes, unit="x", baselines=["m"])}
    assert (found["r2"], found["spearman"]) == pytest.approx((0, 0))


def test_fits_of_different_folds_are_not_compared_with_one_another() -> None:
    """The mean of the training rows was below 0.5 in AUC: it is low where the test rows are high, and so misled."""
    rng = np.random.default_rng(8)
    codes = np.arange(30).repeat(10)
    truth = rng.random(300) < rng.random(30)[codes]
    values = truth + rng.random(300)
    fold, means, levels = np.empty(300, dtype=int), np.empty(300), np.empty(300)
    for split in make_folds(codes, 3):
        fold[split.test] = split.fold
        others = np.concatenate([split.train, split.validation])
        means[split.test], levels[split.test] = truth[others].mean(), values[others].mean()

    def auc(folds: NDArray[np.int64] | None) -> Score:
        return score_binary({"mean": means}, truth, codes, baselines=[], folds=folds)[0]

    assert auc(None).value < 0.45
    assert (auc(fold).value, auc(fold).low, auc(fold).high) == pytest.approx((0.5, 0.5, 0.5))
    ranks = score_values({"mean": levels}, values, codes, unit="x", baselines=[], folds=fold)[-1]
    assert (ranks.metric, ranks.value) == ("spearman", 0)


def test_with_folds_the_score_is_the_mean_of_theirs_by_their_rows() -> None:
    codes, truth, predicted = world(np.random.default_rng(9))
    fold = (codes % 3 == 0).astype(int)
    scores = score_binary({"m": predicted}, truth, codes, baselines=[], folds=fold)
    by_hand = [sk.roc_auc_score(truth[fold == f], predicted[fold == f]) for f in (0, 1)]
    assert scores[0].value == pytest.approx(np.average(by_hand, weights=[160, 80]))
    plain = score_binary({"m": predicted}, truth, codes, baselines=[])
    assert {s.metric: s.value for s in scores}["brier"] == {s.metric: s.value for s in plain}["brier"]


def test_draws_without_a_true_row_are_left_out() -> None:
    """One group has all hits: a third of the draws have none, and no AUC."""
    codes = np.arange(8).repeat(3)
    scores = score_binary({"m": np.linspace(0, 1, 24)}, codes == 7, codes, baselines=[])
    assert all(np.isfinite([score.value, score.low, score.high]).all() for score in scores)


@pytest.mark.parametrize(
    ("predicted", "truth", "groups", "message"),
    [
        ([0.1, 1.2], [True, False], [0, 1], "m: probabilities are 0.1 to 1.2"),
        ([0.1, np.nan], [True, False], [0, 1], "m: "),
        ([0.1], [True, False], [0, 1], "m: 1 predictions of 2 rows"),
        ([0.1, 0.2], [True, True], [0, 1], "all 2 rows"),
        ([0.1, 0.2], [True, False], [5, 5], "fewer than two groups"),
        ([0.1, 0.2], [True, False], [5], "2 rows of 1 groups"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    predicted: list[float], truth: list[bool], groups: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score_binary({"m": np.array(predicted)}, np.array(truth), np.array(groups), baselines=[])


def test_a_class_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="2 classes, but the truth is 0 to 2"):
        score_classes({"m": np.full((3, 2), 0.5)}, np.arange(3), np.arange(3), baselines=[])
