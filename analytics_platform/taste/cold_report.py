"""What ``analytics-platform train`` prints of taste: how models place tracks that nobody has played."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Column
from rich.table import Table as RichTable

from analytics_platform.taste.cold import OVER, TASK

TITLES = {"artists": "tracks of unknown artists", "new tracks": "new tracks of known artists"}


def print_cold(database: Path, console: Console) -> None:
    """Print recall and AUC of all models, the best first, from the published file.

    Nets are judged on fewer folds than models on numbers, so what is compared is how many times the dummy's recall on
    the same folds they reach.
    """
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        for split, over in OVER.items():
            ratio = f"recall_at_20_over_{over}"
            rows = connection.execute(
                """select model, is_baseline, any_value(note), max(case when metric = $ratio then value end) as ratio,
                    max(case when metric = 'recall_at_20' then value end),
                    max(case when metric = 'recall_at_20' then value_low end),
                    max(case when metric = 'recall_at_20' then value_high end),
                    max(case when metric = 'auc' then value end)
                from models.leaderboard
                where task = $task and (split = $split or starts_with(split, $split || ', ')) and seed = -1
                group by model, is_baseline
                order by ratio desc nulls last, model""",
                {"ratio": ratio, "task": TASK, "split": split},
            ).fetchall()
            if not rows:
                console.print(f"Nothing places {TITLES[split]} yet: see the run's note (make dev).")
                continue
            table = RichTable(
                # A name is there to be copied.
                Column("model", no_wrap=True),
                f"times the recall of {over}",
                "recall at 20 (90 %)",
                "AUC",
                "not as published",
                title=f"Whose taste it meets: {TITLES[split]}",
            )
            for model, is_baseline, note, times, recall, low, high, auc in rows:
                table.add_row(
                    f"{model} (dummy)" if is_baseline else model,
                    "" if times is None else f"{times:.2f}",
                    f"{recall:.3f} ({low:.3f}-{high:.3f})",
                    f"{auc:.3f}",
                    note or "",
                )
            console.print(table)
