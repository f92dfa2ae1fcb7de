"""An unreleased track goes to the listeners and countries of its like, with ranges that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.taste.audience import Audience, Expected, expect, fit_audience, fit_case
from analytics_platform.taste.audience_data import CLUSTER, COUNTRY, Files, Places, Released
from analytics_platform_tests.taste.audience_worlds import COUNTRIES, GROUPS, World, files, unit, world


@pytest.fixture(scope="module")
def planted() -> World:
    return world()


@pytest.fixture(scope="module")
def audience(planted: World) -> Audience:
    return fit_audience(planted.released)


def width(expected: Expected) -> np.ndarray:
    return np.log((expected.high + 0.5) / (expected.low + 0.5))


def test_a_track_of_nobody_goes_to_the_listeners_and_the_country_that_were_planted(
    planted: World, audience: Audience
) -> None:
    found = expect(audience, files(planted, [0, 1, 2]))
    assert not found.is_known.any()
    assert found.shares[CLUSTER].argmax(axis=1).tolist() == [0, 1, 2]
    assert found.shares[COUNTRY].argmax(axis=1).tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.shares[CLUSTER].max(axis=1), 0.7, atol=0.1)
    np.testing.assert_allclose(found.shares[COUNTRY].max(axis=1), 0.5, atol=0.12)
    for row, group in enumerate((0, 1, 2)):
        named = found.artists[found.similar[row]].tolist()
        assert [planted.group_of[artist] for artist in named] == [group] * 10


def test_a_known_artist_keeps_the_country_that_its_own_listeners_live_in(planted: World, audience: Audience) -> None:
    """Artists 0 to 2 are played in US, unlike all who sound as they do."""
    own = [f"artist {number:03d}" for number in range(GROUPS)]
    found = expect(audience, files(planted, [0, 1, 2], own))
    assert found.is_known.all()
    assert (COUNTRIES[found.shares[COUNTRY].argmax(axis=1)] == "US").all()
    assert found.shares[CLUSTER].argmax(axis=1).tolist() == [0, 1, 2]
    for row, artist in enumerate(own):
        assert artist not in found.artists[found.similar[row]].tolist()


def test_an_unknown_artists_range_is_the_wider_one(planted: World, audience: Audience) -> None:
    known = expect(audience, files(planted, [0] * 5, [f"artist {3 * number:03d}" for number in range(5)]))
    unknown = expect(audience, files(planted, [0] * 5))
    assert width(unknown).min() > 1.5 * width(known).max()


def test_a_known_artists_level_is_near_its_own_tracks(planted: World, audience: Audience) -> None:
    artists = sorted(planted.group_of)
    found = expect(audience, files(planted, [planted.group_of[artist] for artist in artists], list(artists)))
    own = [np.log(planted.released.value[planted.released.artist_ids == artist]).mean() for artist in artists]
    assert np.corrcoef(np.log(found.plays), own)[0, 1] > 0.95


def test_a_better_score_means_more_plays(planted: World, audience: Audience) -> None:
    low, middle, high = (expect(audience, files(planted, [1], percentile=place)).plays[0] for place in (0.2, 0.5, 0.8))
    assert low < 0.8 * middle
    assert high > 1.2 * middle
    none = expect(audience, files(planted, [1], percentile=float("nan"))).plays[0]
    assert low < none < high


@pytest.mark.parametrize("is_known", [False, True])
def test_the_ranges_hold_on_tracks_that_nothing_was_fitted_on(is_known: bool) -> None:
    """8 of 10, in all and in single countries, of artists or tracks that were held out."""
    planted = world(artists=240, tracks=4, seed=3)
    released = planted.released
    number = np.arange(len(released))
    tested = number % 4 == 0 if is_known else number // 4 % 2 == 0
    library, rest = released.take(np.flatnonzero(~tested)), released.take(np.flatnonzero(tested))
    case = fit_case(library, is_known=is_known)
    sound = rest.by_tracks if is_known else rest.by_artists
    asked = Files(rest.isrcs.tolist(), rest.artist_ids.tolist(), sound, rest.expected, rest.places[COUNTRY].is_open)
    found = expect(Audience(library, case, case), asked)
    assert (found.is_known == is_known).all()
    held = (found.low <= rest.value) & (rest.value <= found.high)
    assert 0.7 <= held.mean() <= 0.9
    came = rest.places[COUNTRY].plays
    inside = (found.cell_low[COUNTRY] <= came) & (came <= found.cell_high[COUNTRY])
    assert 0.7 <= inside[asked.is_open].mean() <= 0.9


def test_closed_markets_get_nothing_and_shares_add_up_to_one(planted: World, audience: Audience) -> None:
    artists = sorted(planted.group_of)
    asked = files(planted, [planted.group_of[artist] for artist in artists], list(artists))
    assert (~asked.is_open).any()
    found = expect(audience, asked)
    assert (found.shares[COUNTRY][~asked.is_open] == 0).all()
    assert (found.cell_high[COUNTRY][asked.is_open] > 0).all()
    for shares in found.shares.values():
        np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_newcomer_whose_roster_closes_its_likeliest_country_is_sent_elsewhere(
    planted: World, audience: Audience
) -> None:
    asked = files(planted, [0])
    asked.is_open[0, 0] = False
    found = expect(audience, asked)
    assert found.shares[COUNTRY][0, 0] == 0
    np.testing.assert_allclose(found.shares[COUNTRY].sum(), 1)


def test_everything_is_the_same_the_second_time_and_in_any_order(planted: World, audience: Audience) -> None:
    again = fit_audience(planted.released)
    assert (again.known.shapes, again.known.level) == (audience.known.shapes, audience.known.level)
    asked = files(planted, [0, 1, 2, 0], [None, "artist 004", None, "artist 000"])
    order = np.array([3, 1, 0, 2])
    turned = Files(
        [asked.files[row] for row in order],
        [asked.artist_ids[row] for row in order],
        asked.factors[order],
        asked.expected[order],
        asked.is_open[order],
    )
    one, other = expect(again, asked), expect(audience, turned)
    np.testing.assert_allclose(one.plays[order], other.plays)
    np.testing.assert_allclose(one.shares[COUNTRY][order], other.shares[COUNTRY])
    np.testing.assert_array_equal(one.similar[order], other.similar)


def test_own_listeners_are_counted_before_those_of_others(planted: World) -> None:
    """An artist with three listeners in a country is not hidden among a neighbour's hundred."""
    rows = np.flatnonzero(planted.released.artist_ids == "artist 003")
    country = planted.released.places[COUNTRY]
    listeners = country.listeners.copy()
    listeners[rows, 1] = 3
    few = replace(country, listeners=listeners)
    released = replace(planted.released, places=dict(planted.released.places) | {COUNTRY: few})
    found = expect(fit_audience(released), files(planted, [0, 0], ["artist 003", None]))
    assert found.listeners[COUNTRY][0, 1] == 3
    assert found.listeners[COUNTRY][1, 1] > 10


