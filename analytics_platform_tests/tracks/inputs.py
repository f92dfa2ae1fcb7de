"""Small inputs for every kind of net."""

from __future__ import annotations

import torch
from torch import Tensor

from analytics_platform.tracks.families import FAMILIES, Family, InputKind, InputSize
from analytics_platform.tracks.tasks import Task

SMALL = InputSize(frames=64, hop=1024, dim=9)
CASES = [(family, task) for family in FAMILIES.values() for task in family.tasks]
CASE_NAMES = [f"{family.name}-{task}" for family, task in CASES]


def spectrograms(tracks: int, frames: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Decibels (tracks, frames, 128), each louder in other bands, and a mask: the second track is shorter."""
    torch.manual_seed(seed)
    log_mel = -60 + 3 * torch.randn(tracks, frames, 128)
    for track in range(tracks):
        log_mel[track, :, 20 * track : 20 * track + 20] += 40
    mask = torch.ones(tracks, frames, dtype=torch.bool)
    mask[1:2, frames * 3 // 4 :] = False
    return log_mel, mask


def inputs_of(kind: InputKind, size: InputSize, tracks: int = 6, seed: int = 0) -> tuple[Tensor, ...]:
    """What ``forward`` takes."""
    log_mel, mask = spectrograms(tracks, size.frames, seed)
    features = torch.randn(tracks, size.features) * torch.logspace(-2, 3, size.features)
    embeddings, windows = torch.randn(tracks, 5, size.dim), torch.arange(tracks) % 5 + 1
    return {
        "log-mel": (log_mel, mask),
        "log-mel crops": (log_mel.unflatten(1, (2, -1)), mask.unflatten(1, (2, -1))),
        "features": (features,),
        "features and embeddings": (features, embeddings, windows),
        "embeddings": (embeddings, windows),
    }[kind]


def targets_of(task: Task, tracks: int = 6) -> Tensor:
    number = torch.arange(tracks)
    return {"binary": number % 2, "regression": 0.1 + 0.8 * (number % 2), "three-class": number % 3}[task]


def prepared(family: Family, task: Task, seed: int = 0) -> tuple[torch.nn.Module, tuple[Tensor, ...]]:
    """A net that has seen the ranges of its input, and that input; the published HitMusicNet takes 228 features."""
    size = SMALL if family.from_sound_alone or family.name == "lossnet" else InputSize(features=228)
    inputs = inputs_of(family.input_kind, size, seed=seed)
    torch.manual_seed(seed)
    net = family.build(size, task)
    net.fit_scales([inputs])
    if family.two_stages:
        net.fit_codes([inputs])
    return net, inputs
