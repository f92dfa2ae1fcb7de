"""Models of tracks on real listens of the Free Music Archive: what a split by rows flatters, and what is left without.

``python -m analytics_platform_tests.benchmarks fma`` measures this alone and rewrites its section. See ``fma_tracks``
for the data and for what stands in for the artist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analytics_platform.modelling.baselines import fit_ridge
from analytics_platform.modelling.evaluation import FloatArray, Score
from analytics_platform.modelling.scoring import score_values
from analytics_platform.modelling.splits import FOLDS, Split, make_folds
from analytics_platform.tracks.predictors import NUMBERS
from analytics_platform.tracks.protocol import Contender, Judged, judge, judged, make_splits
from analytics_platform.tracks.track_data import TrackData
from analytics_platform.tracks.training import judge_numbers
from analytics_platform.tracks.verdicts import ORDER, PERCENTILE, SUCCESS
from analytics_platform_tests.benchmarks.fma_nets import SHOWN, compare_nets
from analytics_platform_tests.benchmarks.fma_tracks import BEATS, LISTENS, DataSet, Outcome, is_there, read_fma

TITLE = "Tracks: real listens of the Free Music Archive"
PUBLISHED: Mapping[DataSet, float] = {LISTENS: 0.078, BEATS: 0.02}
"""R² that random forests had on log listens, split by rows."""
SEEDS = 5
OURS = ("descriptor_ridge", "descriptor_boosting", "descriptor_ranking", "within_artist_ridge")
NAMED: Mapping[Outcome, str] = {"log_listens": "log listens", "listens": "percentile of the month"}
AVERAGE, CHOSEN = "average", "chosen on validation rows"


def forest(trees: int, seed: int) -> Any:
    """The random forest of the published figure, as far as that is known: many trees, leaves of 5."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(trees, min_samples_leaf=5, random_state=seed, n_jobs=1)


def r2(
    models: Mapping[str, FloatArray], data: TrackData, rows: np.ndarray[Any, Any], folds: np.ndarray[Any, Any]
) -> dict[str, Score]:
    """R² of predictions of rows, with intervals by days of upload."""
    scores = score_values(models, data.outcome[rows], data.groups[rows], unit="percentile", baselines=(), folds=folds)
    return {score.model: score for score in scores if score.metric == "r2"}


def r2_of(data: TrackData, found: Mapping[str, Sequence[Judged]]) -> dict[str, Score]:
    """R² of judged models, all of the same rows."""
    folds = next(iter(found.values()))
    rows = np.concatenate([one.rows for one in folds])
    fold_of = np.repeat(np.arange(len(folds)), [len(one.rows) for one in folds])
    models = {
        name: np.concatenate([one.percentile for one in several if one.percentile is not None])
        for name, several in found.items()
    }
    return r2(models, data, rows, fold_of)


def cell(score: Score, *, bold: bool = False) -> str:
    """R² with its interval."""
    text = f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})".replace("-", "−")
    return f"**{text}**" if bold else text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of markdown."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def splits_of(data: TrackData) -> dict[str, list[Split]]:
    """The first seed's splits by what is kept together: nothing, the day, the month of the upload; and by time."""
    months = np.unique(data.released.astype("datetime64[M]"), return_inverse=True)[1]
    return {
        "rows": make_splits(data, "rows", 0),
        "days of upload": make_splits(data, "artists", 0),
        "months of upload": make_folds(months.astype(np.int64), FOLDS, seed=0),
        "time": make_splits(data, "time", 0),
    }


def published_way(data: TrackData) -> dict[str, Score]:
    """The published forest on four fifths of the tracks, judged on the last fifth: no calibration, nothing chosen."""
    scores: dict[str, Score] = {}
    for name, splits in splits_of(data).items():
        found: list[FloatArray] = []
        for split in splits:
            known = np.concatenate((split.train, split.validation))
            model = forest(200, 0).fit(data.sound.mended[known], data.outcome[known])
            found.append(model.predict(data.sound.mended[split.test]))
        rows = np.concatenate([split.test for split in splits])
        folds = np.repeat(np.arange(len(splits)), [len(split.test) for split in splits])
        scores[name] = r2({"forest": np.concatenate(found)}, data, rows, folds)["forest"]
    return scores


