"""Cold tracks: nothing is known of their plays, and sound tells where they lie as far as taste can be heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from analytics_platform.modelling.splits import find_groups
from analytics_platform.taste import cold
from analytics_platform.taste.cold import SplitName, TooFewTracksError, cold_folds, cold_splits, dummies
from analytics_platform.taste.families import FAMILIES
from analytics_platform.taste.net_inputs import weighted_terms
from analytics_platform.taste.predictors import fit_taste
from analytics_platform.taste.reading import TasteData
from analytics_platform.taste.track_plays import TrackPlays
from analytics_platform.taste.training import SEMI_COLD, How, aims_of, judge_families, version_of
from analytics_platform.tracks.sound import Sound

TRACKS, ARTISTS, LISTENERS, STYLES = 240, 60, 300, 3
HOW = How(folds=2)


def planted(seed: int = 0, *, artists: int = ARTISTS) -> TasteData:
    """Listeners play the tracks of one style most; a style can be heard, through noise."""
    rng = np.random.default_rng(seed)
    number = np.arange(TRACKS) % artists
    styles = number % STYLES
    chance = np.where(np.arange(LISTENERS)[:, None] % STYLES == styles, 0.25, 0.03)
    plays = np.where(rng.random(chance.shape) < chance, rng.geometric(0.3, chance.shape), 0)
    marks = np.eye(STYLES)[styles]
    sound = Sound(
        np.array([f"clip {track:03d}" for track in range(TRACKS)]),
        described=marks @ rng.normal(size=(STYLES, 6)) + rng.normal(0, 1.5, (TRACKS, 6)),
        moving=marks @ rng.normal(size=(STYLES, 12)) + rng.normal(0, 1.5, (TRACKS, 12)),
        durations_s=np.full(TRACKS, 30.0),
    )
    artist_ids = np.array([f"artist {each:03d}" for each in number])
    isrcs = np.array([f"DEA2626{track:05d}" for track in range(TRACKS)])
    recordings = find_groups(isrcs)
    return TasteData(
        TrackPlays(isrcs, artist_ids, csr_array(plays.astype(np.float32))),
        np.arange(TRACKS),
        sound,
        find_groups(artist_ids),
        recordings,
    )


def with_plays(data: TasteData, plays: np.ndarray) -> TasteData:
    return replace(data, plays=replace(data.plays, plays=csr_array(plays.astype(np.float32))))


def of_tracks(data: TasteData, rows: np.ndarray) -> TasteData:
    """A label of these tracks only."""
    return TasteData(
        data.plays.take_tracks(rows),
        np.arange(len(rows)),
        data.sound.take(rows),
        find_groups(data.groups[rows]),
        find_groups(data.recordings[rows]),
    )


def of_few_artists(data: TasteData) -> TasteData:
    rows = np.arange(120)
    some = of_tracks(data, rows)
    artist_ids = np.array([f"artist {each % 15}" for each in rows])
    return replace(some, plays=replace(some.plays, artist_ids=artist_ids), groups=find_groups(artist_ids))


@pytest.mark.parametrize("name", ["artists", "new tracks"])
def test_no_play_of_a_hidden_track_changes_what_is_learnt(name: SplitName, tmp_path: Path) -> None:
    """Else a score would say nothing of a track that is not out yet."""
    data = planted()
    hidden = cold_splits(data, name, 0)[0].test
    plays = data.plays.plays.toarray()
    rng = np.random.default_rng(7)
    plays[:, hidden] = (
        np.where(rng.random((LISTENERS, len(hidden))) < 0.7, 10_000, 0) * (np.arange(LISTENERS) < 200)[:, None]
    )
    everybody = np.arange(LISTENERS)
    learnt: list[dict[str, bytes]] = []
    leaky: list[dict[str, bytes]] = []
    for each in (data, with_plays(data, plays)):
        (fold,) = cold_folds(each, name, 0, HOW.wmf, folds=1)
        np.testing.assert_array_equal(fold.split.test, hidden)
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(fold.factors).any(axis=1)), hidden)
        assert not np.isnan(fold.listeners).any()
        aims = aims_of(each, fold, HOW)
        family = FAMILIES["sound_linear"]
        fitted = fit_taste(
            family, each.sound, aims, fold.split.train, fold.split.validation,
            seed=0, device="cpu", epochs=None, folder=tmp_path, say=print,
        )  # fmt: skip
        terms = weighted_terms(aims)
        lines = dummies(each, fold, HOW.wmf)
        said = {line: scores(everybody).tobytes() for line, scores in lines.items()}
        leaky.append({line: said.pop(line) for line in (cold.POPULARITY, cold.TRUE_FACTORS)})
        learnt.append(
            said
            | {
                "factors": fold.factors.tobytes(),
                "listeners": fold.listeners.tobytes(),
                "predicted": fitted.predict(each.sound, hidden).tobytes(),
                "weighted": b"".join(part.tobytes() for part in terms.of(fold.split.train).values()),
                "sureness": str(terms.sureness(fold.split.train)).encode(),
            }
        )
    assert learnt[0] == learnt[1]
    assert {cold.RANDOM} <= set(learnt[0])
    assert ({cold.ARTIST_MEAN, cold.ARTIST_POPULARITY} <= set(learnt[0])) == (name == "new tracks")
    assert all(leaky[0][line] != leaky[1][line] for line in leaky[0]), "the leaky lines are called so for a reason"


def test_artist_popularity_is_the_mean_of_the_artists_known_tracks_and_the_same_for_everybody() -> None:
    data = planted()
    (fold,) = cold_folds(data, "new tracks", 0, HOW.wmf, folds=1)
    said = dummies(data, fold, HOW.wmf)[cold.ARTIST_POPULARITY](np.arange(3))
    assert (said == said[0]).all()
    plays = data.plays.plays.toarray().sum(axis=0)
    known = np.setdiff1d(np.arange(TRACKS), fold.split.test)
    for place, track in enumerate(fold.split.test):
        others = known[data.artists[known] == data.artists[track]]
        assert said[0, place] == pytest.approx(plays[others if len(others) else known].mean(), rel=1e-5)


def test_on_unknown_artists_true_factors_beat_sound_and_sound_beats_chance(tmp_path: Path) -> None:
    judgement = judge_families(planted(), ["sound_linear"], HOW, tmp_path, print)

    def auc(model: str, split: SplitName = "artists") -> tuple[float, float, float]:
        score = judgement.score(split, model, "auc")
        return score.low, score.value, score.high

    assert auc(cold.RANDOM)[0] < 0.5 < auc(cold.RANDOM)[2]
    assert auc("sound_linear")[0] > auc(cold.RANDOM)[2] + 0.1
    assert auc(cold.TRUE_FACTORS)[0] > auc("sound_linear")[2]
    assert auc(cold.POPULARITY)[1] < auc("sound_linear")[1], "within a style all are played alike"
    assert judgement.direction["sound_linear"] > 0.4
    # The artist says the style as well as factors of other tracks do.
    assert auc(f"sound_linear{SEMI_COLD}", "new tracks")[0] > auc("sound_linear", "new tracks")[1]
    models = {split: {score.model for score in scores} for split, scores in judgement.scores.items()}
    assert not {cold.ARTIST_MEAN, cold.ARTIST_POPULARITY} & models["artists"]
    marked = {score.model for scores in judgement.scores.values() for score in scores if score.is_baseline}
    assert marked == cold.BASELINES
    assert list(tmp_path.iterdir()) == [], "models on numbers leave no checkpoints"


def test_a_label_whose_artists_have_one_track_each_is_judged(tmp_path: Path) -> None:
    """Nothing can be learnt of an artist's other tracks: knowing the artist is worth nothing, and is no error."""
    judgement = judge_families(planted(artists=TRACKS), ["sound_linear"], How(folds=1), tmp_path, print)
    alone, together, chance = (
        judgement.score("new tracks", name, "auc") for name in ("sound_linear", "sound_linear_with_artist", cold.RANDOM)
    )
    # Not the same, as lengths of predictions are left out.
    assert together.value == pytest.approx(alone.value, abs=0.03)
    assert together.low > chance.high


