"""Audiences are judged on tracks that were hidden, and beside dummies that a planted world lets lose or win."""

from __future__ import annotations

import numpy as np
import pytest

from analytics_platform.modelling.evaluation import Score
from analytics_platform.taste.audience_scores import ARTISTS, MODEL, NEW_TRACKS, Truth, score_audiences
from analytics_platform_tests.taste.audience_worlds import GROUPS, World, world

Found = dict[tuple[str, str], Score]


def truth_of(planted: World) -> Truth:
    by_group = [[artist for artist, group in planted.group_of.items() if group == number] for number in range(GROUPS)]
    return Truth(
        {artist: str(group + 1) for artist, group in planted.group_of.items()},
        {artist: f"genre {number % 2}" for number, artist in enumerate(planted.group_of)},
        {artist: [other for other in by_group[group] if other != artist] for artist, group in planted.group_of.items()},
    )


@pytest.fixture(scope="module")
def scores() -> dict[str, Found]:
    planted = world(artists=60, tracks=4, seed=1)
    found = score_audiences(planted.released, truth_of(planted), seed=0)
    return {split: {(score.model, score.metric): score for score in some} for split, some in found.items()}


def test_what_was_planted_is_found_for_artists_that_nobody_knew(scores: dict[str, Found]) -> None:
    found = scores[ARTISTS]
    assert found[MODEL, "cluster_first"].value > 0.9
    assert found["largest_cluster", "cluster_first"].value < 0.5
    assert found["genre_cluster", "cluster_first"].value < 0.5, "genres say nothing of groups here"
    for kind in ("cluster", "country"):
        assert found[MODEL, f"{kind}_error"].high < found["market_size", f"{kind}_error"].low
    assert found[MODEL, "country_recall_3"].low > found["market_size", "country_recall_3"].high
    assert found[MODEL, "artist_overlap_10"].low > found["popular_artists", "artist_overlap_10"].high
    assert ("own_split", "country_error") not in found
    assert ("artist_median", "plays_error") not in found, "none of the artist's tracks may be known"


def test_own_tracks_tell_more_than_the_sound(scores: dict[str, Found]) -> None:
    unknown, known = scores[ARTISTS], scores[NEW_TRACKS]
    assert known[MODEL, "country_error"].high < unknown[MODEL, "country_error"].low
    assert known[MODEL, "country_error"].value <= known["own_split", "country_error"].value + 0.01
    assert known[MODEL, "country_recall_3"].low > known["market_size", "country_recall_3"].high
    assert known[MODEL, "plays_error"].high < known["median_of_all", "plays_error"].low
    assert known[MODEL, "plays_range"].value < 0.7 * unknown[MODEL, "plays_range"].value


@pytest.mark.parametrize("split", [ARTISTS, NEW_TRACKS])
def test_ranges_hold_and_intervals_enclose(scores: dict[str, Found], split: str) -> None:
    for metric in ("plays_coverage", "cluster_coverage", "country_coverage"):
        score = scores[split][MODEL, metric]
        assert score.better == "near 0.8"
        assert 0.65 < score.value < 0.92
    for (model, _), score in scores[split].items():
        assert score.low <= score.value <= score.high
        assert score.is_baseline == (model != MODEL)
        assert 0 < score.groups <= 60


def test_sound_that_says_nothing_earns_nothing() -> None:
    """Factors of other tracks in place of each track's own: no better than dummies."""
    planted = world(artists=45, tracks=3, seed=2)
    released = planted.released
    released.by_artists[:] = released.by_artists[np.random.default_rng(0).permutation(len(released))]
    found = {(one.model, one.metric): one for one in score_audiences(released, truth_of(planted))[ARTISTS]}
    assert found[MODEL, "cluster_first"].value < 0.5
    assert found[MODEL, "country_error"].value > found["market_size", "country_error"].value - 0.02


def test_too_few_artists_are_not_judged() -> None:
    planted = world(artists=2, tracks=1)
    assert score_audiences(planted.released, truth_of(planted)) == {}
