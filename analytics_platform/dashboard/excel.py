"""One Excel workbook of published tables: for the page's downloads and ``analytics-platform excel``.

Rows go to disk as they are written, so memory does not grow with them. It lies here and not in ``lakehouse``
because the page may import nothing of the platform but its settings.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics_platform.dashboard.excel_plan import Ask, Plan, Sheet, given, plan

MOST_LETTERS = 32_767
"""Letters of a cell: Excel's limit."""
MOST_NAME = 31
"""Letters of a sheet's name: Excel's limit."""
EXACT = 10**15
"""Excel keeps 15 digits; a larger whole number is written as text."""
BATCH = 20_000
SHARE = re.compile(r"(^|_)(share|percentile|membership|probability|stability|churn|overlap)(_|$)")
"""Names of columns that are 0 to 1 and read as percent."""
NOT_SHARE = re.compile(r"effect|count|lift")
LAST_DAY = "select max(play_date) as day from marts.plays_daily"


def write(ask: Ask, what: Plan, file: Path, advance: Callable[[str, int], None] = lambda _table, _rows: None) -> None:
    """Write the workbook to ``file``, which is replaced in one step when it is finished.

    Args:
        ask: Answers queries on the published file.
        what: The tables.
        file: Where to; its folder must be there.
        advance: Told of each table and the rows just written.
    """
    from xlsxwriter import Workbook

    temporary = file.with_name(f".{file.name}.{datetime.now(UTC):%H%M%S%f}")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".excel-") as folder:
            book = Workbook(str(temporary), {"constant_memory": True, "tmpdir": folder})
            try:
                _fill(book, ask, what, advance)
            finally:
                book.close()
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def workbook(ask: Ask, table: str) -> bytes:
    """A workbook of one table, for a download."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.xlsx"
        write(ask, plan(ask, [table]), file)
        return file.read_bytes()


def _fill(book: Any, ask: Ask, what: Plan, advance: Callable[[str, int], None]) -> None:
    formats = {
        "head": book.add_format({"bold": True, "bg_color": "#dbe7f3", "bottom": 1}),
        "percent": book.add_format({"num_format": "0.0%"}),
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        "whole": book.add_format({"num_format": "#,##0"}),
        "decimal": book.add_format({"num_format": "#,##0.000"}),
    }
    names = sheet_names([sheet.table for sheet in what.sheets])
    _contents(book, formats, ask, what, names)
    _meanings(book, formats, what)
    for sheet, name in zip(what.sheets, names, strict=True):
        _rows(book.add_worksheet(name), formats, ask, sheet, what.artist, advance)


def sheet_names(tables: Sequence[str]) -> list[str]:
    """A name of at most 31 letters per table, no two alike, none that Excel refuses."""
    taken = {"contents", "columns", "history"}
    names: list[str] = []
    for table in tables:
        whole = re.sub(r"[\[\]:*?/\\']", "_", table.removeprefix("marts."))
        name, number = whole[:MOST_NAME], 2
        while name.lower() in taken:
            ending = f"~{number}"
            name, number = whole[: MOST_NAME - len(ending)] + ending, number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def _contents(book: Any, formats: dict[str, Any], ask: Ask, what: Plan, names: Sequence[str]) -> None:
    page = book.add_worksheet("Contents")
    page.set_column(0, 1, 30)
    page.set_column(2, 2, 12)
    page.set_column(3, 3, 110)
    day = ask(LAST_DAY)["day"][0]
    lines = [
        ("Music analytics", formats["head"]),
        (
            f"Data as of {day or 'no day: there are no plays'}; written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            None,
        ),
        (f"Only rows of the artist {what.artist}" if what.artist else "All artists", None),
        (
            "Shares are shown as percent. An empty cell is not known, or withheld if is_suppressed is TRUE; never 0.",
            None,
        ),
        ("Never add up or compare rows of two values of window_days. What each column means: sheet Columns.", None),
    ]
    for at, (text, how) in enumerate(lines):
        page.write_string(at, 0, text, how)
    at = len(lines) + 1
    for column, text in enumerate(("sheet", "table", "rows", "what it has")):
        page.write_string(at, column, text, formats["head"])
    for sheet, name in zip(what.sheets, names, strict=True):
        at += 1
        page.write_url(at, 0, f"internal:'{name}'!A1", string=name)
        page.write_string(at, 1, sheet.table)
        page.write_number(at, 2, sheet.rows, formats["whole"])
        page.write_string(at, 3, sheet.comment)
    for table, reason in what.left_out:
        at += 1
        page.write_string(at, 0, "left out")
        page.write_string(at, 1, table)
        page.write_string(at, 3, reason)


def _meanings(book: Any, formats: dict[str, Any], what: Plan) -> None:
    page = book.add_worksheet("Columns")
    page.set_column(0, 1, 28)
    page.set_column(2, 2, 12)
    page.set_column(3, 3, 130)
    for column, text in enumerate(("table", "column", "type", "meaning and unit")):
        page.write_string(0, column, text, formats["head"])
    lines = [(sheet.table, *column) for sheet in what.sheets for column in sheet.columns]
    for at, line in enumerate(lines, 1):
        for column, text in enumerate(line):
            page.write_string(at, column, text)
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, max(len(lines), 1), 3)


def _rows(
    page: Any, formats: dict[str, Any], ask: Ask, sheet: Sheet, artist: str | None, advance: Callable[[str, int], None]
) -> None:
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, max(sheet.rows, 1), len(sheet.columns) - 1)
    writers = []
    for at, (name, kind, comment) in enumerate(sheet.columns):
        page.set_column(at, at, _width(name, kind))
        page.write_string(0, at, name, formats["head"])
        if comment:
            page.write_comment(0, at, comment, {"x_scale": 2.5})
        writers.append((at, *_how(page, name, kind, formats)))
    done = 0
    while done < sheet.rows:
        batch = ask(f"{sheet.select} limit {BATCH} offset {done}", **given(artist))
        if batch.is_empty():
            break
        for row, values in enumerate(batch.iter_rows(), done + 1):
            for at, put, how in writers:
                if values[at] is not None:
                    put(row, at, values[at], how)
        done += batch.height
        advance(sheet.table, batch.height)


def _how(page: Any, name: str, kind: str, formats: dict[str, Any]) -> tuple[Callable[..., Any], Any]:
    """What writes a column's values, and in which format."""

    def number(row: int, at: int, value: Any, how: Any) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            return  # Excel has no such number
        if abs(value) >= EXACT:
            page.write_string(row, at, str(value))
        else:
            page.write_number(row, at, value, how)

    def text(row: int, at: int, value: Any, how: Any) -> None:
        # write_string never makes a formula or a link, whatever the text begins with.
        page.write_string(row, at, shortened(value), how)

    if kind == "BOOLEAN":
        return page.write_boolean, None
    if kind == "DATE":
        return page.write_datetime, formats["day"]
    if kind.startswith("TIMESTAMP"):
        return page.write_datetime, formats["moment"]
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        is_share = SHARE.search(name) is not None and NOT_SHARE.search(name) is None
        return number, formats["percent" if is_share else "decimal"]
    if kind.endswith("INT") or kind == "INTEGER":
        is_count = not name.endswith(("_no", "_rank", "_days", "year"))
        return number, formats["whole"] if is_count else None
    return text, None


def shortened(value: object) -> str:
    """A value as text that fits into a cell; lists by commas."""
    words = ", ".join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)
    return words if len(words) <= MOST_LETTERS else f"{words[: MOST_LETTERS - 12]} … (cut off)"


def _width(name: str, kind: str) -> int:
    return min(34, max(len(name) + 4, 24 if kind == "VARCHAR" else 11))
