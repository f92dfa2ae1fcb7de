"""``analytics-platform score | similar | train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from analytics_platform.cli.app import app, console, fail
from analytics_platform.cli.running import run, run_net, score_and_explain
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings


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
        raise fail(f"Nothing to score: {settings.unreleased} is empty.")
    if released_version(Lake(settings.lake_root)) is None:
        raise fail(f"{NO_MODEL}\nThe files wait in {settings.unreleased}.")
    score_and_explain(settings, reasons)


@app.command()
def similar(
    file: Annotated[Path, typer.Argument(help="An mp3, wav, flac, ogg or aiff file; it need not be in any catalogue.")],
    most: Annotated[int, typer.Option(min=1, max=100, help="How many tracks to name.")] = 20,
) -> None:
    """Name the released tracks whose listeners may like a file, by its sound alone.

    The file is heard where it is, nothing is copied or written. docs/methods/taste.md says what the answer is worth.
    """
    from analytics_platform.orchestration.resources import Platform
    from analytics_platform.taste.hearing import ears_of
    from analytics_platform.taste.products_step import track_names
    from analytics_platform.taste.shipped import NO_MODEL, taste_in_use, worth
    from analytics_platform.taste.similar_report import print_similar
    from analytics_platform.taste.similar_to_file import NotHeardError, hear_file, similar_to_file
    from analytics_platform.tracks.hearing import NetError

    settings = Settings()
    lake = Platform(settings).lake
    taste = taste_in_use(lake, settings)
    if taste is None:
        raise fail(NO_MODEL)
    try:
        with console.status(f"Listening to {file.name}"):
            heard = hear_file(file, ears_of(taste, settings))
    except (NotHeardError, NetError, OSError) as error:
        raise fail(escape(str(error))) from None
    found = similar_to_file(heard, taste.predictor, taste.factors, taste.isrcs, track_names(lake), most)
    print_similar(found, file.name, worth(taste), console)


@app.command()
def train(
    nets: Annotated[
        list[str] | None, typer.Argument(help="Names of nets; none: all models on numbers. `--list` names the nets.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The models on numbers and every net: hours.")] = False,
    names: Annotated[bool, typer.Option("--list", help="Name the nets, and train nothing.")] = False,
    folds: Annotated[int, typer.Option(min=1, max=5, help="Of the five folds, for nets.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of folds and weights, for nets.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most; unset: as many as the net's source.")] = None,
    target: Annotated[
        str | None, typer.Option(help="What to predict, as in tracks.outcomes; unset: what has enough tracks.")
    ] = None,
) -> None:
    """Train models of tracks from their sound, and show them beside their dummies.

    Some say how a release will do, others whose taste it meets or how often a listener plays it. A killed training
    goes on where it was. Weights are kept in the lake, scores in models.leaderboard.
    """
    from analytics_platform.taste.cold_report import print_cold
    from analytics_platform.taste.families import NETS as TASTE_NETS
    from analytics_platform.taste.play_counts.tables import PLAY_COUNT_SCORES
    from analytics_platform.taste.play_counts.variants import VARIANTS
    from analytics_platform.tracks.net_step import NETS
    from analytics_platform.tracks.train_report import print_leaderboard

    kinds = {"How a release does": NETS, "Whose taste it meets": TASTE_NETS, "How often a listener plays it": VARIANTS}
    if names:
        for words, members in kinds.items():
            console.print(f"{words}: {', '.join(members)}")
        return
    settings = Settings()
    known = [name for members in kinds.values() for name in members]
    wanted = known if everything else nets or []
    if unknown := [name for name in wanted if name not in known]:
        raise fail(f"No net is called {', '.join(unknown)}. There are: {', '.join(known)}.")
    if everything or not wanted:
        run(settings, "tracks", step_config={"train_track_models": {"target": target}})
        run(settings, "taste")
    effort: dict[str, object] = {"folds": folds, "seeds": seeds, "epochs": epochs}
    for name in wanted:
        if name in TASTE_NETS:
            run(settings, "taste_nets", partition=name, step_config={"train_taste_nets": effort})
        elif name in NETS:
            run_net(settings, name, effort | {"target": target})
    if of_counts := [name for name in wanted if name in VARIANTS]:
        config = {"nets": of_counts, "seeds": seeds, "epochs": epochs}
        run(settings, "play_counts", step_config={"score_play_counts": config})
        scored = len(Lake(settings.lake_root).read(PLAY_COUNT_SCORES))
        console.print(
            "How often a listener plays a song: models.leaderboard, task play_counts."
            if scored
            else "[yellow]Play counts were not scored: the five listeners of most plays share too few songs.[/]"
        )
    if any(name in TASTE_NETS for name in wanted):
        run(settings, "taste")
    run(settings, "publish")
    if not wanted or any(name in NETS for name in wanted):
        print_leaderboard(settings.database, console)
    if not wanted or any(name in TASTE_NETS for name in wanted):
        print_cold(settings.database, console)
