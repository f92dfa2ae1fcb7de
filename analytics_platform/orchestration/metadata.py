"""What a materialisation shows in the UI: rows, schema, lineage, versions, small plots.

Docs: https://docs.dagster.io/guides/build/assets/metadata-and-tags/table-metadata
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import escape

import dagster as dg
import numpy as np

from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.modelling.evaluation import Score
from analytics_platform.modelling.training_plan import History
from analytics_platform.settings import PAGE_PORT

Metadata = dict[str, Any]
"""Dagster's raw metadata: its own type is a union that no dict literal of ours would match."""

AssetEvents = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]
"""What the body of an asset yields."""


def asset_key(table: Table) -> dg.AssetKey:
    """``schema.name`` as an asset key."""
    return dg.AssetKey([table.schema, table.name])


def column_schema(table: Table) -> dg.TableSchema:
    """The declaration as the UI shows it."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.type,
                column.comment,
                dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
            )
            for column in table
        ]
    )


def column_lineage(lineage: Mapping[str, Sequence[tuple[str, str]]]) -> dg.TableColumnLineage:
    """Column lineage from ``SqlModel.lineage``."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey(source.split(".")), name) for source, name in sources]
            for column, sources in lineage.items()
        }
    )


def declared_metadata(table: Table) -> Metadata:
    """Known before any run: schema and name; of marts also where the page explains them."""
    known: Metadata = {"dagster/column_schema": column_schema(table), "dagster/table_name": table.full_name}
    if table.schema == "marts":
        address = f"http://127.0.0.1:{PAGE_PORT}/data-dictionary?table={table.full_name}"
        known["page"] = dg.MetadataValue.url(address)
    return known


def row_count(lake: Lake, table: Table) -> int:
    """Rows of the newest version, from the commit log alone."""
    delta = lake.open(table)
    if delta is None:
        return 0
    return sum(delta.get_add_actions(flatten=True).column("num_records").to_pylist())


def written_metadata(
    lake: Lake, table: Table, commit: Commit | None, reads: Mapping[str, int | None] | None = None
) -> Metadata:
    """Known after a write: rows of the table and of the commit, versions written and read."""
    shown: Metadata = {"dagster/row_count": row_count(lake, table)}
    if commit is not None:
        shown |= {"rows_written": commit.rows, "table_version": commit.version}
    if reads:
        shown["read_versions"] = {name: version for name, version in reads.items() if version is not None}
    return shown


def versions(lake: Lake, tables: Iterable[Table]) -> dict[str, int | None]:
    """The newest version of each table, to pin and to report."""
    return {table.full_name: lake.version(table) for table in tables}


def small_table(rows: Sequence[Mapping[str, object]]) -> dg.MetadataValue:
    """A few rows as a table, with the columns of the first; what is no number is shown as text."""
    plain = [
        {
            name: value if isinstance(value, str | int | float) or value is None else str(value)
            for name, value in row.items()
        }
        for row in rows
    ]
    return dg.MetadataValue.table(
        [dg.TableRecord(row) for row in plain],
        schema=dg.TableSchema([dg.TableColumn(name) for name in (plain[0] if plain else ())]),
    )


def score_tables(scores: Sequence[Score], suffix: str = "") -> Metadata:
    """A narrow table per metric, the best first; baselines say so."""
    tables: Metadata = {}
    for metric in sorted({score.metric for score in scores}):
        mine = [score for score in scores if score.metric == metric]
        mine.sort(key=lambda s: s.value if s.better == "lower" else -s.value)
        tables[f"{metric}{suffix}, {mine[0].better} is better"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "model": score.model + (" (baseline)" if score.is_baseline else ""),
                        "value (90 %)": f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})",
                    }
                )
                for score in mine
            ]
        )
    return tables


PLOT_WIDTH, PLOT_HEIGHT = 240, 48
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")


def line_plot(lines: Mapping[str, Sequence[float]], caption: str) -> dg.MetadataValue:
    """Lines over equal steps as an inline SVG. Small enough (under 1,000 characters) to show unclicked."""
    shown = [_thinned(values) for values in lines.values()]
    top = max((max(values) for values in shown if values), default=1.0) or 1.0
    paths = "".join(
        f"<path fill='none' stroke='{COLOURS[i % len(COLOURS)]}' d='M"
        + "L".join(
            f"{round(j * PLOT_WIDTH / max(len(values) - 1, 1))} {round(PLOT_HEIGHT - v / top * (PLOT_HEIGHT - 2))}"
            for j, v in enumerate(values)
        )
        + "'/>"
        for i, values in enumerate(shown)
        if values
    )
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='{PLOT_WIDTH}' height='{PLOT_HEIGHT}'>{paths}</svg>"
    data = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![{caption}](data:image/svg+xml;base64,{data})\n\n{caption}")


