"""What each score says, and where it could end at best."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A score in words."""

    title: str
    meaning: str
    perfect: float | None = None
    """The best that it can be; None where it has no end."""
    reference: tuple[float, str] | None = None
    """What equal to something else is, and what that is, for ratios and differences."""


METRICS = {
    "held_out_log_likelihood": Metric(
        "log-likelihood of unseen listeners",
        "how likely the unseen counts are, in nats a listener; nearer to 0 is better. A hundredth is a lot here",
    ),
    "split_half_coverage": Metric("halves agree", "how often estimates from two halves of the listeners agree"),
    "half_recall": Metric(
        "found again in the other half",
        "share of ten similar artists that the other half of the listeners finds too",
        1,
    ),
    "genre_agreement": Metric("of one genre", "share of ten similar artists that have the artist's genre", 1),
    "ari_bootstrap": Metric("groups found again", "agreement with groups of listeners drawn anew; 0 is chance", 1),
    "ari_halves": Metric("groups of two halves agree", "agreement of groups found by two halves; 0 is chance", 1),
    "artists_kept_in_bootstrap": Metric("artists that stay", "share of artists in the same group again", 1),
    "modularity_of_unseen": Metric(
        "links within groups, unseen listeners", "share of links that lie within groups, above what chance gives", 1
    ),
    "precision_at_5": Metric(
        "countries that opened",
        "share of the five countries named that opened: more than twice the plays, and 20 more",
        1,
    ),
    "growth_captured_at_5": Metric("growth captured", "share of the artist's new plays that came from the five", 1),
    "ndcg_at_5": Metric("order of countries", "whether those that opened come first; 1 is the best order", 1),
    "top_country_share": Metric("most common first pick", "share of artists that are told the same first country", 0),
    "range_coverage": Metric("outcomes in the range", "how often the outcome ends in the range that is shown"),
    "recall_at_20": Metric("found among 20", "share of the hidden recordings that are among the listener's 20 best", 1),
    "ndcg_at_100": Metric("order of 100", "whether hidden recordings come first among 100; 1 is the best order", 1),
    "map_at_500": Metric("order of 500", "mean average precision of 500, as in the Million Song Dataset Challenge", 1),
    "auc": Metric(
        "better of two first", "of two, one better and one worse, how often the better is put first; 0.5 is a coin", 1
    ),
    "artist_overlap_10": Metric("similar artists found", "share of the artist's ten most similar that were named", 1),
    "cluster_first": Metric("right group first", "share of tracks whose first group of listeners is the true one", 1),
    "cluster_error": Metric("error of groups", "share of plays put into wrong groups", 0),
    "cluster_coverage": Metric("plays of a group in the range", "how often they end in the range that is shown"),
    "country_error": Metric("error of countries", "share of plays put into wrong countries", 0),
    "country_coverage": Metric("plays of a country in the range", "how often they end in the range that is shown"),
    "country_recall_3": Metric("first three countries", "share of the true first three that were named", 1),
    "plays_error": Metric("error of plays", "middle error of the logarithm of plays; 0.7 is a factor of two", 0),
    "plays_coverage": Metric("all plays in the range", "how often they end in the range that is shown"),
    "plays_range": Metric("width of the range", "of plays, as a logarithm; 4.6 is a factor of a hundred", 0),
    "accuracy": Metric("right answers", "share of tracks that are put right", 1),
    "macro_f1": Metric("right classes", "F1, the mean over low, medium and high", 1),
    "right_pairs": Metric(
        "right pairs", "of two tracks of one artist, how often the better is put first; 0.5 is a coin", 1
    ),
    "mae": Metric("mean error", "in percentiles, 0 to 1; saying the middle for all gives 0.25", 0),
    "rmse": Metric("root mean square error", "in percentiles, 0 to 1", 0),
    "r2": Metric(
        "variance explained", "share of what tracks differ by; 0 is the mean for all, less is worse than that", 1
    ),
    "spearman": Metric("order of all", "correlation of ranks; 0 is chance", 1),
    "brier": Metric("squared error of chances", "0.25 is saying one half for all", 0),
    "calibration_error": Metric("calibration error", "mean distance of the chances said from what came true", 0),
    "lift_at_10": Metric("hits in the highest tenth", "over their share among all; 1 is chance, 2 at most", 2),
    "lift_at_20": Metric("hits in the highest fifth", "over their share among all; 1 is chance, 2 at most", 2),
    "mse_below_mean": Metric(
        "better than the mean",
        "error below that of the listener's mean; less than 0 is worse",
        None,
        (0, "listener's mean"),
    ),
}
ENDINGS = {"_small": "artists with few plays", "_medium": "artists in between", "_large": "artists with many plays"}


def metric(name: str) -> Metric:
    """The score of a name, also of those made from others: by size of artist, over or above another model."""
    if name in METRICS:
        return METRICS[name]
    for joint, words, equal in (("_over_", "times that of", 1.0), ("_above_", "more than", 0.0)):
        first, found, other = name.partition(joint)
        if found:
            base = metric(first)
            title = f"{base.title}, {words} {other}"
            return Metric(title, f"{base.meaning}; {equal:g} is equal to {other}", None, (equal, other))
    for ending, words in ENDINGS.items():
        if name.endswith(ending):
            base = metric(name.removesuffix(ending))
            return Metric(f"{base.title}: {words}", base.meaning, base.perfect)
    return Metric(name, "see docs/methods")
