"""Assets of the room: plays and levels per window, fan profiles, segments, and what people read of them."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from analytics_platform.fans.tables import (
    FAN_PROFILES,
    FAN_SCORES,
    FAN_SEGMENTS_BY,
    FAN_THRESHOLDS,
    LISTENER_ARTIST_PLAYS,
    LISTENER_SEGMENTS,
    LISTENER_TRAITS,
    LISTENING_LEVELS,
    REPORTS,
)
from analytics_platform.fans.windows import DATED, covered_windows, update_undated, update_window
from analytics_platform.modelling.tables import RELEASES
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    line_plot,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import table_specs
from analytics_platform.streams.tables import (
    ARTIST_NAMES,
    LISTENER_ARTIST_COUNTS,
    LISTENER_ARTIST_DAYS,
    LISTENER_RETURNS,
)

if TYPE_CHECKING:
    from analytics_platform.fans.mixture import FloatArray
    from analytics_platform.fans.training import Trained


class LevelsConfig(dg.Config):
    """How the windows are brought up to date."""

    full: bool = False
    """Recount everything instead of adding what changed."""


@dg.multi_asset(
    name="count_listening_levels",
    specs=table_specs(
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


class ReleaseConfig(dg.Config):
    """Whether new profiles are released."""

    release: bool = False
    """Fit and release new profiles now, even if the released ones are not a quarter old."""
    accept_drift: bool = False
    """Release them even if a profile moved too far or the number of segments changed. Segments then mean something
    else than before: say so to their readers."""


TRAINED = (RELEASES, FAN_SCORES, FAN_PROFILES, FAN_THRESHOLDS)
PROFILES_HOLD = dg.AssetCheckSpec(
    "profiles_hold",
    asset=asset_key(FAN_PROFILES),
    description="The newest profiles were not refused, and today's lie near the released ones.",
)


@dg.multi_asset(
    name="train_fan_profiles",
    specs=table_specs(TRAINED, [LISTENER_ARTIST_PLAYS, LISTENING_LEVELS], {"python", "scikitlearn"}),
    check_specs=[*(declared_spec(table) for table in TRAINED), PROFILES_HOLD],
    pool="models",
)
def train_fan_profiles(
    context: dg.AssetExecutionContext, config: ReleaseConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Fan profiles: fitted, compared with their baselines, and released once a quarter."""
    from analytics_platform.fans.fan_profiles import MAX_DRIFT
    from analytics_platform.fans.training import train

    lake, settings = platform.lake, platform.settings
    reads = {LISTENER_ARTIST_PLAYS.full_name: lake.version(LISTENER_ARTIST_PLAYS)}
    trained = train(
        lake,
        settings.models_root,
        min_listeners=settings.min_artist_listeners,
        release=config.release,
        accept_drift=config.accept_drift,
        say=context.log.info,
    )
    for name, reason in trained.skipped.items():
        context.log.warning(f"{name}: no profiles: {reason}")
    for table in TRAINED:
        metadata = written_metadata(lake, table, trained.commits.get(table.full_name), reads)
        if table is FAN_PROFILES:
            metadata |= _pictures(trained) | ({"skipped": trained.skipped} if trained.skipped else {})
        elif table is FAN_THRESHOLDS:
            metadata["thresholds"] = _thresholds_table(trained)
        elif table is FAN_SCORES:
            metadata["scores"] = _scores_table(trained)
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in TRAINED:
        yield check_declared(lake, table)
    drifted = {name: drift for name, drift in trained.drifts.items() if drift > MAX_DRIFT}
    told = [f"{name}: new profiles were refused: {reason}" for name, reason in trained.refused.items()]
    told += [f"{name}: today's profiles lie {drift:.3f} from the released ones" for name, drift in drifted.items()]
    advice = "The released profiles stay in use. To change them: train_fan_profiles with release and accept_drift."
    yield dg.AssetCheckResult(
        passed=not told,
        check_name=PROFILES_HOLD.name,
        asset_key=asset_key(FAN_PROFILES),
        severity=dg.AssetCheckSeverity.ERROR if trained.refused else dg.AssetCheckSeverity.WARN,
        description=". ".join([*told, advice]) if told else None,
        metadata={f"drift {name}": drift for name, drift in trained.drifts.items()},
    )


