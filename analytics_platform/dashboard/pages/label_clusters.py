"""What became of the groups of artists who share listeners since the run before."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.look import percent, plain, plural
from analytics_platform.dashboard.pages.label_period import Period
from analytics_platform.dashboard.parts import empty, sentence, table
from analytics_platform.dashboard.reading import rows

CLUSTERS = """
select run_no, window_days, window_end, cluster_id, cluster_name, status, artists, membership, overlap, churn,
    model_version
from marts.artist_cluster_history
where data_set = $data and resolution = 'broad'
    and run_no = (
        select max(run_no) from marts.artist_cluster_history where data_set = $data and resolution = 'broad'
    )
order by artists desc, cluster_id
"""


def show_clusters(found: Period) -> str | None:
    """The clusters of the newest run; returns the version of the similar artists that they are made of."""
    st.subheader("Clusters of artists who share listeners")
    frame = rows(CLUSTERS, data=found.data)
    if frame.is_empty():
        empty("There are no clusters yet.", "all")
        return None
    sentence(_words(frame))
    number = st.column_config.NumberColumn
    table(
        frame.select("cluster_id", "cluster_name", "status", "artists", "membership", "overlap", "window_days"),
        ("label", "clusters", found.end),
        columns={
            "cluster_id": number("No.", help="Stays with the cluster from run to run and is never given twice."),
            "cluster_name": "Cluster",
            "status": st.column_config.TextColumn(
                "Since the run before",
                help="first: no run before; kept: half of its artists or more as before; gone: ended with this run.",
            ),
            "artists": number("Artists"),
            "membership": number(
                "Mean membership",
                format="percent",
                help="Below 60 % other listeners may give none such; – if gone.",
            ),
            "overlap": number(
                "Overlap with itself", format="percent", help="Jaccard, with the run before; – unless kept."
            ),
            "window_days": number("Window (days)"),
        },
        key="clusters",
    )
    return str(frame["model_version"][0])


def _words(frame: pl.DataFrame) -> str:
    here = frame.filter(pl.col("status") != "gone")
    first = frame.row(0, named=True)
    lead = f"{plural(here.height, 'cluster')} by the listeners of {first['window_days']} days. "
    if first["run_no"] == 1:
        return (
            f"{lead}This is the first run, so there is none to compare with yet: the next will say what is new or gone."
        )
    parts = [_listed(frame.filter(pl.col("status") == status).to_dicts(), status) for status in ("new", "gone")]
    churn = first["churn"]
    moved = "" if churn is None else f" {percent(churn)} of the artists changed their cluster or lost it."
    return f"{lead}Since the run before: {', '.join(parts)}.{moved}"


def _listed(clusters: list[dict[str, Any]], status: str) -> str:
    if not clusters:
        return f"none {status}"
    return f"{len(clusters)} {status} ({'; '.join(plain(cluster['cluster_name']) for cluster in clusters)})"
