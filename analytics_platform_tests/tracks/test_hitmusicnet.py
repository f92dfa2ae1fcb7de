"""HitMusicNet has the published widths, starts as in Keras, and its two parts are trained apart."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from analytics_platform.tracks.families import FAMILIES, InputSize
from analytics_platform.tracks.nets.hitmusicnet import PUBLISHED_FEATURES, Autoencoder, HitMusicNet, Network, code_size


def widths(net: nn.Module) -> list[int]:
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def count(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def test_the_published_net() -> None:
    net = HitMusicNet(PUBLISHED_FEATURES)
    assert widths(net.compressor.autoencoder) == [228, 114, 76, 45, 76, 114, 228]
    assert widths(net.network) == [45, 45, 22, 15, 1]
    # By hand: sums of (in + 1) · out.
    assert count(net.compressor.autoencoder) == 26_106 + 8_740 + 3_465 + 3_496 + 8_778 + 26_220
    assert count(net.network) == 2_070 + 1_012 + 345 + 16
    assert widths(HitMusicNet(PUBLISHED_FEATURES, task="three-class").network) == [45, 45, 22, 15, 3]


@pytest.mark.parametrize(
    ("compression", "published", "from_sound", "network"),
    [
        ("auto", 45, 41, [41, 41, 20, 14, 1]),
        ("high", 32, 29, [29, 29, 14, 10, 1]),
        ("small", 57, 51, [51, 51, 26, 17, 1]),
    ],
)
def test_sizes_of_codes(compression: str, published: int, from_sound: int, network: list[int]) -> None:
    assert code_size(228, compression) == published
    net = HitMusicNet(compression=compression)
    assert widths(net.compressor.autoencoder) == [207, 103, 69, from_sound, 69, 103, 207]
    assert widths(net.network) == network


def test_widths_are_rounded_to_the_nearest() -> None:
    assert widths(Network(32, "regression")) == [32, 32, 16, 11, 1]
    assert widths(Network(57, "regression")) == [57, 57, 28, 19, 1]


def test_dropout_follows_the_first_two_layers() -> None:
    kinds = [type(layer).__name__ for layer in Network(45, "regression").hidden]
    assert kinds == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear", "ReLU"]
    assert {layer.p for layer in Network(45, "regression").hidden if isinstance(layer, nn.Dropout)} == {0.25}


def test_autoencoders_answer_between_0_and_1() -> None:
    torch.manual_seed(0)
    out = Autoencoder(207, 41)(100 * torch.randn(20, 207))
    assert out.shape == (20, 207)
    assert ((out >= 0) & (out <= 1)).all()
    assert (Autoencoder(207, 41).encoder(torch.rand(20, 207)) >= 0).all()


@pytest.mark.parametrize(
    ("letter", "optimizer", "he"),
    [("a", "adadelta", False), ("b", "adam", False), ("c", "adadelta", True), ("d", "adam", True)],
)
def test_variants_differ_in_optimizer_and_start(letter: str, optimizer: str, he: bool) -> None:
    family = FAMILIES[f"hitmusicnet_auto_{letter}"]
    assert family.recipe.optimizer == optimizer
    torch.manual_seed(0)
    net = family.build(InputSize(features=2070), "regression")
    first = net.network.hidden[0].weight
    n = first.shape[0]
    assert n == 414
    # Glorot-uniform: deviation sqrt(1 / n) for n × n; He-normal: sqrt(2 / n), cut at two (widened) deviations.
    assert first.std().item() == pytest.approx(math.sqrt((2 if he else 1) / n), rel=0.02)
    limit = 2 * math.sqrt(2 / n) / 0.8796 if he else math.sqrt(3 / n)
    assert 0.95 * limit < first.abs().max() <= 1.001 * limit
    assert not net.network.hidden[0].bias.any()
    # The autoencoder and the last layer start alike in all.
    assert net.compressor.autoencoder.encoder[0].weight.abs().max() <= math.sqrt(6 / (2070 + 1035)) * 1.001
    assert net.network.last.weight.abs().max() <= math.sqrt(6 / (138 + 1)) * 1.001


def test_codes_are_scaled_by_the_training_part_and_rounded() -> None:
    torch.manual_seed(0)
    net = HitMusicNet(30).eval()
    train, other = torch.randn(50, 30) * 100, torch.randn(20, 30) * 300
    net.fit_scales([(train[:20],), (train[20:],)])
    net.fit_codes([(train[:20],), (train[20:],)])
    codes = net.compressor(train)
    alive = codes.amax(0) > 0
    assert alive.any()
    assert (codes.amax(0)[alive] == 1).all()
    assert (codes.amin(0) == 0).all()
    beyond = net.compressor(other)
    assert ((beyond >= 0) & (beyond <= 1)).all()
    torch.testing.assert_close((1000 * beyond).round() / 1000, beyond, rtol=0, atol=1e-6)
    assert not beyond.requires_grad
