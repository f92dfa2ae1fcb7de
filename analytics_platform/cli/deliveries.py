"""``analytics-platform ingest | status | erase-listener``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from analytics_platform.cli.app import app, console, fail
from analytics_platform.cli.results import show_results
from analytics_platform.cli.running import copy_into_inbox, require_secret, run, run_sound, span_of
from analytics_platform.settings import Settings


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders, named as the vendors name them.", exists=True)],
) -> None:
    """Bring deliveries in and carry them to the marts and analytics.duckdb."""
    from analytics_platform.streams.deliveries import list_inbox

    settings = Settings()
    require_secret(settings)
    for name in copy_into_inbox(paths, settings.inbox):
        console.print(f"[yellow]{escape(name)} is of no known feed: left where it is[/]")
    files = list_inbox(settings.inbox)
    for file in files:
        if file.problem:
            console.print(f"[yellow]{escape(f'{file.name} {file.problem}')}: left in the inbox[/]")
    days = [file.day or datetime.now(UTC).date() for file in files if not file.problem]
    if not days:
        raise fail("Nothing to ingest: no file is of a known feed. See docs/feeds.md for the file names.")
    run(settings, "all", (min(days), max(days)), changed_only=True)
    run_sound(settings)
    show_results(settings)


@app.command()
def status() -> None:
    """What is fresh, what was rejected and why, what waits in the inbox."""
    from analytics_platform.orchestration.build import TABLES
    from analytics_platform.status import print_status

    print_status(Settings(), TABLES, console)


@app.command("erase-listener")
def erase_listener(
    vendor: Annotated[str, typer.Option(help="spotify, apple, fuga, or an open data set.")],
    licensor: Annotated[str, typer.Option(help="The account in the file's name or path, - for a data set.")],
    listener_id: Annotated[
        str, typer.Option("--id", help="The vendor's id of the listener; - reads it from standard input.")
    ],
) -> None:
    """Erase a listener from raw files, tables, old versions and publications, then rebuild the marts."""
    from analytics_platform.orchestration.build import TABLES
    from analytics_platform.streams.erasure import WaitingFilesError, erase

    settings = Settings()
    require_secret(settings)
    wanted = sys.stdin.readline().strip() if listener_id == "-" else listener_id
    try:
        with console.status("Erasing"):
            erased = erase(settings, TABLES, vendor, licensor, wanted)
    except WaitingFilesError as error:
        raise fail(str(error)) from None
    for name in erased.unread:
        console.print(
            f"[yellow]{name} can't be unpacked and was not searched: delete it if it may hold the listener[/]"
        )
    console.print(
        f"Erased {erased.raw_rows} rows from {erased.raw_files} raw files and {erased.table_rows} table rows."
    )
    # The marts are rebuilt even if nothing was found: an erasure that was killed may be finished by this one.
    run(settings, "all", span_of(erased.days), changed_only=True)
    console.print("Done. The erasure is logged without the id in streams.erasures.")
