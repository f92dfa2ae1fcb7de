"""The command line: ``analytics-platform demo | ingest | score | status | erase-listener | dev``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import MissingSecretError, Settings

DEMO_BATCHES = 1
"""Batches of clips that the demo embeds: on two cores the net takes the better part of a minute for each."""

DEMO_NET, DEMO_EPOCHS = "crop_net", 8
"""The net that the demo trains, and for how long."""

DEMO_EXPLAINED = 5
"""Scores that the demo explains: some seconds of work each."""

app = typer.Typer(
    help="Music analytics for independent labels: vendor files in, fan segments out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold the secret
)
console = Console()


def _fail(message: str) -> typer.Exit:
    Console(stderr=True).print(f"[bold red]{message}[/]", soft_wrap=True)
    return typer.Exit(1)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


@app.command()
def demo(
    scale: Annotated[
        float, typer.Option(min=0.01, max=100, help="Size of the sample label: 1 = 2 million plays.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed, another label.")] = 7,
) -> None:
    """Make a sample label's deliveries, run everything, show the results."""
    from analytics_platform.sample_label import LabelSpec, generate, render_masters, render_unreleased

    settings = Settings()
    settings.create_secret()
    sample = settings.home / "sample_label" / f"seed{seed}-scale{scale:g}"
    spec = LabelSpec(seed=seed, scale=scale)
    with _progress() as progress:
        task = progress.add_task("Writing the vendors' files", total=None)
        summary = generate(
            spec, sample, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
        progress.update(task, description=f"Wrote {summary.files:,} files, {summary.rows:,} rows")
        task = progress.add_task("Rendering the label's masters", total=None)
        rendered = render_masters(
            spec, sample, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
        rendered += render_unreleased(spec, sample)
        progress.update(task, description=f"Rendered {rendered:,} new masters and unreleased tracks")
    _copy_into_inbox([sample / "deliveries"], settings.inbox)
    if settings.masters is None:
        shutil.copytree(sample / "masters", settings.masters_root, copy_function=_link, dirs_exist_ok=True)
    _fetch_weights(settings, None)
    _run(settings, "all", (spec.start, spec.start + timedelta(days=spec.days - 1)))
    _run_sound(settings, heard=DEMO_BATCHES)
    _run_net(settings, DEMO_NET, {"epochs": DEMO_EPOCHS})
    shutil.copytree(sample / "unreleased", settings.unreleased, copy_function=_link, dirs_exist_ok=True)
    _show_results(settings)
    _score(settings, DEMO_EXPLAINED)
    console.print("`make dev` goes on: the net hears the other clips, models learn from that, all scores get reasons.")


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders, named as the vendors name them.", exists=True)],
) -> None:
    """Bring deliveries in and carry them to the marts and analytics.duckdb."""
    from analytics_platform.streams.deliveries import list_inbox

    settings = Settings()
    _require_secret(settings)
    for name in _copy_into_inbox(paths, settings.inbox):
        console.print(f"[yellow]{name} is of no known feed: left where it is[/]")
    files = list_inbox(settings.inbox)
    for file in files:
        if file.problem:
            console.print(f"[yellow]{file.name} {file.problem}: left in the inbox[/]")
    days = [file.day or datetime.now(UTC).date() for file in files if not file.problem]
    if not days:
        raise _fail("Nothing to ingest: no file is of a known feed. See docs/feeds.md for the file names.")
    _run(settings, "all", (min(days), max(days)), changed_only=True)
    _run_sound(settings)
    _show_results(settings)


@app.command()
def score(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="mp3, wav, flac, ogg or aiff files, or folders of them. A folder with files in it is an artist's; a "
            "folder of folders holds an artist each. Tags count before names. Without any: what is there already.",
            exists=True,
        ),
    ] = None,
    reasons: Annotated[
        int, typer.Option(min=0, help="How many of the highest scores to explain now: seconds of work each.")
    ] = 20,
) -> None:
    """Score unreleased tracks: where each may land among releases, what it sounds like, and why.

    The files are copied into <home>/unreleased/, all tracks in there are scored together, and what is unchanged is not
    heard again. Take a file out of that folder and its score goes with it. While `dev` runs, dropping files there does
    the same as this command.

    Use it to sort many, not to judge one: docs/scoring.md says how to read it.
    """
    from analytics_platform.tracks.score_words import NO_MODEL
    from analytics_platform.tracks.scoring import released_version
    from analytics_platform.tracks.unreleased import copy_tracks, list_unreleased

    settings = Settings()
    for name in copy_tracks(paths or [], settings.unreleased):
        console.print(f"[yellow]{escape(name)} is no recording: left where it is[/]")
    if not list_unreleased(settings.unreleased):
        raise _fail(f"Nothing to score: {settings.unreleased} is empty.")
    if released_version(Lake(settings.lake_root)) is None:
        raise _fail(f"{NO_MODEL}\nThe files wait in {settings.unreleased}.")
    _score(settings, reasons)


