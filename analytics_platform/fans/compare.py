"""The fan models side by side, on listeners and artists that none of them has seen."""

from __future__ import annotations

import numpy as np

from analytics_platform.fans.fan_profiles import TOLERANCE, FanProfiles
from analytics_platform.fans.lda import fit_fan_lda
from analytics_platform.fans.levels import LEVELS
from analytics_platform.fans.mixture import CountArray, FloatArray, Mixture, fit_mixture, predict_levels
from analytics_platform.fans.percentiles import percentile_profiles, percentile_shares, percentile_thresholds
from analytics_platform.fans.shares import posterior_shares, probable_shares
from analytics_platform.fans.thresholds import Thresholds
from analytics_platform.modelling.evaluation import Score, bootstrap_ratio

TEST_SHARE = 0.3
"""Of the artists."""
LDA_ARTISTS = 1_000
"""scikit-learn needs 0.15 ms per artist and pass."""
IMPOSSIBLE = 1e-4
"""Every model's levels are mixed with so much of a uniform distribution, so that none scores minus infinity."""
Z90 = 1.6449


def compare_models(
    counts: CountArray, model: FanProfiles, *, seed: int = 0
) -> tuple[list[Score], dict[str, Thresholds]]:
    """Scores of ``fan_profiles`` and its baselines on the histograms (A, E, L) of one data set and window.

    Artists are split; of a test artist half of the listeners are shown, the other half must be
    predicted: log likelihood of their levels in nats per listener. Models fitted here see the
    training artists only. Those that know exposure classes must do without them for the unseen half:
    they predict the level for the artist's usual mix of classes.

    Returns:
        The scores, and the thresholds of the baselines that have some.
    """
    rng = np.random.default_rng(seed)
    data = np.asarray(counts, dtype=np.int64)
    test = rng.permutation(len(data)) < max(round(TEST_SHARE * len(data)), 1)
    train, tested = data[~test], data[test]
    seen = rng.binomial(tested, 0.5)
    unseen = tested - seen
    weight = unseen.sum(axis=(1, 2)).astype(float)
    flat_train, flat_seen, flat_unseen = train.sum(axis=1), seen.sum(axis=1), unseen.sum(axis=1)
    pooled = flat_train.sum(axis=0) / flat_train.sum()
    mixture = fit_mixture(train, model.mixture.segments, tolerance=TOLERANCE).mixture
    nats = {
        "fan_profiles": _nats(flat_unseen, _levels(seen, train, mixture)),
        "one_profile_for_all": _nats(flat_unseen, np.broadcast_to(pooled, flat_unseen.shape)),
        "artist_histogram": _own_histogram_nats(flat_train, flat_seen, flat_unseen),
    }
    lda = fit_fan_lda(flat_train, max_artists=LDA_ARTISTS, seed=seed)
    topics = len(lda.profiles)
    as_mixture = Mixture(lda.profiles[:, None], np.ones((topics, 1)), np.full(topics, lda.prior))
    nats["fan_lda"] = _nats(flat_unseen, probable_shares(flat_seen[:, None], as_mixture) @ lda.profiles)
    cuts = percentile_thresholds(flat_train)
    shares = np.nan_to_num(percentile_shares(flat_seen, cuts), nan=1 / (len(cuts) + 1))
    nats["percentile_thresholds"] = _nats(flat_unseen, shares @ percentile_profiles(flat_train, cuts))
    scores = [
        Score(name, "held_out_log_likelihood", *bootstrap_ratio(values, weight, rng), "nats per listener", "higher",
              name != "fan_profiles", len(tested))
        for name, values in nats.items()
    ]  # fmt: skip
    if model.mixture.segments > 1:
        one, other = posterior_shares(seen, model.mixture), posterior_shares(unseen, model.mixture)
        agree = np.abs(one.mean - other.mean) <= Z90 * np.sqrt(one.sd**2 + other.sd**2)
        value = bootstrap_ratio(agree.mean(axis=1), np.ones(len(agree)), rng)
        scores.append(
            Score(
                "fan_profiles", "split_half_coverage", *value, "share of 0.9 intervals", "near 0.9", False, len(agree)
            )
        )
    return scores, {"fan_lda": lda.thresholds(), "percentile_thresholds": cuts}


def _levels(seen: CountArray, train: CountArray, mixture: Mixture) -> FloatArray:
    """Probability (A, L) of levels for the mix of classes among the seen listeners (A, E, L)."""
    usual = train.sum(axis=(0, 2)) / train.sum()
    classes = seen.sum(axis=2) + 10 * usual
    classes = classes / classes.sum(axis=1, keepdims=True)
    return np.einsum("ae,ael->al", classes, predict_levels(probable_shares(seen, mixture), mixture))


def _own_histogram_nats(train: CountArray, seen: CountArray, unseen: CountArray) -> FloatArray:
    """The artist's own histogram, smoothed with ten listeners of the label: no segments at all."""
    pooled = train.sum(axis=0) / train.sum()
    own = seen + 10 * pooled
    return _nats(unseen, own / own.sum(axis=1, keepdims=True))


def _nats(unseen: CountArray, levels: FloatArray) -> FloatArray:
    return (unseen * np.log((1 - IMPOSSIBLE) * levels + IMPOSSIBLE / LEVELS)).sum(axis=1)
