"""The artist graph for other tools: GraphML (Gephi, igraph, Cytoscape), and CSV for ``neo4j-admin database import``.

Written beside the published file, from the published tables. Links with a weight that is withheld are left out: a
reader that knows no missing weight would take them for the strongest. So are artists with too few listeners.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import duckdb

if TYPE_CHECKING:
    import polars as pl

NODES = """
select
    broad.artist_id,
    broad.artist_name,
    broad.listeners,
    broad.cluster_id as broad_cluster,
    broad.cluster_name as broad_cluster_name,
    fine.cluster_id as fine_cluster,
    fine.cluster_name as fine_cluster_name,
    cast(broad.is_between_groups as integer) as is_between_groups,
    broad.map_x,
    broad.map_y
from marts.artist_clusters as broad
inner join marts.artist_clusters as fine
    on broad.data_set = fine.data_set and broad.artist_id = fine.artist_id and fine.resolution = 'fine'
where broad.resolution = 'broad' and broad.data_set = $data_set and broad.listeners is not null
order by broad.artist_id"""
EDGES = """
select artist_id, linked_artist_id, weight, shared_listeners
from marts.artist_links
where data_set = $data_set and weight is not null
order by artist_id, linked_artist_id"""

NEO4J = {
    "artists": """
select artist_id as "artistId:ID(Artist)", artist_name as "name", listeners as "listeners:long",
    is_between_groups as "isBetweenGroups:boolean", 'Artist' as ":LABEL"
from marts.artist_clusters
where resolution = 'broad' and listeners is not null and data_set = $data_set order by artist_id""",
    "clusters": """
select distinct resolution || ' ' || cluster_id as "clusterId:ID(Cluster)", cluster_name as "name",
    resolution as "resolution", 'Cluster' as ":LABEL"
from marts.artist_clusters where cluster_id is not null and data_set = $data_set order by 1""",
    "in_cluster": """
select artist_id as ":START_ID(Artist)", resolution || ' ' || cluster_id as ":END_ID(Cluster)",
    membership as "membership:double", 'IN' as ":TYPE"
from marts.artist_clusters where cluster_id is not null and data_set = $data_set order by 1, 2""",
    "shares_listeners": """
select artist_id as ":START_ID(Artist)", linked_artist_id as ":END_ID(Artist)", weight as "weight:double",
    shared_listeners as "sharedListeners:long", 'SHARES_LISTENERS' as ":TYPE"
from marts.artist_links where weight is not null and data_set = $data_set order by 1, 2""",
    "similar_to": """
select artist_id as ":START_ID(Artist)", similar_artist_id as ":END_ID(Artist)", score as "score:double",
    neighbour_rank as "rank:long", 'SIMILAR_TO' as ":TYPE"
from marts.similar_artists where neighbour_rank <= 10 and data_set = $data_set order by 1, 4""",
}
"""Files and their rows, under the headers that neo4j-admin reads: https://neo4j.com/docs/operations-manual/current/"""

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML file may have, in whatever notation."""


def export_graphs(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write ``artist_graph/<data set>/artists.graphml`` and ``neo4j/*.csv`` of every data set below ``folder``.

    Args:
        connection: with ``marts.artist_clusters`` and ``marts.artist_links``.
        folder: exists.
    """
    names = connection.execute("select distinct data_set from marts.artist_clusters order by 1").fetchall()
    for (name,) in names:
        target = folder / "artist_graph" / quote(name, safe="")
        (target / "neo4j").mkdir(parents=True)
        asked = {"data_set": name}
        write_graphml(
            connection.sql(NODES, params=asked).pl(),
            connection.sql(EDGES, params=asked).pl(),
            target / "artists.graphml",
        )
        for file, select in NEO4J.items():
            rows = connection.sql(select, params=asked)
            path = target / "neo4j" / f"{file}.csv"
            rows.write_csv(str(path), header=True, quotechar='"', escapechar='"')


def write_graphml(nodes: pl.DataFrame, edges: pl.DataFrame, path: Path) -> None:
    """Write an undirected graph; the first column of ``nodes`` and the first two of ``edges`` are ids.

    The other columns become attributes of their type; a null is left out. Links of artists who are
    no nodes are left out too. Control characters, which XML cannot have, become U+FFFD.
    """
    import networkx as nx

    graph: nx.Graph[str] = nx.Graph()
    for row in nodes.iter_rows(named=True):
        graph.add_node(_in_xml(row.pop(nodes.columns[0])), **_known(row))
    for row in edges.iter_rows(named=True):
        one, other = _in_xml(row.pop(edges.columns[0])), _in_xml(row.pop(edges.columns[1]))
        if one in graph and other in graph:
            graph.add_edge(one, other, **_known(row))
    nx.write_graphml_xml(graph, path)


def _known(row: dict[str, object]) -> dict[str, object]:
    return {name: _in_xml(v) if isinstance(v, str) else v for name, v in row.items() if v is not None}


def _in_xml(text: str) -> str:
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