@app.command()
def train(
    nets: Annotated[list[str] | None, typer.Argument(help="Names of nets; none: the models on numbers.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The models on numbers and every net: hours.")] = False,
    folds: Annotated[int, typer.Option(min=1, max=5, help="Of the five folds by artists, for nets.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of folds and weights, for nets.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most; unset: as many as the net's source.")] = None,
    target: Annotated[
        str | None, typer.Option(help="What to predict, as in tracks.outcomes; unset: what has enough tracks.")
    ] = None,
) -> None:
    """Train models of how releases do from their sound, and show them beside their dummies.

    A killed training goes on where it was. Weights are kept in the lake, scores in models.leaderboard.
    """
    from analytics_platform.tracks.net_step import NETS
    from analytics_platform.tracks.train_report import print_leaderboard

    settings = Settings()
    wanted = list(NETS) if everything else nets or []
    if unknown := [name for name in wanted if name not in NETS]:
        raise _fail(f"No net is called {', '.join(unknown)}. There are: {', '.join(NETS)}.")
    if everything or not wanted:
        _run(settings, "tracks", step_config={"train_track_models": {"target": target}})
    for name in wanted:
        _run_net(settings, name, {"folds": folds, "seeds": seeds, "epochs": epochs, "target": target})
    _run(settings, "publish")
    print_leaderboard(settings.database, console)


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
    _require_secret(settings)
    wanted = sys.stdin.readline().strip() if listener_id == "-" else listener_id
    try:
        with console.status("Erasing"):
            erased = erase(settings, TABLES, vendor, licensor, wanted)
    except WaitingFilesError as error:
        raise _fail(str(error)) from None
    for name in erased.unread:
        console.print(
            f"[yellow]{name} can't be unpacked and was not searched: delete it if it may hold the listener[/]"
        )
    console.print(
        f"Erased {erased.raw_rows} rows from {erased.raw_files} raw files and {erased.table_rows} table rows."
    )
    # The marts are rebuilt even if nothing was found: an erasure that was killed may be finished by this one.
    _run(settings, "all", _span(erased.days), changed_only=True)
    console.print("Done. The erasure is logged without the id in streams.erasures.")


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


@app.command("fetch-weights")
def fetch_weights(
    wheel: Annotated[
        Path | None, typer.Option(help="The wheel of musicnn 0.1.0, where there is no network.", exists=True)
    ] = None,
) -> None:
    """Fetch the weights of MusiCNN (29 MB, ISC licence), which embeddings and tags are made with."""
    if not _fetch_weights(Settings(), wheel):
        raise typer.Exit(1)


def _fetch_weights(settings: Settings, wheel: Path | None) -> bool:
    from analytics_platform.audio.embeddings import WeightsError
    from analytics_platform.audio.musicnn_weights import fetch_musicnn

    try:
        with console.status("Fetching the weights of MusiCNN"):
            fetch_musicnn(settings.models_root / "pretrained" / "musicnn_msd", wheel)
    except WeightsError as error:
        console.print(f"[yellow]No embeddings and no tags: {error}[/]")
        return False
    return True


