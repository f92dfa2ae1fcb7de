"""``analytics-platform excel``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from analytics_platform.cli.app import app, console, fail, progress_bar
from analytics_platform.settings import Settings


@app.command()
def excel(
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="Tables, like artist_fans or tracks.outcomes; all marts if none is named."),
    ] = None,
    to: Annotated[Path, typer.Option(help="The workbook.")] = Path("music-analytics.xlsx"),
    artist: Annotated[str | None, typer.Option(help="Only this artist's rows, by name or id.")] = None,
) -> None:
    """Write published tables to one Excel workbook, a sheet each, with what their columns mean."""
    from analytics_platform.dashboard.excel import write
    from analytics_platform.dashboard.excel_plan import ExcelError, plan
    from analytics_platform.dashboard.published import NotPublishedError, Reader, RefreshingError, live

    if to.suffix.lower() != ".xlsx":
        raise fail(f"{to} should end in .xlsx: Excel opens it by its name.")
    if not to.absolute().parent.is_dir():
        raise fail(f"There is no folder {to.absolute().parent}.")
    database = Settings().database
    try:
        # One publication from the first query to the last, even if a new one is swapped in meanwhile.
        reader = Reader(live(database))
    except NotPublishedError:
        raise fail(f"There is no {database} yet. Run `analytics-platform demo`, or the job `all` in Dagster.") from None
    except RefreshingError as error:
        raise fail(f"{database} can't be read: {error}") from None

    def ask(sql: str, **parameters: Any) -> Any:
        return reader.rows(sql, parameters)

    try:
        what = plan(ask, tables or (), artist)
    except ExcelError as error:
        raise fail(str(error)) from None
    with progress_bar() as progress:
        bar = progress.add_task("Rows", total=what.rows)

        def advance(table: str, rows: int) -> None:
            progress.update(bar, advance=rows, description=table)

        try:
            write(ask, what, to, advance)
        except OSError as error:
            raise fail(f"{to} can't be written: {error.strerror or error}. Is it open in Excel?") from None
        progress.update(bar, description="Rows")
    console.print(
        f"{to}: {len(what.sheets)} tables, {what.rows:,} rows, {to.stat().st_size / 1e6:.1f} MB.", soft_wrap=True
    )
    for table, reason in what.left_out:
        console.print(f"Left out: {table}, {reason}.", soft_wrap=True)
