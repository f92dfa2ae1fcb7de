"""``analytics-platform dev | page | fetch-weights | spotify probe``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as RichTable

from analytics_platform.cli.app import app, console, fail
from analytics_platform.cli.running import fetch_musicnn_weights
from analytics_platform.settings import PAGE_PORT, Settings


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the web page.")] = 3000) -> None:
    """Start Dagster's web page, sensors and schedules for this home."""
    from analytics_platform.orchestration.run import PROJECT_ROOT, dagster_home

    settings = Settings()
    for folder in (settings.inbox, settings.unreleased):
        folder.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    os.environ["ANALYTICS_HOME"] = str(settings.home)
    command = Path(sys.executable).with_name("dagster")
    os.chdir(PROJECT_ROOT)
    console.print(
        f"Drop deliveries into {settings.inbox}\nDrop unreleased tracks into {settings.unreleased}\nThe page: http://127.0.0.1:{port}"
    )
    os.execv(command, [str(command), "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"), "-p", str(port)])


@app.command()
def page(port: Annotated[int, typer.Option(help="Port of the page.")] = PAGE_PORT) -> None:
    """Start the page for label managers: fans, markets, unreleased tracks. It answers on this machine only."""
    from analytics_platform.dashboard.launch import ADDRESS, command, environment

    settings = Settings()
    os.environ.update({"ANALYTICS_HOME": str(settings.home), **environment()})
    console.print(f"The page: http://{ADDRESS}:{port}\nIt shows {settings.database}; end it with Ctrl-C.")
    arguments = command(port)
    os.execv(arguments[0], arguments)


@app.command("fetch-weights")
def fetch_weights(
    wheel: Annotated[
        Path | None, typer.Option(help="The wheel of musicnn 0.1.0, where there is no network.", exists=True)
    ] = None,
) -> None:
    """Fetch the weights of MusiCNN (29 MB, ISC licence), which embeddings and tags are made with."""
    if not fetch_musicnn_weights(Settings(), wheel):
        raise typer.Exit(1)


spotify = typer.Typer(help="What Spotify's Web API gives this app.", no_args_is_help=True)
app.add_typer(spotify, name="spotify")


@spotify.command()
def probe() -> None:
    """Ask Spotify what this app may do: batch calls, popularity, previews, page limits."""
    from analytics_platform.catalogue.gathering import spotify_client, spotify_limiter
    from analytics_platform.catalogue.journal import Journal
    from analytics_platform.catalogue.probe import probe as ask
    from analytics_platform.catalogue.spotify import CredentialsError

    settings = Settings()
    client = spotify_client(settings)
    if client is None:
        raise fail(
            "No credentials. Set ANALYTICS_SPOTIFY_CLIENT_ID and ANALYTICS_SPOTIFY_CLIENT_SECRET; "
            "docs/spotify.md says how to get them."
        )
    table = RichTable("capability", "value", title="Spotify Web API")
    try:
        with Journal(settings.catalogue_journal) as journal, console.status("Asking Spotify"):
            rows = ask(client, spotify_limiter(settings, journal)).rows()
    except CredentialsError as error:
        raise fail(str(error)) from None
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
