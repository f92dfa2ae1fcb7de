"""Listeners, and who listens to whom: pairs of listener and artist with a fan type and a rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics_platform.sample_label.catalogue import CLUSTERS, Catalogue
from analytics_platform.sample_label.law import MEANS, SHAPES, observed_chance
from analytics_platform.sample_label.markets import after_launch
from analytics_platform.sample_label.spec import FUGA, SPOTIFY, WINDOW_DAYS, LabelSpec, Purpose
from analytics_platform.sample_label.words import COUNTRIES, COUNTRY_WEIGHTS

VENDOR_SHARES = (0.60, 0.25, 0.15)
"""In the countries of the direct feed; elsewhere the label's distributor (FUGA) reports Spotify's listeners."""
DIRECT_COUNTRIES = 12
"""Spotify's own feed covers the so many largest countries. It is a file per country and day."""
GENDERS = ("male", "female", "neutral")
DEVICES = ("mobile", "desktop", "tablet", "speaker", "tv", "web")
DEVICE_SHARES = (0.66, 0.13, 0.05, 0.08, 0.03, 0.05)
ACCESSES = ("premium", "free")
JUNK_BIRTH_YEARS = (1867, 2035)
NO_BIRTH_YEAR = 0
NO_GENDER = 3

ARTISTS_PER_LISTENER = 10.0
"""Mean draws; repeats fall away, some wait for a launch, pairs without a play are not seen: about five remain."""
LATE_SHARE = 0.23
"""Share of pairs drawn that join late of their own, over all artists. With those who waited for a launch, and fewer of
them observed, it is about 24 % of those seen in 90 days."""
HOME_DEVOTION = 1.6
"""Diehards are so many times as likely where the artist lives."""
BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Listeners:
    """Columns of codes, one entry per listener. ``reported_*`` is what the vendor would say."""

    vendors: np.ndarray
    countries: np.ndarray
    birth_years: np.ndarray
    reported_birth_years: np.ndarray
    genders: np.ndarray
    reported_genders: np.ndarray
    devices: np.ndarray
    variants: np.ndarray
    """Two bits for what differs between listeners with one device: system, store, region, plan."""
    accesses: np.ndarray
    clusters: np.ndarray
    second_clusters: np.ndarray


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs in order of join day; a longer period only appends. About 27 bytes a pair."""

    listeners: np.ndarray
    artists: np.ndarray
    fan_types: np.ndarray
    join_days: np.ndarray
    rate_steps: np.ndarray
    """Cumulated plays per 90 days, float64: one ``searchsorted`` draws a day's plays."""

    def joined(self, day: int) -> int:
        """Number of pairs that have joined by a day index: they are the first ones."""
        return int(np.searchsorted(self.join_days, day, side="right"))


def build_listeners(spec: LabelSpec, catalogue: Catalogue) -> Listeners:
    """Draw listeners; the clusters that they follow lean with the country, age and gender with the first cluster."""
    random = spec.random(Purpose.LISTENERS)
    count = max(100, round(40_000 * spec.scale))
    vendors = _codes(random, VENDOR_SHARES, count)
    countries = _codes(random, COUNTRY_WEIGHTS, count)
    vendors[(vendors == SPOTIFY) & (countries >= DIRECT_COUNTRIES)] = FUGA
    clusters = _one_of(random, catalogue.taste_steps(), countries, CLUSTERS).astype(np.int8)
    pair = countries.astype(np.int64) * CLUSTERS + clusters
    second = _one_of(random, catalogue.second_taste_steps(), pair, CLUSTERS).astype(np.int8)
    middle = np.linspace(22, 43, CLUSTERS)[clusters]
    ages = np.clip(13 + random.gamma(3.0, (middle - 13) / 3.0), 13, 85).astype(np.int16)
    birth_years = (spec.start.year - ages).astype(np.int16)
    male_share = np.linspace(0.35, 0.65, CLUSTERS)[clusters]
    draw = random.random(count)
    genders = np.where(draw < 0.02, 2, np.where(draw < 0.02 + 0.98 * male_share, 0, 1)).astype(np.int8)
    draw = random.random(count)
    junk = np.array(JUNK_BIRTH_YEARS, dtype=np.int16)[random.integers(0, 2, count)]
    reported_years = np.where(draw < 0.003, NO_BIRTH_YEAR, np.where(draw < 0.005, junk, birth_years)).astype(np.int16)
    reported_genders = np.where(random.random(count) < 0.01, NO_GENDER, genders).astype(np.int8)
    devices = _codes(random, DEVICE_SHARES, count)
    variants = random.integers(0, 4, count).astype(np.int8)
    accesses = (random.random(count) < 0.38).astype(np.int8)
    return Listeners(
        vendors, countries, birth_years, reported_years, genders, reported_genders,
        devices, variants, accesses, clusters, second,
    )  # fmt: skip


