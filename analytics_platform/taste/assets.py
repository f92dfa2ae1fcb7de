"""Assets of the room that learn listeners' taste: from plays and numbers by themselves, by nets when a person asks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    curve_plots,
    score_tables,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.partitions import ONE_AT_A_TIME
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import partition_spec, table_specs
from analytics_platform.orchestration.workers import GPU_POOL, GPU_TAGS, find_device
from analytics_platform.streams.tables import PLAYS
from analytics_platform.taste.families import NETS
from analytics_platform.taste.reading import READS
from analytics_platform.taste.tables import COLD_SCORES, FACTOR_SCORES, NET_SCORES, RELEASES, TRAINED

if TYPE_CHECKING:
    from analytics_platform.modelling.evaluation import Score

PARTITIONED = (PLAYS, SPECTROGRAMS, LOW_LEVEL_FEATURES, DESCRIPTORS, EMBEDDINGS)
"""By days of delivery or batches of clips: a net hears all of them."""
SHOWN = (
    *("recall_at_20", "map_at_500", "auc"),
    *(f"recall_at_20_over_{dummy}" for dummy in ("random", "artist_popularity", "popularity")),
)


@dg.multi_asset(
    name="train_taste",
    specs=table_specs(TRAINED, READS, {"python", "scikitlearn"}, (EMBEDDINGS,)),
    check_specs=[declared_spec(table) for table in TRAINED],
    pool="models",
)
def train_taste(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Factors of tracks from plays, and what places tracks nobody has played by their sound; the best goes into use."""
    from analytics_platform.taste.training_step import train_taste as learn

    lake = platform.lake
    reads = versions(lake, READS)
    learnt = learn(lake, platform.settings, context.log.info)
    if learnt.note:
        context.log.info(learnt.note)
    for table in TRAINED:
        metadata = written_metadata(lake, table, learnt.commits.get(table.full_name), reads)
        if learnt.note:
            metadata["note"] = learnt.note
        if table is FACTOR_SCORES:
            metadata |= _scores({name: found for name, found in learnt.scores.items() if name in ("pairs", "time")})
        elif table is COLD_SCORES:
            metadata |= _scores({name: found for name, found in learnt.scores.items() if name not in ("pairs", "time")})
        elif table is RELEASES and learnt.row:
            metadata["recall_at_20"] = learnt.row["recall_at_20"]
            metadata["random_recall_at_20"] = learnt.row["random_recall_at_20"]
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in TRAINED:
        yield check_declared(lake, table)


def _scores(scores: "Mapping[str, Sequence[Score]]") -> Metadata:
    shown: Metadata = {}
    for split, found in scores.items():
        shown |= score_tables([score for score in found if score.metric in SHOWN], f", split by {split}")
    return shown


class TasteNetConfig(dg.Config):
    """How much is spent on a net; the defaults are what two cores carry."""

    folds: int = 1
    """Of five, for each way of hiding tracks."""
    seeds: int = 1
    epochs: int | None = None
    """At most; null: as many as the recipe."""


@dg.multi_asset(
    name="train_taste_nets",
    specs=[
        partition_spec(NET_SCORES, READS, PARTITIONED, dg.StaticPartitionsDefinition(list(NETS))),
    ],
    check_specs=[declared_spec(NET_SCORES)],
    backfill_policy=ONE_AT_A_TIME,
    pool=GPU_POOL,
    op_tags=GPU_TAGS,
)
def train_taste_nets(
    context: dg.AssetExecutionContext, config: TasteNetConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Train a net from sound to factors, and judge it by tracks that nobody has played."""
    from analytics_platform.taste.training_step import train_taste_net

    lake, device = platform.lake, find_device()
    reads = versions(lake, READS)
    for name in context.partition_keys:
        learnt = train_taste_net(
            lake,
            platform.settings,
            name,
            folds=config.folds,
            seeds=config.seeds,
            epochs=config.epochs,
            device=device,
            say=context.log.info,
        )
        commit = learnt.commits.get(NET_SCORES.full_name)
        metadata = written_metadata(lake, NET_SCORES, commit, reads) | {"device": device}
        if learnt.note:
            context.log.warning(learnt.note)
            metadata["note"] = learnt.note
        metadata |= curve_plots(learnt.histories) | _scores(learnt.scores)
        yield dg.MaterializeResult(metadata=metadata)
    yield check_declared(lake, NET_SCORES)
