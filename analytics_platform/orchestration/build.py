"""``build_defs``: everything that Dagster sees, as a pure function of the settings."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg

from analytics_platform.artists import assets as artist_assets
from analytics_platform.artists import tables as artist_tables
from analytics_platform.artists.exports import export_graphs
from analytics_platform.audio import assets as audio_assets
from analytics_platform.audio import tables as audio_tables
from analytics_platform.catalogue import assets as catalogue_assets
from analytics_platform.catalogue import tables as catalogue_tables
from analytics_platform.catalogue.sensors import build_catalogue_sensor
from analytics_platform.fans import assets as fan_assets
from analytics_platform.fans import tables as fan_tables
from analytics_platform.lakehouse.sql_models import load_sql_models
from analytics_platform.lakehouse.tables import Table
from analytics_platform.modelling import tables as model_tables
from analytics_platform.orchestration.executors import build_executor
from analytics_platform.orchestration.maintenance import maintenance_job
from analytics_platform.orchestration.metadata import asset_key, declared_metadata
from analytics_platform.orchestration.publish_asset import build_publish_asset
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.sql_assets import build_sql_assets, is_daily
from analytics_platform.settings import Settings
from analytics_platform.streams import assets as stream_assets
from analytics_platform.streams import tables as stream_tables
from analytics_platform.streams.sensors import build_inbox_sensor
from analytics_platform.taste import assets as taste_assets
from analytics_platform.taste import audience_tables, product_assets, product_tables
from analytics_platform.taste import tables as taste_tables
from analytics_platform.taste.play_counts import assets as play_count_assets
from analytics_platform.taste.play_counts import tables as play_count_tables
from analytics_platform.taste.playlist_tables import export_playlists
from analytics_platform.tracks import assets as track_assets
from analytics_platform.tracks import net_assets, score_tables, scoring_assets
from analytics_platform.tracks import tables as track_tables
from analytics_platform.tracks.sensors import build_unreleased_sensor

# Single-run backfills are marked beta; we use them knowingly, and each load would print a page of warnings.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

SQL_ROOT = Path(__file__).parents[2] / "sql"

TABLES: tuple[Table, ...] = (
    *stream_tables.TABLES,
    *stream_tables.SQL_TABLES,
    stream_tables.ERASURES,
    *fan_tables.TABLES,
    *fan_tables.SQL_TABLES,
    *artist_tables.TABLES,
    *catalogue_tables.TABLES,
    *audio_tables.TABLES,
    *audio_tables.SQL_TABLES,
    *track_tables.TABLES,
    *track_tables.SQL_TABLES,
    *score_tables.TABLES,
    *taste_tables.TABLES,
    *product_tables.PRODUCTS,
    *audience_tables.TABLES,
    *audience_tables.SQL_TABLES,
    *play_count_tables.TABLES,
    *model_tables.TABLES,
    *model_tables.SQL_TABLES,
)
"""Every table of every room."""

TASTE_SCORES: tuple[Table, ...] = (*taste_tables.TABLES, *audience_tables.TABLES, *play_count_tables.TABLES)

BY_BATCH: tuple[Table, ...] = (*audio_tables.FROM_SOUND, *audio_tables.FROM_NETS)
"""Tables whose partitions are batches of clips."""

IN_FILE = (
    "streams.deliveries",
    "streams.rejected_rows",
    "streams.erasures",
    "streams.listener_returns",
    "streams.artist_genres",
    "streams.closed_markets",
    "streams.release_dates",
    "fans.listening_levels",
    "catalogue.tracks",
    "catalogue.artists",
    "catalogue.albums",
    "catalogue.clips",
    "catalogue.requests",
    "catalogue.popularity_snapshots",
    "audio.rejected_clips",
    "audio.descriptors",
    "tracks.releases",
    "tracks.outcomes",
    "tracks.shipped_models",
    "tracks.training_refusals",
    "taste.releases",
    "taste.playlist_tracks",
    "taste.unit_genres",
    "taste.play_count_runs",
)
"""Tables outside ``marts`` that are small enough to be copied into the published file."""


def published_tables() -> tuple[list[Table], list[Table]]:
    """What is copied into ``analytics.duckdb``, and what it shows as views over the lake."""
    copied = [table for table in TABLES if table.schema in ("marts", "models") or table.full_name in IN_FILE]
    return copied, [table for table in TABLES if table not in copied]


def build_defs(settings: Settings, *, sql_root: Path = SQL_ROOT) -> dg.Definitions:
    """All assets, checks, jobs, sensors and schedules.

    Args:
        settings: folders, limits and windows; nothing else is read.
        sql_root: the SQL models.
    """
    models = load_sql_models(sql_root, TABLES)
    sql_assets = build_sql_assets(
        models,
        {stream_tables.LISTENER_RETURNS.full_name: stream_assets.STABLE_IDS},
        # A label without recordings has scores of its fans all the same; nets are trained by a person.
        {model_tables.LEADERBOARD.full_name: (*track_tables.TABLES, *TASTE_SCORES)},
    )
    publish_asset = build_publish_asset(*published_tables(), sql_root / "macros", [export_graphs, export_playlists])
    daily = [asset_key(table) for table in TABLES if is_daily(table)]
    deliveries = dg.define_asset_job(
        "ingest",
        # With what the daily tables look up (track_artists): a new track must not count for (unknown).
        selection=dg.AssetSelection.assets(stream_assets.ingest_deliveries)
        | dg.AssetSelection.assets(*daily).upstream(),
        description="Deliveries into tables, and their daily sums. The inbox sensor starts it.",
    )
    maintenance = maintenance_job(TABLES)
    by_batch = dg.AssetSelection.assets(audio_assets.analyse_clips, audio_assets.embed_clips)
    catalogue = dg.define_asset_job(
        "catalogue",
        selection=dg.AssetSelection.assets(catalogue_assets.gather_catalogue, audio_assets.assign_clip_batches),
        description="Own masters and outside catalogues into tables, new clips into batches.",
    )
    sound = dg.define_asset_job(
        "sound", selection=by_batch, description="Spectrograms, features and embeddings of batches of clips."
    )
    analyse = dg.define_asset_job(
        "analyse",
        selection=dg.AssetSelection.assets(audio_assets.analyse_clips),
        description="The same without the pretrained nets, which take most of the time where there is no GPU.",
    )
    publish = dg.define_asset_job(
        "publish",
        selection=dg.AssetSelection.assets(
            publish_asset, asset_key(audio_tables.TRACK_AUDIO), asset_key(model_tables.LEADERBOARD)
        ),
        description="A new analytics.duckdb from the tables as they are.",
    )
    outcomes = [asset_key(table) for table in track_tables.SQL_TABLES]
    tracks = dg.define_asset_job(
        "tracks",
        selection=dg.AssetSelection.assets(track_assets.train_track_models, *outcomes),
        description="What became of releases, and models of it from sound; the best goes into use.",
    )
    nets = dg.define_asset_job(
        "nets",
        selection=dg.AssetSelection.assets(net_assets.train_track_nets),
        description="Trains nets on the label's tracks: a partition each, `analytics-platform train` from the shell.",
    )
    grid = dg.define_asset_job(
        "grid",
        selection=dg.AssetSelection.assets(net_assets.sweep_autoenchorder),
        description="Trains Autoen-chorder's published grid, 270 configurations a partition.",
    )
    taste = dg.define_asset_job(
        "taste",
        selection=dg.AssetSelection.assets(
            taste_assets.train_taste, product_assets.use_taste, asset_key(audience_tables.RELEASED_AUDIENCE)
        ),
        description="Listeners' taste from plays and from sound; similar tracks, playlists and the map of tracks.",
    )
    taste_nets = dg.define_asset_job(
        "taste_nets",
        selection=dg.AssetSelection.assets(taste_assets.train_taste_nets),
        description="Trains nets from sound to taste: a partition each, `analytics-platform train` from the shell.",
    )
    play_counts = dg.define_asset_job(
        "play_counts",
        selection=dg.AssetSelection.assets(play_count_assets.score_play_counts),
        description="How often the five most devoted listeners play their songs: what predicts it, and what does not.",
    )
    play_count_grid = dg.define_asset_job(
        "play_count_grid",
        selection=dg.AssetSelection.assets(play_count_assets.sweep_play_counts),
        description="Trains the published grid of LSTMs on play counts, ten runs a partition.",
    )
    by_hand = dg.AssetSelection.assets(
        net_assets.train_track_nets,
        net_assets.sweep_autoenchorder,
        taste_assets.train_taste_nets,
        play_count_assets.sweep_play_counts,
        play_count_assets.score_play_counts,
    )
    score = dg.define_asset_job(
        "score",
        selection=dg.AssetSelection.assets(
            scoring_assets.score_unreleased, product_assets.estimate_audiences, publish_asset
        ),
        description="Scores and audiences of the tracks in unreleased/, published at once. Its sensor starts it.",
    )
    explain = dg.define_asset_job(
        "explain",
        selection=dg.AssetSelection.assets(scoring_assets.explain_scores, publish_asset),
        description="Why they have these scores: seconds of work for each new track, published again.",
    )
    everything = dg.define_asset_job(
        "all",
        # Batches of clips and nets are partitions of other kinds than days: the jobs `sound` and `nets` make them.
        selection=dg.AssetSelection.all() - by_batch - by_hand,
        description="From the inbox to analytics.duckdb in one run, with the sound of clips as far as it is known.",
    )
    return dg.Definitions(
        assets=[
            stream_assets.ingest_deliveries,
            *sql_assets,
            fan_assets.count_listening_levels,
            fan_assets.train_fan_profiles,
            fan_assets.segment_listeners,
            fan_assets.report_fans,
            artist_assets.compare_artists,
            artist_assets.estimate_markets,
            artist_assets.backtest_markets,
            catalogue_assets.gather_catalogue,
            audio_assets.assign_clip_batches,
            audio_assets.analyse_clips,
            audio_assets.embed_clips,
            track_assets.train_track_models,
            net_assets.train_track_nets,
            net_assets.sweep_autoenchorder,
            scoring_assets.score_unreleased,
            scoring_assets.explain_scores,
            taste_assets.train_taste,
            taste_assets.train_taste_nets,
            product_assets.use_taste,
            product_assets.estimate_audiences,
            play_count_assets.score_play_counts,
            play_count_assets.sweep_play_counts,
            publish_asset,
            _erasures_spec(),
        ],
        jobs=[
            *(deliveries, catalogue, sound, analyse, tracks, nets, grid),
            *(taste, taste_nets, play_counts, play_count_grid),
            *(score, explain, publish, everything, maintenance),
        ],
        sensors=[
            build_inbox_sensor(deliveries.name, settings.inbox, settings.inbox_quiet_s),
            build_catalogue_sensor(catalogue.name, settings),
            build_unreleased_sensor([score, explain], settings),
            dg.AutomationConditionSensorDefinition(
                "automation",
                target=dg.AssetSelection.all(),
                default_status=dg.DefaultSensorStatus.RUNNING,
                minimum_interval_seconds=15,
            ),
        ],
        schedules=[
            dg.ScheduleDefinition(
                name="publish_daily",
                job=publish,
                cron_schedule="0 6 * * *",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="A new analytics.duckdb every morning, 06:00 UTC.",
            ),
            dg.ScheduleDefinition(
                name="catalogue_daily",
                job=catalogue,
                cron_schedule="0 5 * * *",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="A snapshot of popularity a day, and what may be asked again; 05:00 UTC.",
            ),
            dg.ScheduleDefinition(
                name="maintain_weekly",
                job=maintenance,
                cron_schedule="0 3 * * 0",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="Compacts and vacuums the lake on Sundays, 03:00 UTC.",
            ),
        ],
        resources={"platform": dg.ResourceDefinition.hardcoded_resource(Platform(settings))},
        executor=build_executor(settings),
    )


def _erasures_spec() -> dg.AssetSpec:
    """A table that no run writes: `analytics-platform erase-listener` does."""
    table = stream_tables.ERASURES
    return dg.AssetSpec(
        asset_key(table),
        description=table.comment,
        group_name=table.schema,
        owners=[table.owner],
        kinds={"python", "deltalake"},
        metadata=declared_metadata(table),
    )
