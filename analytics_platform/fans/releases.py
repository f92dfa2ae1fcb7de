"""Releases of fan profiles: when new ones come into use, and when they are refused.

Segments would mean something else every morning if profiles followed the data. They are fitted,
released as a version and kept for a quarter; shares are estimated anew every day under the
released profiles. A release carries the identities of its segments from the one before: it is
refused if a matched profile has moved too far, unless a person accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.fan_profiles import (
    MAX_DRIFT,
    MIN_ARTISTS,
    PROFILE_BIAS,
    SHORT_WINDOW_BIAS,
    SHORT_WINDOW_DAYS,
    TOLERANCE,
    Candidate,
    FanProfiles,
    Progress,
    fit_fan_profiles,
    match_profiles,
    overall,
)
from analytics_platform.fans.mixture import CountArray, Mixture, fit_mixture
from analytics_platform.modelling.model_store import StoredModel

MODEL = "fan_profiles"
RELEASE_DAYS = 90
"""Days of data after which new profiles are due."""
DRIFT_ARTISTS = 2_000
"""Artists that the daily look at the drift is taken on."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What profiles are fitted to: a data set and a window, up to its last day."""

    data_set: str
    window_days: int
    window_end: date | None

    @property
    def name(self) -> str:
        """For people: ``label, 90 days``."""
        return f"{self.data_set}, {self.window_days} days" if self.window_days else self.data_set


@dataclass(frozen=True, slots=True)
class Proposal:
    """New profiles, and whether they may take the place of the released ones."""

    model: FanProfiles
    status: str
    """``released`` or ``refused``."""
    drift: float | None
    reason: str


def is_due(released_end: date | None, now: date | None) -> bool:
    """Whether a release whose data end on ``released_end`` is a quarter old, by the days of the data."""
    return released_end is not None and now is not None and (now - released_end).days >= RELEASE_DAYS


def propose(
    counts: CountArray,
    before: FanProfiles | None,
    window_days: int,
    *,
    accept_drift: bool = False,
    segments: int | None = None,
    progress: Progress | None = None,
) -> Proposal:
    """Fit new profiles and hold them against the released ones.

    Args:
        counts: histograms (A, E, L) of artists with enough listeners.
        before: the released profiles; None for a first release, which nothing can refuse.
        window_days: 0 if undated.
        accept_drift: release profiles that moved too far, or another number of segments.
        segments: so many, whatever the data support.
        progress: told in words what is being done.
    """
    bias = SHORT_WINDOW_BIAS if 0 < window_days < SHORT_WINDOW_DAYS else PROFILE_BIAS
    model = fit_fan_profiles(counts, segments=segments, profile_bias=bias, progress=progress)
    if before is None:
        return Proposal(model, "released", None, "first release")
    if before.mixture.segments != model.mixture.segments:
        reason = f"{model.mixture.segments} segments instead of {before.mixture.segments}"
        return Proposal(model, "released" if accept_drift else "refused", None, reason)
    weight = np.asarray(counts).sum(axis=(0, 2))
    order, distances = match_profiles(overall(model.mixture, weight), overall(before.mixture, weight))
    drift = float(distances.max())
    model = _in_order(model, np.argsort(order))
    if drift <= MAX_DRIFT:
        return Proposal(model, "released", drift, f"profiles moved by {drift:.3f}, at most {MAX_DRIFT} is allowed")
    reason = f"a profile moved by {drift:.3f} in total variation, more than {MAX_DRIFT}"
    return Proposal(model, "released" if accept_drift else "refused", drift, reason)


def drift_now(counts: CountArray, released: FanProfiles) -> float:
    """How far profiles fitted to today's histograms (A, E, L) lie from the released ones, 0 to 1."""
    data = np.asarray(counts)
    if released.mixture.segments == 1 or len(data) < MIN_ARTISTS:
        return 0.0
    data = data[:: max(len(data) // DRIFT_ARTISTS, 1)]
    weight = data.sum(axis=(0, 2))
    again = fit_mixture(data, released.mixture.segments, start=released.mixture, tolerance=TOLERANCE)
    return float(match_profiles(overall(again.mixture, weight), overall(released.mixture, weight))[1].max())


def version_name(subject: Subject, digest: str) -> str:
    """Names a version by what it was made from: data set, window and the hexadecimal digest of the data."""
    parts = [subject.data_set, f"{subject.window_days}d" if subject.window_days else "all"]
    return "-".join([*parts, *([f"{subject.window_end:%Y%m%d}"] if subject.window_end else []), digest[:8]])


def to_store(proposal: Proposal, subject: Subject) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and description for the model store."""
    model = proposal.model
    arrays = {
        "profiles": model.mixture.profiles,
        "arrivals": model.mixture.arrivals,
        "prior": model.mixture.prior,
        "share_error": model.share_error,
    }
    info: dict[str, Any] = {
        "data_set": subject.data_set,
        "window_days": subject.window_days,
        "window_end": subject.window_end.isoformat() if subject.window_end else None,
        "status": proposal.status,
        "drift": proposal.drift,
        "reason": proposal.reason,
        "candidates": [asdict(candidate) for candidate in model.candidates],
        "log_likelihood": model.log_likelihood,
        "iterations": model.iterations,
        "converged": model.converged,
        "artists": model.artists,
        "listeners": model.listeners,
    }
    return arrays, info


def from_store(stored: StoredModel) -> FanProfiles:
    """The model of a stored version."""
    arrays: Mapping[str, NDArray[Any]] = stored.arrays
    info = stored.info
    return FanProfiles(
        mixture=Mixture(arrays["profiles"], arrays["arrivals"], arrays["prior"]),
        share_error=arrays["share_error"],
        candidates=tuple(Candidate(**candidate) for candidate in info["candidates"]),
        log_likelihood=info["log_likelihood"],
        iterations=info["iterations"],
        converged=info["converged"],
        artists=info["artists"],
        listeners=info["listeners"],
    )


def _in_order(model: FanProfiles, order: NDArray[np.integer]) -> FanProfiles:
    """Segments in another order, by their identities in the release before."""
    mixture = model.mixture
    return replace(
        model,
        mixture=Mixture(mixture.profiles[order], mixture.arrivals[order], mixture.prior[order]),
        share_error=model.share_error[order],
    )
