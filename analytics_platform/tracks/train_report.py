"""What ``analytics-platform train`` prints: models beside their dummies, on artists that none had heard."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Column
from rich.table import Table as RichTable

SPLITS = ("artists", "artists, first fold")


def print_leaderboard(database: Path, console: Console) -> None:
    """Print AUC and R² of all models of tracks, the best first, from the published file."""
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            """select target, split, model, is_baseline, any_value(note),
                max(case when metric = 'auc' then value end), max(case when metric = 'auc' then value_low end),
                max(case when metric = 'auc' then value_high end), max(case when metric = 'r2' then value end),
                max(case when metric = 'macro_f1' then value end)
            from models.leaderboard
            where seed = -1 and split in (?, ?)
                and task in ('track_success', 'track_percentile', 'track_class', 'hitmusicnet_error')
            group by target, split, model, is_baseline
            order by target, split, 6 desc nulls last, 10 desc""",
            SPLITS,
        ).fetchall()
    for target, split in dict.fromkeys((row[0], row[1]) for row in rows):
        table = RichTable(
            # A name is there to be copied.
            Column("model", no_wrap=True),
            "AUC (90 %)",
            "R²",
            "macro-F1",
            "not as published",
            title=f"{target}: unknown {split}",
        )
        for _, _, model, is_baseline, note, auc, low, high, r2, f1 in (r for r in rows if r[:2] == (target, split)):
            table.add_row(
                f"{model} (dummy)" if is_baseline else model,
                "" if auc is None else f"{auc:.3f} ({low:.3f}-{high:.3f})",
                "" if r2 is None else f"{r2:+.3f}",
                "" if f1 is None else f"{f1:.3f}",
                note or "",
            )
        console.print(table)
    if not rows:
        console.print("No model was trained: see the run's note (make dev).")
