"""The inbox sensor: a thin shell around ``decisions.decide``."""

import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from analytics_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from analytics_platform.streams.decisions import Cursor, RunState, decide
from analytics_platform.streams.deliveries import InboxFile, list_inbox

RUN_KEY_TAG = "dagster/run_key"


def build_inbox_sensor(job_name: str, inbox: Path, quiet_s: float) -> dg.SensorDefinition:
    """A sensor that starts the job ``job_name`` for what lies in ``inbox``."""

    @dg.sensor(
        name="inbox",
        job_name=job_name,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Ingests the vendors' files that are dropped into {inbox.name}/.",
    )
    def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # If the inbox can't be listed this raises: the tick fails and the cursor stays.
        files = list_inbox(inbox)
        decision = decide(
            files,
            Cursor.load(context.cursor),
            lambda key: _run_state(context.instance, key),
            lambda file: _hash(inbox, file),
            now=time.time(),
            quiet_s=quiet_s,
            today=datetime.now(UTC).date(),
        )
        for note in decision.notes:
            context.log.warning(note)
        requests = [
            dg.RunRequest(
                run_key=request.run_key,
                tags={RANGE_START_TAG: str(request.first), RANGE_END_TAG: str(request.last)},
                run_config={"ops": {"ingest_deliveries": {"config": {"changed_only": True}}}},
            )
            for request in decision.requests
        ]
        reason = "; ".join(decision.notes) or "the inbox is empty"
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else reason, cursor=decision.cursor.dump()
        )

    return inbox_sensor


def _run_state(instance: dg.DagsterInstance, run_key: str) -> RunState | None:
    records = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1)
    if not records:
        return None
    status = records[0].dagster_run.status
    if status == dg.DagsterRunStatus.SUCCESS:
        return RunState.SUCCEEDED
    if status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
        return RunState.FAILED
    return RunState.UNDER_WAY


def _hash(inbox: Path, file: InboxFile) -> str:
    with (inbox / file.name).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
