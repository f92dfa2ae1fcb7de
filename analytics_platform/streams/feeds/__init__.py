"""The feeds: one module each, a documented contract, nothing else."""

from __future__ import annotations

from analytics_platform.streams.contract import Resource
from analytics_platform.streams.feeds import apple, fuga, listenbrainz, play_counts, roster, spotify

RESOURCES: tuple[Resource, ...] = (
    *spotify.RESOURCES,
    *apple.RESOURCES,
    *fuga.RESOURCES,
    *roster.RESOURCES,
    *play_counts.RESOURCES,
    *listenbrainz.RESOURCES,
)

LABEL_VENDORS = ("spotify", "apple", "fuga")
"""Vendors of the label's own plays; the roster has none, every other vendor is an open data set of its own."""
