"""Tracks that nobody has played, on a sample label of 5,000: how well sound places them, beside what can be known.

``python -m analytics_platform_tests.benchmarks cold`` rewrites the section of this room. It uses the study of clips of
10 s in ``TRACK_STUDY`` (see ``tracks.py``) and the plays of 20,000 of its listeners. Families on numbers are judged on
all five folds; nets on the first one of either way of hiding tracks, for so many epochs as the table says. What was
finished is not done again: it lies in ``cold_tracks/`` of the study.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.modelling.splits import find_groups
from analytics_platform.sample_label.catalogue import Catalogue
from analytics_platform.sample_label.studies import track_plays
from analytics_platform.settings import Settings
from analytics_platform.taste.families import FAMILIES
from analytics_platform.taste.reading import TasteData
from analytics_platform.taste.track_plays import TrackPlays
from analytics_platform.taste.training import FURTHER, SPACE, How, judge_families, numbers
from analytics_platform.taste.training_step import cold_frame
from analytics_platform.tracks.reading import read_tracks
from analytics_platform_tests.benchmarks.track_world import make_world
from analytics_platform_tests.benchmarks.tracks import SPEC

TITLE = "Taste: tracks that nobody has played"
LISTENERS, DAYS = 20_000, 90
EPOCHS = {"words": 30, "ours": 20, "vandenoord": 20, "dieleman": 8}
"""By architecture: what two cores carry."""
METRICS = ("recall_at_20", "map_at_500", "auc")


def read_study(settings: Settings, catalogue: Catalogue) -> TasteData:
    """The study's tracks with their sound, and who of its listeners plays them."""
    lake = Lake(settings.lake_root, memory_limit_mb=settings.memory_limit_mb, threads=settings.threads)
    tracks = read_tracks(lake, settings.spectrograms_root, settings.embeddings_root).data
    plays, artists = track_plays(SPEC, catalogue, DAYS, LISTENERS)
    order = np.argsort(np.array(catalogue.isrcs))
    names = np.array(catalogue.artist_names)[artists]
    known = TrackPlays(np.array(catalogue.isrcs)[order], names[order], plays[:, order])
    counts = np.bincount(known.plays.indices, minlength=len(order))
    known = known.take_tracks(np.flatnonzero(counts >= 3))
    row_of = {isrc: row for row, isrc in enumerate(tracks.ids.tolist())}
    rows = np.array([row for row, isrc in enumerate(known.isrcs.tolist()) if isrc in row_of], dtype=np.int64)
    sound = tracks.sound.take(np.array([row_of[isrc] for isrc in known.isrcs[rows].tolist()], dtype=np.int64))
    clips = sound.clip_ids
    return TasteData(known, rows, sound, find_groups(known.artist_ids[rows], clips), find_groups(clips))


def judge(settings: Settings, data: TasteData, wanted: Sequence[str], say: Callable[[str], None]) -> pl.DataFrame:
    """Rows of scores of all that was judged so far, the wanted families among them."""
    folder = settings.home / "cold_tracks"
    folder.mkdir(exist_ok=True)
    on_numbers = numbers(data)
    runs = [("numbers", on_numbers)] + [(name, [name]) for name in wanted if name not in on_numbers]
    for label, names in runs:
        path = folder / f"{label}.parquet"
        if path.exists():
            continue
        family = FAMILIES[names[0]]
        how = How(threads=settings.threads)
        if label != "numbers":
            epochs = EPOCHS["words" if family.kind == "words" else family.architecture or "ours"]
            further = FURTHER if "further" in family.needs else None
            how = How(folds=1, epochs=epochs, threads=settings.threads, further=further)
        judgement = judge_families(data, names, how, folder / "checkpoints" / label, say)
        shown = cold_frame(judgement, "study").with_columns(pl.lit(how.folds or 5).alias("folds"))
        shown.write_parquet(path)
        say(f"{label}: done")
    return pl.concat([pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))])


def tables(found: pl.DataFrame) -> list[str]:
    """Markdown: a table for each way of hiding tracks and each number of folds."""
    lines: list[str] = []
    parts = found.select("split", "folds").unique().sort("split", "folds", descending=[False, True])
    for split, folds in parts.rows():
        part = found.filter((pl.col("split") == split) & (pl.col("folds") == folds)).unique(["model", "metric"])
        best = part.filter(pl.col("metric") == METRICS[0]).sort("value", descending=True)["model"].to_list()
        words = "all five folds" if folds == 5 else "the first fold"
        lines += ["", f"Hidden: {split}; {words}.", "", f"| model | {' | '.join(METRICS)} | recall over popularity |"]
        lines.append("|---" * (len(METRICS) + 2) + "|")
        for model in best:
            mine = {row["metric"]: row for row in part.filter(pl.col("model") == model).iter_rows(named=True)}
            ratio = next((row for name, row in mine.items() if name.startswith("recall_at_20_over")), None)
            cells = [_cell(mine.get(metric)) for metric in METRICS] + [_cell(ratio, 2)]
            lines.append(f"| {model} | {' | '.join(cells)} |")
    return lines


def _cell(row: dict[str, object] | None, digits: int = 3) -> str:
    if row is None:
        return ""
    return f"{row['value']:.{digits}f} ({row['value_low']:.{digits}f} to {row['value_high']:.{digits}f})"


def section(say: Callable[[str], None] = print, wanted: Sequence[str] = tuple(FAMILIES)) -> list[str]:
    """The section of ``docs/benchmarks.md``."""
    root = Path(os.environ.get("TRACK_STUDY", Path(tempfile.gettempdir()) / "track_study"))
    settings = Settings(home=root / "clips of 10 s")
    catalogue = make_world(settings, SPEC, 10.0, say, embeds=True)
    data = read_study(settings, catalogue)
    found = judge(settings, data, wanted, say)
    return [
        f"A label of seed {SPEC.seed} and scale {SPEC.scale:g}: {len(data.rows):,} tracks of "
        f"{len(np.unique(data.artists)):,} artists, {LISTENERS:,} listeners over {DAYS} days, clips of 10 s, "
        f"{SPACE.factors} factors. 90 % intervals by a bootstrap over listeners and folds. Popularity is what can be "
        "known of it: of unknown artists nothing (random), of known ones that of their other tracks. Leaky rows know "
        "what nobody can.",
        *tables(found),
    ]


if __name__ == "__main__":
    print("\n".join(section(wanted=sys.argv[1:])))
