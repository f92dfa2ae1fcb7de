"""Steps that go wrong, for runs on a Dask cluster."""

import os
import signal
import time

import dagster as dg

from analytics_platform.orchestration.executors import build_executor
from analytics_platform.settings import Settings


@dg.asset(check_specs=[dg.AssetCheckSpec("plausible", asset="doubtful", blocking=True)])
def doubtful() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, check_name="plausible")])


@dg.asset(deps=[doubtful])
def after_doubtful() -> None:
    pass


@dg.asset
def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dg.asset(deps=[killed])
def after_killed() -> None:
    pass


@dg.asset
def endless() -> None:
    time.sleep(600)


@dg.definitions
def defs() -> dg.Definitions:
    wrong = ["doubtful", "after_doubtful", "killed", "after_killed"]
    return dg.Definitions(
        assets=[doubtful, after_doubtful, killed, after_killed, endless],
        jobs=[
            dg.define_asset_job("wrong", wrong),
            dg.define_asset_job("stuck", ["endless"]),
            dg.define_asset_job("stuck_too", ["endless"]),
        ],
        executor=build_executor(Settings()),
    )
