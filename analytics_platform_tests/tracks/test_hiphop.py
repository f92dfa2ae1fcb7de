"""The nets of document 001 have the layers that its notebook shows, and Keras's arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from analytics_platform.tracks.nets.hiphop import CNN, CRNN, MLP, cnn1, cnn2, cnn3
from analytics_platform_tests.tracks.inputs import spectrograms

NETS: dict[str, Callable[[], nn.Module]] = {
    "mlp": MLP,
    "cnn1": cnn1,
    "cnn1_summary": lambda: cnn1(head_of="summary"),
    "cnn2": cnn2,
    "cnn3": cnn3,
    "crnn": CRNN,
}


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("mlp", 21_176_577),
        ("cnn1", 2_727_041),
        ("cnn1_summary", 2_718_849),
        ("cnn2", 2_831_137),
        ("cnn3", 2_839_329),
        ("crnn", 391_585),
    ],
)
def test_number_of_weights_is_the_published_one(name: str, weights: int) -> None:
    with torch.device("meta"):
        assert sum(weight.numel() for weight in NETS[name]().parameters()) == weights


def shapes_of(name: str) -> list[tuple[str, tuple[int, ...]]]:
    """Shapes of what the layers with weights, the pools and the flattening give for two full clips."""
    shapes: list[tuple[str, tuple[int, ...]]] = []

    def note(layer: nn.Module, _: object, out: Tensor | tuple[Tensor, Tensor]) -> None:
        shapes.append((type(layer).__name__, tuple((out[0] if isinstance(out, tuple) else out).shape[1:])))

    with torch.device("meta"):
        net = NETS[name]()
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.Linear, nn.GRU, nn.Flatten)):
                layer.register_forward_hook(note)
        net(torch.empty(2, 1292, 128), torch.ones(2, 1292, dtype=torch.bool))
    return shapes


def test_layers_of_the_perceptron() -> None:
    assert shapes_of("mlp") == [("Flatten", (165_376,)), ("Linear", (128,)), ("Linear", (64,)), ("Linear", (1,))]


@pytest.mark.parametrize(
    ("name", "filters", "dense"),
    [
        ("cnn1", (16, 32, 64, 128), (128, 64, 1)),
        ("cnn1_summary", (16, 32, 64, 128), (128, 1)),
        ("cnn2", (32, 64, 128, 128), (128, 1)),
        ("cnn3", (32, 64, 128, 128), (128, 64, 1)),
    ],
)
def test_layers_of_the_convolutional_nets(name: str, filters: tuple[int, ...], dense: tuple[int, ...]) -> None:
    sizes = [(128, 1292), (64, 323), (32, 80), (16, 40), (8, 20)]
    expected: list[tuple[str, tuple[int, ...]]] = []
    for count, before, after in zip(filters, sizes, sizes[1:], strict=False):
        expected += [("Conv2d", (count, *before)), ("MaxPool2d", (count, *after))]
    expected += [("Flatten", (20_480,)), *(("Linear", (units,)) for units in dense)]
    assert shapes_of(name) == expected


def test_layers_of_the_recurrent_net() -> None:
    assert shapes_of("crnn") == [
        ("Conv2d", (64, 128, 1292)),
        ("Conv2d", (128, 64, 646)),
        ("Conv2d", (128, 16, 323)),
        ("Conv2d", (128, 4, 161)),
        ("GRU", (80, 32)),
        ("GRU", (80, 32)),
        ("Linear", (1,)),
    ]


def test_dropout_is_where_the_notebook_has_it() -> None:
    def rates(net: nn.Module) -> list[float]:
        return [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout) and layer.p]

    assert [rates(net) for net in (MLP(64), cnn1(64), cnn1(64, "summary"), cnn2(64), cnn3(64))] == [
        [],
        [0.3, 0.3],
        [],
        [],
        [0.3, 0.3],
    ]
    torch.manual_seed(0)
    crnn, clips = CRNN(), spectrograms(1, 64)
    crnn.fit_scales([clips])
    # After the fourth convolution: a tenth is 0.
    assert 0.05 < (crnn.train().steps(*clips)[0] == 0).float().mean() < 0.16
    assert (crnn.eval().steps(*clips)[0] != 0).all()


def same_padded(image: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keras's ``same`` for one channel: what is missing is put after, if it is odd."""
    high, wide = kernel.shape
    padded = np.pad(image, (((high - 1) // 2, high // 2), ((wide - 1) // 2, wide // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return (windows * kernel).sum(axis=(2, 3))


def test_even_kernels_see_the_next_band_and_not_the_one_before() -> None:
    net = CNN(((1, (2, 3)),) * 4, (2,), 0, 64)
    image = np.random.default_rng(0).standard_normal((128, 64))
    pad, convolution = net.convolutions[0], net.convolutions[1]
    kernel = np.array([[0.5, 1, 2], [3, -1, 4]])
    with torch.no_grad():
        convolution.weight.copy_(torch.from_numpy(kernel)[None, None])
        found = convolution(pad(torch.from_numpy(image).float()[None, None]))[0, 0].numpy()
    np.testing.assert_allclose(found, same_padded(image, kernel), atol=1e-4)
    # The last band has nothing above it, the first has nothing missing.
    np.testing.assert_allclose(found[127, 10], kernel[0] @ image[127, 9:12], atol=1e-4)
    np.testing.assert_allclose(found[0, 10], (kernel * image[:2, 9:12]).sum(), atol=1e-4)


def test_recurrent_layers_follow_keras_with_reset_after() -> None:
    torch.manual_seed(0)
    gru = nn.GRU(128, 32, batch_first=True)
    given = np.random.default_rng(0).standard_normal((5, 128))
    # Keras keeps (input, 3 · units) kernels in the order update, reset, candidate, and two biases.
    order = np.r_[32:64, 0:32, 64:96]
    kernel, recurrent, bias, recurrent_bias = (
        weight.detach().double().numpy()[order].T
        for weight in (gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0)
    )
    state = np.zeros(32)
    for step in given:
        z_in, r_in, h_in = np.split(step @ kernel + bias, 3)
        z_rec, r_rec, h_rec = np.split(state @ recurrent + recurrent_bias, 3)
        update, reset = 1 / (1 + np.exp(-(z_in + z_rec))), 1 / (1 + np.exp(-(r_in + r_rec)))
        state = update * state + (1 - update) * np.tanh(h_in + reset * h_rec)
    with torch.no_grad():
        found = gru(torch.from_numpy(given).float()[None])[0][0, -1].numpy()
    np.testing.assert_allclose(found, state, atol=1e-5)


def test_pooling_before_the_rectifier_changes_nothing() -> None:
    torch.manual_seed(0)
    net = CRNN().eval()
    net.scale.fit([torch.tensor([-100.0, 0.0])])
    log_mel, mask = spectrograms(1, 48)
    values = net.image(log_mel, mask)
    for convolution, pool in zip(net.convolutions, net.pools, strict=True):
        values = torch.max_pool2d(torch.nn.functional.elu(convolution(values)), pool)
    torch.testing.assert_close(net.steps(log_mel, mask)[0], values[:, :, 0].transpose(1, 2))


def clip(frames: int, padding: int, fill: float, seed: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    sound = -60 + 15 * torch.randn(1, frames, 128, generator=rng)
    mask = torch.arange(frames + padding)[None] < frames
    return torch.cat((sound, torch.full((1, padding, 128), fill)), dim=1), mask


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(0, 40), st.sampled_from([-100.0, 0.0, 1e6, float("nan")]), st.integers(0, 2**31))
@example(15, 1, 1e6, 0)
@example(33, 31, 0.0, 0)
def test_the_recurrent_net_hears_a_padded_clip_as_if_it_were_not_padded(
    frames: int, padding: int, fill: float, seed: int
) -> None:
    torch.manual_seed(seed)
    net = CRNN().eval()
    net.scale.fit([torch.tensor([-100.0, 0.0])])
    with torch.inference_mode():
        for weight in net.parameters():
            if weight.dim() == 1:
                # With biases, padding leaves traces wherever it is not masked.
                weight.normal_()
        torch.testing.assert_close(net(*clip(frames, padding, fill, seed)), net(*clip(frames, 0, 0, seed)))


@pytest.mark.parametrize("name", ["mlp", "cnn1", "cnn2", "cnn3"])
def test_what_the_padding_holds_changes_nothing(name: str) -> None:
    torch.manual_seed(0)
    net = {"mlp": MLP, "cnn1": cnn1, "cnn2": cnn2, "cnn3": cnn3}[name](64).eval()
    net.scale.fit([torch.tensor([-100.0, 0.0])])
    with torch.inference_mode():
        silent, *others = (net(*clip(40, 24, fill, 0)) for fill in (-100.0, 0.0, 1e6, float("nan")))
        assert all(torch.equal(silent, other) for other in others)
        # The net does notice a frame of sound.
        assert not torch.equal(silent, net(*clip(64, 0, 0, 0)))


def test_another_length_is_refused_rather_than_reshaped() -> None:
    with pytest.raises(ValueError, match="hears 64 frames, not 60"):
        MLP(64)(*clip(60, 0, 0, 0))


def test_the_range_of_the_training_part_is_that_of_its_sound() -> None:
    log_mel, mask = spectrograms(2, 64)
    log_mel[~mask] = 1e6
    net = MLP(64)
    net.fit_scales([(log_mel[:1], mask[:1]), (log_mel[1:], mask[1:])])
    assert (net.scale.low, net.scale.high) == (log_mel[mask].min(), log_mel[mask].max())


def test_half_precision_decibels_are_taken_as_they_are_stored() -> None:
    torch.manual_seed(0)
    net, (log_mel, mask) = CRNN().eval(), spectrograms(2, 64)
    net.fit_scales([(log_mel.half(), mask)])
    with torch.inference_mode():
        torch.testing.assert_close(net(log_mel.half(), mask), net(log_mel, mask), rtol=1e-2, atol=1e-3)
