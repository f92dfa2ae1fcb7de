"""Bags of words: cepstra as elsewhere, words and components of the training part alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct

from analytics_platform.taste.bag_of_words import fit_bag, mfcc, restore_bag, words_for
from analytics_platform_tests.taste.sounds import TEST, TRAIN, VALIDATION, Heard, write_clips


def test_the_cepstrum_is_the_cosine_transform_and_its_slopes_are_those_of_straight_lines() -> None:
    rng = np.random.default_rng(0)
    log_mel = rng.normal(-50, 10, (30, 128))
    found = mfcc(log_mel)
    assert found.shape == (30, 39) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, :13], dct(log_mel, norm="ortho", axis=1)[:, :13], rtol=1e-3, atol=1e-2)
    rising = mfcc(np.arange(20)[:, None] * np.ones(128))
    np.testing.assert_allclose(rising[4:-4, 13], np.sqrt(128), rtol=1e-3)
    np.testing.assert_allclose(rising[4:-4, 26], 0, atol=1e-3)
    assert mfcc(log_mel[:1]).shape == (1, 39) and (mfcc(log_mel[:1])[:, 13:] == 0).all()


def test_shares_add_up_and_the_components_keep_95_percent_of_the_variance(heard: Heard) -> None:
    bag = fit_bag(heard.sound, TRAIN, seed=0)
    assert len(bag.words) == words_for(len(TRAIN)) == len(TRAIN) and words_for(10**6) == 4000
    shares = bag.shares(heard.sound, TRAIN)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    centred = shares - shares.mean(axis=0)
    vectors = bag.vectors(heard.sound, TRAIN)
    scale = (bag.components[0] ** 2).sum()
    assert 0.95 <= (vectors**2).sum() / scale / (centred**2).sum() <= 1
    without_last = (vectors[:, :-1] ** 2).sum() / scale / (centred**2).sum()
    assert without_last < 0.95
    assert (vectors**2).mean() == pytest.approx(1, rel=1e-3)


def test_the_same_seed_gives_the_same_words_and_stored_ones_are_the_same(heard: Heard) -> None:
    bag = fit_bag(heard.sound, TRAIN, seed=3)
    again = fit_bag(heard.sound, TRAIN, seed=3)
    np.testing.assert_array_equal(bag.words, again.words)
    np.testing.assert_array_equal(bag.vectors(heard.sound, TEST), again.vectors(heard.sound, TEST))
    np.testing.assert_array_equal(
        restore_bag(*bag.save_state()).vectors(heard.sound, TEST), bag.vectors(heard.sound, TEST)
    )
    assert (fit_bag(heard.sound, TRAIN, seed=4).words != bag.words).any()


def test_only_the_training_part_is_looked_at(heard: Heard, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    clips = [rng.normal(30, 40, (200, 128)) for _ in range(len(VALIDATION) + len(TEST))]
    wild = write_clips(tmp_path, "wild.npy", clips)
    own = heard.sound.spectrograms
    mixed = own.take(np.concatenate([TRAIN, VALIDATION, TEST]))
    rows = np.concatenate([VALIDATION, TEST])
    mixed._maps = [*own._maps, *wild._maps]
    mixed._shards[rows], mixed._shard_rows[rows] = len(own._maps), np.arange(len(rows))
    mixed.frames[rows] = wild.frames
    one, other = (fit_bag(sound, TRAIN, seed=0) for sound in (heard.sound, replace(heard.sound, spectrograms=mixed)))
    for name in ("centre", "scale", "words", "mean", "components"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.shares(replace(heard.sound, spectrograms=mixed), TEST) != one.shares(heard.sound, TEST)).any()


def test_padding_of_the_shard_is_not_heard(heard: Heard, tmp_path: Path) -> None:
    bag = fit_bag(heard.sound, TRAIN, seed=0)
    rng = np.random.default_rng(2)
    clips = [rng.normal(-50, 10, (length, 128)) for length in (1, 2, 50, 200)]
    rows = np.arange(4)
    said = [
        bag.shares(replace(heard.sound, spectrograms=write_clips(tmp_path, f"{padding}.npy", clips, padding)), rows)
        for padding in (-100, 60)
    ]
    np.testing.assert_array_equal(*said)


def test_without_spectrograms_there_are_no_words(heard: Heard) -> None:
    with pytest.raises(ValueError, match="the clips have none"):
        fit_bag(replace(heard.sound, spectrograms=None), TRAIN, seed=0)
