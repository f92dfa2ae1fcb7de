"""A cluster is called by what is typical of it, not by what is everywhere."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from analytics_platform.artists.names import cluster_names, typical_artists, typical_tags


def two_groups() -> tuple[sparse.csr_array, np.ndarray]:
    """Artists 0 to 3 and 4 to 6; 3 is linked most strongly of all, but to both groups alike."""
    dense = np.zeros((8, 8))
    for one, other, weight in [
        (0, 1, 0.5), (0, 2, 0.4), (1, 2, 0.1), (0, 3, 0.4), (1, 3, 0.4),
        (3, 4, 0.5), (3, 5, 0.5), (3, 6, 0.5), (4, 5, 0.3), (4, 6, 0.2),
    ]:  # fmt: skip
        dense[one, other] = dense[other, one] = weight
    return sparse.csr_array(dense), np.array([0, 0, 0, 0, 1, 1, 1, -1])


def test_who_is_linked_to_everybody_is_not_typical() -> None:
    graph, label = two_groups()
    assert typical_artists(graph, label) == [[0, 1, 2], [4, 5, 6]]


def test_names_without_tags_are_artists() -> None:
    graph, label = two_groups()
    assert cluster_names(graph, label, list("ABCDEFGH")) == ["A, B, C", "E, F, G"]


def tags_of(*rows: tuple[int, str, float]) -> pl.DataFrame:
    """These, in a catalogue of which everything else is just music."""
    everybody = [(artist, "music", 50.0) for artist in range(40)]
    return pl.DataFrame([*rows, *everybody], schema=["artist", "tag", "weight"], orient="row")


def test_tags_that_are_everywhere_or_of_one_artist_name_nothing() -> None:
    graph, label = two_groups()
    tags = tags_of(
        *[(artist, "indie rock", 50.0) for artist in range(4)],
        *[(artist, "techno", 80.0) for artist in (4, 5, 6)],
        *[(artist, "shoegaze", 20.0) for artist in (2, 3)],
        (6, "seen live in Ghent", 100.0),
    )
    wide = np.concatenate([label, np.full(32, -1)])
    assert typical_tags(wide, tags) == [["indie rock", "shoegaze"], ["techno"]]
    graph = sparse.block_diag([graph, sparse.csr_array((32, 32))], format="csr")
    names = [*"ABCDEFGH", *map(str, range(32))]
    assert cluster_names(graph, wide, names, tags) == ["indie rock, shoegaze: A, B, C", "techno: E, F, G"]


def test_a_tag_given_twice_is_still_of_one_artist() -> None:
    label = np.array([0] * 3 + [-1] * 37)
    tags = tags_of((0, "rare", 1.0), (0, "rare", 1.0), (1, "x", 9.0), (2, "x", 9.0))
    assert typical_tags(label, tags) == [["x"]]


def test_nothing_has_no_names() -> None:
    empty = pl.DataFrame(schema={"artist": pl.Int64, "tag": pl.String, "weight": pl.Float64})
    graph, label = two_groups()
    assert cluster_names(graph, label, list("ABCDEFGH"), empty) == ["A, B, C", "E, F, G"]
    assert cluster_names(sparse.csr_array((2, 2)), np.array([-1, -1]), ["A", "B"], empty) == []