def curve_plots(histories: Mapping[str, History]) -> Metadata:
    """Loss by epoch of the last fit, and how fast it went."""
    shown: Metadata = {}
    for stage, history in histories.items():
        shown[f"{stage}: curves"] = line_plot(
            {
                "training": [epoch.train_loss for epoch in history.epochs],
                "watched": [epoch.watched for epoch in history.epochs],
            },
            f"{stage}: loss in training (blue), what was watched (orange), {len(history.epochs)} epochs, best"
            f" {history.best_epoch}",
        )
        shown[f"{stage}: examples per second"] = round(history.examples_per_second, 1)
        shown[f"{stage}: share of time waiting for data"] = round(history.waiting_share, 3)
    return shown


GROUP_COLOURS = (
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#b279a2", "#eeca3b",
    "#72b7b2", "#ff9da6", "#9d755d", "#6b4c9a", "#2f8f8f", "#a0a000",
)  # fmt: skip
SCATTER_SIZE = 640
LEGEND_LINE = 18
NAMED_POINTS = 40


def scatter_plot(
    points: Sequence[tuple[float, float, int | None, str]], groups: Mapping[int, str], caption: str
) -> dg.MetadataValue:
    """Points (x and y in -1 … 1, group or None, name) as an SVG with a legend, shown after a click.

    The first points of each group are named, 40 in all. About 100 bytes a point.
    """
    number = {group: place for place, group in enumerate(sorted(groups))}
    named = max(NAMED_POINTS // max(len(groups), 1), 1)
    seen: dict[int | None, int] = {}
    shapes: list[str] = []
    words: list[str] = []
    for x, y, group, name in points:
        left, top = round((x * 0.94 + 1) * SCATTER_SIZE / 2), round((1 - y * 0.94) * SCATTER_SIZE / 2)
        colour = "#bbb" if group is None else GROUP_COLOURS[number[group] % len(GROUP_COLOURS)]
        shapes.append(f"<circle cx='{left}' cy='{top}' r='4' fill='{colour}'><title>{escape(name)}</title></circle>")
        seen[group] = seen.get(group, 0) + 1
        if group is not None and seen[group] <= named:
            words.append(f"<text x='{left + 6}' y='{top + 4}'>{escape(name)}</text>")
    for group, place in number.items():
        height = SCATTER_SIZE + LEGEND_LINE * (place + 1)
        shapes.append(f"<circle cx='10' cy='{height - 4}' r='5' fill='{GROUP_COLOURS[place % len(GROUP_COLOURS)]}'/>")
        words.append(f"<text x='22' y='{height}'>{group} · {escape(groups[group])}</text>")
    height = SCATTER_SIZE + LEGEND_LINE * (len(number) + 1)
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{SCATTER_SIZE}' height='{height}' font-family='sans-serif'"
        f" font-size='10'><rect width='100%' height='100%' fill='white'/>{''.join(shapes)}{''.join(words)}</svg>"
    )
    data = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![{caption}](data:image/svg+xml;base64,{data})\n\n{caption}")


def heat_map(values: np.ndarray, caption: str) -> dg.MetadataValue:
    """An image of values, shape (rows, columns), row 0 at the bottom, dark is low, as a PNG shown after a click.

    The format is the PNG specification's: one palette, one byte a pixel; a hundred bytes of code need no library.
    """
    low, high = float(values.min()), float(values.max())
    pixels = np.round((values[::-1] - low) / max(high - low, 1e-9) * 255).astype(np.uint8)
    height, width = pixels.shape
    ramp = np.arange(256) / 255
    # Dark blue over red to light yellow: brightness rises all the way, so it also reads in grey.
    palette = np.stack(
        [np.clip(ramp * 1.6, 0, 1), ramp**1.5, np.clip(0.25 + ramp * 0.5 - 0.45 * ramp**3, 0, 1)], axis=1
    )
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", np.round(palette * 255).astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )
    data = base64.b64encode(png).decode()
    return dg.MetadataValue.md(f"![{caption}](data:image/png;base64,{data})\n\n{caption}")


MAX_POINTS = 12


def _thinned(values: Sequence[float]) -> list[float]:
    """At most ``MAX_POINTS`` points: means of equal stretches."""
    n = len(values)
    if n <= MAX_POINTS:
        return list(values)
    edges = [round(i * n / MAX_POINTS) for i in range(MAX_POINTS + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
