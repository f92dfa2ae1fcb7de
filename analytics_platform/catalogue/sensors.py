"""The catalogue sensor: new masters, and requests whose time has come."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg


def build_catalogue_sensor(job_name: str, masters: str, journal: Path) -> dg.SensorDefinition:
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
        from analytics_platform.catalogue.journal import Journal
        from analytics_platform.catalogue.masters import listing

        seen = hashlib.sha256(repr(sorted(listing(masters))).encode()).hexdigest()
        now = datetime.now(UTC)
        due = Journal(journal).next_due() if journal.exists() else None
        is_due = due is not None and due <= now
        # The first look at an empty folder is no news.
        changed = seen != (context.cursor or hashlib.sha256(b"[]").hexdigest())
        if not changed and not is_due:
            reason = "no new masters, nothing to ask"
            if due is not None:
                reason = f"no new masters; the next request is due at {due:%Y-%m-%d %H:%M} UTC"
            return dg.SensorResult(skip_reason=reason, cursor=seen)
        # One run for one state of the folder, and one for each moment at which requests came due.
        key = f"{seen[:16]}-{due.isoformat() if due is not None and is_due else ''}"
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)], cursor=seen)

    return catalogue_sensor
