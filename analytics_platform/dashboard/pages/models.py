"""How far the models can be believed: each beside its dummies, and which versions are in use."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose, data_set
from analytics_platform.dashboard.look import days, plural
from analytics_platform.dashboard.navigation import link
from analytics_platform.dashboard.pages.models_bands import HIGH, LOW, MEDIUM, NO_BAND, RULE
from analytics_platform.dashboard.pages.models_facts import Verdict, in_use, is_made_up, leaderboard, verdict
from analytics_platform.dashboard.pages.models_task import show_task
from analytics_platform.dashboard.pages.models_versions import show_calibration, show_versions
from analytics_platform.dashboard.pages.models_words import TASKS, Task
from analytics_platform.dashboard.parts import as_of, empty, note, sentence, table


def show() -> None:
    """Show the page."""
    st.header("Models")
    board = leaderboard(data_set())
    if board.is_empty():
        empty("No model has been measured on this data yet.", "all")
        as_of()
        return
    known = [name for name in TASKS if name in board["task"]] + sorted(set(board["task"]) - set(TASKS))
    verdicts = {name: _first(board, name) for name in known}
    _summary(verdicts)
    if is_made_up():
        note(
            "This label is made up. The scores prove that the machinery finds what was planted; they say nothing of "
            "real music or real listeners."
        )
    _overview(verdicts)
    st.markdown(RULE)
    st.subheader("One question in detail")
    task = choose(st.selectbox, "Question", "task", known, known[0], format_func=_title)
    show_task(task or known[0], board)
    show_calibration(board)
    show_versions(data_set())
    as_of()


def _title(task: str) -> str:
    return TASKS[task].title if task in TASKS else task


def _first(board: pl.DataFrame, task: str) -> Verdict:
    """What to say of a task where the reader has chosen nothing: its honest split, its longest window."""
    words = TASKS.get(task) or Task(task, "", "")
    rows = board.filter(pl.col("task") == task)
    splits = rows["split"].unique(maintain_order=True).to_list()
    split = words.split if words.split in splits else splits[0]
    rows = rows.filter(pl.col("split") == split)
    # A study of five listeners has a target for each: the first stands for it here.
    rows = rows.filter(pl.col("target") == rows["target"].min())
    rows = rows.filter(pl.col("window_days") == rows["window_days"].max())
    metrics = rows["metric"].unique(maintain_order=True).to_list()
    metric = words.metric if words.metric in metrics else metrics[0]
    return verdict(rows.filter(pl.col("metric") == metric), in_use(task, split))


def _summary(verdicts: dict[str, Verdict]) -> None:
    used = [one for one in verdicts.values() if one.is_in_use]
    if not used:
        sentence("No model is in use yet.")
        return
    counts = {band: sum(one.band == band for one in used) for band in (HIGH, MEDIUM, LOW, NO_BAND)}
    parts = [
        f"**{counts[HIGH]}** far better than the best dummy (high)",
        f"**{counts[MEDIUM]}** clearly better (medium)",
        f"**{counts[LOW]}** not surely better (low)",
    ]
    if counts[NO_BAND]:
        parts.append(f"{counts[NO_BAND]} without a dummy")
    weak = [_title(name).lower() for name, one in verdicts.items() if one.is_in_use and one.band == LOW]
    hint = f" Take with care: {'; '.join(weak)}." if weak else ""
    sentence(
        f"Models answer {plural(len(used), 'question')} here: {', '.join(parts[:-1])} and {parts[-1]}. "
        f"A dummy is what a guess without any model gets.{hint}"
    )


def _overview(verdicts: dict[str, Verdict]) -> None:
    st.subheader("Each question, its model and its dummy")
    lines = [
        {
            "question": _title(name),
            "band": one.band if one.is_in_use else "not in use",
            "model": one.model.model,
            "score": one.model.value,
            "range": one.range_of(one.model),
            "best_dummy": one.dummy.model if one.dummy else None,
            "dummy_score": one.dummy.value if one.dummy else None,
            "dummy_range": one.range_of(one.dummy) if one.dummy else None,
            "measured_by": one.metric.title,
            "better": one.better,
            "tested_on": one.tested_on,
            "window": f"up to {days(one.window_days)}" if one.window_days else days(0),
            "asked": TASKS[name].question if name in TASKS else "",
        }
        for name, one in verdicts.items()
    ]
    number: dict[str, Any] = {"format": "%.3f"}
    table(
        pl.DataFrame(lines, infer_schema_length=None),
        ["models", data_set()],
        key="overview",
        on_click=lambda row: _look_at(None if row is None else list(verdicts)[row]),
        columns={
            "question": st.column_config.TextColumn("Question", pinned=True, help="Click a row for its details below."),
            "band": st.column_config.TextColumn("Band", help="Of the model in use beside the best dummy; rule below."),
            "model": st.column_config.TextColumn("Model", help="In use; where none is, the best that was tried."),
            "score": st.column_config.NumberColumn("Score", help="In the unit of the column Measured by.", **number),
            "range": st.column_config.TextColumn("90 % range", help="Of the score, by a bootstrap or over resamples."),
            "best_dummy": st.column_config.TextColumn("Best dummy", help="What a guess without a model gets at best."),
            "dummy_score": st.column_config.NumberColumn("Its score", **number),
            "dummy_range": st.column_config.TextColumn("Its 90 % range"),
            "measured_by": st.column_config.TextColumn("Measured by", help="In words under the chart below."),
            "better": st.column_config.TextColumn("Better is"),
            "tested_on": st.column_config.TextColumn("Tested on", help="What the models had not seen."),
            "window": st.column_config.TextColumn(
                "Window", help="Days of plays that it was asked for; fewer where the data begin later."
            ),
            "asked": st.column_config.TextColumn("What is asked"),
        },
    )
    link("data-dictionary", "What the columns of models.leaderboard mean", table="models.leaderboard")


def _look_at(task: str | None) -> None:
    """Turn to the task whose row was clicked."""
    if task is None:
        return
    for name in ("window", "target", "split", "metric"):
        st.query_params.pop(name, None)
    st.query_params["task"] = task
