"""Assets of the study of play counts: the grid of nets by parts, which a person starts, and scores of baselines."""

import dagster as dg

from analytics_platform.audio.tables import DESCRIPTORS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    asset_key,
    declared_metadata,
    score_tables,
    small_table,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.partitions import ONE_AT_A_TIME
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import all_partitions, partition_spec
from analytics_platform.orchestration.workers import GPU_POOL, GPU_TAGS, find_device
from analytics_platform.streams.tables import PLAYS
from analytics_platform.taste.play_counts.grid import PARTS
from analytics_platform.taste.play_counts.reading import READS
from analytics_platform.taste.play_counts.steps import NET_STEPS
from analytics_platform.taste.play_counts.tables import PLAY_COUNT_RUNS, PLAY_COUNT_SCORES

GRID_PARTS = dg.StaticPartitionsDefinition(list(PARTS))
PARTITIONED = (PLAYS, DESCRIPTORS, LOW_LEVEL_FEATURES, SPECTROGRAMS)
"""By days of delivery or batches of clips: a study reads all of them."""
SHOWN = ("hears", "steps", "layers", "listener_rank", "last_mse", "best_mse", "mean_mse", "test_mse", "test_mean_mse")


class CountGridConfig(dg.Config):
    """How much of a part is trained."""

    whole: bool = False
    """All ten runs of the part; else those that two cores carry."""
    epochs: int | None = None
    """At most; null: the document's 100."""
    seed: int = 0


@dg.multi_asset(
    name="sweep_play_counts",
    specs=[
        partition_spec(PLAY_COUNT_RUNS, READS, PARTITIONED, GRID_PARTS),
    ],
    check_specs=[declared_spec(PLAY_COUNT_RUNS)],
    backfill_policy=ONE_AT_A_TIME,
    pool=GPU_POOL,
    op_tags=GPU_TAGS,
)
def sweep_play_counts(
    context: dg.AssetExecutionContext, config: CountGridConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Train part of the published grid of LSTMs; a killed run goes on after the last finished one."""
    from analytics_platform.taste.play_counts.steps import sweep_part

    lake, device = platform.lake, find_device()
    reads = versions(lake, READS)
    for part in context.partition_keys:
        swept = sweep_part(
            lake,
            platform.settings,
            part,
            whole=config.whole,
            epochs=config.epochs,
            device=device,
            say=context.log.info,
            seed=config.seed,
        )
        metadata = written_metadata(lake, PLAY_COUNT_RUNS, swept.commit, reads) | {"device": device}
        if swept.note:
            context.log.warning(swept.note)
            metadata["note"] = swept.note
        if swept.rows is not None:
            metadata["runs"] = small_table(swept.rows.select(SHOWN).to_dicts())
        yield dg.MaterializeResult(metadata=metadata)
    yield check_declared(lake, PLAY_COUNT_RUNS)


class CountScoresConfig(dg.Config):
    """How much is spent."""

    seeds: int = 5
    nets: list[str] = []  # noqa: RUF012 (Dagster copies it)
    """Names of nets to be trained and judged too, like lstm_1 and lstm_2: minutes for each."""
    steps: int = NET_STEPS
    """Pieces of 5 s that these nets hear at a time."""
    epochs: int | None = None
    """Of the nets, at most; null: the document's 100."""


@dg.multi_asset(
    name="score_play_counts",
    specs=[
        dg.AssetSpec(
            asset_key(PLAY_COUNT_SCORES),
            deps=all_partitions(READS, PARTITIONED),
            description=f"{PLAY_COUNT_SCORES.comment} A person starts it: it is a study.",
            group_name=PLAY_COUNT_SCORES.schema,
            owners=[PLAY_COUNT_SCORES.owner],
            kinds={"python", "scikitlearn"},
            metadata=declared_metadata(PLAY_COUNT_SCORES),
        )
    ],
    check_specs=[declared_spec(PLAY_COUNT_SCORES)],
)
def score_play_counts(
    context: dg.AssetExecutionContext, config: CountScoresConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Means, pooled counts and ridge on sound for the label's five most devoted listeners."""
    from analytics_platform.taste.play_counts.steps import score_label

    lake = platform.lake
    reads = versions(lake, READS)
    scored = score_label(
        lake,
        platform.settings,
        seeds=config.seeds,
        nets=config.nets,
        steps=config.steps,
        epochs=config.epochs,
        device=find_device(),
        say=context.log.info,
    )
    metadata = written_metadata(lake, PLAY_COUNT_SCORES, scored.commit, reads)
    if scored.note:
        context.log.warning(scored.note)
        metadata["note"] = scored.note
    for each in scored.scores:
        below = [score for score in each.scores if score.metric == "mse_below_mean"]
        metadata |= score_tables(below, f", listener {each.listener}, {each.question}")
    yield dg.MaterializeResult(metadata=metadata)
    yield check_declared(lake, PLAY_COUNT_SCORES)
