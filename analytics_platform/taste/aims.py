"""What sound is to predict: factors of tracks, and the plays that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.splits import IntArray
from analytics_platform.taste.factors import SOURCE, Wmf
from analytics_platform.taste.factors import unit as unit_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Aims:
    """What can be learnt of tracks (n, the rows of the sound)."""

    factors: FloatArray
    """(n, d) as the factorisation gave them, not scaled; a row of NaN where they are unknown."""
    further: tuple[FloatArray, ...] = ()
    """More sets of factors of the same tracks, (n, d₁), (n, d₂) …: from another factorisation."""
    plays: csr_array | None = None
    """(L, n) by listeners."""
    listeners: FloatArray | None = None
    """(L, d) their factors, of the same space as ``factors``. Nothing of them is stored."""
    wmf: Wmf = SOURCE
    """How the factors were made: by its law plays are weighed."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whether all factors of a track are known."""
        return np.logical_and.reduce([np.isfinite(each).all(axis=1) for each in (self.factors, *self.further)])

    @property
    def dim(self) -> int:
        """How many factors a track has."""
        return self.factors.shape[1]

    def targets(self, unit: bool, with_further: bool = False) -> FloatArray:
        """(n, d), or with all sets side by side (n, d + d₁ + …); ``unit``: each set of a track over its norm."""
        sets = (self.factors, *self.further) if with_further else (self.factors,)
        return np.concatenate([unit_of(each) if unit else each for each in sets], axis=1).astype(np.float32)

    def learnable(self, rows: IntArray) -> IntArray:
        """Those of the rows that have factors.

        Raises:
            ValueError: there are none.
        """
        found = rows[self.known[rows]]
        if not len(found):
            raise ValueError("no track of the part has factors: there is nothing to learn, or to judge by")
        return found
