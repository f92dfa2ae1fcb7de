"""The catalogue sensor: new masters, and requests whose time has come."""

import hashlib
import json
import time
from contextlib import suppress
from datetime import UTC, datetime

import dagster as dg

from analytics_platform.settings import Settings

LEAST_PAUSE_S = 300.0
"""Between two runs that only go on asking: one that fails at once must not be started every minute."""

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_catalogue_sensor(job_name: str, settings: Settings) -> dg.SensorDefinition:
    """A sensor that starts the job ``job_name`` when there is something to gather.

    A run that has used up a source's limit ends and says from when on it may be asked again;
    this sensor starts the next run then. So a catalogue of many days' budget is fetched by itself.
    """

    @dg.sensor(
        name="catalogue",
        job_name=job_name,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Gathers new masters, and what outside catalogues may be asked again.",
    )
    def catalogue_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from analytics_platform.catalogue.gathering import next_work_at
        from analytics_platform.catalogue.masters import listing

        cursor = json.loads(context.cursor or "{}")
        files = sorted(listing(settings.masters_root))
        seen = hashlib.sha256(repr(files).encode()).hexdigest()
        due_at = next_work_at(settings)
        # Not before that: what is due at once is due now.
        now = time.time()
        # The first look at an empty folder is no news.
        changed = seen != cursor.get("seen") and (bool(files) or "seen" in cursor)
        is_due = due_at is not None and max(due_at, cursor.get("started", 0.0) + LEAST_PAUSE_S) <= now
        under_way = dg.RunsFilter(job_name=job_name, statuses=UNDER_WAY)
        if not changed and not is_due:
            later = "" if due_at is None else f", the next at {datetime.fromtimestamp(due_at, UTC):%Y-%m-%d %H:%M} UTC"
            return dg.SensorResult(
                skip_reason=f"no new masters, nothing to ask{later}", cursor=json.dumps(cursor | {"seen": seen})
            )
        if changed and _written_since(files, now - settings.inbox_quiet_s):
            return dg.SensorResult(skip_reason="a master is still being written")
        if context.instance.get_runs_count(under_way):
            return dg.SensorResult(skip_reason="a run is under way")
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=json.dumps({"seen": seen, "started": now}))

    return catalogue_sensor


def _written_since(files: list[tuple[str, int, str | None]], moment: float) -> bool:
    """Whether a file was changed after that; where a store gives no times, files are there whole or not at all."""
    for _, _, changed in files:
        with suppress(TypeError, ValueError):
            if float(changed or "") > moment:
                return True
    return False
