"""Autoen-chorder: widths, what padding may not do, the weights of the loss, and the grid."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from analytics_platform.tracks import grid
from analytics_platform.tracks.nets.attempts import HitMusicNetVGGish, LossNet, RecurrentVariant, SingleAutoencoder
from analytics_platform.tracks.nets.autoenchorder import (
    AutoenChorder,
    FeedForward,
    SequenceAutoencoder,
    exponential_weights,
)
from analytics_platform.tracks.nets.parts import MinMax, task_loss


def widths(net: nn.Module) -> list[int]:
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


@pytest.mark.parametrize("layers", [7, 9, 12])
@pytest.mark.parametrize("dim", [128, 200])
def test_layers_of_the_final_model(layers: int, dim: int) -> None:
    net = AutoenChorder(dim=dim, layers=layers)
    assert widths(net.compressor.autoencoder) == [207, 103, 69, 20, 69, 103, 207]
    sequences = net.sequence_autoencoder
    assert widths(sequences.dense) == [dim, dim // 2, dim // 3, 20, dim // 3, dim // 2, dim]
    assert (sequences.reader.lstm.input_size, sequences.reader.lstm.hidden_size) == (dim, dim)
    assert (sequences.writer.input_size, sequences.writer.hidden_size) == (dim, dim)
    assert widths(net.network) == [40] * (layers - 2) + [20, 13, 1]
    assert len(widths(net.network)) - 1 == layers
    # Four matrices of D × D for the input and four for the state, with a bias each.
    lstm = 8 * (dim * dim + dim)
    assert sum(weight.numel() for weight in sequences.writer.parameters()) == lstm


def test_number_of_weights_with_vggish() -> None:
    features = 208 * 103 + 104 * 69 + 70 * 20 + 21 * 69 + 70 * 103 + 104 * 207
    sequences = 2 * 8 * (128 * 128 + 128) + 129 * 64 + 65 * 42 + 43 * 20 + 21 * 42 + 43 * 64 + 65 * 128
    network = 4 * 41 * 40 + 41 * 20 + 21 * 13 + 14
    assert sum(weight.numel() for weight in AutoenChorder().parameters()) == features + sequences + network


def test_all_dense_layers_start_xavier_uniform_with_biases_of_a_tenth() -> None:
    for layer in AutoenChorder().modules():
        if isinstance(layer, nn.Linear):
            assert (layer.bias == 0.1).all()
            limit = math.sqrt(6 / (layer.in_features + layer.out_features))
            # The largest of few numbers may be smaller.
            assert (0.5 if layer.out_features == 1 else 0.9) * limit < layer.weight.abs().max() <= limit * 1.001


def test_a_feed_forward_net_of_four_layers_is_hitmusicnets() -> None:
    assert widths(FeedForward(45, 4)) == [45, 45, 22, 15, 1]
    with pytest.raises(ValueError, match="at least 4"):
        FeedForward(45, 3)


def test_codes_of_both_branches_are_joined() -> None:
    torch.manual_seed(0)
    net = AutoenChorder(30, 12).eval()
    features, embeddings, windows = torch.randn(8, 30), torch.randn(8, 4, 12), torch.full((8,), 4)
    batches = [(features, embeddings, windows)]
    net.fit_scales(batches)
    net.fit_codes(batches)
    codes = net.codes(features, embeddings, windows)
    assert codes.shape == (8, 40)
    assert codes[:, :20].any() and codes[:, 20:].any()
    others = net.codes(features, embeddings.flip(0), windows)
    assert torch.equal(codes[:, :20], others[:, :20])
    assert not torch.equal(codes[:, 20:], others[:, 20:])


def test_layers_of_the_attempts() -> None:
    single = SingleAutoencoder()
    assert widths(single.compressor.autoencoder) == [335, 167, 111, 67, 111, 167, 335]
    assert widths(single.network) == [67, 67, 34, 22, 1]
    recurrent = RecurrentVariant()
    assert (recurrent.reader.lstm.input_size, recurrent.reader.lstm.hidden_size) == (128, 20)
    assert widths(recurrent.compressor.autoencoder)[3] == 41
    assert widths(recurrent.network) == [61, 61, 30, 20, 1]
    assert widths(HitMusicNetVGGish().network) == [169, 169, 84, 56, 1]
    assert widths(HitMusicNetVGGish(228).network)[0] == 45 + 128
    assert widths(LossNet().network) == [20, 20, 10, 7, 1]


NETS = {
    "final": lambda: AutoenChorder(7, 6),
    "single": lambda: SingleAutoencoder(14, 6),
    "recurrent": lambda: RecurrentVariant(20, 6),
    "vggish": lambda: HitMusicNetVGGish(20, 6),
    "lossnet": lambda: LossNet(6),
}


@pytest.mark.parametrize("name", NETS)
@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.integers(0, 5),
    st.sampled_from([0.0, -3.0, 1e6, float("nan")]),
    st.integers(0, 2**31),
)
def test_padding_changes_nothing(name: str, lengths: list[int], padding: int, fill: float, seed: int) -> None:
    torch.manual_seed(seed)
    net = NETS[name]().eval()
    features = torch.randn(len(lengths), {"final": 7, "single": 14}.get(name, 20))
    windows = torch.tensor(lengths)
    sequences = torch.full((len(lengths), max(lengths) + padding, 6), fill)
    for row, length in enumerate(lengths):
        sequences[row, :length] = torch.rand(length, 6)
    given = (sequences, windows) if name == "lossnet" else (features, sequences, windows)
    for scale in net.modules():
        if isinstance(scale, MinMax):
            # Not fitted to these few rows, whose codes would all become 0 or 1.
            scale.fit([torch.zeros_like(scale.low), torch.ones_like(scale.low)])
    with torch.no_grad():
        together = net(*given)
        for row, length in enumerate(lengths):
            one = (sequences[row : row + 1, :length], windows[row : row + 1])
            alone = net(*one) if name == "lossnet" else net(features[row : row + 1], *one)
            torch.testing.assert_close(together[row : row + 1], alone)
    if name == "final":
        ae, scaled = net.sequence_autoencoder, net.sequence_scale(sequences)
        loss = ae.reconstruction_loss(scaled, windows)
        loss.backward()
        assert all(weight.grad.isfinite().all() for weight in ae.parameters())
        squared = [
            (ae(scaled[row : row + 1, :length], windows[row : row + 1]) - scaled[row, :length]).square().sum()
            for row, length in enumerate(lengths)
        ]
        torch.testing.assert_close(loss, torch.stack(squared).sum() / (6 * sum(lengths)))


def test_the_order_of_windows_counts_for_the_lstm() -> None:
    torch.manual_seed(0)
    net, windows = SequenceAutoencoder(12).eval(), torch.tensor([5])
    sequences = torch.rand(1, 5, 12)
    assert not torch.equal(net.encode(sequences, windows), net.encode(sequences.flip(1), windows))


def test_weights_by_hand() -> None:
    targets = torch.tensor([0.36, 0.36 + 0.4, 0.36 - 0.4, 0.36 + 0.8])
    weights = exponential_weights(targets, mean=0.36, deviation=0.2, alpha=2.0, beta=2.0)
    torch.testing.assert_close(weights, torch.tensor([1.0, math.exp(0.5), math.exp(0.5), math.exp(2.0)]))
    torch.testing.assert_close(
        exponential_weights(torch.tensor([0.9]), mean=0.4, deviation=0.25, alpha=1.0, beta=4.0),
        torch.tensor([math.exp(1.0)]),
    )


def test_weights_multiply_the_squared_errors_before_the_mean() -> None:
    raw, targets = torch.tensor([0.0, math.log(3)]), torch.tensor([0.0, 1.0])
    # Said .5 and .75; squared errors .25 and .0625.
    assert task_loss(raw, targets, "regression").item() == pytest.approx((0.25 + 0.0625) / 2)
    weighted = task_loss(raw, targets, "regression", torch.tensor([1.0, 4.0]))
    assert weighted.item() == pytest.approx((0.25 + 4 * 0.0625) / 2)


def test_the_published_grid() -> None:
    every = list(grid.grid())
    assert len(every) == grid.SIZE == 17_280
    assert len(set(every)) == 17_280
    assert {c.mean for c in every} == {0.33, 0.34, 0.35, 0.37, 0.38, 0.40, 0.42, 0.45}
    assert {c.learning_rate for c in every} == {0.001, 0.0001, 0.0002, 0.02, 0.0005}
    assert {c.layers for c in every} == {7, 9, 12}
    assert all(grid.configuration(number) == found for number, found in enumerate(every))
    for number in (-1, 17_280):
        with pytest.raises(IndexError, match="0 to 17279"):
            grid.configuration(number)


def test_numbers_of_configurations_stay() -> None:
    """Partitions and results carry these numbers: another order would give them to others."""
    first = list(islice(grid.grid(), 4))
    assert first[0] == grid.Configuration(0.001, 0.0, 200, 0.33, 1.8, 1.8, 7)
    assert [c.layers for c in first] == [7, 9, 12, 7]
    assert first[3].beta == 2.0
    assert grid.configuration(17_279) == grid.Configuration(0.0005, 0.0002, 277, 0.45, 2.2, 2.2, 12)


def test_the_authors_choice_is_not_in_their_grid() -> None:
    best = grid.best_published(0.001, 7)
    assert (best.weight_decay, best.batch_size, best.mean, best.alpha, best.beta) == (0, 200, 0.36, 2.0, 2.0)
    assert best not in set(grid.grid())
