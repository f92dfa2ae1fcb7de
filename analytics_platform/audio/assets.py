"""Assets of the room: clips into spectrograms, features and embeddings, batch by batch."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.audio.tables import CLIP_BATCHES, FROM_NETS, FROM_SOUND, REJECTED_CLIPS, SPECTROGRAMS, TAGS
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.lake import Commit
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration import partitions
from analytics_platform.orchestration.automation import while_missing
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    declared_metadata,
    heat_map,
    small_table,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import table_specs
from analytics_platform.orchestration.workers import GPU_POOL, GPU_TAGS, find_device

if TYPE_CHECKING:
    from analytics_platform.audio.clip_work import Worked

SHOWN = 20


@dg.multi_asset(
    name="assign_clip_batches",
    specs=table_specs([CLIP_BATCHES], [CLIPS], {"python", "deltalake"}),
    check_specs=[declared_spec(CLIP_BATCHES)],
    pool="clip_batches",
)
def assign_clip_batches(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Give each clip that may be analysed a batch, and make the batches known as partitions."""
    import polars as pl

    from analytics_platform.audio.batches import assign_batches

    lake = platform.lake
    reads = versions(lake, [CLIPS])
    clips = lake.read(CLIPS).filter(pl.col("may_analyse") & pl.col("clip_id").is_not_null())
    table = assign_batches(clips, lake.read(CLIP_BATCHES))
    commit = lake.write_frame(CLIP_BATCHES, table) if len(table) else lake.commit(CLIP_BATCHES, [])
    batches = table["batch"].unique().sort().to_list()
    # Also those that the instance should know already: it may be a new one.
    context.instance.add_dynamic_partitions(str(partitions.CLIP_BATCHES.name), batches)
    metadata = written_metadata(lake, CLIP_BATCHES, commit, reads) | {"batches": len(batches)}
    yield dg.MaterializeResult(asset_key=asset_key(CLIP_BATCHES), metadata=metadata)
    yield check_declared(lake, CLIP_BATCHES)


def _batch_specs(tables: tuple[Table, ...], kinds: set[str]) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            asset_key(table),
            deps=[asset_key(CLIP_BATCHES)],
            description=table.comment,
            group_name=table.schema,
            owners=[table.owner],
            kinds=kinds,
            metadata=declared_metadata(table),
            partitions_def=partitions.CLIP_BATCHES,
            # A batch never changes: only a new one is work. What new code should read again is the engineer's choice.
            automation_condition=while_missing(),
        )
        for table in tables
    ]


@dg.multi_asset(
    name="analyse_clips",
    specs=_batch_specs(FROM_SOUND, {"python", "numpy"}),
    check_specs=[declared_spec(table) for table in FROM_SOUND],
    backfill_policy=partitions.SOME_BATCHES,
    pool="audio",
)
def analyse_clips(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Decode the clips of each batch, in processes of their own, into spectrograms, features and descriptors."""
    from analytics_platform.audio.analysing import analyse_batches

    lake, settings = platform.lake, platform.settings
    done = analyse_batches(
        lake, settings.audio_root, settings.spectrograms_root, context.partition_keys, say=context.log.info
    )
    for table in FROM_SOUND:
        metadata = written_metadata(lake, table, _commit(done, table)) | _work(done)
        picture = next((analysed.picture for analysed in done if analysed.picture is not None), None)
        if table is SPECTROGRAMS and picture is not None:
            metadata["example"] = heat_map(picture, "A clip of the batch: 30 s from left to right, 128 mel bands, dB")
        if table is REJECTED_CLIPS:
            metadata["by_reason"] = _counts(sum((analysed.reasons for analysed in done), Counter()), "reason")
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in FROM_SOUND:
        yield check_declared(lake, table, {"batch": list(context.partition_keys)})


@dg.multi_asset(
    name="embed_clips",
    specs=_batch_specs(FROM_NETS, {"python", "pytorch"}),
    check_specs=[declared_spec(table) for table in FROM_NETS],
    backfill_policy=partitions.SOME_BATCHES,
    pool=GPU_POOL,
    op_tags=GPU_TAGS,
)
def embed_clips(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """Run the pretrained nets whose weights are here over the clips of each batch."""
    from analytics_platform.audio.embedding import Weights, embed_batches

    lake, settings = platform.lake, platform.settings
    weights = Weights(settings.models_root, settings.vggish_weights, settings.vggish_sha256)
    if not weights.any:
        context.log.warning("No pretrained net has its weights here, so there are no embeddings: see docs/audio.md.")
    on = find_device() if weights.any else "cpu"
    done = embed_batches(
        lake,
        settings.audio_root,
        settings.embeddings_root,
        context.partition_keys,
        weights,
        on,
        say=context.log.info,
    )
    for table in FROM_NETS:
        metadata = written_metadata(lake, table, _commit(done, table)) | _work(done)
        metadata["device"] = on
        metadata["models"] = ", ".join(sorted({net for work in done for net in work.models})) or "none: no weights"
        if table is TAGS:
            metadata["loudest_tags"] = _counts(sum((embedded.tags for embedded in done), Counter()), "tag")
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in FROM_NETS:
        yield check_declared(lake, table, {"batch": list(context.partition_keys)})


def _work(done: "Sequence[Worked]") -> Metadata:
    clips, seconds = sum(work.clips for work in done), sum(work.seconds for work in done)
    return {"clips": clips, "seconds": round(seconds, 1), "clips_per_second": round(clips / max(seconds, 1e-9), 1)}


def _counts(counts: "Counter[str]", name: str) -> dg.MetadataValue:
    return small_table([{name: value, "clips": clips} for value, clips in counts.most_common(SHOWN)])


def _commit(done: "Sequence[Worked]", table: Table) -> Commit:
    """What the run did to a table: a commit for each batch, the last version, all rows."""
    commits = [work.commits[table.full_name] for work in done]
    return Commit(table.full_name, commits[-1].version, sum(commit.rows for commit in commits))
