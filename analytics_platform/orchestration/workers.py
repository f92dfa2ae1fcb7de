"""How a step asks for a GPU: a pool, and the tags by which an executor on a cluster finds a worker that has one.

Docs: https://docs.dagster.io/deployment/execution/dask, https://docs.dagster.io/deployment/oss/deployment-options/kubernetes
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

GPU_POOL = "gpu"
"""One step at a time unless `dagster instance concurrency set gpu N` says that there are more GPUs."""

DASK_TAG = "dagster-dask/resource_requirements"
"""What a step needs of a Dask worker: the key that dagster-dask documents; our executor for Dask reads it too."""

KUBERNETES_TAG = "dagster-k8s/config"

GPU_TAGS: dict[str, Any] = {
    DASK_TAG: {"GPU": 1},
    KUBERNETES_TAG: {"container_config": {"resources": {"limits": {"nvidia.com/gpu": "1"}}}},
}


def find_device() -> str:
    """The device of this machine: ``cuda``, ``mps`` or ``cpu``.

    Asked of a process of its own: a step that hands its nets to workers needs no torch, nor a GPU's context.
    """
    question = (
        "import torch; print('cuda' if torch.cuda.is_available() else 'mps' if torch.backends.mps.is_available() "
        "else 'cpu')"
    )
    return subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True).stdout.strip()
