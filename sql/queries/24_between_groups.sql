-- Artists between groups, and who comes next: the least sure of their cluster, with the clusters of their ten nearest.
with neighbours as (
    select
        nearest.data_set,
        nearest.artist_id,
        clusters.cluster_name,
        count(*) as neighbours
    from marts.similar_artists as nearest
    inner join marts.artist_clusters as clusters
        on nearest.data_set = clusters.data_set and nearest.similar_artist_id = clusters.artist_id
    where nearest.neighbour_rank <= 10 and clusters.resolution = 'broad' and clusters.cluster_id is not null
    group by nearest.data_set, nearest.artist_id, clusters.cluster_name
)

select
    clusters.data_set,
    clusters.artist_name,
    clusters.listeners,
    clusters.cluster_name,
    clusters.membership,
    clusters.is_between_groups,
    string_agg(
        neighbours.neighbours || ' in ' || neighbours.cluster_name,
        '; ' order by neighbours.neighbours desc, neighbours.cluster_name asc
    ) as nearest_ten
from marts.artist_clusters as clusters
left join neighbours on clusters.data_set = neighbours.data_set and clusters.artist_id = neighbours.artist_id
where clusters.resolution = 'broad' and clusters.cluster_id is not null
group by all
order by clusters.membership asc, clusters.listeners desc nulls last, clusters.artist_name asc
limit 20
