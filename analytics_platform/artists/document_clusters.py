"""The clusters of the document, as a baseline: log streams, truncated SVD, a Bayesian Gaussian mixture.

After the package ``artist_listener_models``: TruncatedSVD of the artists × listeners matrix of logarithms,
rows scaled to length 1, then scikit-learn's BayesianGaussianMixture with its defaults.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analytics_platform.artists.features import shape_of
from analytics_platform.artists.graph import Plays

COMPONENTS = 128
"""The document's 1,000 do it no good: on HetRec lastfm-2k the adjusted Rand index between all listeners
and a bootstrap falls from .42 to .32, and a fit takes 20 s, not 1."""
CLUSTERS = 10
MAX_ARTISTS = 3_000
"""The most heard are clustered, the others are in no cluster: the document had artists of 1,000 listeners only."""


def document_clusters(plays: Plays, *, components: int = COMPONENTS) -> NDArray[np.int64]:
    """Labels (A,) from 0 of the plays (L, A); -1 for artists beyond the 3,000 most heard.

    All are -1 where there are fewer than 10 artists or 2 listeners, which the mixture and the SVD need,
    or where nobody played anything twice.
    """
    return _fit(plays, components)[0]


def document_neighbours(
    plays: Plays, k: int = 10, *, components: int = COMPONENTS
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The document's similar artists of plays (L, A): rows (A, k), -1 for none, and similarities (A, k), 0 to 1.

    The nearest inside the artist's own cluster only, by cosine mapped to (cos + 1) / 2, as its code has it.
    """
    label, vectors = _fit(plays, components)
    rows = np.full((len(label), k), -1, dtype=np.int32)
    similarity = np.zeros((len(label), k))
    for cluster in range(int(label.max(initial=-1)) + 1):
        members = np.flatnonzero(label == cluster)
        cosine: NDArray[np.float64] = vectors[members] @ vectors[members].T
        np.fill_diagonal(cosine, -np.inf)
        best = np.argsort(-cosine, axis=1, kind="stable")[:, : min(k, len(members) - 1)]
        rows[members, : best.shape[1]] = members[best]
        nearness = np.asarray(np.take_along_axis(cosine, best, axis=1), dtype=np.float64)
        similarity[members, : best.shape[1]] = ((nearness + 1) / 2).clip(0, 1)
    return rows, similarity


def _fit(plays: Plays, components: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels (A,) and unit vectors (A, components); zeros for artists who are in no cluster."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture
    from sklearn.preprocessing import normalize

    _, every = shape_of(plays)
    label = np.full(every, -1, dtype=np.int64)
    heard = np.bincount(plays.indices, minlength=every)
    chosen = np.sort(np.argsort(-heard, kind="stable")[:MAX_ARTISTS])
    by_artist = plays[:, chosen].T.tocsr().astype(np.float64)
    artists, listeners = shape_of(by_artist)
    components = min(components, artists - 1, listeners - 1)
    # The document's logarithm: a single play becomes 0, as if it had not been. It did not meet that, with
    # 100 streams at least per listener and artist.
    by_artist.data = np.log(by_artist.data)
    vectors = np.zeros((every, max(components, 0)))
    if artists < CLUSTERS or components < 1 or not by_artist.data.any():
        return label, vectors
    # One thread: the matrices are small, and threads that wait for each other take half as long again.
    with threadpool_limits(1), warnings.catch_warnings():
        projected = TruncatedSVD(components, random_state=0).fit_transform(by_artist)
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = BayesianGaussianMixture(n_components=CLUSTERS, random_state=0)
        vectors[chosen] = np.asarray(normalize(projected), dtype=np.float64)
        label[chosen] = mixture.fit_predict(vectors[chosen])
    return label, vectors
