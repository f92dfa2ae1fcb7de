"""Which executor runs the steps: a setting.

Docs: https://docs.dagster.io/guides/operate/run-executors
"""

from __future__ import annotations

from importlib.util import find_spec

import dagster as dg

from analytics_platform.settings import Settings


class MissingDaskError(RuntimeError):
    """The executor `dask` is asked for and Dask is not installed; the message says how to install it."""


def build_executor(settings: Settings) -> dg.ExecutorDefinition:
    """The executor that ``settings`` name.

    Raises:
        MissingDaskError: it is Dask, which is not installed.
    """
    if settings.executor == "in_process":
        return dg.in_process_executor
    if settings.executor == "multiprocess":
        return dg.multiprocess_executor
    if find_spec("distributed") is None:
        raise MissingDaskError(
            "ANALYTICS_EXECUTOR is dask, and Dask is not installed here. Install it with "
            "`pip install 'analytics-platform[dask]'`, or choose another executor (multiprocess)."
        )
    from analytics_platform.orchestration.dask_steps import dask_executor

    return dask_executor(settings.dask_address)