def fitted_by(make: Callable[[int], Any]) -> Callable[[TrackData, Split, int], FloatArray]:
    """A regression of scikit-learn on ranks of the columns, as a contender's fit."""

    def fit(data: TrackData, split: Split, seed: int) -> FloatArray:
        from sklearn.preprocessing import QuantileTransformer

        matrix = data.sound.mended
        ranks = QuantileTransformer(n_quantiles=200, output_distribution="normal").fit(matrix[split.train])
        model = make(seed).fit(ranks.transform(matrix[split.train]), data.outcome[split.train])
        return model.predict(ranks.transform(matrix))

    return fit


def ours(name: str) -> Callable[[TrackData, Split, int], FloatArray]:
    """One of our models on numbers, as a contender's fit."""

    def fit(data: TrackData, split: Split, seed: int) -> FloatArray:
        fitted = NUMBERS[name].fit(data, split.train, split.validation, seed=seed)
        return fitted.predict(data.sound, np.arange(len(data)))

    return fit


def neighbours(count: int) -> Callable[[int], Any]:
    """The mean outcome of the tracks that sound most alike."""

    def make(seed: int) -> Any:
        from sklearn.neighbors import KNeighborsRegressor

        del seed
        return KNeighborsRegressor(count)

    return make


CONTENDERS = (
    Contender("nearest track", fitted_by(neighbours(1))),
    Contender("5 nearest tracks", fitted_by(neighbours(5))),
    Contender("random forest", fitted_by(lambda seed: forest(100, seed))),
    Contender("boosted trees", ours("descriptor_boosting")),
    Contender("ridge", ours("descriptor_ridge")),
)


def leaks(data: TrackData, contenders: Sequence[Contender] = CONTENDERS) -> dict[str, dict[str, Score]]:
    """R² by split and model, one seed: what falls from rows to days was recognition."""
    return {
        name: r2_of(data, {one.name: [judge(data, one, split, 0) for split in splits] for one in contenders})
        for name, splits in splits_of(data).items()
    }


def ridge_and_trees(data: TrackData, split: Split, seed: int) -> dict[str, Judged]:
    """Ridge, boosted trees, and the average of both, fitted once."""
    ridge, trees = (ours(name)(data, split, seed) for name in OURS[:2])
    found = {"ridge": ridge, "boosted trees": trees, AVERAGE: (ridge + trees) / 2}
    return {name: judged(data, scores, split, seed) for name, scores in found.items()}


def best_of(found: Mapping[str, Sequence[Judged]]) -> list[Judged]:
    """In each fold the model with the least error on its validation rows: the test rows choose nothing."""
    return [min(fold, key=lambda one: one.validation_error) for fold in zip(*found.values(), strict=True)]


def judge_sets(sets: Mapping[str, TrackData], splits: Sequence[tuple[int, Split]]) -> dict[str, list[Judged]]:
    """Judged models of all sets of columns, by "set: model"."""
    found: dict[str, list[Judged]] = {}
    for name, data in sets.items():
        for seed, split in splits:
            for model, one in ridge_and_trees(data, split, seed).items():
                found.setdefault(f"{name}: {model}", []).append(one)
    return found


