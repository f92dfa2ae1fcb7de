"""Whether ranges and chances hold, which versions are in use or refused, and which the tables carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import data_set
from analytics_platform.dashboard.look import days, plural
from analytics_platform.dashboard.pages.models_bands import best_dummy
from analytics_platform.dashboard.pages.models_facts import in_use, with_parts
from analytics_platform.dashboard.pages.models_metrics import metric
from analytics_platform.dashboard.pages.models_words import LEAKY_SPLITS, SPLITS, TASKS
from analytics_platform.dashboard.parts import empty, sentence, table
from analytics_platform.dashboard.reading import rows

if TYPE_CHECKING:
    from typing import Any

CHANCES = ("calibration_error", "brier")
RELEASES = """
select
    'Fan segments, ' || window_days || ' days' as model_of, version, status, release_no, window_end as last_day,
    null as measured_on, reason as why
from models.releases
where data_set = $data
union all
select
    'Scores of tracks', version, status, release_no, null,
    tracks || ' tracks of ' || artists || ' artists',
    format('{}, for {}: better of two first {:.3f} (90 % range {:.3f} to {:.3f}; a coin: 0.5)',
        model, replace(target, '_', ' '), auc, auc_low, auc_high)
from tracks.shipped_models
where $data = 'label'
union all
select
    'Taste', version, status, release_no, null,
    tracks || ' tracks of ' || artists || ' artists, ' || listeners || ' listeners',
    format('{}: found among 20 {:.3f} (90 % range {:.3f} to {:.3f}), by chance {:.3f} ({:.3f} to {:.3f})',
        model, recall_at_20, recall_at_20_low, recall_at_20_high,
        random_recall_at_20, random_recall_at_20_low, random_recall_at_20_high)
from taste.releases
where $data = 'label'
order by model_of, release_no desc
"""
VERSIONED = """
select
    table_name,
    column_name,
    table_name in (
        select table_name from duckdb_columns() where schema_name = 'marts' and column_name = 'artist_id'
    ) as is_of_artists
from duckdb_columns()
where
    schema_name = 'marts'
    and column_name in ('model_version', 'score_model_version')
