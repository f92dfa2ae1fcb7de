"""What users rely on: unopened markets are found, stars decide nothing, and what is not known is not said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics_platform.artists.market_baselines import baseline_scores, document_gap, original_code
from analytics_platform.artists.markets import DRIVERS, Markets, Potential, market_shares, potential
from analytics_platform_tests.artists.market_worlds import market_world

FloatArray = NDArray[np.float64]
SIZES = np.array([0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
STAR = 7


def everybody_else(artists: int) -> tuple[NDArray[np.int64], FloatArray]:
    """All other artists as neighbours, all alike."""
    neighbours = np.array([[b for b in range(artists) if b != a] for a in range(artists)])
    neighbours = neighbours.astype(int).reshape(artists, max(artists - 1, 0))
    return neighbours, np.full(neighbours.shape, 0.8)


def alike(artists: int = 20) -> Markets:
    """Artists of 1,000 to 100,000 plays in the same six markets; homes take turns."""
    rng = np.random.default_rng(0)
    shape = np.exp(rng.normal(0, 0.2, (artists, 6))) * SIZES
    shape[np.arange(artists), np.arange(artists) % 6] *= 3
    plays = np.round(np.geomspace(1_000, 100_000, artists)[:, None] * shape / shape.sum(axis=1, keepdims=True))
    return Markets(plays, np.ones(plays.shape, dtype=bool), *everybody_else(artists))


def with_plays(markets: Markets, row: int, plays: object) -> Markets:
    changed = markets.plays.copy()
    changed[row] = plays
    return replace(markets, plays=changed)


def test_a_planted_unopened_market_comes_first_and_its_potential_is_in_the_range() -> None:
    markets = alike()
    row, country = 10, 1
    true = markets.plays[row, country]
    plays = markets.plays[row].copy()
    plays[country] = 0
    found = potential(with_plays(markets, row, plays))
    assert found.home[row] != country
    assert found.z[row].argmax() == country
    assert true / 1.5 < found.expected[row, country] < true * 1.5
    assert found.low[row, country] <= true <= found.high[row, country]
    assert not found.established[row, country]


def test_an_opened_market_is_no_gap() -> None:
    found = potential(alike())
    assert np.abs(np.log((alike().plays / found.expected)[found.established])).max() < np.log(2.5)


def test_a_country_where_it_is_not_available_gets_no_estimate() -> None:
    markets = alike()
    available = markets.available.copy()
    available[3, 2] = False
    markets = replace(markets, available=available)
    found = potential(markets)
    assert np.isnan([found.expected[3, 2], found.low[3, 2], found.high[3, 2]]).all()
    assert (found.drivers[3, 2] == -1).all()
    assert found.z[3, 2] == -np.inf
    assert found.reasons[3] == ""
    assert all(score[3, 2] == -np.inf for score in baseline_scores(markets).values())


def test_neighbours_without_the_market_do_not_speak_for_it() -> None:
    """Half of the neighbours are not available or not launched in a country: the others' word stands."""
    markets = alike()
    plays, available = markets.plays.copy(), markets.available.copy()
    plays[1:10:2, 2] = 0
    available[1:5:2, 2] = False
    found = potential(replace(markets, plays=plays, available=available))
    assert found.expected[10, 2] == pytest.approx(potential(markets).expected[10, 2], rel=0.15)
    assert not set(range(1, 10, 2)) & set(found.drivers[10, 2].tolist())


def test_a_neighbour_that_grows_a_hundredfold_changes_nothing() -> None:
    """The article's expectation follows the star; shares do not."""
    markets = alike()
    markets = replace(markets, plays=markets.plays * 10)
    star = with_plays(markets, STAR, markets.plays[STAR] * 100)
    others = np.arange(len(markets.plays)) != STAR
    one, other = potential(markets), potential(star)
    np.testing.assert_allclose(other.expected[others], one.expected[others], rtol=0.01)
    np.testing.assert_allclose(other.low[others], one.low[others], rtol=0.02)
    np.testing.assert_allclose(other.high[others], one.high[others], rtol=0.02)
    listed = np.arange(len(markets.plays)) > 10
    assert ((document_gap(star) + star.plays)[listed] > 5 * (document_gap(markets) + markets.plays)[listed]).all()


def test_the_expectation_grows_with_the_artist_not_with_the_window() -> None:
    markets = replace(alike(), plays=alike().plays * 100)
    np.testing.assert_allclose(
        potential(replace(markets, plays=markets.plays * 2)).expected, 2 * potential(markets).expected, rtol=0.02
    )


