"""The clusters of the document, as a baseline: log streams, truncated SVD, a Bayesian Gaussian mixture.

After the package ``artist_listener_models``: TruncatedSVD of the artists × listeners matrix of logarithms,
rows scaled to length 1, then scikit-learn's BayesianGaussianMixture with its defaults.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analytics_platform.artists.graph import Plays, shape

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
    from sklearn.decomposition import TruncatedSVD
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture
    from sklearn.preprocessing import normalize

    _, every = shape(plays)
    label = np.full(every, -1, dtype=np.int64)
    heard = np.bincount(plays.indices, minlength=every)
    chosen = np.sort(np.argsort(-heard, kind="stable")[:MAX_ARTISTS])
    by_artist = plays[:, chosen].T.tocsr().astype(np.float64)
    artists, listeners = shape(by_artist)
    components = min(components, artists - 1, listeners - 1)
    # The document's logarithm: a single play becomes 0, as if it had not been. It did not meet that, with
    # 100 streams at least per listener and artist.
    by_artist.data = np.log(by_artist.data)
    if artists < CLUSTERS or components < 1 or not by_artist.data.any():
        return label
    # One thread: the matrices are small, and threads that wait for each other take half as long again.
    with threadpool_limits(1), warnings.catch_warnings():
        projected = TruncatedSVD(components, random_state=0).fit_transform(by_artist)
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = BayesianGaussianMixture(n_components=CLUSTERS, random_state=0)
        label[chosen] = mixture.fit_predict(normalize(projected))
    return label
