"""What ``analytics-platform score`` prints: ranks with ranges, likenesses, reasons, and what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.tracks.score_tables import (
    TRACK_EXPLANATIONS,
    TRACK_SCORE_NEIGHBOURS,
    TRACK_SCORE_REJECTS,
    TRACK_SCORES,
)
from analytics_platform.tracks.score_words import place, place_with_range, target_words

if TYPE_CHECKING:
    import polars as pl

SHOWN = 20


def print_scores(lake: Lake, console: Console) -> None:
    """Print the scores of all tracks, those that could not be heard, and what the evidence allows."""
    import polars as pl

    scores, neighbours = lake.read(TRACK_SCORES), lake.read(TRACK_SCORE_NEIGHBOURS)
    nearest = {row["file"]: row for row in neighbours.filter(pl.col("place") == 1).iter_rows(named=True)}
    ordered = scores.sort("rank_in_batch", "file")
    if len(ordered):
        target = target_words(ordered["target"][0])
        table = RichTable(
            "rank",
            "track",
            "artist",
            "expected place of 100 (8 of 10)",
            "among own releases",
            "sounds most like, and its place",
            title=f"Unreleased tracks by expected {target}, among releases of the same month and genre",
        )
        for row in ordered.head(SHOWN).iter_rows(named=True):
            table.add_row(
                str(row["rank_in_batch"]),
                escape(row["title"] or row["file"]),
                escape(row["artist_name"] or "unknown"),
                place_with_range(row["percentile"], row["percentile_low"], row["percentile_high"]),
                _catalogue(row),
                escape(_nearest(nearest.get(row["file"]))),
            )
        console.print(table)
        if len(ordered) > SHOWN:
            console.print(f"… and {len(ordered) - SHOWN} more in marts.track_scores")
    _print_rejects(lake.read(TRACK_SCORE_REJECTS), console)
    if len(ordered):
        console.print(f"[bold]{escape(ordered['evidence'][0])}[/]")


def _catalogue(row: dict[str, object]) -> str:
    if row["rank_in_catalogue"] is None:
        return "none known"
    return f"{row['rank_in_catalogue']}. beside {row['catalogue_tracks']}"


def _nearest(row: dict[str, object] | None) -> str:
    if row is None:
        return ""
    name = f"{row['artist_name']}: {row['title']}" if row["title"] else str(row["isrc"])
    percentile = row["outcome_percentile"]
    return f"{name}, {'unknown' if percentile is None else place(float(str(percentile)))}"


def _print_rejects(rejects: pl.DataFrame, console: Console) -> None:
    for row in rejects.sort("file").iter_rows(named=True):
        detail = f" ({row['detail']})" if row["detail"] else ""
        console.print(f"[yellow]{escape(row['file'])}: {escape(row['reason'] + detail)}[/]", soft_wrap=True)


def print_explanations(lake: Lake, home: Path, console: Console) -> None:
    """Print the strongest reasons of each track, and where the pictures lie."""
    scores, explained = lake.read(TRACK_SCORES), lake.read(TRACK_EXPLANATIONS)
    rows = scores.select("file", "rank_in_batch").join(explained, on="file").sort("rank_in_batch", "file")
    if not len(rows):
        return
    table = RichTable(
        "rank", "file", "what raised and lowered it, in hundredths", "picture", title="Why: parts of the sound"
    )
    for row in rows.head(SHOWN).iter_rows(named=True):
        table.add_row(str(row["rank_in_batch"]), escape(row["file"]), escape(row["words"]), Path(row["picture"]).name)
    console.print(table)
    console.print(f"Pictures: {home / Path(rows['picture'][0]).parent}", soft_wrap=True)
    console.print("These are reasons of the model, not of listeners; a part that lowers a score is no fault.")