def build_pairs(
    spec: LabelSpec, days: int, catalogue: Catalogue, listeners: Listeners, first_listeners: int | None = None
) -> Pairs:
    """Draw the pairs that join within ``days``, of all listeners or of the first ones only: theirs are the same.

    The first cohort has everyone who listens from the start and who joins in the first 90 days;
    each further 90 days add a cohort of late joiners, so a longer period changes no earlier draw.
    In a market that is launched later most of a cohort wait for the launch, maybe past the 90 days.
    Work goes in blocks of listeners to bound memory.
    """
    steps, tastes = catalogue.choice_steps(), catalogue.taste_steps()
    artist_count = len(catalogue.artist_names)
    parts: list[tuple[np.ndarray, ...]] = []
    known = np.empty(0, dtype=np.int64)
    wanted = len(listeners.vendors) if first_listeners is None else min(first_listeners, len(listeners.vendors))
    for cohort in range((days - 1) // WINDOW_DAYS + 1):
        fresh = []
        for block, start in enumerate(range(0, wanted, BLOCK)):
            random = spec.random(Purpose.PAIRS, cohort, block)
            rows = np.arange(start, min(start + BLOCK, len(listeners.vendors)))
            codes = _follow(random, cohort, rows, listeners, steps, tastes, artist_count)
            low, high = np.searchsorted(known, [rows[0] * artist_count, (rows[-1] + 1) * artist_count])
            codes = codes[~np.isin(codes, known[low:high])]
            fresh.append(codes)
            parts.append(_describe(random, cohort, codes, artist_count, catalogue, listeners))
        known = np.sort(np.concatenate([known, *fresh]))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[3], kind="stable")
    order = order[(columns[3][order] < days) & (columns[0][order] < wanted)]
    who, artists, fan_types, join_days, rates = (column[order] for column in columns)
    return Pairs(who, artists, fan_types, join_days, np.cumsum(rates, dtype=np.float64))


def _follow(
    random: np.random.Generator,
    cohort: int,
    rows: np.ndarray,
    listeners: Listeners,
    steps: np.ndarray,
    tastes: np.ndarray,
    artist_count: int,
) -> np.ndarray:
    """Sorted codes listener * artists + artist of whom a block of listeners follows in a cohort."""
    mean = ARTISTS_PER_LISTENER - 1 if cohort == 0 else ARTISTS_PER_LISTENER * LATE_SHARE
    counts = random.poisson(mean, len(rows)) + (cohort == 0)
    who = np.repeat(rows, counts)
    draw = random.random(len(who))
    stray = _one_of(random, tastes, listeners.countries[who], CLUSTERS)
    taste = np.where(draw < 0.68, listeners.clusters[who], np.where(draw < 0.93, listeners.second_clusters[who], stray))
    group = taste.astype(np.int64) * len(COUNTRIES) + listeners.countries[who]
    artists = _one_of(random, steps, group, artist_count)
    return np.unique(who.astype(np.int64) * artist_count + artists)


def _describe(
    random: np.random.Generator,
    cohort: int,
    codes: np.ndarray,
    artist_count: int,
    catalogue: Catalogue,
    listeners: Listeners,
) -> tuple[np.ndarray, ...]:
    """listener, artist, fan type, join day and rate (plays per 90 days) of each pair."""
    who, artists = np.divmod(codes, artist_count)
    # Passive pairs are seen less often; dividing by the chance makes the *observed* mix the drawn one.
    shares = catalogue.mixes[artists] / observed_chance()
    shares[:, 2] *= np.where(catalogue.home_countries[artists] == listeners.countries[who], HOME_DEVOTION, 1.0)
    steps = np.cumsum(shares, axis=1)
    draw = random.random(len(codes)) * steps[:, 2]
    fan_types = (draw >= steps[:, 0]).astype(np.int8) + (draw >= steps[:, 1]).astype(np.int8)
    rates = (random.standard_gamma(SHAPES[fan_types]) * (MEANS / SHAPES)[fan_types]).astype(np.float32)
    is_late = random.random(len(codes)) < catalogue.late_shares[artists]
    late_days = random.integers(1, WINDOW_DAYS, len(codes))
    join_days = np.where(is_late, late_days, 0) if cohort == 0 else cohort * WINDOW_DAYS + late_days - 1
    join_days = after_launch(random, join_days, catalogue.launch_days[artists, listeners.countries[who]])
    return who.astype(np.int32), artists.astype(np.int16), fan_types, join_days.astype(np.int16), rates


def _one_of(random: np.random.Generator, steps: np.ndarray, groups: np.ndarray, size: int) -> np.ndarray:
    """For each group's number one of its ``size`` members, by the ``cumulated`` shares of all groups."""
    return np.searchsorted(steps, groups + random.random(len(groups)), side="right") - groups.astype(np.int64) * size


def _codes(random: np.random.Generator, shares: tuple[float, ...] | np.ndarray, count: int) -> np.ndarray:
    steps = np.cumsum(shares)[:-1]
    return np.searchsorted(steps, random.random(count), side="right").astype(np.int8)
