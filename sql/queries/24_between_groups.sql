-- Artists between groups: in their cluster in few bootstraps, so don't plan by it. Below: where their neighbours are.
with between_groups as (
    select data_set, resolution, artist_id, artist_name, listeners, cluster_name, membership
    from marts.artist_clusters
    where resolution = 'broad' and is_between_groups
),

neighbours as (
    select
        similar.data_set,
        similar.artist_id,
        clusters.cluster_name,
        count(*) as neighbours,
        row_number() over (
            partition by similar.data_set, similar.artist_id order by count(*) desc, clusters.cluster_name asc
        ) as place
    from marts.similar_artists as similar
    inner join marts.artist_clusters as clusters
        on
            similar.data_set = clusters.data_set
            and similar.similar_artist_id = clusters.artist_id
            and clusters.resolution = 'broad'
    where similar.neighbour_rank <= 10 and clusters.cluster_id is not null
    group by similar.data_set, similar.artist_id, clusters.cluster_name
)

select
    between_groups.data_set,
    between_groups.artist_name,
    between_groups.listeners,
    between_groups.cluster_name,
    between_groups.membership,
    string_agg(
        neighbours.neighbours || ' of its nearest in ' || neighbours.cluster_name, '; ' order by neighbours.place asc
    ) as nearest
from between_groups
left join neighbours
    on
        between_groups.data_set = neighbours.data_set
        and between_groups.artist_id = neighbours.artist_id
        and neighbours.place <= 2
group by all
order by between_groups.data_set asc, between_groups.listeners desc nulls last, between_groups.artist_name asc
limit 20
