"""``analytics-platform demo``."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Annotated

import typer

from analytics_platform.cli.app import app, console, progress_bar
from analytics_platform.cli.results import show_results
from analytics_platform.cli.running import (
    copy_into_inbox,
    fetch_musicnn_weights,
    link_or_copy,
    run,
    run_net,
    run_sound,
    score_and_explain,
)
from analytics_platform.settings import Settings

DEMO_BATCHES = 1
"""Batches of clips that the demo embeds: on two cores the net takes the better part of a minute for each."""

DEMO_NET, DEMO_EPOCHS = "crop_net", 8
"""The net that the demo trains, and for how long."""

DEMO_EXPLAINED = 5
"""Scores that the demo explains: some seconds of work each."""


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
    with progress_bar() as progress:
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
    copy_into_inbox([sample / "deliveries"], settings.inbox)
    if settings.masters is None:
        shutil.copytree(sample / "masters", settings.masters_root, copy_function=link_or_copy, dirs_exist_ok=True)
    fetch_musicnn_weights(settings, None)
    run(settings, "all", (spec.start, spec.start + timedelta(days=spec.days - 1)))
    run_sound(settings, heard=DEMO_BATCHES)
    run_net(settings, DEMO_NET, {"epochs": DEMO_EPOCHS})
    shutil.copytree(sample / "unreleased", settings.unreleased, copy_function=link_or_copy, dirs_exist_ok=True)
    show_results(settings)
    score_and_explain(settings, DEMO_EXPLAINED)
    console.print("`make dev` goes on: the net hears the other clips, models learn from that, all scores get reasons.")
