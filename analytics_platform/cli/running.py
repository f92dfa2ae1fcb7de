"""Jobs run from the shell with a progress bar, and files copied to where jobs find them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from rich.markup import escape

from analytics_platform.cli.app import console, fail, progress_bar
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import MissingSecretError, Settings


def run(
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

    with progress_bar() as progress:
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
        raise fail(f"The run failed. {result.error}\nRun {result.run_id}: `make dev` shows it.")


def run_sound(settings: Settings, heard: int | None = None) -> None:
    """Work on the batches of clips that are new, train on them, and publish; nets hear at most ``heard`` batches."""
    from analytics_platform.audio.batches import batch_name, batch_number
    from analytics_platform.orchestration.run import missing_batches

    batches = missing_batches(settings)
    if batches is None:
        return
    first, last = map(batch_number, batches)
    last_heard = last if heard is None else min(first + heard - 1, last)
    run(settings, "sound", batches=(batch_name(first), batch_name(last_heard)))
    if last_heard < last:
        run(settings, "analyse", batches=(batch_name(last_heard + 1), batch_name(last)))
        heard_of = f"{last_heard - first + 1} of {last - first + 1}"
        console.print(f"The pretrained net has heard {heard_of} batches of clips.")
    run(settings, "tracks")
    run(settings, "taste")
    run(settings, "publish")


def run_net(settings: Settings, name: str, config: Mapping[str, object]) -> None:
    """Train one of the nets of the room tracks."""
    run(settings, "nets", partition=name, step_config={"train_track_nets": config})


def score_and_explain(settings: Settings, reasons: int) -> None:
    """Score what is in unreleased/, explain the best of it, and say so."""
    from analytics_platform.tracks.score_report import print_explanations, print_scores
    from analytics_platform.tracks.scoring import released_version

    lake = Lake(settings.lake_root)
    if released_version(lake) is None:
        console.print("[yellow]No model sorts tracks better than chance yet: unreleased tracks are not scored.[/]")
        return
    run(settings, "score")
    print_scores(lake, console)
    run(settings, "explain", step_config={"explain_scores": {"most": reasons}})
    print_explanations(lake, settings.home, console)
    _show_audience(lake, settings)
    console.print(f"Open next:  {settings.database}  (marts.track_scores, marts.track_audience)", soft_wrap=True)


def _show_audience(lake: Lake, settings: Settings) -> None:
    """Who would play the highest score by an artist with released tracks, or the highest of all."""
    import polars as pl

    from analytics_platform.taste.audience_tables import AUDIENCE_SCORES, TRACK_AUDIENCE
    from analytics_platform.taste.audience_words import print_audience
    from analytics_platform.tracks.score_tables import TRACK_SCORES
    from analytics_platform.tracks.scoring_assets import is_sample_label

    rows = lake.read(TRACK_AUDIENCE)
    scores = lake.read(TRACK_SCORES).join(rows.select("file").unique(), on="file", how="semi")
    if not len(scores):
        return
    best = scores.sort(pl.col("catalogue_tracks") == 0, "rank_in_batch", "file")["file"][0]
    print_audience(
        rows.filter(pl.col("file") == best),
        lake.read(AUDIENCE_SCORES),
        console,
        is_sample_label=is_sample_label(settings),
    )


def copy_into_inbox(paths: list[Path], inbox: Path) -> list[str]:
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


def link_or_copy(source: str, target: str) -> None:
    """A second name for a file, or a copy where the file system has no such thing."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def span_of(days: tuple[date, ...]) -> tuple[date, date]:
    """The first and the last day; today if there are none."""
    return (min(days), max(days)) if days else (datetime.now(UTC).date(), datetime.now(UTC).date())


def require_secret(settings: Settings) -> None:
    """End with a message if the secret of listeners' keys is not set."""
    try:
        settings.secret()
    except MissingSecretError as error:
        raise fail(str(error)) from None


def fetch_musicnn_weights(settings: Settings, wheel: Path | None) -> bool:
    """Fetch the weights of MusiCNN, or say why there will be no embeddings; whether they are here now."""
    from analytics_platform.audio.embeddings import WeightsError
    from analytics_platform.audio.musicnn_weights import fetch_musicnn

    try:
        with console.status("Fetching the weights of MusiCNN"):
            fetch_musicnn(settings.models_root / "pretrained" / "musicnn_msd", wheel)
    except WeightsError as error:
        console.print(f"[yellow]No embeddings and no tags: {escape(str(error))}[/]")
        return False
    return True
