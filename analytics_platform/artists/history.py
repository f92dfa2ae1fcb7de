"""Runs of the clustering: which one comes next, what its ids rest on, and what became of each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.clusters import Clusters
from analytics_platform.artists.identity import NO_CLUSTER, Identities, keep_ids
from analytics_platform.artists.tables import ARTIST_CLUSTER_HISTORY, CLUSTER_MEMBERS, RESOLUTIONS
from analytics_platform.fans.releases import Subject

if TYPE_CHECKING:
    import polars as pl

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class History:
    """All that is kept of earlier runs."""

    clusters: pl.DataFrame
    """Rows of marts.artist_cluster_history."""
    members: pl.DataFrame
    """Rows of artists.cluster_members."""

    def data_sets(self) -> set[str]:
        """Data sets that were clustered at any time."""
        return set(self.clusters["data_set"])

    def rows_of(self, data_set: str) -> dict[str, pl.DataFrame]:
        """The rows of a data set by table, for a run that clusters nothing."""
        import polars as pl

        mine = pl.col("data_set") == data_set
        return {
            ARTIST_CLUSTER_HISTORY.full_name: self.clusters.filter(mine),
            CLUSTER_MEMBERS.full_name: self.members.filter(mine),
        }


@dataclass(frozen=True, slots=True)
class Labelled:
    """The clusters of one resolution, with ids and names."""

    identities: Identities
    names: dict[int, str]
    """Name by id; clusters that are gone have the last name they had."""
    membership: dict[int, float]
    """Mean membership of the artists of a cluster, by id."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run on one data set. A run on plays that were clustered before is that run again."""

    number: int
    earlier: pl.DataFrame
    """Rows of marts.artist_cluster_history of runs before this one."""
    previous: pl.DataFrame
    """Rows of artists.cluster_members of the run before this one."""

    def _members(self, resolution: str) -> dict[str, int]:
        import polars as pl

        rows = self.previous.filter(pl.col("resolution") == resolution)
        return dict(rows.select("artist_id", "cluster_id").iter_rows())

    def start(self, ids: NDArray[np.str_]) -> Mapping[str, IntArray] | None:
        """Labels (A,) of the run before by resolution, -1 for none; None if this is the first."""
        if not len(self.previous):
            return None
        start: dict[str, IntArray] = {}
        for resolution in RESOLUTIONS:
            members = self._members(resolution)
            ours = np.array([members.get(artist, -1) for artist in ids.tolist()], dtype=np.int64)
            start[resolution] = np.where(ours >= 0, np.unique(ours, return_inverse=True)[1], -1)
        return start

    def identify(self, resolution: str, ids: NDArray[np.str_], clusters: Clusters, names: Sequence[str]) -> Labelled:
        """Ids that stay, for clusters with their names (C,)."""
        import polars as pl

        mine = self.earlier.filter(pl.col("resolution") == resolution)
        last = mine["cluster_id"].max() if len(mine) else 0
        next_id = (int(last) if isinstance(last, int) else 0) + 1
        label = clusters.label
        identities = keep_ids(ids.tolist(), label, self._members(resolution), next_id)
        shown: dict[int, str] = dict(mine.sort("run_no").select("cluster_id", "cluster_name").iter_rows())
        clustered = label >= 0
        pairs = zip(identities.cluster_id[clustered].tolist(), label[clustered].tolist(), strict=True)
        shown.update({int(identity): names[int(number)] for identity, number in pairs})
        means = {
            int(identity): float(clusters.membership[identities.cluster_id == identity].mean())
            for identity in np.unique(identities.cluster_id[clustered])
        }
        return Labelled(identities, shown, means)

    def history_rows(self, subject: Subject, labelled: Mapping[str, Labelled], version: str) -> pl.DataFrame:
        """Rows of marts.artist_cluster_history: those of earlier runs, then this one's."""
        import polars as pl

        new = [
            {
                "data_set": subject.data_set,
                "window_days": subject.window_days,
                "resolution": resolution,
                "run_no": self.number,
                "window_end": subject.window_end,
                "cluster_id": change.cluster_id,
                "cluster_name": found.names[change.cluster_id],
                "status": change.status,
                "parent_id": change.parent,
                "artists": 0 if change.status == "gone" else change.artists,
                "membership": found.membership.get(change.cluster_id),
                "overlap": change.jaccard,
                "churn": found.identities.churn,
                "model_version": version,
            }
            for resolution, found in labelled.items()
            for change in found.identities.changes
        ]
        return pl.concat([self.earlier, pl.DataFrame(new, schema=self.earlier.schema)])

    def member_rows(
        self, subject: Subject, labelled: Mapping[str, Labelled], ids: NDArray[np.str_], version: str
    ) -> pl.DataFrame:
        """Rows of artists.cluster_members: those of the run before, then this one's."""
        import polars as pl

        parts = [self.previous]
        for resolution, found in labelled.items():
            chosen = found.identities.cluster_id != NO_CLUSTER
            members = pl.DataFrame(
                {
                    "artist_id": pl.Series(ids[chosen], dtype=pl.String),
                    "cluster_id": found.identities.cluster_id[chosen].astype(np.int32),
                }
            ).with_columns(
                data_set=pl.lit(subject.data_set),
                resolution=pl.lit(resolution),
                run_no=pl.lit(self.number, dtype=pl.Int32),
                model_version=pl.lit(version),
            )
            parts.append(members.select(self.previous.columns).cast(self.previous.schema))
        return pl.concat(parts)


def next_run(history: History, data_set: str, version: str) -> Run:
    """The run that these plays are: the newest one again, if it had the same version, else one more."""
    import polars as pl

    rows = history.rows_of(data_set)
    clusters, members = rows[ARTIST_CLUSTER_HISTORY.full_name], rows[CLUSTER_MEMBERS.full_name]
    runs = dict(
        pl.concat([clusters.select("run_no", "model_version"), members.select("run_no", "model_version")])
        .unique()
        .sort("run_no")
        .iter_rows()
    )
    newest = max(runs, default=0)
    number = newest if runs.get(newest) == version else newest + 1
    before = pl.col("run_no") < number
    earlier = members.filter(before)
    return Run(number, clusters.filter(before), earlier.filter(pl.col("run_no") == pl.col("run_no").max()))
