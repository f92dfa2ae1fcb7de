"""What models are asked, how they are scored and what they are called, in plain words: after ``docs/methods``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """A question that models are compared at."""

    title: str
    question: str
    metric: str
    """The score to read first."""
    split: str = ""
    """Who was tested where nothing leaks: the rows to read."""
    models: tuple[str, ...] = ()
    """Families that go into use as they are; empty where a release says which."""
    remark: str = ""


TRACKS = "What a model hears in a clip of 30 s, nothing else: no fame, no playlists, no budget."
TASKS = {
    "fan_segments": Task(
        "Fan segments",
        "How often will a listener nobody has counted play the artist, told from the artist's other listeners?",
        "held_out_log_likelihood",
        models=("fan_profiles",),
        remark="This score hardly tells the methods apart. On made-up labels whose true shares are known they differ "
        "far more (docs/methods/fans.md).",
    ),
    "artist_neighbours": Task(
        "Similar artists",
        "Are the ten most similar artists of one kind, as the roster's genres say? They were found without genres.",
        "genre_agreement",
        models=("artist_vectors",),
        remark="“Found again in the other half” decides nothing alone: the same ten big artists for everybody repeat "
        "perfectly.",
    ),
    "artist_clusters": Task(
        "Clusters of artists",
        "Do the groups of artists found by half of the listeners hold for the other half?",
        "modularity_of_unseen",
        models=("leiden_broad",),
        remark="Groups by popularity repeat well too and tell nothing; only the score on unseen listeners shows that.",
    ),
    "artist_markets": Task(
        "Where to go next",
        "Of the five countries named for each artist, with the data frozen a window ago: how many opened since?",
        "precision_at_5",
        models=("market_potential",),
        remark="No ranking wins both: for most new plays take the biggest countries, for new countries this ranking.",
    ),
    "held_out_plays": Task(
        "Taste: recordings that listeners know",
        "Given what a listener has played, which recordings will they play next?",
        "recall_at_20",
        "time",
        ("wmf",),
        "Measured with 128 factors; the model in use has 40, as more are harder to tell from sound.",
    ),
    "cold_tracks": Task(
        "Taste: recordings that nobody has played",
        "From its sound alone: whose taste is a recording that nobody has played?",
        "recall_at_20",
        "artists",
    ),
    "track_audience": Task(
        "Audience of an unreleased track",
        "Which group of listeners will play a track, where and how often, before it is out?",
        "cluster_first",
        "artists",
        ("taste_audience",),
        "For artists with released tracks see the split “new tracks”: there it rests on their own listeners.",
    ),
    "track_success": Task(
        "Tracks: above the middle or below",
        "Of two tracks, one from the upper and one from the lower half of its month and genre: which is the better?",
        "auc",
        "artists",
        remark=TRACKS,
    ),
    "track_percentile": Task(
        "Tracks: which place",
        "Which place will a track take among releases of its month and genre?",
        "r2",
        "artists",
        remark=TRACKS,
    ),
    "track_class": Task(
        "Tracks: low, medium or high",
        "Will a track end low, in the middle or high among its contemporaries?",
        "macro_f1",
        "artists",
        remark=TRACKS,
    ),
    "track_order": Task(
        "Tracks: which of an artist's demos",
        "Of two tracks of one artist, which will do better?",
        "right_pairs",
        "artists",
        remark=TRACKS,
    ),
    "hitmusicnet_error": Task(
        "How far HitMusicNet will be off",
        "Can LossNet foresee the error of HitMusicNet? A published idea, never put into use.",
        "r2",
        "artists",
    ),
    "play_counts": Task(
        "How often one listener plays a song",
        "Can a net tell from the sound how often a listener plays a song? A published claim, never put into use.",
        "mse_below_mean",
    ),
}
"""By name in ``models.leaderboard``, in the order of the page."""

SPLITS = {
    "": "what was not seen is said in the method's page",
    "artists": "artists that no fit had heard",
    "artists, first fold": "artists that no fit had heard, a fifth of the tests (where nets are judged)",
    "rows": "LEAKS: the same artists on both sides",
    "time": "later releases or plays; artists may be known from before",
    "new tracks": "new tracks of artists that are known",
    "new tracks, first fold": "new tracks of known artists, a fifth of the tests (where nets are judged)",
    "pairs": "hidden pairs of listener and recording",
    "new songs": "songs nobody's plays of which are known",
    "known songs": "songs that other listeners play",
}
LEAKY_SPLITS = ("rows",)

MODELS = {
    "fan_profiles": "profiles of listening shared by all artists",
    "fan_lda": "topics, as in the first source document",
    "percentile_thresholds": "cuts at the 50th and 90th percentile, the usual quarterly practice",
    "artist_histogram": "nothing but the artist's own counts",
    "one_profile_for_all": "no segments at all",
    "artist_vectors": "who plays both, as vectors",
    "co_listening_graph": "links between artists that share listeners",
    "document_svd": "vectors as in the second source document",
    "most_listened": "the same ten big artists for everybody",
    "leiden_broad": "groups of the graph, broad",
    "leiden_fine": "groups of the graph, fine",
    "document_clusters": "ten groups, as in the second source document",
    "popularity_deciles": "artists of equal popularity",
    "market_potential": "similar artists' success, by how sure the gap is",
    "market_potential_volume": "the same, by expected plays",
    "document_gap": "the gap, as in the second source document",
    "document_pipeline": "all of that document, its neighbours too",
    "original_code": "as that document's code ranks",
    "market_size": "the biggest markets for all",
    "own_current_plays": "where the artist has most plays already",
    "wmf": "factors of listeners and recordings",
    "wmf_document": "the same, with the parameters of the source",
    "ease": "each recording from the others, linear",
    "item_cosine": "recordings with common listeners",
    "popularity": "what most listeners play",
    "artist_popularity": "how popular the artist's other tracks are",
    "artist_mean": "the taste of the artist's other tracks, no sound",
    "popularity_leaky": "told how many will play it: nobody can know",
    "true_factors_leaky": "told who will play it: nobody can know",
    "artist_mean_leaky": "told what the artist's other tracks did: what fame is worth",
    "taste_audience": "the artist's own listeners and its sound",
    "own_split": "as the artist's other tracks",
    "genre_cluster": "the group of its genre, by the roster",
    "largest_cluster": "the largest group for all",
    "median_of_all": "the middle of all tracks",
    "artist_median": "the middle of the artist's tracks",
    "majority": "the same answer for all",
    "genre_mean": "the mean of its genre",
    "loudness_duration": "how loud and how long, nothing else",
    "voice_recognition": "recognises the artist's voice, hears nothing else: what leaks are made of",
    "voice_ridge": "recognises the voice, and sound",
    "descriptor_ridge": "features of sound, linear",
    "descriptor_boosting": "features of sound, trees",
    "descriptor_ranking": "features of sound, trees that rank",
    "within_artist_ridge": "what sets a track apart from its artist's others",
    "sound_ridge": "features and movement of sound, linear",
    "sound_boosting": "features and movement of sound, trees",
    "sound_average": "the mean of these two",
    "sound_linear": "features and movement of sound, linear",
    "crop_net": "a small net on spectrograms",
    "random": "chance",
    "mean": "the listener's mean",
    "median": "the listener's median",
}
"""What a model goes by. Nets of the source documents are described in ``docs/methods``."""
OTHER_METHODS = frozenset(
    (
        "fan_lda", "percentile_thresholds", "document_svd", "document_clusters", "document_gap", "document_pipeline",
        "original_code", "wmf_document", "ease", "item_cosine", "voice_recognition", "voice_ridge",
    )
)  # fmt: skip
"""Baselines that are methods in their own right. Every other baseline is a dummy: a model must beat all of these."""
