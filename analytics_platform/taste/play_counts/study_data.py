"""What a study of play counts is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics_platform.taste.play_counts.baselines import Evidence
from analytics_platform.taste.play_counts.grid import Hears
from analytics_platform.taste.play_counts.pieces import Pieces
from analytics_platform.taste.play_counts.selection import PlayCounts

FORMAT = "1"
"""Changes when the same data give other results."""


@dataclass(frozen=True, slots=True)
class CountStudy:
    """Plays of songs (S) by a few listeners, and what the songs sound like."""

    data_set: str
    counts: PlayCounts
    pieces: Mapping[Hears, Pieces] = field(default_factory=dict[Hears, Pieces])
    """Of the songs, as far as nets are to hear them."""
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def version(self) -> str:
        """The same songs, plays and numbers of pieces, the same version."""
        digest = hashlib.sha256(f"{FORMAT}|{self.data_set}".encode())
        digest.update("|".join(self.counts.songs.tolist()).encode() + self.counts.plays.tobytes())
        if self.pieces:
            # All inputs have the same pieces.
            digest.update(next(iter(self.pieces.values())).starts.tobytes())
        return f"play_counts-{digest.hexdigest()[:12]}"
