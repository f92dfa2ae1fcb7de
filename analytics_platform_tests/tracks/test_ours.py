"""Our net pools three ways over sound only; the ranking loss compares tracks of one group."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from analytics_platform.tracks.nets.ours import CROP_FRAMES, CropNet, pairwise_ranking_loss


def test_layers() -> None:
    shapes: list[tuple[int, ...]] = []
    with torch.device("meta"):
        net = CropNet()
        for layer in net.modules():
            if isinstance(layer, (nn.Conv1d, nn.Linear)):
                layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
        crops = torch.empty(4, 3, CROP_FRAMES, 128)
        assert net(crops, torch.ones(4, 3, CROP_FRAMES, dtype=torch.bool)).shape == (4,)
    assert shapes == [(64, 599), (64, 149), (128, 74), (128, 37), (128,), (1,)]
    convolutions = (128 * 5 + 1) * 64 + (64 * 3 + 1) * 64 + (64 * 3 + 1) * 128 + (128 * 3 + 1) * 128
    assert sum(weight.numel() for weight in net.parameters()) == convolutions + (384 + 1) * 128 + 129 == 176_769


def fitted(seed: int) -> CropNet:
    torch.manual_seed(seed)
    net = CropNet("three-class").eval()
    net.fit_scales([(-50 + 20 * torch.randn(2, 1, 40, 128), torch.ones(2, 1, 40, dtype=torch.bool))])
    with torch.no_grad():
        for weight in net.parameters():
            if weight.dim() == 1:
                weight.normal_()
    return net


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(0, 40), st.sampled_from([-100.0, 0.0, 1e6, float("nan")]), st.integers(0, 2**31))
@example(15, 1, 1e6, 0)
@example(17, 15, 0.0, 0)
def test_padding_changes_nothing(frames: int, padding: int, fill: float, seed: int) -> None:
    net = fitted(seed)
    sound = -50 + 20 * torch.randn(1, 1, frames, 128)
    padded = torch.cat((sound, torch.full((1, 1, padding, 128), fill)), dim=2)
    mask = (torch.arange(frames + padding) < frames)[None, None]
    with torch.inference_mode():
        torch.testing.assert_close(net(padded, mask), net(sound, mask[:, :, :frames]), rtol=1e-4, atol=1e-4)


def test_crops_are_averaged_and_empty_ones_left_out() -> None:
    net = fitted(0)
    crops, mask = -50 + 20 * torch.randn(2, 3, 50, 128), torch.ones(2, 3, 50, dtype=torch.bool)
    mask[1, 2] = False
    with torch.inference_mode():
        each = torch.stack([net(crops[:, i : i + 1], mask[:, i : i + 1]) for i in range(3)], dim=1)
        expected = torch.stack((each[0].mean(0), each[1, :2].mean(0)))
        torch.testing.assert_close(net(crops, mask), expected)
        assert not torch.allclose(each[0, 0], each[0, 1])


def test_pooling_is_mean_largest_and_root_mean_square() -> None:
    net = fitted(0)
    crop = -50 + 20 * torch.randn(1, 32, 128)
    with torch.inference_mode():
        values = net.scale(crop).transpose(1, 2)
        for convolution, pool in zip(net.convolutions, (4, 2, 2, 1), strict=True):
            values = torch.relu(convolution(values)).unflatten(2, (-1, pool)).amax(3)
        assert values.shape == (1, 128, 2)
        pooled = net.pooled(crop, torch.tensor([32]))
    expected = torch.cat((values.mean(2), values.amax(2), values.square().mean(2).sqrt()), dim=1)
    torch.testing.assert_close(pooled, expected, rtol=1e-4, atol=2e-3)


def test_bands_are_scaled_by_the_sound_of_the_training_part() -> None:
    torch.manual_seed(0)
    crops = -50 + torch.linspace(1, 20, 128) * torch.randn(6, 2, 40, 128)
    mask = torch.ones(6, 2, 40, dtype=torch.bool)
    mask[0, 1, 10:] = False
    crops[~mask] = 1e6
    net = CropNet()
    net.fit_scales([(crops[:2], mask[:2]), (crops[2:], mask[2:])])
    scaled = net.scale(crops[mask])
    torch.testing.assert_close(scaled.mean(0), torch.zeros(128), rtol=0, atol=1e-3)
    torch.testing.assert_close(scaled.std(0), torch.ones(128), rtol=0, atol=1e-2)


def test_ranking_loss_by_hand() -> None:
    raw = torch.tensor([0.0, math.log(3), 5.0, -7.0])
    targets, groups = torch.tensor([0.2, 0.9, 0.1, 0.8]), torch.tensor([1, 1, 2, 3])
    # One pair: the first two, in the right order by log 3: log(1 + 1/3).
    assert pairwise_ranking_loss(raw, targets, groups).item() == pytest.approx(math.log(4 / 3), rel=1e-5)
    # Turned round: log(1 + 3).
    assert pairwise_ranking_loss(raw, -targets, groups).item() == pytest.approx(math.log(4), rel=1e-5)
    # With the third in the group, two pairs that are 5 and 5 − log 3 wrong join; and no difference costs log 2.
    groups = torch.tensor([1, 1, 1, 3])
    wrong = [math.log(4 / 3), math.log1p(math.exp(5)), math.log1p(math.exp(5) / 3)]
    assert pairwise_ranking_loss(raw, targets, groups).item() == pytest.approx(sum(wrong) / 3, rel=1e-5)
    assert pairwise_ranking_loss(torch.zeros(4), targets, groups).item() == pytest.approx(math.log(2), rel=1e-5)


def test_without_pairs_the_ranking_loss_teaches_nothing() -> None:
    raw = torch.randn(4, requires_grad=True)
    for targets, groups in ((torch.rand(4), torch.arange(4)), (torch.ones(4), torch.zeros(4))):
        loss = pairwise_ranking_loss(raw, targets, groups)
        loss.backward()
        assert loss.item() == 0
        assert not raw.grad.any()


def test_what_differs_between_groups_does_not_count() -> None:
    torch.manual_seed(0)
    raw, targets, groups = torch.randn(30), torch.rand(30), torch.arange(30) % 4
    shifted = pairwise_ranking_loss(raw + 10 * groups, targets + groups, groups)
    torch.testing.assert_close(shifted, pairwise_ranking_loss(raw, targets, groups), rtol=1e-4, atol=1e-4)


def test_the_ranking_loss_orders_tracks() -> None:
    torch.manual_seed(0)
    targets, groups = torch.rand(12), torch.arange(12) % 2
    raw = torch.zeros(12, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        pairwise_ranking_loss(raw, targets, groups).backward()
        optimizer.step()
    for group in (0, 1):
        assert torch.equal(raw[groups == group].argsort(), targets[groups == group].argsort())
