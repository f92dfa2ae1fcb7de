"""Assets of the room: models that judge tracks, trained and compared."""

from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.audio.tables import DESCRIPTORS, EMBEDDINGS, LOW_LEVEL_FEATURES, SPECTROGRAMS
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.modelling.evaluation import ALL_SEEDS
from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    line_plot,
    score_tables,
    small_table,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import table_specs
from analytics_platform.tracks.tables import MODEL_SCORES, OUTCOMES, SHIPPED_MODELS, TRAINED, TRAINING_REFUSALS

if TYPE_CHECKING:
    from analytics_platform.tracks.training_step import Trained

READS = (OUTCOMES, CLIPS, SPECTROGRAMS, LOW_LEVEL_FEATURES, DESCRIPTORS, EMBEDDINGS)
SHOWN = 20


class TrainConfig(dg.Config):
    """What a run may choose."""

    target: str | None = None
    """As in tracks.outcomes, like plays_first_90_days; null: the one with enough tracks."""


@dg.multi_asset(
    name="train_track_models",
    specs=table_specs(TRAINED, READS, {"python", "scikitlearn"}, (EMBEDDINGS,)),
    check_specs=[declared_spec(table) for table in TRAINED],
    pool="models",
)
def train_track_models(
    context: dg.AssetExecutionContext, config: TrainConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Models on numbers: judged beside their dummies on artists that they have not heard; the best goes into use."""
    from analytics_platform.tracks.training_step import train_tracks

    lake = platform.lake
    reads = versions(lake, READS)
    trained = train_tracks(lake, platform.settings, target=config.target, say=context.log.info)
    if trained.note:
        context.log.info(trained.note)
    for table in TRAINED:
        metadata = written_metadata(lake, table, trained.commits.get(table.full_name), reads)
        if trained.note:
            metadata["note"] = trained.note
        if table is MODEL_SCORES:
            metadata |= _scores(trained)
        elif table is SHIPPED_MODELS and trained.curve:
            metadata["calibration"] = line_plot(
                {"said": [said for said, _, _ in trained.curve], "came true": [true for _, true, _ in trained.curve]},
                "Chance of ending above the median, by tenths of tracks: said (blue) and came true (orange)",
            )
        elif table is TRAINING_REFUSALS and trained.known is not None and trained.known.refused:
            rows = [{"isrc": isrc, "source": source, "reason": why} for isrc, source, why in trained.known.refused]
            metadata["refused"] = small_table(rows[:SHOWN])
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in TRAINED:
        yield check_declared(lake, table)


def _scores(trained: "Trained") -> Metadata:
    """The main metrics of all models on unknown artists, and what the leaky split would have said."""
    shown: Metadata = {}
    if trained.judgement is None:
        return shown
    wanted = ("auc", "calibration_error", "lift_at_10", "r2", "right_pairs", "range_coverage")
    for verdict in trained.judgement.verdicts:
        if verdict.seed == ALL_SEEDS and verdict.split in ("artists", "rows", "time"):
            metrics = wanted if verdict.split == "artists" else ("auc",)
            shown |= score_tables([s for s in verdict.scores if s.metric in metrics], f", split by {verdict.split}")
    return shown
