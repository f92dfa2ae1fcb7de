"""Steps of a run on the workers of a Dask cluster, each in a process of its own.

Why not the executor of dagster-dask: it hands all steps of a run to Dask at once and goes on after a failure. What is
downstream of a failed step or of a blocking check then runs all the same, and pools are not looked at (seen with
dagster-dask 0.29.27). This one rests on ``StepDelegatingExecutor``, as Dagster's own for Docker and Kubernetes do:
the run decides which step may start, and Dask decides where. It reads the tag that dagster-dask documents.

Imported where Dask is asked for, and by Dask's workers.
Docs: https://distributed.dask.org/en/stable/resources.html
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from dagster._grpc.types import ExecuteStepArgs
from distributed import Client, Future, LocalCluster, get_worker

from analytics_platform.orchestration.workers import DASK_TAG

HEALTH_CHECK_S = 5
"""A step whose process ended without a word is given up at the second look."""

_processes: dict[str, subprocess.Popen[bytes]] = {}
"""On a worker: the processes of the steps that it runs, by the key of the Dask task."""


def run_step(task: str, serialized: str) -> int:
    """On a worker: run a step with this worker's Python and environment; returns the exit code of its process.

    The run's log gets the names of the worker and of its machine.
    """
    step = dg.deserialize_value(serialized, ExecuteStepArgs)
    (variable,) = step.get_command_env()
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "api", "execute_step"],
        env={**os.environ, variable["name"]: variable["value"]},
        stdin=subprocess.DEVNULL,
    )
    _processes[task] = process
    try:
        if step.instance_ref is not None and step.step_keys_to_execute:
            told = {"worker": str(get_worker().name), "host": socket.gethostname(), "pid": str(process.pid)}
            with dg.DagsterInstance.from_ref(step.instance_ref) as instance:
                instance.report_engine_event(
                    f"Runs on the Dask worker {told['worker']} of {told['host']}.",
                    instance.get_run_by_id(step.run_id),
                    EngineEventData(metadata={name: dg.MetadataValue.text(value) for name, value in told.items()}),
                    step_key=step.step_keys_to_execute[0],
                )
        return process.wait()
    except BaseException:
        process.terminate()
        raise
    finally:
        del _processes[task]


def stop_step(task: str) -> None:
    """On every worker: end the process of a step if this worker runs it."""
    process = _processes.get(task)
    if process is not None:
        process.terminate()


def required_resources(tags: dict[str, str]) -> dict[str, float]:
    """What a step needs of a worker, like ``{"GPU": 1}``, from its tags."""
    return json.loads(tags.get(DASK_TAG, "{}"))


class DaskSteps(StepHandler):
    """Starts, watches and ends the steps of one run on a cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: dict[str, Future[int]] = {}
        self._ended: set[str] = set()

    @property
    def name(self) -> str:
        """As in the run's log."""
        return "dask"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Give the step to Dask, which runs it on a worker that has what its tags ask for, as soon as one is free."""
        step, task = _step_and_task(step_handler_context)
        needed = required_resources(dict(step_handler_context.step_tags[step]))
        # The run's id is part of the key: Dask takes two tasks of one key for the same and runs the first only.
        # Serialized: Dask looks into arguments for tasks, and Dagster's don't let it.
        serialized = dg.serialize_value(step_handler_context.execute_step_args)
        self._tasks[task] = self._client.submit(run_step, task, serialized, key=task, resources=needed, pure=False)
        workers = self._client.scheduler_info()["workers"].values()
        fits = any(all(worker["resources"].get(name, 0) >= n for name, n in needed.items()) for worker in workers)
        wanted = " with " + ", ".join(f"{name}={n:g}" for name, n in needed.items()) if needed else ""
        yield dg.DagsterEvent.step_worker_starting(
            step_handler_context.get_step_context(step),
            "Given to Dask." if fits else f"Dask has no worker{wanted} now: the step waits for one.",
            metadata={"task": dg.MetadataValue.text(task)},
        )

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Find a step whose process or worker was lost."""
        _, task = _step_and_task(step_handler_context)
        future = self._tasks[task]
        if future.status == "pending":
            return CheckStepHealthResult.healthy()
        if task not in self._ended:
            # Its last events may be on their way to the run; they are here before the next look.
            self._ended.add(task)
            return CheckStepHealthResult.healthy()
        said = f"exit code {future.result()}" if future.status == "finished" else f"Dask's task is {future.status}"
        if future.status == "error":
            said += f": {future.exception()}"
        return CheckStepHealthResult.unhealthy(f"its process or its worker was lost ({said})")

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """End the step's process wherever it is, or take it out of the queue."""
        _, task = _step_and_task(step_handler_context)
        if task in self._tasks:
            self._tasks[task].cancel()
            self._client.run(stop_step, task)
        yield from ()


def _step_and_task(context: StepHandlerContext) -> tuple[str, str]:
    """The step's key, and the key of the Dask task of this attempt."""
    arguments = context.execute_step_args
    (step,) = list(arguments.step_keys_to_execute or [])
    attempt = arguments.known_state.get_retry_state().get_attempt_count(step) if arguments.known_state else 0
    return step, f"{step}-{arguments.run_id}-{attempt}"


@contextmanager
def connected(address: str | None) -> Generator[Client]:
    """A client of the scheduler at ``address``, or of a cluster of this machine's cores that lives as long as it."""
    if address is not None:
        with Client(address) as client:
            yield client
        return
    cluster = LocalCluster(
        n_workers=1,
        threads_per_worker=os.cpu_count() or 1,
        processes=False,  # each step has a process anyway, and no port is open to others
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        resources={"GPU": 1},
    )
    with cluster, Client(cluster) as client:
        yield client


class DaskExecutor(dg.Executor):
    """Runs steps on the cluster whose scheduler has this address."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    @property
    def retries(self) -> RetryMode:
        """The retry policies of the assets hold."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run all steps of a plan in their order."""
        with connected(self._address) as client:
            yield from StepDelegatingExecutor(
                DaskSteps(client),
                retries=self.retries,
                check_step_health_interval_seconds=HEALTH_CHECK_S,
                # Dask gives the task of a lost worker to another one; that process of the step may be alive.
                should_verify_step=True,
            ).execute(plan_context, execution_plan)


def dask_executor(address: str | None) -> dg.ExecutorDefinition:
    """The executor ``dask`` of a scheduler."""

    @dg.executor(name="dask", requirements=dg.multiple_process_executor_requirements())
    def dask(_context: dg.InitExecutorContext) -> dg.Executor:
        return DaskExecutor(address)

    return dask
