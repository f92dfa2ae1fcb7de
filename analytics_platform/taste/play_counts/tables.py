"""The tables of the study of play counts: the runs of the grid, and scores beside the mean predictor's."""

from __future__ import annotations

from analytics_platform.lakehouse.tables import Column, Table
from analytics_platform.modelling.tables import scores_table
from analytics_platform.taste.play_counts.grid import HEARS

_UNIT = "squared interquartile ranges of the listener's plays"

PLAY_COUNT_RUNS = Table(
    "taste",
    "play_count_runs",
    "One row per run of the grid of play-count nets that was trained: how it did beside the listener's mean.",
    (
        Column("number", "SMALLINT", "The run, as taste/play_counts/grid.py numbers them, 0 to 479.", minimum=0),
        Column("part", "VARCHAR", "The part of the grid that it was trained with: a partition in Dagster."),
        Column("data_version", "VARCHAR", "The listeners, songs, plays and pieces."),
        Column("seed", "SMALLINT", "Of the split of songs and of the first weights.", minimum=0),
        Column("hears", "VARCHAR", "raw: samples, as published; log-mel: 256 numbers a piece.", values=HEARS),
        Column("steps", "SMALLINT", "Pieces of 5 s in a sample.", minimum=1, maximum=24),
        Column("layers", "SMALLINT", "LSTM layers of 100 units.", minimum=1, maximum=2),
        Column("listener_rank", "SMALLINT", "The listener: 1 has the most plays.", minimum=1, maximum=5),
        Column("epochs", "SMALLINT", "Epochs trained; 0 if it was not trained.", minimum=0),
        Column("first_mse", "DOUBLE", f"Validation error over samples after the first epoch, {_UNIT}.", True, 0),
        Column("last_mse", "DOUBLE", "The same after the last epoch: what the source reports.", True, 0),
        Column("best_mse", "DOUBLE", "The same after the best epoch, whose weights are kept.", True, 0),
        Column("best_epoch", "SMALLINT", "Number of the best epoch; 0 if there is none.", minimum=0),
        Column("mean_mse", "DOUBLE", "What the mean of the training songs gets there, over songs.", True, 0),
        Column("validation_songs", "SMALLINT", "Songs of the listener that it was chosen by.", minimum=0),
        Column("test_mse", "DOUBLE", f"Error over songs that nothing was chosen by, {_UNIT}.", True, 0),
        Column("test_mean_mse", "DOUBLE", "What the mean of the training songs gets on these.", True, 0),
        Column("test_songs", "SMALLINT", "Songs of the listener that it was tested on.", minimum=0),
        Column("weights", "BIGINT", "Numbers that were trained; 0 if none.", minimum=0),
        Column("seconds", "DOUBLE", "Time of the training.", minimum=0),
        Column("note", "VARCHAR", "Why it was not trained, or came to nothing; null if it was.", True),
    ),
    key=("number",),
    partition_by=("part",),
)

PLAY_COUNT_SCORES = scores_table(
    "taste",
    "play_count_scores",
    "One row per listener, question, model and metric: how plays of songs are predicted beside the listener's mean.",
)

TABLES = (PLAY_COUNT_RUNS, PLAY_COUNT_SCORES)
