"""Run Dagster from our own command line, against the instance that the UI shows."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import yaml

from analytics_platform.orchestration.build import BY_BATCH, build_defs
from analytics_platform.orchestration.metadata import asset_key
from analytics_platform.orchestration.partitions import CLIP_BATCHES, PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from analytics_platform.settings import Settings

PROJECT_ROOT = Path(__file__).parents[2]


HOST_TAG, PROCESS_TAG = "analytics_platform/host", "analytics_platform/process"


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: its id, and the error of the step that failed, if one did."""

    run_id: str
    succeeded: bool
    error: str | None


def dagster_home(settings: Settings) -> Path:
    """Make ``DAGSTER_HOME`` for ``settings.home``: the project's ``dagster.yaml`` with that home's paths.

    For the default home it names the same folders as ``dagster dev`` from the repository root.
    """
    home = settings.dagster_storage
    home.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    if config["storage"].get("custom", {}).get("class") == "SqliteStorage":
        config["storage"]["custom"]["config"]["base_dir"] = str(home)
    config["local_artifact_storage"]["config"]["base_dir"] = str(home)
    config["compute_logs"]["config"]["base_dir"] = str(home / "compute_logs")
    target = home / "dagster.yaml"
    temporary = target.with_name(f".dagster.yaml.{os.getpid()}")
    temporary.write_text(yaml.safe_dump(config, sort_keys=False))
    temporary.replace(target)
    return home


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark our runs whose process is gone as failed and free their pool slots; returns their ids.

    The daemon does this for the runs that it started. A run from the command line that was killed
    would keep its slot, and the next one would wait for it without end.
    """
    unfinished = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED],
        tags={HOST_TAG: socket.gethostname()},
    )
    ended: list[str] = []
    for record in instance.get_run_records(unfinished):
        run = record.dagster_run
        if not _is_alive(int(run.tags[PROCESS_TAG])):
            instance.report_run_failed(run, "The process of the run was killed.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def missing_batches(settings: Settings) -> tuple[str, str] | None:
    """First and last batch of clips that no run has worked on yet, None if there is none."""
    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    with dg.DagsterInstance.get() as instance:
        known = instance.get_dynamic_partitions(str(CLIP_BATCHES.name))
        done = [instance.get_materialized_partitions(asset_key(table)) for table in BY_BATCH]
    missing = [batch for batch in known if not all(batch in batches for batches in done)]
    return (missing[0], missing[-1]) if missing else None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def run_job(
    settings: Settings,
    job: str,
    days: tuple[date, date] | None = None,
    *,
    batches: tuple[str, str] | None = None,
    changed_only: bool = False,
    partition: str | None = None,
    step_config: Mapping[str, Mapping[str, object]] | None = None,
    on_step: Callable[[str, int, int], None] | None = None,
) -> RunResult:
    """Run a job in this process, recorded in the instance of ``settings.home``.

    Args:
        settings: which home.
        job: name of the job.
        days: first and last day of delivery, for a job with daily assets.
        batches: first and last batch of clips, for the job `sound`.
        changed_only: passed to the ingestion.
        partition: the one that the run is of, for the jobs `nets` and `grid`.
        step_config: what steps are told, by step and name.
        on_step: told the name of each finished step, how many are done, and how many there are.
    """
    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    definitions = build_defs(settings)
    defined = definitions.resolve_job_def(job)
    first_and_last = days or batches
    tags = {RANGE_START_TAG: str(first_and_last[0]), RANGE_END_TAG: str(first_and_last[1])} if first_and_last else {}
    config: dict[str, object] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if partition is not None:
        tags[PARTITION_TAG] = partition
    told = dict(step_config or {})
    if days:
        told["ingest_deliveries"] = {"changed_only": changed_only}
    if told:
        config["ops"] = {step: {"config": dict(values)} for step, values in told.items()}
    steps = list(defined.graph.node_dict)
    done: set[str] = set()
    tags |= {HOST_TAG: socket.gethostname(), PROCESS_TAG: str(os.getpid())}
    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance)
        run_id = str(uuid4())

        def listen(entry: dg.EventLogEntry, _cursor: str) -> None:
            event = entry.dagster_event
            if on_step and event and event.is_step_success and event.step_key and event.step_key not in done:
                done.add(event.step_key)
                on_step(event.step_key, len(done), len(steps))

        if on_step:
            instance.watch_event_logs(run_id, None, listen)
        result = defined.execute_in_process(
            instance=instance, tags=tags, run_config=config, run_id=run_id, raise_on_error=False
        )
        failures = [event for event in result.all_events if event.is_step_failure]
        error = None
        if failures:
            failed = failures[0].step_failure_data.error
            cause = failed.cause if failed is not None and failed.cause is not None else failed
            error = f"{failures[0].step_key}: {cause.message.strip() if cause else 'failed'}"
        # What a blocking check says is for the reader; that it failed is only Dagster's summary.
        checks = [
            event.asset_check_evaluation_data
            for event in result.all_events
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]
        said = [
            f"{check.asset_key.to_user_string()}, check {check.check_name}: {check.description or 'failed'}"
            for check in checks
            if not check.passed and check.blocking
        ]
        if said:
            error = "\n".join(said)
        elif error is None and not result.success:
            error = "see the run in the UI (make dev)"
        return RunResult(result.run_id, result.success, error)
