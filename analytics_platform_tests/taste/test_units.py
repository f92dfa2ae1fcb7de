"""What units hear: activations over time, the tracks that drive them, the genres they tell apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analytics_platform.taste.families import FAMILIES
from analytics_platform.taste.predictors import FittedTaste, fit_taste
from analytics_platform.taste.unit_genres import unit_genres
from analytics_platform.taste.units import activations, first_layer_filters
from analytics_platform_tests.taste.sounds import TEST, TRAIN, VALIDATION, Heard


@pytest.fixture(scope="module")
def fitted(heard: Heard, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FittedTaste]:
    def learn(name: str, epochs: int, train: np.ndarray) -> FittedTaste:
        return fit_taste(
            FAMILIES[name],
            heard.sound,
            heard.aims,
            train,
            VALIDATION,
            seed=0,
            device="cpu",
            epochs=epochs,
            folder=tmp_path_factory.mktemp("checkpoints"),
            say=lambda line: None,
        )

    return {
        "convnet_2014": learn("convnet_2014", 1, TRAIN[:16]),
        "convnet_mse": learn("convnet_mse", 4, TRAIN),
        "sound_linear": learn("sound_linear", 1, TRAIN),
        "sound_cosine": learn("sound_cosine", 1, TRAIN[:16]),
    }


def test_the_first_layer_hears_four_frames_of_128_bands(fitted: dict[str, FittedTaste]) -> None:
    filters = first_layer_filters(fitted["convnet_2014"])
    assert filters.shape == (256, 128, 4)
    weight = fitted["convnet_2014"].model.net.convolutions[0].weight
    np.testing.assert_array_equal(filters[7], weight[7].detach())
    assert first_layer_filters(fitted["convnet_mse"]).shape == (128, 128, 4)
    with pytest.raises(ValueError, match="no units to look at"):
        first_layer_filters(fitted["sound_linear"])


@pytest.mark.parametrize(
    ("name", "layer", "units"),
    [("convnet_2014", "conv4", 512), ("convnet_2014", "dense2", 2048), ("convnet_mse", "conv2", 256)],
)
def test_a_layer_has_a_maximum_and_a_mean_of_each_unit(
    fitted: dict[str, FittedTaste], heard: Heard, name: str, layer: str, units: int
) -> None:
    found = activations(fitted[name], heard.sound, TEST, layer)
    assert found.maximum.shape == found.mean.shape == (len(TEST), units)
    assert (found.maximum >= found.mean - 1e-5).all() and (found.mean >= 0).all() and (found.maximum > 0).any()
    with pytest.raises(ValueError, match="has no layer 'conv9'; it has conv1, conv2"):
        activations(fitted[name], heard.sound, TEST[:2], "conv9")
    with pytest.raises(ValueError, match="does not tell of its layers"):
        activations(fitted["sound_cosine"], heard.sound, TEST[:2], "conv1")


def test_activations_are_those_of_the_convolution_over_the_sound_alone(
    fitted: dict[str, FittedTaste], heard: Heard
) -> None:
    row = TEST[:1]
    net = fitted["convnet_2014"].model.net
    found = activations(fitted["convnet_2014"], heard.sound, row, "conv1")
    spectra = heard.sound.spectrograms.hop_1024(row)
    # No clip of these is longer than what the net hears at once, and all are longer than the least that it hears.
    sound = torch.from_numpy(spectra.values[0][spectra.mask[0]].astype(np.float32))
    if len(sound) < 103:
        sound = torch.cat([sound, net.scale.mean.expand(103 - len(sound), 128)])
    with torch.no_grad():
        out = net.convolutions[0](net.scale(sound).T[None]).relu()[0]
    np.testing.assert_allclose(found.maximum[0], out.amax(1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.mean[0], out.mean(1), rtol=1e-3, atol=1e-3)


def test_a_unit_of_a_trained_net_tells_a_planted_style_apart(fitted: dict[str, FittedTaste], heard: Heard) -> None:
    rows = np.concatenate([VALIDATION, TEST])
    styles = np.array(["folk", "metal", "techno"])[heard.styles[rows]]
    values = activations(fitted["convnet_mse"], heard.sound, rows, "dense1").mean
    found = unit_genres(values, styles, np.arange(len(rows)).astype(np.str_), "dense1", "v1")
    assert set(found.filter(found["auc"] > found["auc_by_chance"])["genre"]) == {"folk", "metal", "techno"}
    unit = found.filter(found["genre"] == "metal").sort("auc")["unit"][-1]
    assert (styles[np.argsort(-values[:, unit])[:4]] == "metal").mean() >= 0.75