def columns_table(outcome: Outcome, seeds: int = SEEDS) -> list[str]:
    """R² by what models know of a track: by days of upload (all seeds), by months of it, and by time."""
    tracks = read_fma(LISTENS, outcome)
    data, sound = tracks.data, tracks.data.sound.mended
    assert sound is not None
    facts = tracks.facts.values()
    sets = {
        "sound": data,
        "facts": tracks.hearing(*facts),
        "sound and facts": tracks.hearing(sound, *facts),
        "sound, facts and album": tracks.hearing(sound, *facts, tracks.album),
    }
    dated = {"the same and the date of upload": tracks.hearing(sound, *facts, tracks.album, tracks.day)}
    by_days = [(seed, split) for seed in range(seeds) for split in make_splits(data, "artists", seed)]
    first = splits_of(data)
    scores: list[dict[str, Score]] = []
    for splits in (by_days, *([(0, split) for split in first[name]] for name in ("months of upload", "time"))):
        found = judge_sets(sets, splits)
        chosen = {
            f"sound: {CHOSEN}": best_of({name: one for name, one in found.items() if name.startswith("sound: ")}),
            f"all of these: {CHOSEN}": best_of(found),
        }
        if outcome == "log_listens":
            found |= judge_sets(dated, splits)
        scores.append(r2_of(data, found | chosen))
    return table(
        (NAMED[outcome], "R² by days of upload", "R² by months", "R² by time"),
        [(name, *(cell(found[name], bold=CHOSEN in name) for found in scores)) for name in scores[0]],
    )


def sound_above_facts(outcome: Outcome) -> Score:
    """R² of the average on sound and facts less that on facts alone, in the same draws; one seed, by days of upload."""
    tracks = read_fma(LISTENS, outcome)
    data, sound, facts = tracks.data, tracks.data.sound.mended, tracks.facts.values()
    assert sound is not None
    splits = [(0, split) for split in make_splits(data, "artists", 0)]
    found = judge_sets({"facts": tracks.hearing(*facts), "both": tracks.hearing(sound, *facts)}, splits)
    models = {
        name: np.concatenate([one.percentile for one in found[f"{name}: {AVERAGE}"] if one.percentile is not None])
        for name in ("facts", "both")
    }
    rows = np.concatenate([split.test for _, split in splits])
    truth, groups = data.outcome[rows], data.groups[rows]
    scores = score_values(models, truth, groups, unit="percentile", baselines=(), above="facts")
    return next(score for score in scores if score.metric == "r2_above_facts")


def facts_table(seeds: int = SEEDS) -> list[str]:
    """R² of a ridge on one kind of fact at a time, by days of upload, for each outcome."""
    scores: list[dict[str, Score]] = []
    for outcome in NAMED:
        tracks = read_fma(LISTENS, outcome)
        splits = [(seed, split) for seed in range(seeds) for split in make_splits(tracks.data, "artists", seed)]
        kinds = {**tracks.facts, "album": tracks.album, "date of upload": tracks.day}
        sets = {name: tracks.hearing(columns) for name, columns in kinds.items()}
        found = {
            name: [judged(data, ours("descriptor_ridge")(data, split, seed), split, seed) for seed, split in splits]
            for name, data in sets.items()
        }
        scores.append(r2_of(tracks.data, found))
    return table(("ridge on", *NAMED.values()), [(name, *(cell(one[name]) for one in scores)) for name in scores[0]])


def date_in(tracks_data: TrackData, columns: FloatArray, day: FloatArray) -> Score:
    """R² with which a ridge reads the day of upload off columns, by days that it has not seen."""
    dated = replace(tracks_data, outcome=(day[:, 0] - day.min()) / (day.max() - day.min()))
    splits = make_splits(dated, "artists", 0)
    found: list[FloatArray] = []
    for split in splits:
        checked = columns[split.validation], dated.outcome[split.validation]
        found.append(
            fit_ridge((), columns[split.train], dated.outcome[split.train], checked).predict(columns[split.test])
        )
    rows = np.concatenate([split.test for split in splits])
    return r2({"ridge": np.concatenate(found)}, dated, rows, np.zeros(len(rows), dtype=np.int64))["ridge"]