def test_too_few_tracks_artists_or_listeners_say_so(tmp_path: Path) -> None:
    data = planted()
    with pytest.raises(TooFewTracksError, match="99 tracks of 60 artists have plays and sound: at least 100 of 20"):
        cold_splits(of_tracks(data, np.arange(99)), "artists", 0)
    with pytest.raises(TooFewTracksError, match="120 tracks of 15 artists"):
        cold_splits(of_few_artists(data), "artists", 0)
    one_recording = replace(data, groups=np.zeros(TRACKS, dtype=np.int64))
    with pytest.raises(TooFewTracksError, match="240 tracks of 1 artists"):
        cold_splits(one_recording, "artists", 0)
    pairs = np.zeros((LISTENERS, TRACKS))
    for track in range(0, TRACKS, 2):
        pairs[track % LISTENERS, [track, track + 1]] = 1
    with pytest.raises(TooFewTracksError, match="no listener plays both"):
        judge_families(with_plays(data, pairs), ["sound_linear"], How(folds=1), tmp_path, print)


def test_a_version_is_of_the_plays_and_of_which_clip_is_whose() -> None:
    data = planted()
    assert version_of(data) == version_of(planted())
    plays = data.plays.plays.toarray()
    plays[0, 0] += 1
    fewer, others = of_tracks(data, np.arange(1, TRACKS)), of_tracks(data, np.arange(TRACKS - 1))
    moved = TasteData(data.plays, np.arange(1, TRACKS), others.sound, others.groups, others.recordings)
    kept = TasteData(data.plays, np.arange(TRACKS - 1), others.sound, others.groups, others.recordings)
    embedded = replace(data, sound=replace(data.sound, net="vggish"))
    versions = [version_of(each) for each in (data, with_plays(data, plays), fewer, moved, kept, embedded)]
    assert len(set(versions)) == len(versions)
