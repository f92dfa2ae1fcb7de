"""The sensor of unreleased tracks: a thin shell around ``score_decisions.decide``."""

import time
from collections.abc import Sequence
from typing import Any

import dagster as dg

from analytics_platform.orchestration.resources import Platform
from analytics_platform.settings import Settings
from analytics_platform.streams.decisions import RunState
from analytics_platform.tracks.score_decisions import Cursor, decide

RUN_KEY_TAG = "dagster/run_key"

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_unreleased_sensor(jobs: Sequence[Any], settings: Settings) -> dg.SensorDefinition:
    """A sensor that starts the jobs `score` and then `explain` when the folder or the model in use has changed."""

    @dg.sensor(
        name="unreleased",
        jobs=jobs,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Scores the tracks that are dropped into {settings.unreleased.name}/, then explains the scores.",
    )
    def unreleased_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from analytics_platform.tracks.scoring import released_version
        from analytics_platform.tracks.unreleased import list_unreleased

        # If the folder can't be listed this raises: the tick fails and the cursor stays.
        decision = decide(
            list_unreleased(settings.unreleased),
            released_version(Platform(settings).lake),
            Cursor.load(context.cursor),
            lambda key: _run_state(context.instance, key),
            is_busy=any(
                context.instance.get_runs_count(dg.RunsFilter(job_name=job.name, statuses=UNDER_WAY)) for job in jobs
            ),
            now=time.time(),
            quiet_s=settings.inbox_quiet_s,
        )
        if decision.job is None:
            return dg.SensorResult(skip_reason=decision.note, cursor=decision.cursor.dump())
        request = dg.RunRequest(run_key=decision.run_key, job_name=decision.job)
        return dg.SensorResult(run_requests=[request], cursor=decision.cursor.dump())

    return unreleased_sensor


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
