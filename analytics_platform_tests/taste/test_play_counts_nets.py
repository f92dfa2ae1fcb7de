"""The nets have the published numbers of weights, learn, and hear no song on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from analytics_platform.taste.nets.play_counts import (
    PieceCoder,
    PlayCountNet,
    count_loss,
    keras_lstm,
    trained_weights,
)
from analytics_platform.taste.play_counts import training
from analytics_platform.taste.play_counts.pieces import PADDED, SOUND
from analytics_platform.taste.play_counts.targets import Scale, split_as_published, split_songs
from analytics_platform.taste.play_counts.training import How, fit_counts
from analytics_platform.taste.play_counts.variants import ONE_LAYER, TWO_LAYERS, VARIANTS, Variant
from analytics_platform_tests.taste.play_count_worlds import pieces_of, planted_study


def quiet(line: str) -> None:
    del line


@pytest.mark.parametrize(("variant", "weights"), [(ONE_LAYER, 44_507_701), (TWO_LAYERS, 44_588_101)])
def test_as_many_weights_as_keras_counts(variant: Variant, weights: int) -> None:
    with torch.device("meta"):
        assert trained_weights(PlayCountNet(PADDED, variant, scales=False)) == weights
        # 4 gates of 100 units on 256 numbers, the units before, and one bias; and the output.
        assert trained_weights(PlayCountNet(256, ONE_LAYER, scales=True)) == 400 * (256 + 100 + 1) + 101


def test_an_lstm_starts_as_in_keras_and_its_second_bias_stays_zero() -> None:
    layer = keras_lstm(8, 5)
    kernel, recurrent, bias, second = layer.parameters()
    assert kernel.abs().max() <= np.sqrt(6 / (8 + 20))
    np.testing.assert_allclose((recurrent.T @ recurrent).detach(), np.eye(5), atol=1e-5)
    assert bias.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10
    assert not second.any() and not second.requires_grad


def test_the_deep_net_is_the_documents() -> None:
    net = PlayCountNet(16, VARIANTS["lstm_deep"], scales=False)
    assert [layer.hidden_size for layer in net.lstm] == [100, 50, 25, 12]
    said = net(torch.randn(3, 4, 16))
    assert said.shape == (3,) and (said > 0).all() and (said < 1).all()


def test_raw_pieces_are_scaled_and_padded_by_the_net() -> None:
    net = PlayCountNet(PADDED, replace(ONE_LAYER, lstm=(2,)), scales=False).eval()
    stored = torch.from_numpy(np.random.default_rng(0).integers(-9_000, 9_000, (2, 3, SOUND)).astype(np.int16))
    padded = torch.zeros(2, 3, PADDED)
    padded[..., :SOUND] = stored / 32_767
    torch.testing.assert_close(net(stored), net(padded))


def test_losses_are_what_they_are_called() -> None:
    said, target = torch.tensor([0.0, 0.0]), torch.tensor([0.5, 3.0])
    found = [count_loss(said, target, name).item() for name in ("mse", "mae", "huber")]
    assert found == pytest.approx([(0.25 + 9) / 2, 1.75, (0.125 + 2.5) / 2])


def test_an_autoencoder_gives_back_what_fits_into_its_code() -> None:
    torch.manual_seed(0)
    pieces = torch.randn(200, 3) @ torch.randn(3, 12) + 5
    coder = PieceCoder(12, 8, scales=True)
    coder.scale.fit([pieces])
    optimiser = torch.optim.Adam(coder.parameters(), 1e-2)
    first = coder.reconstruction_loss(pieces).item()
    for _ in range(150):
        optimiser.zero_grad()
        loss = coder.reconstruction_loss(pieces)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1 < first


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_every_variant_learns_a_few_songs_by_heart(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Few pieces a step and no validation worth waiting for: what counts is that the loss of training goes.
    monkeypatch.setattr(training, "BATCH_SIZE", 8)
    plays = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    loud = (plays - 6.5) / 4
    # The deep net can say 0 to 1 only.
    scale = Scale(0.0, 12.0) if name == "lstm_deep" else Scale.fit(plays)
    variant = VARIANTS[name] if name != "lstm_1_averaged" else replace(VARIANTS[name], members=2)
    split = split_as_published(12, 0)
    fitted = fit_counts(pieces_of(loud, np.full(12, 4)), 2, variant, plays, scale, split, How(epochs=20), quiet)
    assert len(fitted.histories) == variant.members
    spread = scale.to_target(plays).std()
    floor = {"lstm_deep": 1.1, "lstm_2_mae": 0.8, "lstm_2_huber": 0.5}.get(name, 0.5)
    for history in fitted.histories:
        assert history.epochs[-1].train_loss < history.epochs[0].train_loss
        assert history.epochs[-1].train_loss < floor * spread**2
    learnt = split.train
    if name != "lstm_deep":
        assert np.corrcoef(fitted.predicted[learnt], plays[learnt])[0, 1] > 0.8


def test_raw_samples_train_too() -> None:
    loud = np.linspace(-1, 1, 10)
    pieces = pieces_of(loud, np.full(10, 1), "raw")
    variant = replace(ONE_LAYER, lstm=(2,))
    plays = np.arange(1, 11)
    fitted = fit_counts(pieces, 1, variant, plays, Scale.fit(plays), split_as_published(10, 0), How(epochs=2), quiet)
    assert fitted.weights == 4 * 2 * (PADDED + 2 + 1) + 3
    assert np.isfinite(fitted.predicted).all()


def test_songs_that_are_short_or_never_played_are_not_predicted() -> None:
    study = planted_study()
    plays, pieces = study.counts.plays[0], study.pieces["log-mel"]
    split = split_songs(len(plays), 3)
    fitted = fit_counts(pieces, 3, ONE_LAYER, plays, Scale.fit(plays[plays > 0]), split, How(epochs=1), quiet)
    np.testing.assert_array_equal(np.isfinite(fitted.predicted), (plays > 0) & (pieces.counts >= 3))
    with pytest.raises(ValueError, match="no song to learn from has 9 pieces"):
        fit_counts(pieces, 9, ONE_LAYER, plays, Scale.fit(plays), split, How(epochs=1), quiet)


@pytest.mark.parametrize("name", ["lstm_1", "lstm_2_coded"])
def test_what_validation_and_test_songs_sound_like_is_not_learnt(name: str) -> None:
    """Neither by the net nor by its scale or its autoencoder: all pieces of a song are on one side."""
    plays = np.arange(1, 31)
    split = split_songs(30, 0)
    loud = np.linspace(-1, 1, 30)
    wild = loud.copy()
    wild[np.concatenate([split.validation, split.test])] = 500
    said = [
        fit_counts(
            pieces_of(each, np.full(30, 3)), 2, VARIANTS[name], plays, Scale.fit(plays), split, How(epochs=1), quiet
        ).predicted
        for each in (loud, wild)
    ]
    np.testing.assert_allclose(said[0][split.train], said[1][split.train], rtol=1e-4)
    assert not np.allclose(said[0][split.validation], said[1][split.validation])
    with_others = plays.copy()
    with_others[split.test] = 1_000
    other = fit_counts(
        pieces_of(loud, np.full(30, 3)), 2, VARIANTS[name], with_others, Scale.fit(plays), split, How(epochs=1), quiet
    ).predicted
    np.testing.assert_array_equal(other, said[0])