def test_countries_in_another_order_are_refused(planted: World, audience: Audience) -> None:
    asked = files(planted, [0])
    with pytest.raises(ValueError, match="countries"):
        expect(audience, replace(asked, is_open=asked.is_open[:, :2]))


@st.composite
def wild(draw: st.DrawFn) -> tuple[Released, Files]:
    """Few tracks, of few artists or one, with holes everywhere."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tracks, artists = draw(st.integers(0, 14)), draw(st.integers(1, 4))
    count, places = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    holes = draw(st.sampled_from([0.0, 0.5, 1.0]))

    def factors(rows: int) -> np.ndarray:
        found = unit(random.normal(size=(rows, 3)))
        found[random.random(rows) < holes] = np.nan
        return found

    def numbers(rows: int, most: float) -> np.ndarray:
        return np.where(random.random(rows) < holes, np.nan, random.random(rows) * most)

    kinds = {}
    for kind in (CLUSTER, COUNTRY):
        plays = np.floor(random.pareto(0.5, (tracks, places))) * (random.random((tracks, places)) < 0.6)
        ids = np.array([str(place) for place in range(1, places + 1)])
        is_open = random.random(plays.shape) < draw(st.sampled_from([0.0, 0.7, 1.0]))
        kinds[kind] = Places(ids, ids, plays, plays, is_open)
    released = Released(
        np.array([f"T{row}" for row in range(tracks)], dtype=np.str_),
        random.integers(artists, size=tracks).astype(np.str_),
        factors(tracks),
        factors(tracks),
        factors(tracks),
        np.floor(numbers(tracks, 1e4)),
        numbers(tracks, 1),
        kinds,
    )
    asked = Files(
        [f"{row}.flac" for row in range(count)],
        [draw(st.sampled_from([None, "0", "nobody"])) for _ in range(count)],
        factors(count),
        numbers(count, 1),
        random.random((count, places)) < draw(st.sampled_from([0.0, 0.7, 1.0])),
    )
    return released, asked


@settings(max_examples=40, deadline=None)
@given(wild())
def test_whatever_comes_in_what_comes_out_is_sound(case: tuple[Released, Files]) -> None:
    released, asked = case
    found = expect(fit_audience(released), asked)
    for kind, shares in found.shares.items():
        assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()
        there = asked.is_open.any(axis=1) if kind == COUNTRY else np.ones(len(shares), dtype=bool)
        np.testing.assert_allclose(shares.sum(axis=1), np.where(there, 1, 0), atol=1e-9)
        cells = found.plays[:, None] * shares
        known = np.isfinite(found.cell_low[kind]) & np.isfinite(cells)
        assert (found.cell_low[kind][known] <= cells[known]).all()
        assert (found.cell_high[kind][known] >= cells[known]).all()
    assert (found.shares[COUNTRY][~asked.is_open] == 0).all()
    known = np.isfinite(found.low)
    assert (found.low[known] <= found.plays[known]).all()
    assert (found.high[known] >= found.plays[known]).all()
    assert np.isfinite(found.plays).all() == (np.isfinite(released.value).any() or not len(asked.files))
    assert (np.isfinite(found.similarity) == (found.similar >= 0)).all()
