"""Assets of the room for unreleased tracks: their scores, and why they have them."""

import base64
from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.orchestration.checks import check_declared, declared_spec
from analytics_platform.orchestration.metadata import (
    AssetEvents,
    Metadata,
    asset_key,
    small_table,
    versions,
    written_metadata,
)
from analytics_platform.orchestration.resources import Platform
from analytics_platform.orchestration.specs import table_specs
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import TRACK_ARTISTS
from analytics_platform.tracks.score_tables import (
    EXPLAINED,
    SCORED,
    TRACK_EXPLANATIONS,
    TRACK_SCORE_NEIGHBOURS,
    TRACK_SCORE_REASONS,
    TRACK_SCORE_REJECTS,
    TRACK_SCORES,
)
from analytics_platform.tracks.tables import MODEL_SCORES, OUTCOMES, SHIPPED_MODELS

if TYPE_CHECKING:
    from analytics_platform.tracks.hearing import Ears
    from analytics_platform.tracks.scoring import Rows
    from analytics_platform.tracks.shipped import Shipped

SHOWN = 20
PICTURES = 3


@dg.multi_asset(
    name="score_unreleased",
    specs=table_specs(SCORED, [SHIPPED_MODELS, MODEL_SCORES, OUTCOMES, TRACK_ARTISTS], {"python", "numpy"}),
    check_specs=[declared_spec(table) for table in SCORED],
    pool="unreleased",
)
def score_unreleased(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> AssetEvents:
    """The files in unreleased/ through the model in use: percentile with range, ranks, similar released tracks."""
    from analytics_platform.lakehouse.frames import frame_of
    from analytics_platform.tracks.score_words import NO_MODEL, evidence, place_with_range
    from analytics_platform.tracks.scoring import score_folder
    from analytics_platform.tracks.training_step import model_in_use

    lake, settings = platform.lake, platform.settings
    reads = versions(lake, (SHIPPED_MODELS, OUTCOMES, TRACK_ARTISTS))
    shipped = model_in_use(lake, settings)
    rows: Rows = {table: [] for table in SCORED}
    about: Metadata = {}
    if shipped is None:
        context.log.warning(NO_MODEL)
        about["note"] = NO_MODEL
    else:
        is_sample = is_sample_label(settings)
        scored = score_folder(
            lake,
            settings.unreleased,
            settings.heard_root,
            shipped,
            ears_for(shipped, settings),
            is_sample_label=is_sample,
            say=context.log.info,
        )
        rows = scored.rows
        about = {
            "evidence": evidence(shipped.info, is_sample_label=is_sample),
            "model_version": shipped.version,
            "heard_now": scored.heard,
            "seconds": round(scored.seconds, 1),
        }
    frames = {table: frame_of(table, rows[table]) for table in SCORED}
    for table in SCORED:
        commit = lake.write_frame(table, frames[table])
        metadata = written_metadata(lake, table, commit, reads) | about
        if table is TRACK_SCORES and len(frames[table]):
            best = frames[table].sort("rank_in_batch", "file").head(SHOWN)
            metadata["scores"] = small_table(
                [
                    {
                        "rank": row["rank_in_batch"],
                        "file": row["file"],
                        "percentile (8 of 10)": place_with_range(
                            row["percentile"], row["percentile_low"], row["percentile_high"]
                        ),
                    }
                    for row in best.iter_rows(named=True)
                ]
            )
        elif table is TRACK_SCORE_NEIGHBOURS and len(frames[table]):
            columns = ["file", "artist_name", "title", "similarity", "outcome_percentile"]
            nearest = frames[table].filter(frames[table]["place"] == 1).select(columns)
            metadata["most_similar"] = small_table(nearest.head(SHOWN).to_dicts())
        elif table is TRACK_SCORE_REJECTS and len(frames[table]):
            metadata["rejected"] = small_table(frames[table].head(SHOWN).to_dicts())
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in SCORED:
        yield check_declared(lake, table)


class ExplainConfig(dg.Config):
    """How much a run explains."""

    most: int | None = None
    """So many of the tracks that have no explanation yet, the highest scores first; null: all."""


@dg.multi_asset(
    name="explain_scores",
    specs=table_specs(EXPLAINED, [TRACK_SCORES], {"python", "numpy"}),
    check_specs=[declared_spec(table) for table in EXPLAINED],
    pool="unreleased",
)
def explain_scores(
    context: dg.AssetExecutionContext, config: ExplainConfig, platform: dg.ResourceParam[Platform]
) -> AssetEvents:
    """Which seconds and which frequencies of each scored track raised or lowered its score, with a picture."""
    from analytics_platform.lakehouse.frames import frame_of
    from analytics_platform.tracks.reasoning import best_pictures, explain_folder
    from analytics_platform.tracks.training_step import model_in_use

    lake, settings = platform.lake, platform.settings
    reads = versions(lake, (TRACK_SCORES,))
    shipped = model_in_use(lake, settings)
    rows: Rows = {table: [] for table in EXPLAINED}
    about: Metadata = {}
    if shipped is not None:
        explained = explain_folder(
            lake,
            settings.unreleased,
            settings.explanations_root,
            settings.models_root,
            settings.home,
            ears_for(shipped, settings),
            most=config.most,
            say=context.log.info,
        )
        rows = explained.rows
        about = {"explained_now": explained.explained, "seconds": round(explained.seconds, 1)}
        for file, reason in explained.failed.items():
            context.log.warning(f"{file} has no explanation: {reason}")
    frames = {table: frame_of(table, rows[table]) for table in EXPLAINED}
    for table in EXPLAINED:
        commit = lake.write_frame(table, frames[table])
        metadata = written_metadata(lake, table, commit, reads) | about
        if table is TRACK_EXPLANATIONS and len(frames[table]):
            metadata["words"] = small_table(frames[table].select("file", "words").head(SHOWN).to_dicts())
            for title, path in best_pictures(settings.explanations_root, lake.read(TRACK_SCORES), PICTURES):
                data = base64.b64encode(path.read_bytes()).decode()
                metadata[f"picture {title}"] = dg.MetadataValue.md(f"![{title}](data:image/png;base64,{data})")
        elif table is TRACK_SCORE_REASONS and len(frames[table]):
            parts = frames[table]
            regions = parts.filter(parts["kind"] == "region").drop("kind", "model_version")
            metadata["strongest"] = small_table(
                regions.sort(regions["effect"].abs(), descending=True).head(SHOWN).to_dicts()
            )
        yield dg.MaterializeResult(asset_key=asset_key(table), metadata=metadata)
    for table in EXPLAINED:
        yield check_declared(lake, table)


def ears_for(shipped: "Shipped", settings: Settings) -> "Ears":
    """What hears for the model in use."""
    from analytics_platform.audio.embedding import Weights
    from analytics_platform.tracks.hearing import Ears
    from analytics_platform.tracks.scoring import net_of

    net = net_of(shipped)
    if net is None:
        return Ears()
    weights = Weights(settings.models_root, settings.vggish_weights, settings.vggish_sha256)
    return Ears(net, weights)


def is_sample_label(settings: Settings) -> bool:
    """Whether this home holds the demo's data."""
    return (settings.home / "sample_label").exists()
