"""One question in detail: every model beside the dummies, and what a leaky split flatters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose, data_set
from analytics_platform.dashboard.look import EMPHASIS, days, plain
from analytics_platform.dashboard.pages.models_bands import CHEAT, DUMMY, IN_USE, LOW, NO_BAND, OTHER, TRIED
from analytics_platform.dashboard.pages.models_facts import Verdict, in_use, spread, verdict, with_parts
from analytics_platform.dashboard.pages.models_metrics import metric
from analytics_platform.dashboard.pages.models_words import LEAKY_SPLITS, MODELS, SPLITS, TASKS
from analytics_platform.dashboard.parts import chart, note, sentence, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PARTS = (IN_USE, TRIED, OTHER, DUMMY, CHEAT)
COLOURS = (EMPHASIS, "#08519c", "#6b8e9b", "#8a8a8a", "#8a8a8a")
SHAPES = ("circle", "circle", "diamond", "square", "cross")
MOST_FLATTERED = 0.005
"""A difference below this is noise between two splits."""


def show_task(task: str, board: pl.DataFrame) -> None:
    """Show a task: its question, the models' scores as a chart and a table, and its leaks."""
    words = TASKS.get(task)
    rows = board.filter(pl.col("task") == task)
    rows = _narrow(rows, "window", "window_days", "Window", lambda value: days(int(value)), None)
    rows = _narrow(rows, "target", "target", "Target", _words, None)
    rows = _narrow(rows, "split", "split", "Tested on", lambda value: SPLITS.get(value, value), words and words.split)
    all_metrics = rows
    rows = _narrow(rows, "metric", "metric", "Score", lambda value: metric(value).title, words and words.metric)
    split = str(rows["split"][0])
    found = verdict(rows, in_use(task, split))
    if words:
        sentence(f"**{words.question}**")
    sentence(_finding(found))
    if split in LEAKY_SPLITS:
        st.warning(
            "These scores flatter: the same artists are on both sides, so a model that recognises the artist looks "
            "good. Use the split “artists” to judge; this one is here to show the difference."
        )
    if words and words.remark:
        sentence(words.remark)
    parted = with_parts(rows, in_use(task, split)).with_columns(
        pl.col("model").replace_strict(MODELS, default="").alias("what_it_is"),
        pl.lit(split in LEAKY_SPLITS).alias("leaks"),
    )
    parted = parted.sort("value", descending=found.better != "lower")
    if parted.filter(pl.col("part") == CHEAT).height:
        sentence(
            "Lines “told the answer” cheat on purpose: they know what nobody can, and show how far there is to go."
        )
    _plot(parted, found)
    _table(parted, found, task)
    _flattered(task, board, str(rows["metric"][0]), all_metrics)


def _narrow(
    rows: pl.DataFrame, name: str, column: str, label: str, words: Callable[[str], str], default: str | None
) -> pl.DataFrame:
    """The rows of what the reader chose of a column; nothing is asked where there is one value only."""
    found = [str(value) for value in rows[column].unique().sort().to_list()]
    first = default if default in found else found[-1] if column == "window_days" else found[0]
    chosen = choose(st.selectbox, label, name, found, first, format_func=words) if len(found) > 1 else first
    return rows.filter(pl.col(column).cast(pl.String) == (chosen or first))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _finding(found: Verdict) -> str:
    used = "is in use" if found.is_in_use else "is the best that was tried; none is in use"
    model = found.model
    text = f"`{model.model}` {used}: {found.metric.title} **{model.value:.3f}** (90 % range {spread(model)})"
    if found.better.startswith("near"):
        return f"{text}; {found.better} is what was promised."
    if found.dummy is None:
        return f"{text}. No dummy was measured here: choose a score “times that of …” or the split with all tests."
    text += f", the best dummy `{plain_code(found.dummy.model)}` {found.dummy.value:.3f} ({spread(found.dummy)})"
    verdicts = {LOW: "not surely better than the dummy", NO_BAND: "no dummy"}
    return f"{text}. Band: **{found.band}**, {verdicts.get(found.band, 'better than the dummy')}."


def plain_code(name: str) -> str:
    """A name inside backticks: no backtick of its own."""
    return name.replace("`", "'")


