"""How a step asks for a GPU: a pool, and the tags by which an executor on a cluster finds a worker that has one.

Docs: https://docs.dagster.io/deployment/execution/dask, https://docs.dagster.io/deployment/oss/deployment-options/kubernetes
"""

from __future__ import annotations

from typing import Any

GPU_POOL = "gpu"
"""One step at a time unless `dagster instance concurrency set gpu N` says that there are more GPUs."""

GPU_TAGS: dict[str, Any] = {
    "dagster-dask/resource_requirements": {"GPU": 1},
    "dagster-k8s/config": {"container_config": {"resources": {"limits": {"nvidia.com/gpu": "1"}}}},
}


def device() -> str:
    """The device of this process: ``cuda``, ``mps`` or ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