order by table_name, column_name
"""
LARGE = "select table_name from marts.published_tables where row_count > 200000"


def show_calibration(board: pl.DataFrame) -> None:
    """Show how often what models in use promise comes true."""
    st.subheader("Do ranges and chances hold?")
    promised = _promised(board)
    if promised.is_empty():
        empty("No range or chance has been measured yet.", "all")
        return
    ranges = promised.filter(pl.col("promised").is_not_null())
    held = ranges.filter(pl.col("verdict") == "holds").height
    if ranges.height:
        sentence(
            f"{held} of {plural(ranges.height, 'kind')} of ranges hold what they promise: "
            "the outcome ends inside as often as it should, within what can be measured."
        )
    table(
        promised,
        ["models", "calibration", data_set()],
        key="models_calibration",
        columns={
            "question": st.column_config.TextColumn("Question", pinned=True),
            "measured": st.column_config.TextColumn("What is measured"),
            "promised": st.column_config.NumberColumn("Promised", format="percent"),
            "value": st.column_config.NumberColumn(
                "Came true, or error", format="%.3f", help="Ranges: share of outcomes inside. Chances: the error."
            ),
            "value_low": st.column_config.NumberColumn("Low", format="%.3f", help="Lower end of the 90 % range."),
            "value_high": st.column_config.NumberColumn("High", format="%.3f", help="Upper end of the 90 % range."),
            "best_dummy": st.column_config.NumberColumn("Best dummy", format="%.3f", help="The same score of a guess."),
            "verdict": st.column_config.TextColumn("Verdict"),
            "tested_on": st.column_config.TextColumn("Tested on"),
            "window": st.column_config.TextColumn("Window"),
        },
    )


def _promised(board: pl.DataFrame) -> pl.DataFrame:
    lines: list[dict[str, Any]] = []
    for key, group in board.group_by(["task", "window_days", "target", "split", "metric"], maintain_order=True):
        task, window, _, split, name = (str(part) for part in key)
        better = str(group["better"][0])
        if (name not in CHANCES and not better.startswith("near")) or split in LEAKY_SPLITS or "first fold" in split:
            continue
        used = in_use(task, split)
        parted = with_parts(group, used)
        for row in parted.filter(pl.col("model").is_in(list(used))).iter_rows(named=True):
            promise = float(better.removeprefix("near ")) if better.startswith("near") else None
            dummy = None if promise is not None else best_dummy(parted, name, better)
            lines.append(
                {
                    "question": TASKS[task].title if task in TASKS else task,
                    "measured": metric(name).title,
                    "verdict": _verdict(row, promise),
                    "promised": promise,
                    "value": row["value"],
                    "value_low": row["value_low"],
                    "value_high": row["value_high"],
                    "best_dummy": dummy.value if dummy else None,
                    "tested_on": SPLITS.get(split, split),
                    "window": days(int(window)),
                }
            )
    return pl.DataFrame(lines, infer_schema_length=None)


def _verdict(row: dict[str, Any], promise: float | None) -> str:
    if promise is None or row["value_low"] is None:
        return "lower is better"
    if row["value_low"] <= promise <= row["value_high"]:
        return "holds"
    return "too narrow" if row["value"] < promise else "wider than needed"


def show_versions(data: str) -> None:
    """Show versions of models in use and refused ones, and the versions that the tables carry."""
    st.subheader("Versions in use")
    releases = rows(RELEASES, data=data)
    if releases.is_empty():
        empty("No model has been released yet.", "all")
    else:
        refused = releases.filter(pl.col("status") == "refused").height
        sentence(
            f"{plural(releases.height, 'version')} so far, {refused or 'none'} refused. The newest released one of "
            "each kind is in use; a refused one is never used. Scores of tracks are released if they "
            "sort unknown artists' tracks surely better than a coin, taste if it places them better than chance: "
            "a lower bar than the bands above."
        )
        table(
            releases,
            ["models", "versions", data],
            key="models_releases",
            columns={
                "model_of": st.column_config.TextColumn("Model", pinned=True),
                "version": st.column_config.TextColumn("Version", help="As in the columns model_version."),
                "status": st.column_config.TextColumn("Status"),
                "release_no": st.column_config.NumberColumn("No."),
                "last_day": st.column_config.DateColumn("Last day of data", format="D MMM YYYY"),
                "measured_on": st.column_config.TextColumn("Learnt from"),
                "why": st.column_config.TextColumn("Why, and how well", width="large"),
            },
        )
    _carried()


def _carried() -> None:
    st.subheader("Versions that the tables carry")
    columns = rows(VERSIONED)
    large = set(rows(LARGE)["table_name"])
    parts = [
        _versions_of(f"marts.{row['table_name']}", row["column_name"], row["is_of_artists"], large)
        for row in columns.iter_rows(named=True)
    ]
    if not parts:
        empty("No table carries a version.", "publish")
        return
    carried = rows(" union all ".join(parts) + " order by version, table_name")
    sentence("Every figure that a model made names the version that made it. Figures of two versions are not compared.")
    table(
        carried.group_by("version", maintain_order=True).agg(pl.col("table_name").str.join(", ").alias("tables")),
        ["models", "tables", data_set()],
        key="models_carried",
        columns={
            "version": st.column_config.TextColumn(
                "Version", pinned=True, help="Data set, window, last day, and a hash."
            ),
            "tables": st.column_config.TextColumn("Tables", width="large"),
        },
    )


def _versions_of(name: str, column: str, is_of_artists: bool, large: set[str]) -> str:
    """One step writes a whole table, so where a table is large its first artist's rows, or its first, tell."""
    source = name
    if name in large:
        first = f"where artist_id = (select artist_id from {name} limit 1)" if is_of_artists else "limit 10000"
        source = f"(from {name} {first})"
    return f"select distinct {column} as version, '{name}' as table_name from {source} where {column} is not null"
