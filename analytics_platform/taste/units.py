"""What the units of a net hear: first-layer filters, and how much each unit answers to tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analytics_platform.modelling.splits import IntArray
from analytics_platform.taste.aims import FloatArray
from analytics_platform.taste.net_inputs import judging_part
from analytics_platform.taste.net_training import NetModel
from analytics_platform.taste.predictors import FittedTaste
from analytics_platform.tracks.families import FORWARD
from analytics_platform.tracks.sound import Sound


@dataclass(frozen=True, slots=True)
class Activations:
    """What the units of a layer say of some tracks (k), before dropout, in float32."""

    maximum: FloatArray
    """(k, units) over the time of all crops: what a unit met once (the post's first kind of playlist)."""
    mean: FloatArray
    """(k, units) over the same: what goes on all the time (its second kind)."""


def first_layer_filters(fitted: FittedTaste) -> FloatArray:
    """(filters, 128, frames) weights of the first convolution, on decibels scaled to deviation 1 in each band.

    Raises:
        ValueError: the family is not a net on spectrograms.
    """
    weight = _model(fitted).net.state_dict()["convolutions.0.weight"]
    return weight.cpu().numpy().copy()


def activations(fitted: FittedTaste, sound: Sound, rows: IntArray, layer: str) -> Activations:
    """What the units of a layer say of some tracks: ``conv1``, ``conv2`` …, ``dense1`` …; ReLU or maxout applied.

    Raises:
        ValueError: the net has no such layer, or does not tell of its layers.
    """
    import torch

    from analytics_platform.modelling.feeding import Loader

    model = _model(fitted)
    if fitted.family.architecture == "ours":
        raise ValueError(f"{fitted.family.name} does not tell of its layers: the nets of document 003 do")
    net: Any = model.net.to(model.plan.device).eval()
    part = judging_part(model.inputs, sound, rows, lambda some: {})
    found: list[tuple[Any, Any]] = []
    with (
        torch.inference_mode(),
        Loader(part, model.inputs.batch_size, model.plan.device, seed=0, shuffle=False, epochs=range(1)) as feed,
    ):
        for batch in feed.epoch():
            layers = net.activations(*(batch[name] for name in FORWARD[model.inputs.kind]))
            if layer not in layers:
                raise ValueError(f"{fitted.family.name} has no layer {layer!r}; it has {', '.join(layers)}")
            found.append(layers[layer])
    maximum, mean = (torch.cat(each).float().cpu().numpy() for each in zip(*found, strict=True))
    return Activations(maximum, mean)


def _model(fitted: FittedTaste) -> NetModel:
    if not isinstance(fitted.model, NetModel):
        raise ValueError(f"{fitted.family.name} is not a net on spectrograms: it has no units to look at")
    return fitted.model
