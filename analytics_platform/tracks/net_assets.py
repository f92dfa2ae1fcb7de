"""Assets that train nets: one partition per net, and one per part of Autoen-chorder's grid. A person starts them."""

import dagster as dg

from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    curve_plots,
    score_tables,
    small_table,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.partitions import ONE_AT_A_TIME
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import partition_spec
from analytics_platform.orchestration.workers import GPU_POOL, GPU_TAGS, find_device
from analytics_platform.tracks.net_step import NETS, Effort, train_net
from analytics_platform.tracks.sweep_step import PARTS, sweep_part
from analytics_platform.tracks.tables import GRID_SCORES, NET_SCORES, OUTCOMES

BY_BATCH = (SPECTROGRAMS, LOW_LEVEL_FEATURES, DESCRIPTORS, EMBEDDINGS)
READS = (OUTCOMES, CLIPS, *BY_BATCH)
NET_NAMES = dg.StaticPartitionsDefinition(list(NETS))
GRID_PARTS = dg.StaticPartitionsDefinition(list(PARTS))
BEST = 10


class NetConfig(dg.Config):
    """How much is spent on a net; the defaults are what two cores carry."""

    target: str | None = None
    """As in tracks.outcomes; null: the one with enough tracks."""
    folds: int = 1
    """Of five folds by artists."""
    seeds: int = 1
    epochs: int | None = None
    """At most; null: as many as the source."""
    full_size: bool | None = None
    """Whole clips at a hop of 512 for the nets of document 001; null: on a GPU only."""


@dg.multi_asset(
    name="train_track_nets",
    specs=[partition_spec(NET_SCORES, READS, BY_BATCH, NET_NAMES)],
    check_specs=[declared_spec(NET_SCORES)],
    backfill_policy=ONE_AT_A_TIME,
    pool=GPU_POOL,
    op_tags=GPU_TAGS,
)
def train_track_nets(
    context: dg.AssetExecutionContext, config: NetConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Train a net on the label's tracks and judge it on artists that it has not heard."""
    lake, device = platform.lake, find_device()
    reads = versions(lake, READS)
    full_size = device != "cpu" if config.full_size is None else config.full_size
    effort = Effort(config.folds, config.seeds, config.epochs, full_size)
    for name in context.partition_keys:
        learnt = train_net(
            lake,
            platform.settings,
            NETS[name],
            effort,
            device=device,
            target=config.target,
            say=context.log.info,
        )
        metadata = written_metadata(lake, NET_SCORES, learnt.commit, reads) | {"device": device}
        if learnt.note:
            context.log.warning(learnt.note)
            metadata["note"] = learnt.note
        metadata |= curve_plots(learnt.histories) | score_tables(learnt.scores)
        if learnt.departures:
            metadata["not as published"] = "; ".join(learnt.departures)
        yield dg.MaterializeResult(metadata=metadata)
    yield check_declared(lake, NET_SCORES)


class GridConfig(dg.Config):
    """How much of a part is trained."""

    every: int = 1
    """1: all configurations; 10: a tenth of them."""
    epochs: int | None = None
    """At most; null: until nothing improves."""


@dg.multi_asset(
    name="sweep_autoenchorder",
    specs=[partition_spec(GRID_SCORES, READS, BY_BATCH, GRID_PARTS)],
    check_specs=[declared_spec(GRID_SCORES)],
    backfill_policy=ONE_AT_A_TIME,
    pool=GPU_POOL,
    op_tags=GPU_TAGS,
)
def sweep_autoenchorder(
    context: dg.AssetExecutionContext, config: GridConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Train part of the published grid; a killed run goes on after the last finished configuration."""
    lake, device = platform.lake, find_device()
    reads = versions(lake, READS)
    for part in context.partition_keys:
        swept = sweep_part(
            lake,
            platform.settings,
            part,
            every=config.every,
            epochs=config.epochs,
            device=device,
            say=context.log.info,
        )
        metadata = written_metadata(lake, GRID_SCORES, swept.commit, reads) | {"device": device}
        if swept.note:
            context.log.warning(swept.note)
            metadata["note"] = swept.note
        if swept.rows is not None:
            best = swept.rows.drop_nulls("validation_mse").sort("validation_mse").head(BEST)
            metadata["best of the part"] = small_table(best.drop("part", "data_version").to_dicts())
        yield dg.MaterializeResult(metadata=metadata)
    yield check_declared(lake, GRID_SCORES)