def protocol_table(outcome: Outcome, seeds: int = SEEDS) -> list[str]:
    """Our models on sound by the product's own protocol, beside the dummies."""
    data = read_fma(LISTENS, outcome).data
    models = [NUMBERS[name] for name in OURS]
    found = judge_numbers(data, seeds={"artists": seeds}, models=models, say=lambda text: None)
    wanted = (
        (PERCENTILE, "r2"),
        (PERCENTILE, "spearman"),
        (SUCCESS, "auc"),
        (SUCCESS, "lift_at_10"),
        (ORDER, "right_pairs"),
    )
    rows: list[list[str]] = []
    for model in ("majority", "genre_mean", "artist_mean_leaky", *OURS):
        cells = [model]
        for task, metric in wanted:
            # Who gives all tracks of an artist the same has no order of them to judge.
            is_order = task == ORDER and model == "artist_mean_leaky"
            cells.append("" if is_order else cell(found.score(task, "artists", model, metric)))
        rows.append(cells)
    return table((NAMED[outcome], *(metric for _, metric in wanted)), rows)


def nets_table(columns: Mapping[str, TrackData]) -> list[str]:
    """HitMusicNet beside ridge and boosted trees, for sets of columns."""
    rows: list[list[str]] = []
    for name, data in columns.items():
        for model, scores in compare_nets(data).items():
            rows.append([name, model, *(cell(scores[one]) if one in scores else "" for one in SHOWN)])
    return table(("columns", "model", *(metric for _, metric in SHOWN)), rows)


def section() -> list[str]:
    """The markdown lines of the section."""
    if not is_there():
        return ["The Free Music Archive's tables were not there when this was made."]
    lines = [
        "Tracks of rock and hip-hop with Echo Nest's features, or with beats and loudness, and how often each was",
        "listened to. 90 % intervals by a bootstrap over days of upload, which stand in for artists.",
        "",
        "### The published forest",
        "",
        "On log listens; trained on four fifths, nothing chosen.",
        "",
    ]
    measured: list[list[str]] = []
    for name in (LISTENS, BEATS):
        data = read_fma(name, "log_listens").data
        found = published_way(data)
        measured.append([f"{name}, {len(data):,} tracks", f"{PUBLISHED[name]:.3f}", *map(cell, found.values())])
    lines += [*table(("data", "published", *found), measured), ""]
    for outcome in NAMED:
        tracks = read_fma(LISTENS, outcome)
        found = leaks(tracks.data)
        lines += [f"### What the split flatters, {NAMED[outcome]}", "", "Sound only; one seed. R².", ""]
        rows = [[one.name, *(cell(scores[one.name]) for scores in found.values())] for one in CONTENDERS]
        lines += [*table(("model", *found), rows), ""]
        lines += [f"### By the protocol of the product, {NAMED[outcome]}", ""]
        lines += [f"Sound only; by days of upload, {SEEDS} seeds.", "", *protocol_table(outcome), ""]
        lines += [f"### What else is known of a track, {NAMED[outcome]}", ""]
        lines += ["Ridge, boosted trees and their average on more columns.", "", *columns_table(outcome), ""]
    lines += ["### Which facts", "", "One kind at a time; R² by days of upload.", "", *facts_table(), ""]
    added = [f"{cell(sound_above_facts(outcome))} on {named}" for outcome, named in NAMED.items()]
    lines += [f"What sound adds to the R² of facts, one seed: {', '.join(added)}.", ""]
    tracks = read_fma(LISTENS, "listens")
    facts = np.hstack([*tracks.facts.values()])
    read = {"sound": tracks.data.sound.mended, "facts": facts, "facts and album": np.hstack((facts, tracks.album))}
    both = tracks.hearing(tracks.data.sound.mended, facts)
    lines += ["### HitMusicNet, percentile of the month", "", "By days of upload, one seed.", ""]
    # Of 8 numbers alone the code would be one number, and the net behind it has no width.
    album = tracks.hearing(tracks.data.sound.mended, tracks.album)
    lines += [*nets_table({"sound and album": album, "sound and facts": both}), "", "### The date in other columns", ""]
    lines += ["How well a ridge reads the date of upload off columns, by days of upload, as R²:", ""]
    return lines + table(
        ("columns", "R² of the date"),
        [(name, cell(date_in(tracks.data, columns, tracks.day))) for name, columns in read.items()],
    )