def test_home_markets_of_neighbours_do_not_count() -> None:
    """Six neighbours live in a country where nobody else is strong: that says nothing of a stranger there."""
    markets = alike()
    plays = markets.plays.copy()
    plays[10] = plays[10].sum() * SIZES
    stronger = plays.copy()
    at_home = np.arange(6, 20, 6)
    stronger[at_home, 0] *= 4
    one, other = (potential(replace(markets, plays=p)).expected[10] for p in (plays, stronger))
    share = [expected / expected.sum() for expected in (one, other)]
    assert share[1][0] == pytest.approx(share[0][0], rel=0.1)


def test_the_drivers_are_the_most_similar_neighbours_that_do_well_there() -> None:
    """Whoever is passed over has a lower index abroad than all who are named."""
    markets = replace(alike(), plays=alike().plays * 100)
    found = potential(markets)
    assert found.drivers.shape == (20, 6, DRIVERS)
    plays = markets.plays.copy()
    plays[np.arange(20), found.home] = 0
    index = plays / plays.sum(axis=1, keepdims=True)
    index *= 1 - market_shares(markets.plays, markets.available)[found.home][:, None]
    for row, country in np.ndindex(20, 6):
        drivers = found.drivers[row, country].tolist()
        drivers = [driver for driver in drivers if driver >= 0]
        assert drivers
        assert row not in drivers
        assert found.established[drivers, country].all()
        nearer = markets.neighbours[row].tolist()[: markets.neighbours[row].tolist().index(drivers[-1])]
        passed = [b for b in nearer if b not in drivers and found.established[b, country]]
        assert index[passed, country].max(initial=0) < index[drivers, country].min()


def test_an_artist_in_one_country_gets_its_own_plays_spread_as_its_neighbours() -> None:
    markets = alike()
    found = potential(with_plays(markets, 5, [0, 0, 0, 0, 9_000, 0]))
    assert found.home[5] == 4
    assert found.reasons[5] == ""
    assert np.isfinite(found.expected[5]).all()
    assert found.expected[5].sum() == pytest.approx(9_000, rel=0.01)
    assert found.z[5].argmax() == 0


def test_artists_without_plays_or_neighbours_have_a_reason_and_no_estimate() -> None:
    markets = with_plays(alike(), 2, 0)
    neighbours, similarity, available = markets.neighbours.copy(), markets.similarity.copy(), markets.available.copy()
    neighbours[3] = -1
    similarity[3] = 0
    available[4] = False
    neighbours[5, 1:] = -1
    similarity[5, 1:] = 0
    found = potential(Markets(markets.plays, available, neighbours, similarity))
    assert found.reasons[[1, 2, 3, 4, 5]].tolist() == [
        "",
        "no plays",
        "no neighbours",
        "not available",
        "neighbours nowhere established",
    ]
    assert np.isnan(found.expected[2:6]).all()
    assert (found.z[2:6] == -np.inf).all()
    assert (found.drivers[2:6] == -1).all()
    assert found.home[2] == -1


def test_two_artists_in_all_say_nothing_of_each_other() -> None:
    found = potential(Markets(np.array([[500.0, 90], [70, 900]]), np.ones((2, 2), dtype=bool), *everybody_else(2)))
    assert found.reasons.tolist() == ["neighbours nowhere established"] * 2


def test_nobody_at_all() -> None:
    found = potential(Markets(np.zeros((0, 3)), np.ones((0, 3), dtype=bool), *everybody_else(0)))
    assert found.expected.shape == (0, 3)


def test_identical_artists_have_no_gap() -> None:
    markets = replace(alike(), plays=np.tile(1_000 * SIZES, (20, 1)))
    found = potential(markets)
    known = np.isfinite(found.expected)
    assert known.any()
    np.testing.assert_allclose(found.expected[known], markets.plays[known], rtol=0.2)
    assert (found.low[known] <= found.high[known]).all()


def test_a_country_without_plays_is_kept() -> None:
    markets = alike()
    plays = np.hstack([markets.plays, np.zeros((20, 1))])
    found = potential(replace(markets, plays=plays, available=np.ones(plays.shape, dtype=bool)))
    assert found.expected.shape == plays.shape
    assert np.isnan(found.expected[:, 6]).all()
    np.testing.assert_allclose(found.expected[:, :6], potential(markets).expected)


def test_the_order_of_artists_and_countries_does_not_matter() -> None:
    markets = alike()
    rows, columns = np.random.default_rng(1).permutation(20), np.random.default_rng(2).permutation(6)
    place = np.argsort(rows)
    turned = Markets(
        markets.plays[rows][:, columns],
        markets.available[rows][:, columns],
        place[markets.neighbours[rows]],
        markets.similarity[rows],
    )
    np.testing.assert_allclose(potential(turned).expected, potential(markets).expected[rows][:, columns])


