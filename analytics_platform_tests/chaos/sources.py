"""Runs jobs of the home that the environment names, with stand-ins in the place of the outside catalogues."""

from __future__ import annotations

import os
import sys

from analytics_platform.catalogue import deezer, itunes, spotify
from analytics_platform.catalogue.download import PREVIEW_HOSTS
from analytics_platform.orchestration.run import missing_batches, run_job
from analytics_platform.settings import Settings


def main(job: str, api_url: str, token_url: str, deezer_url: str, itunes_url: str, host: str) -> int:
    """Run the job ``catalogue``, or ``sound`` for all batches that are missing; 0 if it succeeded."""
    spotify.API_URL, spotify.TOKEN_URL, deezer.API, itunes.API = api_url, token_url, deezer_url, itunes_url
    assert isinstance(PREVIEW_HOSTS, dict)
    PREVIEW_HOSTS.update(dict.fromkeys(PREVIEW_HOSTS, (host,)))
    settings = Settings()
    batches = missing_batches(settings) if job == "sound" else None
    print("started", flush=True)
    if job == "sound" and batches is None:
        return 0
    result = run_job(settings, job, batches=batches)
    if result.error:
        print(result.error, file=sys.stderr)
    return 0 if result.succeeded else 1


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
