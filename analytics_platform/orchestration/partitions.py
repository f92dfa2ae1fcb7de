"""Partitions: days of delivery, and batches of clips.

Docs: https://docs.dagster.io/guides/build/partitions-and-backfills
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dagster as dg

FIRST_DELIVERY = date(2015, 1, 1)
"""No feed of ours is older. Data sets without days count on the day that they are received."""

DELIVERY_DAYS = dg.DailyPartitionsDefinition(start_date=str(FIRST_DELIVERY), end_offset=1)
"""Ingest dates up to today."""

CLIP_BATCHES = dg.DynamicPartitionsDefinition(name="clip_batches")
"""A batch holds a few hundred clips, for good; the step that makes a batch adds its key."""

SOME_BATCHES = dg.BackfillPolicy.multi_run(max_partitions_per_run=4)
"""A catalogue of a million tracks is some thousands of batches; a run of few of them is soon repeated."""

ONE_AT_A_TIME = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
"""A net is trained in a run of its own: hours may be lost with a run, not days."""

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG, RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""What Dagster calls the first and last partition of a run that covers a range."""

ONE_RUN = dg.BackfillPolicy.single_run()
"""A year of days is one run, not 365."""


def run_days(context: dg.AssetExecutionContext) -> Sequence[date]:
    """The days that a run covers."""
    return [date.fromisoformat(key) for key in context.partition_keys]