def _pictures(trained: "Trained") -> Metadata:
    """What the page shows of each released model: its curves, why it has so many segments, and its coverage."""
    shown: Metadata = {}
    for released in trained.released:
        name, info = released.subject.name, released.stored.info
        shown[f"profiles {name}"] = line_plot(
            {segment: list(profile) for segment, profile in _by_segment(released.model.shown)},
            f"{name}: probability of each listening level, passive to diehard; released as {released.stored.version}",
        )
        shown[f"segments {name}"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "segments": c.segments,
                        "held-out gain, nats (90 %)": f"{c.gain:.4f} ({c.gain_low:.4f} to {c.gain_high:.4f})",
                        "distance": round(c.distance, 3),
                        "supported": "yes" if c.supported else "no",
                    }
                )
                for c in released.model.candidates
            ]
        )
        for score in info["scores"]:
            if score["metric"] == "split_half_coverage":
                shown[f"split-half coverage {name}"] = round(score["value"], 3)
        shown[f"drift {name}"] = round(trained.drifts[name], 4)
    return shown


def _by_segment(profiles: "FloatArray") -> list[tuple[str, "FloatArray"]]:
    """Segment names beside their profiles."""
    from analytics_platform.fans.thresholds import segment_names

    return list(zip(segment_names(len(profiles)), profiles, strict=True))


def _thresholds_table(trained: "Trained") -> dg.MetadataValue[Any]:
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"data set, window": released.subject.name, "model": model, "plays": str(tuple(cuts))})
            for released in trained.released
            for model, cuts in {
                "fan_profiles": released.model.thresholds(),
                **released.stored.info["baseline_thresholds"],
            }.items()
        ]
    )


def _scores_table(trained: "Trained") -> dg.MetadataValue[Any]:
    """The model's score beside its baselines'; narrow enough to be seen without scrolling sideways."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "window": released.subject.name,
                    "model": score["model"],
                    score["metric"] + ", 90 %": f"{score['value']:.4f} ({score['low']:.4f} to {score['high']:.4f})",
                }
            )
            for released in trained.released
            for score in released.stored.info["scores"]
            if score["metric"] == "held_out_log_likelihood"
        ]
    )


@dg.multi_asset(
    name="segment_listeners",
    specs=table_specs(
        [LISTENER_SEGMENTS], [LISTENER_ARTIST_PLAYS, LISTENER_ARTIST_DAYS, FAN_PROFILES], {"python", "duckdb"}
    ),
    check_specs=[declared_spec(LISTENER_SEGMENTS)],
)
def segment_listeners(platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Every listener and artist of a window, and of the one before, with the segment that fits best."""
    from analytics_platform.fans.reporting import segment_listeners
    from analytics_platform.fans.training import released_models

    lake = platform.lake
    reads = versions(lake, (LISTENER_ARTIST_PLAYS, LISTENER_ARTIST_DAYS, RELEASES))
    commit = segment_listeners(lake, released_models(lake, platform.settings.models_root))
    yield dg.MaterializeResult(metadata=written_metadata(lake, LISTENER_SEGMENTS, commit, reads))
    yield check_declared(lake, LISTENER_SEGMENTS)


@dg.multi_asset(
    name="report_fans",
    specs=table_specs(REPORTS, [LISTENER_SEGMENTS, LISTENER_TRAITS, FAN_PROFILES, ARTIST_NAMES], {"python", "duckdb"}),
    check_specs=[declared_spec(table) for table in REPORTS],
)
def report_fans(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Who an artist's listeners are, where, how they moved, and whom to win; with ranges, small cells withheld."""
    from analytics_platform.fans.reporting import report
    from analytics_platform.fans.training import released_models

    lake, settings = platform.lake, platform.settings
    reads = versions(lake, (LISTENER_SEGMENTS, LISTENER_TRAITS, RELEASES, ARTIST_NAMES))
    commits, reported = report(
        lake,
        released_models(lake, settings.models_root),
        min_listeners=settings.min_artist_listeners,
        min_cell=settings.min_cell_listeners,
        say=context.log.info,
    )
    for table in REPORTS:
        metadata = written_metadata(lake, table, commits[table.full_name], reads)
        if table in FAN_SEGMENTS_BY.values() and reported.suppressed:
            metadata["suppressed_cells"] = reported.suppressed
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in REPORTS:
        yield check_declared(lake, table)
