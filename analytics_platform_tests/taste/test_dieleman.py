"""The net of the post of 2014: its sizes, its options, and that padding changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from analytics_platform.taste.nets import dieleman
from analytics_platform.taste.nets.dieleman import Dieleman
from analytics_platform.taste.stretching import FASTEST, SLOWEST, stretched_crops
from analytics_platform_tests.taste.sounds import write_clips


def net_of(seed: int = 0, **options: Any) -> Dieleman:
    torch.manual_seed(seed)
    net = Dieleman(**options)
    net.fit_scales([(torch.randn(8, 1, 110, 128), torch.ones(8, 1, 110, dtype=torch.bool))])
    return net.eval()


@pytest.fixture(scope="module")
def nets() -> dict[bool, Dieleman]:
    """With and without maxout units."""
    return {maxout: net_of(maxout=maxout) for maxout in (False, True)}


def test_it_has_the_sizes_of_the_figure(nets: dict[bool, Dieleman]) -> None:
    net = nets[False]
    # 128·4·256 + 256·4·256 + 256·4·512 + 512·4·512, 1536·2048 + 2048·2048 + 2048·40, and one offset a unit.
    weights = 1_966_080 + 7_340_032 + 81_920
    assert sum(weight.numel() for weight in net.parameters()) == weights + 256 + 256 + 512 + 512 + 2048 + 2048 + 40
    assert weights + 5_672 == 9_393_704

    steps: list[tuple[int, ...]] = []
    inputs: list[tuple[int, ...]] = []

    def note(layer: torch.nn.Module, given: tuple[torch.Tensor], out: torch.Tensor) -> None:
        inputs.append(tuple(given[0].shape))
        steps.append(tuple(out.shape))

    hooks = [layer.register_forward_hook(note) for layer in (*net.convolutions, *net.dense, net.output)]
    said = net(torch.randn(1, 1, 599, 128), torch.ones(1, 1, 599, dtype=torch.bool))
    for hook in hooks:
        hook.remove()
    assert said.shape == (1, 40)
    assert [shape[1:] for shape in inputs] == [(128, 599), (256, 149), (256, 73), (512, 35), (1536,), (2048,), (2048,)]
    assert [shape[1:] for shape in steps] == [(256, 596), (256, 146), (512, 70), (512, 32), (2048,), (2048,), (40,)]


def test_over_time_it_pools_mean_maximum_and_l2_norm() -> None:
    values = torch.rand(2, 512, 32)
    mean, high, square = dieleman.pooled(values, torch.tensor([32, 32])).chunk(3, dim=1)
    norm = 32**0.5 * square
    torch.testing.assert_close(mean, values.mean(2))
    torch.testing.assert_close(high, values.amax(2))
    torch.testing.assert_close(norm, torch.linalg.vector_norm(values, dim=2))


@pytest.mark.parametrize(("maxout", "frames"), [(False, 20), (False, 102), (False, 103), (True, 20), (True, 216)])
def test_padding_changes_nothing_and_short_clips_are_not_reshaped(
    nets: dict[bool, Dieleman], maxout: bool, frames: int
) -> None:
    net = nets[maxout]
    sound = torch.randn(1, 1, frames, 128)
    said = net(sound, torch.ones(1, 1, frames, dtype=torch.bool))
    assert torch.isfinite(said).all()
    padded = functional.pad(sound, (0, 0, 0, 300 - frames), value=50.0)
    mask = torch.arange(300).expand(1, 1, 300) < frames
    torch.testing.assert_close(net(padded, mask), said, rtol=1e-4, atol=1e-4)
    # The last frames are heard, as far as the strides of the pools reach.
    assert (
        net(torch.cat([sound[:, :, :-14], sound[:, :, -14:] + 9], 2), mask[:, :, :frames]) - said
    ).abs().max() > 1e-3


def test_of_several_crops_it_says_the_mean_of_those_with_sound(nets: dict[bool, Dieleman]) -> None:
    net = nets[False]
    crops = torch.randn(1, 3, 120, 128)
    mask = torch.ones(1, 3, 120, dtype=torch.bool)
    alone = [net(crops[:, [place]], mask[:, [place]]) for place in range(3)]
    torch.testing.assert_close(net(crops, mask), sum(alone) / 3, rtol=1e-4, atol=1e-5)
    mask[:, 2] = False
    torch.testing.assert_close(net(crops, mask), (alone[0] + alone[1]) / 2, rtol=1e-4, atol=1e-5)


def test_with_unit_output_every_prediction_has_norm_1() -> None:
    said = net_of(unit_output=True, outputs=7)(torch.randn(3, 2, 120, 128), torch.ones(3, 2, 120, dtype=torch.bool))
    torch.testing.assert_close(said.norm(dim=1), torch.ones(3))


def test_maxout_units_take_the_larger_of_two_pieces(nets: dict[bool, Dieleman]) -> None:
    """They are as many as the rectified ones, with twice the weights, and may be negative."""
    net = nets[True]
    rest = 2048 * 40 + 40
    plain = sum(weight.numel() for weight in nets[False].parameters())
    # The first layer of a maxout net takes the same input, and so do all others.
    assert sum(weight.numel() for weight in net.parameters()) == 2 * (plain - rest) + rest
    layers = net.activations(torch.randn(1, 1, 120, 128), torch.ones(1, 1, 120, dtype=torch.bool))
    assert [high.shape[1] for high, _ in layers.values()] == [256, 256, 512, 512, 2048, 2048]
    assert (layers["dense1"][0] < 0).any()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 1292), min_size=1, max_size=3), frames=st.integers(1, 646), seed=st.integers(0, 9)
)
def test_stretched_crops_keep_their_shape_and_hear_no_padding(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], frames: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("stretched")
    # Time itself as sound: a frame says when it was.
    clips = [np.repeat(np.arange(length)[:, None] / 100, 128, axis=1) for length in lengths]
    spectrograms = write_clips(folder, "ramps.npy", clips, padding=99)
    rows = np.arange(len(lengths))
    values, mask = stretched_crops(spectrograms, rows, frames, np.random.default_rng(seed))
    assert values.shape == (len(rows), 1, frames, 128) and values.dtype == np.float16
    assert mask.shape == (len(rows), 1, frames) and mask[:, 0, 0].all()
    for value, own, length in zip(values[:, 0, :, 0], mask[:, 0], lengths, strict=True):
        count = own.sum()
        assert own[:count].all() and not own[count:].any()
        assert (value[~own] == -100).all() and value[own].max() <= (length - 1) / 100 + 0.01
        if count > 20:
            # Between two frames of a crop lie 0.8 to 1.25 of the clip's, of two of the shard each.
            speed = (float(value[count - 1]) - float(value[0])) / (count - 1) * 50
            assert SLOWEST - 0.05 < speed < FASTEST + 0.05
        whole = -(-length // 2)
        assert count == frames or count >= (whole - 1) / FASTEST


def test_a_tiny_batch_is_learnt_by_heart() -> None:
    net = net_of(outputs=5).train()
    net.dropout.p = 0.0
    crops, mask = torch.randn(4, 1, 103, 128), torch.ones(4, 1, 103, dtype=torch.bool)
    factors = functional.normalize(torch.randn(4, 5), dim=1)
    optimiser = torch.optim.SGD(net.parameters(), 0.002, momentum=0.9, nesterov=True)
    for _ in range(20):
        optimiser.zero_grad()
        error = (net(crops, mask) - factors).square().sum(1).mean()
        error.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
    assert error.item() < 0.1