def test_few_established_markets_give_estimates_without_a_range() -> None:
    artists = 4
    plays = np.tile([100.0, 30, 0, 0, 0, 0], (artists, 1))
    found = potential(Markets(plays, np.ones(plays.shape, dtype=bool), *everybody_else(artists)))
    assert found.established.sum() < 9
    assert np.isfinite(found.expected).any()
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"plays": np.full((3, 2), -1.0)},
        {"plays": np.full((3, 2), np.nan)},
        {"plays": np.ones(3)},
        {"available": np.ones((3, 1), dtype=bool)},
        {"neighbours": np.array([[1], [2], [3]])},
        {"neighbours": np.array([[0], [2], [1]])},
        {"similarity": np.full((3, 1), 1.5)},
        {"similarity": np.full((3, 2), 0.5)},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    right = Markets(np.ones((3, 2)), np.ones((3, 2), dtype=bool), np.array([[1], [2], [0]]), np.full((3, 1), 0.5))
    with pytest.raises(ValueError, match=r"are|is"):
        replace(right, **wrong)


def test_baselines_are_the_published_ones() -> None:
    """By hand: three artists, the first with two neighbours of unlike similarity and size."""
    plays = np.zeros((3, 12))
    plays[0, :11] = np.arange(11, 0, -1)
    plays[1, [0, 10, 11]] = [100, 10, 20]
    plays[2, [0, 11]] = [1_000, 40]
    neighbours = np.array([[1, 2], [0, 2], [0, -1]])
    markets = Markets(
        plays, np.ones(plays.shape, dtype=bool), neighbours, np.array([[0.75, 0.25], [0.5, 0.5], [0.5, 0]])
    )
    assert document_gap(markets)[0, [0, 10, 11]].tolist() == [550 - 11, 5 - 1, 30]
    assert original_code(markets)[0, [10, 11]].tolist() == [7.5, 25]
    assert (original_code(markets)[0, :10] == -np.inf).all()
    assert document_gap(markets)[2, 0] == 11 - 1_000
    scores = baseline_scores(markets)
    assert scores["market_size"][1].tolist() == plays.sum(axis=0).tolist()
    assert (scores["own_current_plays"] == plays).all()
    assert (scores["random"] == baseline_scores(markets)["random"]).all()


def sound(markets: Markets, found: Potential) -> None:
    known = np.isfinite(found.expected)
    assert not known[~markets.available].any()
    assert (np.isfinite(found.z) == known).all()
    assert (found.expected[known] >= 0).all()
    assert (np.isfinite(found.low) == np.isfinite(found.high)).all()
    ranged = np.isfinite(found.low)
    assert not (ranged & ~known).any()
    assert (found.low[ranged] >= 0).all()
    assert (found.low[ranged] <= found.expected[ranged]).all()
    assert (found.expected[ranged] <= found.high[ranged]).all()
    assert ((found.reasons == "") == known.any(axis=1)).all()
    assert not found.established[~markets.available].any()
    assert ((found.drivers >= 0).any(axis=2) == known).all()
    assert not np.isnan(np.stack(list(baseline_scores(markets).values()))).any()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_wild_plays_give_finite_estimates_or_none(data: st.DataObject) -> None:
    artists, countries, neighbours = (data.draw(st.integers(1, most)) for most in (30, 8, 10))
    rng = np.random.default_rng(data.draw(st.integers(0, 1_000)))
    scale = data.draw(st.sampled_from([0.0, 1e-3, 1.0, 1e3, 1e15]))
    plays = rng.lognormal(0, data.draw(st.sampled_from([0.0, 1.0, 8.0])), (artists, countries)) * scale
    plays[rng.random(plays.shape) < data.draw(st.sampled_from([0.0, 0.5, 0.95]))] = 0
    listed = rng.integers(-1, artists, (artists, neighbours))
    listed[listed == np.arange(artists)[:, None]] = -1
    similarity = np.where(listed >= 0, rng.random(listed.shape), 0) * data.draw(st.sampled_from([0.0, 1e-12, 1.0]))
    markets = Markets(plays, rng.random(plays.shape) < data.draw(st.sampled_from([0.0, 0.8, 1.0])), listed, similarity)
    with np.errstate(all="raise", under="ignore"):
        sound(markets, potential(markets))


def test_a_whole_world_is_sound_and_the_same_every_time() -> None:
    markets = market_world(0, artists=300).markets
    one, other = potential(markets), potential(markets)
    sound(markets, one)
    assert (one.reasons == "").all()
    np.testing.assert_array_equal(one.low, other.low)
    np.testing.assert_array_equal(one.drivers, other.drivers)
