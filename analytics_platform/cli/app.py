"""What all commands share: the app, its console, how it fails and how it shows progress."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

app = typer.Typer(
    help="Music analytics for independent labels: vendor files in, fan segments out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold the secret
)
console = Console()


def fail(message: str) -> typer.Exit:
    """Say what went wrong and what to do; raise what is returned."""
    Console(stderr=True).print(message, style="bold red", markup=False, soft_wrap=True)
    return typer.Exit(1)


def progress_bar() -> Progress:
    """Steps done and to do, with the time."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
