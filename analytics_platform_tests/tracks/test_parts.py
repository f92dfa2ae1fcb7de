"""Scales, heads and Keras's defaults."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from analytics_platform.modelling.training_plan import TrainingPlan, make_optimiser
from analytics_platform.tracks.families import Family, InputSize
from analytics_platform.tracks.nets.parts import (
    MinMax,
    Standard,
    initialise,
    mean_of_windows,
    outputs,
    task_loss,
)
from analytics_platform.tracks.tasks import Task
from analytics_platform_tests.tracks.inputs import CASE_NAMES, CASES, inputs_of


def test_ranges_are_those_of_all_batches() -> None:
    scale = MinMax(3).fit([torch.tensor([[0.0, 5.0, 7.0]]), torch.tensor([[10.0, 1.0, 7.0]]), torch.empty(0, 3)])
    found = scale(torch.tensor([[5.0, 3.0, 7.0], [20.0, -9.0, 8.0], [0.0, 1.0, 6.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    whole = MinMax().fit([torch.tensor([[-100.0, -20.0]])])
    torch.testing.assert_close(whole(torch.tensor([[-60.0, -20.0]])), torch.tensor([[0.5, 1.0]]))


@pytest.mark.parametrize("scale", [MinMax(2), Standard(2)])
@pytest.mark.parametrize(
    "batches",
    [[], [torch.empty(0, 2)], [torch.tensor([[1.0, math.nan]])], [torch.ones(2, 2), torch.tensor([[math.inf, 0.0]])]],
)
def test_scales_of_nothing_or_of_missing_values_are_refused(scale: nn.Module, batches: list[torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="not finite"):
        scale.fit(batches)


@pytest.mark.parametrize(("family", "task"), CASES, ids=CASE_NAMES)
def test_a_net_whose_scales_were_forgotten_says_nothing(family: Family, task: Task) -> None:
    size = InputSize(features=228 if "lyrics" in family.needs else 207, frames=64, dim=9)
    net = family.build(size, task)
    with torch.inference_mode():
        assert net(*inputs_of(family.input_kind, size)).isnan().all()


def test_mean_of_windows_by_hand() -> None:
    sequences = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [math.nan, 9.0]], [[5.0, 7.0], [8.0, 8.0], [8.0, 8.0]]])
    found = mean_of_windows(sequences, torch.tensor([2, 1]))
    torch.testing.assert_close(found, torch.tensor([[2.0, 4.0], [5.0, 7.0]]))


def test_losses_by_hand() -> None:
    raw = torch.tensor([0.0, math.log(3)])
    torch.testing.assert_close(outputs(raw, "binary"), torch.tensor([0.5, 0.75]))
    binary = task_loss(raw, torch.tensor([1, 0]), "binary").item()
    assert binary == pytest.approx((math.log(2) + math.log(4)) / 2)
    three = torch.tensor([[0.0, math.log(2), 0.0]])
    torch.testing.assert_close(outputs(three, "three-class"), torch.tensor([[0.25, 0.5, 0.25]]))
    assert task_loss(three, torch.tensor([1]), "three-class").item() == pytest.approx(math.log(2))


def test_adadelta_is_kerass() -> None:
    """Two steps by the formulas of Zeiler (2012) with a rate of 1, a decay of .95 and an epsilon of 1e-7."""
    net = nn.Linear(1, 1, bias=False)
    weight = net.weight
    nn.init.ones_(weight)
    plan = TrainingPlan(epochs=1, batch_size=1, learning_rate=1.0, optimiser="adadelta")
    optimizer = make_optimiser(net, plan)
    at, square, change = 1.0, 0.0, 0.0
    for gradient in (2.0, -0.5):
        weight.grad = torch.tensor([[gradient]])
        optimizer.step()
        square = 0.95 * square + 0.05 * gradient**2
        step = math.sqrt(change + 1e-7) / math.sqrt(square + 1e-7) * gradient
        change = 0.95 * change + 0.05 * step**2
        at -= step
        assert weight.item() == pytest.approx(at, rel=1e-6)


def test_recurrent_layers_start_as_in_keras() -> None:
    torch.manual_seed(0)
    gru = nn.GRU(128, 32)
    initialise(gru)
    recurrent = gru.weight_hh_l0
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(32), rtol=0, atol=1e-5)
    assert not gru.bias_ih_l0.any() and not gru.bias_hh_l0.any()
    limit = math.sqrt(6 / (128 + 96))
    assert 0.95 * limit < gru.weight_ih_l0.abs().max() <= limit
