"""The nets of the paper of 2013: windows, and the error that is weighted by confidence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from analytics_platform.modelling.feeding import Batch
from analytics_platform.taste.aims import Aims
from analytics_platform.taste.factors import Wmf
from analytics_platform.taste.families import FAMILIES
from analytics_platform.taste.net_inputs import judging_part, learning_part, taste_inputs, weighted_terms
from analytics_platform.taste.nets.vandenoord import VanDenOord, WordsMLP, squared_error, weighted_prediction_error
from analytics_platform.tracks.net_inputs import hear
from analytics_platform_tests.taste.sounds import Heard


def net_of(frames: int = 65, outputs: int = 6) -> VanDenOord:
    torch.manual_seed(0)
    net = VanDenOord(frames, outputs)
    values = torch.randn(4, frames, 128)
    net.fit_scales([(values, torch.ones(4, frames, dtype=torch.bool))])
    return net.eval()


def test_it_is_two_convolutions_and_two_dense_layers_on_three_seconds() -> None:
    net = net_of(130, 50)
    assert sum(weight.numel() for weight in net.parameters()) == (
        (128 * 4 * 128 + 128) + (128 * 4 * 256 + 256) + (256 * 7 * 512 + 512) + (512 * 50 + 50)
    )
    assert net(torch.randn(2, 130, 128), torch.ones(2, 130, dtype=torch.bool)).shape == (2, 50)
    assert sum(weight.numel() for weight in WordsMLP(300, 50).parameters()) == 301 * 1000 + 1001 * 50
    with pytest.raises(ValueError, match="too short"):
        VanDenOord(20, 5)


@pytest.mark.parametrize("frames", [1, 30, 64])
def test_what_follows_a_short_window_changes_nothing(frames: int) -> None:
    net = net_of()
    values = torch.randn(2, 65, 128)
    mask = torch.arange(65).expand(2, 65) < frames
    said = net(values, mask)
    torch.testing.assert_close(net(values.masked_fill(~mask[:, :, None], 77.0), mask), said, rtol=0, atol=1e-6)
    assert torch.isfinite(said).all()


@pytest.mark.parametrize("hop", [512, 1024])
def test_it_learns_from_random_windows_and_is_judged_by_all_that_follow_one_another(heard: Heard, hop: int) -> None:
    rows = np.arange(6)
    inputs = taste_inputs(heard.sound, rows, FAMILIES["convnet_mse"], hop)
    assert (inputs.frames, inputs.hop) == ({512: 130, 1024: 65}[hop], hop)
    learn = learning_part(inputs, heard.sound, rows, lambda some: {}, stretch=False)
    one, other = (learn.make(rows, np.random.default_rng(seed))["log_mel"] for seed in range(2))
    assert one.shape == (6, 1, inputs.frames, 128) and (one != other).any()
    # The longest clip is less than two windows long.
    judged = judging_part(inputs, heard.sound, rows, lambda some: {}).make(rows, np.random.default_rng(0))
    assert judged["log_mel"].shape == (6, 2, inputs.frames, 128)
    net = net_of(inputs.frames)
    batch: Batch = {name: torch.from_numpy(values) for name, values in judged.items()}
    windows = [net(batch["log_mel"][:, place], batch["mask"][:, place]) for place in range(2)]
    torch.testing.assert_close(hear(net, batch, inputs.kind), (windows[0] + windows[1]) / 2)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    listeners=st.integers(1, 12),
    tracks=st.integers(1, 8),
    dim=st.integers(1, 5),
    alpha=st.floats(0, 40),
    epsilon=st.sampled_from([1e-6, 0.5, 10]),
)
def test_the_weighted_prediction_error_is_the_plain_sum_over_all_listeners(
    seed: int, listeners: int, tracks: int, dim: int, alpha: float, epsilon: float
) -> None:
    rng = np.random.default_rng(seed)
    plays = rng.poisson(0.7, (listeners, tracks)) * rng.integers(1, 50, (listeners, tracks))
    people, said = rng.normal(size=(listeners, dim)), rng.normal(size=(tracks, dim))
    wmf = Wmf(alpha=alpha, epsilon=epsilon)
    sure = np.where(plays > 0, 1 + alpha * np.log(1 + plays / epsilon), 1)
    plain = (sure * ((plays > 0) - people @ said.T) ** 2).sum(axis=0)
    sparse = csr_array(plays.astype(np.float32))
    terms = weighted_terms(Aims(said.astype(np.float32), (), sparse, people.astype(np.float32), wmf))
    order = rng.permutation(tracks)
    named = {name: torch.from_numpy(values) for name, values in terms.of(order).items()}
    error = weighted_prediction_error(torch.from_numpy(said[order]).float(), **named)
    assert error.item() == pytest.approx(plain.mean(), rel=1e-3, abs=1e-2)
    nothing = weighted_prediction_error(torch.zeros(tracks, dim), **named)
    assert nothing.item() == pytest.approx(terms.sureness(order), rel=1e-5)


def test_stored_zeros_are_no_plays() -> None:
    plays = csr_array((np.array([0.0, 3.0], np.float32), ([0, 1], [0, 0])), shape=(2, 1))
    aims = Aims(np.ones((1, 2), np.float32), (), plays, np.eye(2, dtype=np.float32), Wmf(alpha=1, epsilon=1))
    assert weighted_terms(aims).of(np.array([0]))["constants"].item() == pytest.approx(1 + np.log(4))
    assert plays.nnz == 2, "the caller's plays were changed"


def test_a_tiny_batch_is_learnt_by_heart() -> None:
    net = net_of().train()
    values, mask = torch.randn(8, 65, 128), torch.ones(8, 65, dtype=torch.bool)
    factors = 100 + 7 * torch.randn(8, 6)
    net.output.fit(factors)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    errors = []
    for _ in range(40):
        optimiser.zero_grad()
        error = squared_error(net(values, mask), factors) / factors.var(0).sum()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[0] < 1.5, "it does not begin at the mean of the factors"
    assert errors[-1] < 0.01