def _plot(rows: pl.DataFrame, found: Verdict) -> None:
    data = rows.select("model", "part", "value", "value_low", "value_high", "what_it_is").with_columns(
        (pl.col("model") + pl.when(pl.col("part") == CHEAT).then(pl.lit(" (leaky)")).otherwise(pl.lit(""))).alias(
            "name"
        )
    )
    order = data["name"].to_list()
    title = f"{found.metric.title} ({found.better} is better)"
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=190, labelOverlap=False))
    colour = alt.Color(
        "part:N", scale=alt.Scale(domain=PARTS, range=COLOURS), legend=alt.Legend(title=None, orient="top", columns=2)
    )
    tips = [
        "model",
        "part",
        "what_it_is",
        *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("value", "value_low", "value_high")),
    ]
    base = alt.Chart(data)
    scale = alt.Scale(zero=False)
    lines = base.mark_rule(strokeWidth=3, opacity=0.55).encode(
        x=alt.X("value_low:Q", title=title, scale=scale), x2="value_high:Q", y=y, color=colour
    )
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("value:Q", title=title, scale=scale),
        y=y,
        color=colour,
        shape=alt.Shape("part:N", scale=alt.Scale(domain=PARTS, range=SHAPES)),
        tooltip=tips,
    )
    layers = [lines, points]
    if found.dummy is not None:
        bar = alt.Chart(pl.DataFrame({"dummy": [found.dummy.value]})).mark_rule(strokeDash=[5, 4], color="#595959")
        layers.append(bar.encode(x=alt.X("dummy:Q", scale=scale)))
    words = f"{title}, a line per model with its 90 % range. {_finding(found).replace('*', '').replace('`', '')}"
    if found.dummy is not None:
        words += " The dashed line is the best dummy."
    sentence(
        f"{found.metric.title.capitalize()}: {found.metric.meaning}. Lines are 90 % ranges; dashed: the best dummy."
    )
    chart(alt.layer(*layers).properties(height=alt.Step(24)), words, key="models_plot")


def _table(rows: pl.DataFrame, found: Verdict, task: str) -> None:
    shown = rows.select(
        "model", "part", "value", "value_low", "value_high", "what_it_is", "groups", "note", "model_version",
        "unit", "better", "metric", "split", "target", "window_days", "task", "leaks",
    )  # fmt: skip
    number: dict[str, Any] = {"format": "%.3f"}
    table(
        shown,
        ["models", task, str(rows["split"][0]), str(rows["metric"][0]), data_set()],
        key="models_table",
        hide=["unit", "better", "metric", "split", "target", "window_days", "task", "leaks"],
        columns={
            "model": st.column_config.TextColumn("Model", pinned=True),
            "part": st.column_config.TextColumn("Part", help="In use, tried, a method of others, or a dummy."),
            "value": st.column_config.NumberColumn(
                found.metric.title.capitalize(), help=f"{found.metric.meaning}; {found.better} is better", **number
            ),
            "value_low": st.column_config.NumberColumn("Low", help="Lower end of the 90 % range.", **number),
            "value_high": st.column_config.NumberColumn("High", help="Upper end of the 90 % range.", **number),
            "what_it_is": st.column_config.TextColumn("What it is"),
            "groups": st.column_config.NumberColumn(
                "Measured on", help="Artists, tracks or listeners.", format="localized"
            ),
            "note": st.column_config.TextColumn("Note", help="How it differs from its source."),
            "model_version": st.column_config.TextColumn(
                "Beside version", help="The version in use when it was measured."
            ),
        },
    )


def _flattered(task: str, board: pl.DataFrame, metric_name: str, chosen: pl.DataFrame) -> None:
    """How much better models look where artists are on both sides."""
    rows = board.filter(
        pl.col("task") == task,
        pl.col("metric") == metric_name,
        pl.col("target") == chosen["target"][0],
        pl.col("window_days") == chosen["window_days"][0],
    )
    by_rows = rows.filter(pl.col("split") == "rows").select("model", by_rows="value")
    honest = rows.filter(pl.col("split") == "artists").select("model", "better", "is_baseline", by_artists="value")
    sign = pl.when(pl.col("better") == "lower").then(-1.0).otherwise(1.0)
    both = honest.join(by_rows, on="model").with_columns(flattered_by=sign * (pl.col("by_rows") - pl.col("by_artists")))
    both = both.filter(~pl.col("model").str.ends_with("_leaky"), ~pl.col("better").str.starts_with("near"))
    both = both.sort("flattered_by", "model", descending=[True, False])
    if both.is_empty():
        return
    st.subheader("What a leaky split would have claimed")
    worst = both.row(0, named=True)
    if worst["flattered_by"] > MOST_FLATTERED:
        sentence(
            f"If tracks of one artist may be on both sides, `{worst['model']}` "
            f"({plain(MODELS.get(worst['model'], ''))}) seems to reach {worst['by_rows']:.3f}. "
            f"On artists that it had not heard it reaches {worst['by_artists']:.3f}: "
            f"flattered by **{worst['flattered_by']:.3f}**. Published scores are mostly of the first kind."
        )
    else:
        note("By this score no model looks better where the same artists are on both sides.")
    table(
        both.select("model", "by_rows", "by_artists", "flattered_by"),
        ["models", task, "leak", metric_name, data_set()],
        key="models_leak",
        columns={
            "model": st.column_config.TextColumn("Model", pinned=True),
            "by_rows": st.column_config.NumberColumn("Same artists (leaks)", format="%.3f"),
            "by_artists": st.column_config.NumberColumn("Unknown artists", format="%.3f"),
            "flattered_by": st.column_config.NumberColumn(
                "Flattered by", format="%.3f", help="How much better it seems to be than it is."
            ),
        },
    )
