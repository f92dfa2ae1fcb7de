"""Assets of the room: plays and levels per window, the article's model, its tables."""

import hashlib
from collections.abc import Sequence

import dagster as dg

from analytics_platform.fans.tables import (
    FAN_PROFILES,
    FAN_THRESHOLDS,
    LDA_SHARES,
    LISTENER_ARTIST_PLAYS,
    LISTENING_LEVELS,
)
from analytics_platform.fans.windows import DATED, covered_windows, date_older_levels, update_undated, update_window
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.automation import after_its_inputs
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    declared_metadata,
    line_plot,
    written_metadata,
)
from analytics_platform.orchestration.resources import Platform
from analytics_platform.streams.tables import LISTENER_ARTIST_COUNTS, LISTENER_ARTIST_DAYS, LISTENER_RETURNS

UNKNOWN_ARTIST = "(unknown)"


def _specs(tables: Sequence[Table], deps: Sequence[Table], kinds: set[str]) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            asset_key(table),
            deps=[asset_key(dep) for dep in deps],
            description=table.comment,
            group_name=table.schema,
            owners=[table.owner],
            kinds=kinds,
            metadata=declared_metadata(table),
            automation_condition=after_its_inputs(),
        )
        for table in tables
    ]


class LevelsConfig(dg.Config):
    """How the windows are brought up to date."""

    full: bool = False
    """Recount everything instead of adding what changed."""


@dg.multi_asset(
    name="count_listening_levels",
    specs=_specs(
        [LISTENER_ARTIST_PLAYS, LISTENING_LEVELS],
        # The daily return of listener ids is checked first: without it a window means nothing.
        [LISTENER_ARTIST_DAYS, LISTENER_ARTIST_COUNTS, LISTENER_RETURNS],
        {"python", "duckdb"},
    ),
    check_specs=[declared_spec(LISTENER_ARTIST_PLAYS), declared_spec(LISTENING_LEVELS)],
    pool="levels",
)
def count_listening_levels(
    context: dg.AssetExecutionContext, config: LevelsConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Plays per listener and artist, and artists by listening level, for each window that the data fill."""
    lake = platform.lake
    updates = [
        update_window(lake, window, data_set=data_set, full=config.full)
        for data_set in DATED
        for window in covered_windows(lake, platform.settings.windows_days, data_set)
    ]
    updates += update_undated(lake)
    date_older_levels(lake)
    for update in updates:
        context.log.info(f"{update.data_set}, {update.window_days} days: {update.how}")
    shown = dg.MetadataValue.table(
        [
            dg.TableRecord(
                {"data_set": u.data_set, "window_days": u.window_days, "window_end": str(u.window_end), "update": u.how}
            )
            for u in updates
        ]
    )
    for table in (LISTENER_ARTIST_PLAYS, LISTENING_LEVELS):
        metadata = written_metadata(lake, table, None) | ({"windows": shown} if updates else {})
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in (LISTENER_ARTIST_PLAYS, LISTENING_LEVELS):
        yield check_declared(lake, table)


@dg.multi_asset(
    name="fit_fan_lda",
    specs=_specs([LDA_SHARES, FAN_THRESHOLDS, FAN_PROFILES], [LISTENING_LEVELS], {"python", "scikitlearn"}),
    check_specs=[declared_spec(table) for table in (LDA_SHARES, FAN_THRESHOLDS, FAN_PROFILES)],
)
def fit_fan_lda(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """The article's model: three fan profiles by LDA, an artist a document, a listening level a word."""
    import polars as pl

    from analytics_platform.fans import lda
    from analytics_platform.fans.lda_frames import ModelRun, level_matrix, profile_frame, share_frame, threshold_frame

    lake, settings = platform.lake, platform.settings
    version = lake.version(LISTENING_LEVELS)
    with lake.connect(LISTENING_LEVELS, versions={LISTENING_LEVELS.full_name: version or 0}) as connection:
        levels = connection.sql("from fans.listening_levels").pl()
    levels = levels.filter(pl.col("artist_id") != UNKNOWN_ARTIST)
    enough = pl.col("listeners").sum().over("data_set", "window_days", "artist_id") >= settings.min_artist_listeners
    levels = levels.filter(enough)
    frames: dict[str, list[pl.DataFrame]] = {t.full_name: [] for t in (LDA_SHARES, FAN_THRESHOLDS, FAN_PROFILES)}
    plots: Metadata = {}
    for (data_set, days, end), rows in sorted(
        levels.group_by("data_set", "window_days", "window_end"), key=lambda g: str(g[0])
    ):
        artists, counts = level_matrix(rows)
        model = lda.fit_fan_lda(counts)
        name = f"{data_set}, {days} days"
        context.log.info(f"{name}: {len(artists)} artists, {model.iterations} passes, converged: {model.converged}")
        run = ModelRun(str(data_set), int(days), end, _model_version(counts.tobytes()))
        frames[LDA_SHARES.full_name].append(share_frame(artists, counts, model, run))
        frames[FAN_THRESHOLDS.full_name].append(threshold_frame(model, run))
        frames[FAN_PROFILES.full_name].append(profile_frame(model, run))
        plots[f"profiles {name}"] = line_plot(
            {str(i): list(profile) for i, profile in enumerate(model.profiles)},
            f"{name}: probability of each listening level, passive to diehard",
        )
        plots[f"perplexity {name}"] = model.perplexity
    for table in (LDA_SHARES, FAN_THRESHOLDS, FAN_PROFILES):
        commit = None
        if frames[table.full_name]:
            rows = pl.concat(frames[table.full_name])
            with lake.duckdb() as connection:
                connection.register("model_rows", rows)
                commit = lake.write(table, connection, "select * from model_rows", replace=())
        metadata: Metadata = written_metadata(lake, table, commit, {LISTENING_LEVELS.full_name: version})
        yield dg.MaterializeResult(
            asset_key=asset_key(table), metadata=metadata | (plots if table is FAN_PROFILES else {})
        )
    for table in (LDA_SHARES, FAN_THRESHOLDS, FAN_PROFILES):
        yield check_declared(lake, table)


def _model_version(data: bytes) -> str:
    """Names the model by all that it depends on: the counts and the code's parameters."""
    return f"fan_lda-{hashlib.sha256(data).hexdigest()[:8]}"
