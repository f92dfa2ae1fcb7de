"""Sounds of the scored files, as the taste model hears them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analytics_platform.audio.embedding import Weights
from analytics_platform.audio.workers import Rejected
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.settings import Settings
from analytics_platform.taste.shipped import Taste
from analytics_platform.tracks.hearing import Ears, Heard, NewClip, hear_all, keep, kept, sound_of
from analytics_platform.tracks.score_tables import TRACK_SCORES
from analytics_platform.tracks.scoring import DEFAULT_NET
from analytics_platform.tracks.sound import Sound

Say = Callable[[str], None]


def ears_of(taste: Taste, settings: Settings) -> Ears:
    """What hears for a model: its pretrained net too, if it learnt from embeddings."""
    if not taste.needs_embeddings:
        return Ears()
    net = str(taste.info.get("embeddings") or DEFAULT_NET)
    return Ears(net, Weights(settings.models_root, settings.vggish_weights, settings.vggish_sha256))


def hear_scored(lake: Lake, settings: Settings, ears: Ears, say: Say) -> tuple[Sequence[str], Sound | None]:
    """The clips of all files that have a score, once each, and their sound; None without any.

    Scoring has kept what it heard of them; what is missing (another net) is heard now, and kept too.
    """
    known: dict[str, Heard] = {}
    new: dict[str, NewClip] = {}
    for file, clip_id, offset_s in (
        lake.read(TRACK_SCORES).select("file", "clip_id", "offset_s").sort("file").iter_rows()
    ):
        before = kept(settings.heard_root, clip_id, ears.net)
        if before is not None:
            known[clip_id] = before
        elif (path := settings.unreleased / file).exists():
            new[clip_id] = NewClip(clip_id, str(path), offset_s, ears.net)
    for clip, heard in hear_all(list(new.values()), ears, lake.threads):
        if isinstance(heard, Rejected):
            say(f"a clip can't be heard again: {heard.reason}")
            continue
        keep(settings.heard_root, heard)
        known[clip.clip_id] = heard
    ids = sorted(known)
    return ids, sound_of([known[clip] for clip in ids]) if ids else None