def _link(source: str, target: str) -> None:
    """A second name for a file, or a copy where the file system has no such thing."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


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
        raise _fail(
            "No credentials. Set ANALYTICS_SPOTIFY_CLIENT_ID and ANALYTICS_SPOTIFY_CLIENT_SECRET; "
            "docs/spotify.md says how to get them."
        )
    table = RichTable("capability", "value", title="Spotify Web API")
    try:
        with Journal(settings.catalogue_journal) as journal, console.status("Asking Spotify"):
            rows = ask(client, spotify_limiter(settings, journal)).rows()
    except CredentialsError as error:
        raise _fail(str(error)) from None
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)


def _span(days: tuple[date, ...]) -> tuple[date, date]:
    return (min(days), max(days)) if days else (datetime.now(UTC).date(), datetime.now(UTC).date())


def _copy_into_inbox(paths: list[Path], inbox: Path) -> list[str]:
    """Copy files of known feeds, keeping their folders' names. Returns the names of all other files.

    A file has a hidden name, which the sensor ignores, until it is whole.
    """
    from analytics_platform.streams.deliveries import find_resource

    unknown: list[str] = []
    for path in paths:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
        base = path.absolute().parent
        for file in files:
            name = file.absolute().relative_to(base)
            if find_resource(name.as_posix()) is None:
                unknown.append(name.as_posix())
                continue
            target = inbox / name
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}")
            shutil.copyfile(file, unfinished)
            unfinished.replace(target)
    return unknown


def _require_secret(settings: Settings) -> None:
    try:
        settings.secret()
    except MissingSecretError as error:
        raise _fail(str(error)) from None


def _run(
    settings: Settings,
    job: str,
    days: tuple[date, date] | None = None,
    *,
    batches: tuple[str, str] | None = None,
    changed_only: bool = False,
    partition: str | None = None,
    step_config: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Run a job with a progress bar."""
    from analytics_platform.orchestration.run import run_job

    with _progress() as progress:
        task = progress.add_task(f"Running {partition or job}", total=None)

        def on_step(name: str, done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, description=name.replace("__", "."))

        result = run_job(
            settings,
            job,
            days,
            batches=batches,
            changed_only=changed_only,
            partition=partition,
            step_config=step_config,
            on_step=on_step,
        )
    if not result.succeeded:
        raise _fail(f"The run failed. {result.error}\nRun {result.run_id}: `make dev` shows it.")


def _run_sound(settings: Settings, heard: int | None = None) -> None:
    """Work on the batches of clips that are new, train on them, and publish; nets hear at most ``heard`` batches."""
    from analytics_platform.audio.batches import batch_name, batch_number
    from analytics_platform.orchestration.run import missing_batches

    batches = missing_batches(settings)
    if batches is None:
        return
    first, last = map(batch_number, batches)
    last_heard = last if heard is None else min(first + heard - 1, last)
    _run(settings, "sound", batches=(batch_name(first), batch_name(last_heard)))
    if last_heard < last:
        _run(settings, "analyse", batches=(batch_name(last_heard + 1), batch_name(last)))
        heard_of = f"{last_heard - first + 1} of {last - first + 1}"
        console.print(f"The pretrained net has heard {heard_of} batches of clips.")
    _run(settings, "tracks")
    _run(settings, "publish")


def _run_net(settings: Settings, name: str, config: Mapping[str, object]) -> None:
    _run(settings, "nets", partition=name, step_config={"train_track_nets": config})


def _score(settings: Settings, reasons: int) -> None:
    """Score what is in unreleased/, explain the best of it, and say so."""
    from analytics_platform.tracks.score_report import print_explanations, print_scores
    from analytics_platform.tracks.scoring import released_version

    lake = Lake(settings.lake_root)
    if released_version(lake) is None:
        console.print("[yellow]No model sorts tracks better than chance yet: unreleased tracks are not scored.[/]")
        return
    _run(settings, "score")
    print_scores(lake, console)
    _run(settings, "explain", step_config={"explain_scores": {"most": reasons}})
    print_explanations(lake, settings.home, console)
    console.print(f"Open next:  {settings.database}  (marts.track_scores)", soft_wrap=True)


def _show_results(settings: Settings) -> None:
    import duckdb

    with duckdb.connect(str(settings.database), read_only=True) as connection:
        fans = connection.execute(
            """select data_set, window_days, segment, min(segment_rank), count(*),
                sum(listeners_estimated) / sum(listeners)
            from marts.artist_fans where share is not null group by all order by 1, 2, 4"""
        ).fetchall()
        thresholds = connection.execute(
            "select data_set, window_days, segment_to, threshold_plays from marts.fan_thresholds"
            " where model = 'fan_profiles'"
        ).fetchall()
        rows = connection.execute(
            "select count(*), sum(rows_read), sum(rejected_rows) from streams.deliveries"
        ).fetchall()[0]
    from_plays = {(data_set, days, segment): plays for data_set, days, segment, plays in thresholds}
    table = RichTable("data set", "window", "segment", "from plays", "share of listeners", "artists", title="Fans")
    for data_set, days, segment, rank, artists, share in fans:
        start = "1" if rank == 1 else str(from_plays.get((data_set, days, segment)) or "never likeliest")
        window = f"{days} days" if days else "undated"
        table.add_row(data_set, window, segment, start, f"{share:.1%}", str(artists))
    console.print(table)
    console.print(f"{rows[0]:,} files, {rows[1]:,} rows read, {rows[2]:,} rejected (analytics-platform status)")
    console.print(
        f"Open next:  {settings.database}\n            {settings.home / 'DATA_DICTIONARY.md'}", soft_wrap=True
    )
    console.print("            make dev  (Dagster's page, with this run)")
